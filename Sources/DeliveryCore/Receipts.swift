import Journal
import LiftModel

/// What a centre's receipts and refusals have changed.
package struct ReceiptOutcome {
    /// Events that the centre has refused for good, with its reasons; they are dead letters now.
    package var setAside: [(id: String, reason: String)] = []
    /// Events that have left the queue.
    package var delivered = 0
    /// Receipts for events that are not in the queue.
    package var unmatched = 0
    /// An event that was never sent: a mistake of the centre.
    package var neverSent: String?

    package init() {}
}

extension Dispatch {
    /// Applies a centre's receipts and refusals, whatever the transport: stored events leave the
    /// queue, refused ones become dead letters.
    /// - Parameters:
    ///   - refused: ids with the centre's reasons.
    ///   - recordFromMemory: notes receipts for events in memory, and returns the other ids.
    ///   - time: on the gateway's time line.
    ///   - outcome: has what was done also where this throws.
    package mutating func apply(
        stored: [String], refused: [(id: String, reason: String?)], of centre: String,
        in journal: Journal, recordFromMemory: ([String]) -> [String], time: Instant,
        now: MonotonicTime,
        into outcome: inout ReceiptOutcome
    ) throws(JournalError) {
        for (id, reason) in refused {
            // A refusal of the site's state or of the heartbeat has no effect: no row is pending
            // for them.
            guard try journal.pendingRow(for: centre, event: id) != nil else {
                postpone([id], until: now + Self.unknownRefusalPause)
                continue
            }
            let reason = reason ?? "without a reason"
            try journal.setAside(id, refusedBy: centre, because: reason, at: time)
            drop(id)
            outcome.setAside.append((id, reason))
        }
        // A receipt for a copy from memory does not count for the journalled row, which has a
        // sequence number: the event is sent once more with it.
        let journalled = recordFromMemory(stored).filter { !isFromMemory($0) }
        for id in Set(stored).subtracting(journalled) { drop(id) }
        if !journalled.isEmpty {
            do throws(JournalError) {
                outcome.delivered = try journal.receipt(journalled, from: centre)
            } catch {
                if !injected(.recordsReceiptsThatTheDiskRefuses) { throw error }
            }
        }
        let unmatched = try recordReceipts(
            journalled, lastRowID: { () throws(JournalError) in try journal.lastRowID() }, now: now)
        // An event that was sent twice gets two receipts.
        if outcome.delivered == 0 { outcome.neverSent = unmatched.first }
        outcome.unmatched = journalled.count - outcome.delivered
    }

    private static var unknownRefusalPause: Duration { .seconds(30) }
}
