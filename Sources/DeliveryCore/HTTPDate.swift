import LiftModel

/// The time in an HTTP header (RFC 9110, 5.6.7): "Sun, 06 Nov 1994 08:49:37 GMT".
package enum HTTPDate {
    /// - Returns: nil for anything else.
    package static func time(_ text: String) -> Instant? {
        let parts = text.split(whereSeparator: { $0 == " " || $0 == "," || $0 == ":" })
        let months = [
            "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
        ]
        guard parts.count == 8, parts[7] == "GMT",
            let month = months.firstIndex(of: String(parts[2])),
            let day = Int(parts[1]), let year = Int(parts[3])
        else { return nil }
        return Instant(
            rfc3339:
                "\(pad(year, 4))-\(pad(month + 1, 2))-\(pad(day, 2))T\(parts[4]):\(parts[5]):\(parts[6])Z"
        )
    }

    private static func pad(_ number: Int, _ width: Int) -> String {
        let text = String(number)
        return String(repeating: "0", count: max(0, width - text.count)) + text
    }
}
