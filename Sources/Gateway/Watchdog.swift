import Connectivity
import Delivery
import LiftModel
import Logging
import Platform
import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// Watches from a thread of its own whether the loop makes progress. A library call that never
/// returns is logged, and systemd, which is no longer fed, ends the process.
final class Watchdog: Sendable {
    /// The loop waits at most half a second; a commit on a bad disk may take long.
    static let patience = Duration.seconds(30)
    /// A `MonotonicTime` in nanoseconds.
    private let lastTurn: Atomic<Int64>
    private let thread: Mutex<LoopThread?>

    init(
        log: Logger, manager: ServiceManager, delivery: DeliveryState,
        isEnding: @escaping @Sendable () -> Bool
    ) {
        lastTurn = Atomic(MonotonicClock.now.nanoseconds)
        thread = Mutex(nil)
        let watching = LoopThread { [self] in
            var isReported = false
            while !isEnding() {
                usleep(500_000)
                let now = MonotonicClock.now
                let loopAge =
                    now - MonotonicTime(nanoseconds: lastTurn.load(ordering: .relaxed))
                let routeTurn = delivery.routeStatuses.compactMap(\.lastTurn).min() ?? now
                let routeAge = now - routeTurn
                if loopAge < Self.patience { manager.watchdog() }
                let isStuck = loopAge >= Self.patience || routeAge >= .seconds(180)
                if isStuck, !isReported {
                    log.critical(
                        "no progress for \(max(loopAge, routeAge).spanText) in \(loopAge > routeAge ? "the loop" : "the route to the centre")"
                    )
                }
                isReported = isStuck
            }
        }
        thread.withLock { $0 = watching }
    }

    func loopTurned(at now: MonotonicTime) {
        lastTurn.store(now.nanoseconds, ordering: .relaxed)
    }
    func join() { thread.withLock { $0 }?.join() }
}
