/// A moment on the gateway's event-time line: whole nanoseconds since 1970-01-01T00:00:00Z.
///
/// Sixty-four bits hold the years 1678 to 2262. A trace's time line may start anywhere: the rules
/// use differences only.
public struct Instant: Hashable, Comparable, Sendable {
    public var nanoseconds: Int64

    public init(nanoseconds: Int64) { self.nanoseconds = nanoseconds }

    /// Seconds since the epoch, rounded to the nanosecond.
    public init(seconds: Double) { nanoseconds = Int64((seconds * 1e9).rounded()) }

    public var seconds: Double { Double(nanoseconds) / 1e9 }

    public static func < (a: Instant, b: Instant) -> Bool { a.nanoseconds < b.nanoseconds }
    public static func + (a: Instant, d: Duration) -> Instant {
        Instant(nanoseconds: a.nanoseconds &+ d.nanoseconds)
    }
    public static func - (a: Instant, d: Duration) -> Instant {
        Instant(nanoseconds: a.nanoseconds &- d.nanoseconds)
    }
    public static func - (a: Instant, b: Instant) -> Duration {
        .nanoseconds(a.nanoseconds &- b.nanoseconds)
    }
}

extension Duration {
    /// The whole duration in nanoseconds; smaller parts are cut off.
    public var nanoseconds: Int64 {
        let (seconds, attoseconds) = components
        return seconds &* 1_000_000_000 &+ attoseconds / 1_000_000_000
    }

    public var inSeconds: Double { Double(nanoseconds) / 1e9 }

    /// As people write it: `90s`, `1.5s`, `5m`, `2h`, `250ms`, `3d`; at most a year.
    public init?(written text: some StringProtocol) {
        let units: [(String, Double)] = [
            ("ms", 1e6), ("s", 1e9), ("m", 6e10), ("h", 3.6e12), ("d", 8.64e13),
        ]
        guard let (unit, scale) = units.first(where: { text.hasSuffix($0.0) }),
            let count = Double(text.dropLast(unit.count)), count >= 0,
            count * scale <= 366 * 8.64e13,
            text.first.map({ $0.isNumber }) == true
        else { return nil }
        self = .nanoseconds(Int64((count * scale).rounded()))
    }

    /// The shortest form that `init(written:)` reads back.
    public var written: String {
        let n = nanoseconds
        for (unit, scale): (String, Int64) in [
            ("d", 86_400_000_000_000), ("h", 3_600_000_000_000), ("m", 60_000_000_000),
            ("s", 1_000_000_000),
            ("ms", 1_000_000),
        ] where n != 0 && n % scale == 0 { return "\(n / scale)\(unit)" }
        return n == 0 ? "0s" : "\(Double(n) / 1e9)s"
    }
}
