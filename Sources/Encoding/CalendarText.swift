import LiftModel

extension DecimalText {
    /// ISO 8601 / RFC 3339, such as `2026-03-01T08:00:00.250+08:00`, and the spellings of adapters:
    /// a space for the `T`, `/` for the `-`, `,` or `:` before the fraction, no seconds, `z` or
    /// ` UTC` for the offset, no offset, or no separators at all (`20260301080000`).
    ///
    /// - Parameter offset: for a text without an offset, in seconds east of UTC.
    package static func iso8601(_ bytes: Span<UInt8>, _ start: Int, _ end: Int, offset: Int)
        -> Instant?
    {
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
        /// Inlined: a call would check each access to `i`.
        /// - Parameter byte: nil for the separator of a compact text, which has none.
        @inline(__always)
        func take(_ byte: UInt8?) -> Bool {
            guard let byte else { return true }
            guard i < end, bytes[i] == byte else { return false }
            i += 1
            return true
        }
        guard let year = number(4, 1900...2261), i < end else { return nil }
        let dash: UInt8? =
            bytes[i] == UInt8(ascii: "-") || bytes[i] == UInt8(ascii: "/")
            ? bytes[i] : bytes[i] &- 48 < 10 ? nil : UInt8(ascii: "-")
        let colon: UInt8? = dash == nil ? nil : UInt8(ascii: ":")
        guard take(dash), let month = number(2, 1...12), take(dash), let day = number(2, 1...31),
            take(UInt8(ascii: "T")) || take(UInt8(ascii: "t")) || take(UInt8(ascii: " "))
                || dash == nil,
            let hour = number(2, 0...23), take(colon), let minute = number(2, 0...59)
        else { return nil }
        var (second, nanoseconds) = (0, Int64(0))
        if colon == nil || take(UInt8(ascii: ":")) {
            guard let seconds = number(2, 0...60) else { return nil }
            second = seconds
            if take(UInt8(ascii: ".")) || take(UInt8(ascii: ",")) || take(UInt8(ascii: ":")) {
                var scale: Int64 = 100_000_000
                let first = i
                while i < end, bytes[i] &- 48 < 10 {
                    nanoseconds += Int64(bytes[i] &- 48) * scale
                    scale /= 10
                    i += 1
                }
                if i == first { return nil }
            }
        }
        guard let east = east(bytes, i, end, otherwise: offset) else { return nil }
        let days = CivilTime.days(year: year, month: month, day: day)
        let seconds = days * 86_400 + hour * 3600 + minute * 60 + second - east
        return Instant(nanoseconds: Int64(seconds) * 1_000_000_000 + nanoseconds)
    }

    /// The offset of a time, in seconds east of UTC: `Z`, ` UTC`, `+08:00`, `+0800`, or nothing.
    private static func east(_ bytes: Span<UInt8>, _ start: Int, _ end: Int, otherwise: Int) -> Int?
    {
        func isText(_ text: StaticString) -> Bool {
            guard end - start == text.utf8CodeUnitCount else { return false }
            for i in start..<end where bytes[i] & 0xDF != text.utf8Start[i - start] & 0xDF {
                return false
            }
            return true
        }
        if start == end { return otherwise }
        if isText("Z") || isText("UTC") || isText(" UTC") || isText(" Z") { return 0 }
        func pair(_ i: Int, _ limit: Int) -> Int? {
            guard i + 2 <= end, bytes[i] &- 48 < 10, bytes[i + 1] &- 48 < 10 else { return nil }
            let number = Int(bytes[i] &- 48) * 10 + Int(bytes[i + 1] &- 48)
            return number < limit ? number : nil
        }
        let isWest = bytes[start] == UInt8(ascii: "-")
        guard isWest || bytes[start] == UInt8(ascii: "+"), let hours = pair(start + 1, 16) else {
            return nil
        }
        let hasColon = start + 3 < end && bytes[start + 3] == UInt8(ascii: ":")
        let minutesStart = start + (hasColon ? 4 : 3)
        guard let minutes = pair(minutesStart, 60), minutesStart + 2 == end else { return nil }
        return (hours * 3600 + minutes * 60) * (isWest ? -1 : 1)
    }
}
