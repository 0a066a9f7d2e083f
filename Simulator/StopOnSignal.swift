import Platform
import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// SIGTERM and SIGINT end a command in good order: its loop looks at `isSet`, or `act` ends it.
final class StopOnSignal: Sendable {
    private let isStopping = Atomic(false)
    var isSet: Bool { isStopping.load(ordering: .relaxed) }

    init(_ act: @escaping @Sendable () -> Void = {}) {
        var signals = sigset_t()
        sigemptyset(&signals)
        sigaddset(&signals, SIGTERM)
        sigaddset(&signals, SIGINT)
        // Blocked before any other thread starts, so that only the thread below takes them.
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
