import Elevator

/// Numbers and times read from the bytes of a message.
package enum DecimalText {
    /// A JSON number. Exact for up to 15 digits and small exponents; beyond that Swift's own parser reads it.
    package static func double(_ bytes: Span<UInt8>, _ start: Int, _ end: Int) -> Double? {
        var i = start
        let isNegative = i < end && bytes[i] == UInt8(ascii: "-")
        if isNegative { i += 1 }
        var digits: Int64 = 0
        var count = 0
        var decimals = 0
        var seenPoint = false
        while i < end {
            let byte = bytes[i]
            if byte == UInt8(ascii: ".") {
                seenPoint = true
            } else if byte &- 48 < 10 {
                digits = digits &* 10 &+ Int64(byte &- 48)
                count += 1
                if seenPoint { decimals += 1 }
            } else {
                return slow(bytes, start, end)
            }
            i += 1
        }
        if count == 0 || count > 15 { return slow(bytes, start, end) }
        let magnitude = Double(digits) / powersOfTen[decimals]
        return isNegative ? -magnitude : magnitude
    }

    private static let powersOfTen: [Double] = (0...15).map { n in (0..<n).reduce(1) { p, _ in p * 10 } }

    private static func slow(_ bytes: Span<UInt8>, _ start: Int, _ end: Int) -> Double? {
        let text = String(decoding: (start..<end).map { bytes[$0] }, as: UTF8.self)
        return Double(text).flatMap { $0.isFinite ? $0 : nil }
    }

    /// Seconds in decimal text as whole nanoseconds, exactly; nil when it is no such number or has more decimals.
    package static func nanoseconds(_ bytes: Span<UInt8>, _ start: Int, _ end: Int) -> Int64? {
        var i = start
        let isNegative = i < end && bytes[i] == UInt8(ascii: "-")
        if isNegative { i += 1 }
        var value: Int64 = 0
        var decimals = -1
        while i < end {
            let byte = bytes[i]
            i += 1
            if byte == UInt8(ascii: "."), decimals < 0 {
                decimals = 0
                continue
            }
            if byte &- 48 >= 10 { return nil }
            if decimals == 9 {
                if byte != 48 { return nil }
                continue
            }
            let (tenfold, overflow) = value.multipliedReportingOverflow(by: 10)
            if overflow || tenfold > Int64.max - 9 { return nil }
            value = tenfold + Int64(byte &- 48)
            if decimals >= 0 { decimals += 1 }
        }
        for _ in max(0, decimals)..<9 {
            let (tenfold, overflow) = value.multipliedReportingOverflow(by: 10)
            if overflow { return nil }
            value = tenfold
        }
        return isNegative ? -value : value
    }

    /// A whole number that counts up; 0 for anything else.
    package static func count(_ bytes: Span<UInt8>, _ start: Int, _ end: Int) -> Int64 {
        double(bytes, start, end).flatMap { Int64(exactly: $0) } ?? 0
    }

    /// A count of seconds, milliseconds, … since 1970 as nanoseconds, exact to the nanosecond.
    package static func epoch(_ bytes: Span<UInt8>, _ start: Int, _ end: Int, nanosecondsPerUnit: Int64) -> Instant? {
        if nanosecondsPerUnit == 1_000_000_000, let exact = nanoseconds(bytes, start, end) {
            return Instant(nanoseconds: exact)
        }
        guard let units = double(bytes, start, end) else { return nil }
        let whole = units.rounded(.down)
        guard abs(whole) < 9.2e18 / Double(nanosecondsPerUnit) else { return nil }
        let fraction = ((units - whole) * Double(nanosecondsPerUnit)).rounded()
        return Instant(nanoseconds: Int64(whole) * nanosecondsPerUnit + Int64(fraction))
    }

    /// ISO 8601 / RFC 3339: `2026-03-01T08:00:00.250+08:00`, the `T` may be a space, the offset may be left out.
    ///
    /// - Parameter offset: of a text without one, in seconds east of UTC.
    package static func iso8601(_ bytes: Span<UInt8>, _ start: Int, _ end: Int, offset: Int) -> Instant? {
        var i = start
        func number(_ width: Int, _ range: ClosedRange<Int>) -> Int? {
            guard i + width <= end else { return nil }
            var n = 0
            for _ in 0..<width {
                guard bytes[i] &- 48 < 10 else { return nil }
                n = n * 10 + Int(bytes[i] &- 48)
                i += 1
            }
            return range.contains(n) ? n : nil
        }
        func take(_ byte: UInt8) -> Bool {
            guard i < end, bytes[i] == byte else { return false }
            i += 1
            return true
        }
        guard let year = number(4, 1900...2261), take(UInt8(ascii: "-")), let month = number(2, 1...12),
            take(UInt8(ascii: "-")), let day = number(2, 1...31),
            take(UInt8(ascii: "T")) || take(UInt8(ascii: " ")),
            let hour = number(2, 0...23), take(UInt8(ascii: ":")), let minute = number(2, 0...59),
            take(UInt8(ascii: ":")), let second = number(2, 0...60)
        else { return nil }
        var nanoseconds: Int64 = 0
        if take(UInt8(ascii: ".")) {
            var scale: Int64 = 100_000_000
            let first = i
            while i < end, bytes[i] &- 48 < 10 {
                nanoseconds += Int64(bytes[i] &- 48) * scale
                scale /= 10
                i += 1
            }
            if i == first { return nil }
        }
        var east = offset
        if take(UInt8(ascii: "Z")) {
            east = 0
        } else if i < end {
            let isWest = bytes[i] == UInt8(ascii: "-")
            guard take(UInt8(ascii: "+")) || take(UInt8(ascii: "-")), let hours = number(2, 0...15) else { return nil }
            _ = take(UInt8(ascii: ":"))
            guard let minutes = number(2, 0...59) else { return nil }
            east = (hours * 3600 + minutes * 60) * (isWest ? -1 : 1)
        }
        guard i == end else { return nil }
        let days = CivilTime.days(year: year, month: month, day: day)
        let seconds = days * 86_400 + hour * 3600 + minute * 60 + second - east
        return Instant(nanoseconds: Int64(seconds) * 1_000_000_000 + nanoseconds)
    }
}

extension Instant {
    /// An RFC 3339 text with its offset; nil for anything else.
    public init?(rfc3339 text: String) {
        let bytes = Array(text.utf8)
        guard text.hasSuffix("Z") || text.dropFirst(11).contains(where: { $0 == "+" || $0 == "-" }),
            let time = DecimalText.iso8601(bytes.span, 0, bytes.count, offset: 0)
        else { return nil }
        self = time
    }
}
