import Elevator
import Journal

extension Journal {
    /// What the only centre is owed, in the order in which lanes and places would have it sent.
    func outbox(limit: Int) throws(JournalError) -> [OutboxRow] {
        var rows: [OutboxRow] = []
        for lane in Lane.allCases {
            rows += try owed(to: Addressee.theOnly.name, in: lane, after: 0, limit: limit - rows.count)
        }
        return rows
    }
}
