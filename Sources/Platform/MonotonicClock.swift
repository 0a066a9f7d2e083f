import CPlatform
import LiftModel
import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// The monotonic clock that also counts while the box sleeps. libmosquitto uses it, too.
public enum MonotonicClock {
    private static let leapOffset = Atomic<Int64>(0)
    /// Moves the clock on, for trials of effects that take days.
    package static func leap(by nanoseconds: Int64) {
        leapOffset.add(nanoseconds, ordering: .relaxed)
    }

    public static var now: MonotonicTime {
        MonotonicTime(nanoseconds: reading(CLOCK_BOOTTIME))
    }
    /// The kernel reports that the wall clock is synchronised (`adjtimex`).
    public static var isWallSynchronised: Bool { hoistway_wall_clock_is_kept() != 0 }
    /// The wall clock, which may be wrong, and may jump.
    public static var wallNanoseconds: Int64 { reading(CLOCK_REALTIME) }

    private static func reading(_ clock: clockid_t) -> Int64 {
        var time = timespec()
        clock_gettime(clock, &time)
        return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
            + leapOffset.load(ordering: .relaxed)
    }
}
