import LiftModel

/// Converts the times of a journal's records, which are on the gateway's time line, to calendar
/// time.
///
/// A boot with a wall clock that was years ahead moves the time line ahead of the calendar. From
/// then on the journal stores the offset between the two. Records from before that boot have
/// calendar time already. The last record's calendar time separates the two: no record is later, so
/// a later time is one that needs the offset.
///
/// Is not: right for a box whose clock was behind and that never learnt by how much.
public struct CalendarLine: Sendable {
    let offset: Int64
    /// The last record's calendar time.
    let last: Int64

    public func calendar(_ time: Instant) -> Instant {
        let needsOffset = offset > 0 || time.nanoseconds > last
        return needsOffset ? Instant(nanoseconds: time.nanoseconds + offset) : time
    }
}

extension Journal {
    public func calendarLine() throws(JournalError) -> CalendarLine {
        let offset = try calendarOffset()
        return CalendarLine(offset: offset, last: (try lastTime()?.nanoseconds ?? 0) + offset)
    }
}
