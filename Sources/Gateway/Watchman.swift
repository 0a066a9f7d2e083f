import Elevator
import Logging
import Mosquitto
import Synchronization
import Uplink

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// Watches from outside whether the loop makes progress: a library call that never returns is noticed, told, and ended by
/// systemd, which is not fed any more.
final class Watchman: Sendable {
    /// The loop waits at most half a second; a commit on a bad disk may take long.
    static let patience = Duration.seconds(30)
    private let lastTurn: Atomic<Int64>
    private let thread: Mutex<LoopThread?>

    init(log: Logger, manager: ServiceManager, board: UplinkBoard, isEnding: @escaping @Sendable () -> Bool) {
        lastTurn = Atomic(MonotonicClock.nanoseconds)
        thread = Mutex(nil)
        let watching = LoopThread { [self] in
            var told = false
            while !isEnding() {
                usleep(500_000)
                let now = MonotonicClock.nanoseconds
                let loopAge = Duration.nanoseconds(now - lastTurn.load(ordering: .relaxed))
                let routeTurn = board.routeStatuses.map(\.lastTurn).filter { $0 > 0 }.min() ?? now
                let routeAge = Duration.nanoseconds(now - routeTurn)
                if loopAge < Self.patience { manager.watchdog() }
                let isStuck = loopAge >= Self.patience || routeAge >= .seconds(180)
                if isStuck, !told {
                    log.critical(
                        "no progress for \(max(loopAge, routeAge).written) in \(loopAge > routeAge ? "the loop" : "the route to the centre")"
                    )
                }
                told = isStuck
            }
        }
        thread.withLock { $0 = watching }
    }

    func loopTurned(at monotonic: Int64) { lastTurn.store(monotonic, ordering: .relaxed) }
    func join() { thread.withLock { $0 }?.join() }
}
