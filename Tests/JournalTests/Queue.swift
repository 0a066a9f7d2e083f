import Journal
import LiftModel

extension Journal {
    /// The pending rows of the only centre, by lane and row id, as they would be sent.
    func outbox(limit: Int) throws(JournalError) -> [OutboxRow] {
        var rows: [OutboxRow] = []
        for lane in Lane.allCases {
            rows += try pending(
                for: Recipient.theOnly.name, in: lane, after: .beforeFirst,
                limit: limit - rows.count)
        }
        return rows
    }
}
