import CMosquitto
import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

func lastSystemError() -> Int32 { errno }
func systemErrorText(_ code: Int32) -> String { String(cString: strerror(code)) }
func isReadableFile(_ path: String) -> Bool { access(path, R_OK) == 0 }
func shutdownSocket(_ descriptor: Int32) { shutdown(descriptor, Int32(SHUT_RDWR)) }

/// Holds small writes back, to be sent together; or lets them go.
func cork(_ descriptor: Int32, _ isHeld: Bool) {
    var value: Int32 = isHeld ? 1 : 0
    setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_CORK, &value, socklen_t(MemoryLayout<Int32>.size))
}

func isWritable(_ descriptor: Int32) -> Bool {
    var entry = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
    return poll(&entry, 1, 0) == 1 && entry.revents & Int16(POLLOUT) != 0
}

/// The monotonic clock that runs on while the box sleeps: libmosquitto's own base, and the gateway's.
public enum MonotonicClock {
    private static let leapt = Atomic<Int64>(0)
    /// Time passes all at once, for trials of what takes days.
    package static func leap(by nanoseconds: Int64) { leapt.add(nanoseconds, ordering: .relaxed) }

    public static var nanoseconds: Int64 { reading(CLOCK_BOOTTIME) }
    /// The kernel's word that something keeps the wall clock right (`adjtimex`).
    public static var isWallSynchronised: Bool { hoistway_wall_clock_is_kept() != 0 }
    /// The wall clock, which may be wrong, and may jump.
    public static var wallNanoseconds: Int64 { reading(CLOCK_REALTIME) }

    private static func reading(_ clock: clockid_t) -> Int64 {
        var time = timespec()
        clock_gettime(clock, &time)
        return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec) + leapt.load(ordering: .relaxed)
    }
}

/// Waits for sockets and wake-ups.
public enum Poll {
    /// - Parameters:
    ///   - readers: descriptors to wait for; -1 is passed over.
    ///   - writer: one that wants to write, or -1.
    /// - Returns: for each reader whether it can be read (or has failed).
    public static func wait(_ readers: [Int32], writer: Int32 = -1, for timeout: Duration) -> [Bool] {
        var entries = readers.map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
        if writer >= 0 { entries.append(pollfd(fd: writer, events: Int16(POLLOUT), revents: 0)) }
        let (seconds, attoseconds) = timeout.components
        let milliseconds = Int32(clamping: seconds * 1000 + (attoseconds + 999_999_999_999_999) / 1_000_000_000_000_000)
        poll(&entries, nfds_t(entries.count), max(0, milliseconds))
        return readers.indices.map { entries[$0].revents != 0 }
    }

    public static func isReadable(_ descriptor: Int32) -> Bool {
        var entry = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        return descriptor >= 0 && poll(&entry, 1, 0) == 1 && entry.revents != 0
    }
}

/// Lets one thread wake another that waits in `poll`.
public final class WakeUp: Sendable {
    /// Readable after `signal()`, until `clear()`.
    public let descriptor: Int32
    private let writer: Int32
    public init() {
        var ends: [Int32] = [-1, -1]
        pipe(&ends)
        for end in ends { _ = fcntl(end, F_SETFL, O_NONBLOCK) }
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        (descriptor, writer) = (ends[0], ends[1])
    }
    deinit {
        close(descriptor)
        close(writer)
    }
    public func signal() {
        var one: UInt8 = 1
        _ = write(writer, &one, 1)  // a full pipe is readable already
    }
    public func clear() {
        var bytes: (UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0)
        while read(descriptor, &bytes, 32) > 0 {}
    }
}

/// A thread of one's own for work that blocks in `poll`, outside Swift's cooperative pool.
public struct LoopThread: Sendable {
    private final class Body: Sendable {
        private let work: @Sendable () -> Void
        private let hasEnded = Atomic(false)
        var isOver: Bool { hasEnded.load(ordering: .acquiring) }
        init(_ work: @escaping @Sendable () -> Void) { self.work = work }
        func run() {
            work()
            hasEnded.store(true, ordering: .releasing)
        }
    }
    private let thread: pthread_t
    private let body: Body

    public init(_ run: @escaping @Sendable () -> Void) {
        body = Body(run)
        var thread = pthread_t()
        // Balanced by takeRetainedValue in the thread's first line.
        let handle = Unmanaged.passRetained(body).toOpaque()
        let result = pthread_create(
            &thread, nil,
            {
                Unmanaged<Body>.fromOpaque($0!).takeRetainedValue().run()
                return nil
            }, handle)
        // Without its threads the gateway is deaf and does not know it; its next start has a chance.
        precondition(result == 0, "no thread can be started: \(systemErrorText(result))")
        self.thread = thread
    }
    /// Waits for its end. Each thread is joined or detached once: what is neither keeps its stack for ever.
    public func join() { pthread_join(thread, nil) }
    /// Waits until a time, and no longer; then nobody will wait for its end.
    /// - Parameter deadline: monotonic nanoseconds.
    public func join(until deadline: Int64) {
        while !body.isOver, MonotonicClock.nanoseconds < deadline { usleep(10_000) }
        if body.isOver { join() } else { detach() }
    }
    /// Nobody will wait for its end.
    public func detach() { pthread_detach(thread) }
}
