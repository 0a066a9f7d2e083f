import GatewayCore
import Journal
import LiftModel
import Platform

/// The gateway's time line: the wall clock at the start, continued by the monotonic clock.
///
/// Steps of the wall clock (NTP, a box without an RTC that boots in 1970) do not touch the line,
/// and it never goes back before a journalled time. So no hold fires or is lost because the clock
/// was set. A restart within one boot of the box continues the line of the run before; otherwise a
/// step of the wall clock would count as time that has passed. The next boot of the box starts with
/// the wall clock.
///
/// People and centres receive the calendar's time: this line plus `calendarOffset`. The offset is
/// zero until a boot with a clock years ahead has moved the line. Then the calendar is corrected
/// beside it (`TimeLineCheck`), and holds, snapshots, windows and open alerts, which count on the
/// line, are not affected.
public struct GatewayClock: Sendable {
    /// Nanoseconds from the monotonic clock to this line.
    let anchor: Int64
    /// The offset from this line to the calendar, added to every time that is sent or shown.
    let calendarOffset: Duration

    /// - Parameters:
    ///   - notBefore: the last time in the journal.
    ///   - line: the anchor of an earlier run in this boot of the box.
    /// - calendarOffset: the offset of the run before.
    public init(notBefore: Instant?, line: Int64? = nil, calendarOffset: Duration = .zero) {
        let monotonic = MonotonicClock.now.nanoseconds
        let start =
            line.map { $0 + monotonic } ?? MonotonicClock.wallNanoseconds
            - calendarOffset.nanoseconds
        anchor = max(start, (notBefore?.nanoseconds).map { $0 + 1 } ?? start) - monotonic
        self.calendarOffset = calendarOffset
    }

    /// Continues in the same process with another journal. The calendar continues without a step,
    /// though that journal's line may be ahead.
    init(notBefore: Instant?, line: Int64, continuingAt calendarOffset: Duration) {
        let clock = GatewayClock(notBefore: notBefore, line: line)
        self.init(
            anchor: clock.anchor, calendarOffset: calendarOffset + .nanoseconds(line - clock.anchor)
        )
    }

    private init(anchor: Int64, calendarOffset: Duration) {
        self.anchor = anchor
        self.calendarOffset = calendarOffset
    }

    public var now: Instant { moment.time }

    public var moment: Moment {
        let monotonic = MonotonicClock.now
        return Moment(
            time: Instant(nanoseconds: anchor + monotonic.nanoseconds), monotonic: monotonic)
    }

    /// The calendar's time of a time of this line.
    func calendar(_ time: Instant) -> Instant { time + calendarOffset }
    var calendarNow: Instant { calendar(now) }
    /// Nanoseconds from the monotonic clock to the calendar.
    var calendarAnchor: Int64 { anchor + calendarOffset.nanoseconds }

    /// Whether the calendar can be trusted.
    public enum Quality: String, Sendable, CaseIterable {
        /// The kernel reports that the wall clock is synchronised (NTP, PTP), and the calendar
        /// agrees with it.
        case synchronised
        /// The wall clock is synchronised, but it was corrected by more than a second since the
        /// start; the calendar was not.
        case stepped
        /// The wall clock is not synchronised.
        case free
    }

    var stamp: ClockStamp {
        ClockStamp(monotonic: MonotonicClock.now, quality: quality.rawValue)
    }

    public var quality: Quality {
        guard MonotonicClock.isWallSynchronised else { return .free }
        return abs(wallOffset.inSeconds) < 1 ? .synchronised : .stepped
    }

    /// The wall clock minus the calendar: the corrections of NTP since the start.
    public var wallOffset: Duration {
        .nanoseconds(MonotonicClock.wallNanoseconds - calendarNow.nanoseconds)
    }
    /// This line minus the wall clock, by which a person gives times.
    var leadOverWallClock: Duration {
        .nanoseconds(now.nanoseconds - MonotonicClock.wallNanoseconds)
    }

    /// The journal's counter with the time of this line at which the kernel last reported a
    /// synchronised clock.
    static let synchronisedCounter = "clock_kept_at"

    /// Corrects the calendar by the wall clock where the wall clock is right.
    /// - Returns: the corrected clock and the change; nil where the calendar stays.
    func checked(against journal: Journal) throws(JournalError) -> (
        clock: GatewayClock, change: TimeLineCheck.Change
    )? {
        let (line, wall) = (now, Instant(nanoseconds: MonotonicClock.wallNanoseconds))
        let change = try TimeLineCheck(
            line: line, calendarOffset: calendarOffset, wall: wall,
            isSynchronised: MonotonicClock.isWallSynchronised,
            synchronisedAt: try journal.counters()[Self.synchronisedCounter].map {
                Instant(nanoseconds: Int64($0))
            }
        ).change { time throws(JournalError) in try journal.gap(around: time) }
        guard let change else { return nil }
        return (
            GatewayClock(anchor: anchor, calendarOffset: calendarOffset + change.correction), change
        )
    }
}
