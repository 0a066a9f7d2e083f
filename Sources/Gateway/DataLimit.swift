#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// A bound on what this process may allocate, so that one packet of a broker's cannot end it.
///
/// libmosquitto allocates a packet by the length in its header, up to 256 MiB, before the gateway
/// can look at it, and once more for the payload. With RLIMIT_DATA (setrlimit(2)) that allocation
/// fails, and libmosquitto reports it. Without the limit the kernel kills the process when the
/// packet has filled the memory. The limit counts what is mapped, also 8 MiB of stack for each
/// thread.
///
/// A packet that just fits may be held until the keep-alive gives up (15 s). An allocation that
/// does not fit meanwhile ends the process, and its next start has another connection.
///
/// Measured with the standard rules at a restart, which needs the most: 132 MiB resident with
/// 1,200 lifts, 199 MiB with 2,000 and 451 MiB with 5,000. A first start with 200 lifts: 44 MiB,
/// of 47 MiB mapped.
enum DataLimit {
    private static let base = 144 << 20
    private static let perLift = 96 << 10

    static func bytes(forLifts count: Int) -> Int { base + perLift * count }

    /// How many lifts need no more bytes than these.
    static func lifts(within bytes: Int) -> Int { max(0, bytes - base) / perLift }

    /// That the service manager allows this process too little, as a sentence.
    static func shortage(forLifts count: Int) -> String? {
        var limit = rlimit()
        let need = bytes(forLifts: count)
        guard getrlimit(__rlimit_resource_t(RLIMIT_DATA.rawValue), &limit) == 0,
            limit.rlim_cur < rlim_t(need)
        else { return nil }
        return
            "\(count) lifts may need \(need >> 20) MiB of memory, and LimitDATA of this service is \(limit.rlim_cur >> 20) MiB, enough for \(lifts(within: Int(limit.rlim_cur))) lifts: the gateway ends where it needs more. hoistway check says what to write into the unit."
    }

    /// Lowers the limit of this process; a lower limit of the service manager stays.
    static func set(forLifts count: Int) {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_DATA.rawValue), &limit) == 0 else { return }
        limit.rlim_cur = min(limit.rlim_cur, rlim_t(bytes(forLifts: count)))
        setrlimit(__rlimit_resource_t(RLIMIT_DATA.rawValue), &limit)
    }
}
