import Journal
import LiftModel
import Monitoring
import RuleLanguage
import Synchronization

/// The state that one run hands over to the next one in the same process, which uses another
/// journal.
struct RunHandover {
    /// A snapshot of the detector, and the rules that it was under.
    var state: [UInt8]
    var rules: RuleSet
    /// Alerts with the bodies that may have been sent already.
    var alerts: [(alert: Alert, body: [UInt8])]
    var events: [OutboundEvent]
    var siteAlerts: SiteAlerts
    var refusedLifts: RefusedLifts
    var selfTest: SelfTest?
    var answeredCommands: [AnsweredCommand]
    /// Applied actions whose files still exist.
    var appliedActionNames: [String]
    /// The gateway's time line and its calendar continue.
    var anchor: Int64
    var calendarOffset: Duration
}

/// Tells the threads of one run to end.
final class Ending: Sendable {
    private let isOver = Atomic(false)
    var isSet: Bool { isOver.load(ordering: .relaxed) }
    func set() { isOver.store(true, ordering: .relaxed) }
}

extension TelemetryLoop {
    /// Disconnects from the broker and returns the state that the next run cannot find on a disk.
    func handOver() -> RunHandover {
        intake.stopObserving(at: clock.now)
        collectAlerts()
        leaveBroker()
        var undelivered: [OutboundEvent] = []
        do throws(JournalError) {
            undelivered = try journal.outboxEvents(limit: PendingOutput.mostInMemory)
        } catch {
            log.error("\(error)")
        }
        if undelivered.count == PendingOutput.mostInMemory {
            log.critical(
                "more than \(PendingOutput.mostInMemory) events are undelivered: the less urgent ones are lost"
            )
        }
        return RunHandover(
            state: intake.detector.snapshot(), rules: intake.detector.rules, alerts: output.alerts,
            events: undelivered + output.events, siteAlerts: siteAlerts,
            refusedLifts: intake.refusedLifts, selfTest: selfTests.running,
            answeredCommands: output.commands, appliedActionNames: output.actionNames,
            anchor: clock.anchor,
            calendarOffset: clock.calendarOffset)
    }

    func resume(from handover: RunHandover) {
        schedule.requestSnapshot()
        siteAlerts = handover.siteAlerts
        intake.refusedLifts = handover.refusedLifts
        selfTests.running = handover.selfTest
        output.commands = handover.answeredCommands
        output.actionNames = handover.appliedActionNames
        output.prepend(handover.alerts)
        counters.alerts += handover.alerts.count
        for event in handover.events { enqueue(event) }
    }

    /// Enqueues the undelivered events of a journal that cannot be written, so that they are sent
    /// from memory.
    func enqueueUndelivered(of past: Journal, except handover: RunHandover?) {
        let known = Set((handover?.events ?? []).map(\.id))
        do throws(JournalError) {
            for event in try past.outboxEvents(limit: PendingOutput.mostInMemory)
            where !known.contains(event.id) {
                enqueue(event)
            }
        } catch { log.error("the undelivered events cannot be read: \(error)") }
    }
}
