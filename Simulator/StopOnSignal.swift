import Mosquitto
import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// SIGTERM and SIGINT end a command in good order: it looks at `isSet` in its turns, or leaves its ending to `act`.
final class StopOnSignal: Sendable {
    private let isStopping = Atomic(false)
    var isSet: Bool { isStopping.load(ordering: .relaxed) }

    init(_ act: @escaping @Sendable () -> Void = {}) {
        var signals = sigset_t()
        sigemptyset(&signals)
        sigaddset(&signals, SIGTERM)
        sigaddset(&signals, SIGINT)
        // Blocked before any other thread is started, so that only the one below takes them.
        pthread_sigmask(SIG_BLOCK, &signals, nil)
        signal(SIGPIPE, SIG_IGN)
        LoopThread { [self] in
            var signals = sigset_t()
            sigemptyset(&signals)
            sigaddset(&signals, SIGTERM)
            sigaddset(&signals, SIGINT)
            var received: Int32 = 0
            sigwait(&signals, &received)
            isStopping.store(true, ordering: .relaxed)
            act()
        }.detach()
    }
}
