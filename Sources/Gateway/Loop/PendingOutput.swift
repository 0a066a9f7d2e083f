import Contract
import Delivery
import Journal
import LiftModel
import Monitoring

/// What the next commit makes durable beside messages.
struct PendingOutput {
    static let mostInMemory = 10_000

    private(set) var alerts: [(alert: Alert, body: [UInt8])] = []
    /// Other events for the centres.
    private(set) var events: [OutboundEvent] = []
    /// Connection events and operator actions.
    var controls: [TimedControlEvent] = []
    /// Answered centre commands.
    var commands: [AnsweredCommand] = []
    /// Applied actions whose files stay in the inbox until a commit has taken them.
    var actionNames: [String] = []
    /// The numbers of alerts and events that the routes were last given from memory.
    private var countsInMemory = (0, 0)

    /// Something waits that the centres receive.
    var isForCentres: Bool { !alerts.isEmpty || !events.isEmpty }
    var outboundEvents: [OutboundEvent] { alerts.map { OutboundEvent($0.alert, $0.body) } + events }

    mutating func add(_ alert: Alert, _ body: [UInt8]) { alerts.append((alert, body)) }
    mutating func add(_ event: OutboundEvent) { events.append(event) }
    /// Alerts of an earlier run go first.
    mutating func prepend(_ earlier: [(alert: Alert, body: [UInt8])]) { alerts = earlier + alerts }

    /// A commit has taken everything. The files of actions are removed by their inbox.
    mutating func noteCommitted() {
        controls.removeAll()
        guard isForCentres else { return }
        alerts.removeAll()
        events.removeAll()
        commands.removeAll()
    }

    mutating func noteDiskIsWell() { countsInMemory = (0, 0) }

    /// The output that the routes send from memory; nil when they have it already.
    mutating func takeChangeForRoutes() -> [OutboundEvent]? {
        guard countsInMemory != (alerts.count, events.count) else { return nil }
        countsInMemory = (alerts.count, events.count)
        return outboundEvents
    }

    /// Limits the alerts of a long time without a disk: the oldest that are no entrapments are
    /// dropped.
    /// - Returns: how many there were too many.
    mutating func dropSurplus() -> Int {
        let tooMany = alerts.count - Self.mostInMemory
        guard tooMany > 0 else { return 0 }
        var surplus = tooMany
        alerts.removeAll {
            guard surplus > 0, $0.alert.lane != .entrapment else { return false }
            surplus -= 1
            return true
        }
        return tooMany
    }
}
