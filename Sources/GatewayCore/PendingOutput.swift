import Contract
import Journal
import LiftModel
import Monitoring

/// What the next commit makes durable beside messages.
package struct PendingOutput {
    package static let mostInMemory = 10_000

    private(set) var alerts: [(alert: Alert, body: [UInt8])] = []
    /// Other events for the centres.
    private(set) var events: [OutboundEvent] = []
    /// Connection events and operator actions.
    var controls: [TimedControlEvent] = []
    /// Answered centre commands.
    var commands: [AnsweredCommand] = []
    /// Applied actions whose files stay in the inbox until a commit has taken them.
    var actionNames: [String] = []
    /// Answers to commands of one moment, which must have different ids.
    private var answers = (at: Instant(nanoseconds: 0), count: 0)
    /// The numbers of alerts and events that the routes were last given from memory.
    private var countsInMemory = (0, 0)

    /// Something waits that the centres receive.
    var isForCentres: Bool { !alerts.isEmpty || !events.isEmpty }
    var outboundEvents: [OutboundEvent] { alerts.map { OutboundEvent($0.alert, $0.body) } + events }

    /// The same with the kinds of alerts and the types of other events.
    var outboundKinds: [(kind: String, event: OutboundEvent)] {
        alerts.map { ($0.alert.kind, OutboundEvent($0.alert, $0.body)) }
            + events.map { ($0.type, $0) }
    }

    mutating func add(_ alert: Alert, _ body: [UInt8]) { alerts.append((alert, body)) }
    mutating func add(_ event: OutboundEvent) { events.append(event) }
    /// Alerts of an earlier run go first.
    mutating func prepend(_ earlier: [(alert: Alert, body: [UInt8])]) { alerts = earlier + alerts }

    /// - Returns: how many answers there were at this moment before.
    mutating func countAnswer(at time: Instant) -> Int {
        if injected(.givesAnswersOneID) { return 0 }
        answers = time == answers.at ? (time, answers.count + 1) : (time, 0)
        return answers.count
    }

    /// A commit has taken everything.
    mutating func noteCommitted() {
        controls.removeAll()
        actionNames.removeAll()
        guard isForCentres else { return }
        forgetEvents()
        commands.removeAll()
    }

    mutating func forgetEvents() {
        alerts.removeAll()
        events.removeAll()
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
