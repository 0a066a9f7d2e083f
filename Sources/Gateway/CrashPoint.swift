import FoundationEssentials
import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// Points at which the crash tests kill the daemon. The environment chooses one; otherwise they do
/// nothing.
///
/// `HOISTWAY_CRASH_AT=after_read:3` kills the process with SIGKILL when it reaches this point for
/// the third time.
enum CrashPoint: String {
    /// Messages are read and evaluated, and not yet committed.
    case afterRead = "after_read"
    /// The batch is durable, and the broker has not received the acknowledgement.
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
