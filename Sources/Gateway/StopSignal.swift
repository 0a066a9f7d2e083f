import Platform
import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// Signals: SIGTERM and SIGINT end the daemon in good order; SIGHUP makes it read its rules again.
final class StopSignal: Sendable {
    let wake = WakeUp()
    private let isStopping = Atomic(false)
    private let wantsReload = Atomic(false)

    init() {
        var signals = sigset_t()
        sigemptyset(&signals)
        sigaddset(&signals, SIGTERM)
        sigaddset(&signals, SIGINT)
        sigaddset(&signals, SIGHUP)
        // Blocked before any thread starts, so that every thread inherits it and only the one below
        // takes the signals.
        pthread_sigmask(SIG_BLOCK, &signals, nil)
        signal(SIGPIPE, SIG_IGN)
        // A file that may not grow is an error for its writer and must not end the process.
        signal(SIGXFSZ, SIG_IGN)
        LoopThread { [self] in
            var signals = sigset_t()
            sigemptyset(&signals)
            sigaddset(&signals, SIGTERM)
            sigaddset(&signals, SIGINT)
            sigaddset(&signals, SIGHUP)
            while !isSet {
                var received: Int32 = 0
                sigwait(&signals, &received)
                if received == SIGHUP {
                    wantsReload.store(true, ordering: .relaxed)
                } else {
                    isStopping.store(true, ordering: .relaxed)
                }
                wake.signal()
            }
        }.detach()
    }

    /// Whether a reload was requested since the last call.
    func takeReload() -> Bool { wantsReload.exchange(false, ordering: .relaxed) }

    var isSet: Bool { isStopping.load(ordering: .relaxed) }
}
