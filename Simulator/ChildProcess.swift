import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// A program that the demo or a trial has started. It ends with its owner.
final class ChildProcess {
    private(set) var pid: pid_t
    /// How it ended: its exit status, or minus the signal that killed it; nil while it runs.
    private(set) var outcome: Int32?
    private static let running = Mutex<Set<pid_t>>([])

    /// - Parameter log: the file for its output.
    init(_ arguments: [String], log: String) throws {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 1, log, O_WRONLY | O_CREAT | O_APPEND, 0o644)
        posix_spawn_file_actions_adddup2(&actions, 1, 2)
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        // A child starts with no signal blocked, whatever this program blocks for itself.
        var none = sigset_t()
        sigemptyset(&none)
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK))
        var argv: [UnsafeMutablePointer<CChar>?] = arguments.map { strdup($0) } + [nil]
        defer { for argument in argv { free(argument) } }
        pid = 0
        let result = posix_spawnp(&pid, arguments[0], &actions, &attributes, &argv, environ)
        if result != 0 {
            throw OutputError(
                path: arguments[0],
                reason: "cannot be started: \(String(cString: strerror(result)))")
        }
        Self.running.withLock { [pid] in _ = $0.insert(pid) }
    }

    var isRunning: Bool {
        guard pid > 0 else { return false }
        var status: Int32 = 0
        if waitpid(pid, &status, WNOHANG) == pid {
            Self.running.withLock { [pid] in _ = $0.remove(pid) }
            pid = 0
            outcome = status & 0x7F == 0 ? status >> 8 & 0xFF : -(status & 0x7F)
        }
        return pid > 0
    }

    /// Ends it and waits for its end.
    func end(_ signal: Int32 = SIGTERM) {
        guard isRunning else { return }
        kill(pid, signal)
        for _ in 0..<100 where isRunning { usleep(50_000) }
        if isRunning { kill(pid, SIGKILL) }
        while isRunning { usleep(10_000) }
    }

    /// For a program that ends at once: kills all children.
    static func killAll() {
        running.withLock {
            for pid in $0 { kill(pid, SIGKILL) }
            for pid in $0 { waitpid(pid, nil, 0) }
        }
    }

    deinit { end(SIGKILL) }
}
