import LiftModel

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

extension Instant {
    /// RFC 3339 in the machine's time zone, for a person to read: `2026-03-01T08:00:00.250+08:00`.
    public var localMilliseconds: String {
        let (text, offset) = inLocalZone
        return text.dropLast() + offset
    }
    /// The same to the second: `2026-03-01T08:00:00+08:00`.
    public var local: String {
        let (text, offset) = inLocalZone
        return text.dropLast(5) + offset
    }

    private var inLocalZone: (text: String, offset: String) {
        var seconds = time_t(nanoseconds / 1_000_000_000)
        var fields = tm()
        localtime_r(&seconds, &fields)
        let minutes = abs(fields.tm_gmtoff) / 60
        func pad(_ number: Int) -> String { (number < 10 ? "0" : "") + String(number) }
        return (
            (self + .seconds(fields.tm_gmtoff)).rfc3339,
            (fields.tm_gmtoff < 0 ? "-" : "+") + pad(minutes / 60) + ":" + pad(minutes % 60)
        )
    }
}
