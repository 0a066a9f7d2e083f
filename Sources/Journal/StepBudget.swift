import CSQLite

/// Limits the work that SQLite does to read a file from an untrusted source.
///
/// The pages of a hostile file can be linked so that reading them never ends. A sound file takes a
/// few steps of SQLite's virtual machine a byte; the budget is many times that. SQLite counts
/// `count(*)` of a whole table as one step, however long it takes, so statements on such files use
/// `count(1)`.
final class StepBudget {
    private static let interval: Int32 = 1_000_000
    private static let row: Int64 = 1000
    private var left: Int64

    /// - Parameter fileBytes: the length of the file.
    init(fileBytes: Int) { left = 200_000_000 + 64 * Int64(clamping: fileBytes) }

    /// From now on, statements of the connection end with SQLITE_INTERRUPT when the budget is
    /// spent. The connection must not outlive this object.
    func limit(_ handle: OpaquePointer) {
        // The caller retains this object until it closes the connection.
        sqlite3_progress_handler(
            handle, Self.interval, spend, Unmanaged.passUnretained(self).toOpaque())
    }

    /// Counts a row as steps: it costs its reader time and memory, too.
    /// - Returns: false when the budget is spent.
    func takeRow() -> Bool {
        left -= Self.row
        return left >= 0
    }

    fileprivate func isSpent() -> Bool {
        left -= Int64(Self.interval)
        return left < 0
    }
}

/// SQLite's callback.
/// - Parameter budget: the connection's `StepBudget`, which lives as long as the connection.
private func spend(_ budget: UnsafeMutableRawPointer?) -> Int32 {
    guard let budget else { return 0 }
    return Unmanaged<StepBudget>.fromOpaque(budget).takeUnretainedValue().isSpent() ? 1 : 0
}
