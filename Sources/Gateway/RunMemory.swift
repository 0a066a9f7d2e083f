import Detection
import Elevator
import Journal
import Mosquitto
import Synchronization

/// What one run hands over to the next one in the same process, which has another journal.
struct RunMemory {
    /// The detector's, as a snapshot, and the rules that it was under.
    var state: [UInt8]
    var rules: RuleSet
    /// With the words in which they may have gone out already.
    var alerts: [(alert: Alert, body: [UInt8])]
    var events: [OwedEvent]
    /// The gateway's alerts about itself.
    var own: (brokerLost: SiteAlert, diskFailing: SiteAlert, selfTestFailed: SiteAlert)
    var refusedLifts: RefusedLifts
    var selfTest: SelfTest?
    var answeredWords: [(centre: String, id: String)]
    /// Orders that were followed, and whose files are still there.
    var followedOrders: [String]
    /// The time line goes on.
    var anchor: Int64
}

/// Ends the threads of one run.
final class Ending: Sendable {
    private let isOver = Atomic(false)
    var isSet: Bool { isOver.load(ordering: .relaxed) }
    func set() { isOver.store(true, ordering: .relaxed) }
}

extension TelemetryLoop {
    /// Leaves the broker, and says what the next run cannot find on a disk.
    func handOver() -> RunMemory {
        intake.stopListening(at: clock.now)
        collectAlerts()
        leaveBroker()
        var owed: [OwedEvent] = []
        do throws(JournalError) { owed = try journal.owedEvents(limit: Self.mostInMemory) } catch {
            log.error("\(error)")
        }
        if owed.count == Self.mostInMemory {
            log.critical("more is owed than can be taken along: the least urgent is lost")
        }
        return RunMemory(
            state: intake.detector.snapshot(), rules: intake.detector.rules, alerts: pendingAlerts,
            events: owed + pendingEvents, own: (brokerLost, diskFailing, selfTestFailed),
            refusedLifts: intake.refusedLifts, selfTest: selfTest,
            answeredWords: pendingWords, followedOrders: pendingOrders, anchor: clock.anchor)
    }

    func goOn(from memory: RunMemory) {
        wantsSnapshot = true
        (brokerLost, diskFailing, selfTestFailed) = memory.own
        intake.refusedLifts = memory.refusedLifts
        selfTest = memory.selfTest
        pendingWords = memory.answeredWords
        pendingOrders = memory.followedOrders
        pendingAlerts = memory.alerts + pendingAlerts
        counters.alerts += memory.alerts.count
        for event in memory.events { tell(event) }
    }

    /// What a journal owes that cannot be written goes out from memory.
    func tellOwed(of past: Journal, except memory: RunMemory?) {
        let known = Set((memory?.events ?? []).map(\.id))
        do throws(JournalError) {
            for event in try past.owedEvents(limit: Self.mostInMemory) where !known.contains(event.id) { tell(event) }
        } catch { log.error("what was owed before cannot be read: \(error)") }
    }
}
