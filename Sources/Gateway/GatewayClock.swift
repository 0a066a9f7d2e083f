import Elevator
import Journal
import Mosquitto

/// The gateway's time line: the wall clock as it was at the start, carried on by the monotonic clock.
///
/// Steps of the wall clock (NTP, a box without an RTC that boots in 1970) do not touch it, and it never goes back over what
/// is journalled: so no hold fires or is lost because somebody set the clock. A restart within one boot of the box goes on with the
/// line of the run before: what was set meanwhile would count as time that has passed. The box's next boot begins with the wall clock.
public struct GatewayClock: Sendable {
    /// Nanoseconds from the monotonic clock to this line.
    let anchor: Int64

    /// - Parameters:
    ///   - notBefore: the last time in the journal.
    ///   - line: the anchor of an earlier run in this boot of the box.
    public init(notBefore: Instant?, line: Int64? = nil) {
        let monotonic = MonotonicClock.nanoseconds
        let start = line.map { $0 + monotonic } ?? MonotonicClock.wallNanoseconds
        anchor = max(start, (notBefore?.nanoseconds).map { $0 + 1 } ?? start) - monotonic
    }

    public var now: Instant { Instant(nanoseconds: anchor + MonotonicClock.nanoseconds) }

    /// Whether what it says can be believed.
    public enum Quality: String, Sendable, CaseIterable {
        /// The kernel says that something (NTP, PTP) keeps the wall clock right, and this line agrees with it.
        case synchronised
        /// The wall clock is kept right, but it was corrected by more than a second since the start; this line was not.
        case stepped
        /// Nobody keeps the wall clock right.
        case free
    }

    var stamp: ClockStamp { ClockStamp(monotonic: MonotonicClock.nanoseconds, quality: quality.rawValue) }

    public var quality: Quality {
        guard MonotonicClock.isWallSynchronised else { return .free }
        return abs(wallOffset.inSeconds) < 1 ? .synchronised : .stepped
    }

    /// How far the wall clock is from this line: what NTP has corrected since the start.
    public var wallOffset: Duration { .nanoseconds(MonotonicClock.wallNanoseconds - now.nanoseconds) }
}
