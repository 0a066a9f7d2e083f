/// A moment by the box's monotonic clock: nanoseconds since the box's boot.
///
/// It never steps when the wall clock is set, and it counts also while the box sleeps. Two of them
/// compare within one boot only. What happened to a lift, and when, is an `Instant` instead.
///
/// A sum that does not fit is a mistake, and ends the process.
public struct MonotonicTime: Hashable, Comparable, Sendable {
    public var nanoseconds: Int64

    public init(nanoseconds: Int64) { self.nanoseconds = nanoseconds }

    /// The boot itself: no later than any time that the clock gives, so what waits for it is due.
    public static let boot = MonotonicTime(nanoseconds: 0)
    /// Later than any time that the clock gives.
    public static let never = MonotonicTime(nanoseconds: .max)

    /// Seconds since the boot, rounded to the nanosecond.
    public init(seconds: Double) { nanoseconds = Int64((seconds * 1e9).rounded()) }

    /// Seconds since the boot.
    public var seconds: Double { Double(nanoseconds) / 1e9 }

    public static func < (a: MonotonicTime, b: MonotonicTime) -> Bool {
        a.nanoseconds < b.nanoseconds
    }
    public static func + (a: MonotonicTime, d: Duration) -> MonotonicTime {
        MonotonicTime(nanoseconds: a.nanoseconds + d.nanoseconds)
    }
    public static func - (a: MonotonicTime, d: Duration) -> MonotonicTime {
        MonotonicTime(nanoseconds: a.nanoseconds - d.nanoseconds)
    }
    public static func - (a: MonotonicTime, b: MonotonicTime) -> Duration {
        .nanoseconds(a.nanoseconds - b.nanoseconds)
    }
    public static func += (a: inout MonotonicTime, d: Duration) { a = a + d }
}
