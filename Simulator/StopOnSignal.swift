import Mosquitto
import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// SIGTERM and SIGINT end a command in good order.
final class StopOnSignal: Sendable {
    private let isStopping = Atomic(false)
    var isSet: Bool { isStopping.load(ordering: .relaxed) }

    init() {
        var signals = sigset_t()
        sigemptyset(&signals)
        sigaddset(&signals, SIGTERM)
        sigaddset(&signals, SIGINT)
        // Blocked before any other thread is started, so that only the one below takes them.
        pthread_sigmask(SIG_BLOCK, &signals, nil)
        signal(SIGPIPE, SIG_IGN)
        _ = LoopThread { [self] in
            var signals = sigset_t()
            sigemptyset(&signals)
            sigaddset(&signals, SIGTERM)
            sigaddset(&signals, SIGINT)
            var received: Int32 = 0
            sigwait(&signals, &received)
            isStopping.store(true, ordering: .relaxed)
        }
    }
}
