#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// Lets one thread wake another that waits in `poll`.
public final class WakeUp: Sendable {
    /// Readable after `signal()`, until `clear()`.
    public let descriptor: Int32
    private let writer: Int32
    public init() {
        var ends: [Int32] = [-1, -1]
        pipe(&ends)
        for end in ends { _ = fcntl(end, F_SETFL, O_NONBLOCK) }
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        (descriptor, writer) = (ends[0], ends[1])
    }
    deinit {
        close(descriptor)
        close(writer)
    }
    public func signal() {
        var one: UInt8 = 1
        _ = write(writer, &one, 1)  // a full pipe is readable already
    }
    public func clear() {
        var bytes: (UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0)
        while read(descriptor, &bytes, 32) > 0 {}
    }
}
