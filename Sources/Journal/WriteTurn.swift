import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// A fair lock for the writers of one journal among this process's threads: first come, first
/// served.
///
/// SQLite lets one connection write at a time. The others sleep and try again, up to 25 ms late,
/// which is long for an alert. Here they wait in line, each with its own time limit. Other
/// processes (`hoistway journal refused --send-again`) still wait by SQLite's way.
final class WriteTurn: Sendable {
    private static let turns = Mutex<[String: WriteTurn]>([:])

    // pthreads, as a wait for `Mutex` cannot have a time limit. A pthread lock must not move while
    // a thread may wait for it, so it is allocated, and turns live for ever. `nonisolated(unsafe)`:
    // both pointers are set once in `init`, and any thread may call pthread's functions on them.
    nonisolated(unsafe) private let lock = UnsafeMutablePointer<pthread_mutex_t>.allocate(
        capacity: 1)
    // As `lock`: allocated, and set once.
    nonisolated(unsafe) private let change = UnsafeMutablePointer<pthread_cond_t>.allocate(
        capacity: 1)
    /// The tickets of the waiting writers; the first one may write.
    // `lock` guards it; the compiler cannot check that.
    nonisolated(unsafe) private var line: [Int] = []
    // `lock` guards it, too; the compiler cannot check that.
    nonisolated(unsafe) private var lastTicket = 0

    private init() {
        lock.initialize(to: pthread_mutex_t())
        pthread_mutex_init(lock, nil)
        change.initialize(to: pthread_cond_t())
        var attributes = pthread_condattr_t()
        pthread_condattr_init(&attributes)
        // Not the wall clock, which may jump.
        pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
        pthread_cond_init(change, &attributes)
        pthread_condattr_destroy(&attributes)
    }

    static func of(_ path: String) -> WriteTurn {
        turns.withLock { turns in
            if let turn = turns[path] { return turn }
            let turn = WriteTurn()
            turns[path] = turn
            return turn
        }
    }

    /// - Parameter limit: the longest wait in line; nil: without a limit.
    /// - Returns: false where the wait was longer, and `body` was not called.
    func take(within limit: Duration?, _ body: () -> Void) -> Bool {
        guard waitInLine(until: limit.map(Self.deadline)) else { return false }
        body()
        pthread_mutex_lock(lock)
        line.removeFirst()
        pthread_cond_broadcast(change)
        pthread_mutex_unlock(lock)
        return true
    }

    private func waitInLine(until deadline: timespec?) -> Bool {
        pthread_mutex_lock(lock)
        defer { pthread_mutex_unlock(lock) }
        lastTicket += 1
        let own = lastTicket
        line.append(own)
        while line.first != own {
            guard var deadline else {
                pthread_cond_wait(change, lock)
                continue
            }
            if pthread_cond_timedwait(change, lock, &deadline) == ETIMEDOUT, line.first != own {
                line.removeAll { $0 == own }
                return false
            }
        }
        return true
    }

    private static func deadline(after limit: Duration) -> timespec {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        let (seconds, attoseconds) = limit.components
        let nanoseconds = time.tv_nsec + Int(attoseconds / 1_000_000_000)
        time.tv_sec += Int(seconds) + nanoseconds / 1_000_000_000
        time.tv_nsec = nanoseconds % 1_000_000_000
        return time
    }
}
