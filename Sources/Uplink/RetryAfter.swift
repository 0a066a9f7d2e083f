import Elevator

/// The pause that a server asks for (RFC 9110, 10.2.3): seconds, or a date.
enum RetryAfter {
    /// - Parameter wall: the wall clock, in nanoseconds since 1970.
    /// - Returns: nil for what is neither.
    static func pause(_ text: String, wall: Int64) -> Duration? {
        if let seconds = Int64(text), 0...86_400 * 366 ~= seconds { return .seconds(seconds) }
        // "Sun, 06 Nov 1994 08:49:37 GMT"
        let parts = text.split(whereSeparator: { $0 == " " || $0 == "," || $0 == ":" })
        let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
        guard parts.count == 8, parts[7] == "GMT", let month = months.firstIndex(of: String(parts[2])),
            let day = Int(parts[1]), let year = Int(parts[3]),
            let time = Instant(
                rfc3339: "\(pad(year, 4))-\(pad(month + 1, 2))-\(pad(day, 2))T\(parts[4]):\(parts[5]):\(parts[6])Z")
        else { return nil }
        return max(.zero, .nanoseconds(time.nanoseconds - wall))
    }

    private static func pad(_ number: Int, _ width: Int) -> String {
        let text = String(number)
        return String(repeating: "0", count: max(0, width - text.count)) + text
    }
}
