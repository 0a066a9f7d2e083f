import Contract
import DeliveryCore
import Journal
import Logging
import Platform

/// Applies a centre's receipts and refusals, whatever the transport: stored events leave the queue,
/// refused ones become dead letters.
struct ReceiptHandler {
    let settings: RouteSettings
    let context: RouteContext
    let journal: Journal

    func apply(
        stored: [String], refused: [CentreAnswer.Refusal], _ dispatch: inout Dispatch
    ) throws(JournalError) {
        let delivery = context.delivery
        let now = MonotonicClock.nanoseconds
        var setAside = 0
        for refusal in refused {
            // A refusal of the site's state or of the heartbeat has no effect: no row is pending
            // for them.
            guard try journal.pendingRow(for: settings.centre, event: refusal.id) != nil else {
                dispatch.postpone([refusal.id], until: now + 30_000_000_000)
                continue
            }
            let reason = refusal.reason ?? "without a reason"
            context.log.error(
                "\(settings.centre): event \(printable(refusal.id, upTo: 100)) is refused: \(reason)"
            )
            try journal.setAside(
                refusal.id, refusedBy: settings.centre, because: reason, at: context.clock())
            dispatch.drop(refusal.id)
            setAside += 1
        }
        // A receipt for a copy from memory does not count for the journalled row, which has a
        // sequence number: the event is sent once more with it.
        let journalled = delivery.recordStored(stored, by: settings.centre).filter {
            !dispatch.isFromMemory($0)
        }
        for id in Set(stored).subtracting(journalled) { dispatch.drop(id) }
        let delivered =
            journalled.isEmpty ? 0 : try journal.receipt(journalled, from: settings.centre)
        let unmatched = try dispatch.recordReceipts(
            journalled, lastRowID: { () throws(JournalError) in try journal.lastRowID() }, now: now)
        // An event that was sent twice gets two receipts. A receipt for an event that was never
        // sent is a mistake of the centre.
        if delivered == 0, let first = unmatched.first {
            context.log.warning(
                "\(settings.centre): a receipt for '\(printable(first, upTo: 100))', which is not in its queue; expected the \"id\" of an event as it was sent"
            )
        }
        context.update {
            $0.refused += setAside
            $0.receipts += delivered
            $0.unmatchedReceipts += journalled.count - delivered
            if delivered > 0 { $0.lastReceipt = now }
        }
    }
}

extension RouteContext {
    /// The last row of the queue, for `Dispatch.startConnection`; nil, with a log line, where it
    /// cannot be read.
    func lastRowID(of journal: Journal, for centre: String) -> Int64? {
        do throws(JournalError) { return try journal.lastRowID() } catch {
            delivery.note(error)
            log.error("\(centre): \(error)")
            return nil
        }
    }

    /// Counts copies of events that were sent.
    func countSent(_ transmissions: [Dispatch.Transmission]) {
        guard !transmissions.isEmpty else { return }
        update {
            $0.sent += transmissions.count
            $0.resent += transmissions.count { $0.attempt > 1 }
        }
    }

    /// Counts and logs the mistakes in an answer; refused commands are answered. The route
    /// continues.
    func noteMistakes(in answer: CentreAnswer, of centre: String) {
        for problem in answer.problems { reject(problem, of: centre) }
        for command in answer.refusedCommands { refuse(command, of: centre) }
    }

    func reject(_ problem: String, of centre: String) {
        update { $0.unmatchedReceipts += 1 }
        log.warning(
            "\(centre): an answer that cannot be followed: \(printable(problem, upTo: 300))")
    }

    func refuse(_ command: RefusedCommand, of centre: String) {
        update { $0.unmatchedReceipts += 1 }
        let id = command.commandID.map { " with the word_id '\(printable($0, upTo: 100))'" } ?? ""
        let alert = command.alertID.map { " about alert '\(printable($0, upTo: 100))'" } ?? ""
        log.warning(
            "\(centre): a command\(id)\(alert) is refused: \(printable(command.problem, upTo: 300))"
        )
        delivery.refuse(command, of: centre)
    }
}
