#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

func lastSystemError() -> Int32 { errno }
func systemErrorText(_ code: Int32) -> String { String(cString: strerror(code)) }
func shutdownSocket(_ descriptor: Int32) { shutdown(descriptor, Int32(SHUT_RDWR)) }

/// Makes the kernel collect small writes, or send the collected ones.
func cork(_ descriptor: Int32, _ isCorked: Bool) {
    var value: Int32 = isCorked ? 1 : 0
    setsockopt(
        descriptor, Int32(IPPROTO_TCP), TCP_CORK, &value, socklen_t(MemoryLayout<Int32>.size))
}

func isWritable(_ descriptor: Int32) -> Bool {
    var entry = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
    return poll(&entry, 1, 0) == 1 && entry.revents & Int16(POLLOUT) != 0
}
