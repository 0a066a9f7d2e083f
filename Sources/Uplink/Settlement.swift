import Journal
import Logging
import Mosquitto

/// What follows from a centre's answer, whatever the transport: stored events leave the queue, refused ones are set aside.
struct Settlement {
    let settings: RouteSettings
    let surroundings: RouteSurroundings
    let journal: Journal

    func settle(
        stored: [String], refused: [CentreAnswer.Refusal], _ dispatch: inout Dispatch
    ) throws(JournalError) {
        let board = surroundings.board
        let now = MonotonicClock.nanoseconds
        var setAside = 0
        for refusal in refused {
            // Nothing of the state and the heartbeat is owed, whatever is said of them.
            guard try journal.owed(to: settings.centre, event: refusal.id) != nil else {
                dispatch.postpone([refusal.id], until: now + 30_000_000_000)
                continue
            }
            let reason = refusal.reason ?? "without a reason"
            surroundings.log.error(
                "\(settings.centre): event \(printable(refusal.id, upTo: 100)) is refused: \(reason)")
            try journal.setAside(
                refusal.id, refusedBy: settings.centre, because: reason, at: surroundings.clock())
            dispatch.drop(refusal.id)
            setAside += 1
        }
        let journalled = board.noteStored(stored, by: settings.centre)
        for id in Set(stored).subtracting(journalled) { dispatch.drop(id) }
        let settled = journalled.isEmpty ? 0 : try journal.receipt(journalled, from: settings.centre)
        let strange = dispatch.settle(journalled, lastPlace: { (try? journal.lastPlace()) ?? 0 }, now: now)
        // A receipt for what was sent twice comes twice; for what was never sent, somebody is misjournalled.
        if settled == 0, let first = strange.first {
            surroundings.log.warning(
                "\(settings.centre): a receipt for '\(printable(first, upTo: 100))', which is not owed; expected the \"id\" of an event as it was sent"
            )
        }
        surroundings.update {
            $0.refused += setAside
            $0.receipts += settled
            $0.unmatchedReceipts += journalled.count - settled
            if settled > 0 { $0.lastReceipt = now }
        }
    }
}

extension RouteSurroundings {
    /// Something from the centre that cannot be followed: counted and said, never an end.
    func reject(_ problem: String) {
        update { $0.unmatchedReceipts += 1 }
        log.warning(
            "centre: an answer that cannot be read: \(printable(problem, upTo: 300)); expected {\"id\": …}, {\"ids\": […]}, {\"refused\": […]} or {\"words\": […]}"
        )
    }
}
