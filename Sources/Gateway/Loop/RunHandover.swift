import Contract
import GatewayCore
import Journal
import LiftModel
import Synchronization

/// The state that one run hands over to the next one in the same process, which uses another
/// journal.
struct RunHandover {
    var core: CoreHandover
    var selfTest: SelfTest?
    /// Durable actions whose files still exist.
    var actionsToRemove: [String]
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
        let state = core.handOver(undelivered, at: clock.moment, into: &effects)
        performEffects()
        leaveBroker()
        return RunHandover(
            core: state, selfTest: selfTests.running, actionsToRemove: actionsToRemove,
            anchor: clock.anchor, calendarOffset: clock.calendarOffset)
    }

    /// Enqueues the undelivered events of a journal that cannot be written, so that they are sent
    /// from memory.
    func enqueueUndelivered(of past: Journal, except handover: RunHandover?) {
        let known = Set((handover?.core.events ?? []).map(\.id))
        do throws(JournalError) {
            for event in try past.outboxEvents(limit: PendingOutput.mostInMemory)
            where !known.contains(event.id) {
                eventsInPastJournal.insert(event.id)
                handle(.event(event))
            }
        } catch { log.error("the undelivered events cannot be read: \(error)") }
    }
}
