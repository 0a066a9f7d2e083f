import LiftModel
import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// A thread for work that blocks in `poll`, outside Swift's cooperative pool.
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
        guard let thread = LoopThread.attempt(run) else {
            // Without its threads the gateway would be deaf and not know it. The next start may
            // succeed.
            fatalError("no thread can be started")
        }
        self = thread
    }

    /// Starts a thread for optional work.
    /// - Returns: nil where no thread can be started.
    public static func attempt(_ run: @escaping @Sendable () -> Void) -> LoopThread? {
        let body = Body(run)
        var thread = pthread_t()
        // Balanced by takeRetainedValue in the thread's first line.
        let handle = Unmanaged.passRetained(body).toOpaque()
        let result = pthread_create(
            &thread, nil,
            {
                Unmanaged<Body>.fromOpaque($0!).takeRetainedValue().run()
                return nil
            }, handle)
        guard result == 0 else {
            Unmanaged<Body>.fromOpaque(handle).release()
            return nil
        }
        return LoopThread(thread: thread, body: body)
    }
    private init(thread: pthread_t, body: Body) {
        self.thread = thread
        self.body = body
    }

    /// Waits for the thread's end. Each thread must be joined or detached once: otherwise its stack
    /// is never freed.
    public func join() { pthread_join(thread, nil) }
    /// Waits for the thread's end until a time, and then detaches it.
    public func join(until deadline: MonotonicTime) {
        while !body.isOver, MonotonicClock.now < deadline { usleep(10_000) }
        if body.isOver { join() } else { detach() }
    }
    /// Frees the thread's stack at its end, without a `join`.
    public func detach() { pthread_detach(thread) }
}
