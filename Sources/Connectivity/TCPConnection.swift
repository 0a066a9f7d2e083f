#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// A TCP connection with a timeout, to find out why a server cannot be reached.
struct TCPConnection: ~Copyable {
    let descriptor: Int32

    /// Tries each of the host's addresses. Blocks for at most `time` for each address, and for the
    /// look-up of the name.
    init(_ server: ServerAddress, within time: Duration) throws(ServerProblem) {
        var hints = addrinfo()
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        // getaddrinfo's own list, freed below.
        var list: UnsafeMutablePointer<addrinfo>?
        let result = getaddrinfo(server.host, "\(server.port)", &hints, &list)
        guard result == 0 else {
            throw .nameDoesNotResolve(
                host: server.host, because: String(cString: gai_strerror(result)))
        }
        defer { freeaddrinfo(list) }
        var failure = ServerProblem.unreachable(server, because: "no address")
        var next = list
        while let address = next?.pointee {
            next = address.ai_next
            let descriptor = socket(
                address.ai_family,
                address.ai_socktype | Int32(SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue), 0)
            guard descriptor >= 0 else { continue }
            switch Self.connect(descriptor, address, within: time) {
            case 0:
                self.descriptor = descriptor
                return
            case ETIMEDOUT: failure = .noAnswer(server, within: time)
            case ECONNREFUSED: failure = .portIsClosed(server)
            case let code: failure = .unreachable(server, because: String(cString: strerror(code)))
            }
            close(descriptor)
        }
        throw failure
    }

    deinit { close(descriptor) }

    /// - Returns: 0, or the error as in `errno`.
    private static func connect(_ descriptor: Int32, _ address: addrinfo, within time: Duration)
        -> Int32
    {
        if Glibc.connect(descriptor, address.ai_addr, address.ai_addrlen) == 0 { return 0 }
        guard errno == EINPROGRESS else { return errno }
        guard wait(descriptor, POLLOUT, for: time) else { return ETIMEDOUT }
        var code: Int32 = 0
        var size = socklen_t(MemoryLayout<Int32>.size)
        getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &code, &size)
        return code
    }

    /// Waits until the socket can be read or written, or has failed.
    static func wait(_ descriptor: Int32, _ events: Int32, for time: Duration) -> Bool {
        var entry = pollfd(fd: descriptor, events: Int16(events), revents: 0)
        return poll(&entry, 1, Int32(clamping: time.nanoseconds / 1_000_000)) == 1
    }
    func wait(_ events: Int32, for time: Duration) -> Bool {
        Self.wait(descriptor, events, for: time)
    }
}
