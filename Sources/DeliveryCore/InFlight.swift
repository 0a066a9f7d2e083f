import Journal
import LiftModel

/// An event that a route has sent, until its receipt.
struct InFlight {
    /// nil where the event was sent from memory.
    var rowID: RowID?
    var lane: Lane
    /// When it is sent again, in monotonic nanoseconds; nil while the answer of its request is
    /// awaited.
    var dueAt: Int64?
    var attempts: Int
    var isIsolated = false

    func isDue(at now: Int64) -> Bool { dueAt.map { $0 <= now } ?? false }
}
