/// The id of an event's row in the outbox. It grows with each event that is enqueued.
public struct RowID: Hashable, Comparable, Sendable {
    let number: Int64

    init(_ number: Int64) { self.number = number }

    /// Before the first row: where a reading of the queue begins.
    public static let beforeFirst = RowID(0)

    public static func < (one: RowID, other: RowID) -> Bool { one.number < other.number }
}
