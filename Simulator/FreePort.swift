import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// Free loopback ports for brokers and servers that are started a moment later.
///
/// A port that is free now can be another program's in a moment. So the ports lie below those that
/// Linux gives out by itself (32768 to 60999, ip_local_port_range), and each process has a block of
/// its own: it listens on the block's first port for as long as it lives.
enum FreePort {
    private static let firstPort = 20_000
    private static let portsInABlock = 100
    private static let blocks = 127

    /// The first port of this process' block; nil where every block is taken.
    private static let block: Int? = {
        let first = Int(getpid()) % blocks
        return (0..<blocks).lazy
            .map { firstPort + (first + $0) % blocks * portsInABlock }
            .first { listener(on: $0) != nil }
    }()
    private static let found = Mutex(0)

    static func find() throws -> Int {
        guard let block else {
            throw OutputError(path: "a port", reason: "all blocks from \(firstPort) on are taken")
        }
        for _ in 1..<portsInABlock {
            let port = found.withLock { found in
                found += 1
                return block + 1 + found % (portsInABlock - 1)
            }
            guard let descriptor = listener(on: port) else { continue }
            close(descriptor)
            return port
        }
        throw OutputError(path: "a port", reason: "none is free on 127.0.0.1 after \(block)")
    }

    /// A socket that listens on this port; nil where it is taken.
    private static func listener(on port: Int) -> Int32? {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { return nil }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = UInt16(port).bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        let length = socklen_t(MemoryLayout<sockaddr_in>.size)
        // The socket API takes every address family behind a sockaddr pointer.
        let isBound = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, length) == 0
            }
        }
        guard isBound, listen(descriptor, 1) == 0 else {
            close(descriptor)
            return nil
        }
        return descriptor
    }
}
