import Contract
import DeliveryCore
import Journal
import LiftModel
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
        let now = MonotonicClock.now
        var outcome = ReceiptOutcome()
        // Also where the journal fails in between: what was done by then is done.
        defer { report(outcome, at: now) }
        try dispatch.apply(
            stored: stored, refused: refused.map { ($0.id, $0.reason) }, of: settings.centre,
            in: journal,
            recordFromMemory: { context.delivery.recordStored($0, by: settings.centre) },
            time: context.clock(), now: now, into: &outcome)
    }

    private func report(_ outcome: ReceiptOutcome, at now: MonotonicTime) {
        for (id, reason) in outcome.setAside {
            context.log.error(
                "\(settings.centre): event \(printable(id, upTo: 100)) is refused: \(reason)")
        }
        if let id = outcome.neverSent {
            context.log.warning(
                "\(settings.centre): a receipt for '\(printable(id, upTo: 100))', which is not in its queue; expected the \"id\" of an event as it was sent"
            )
        }
        context.update {
            $0.refused += outcome.setAside.count
            $0.receipts += outcome.delivered
            $0.unmatchedReceipts += outcome.unmatched
            if outcome.delivered > 0 { $0.lastReceipt = now }
        }
    }
}

extension RouteContext {
    /// The last row of the queue, for `Dispatch.startConnection`; nil, with a log line, where it
    /// cannot be read.
    func lastRowID(of journal: Journal, for centre: String) -> RowID? {
        do throws(JournalError) { return try journal.lastRowID() } catch {
            delivery.note(error)
            logDisk(error, "the queue of \(centre) is not read")
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
