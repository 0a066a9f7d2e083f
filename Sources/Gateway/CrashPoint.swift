import FoundationEssentials
import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// Moments at which the crash tests kill the daemon, chosen by the environment and otherwise nothing.
///
/// `HOISTWAY_CRASH_AT=after_read:3` kills the process with SIGKILL the third time it gets there.
enum CrashPoint: String {
    /// Messages are read and folded, and not yet committed.
    case afterRead = "after_read"
    /// The batch is durable, and the broker has not been told.
    case afterCommit = "after_commit"

    private static let chosen: (point: String, count: Int)? = {
        guard let text = ProcessInfo.processInfo.environment["HOISTWAY_CRASH_AT"] else { return nil }
        let parts = text.split(separator: ":")
        if parts.isEmpty { return nil }
        return (String(parts[0]), parts.count > 1 ? Int(parts[1]) ?? 1 : 1)
    }()
    private static let reached = Atomic(0)

    func reach() {
        guard let chosen = Self.chosen, chosen.point == rawValue else { return }
        let times = Self.reached.add(1, ordering: .relaxed).newValue
        if times >= chosen.count { kill(getpid(), SIGKILL) }
    }
}
