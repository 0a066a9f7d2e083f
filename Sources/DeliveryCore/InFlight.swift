import Journal
import LiftModel

/// An event that a route has sent, until its receipt.
struct InFlight {
    /// nil where the event was sent from memory.
    var rowID: RowID?
    var lane: Lane
    /// When it is sent again; nil while the answer of its request is awaited.
    var dueAt: MonotonicTime?
    var attempts: Int
    var isIsolated = false

    func isDue(at now: MonotonicTime) -> Bool { dueAt.map { $0 <= now } ?? false }
}
