import Journal
import LiftModel

/// Decides at a start whether the wall clock is right, or the gateway's own time line.
///
/// The line continues from the last time in the journal where the wall clock is behind it. Then one
/// of the two is wrong. The wall clock is, when a box without an RTC boots in 1970, at the day its
/// system was built, or where it was last switched off. The line is, when the box once booted years
/// ahead. The wall clock is right
///
/// 1. when the kernel reports that it is synchronised (`adjtimex`), or
/// 2. when it is an hour or more behind the line, lies in a gap of the journal of an hour or
///    longer, and the kernel has not reported a synchronised clock since that gap. A running
///    gateway writes a batch every few seconds, so a gap is a time at which the box was off, or one
///    that the line jumped over. A synchronised clock after the gap proves that the box was off.
///
/// Otherwise the line is right: it never goes back because a box has lost its time.
struct TimeLineCheck {
    struct Change: Equatable {
        enum Evidence: String, CaseIterable {
            case synchronised
            case gapInJournal = "gap_in_journal"
        }
        /// The error of the calendar's times.
        var correction: Duration
        var evidence: Evidence
    }
    static let leastCorrection = Duration.seconds(1)
    static let leastGap = Duration.seconds(3600)

    var line: Instant
    var calendarOffset: Duration
    var wall: Instant
    var isSynchronised: Bool
    /// When the kernel last reported a synchronised clock with which the calendar agreed, on the
    /// line; nil when never.
    var synchronisedAt: Instant?

    /// - Parameter gap: gives the times of the batches before and after a time of the line; nil
    ///   where there is none before or after.
    func change<Failure: Error>(
        gap: (Instant) throws(Failure) -> ClosedRange<Instant>?
    ) throws(Failure) -> Change? {
        let correction = wall - (line + calendarOffset)
        if isSynchronised {
            let isOff =
                correction >= Self.leastCorrection || correction <= .zero - Self.leastCorrection
            return isOff ? Change(correction: correction, evidence: .synchronised) : nil
        }
        guard correction <= .zero - Self.leastGap,
            let gap = try gap(wall + (.zero - calendarOffset)),
            gap.upperBound - gap.lowerBound >= Self.leastGap,
            synchronisedAt.map({ $0 < gap.upperBound }) ?? true
        else { return nil }
        return Change(correction: correction, evidence: .gapInJournal)
    }
}
