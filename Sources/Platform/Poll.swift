#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// Waits for sockets and wake-ups.
public enum Poll {
    /// - Parameters:
    ///   - readers: descriptors to read from; -1 is skipped.
    ///   - writer: a descriptor to write to, or -1.
    /// - Returns: for each reader whether it can be read or has failed.
    public static func wait(_ readers: [Int32], writer: Int32 = -1, for timeout: Duration) -> [Bool]
    {
        var entries = readers.map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
        if writer >= 0 { entries.append(pollfd(fd: writer, events: Int16(POLLOUT), revents: 0)) }
        let (seconds, attoseconds) = timeout.components
        let milliseconds = Int32(
            clamping: seconds * 1000 + (attoseconds + 999_999_999_999_999) / 1_000_000_000_000_000)
        poll(&entries, nfds_t(entries.count), max(0, milliseconds))
        return readers.indices.map { entries[$0].revents != 0 }
    }

    public static func isReadable(_ descriptor: Int32) -> Bool {
        var entry = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        return descriptor >= 0 && poll(&entry, 1, 0) == 1 && entry.revents != 0
    }
}
