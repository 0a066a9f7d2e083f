import LiftModel

/// Numbers and times read from the bytes of a message.
package enum DecimalText {
    /// A JSON number. Up to 15 digits without an exponent are read here, exactly; Swift's own
    /// parser reads all others.
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

    private static let powersOfTen: [Double] = (0...15).map { n in
        (0..<n).reduce(1) { p, _ in p * 10 }
    }

    private static func slow(_ bytes: Span<UInt8>, _ start: Int, _ end: Int) -> Double? {
        let text = String(decoding: (start..<end).map { bytes[$0] }, as: UTF8.self)
        return Double(text).flatMap { $0.isFinite ? $0 : nil }
    }

    /// Seconds in decimal text as whole nanoseconds, exactly; nil for text that is no such number
    /// or has more decimals.
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

    /// A whole number; 0 for anything else.
    package static func count(_ bytes: Span<UInt8>, _ start: Int, _ end: Int) -> Int64 {
        double(bytes, start, end).flatMap { Int64(exactly: $0) } ?? 0
    }

    /// A count of seconds, milliseconds, … since 1970 as nanoseconds, exact to the nanosecond.
    package static func epoch(
        _ bytes: Span<UInt8>, _ start: Int, _ end: Int, nanosecondsPerUnit: Int64
    ) -> Instant? {
        if nanosecondsPerUnit == 1_000_000_000, let exact = nanoseconds(bytes, start, end) {
            return Instant(nanoseconds: exact)
        }
        guard let units = double(bytes, start, end) else { return nil }
        let whole = units.rounded(.down)
        guard abs(whole) < 9.2e18 / Double(nanosecondsPerUnit) else { return nil }
        let fraction = ((units - whole) * Double(nanosecondsPerUnit)).rounded()
        return Instant(nanoseconds: Int64(whole) * nanosecondsPerUnit + Int64(fraction))
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
