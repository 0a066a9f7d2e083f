/// Dates of the proleptic Gregorian calendar. It needs no time-zone database: lifts and centres
/// write offsets.
public enum CivilTime {
    /// Days from 1970-01-01 to the date (Howard Hinnant's `days_from_civil`, a public-domain
    /// algorithm).
    public static func days(year: Int, month: Int, day: Int) -> Int {
        let y = month <= 2 ? year - 1 : year
        let era = (y >= 0 ? y : y - 399) / 400
        let yearOfEra = y - era * 400
        let dayOfYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1
        return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
            - 719_468
    }

    static func date(days: Int) -> (year: Int, month: Int, day: Int) {
        let z = days + 719_468
        let era = (z >= 0 ? z : z - 146_096) / 146_097
        let dayOfEra = z - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let m = (5 * dayOfYear + 2) / 153
        let month = m < 10 ? m + 3 : m - 9
        return (
            yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, dayOfYear - (153 * m + 2) / 5 + 1
        )
    }
}

extension Instant {
    /// RFC 3339 in UTC with milliseconds, as CloudEvents requires: `2026-03-01T00:00:00.250Z`.
    public var rfc3339: String {
        func pad(_ n: Int, _ width: Int) -> String {
            let digits = String(n)
            return String(repeating: "0", count: max(0, width - digits.count)) + digits
        }
        let milliseconds = Int(floorDivide(nanoseconds, by: 1_000_000))
        let days = Int(floorDivide(Int64(milliseconds), by: 86_400_000))
        let (year, month, day) = CivilTime.date(days: days)
        let rest = milliseconds - days * 86_400_000
        return "\(pad(year, 4))-\(pad(month, 2))-\(pad(day, 2))T\(pad(rest / 3_600_000, 2)):"
            + "\(pad(rest / 60_000 % 60, 2)):\(pad(rest / 1000 % 60, 2)).\(pad(rest % 1000, 3))Z"
    }
}

private func floorDivide(_ a: Int64, by b: Int64) -> Int64 { a >= 0 ? a / b : (a - b + 1) / b }
