import Foundation
import Synchronization

@testable import hoistway_sim

/// Accepts connections on a port of 127.0.0.1 for a test's server, until it is closed.
final class LoopbackListener: Sendable {
    let port: Int
    private let descriptor: Int32
    private let isClosed = Atomic(false)
    private let isServing = Atomic(false)

    /// - Parameters:
    ///   - port: nil for a free one.
    /// - backlog: how many connections the kernel lets wait.
    init(port: Int? = nil, backlog: Int32 = 16) throws {
        self.port = try port ?? FreePort.find()
        descriptor = Self.newSocket()
        var yes: Int32 = 1
        setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &yes, socklen_t(MemoryLayout<Int32>.size))
        guard Self.call(bind, descriptor, self.port) == 0, listen(descriptor, backlog) == 0 else {
            Foundation.close(descriptor)
            throw POSIXError(.EADDRINUSE)
        }
    }

    /// Calls the test's server with each connection, on the listener's thread; the server closes
    /// it.
    func serve(_ connection: @escaping @Sendable (Int32) -> Void) {
        isServing.store(true, ordering: .relaxed)
        Thread.detachNewThread { [self] in
            defer { Foundation.close(descriptor) }
            while !isClosed.load(ordering: .relaxed) {
                let caller = accept(descriptor, nil, nil)
                guard caller >= 0 else { return }
                connection(caller)
            }
        }
    }

    func close() {
        guard !isClosed.exchange(true, ordering: .relaxed) else { return }
        shutdown(descriptor, Int32(SHUT_RDWR))
        // The thread that accepts closes it: otherwise it could accept on another test's socket,
        // which has the number of this one.
        if !isServing.load(ordering: .relaxed) { Foundation.close(descriptor) }
    }

    // MARK: Sockets

    private static func newSocket(_ flags: Int = 0) -> Int32 {
        socket(AF_INET, Int32(Int(SOCK_STREAM.rawValue) | flags), 0)
    }

    /// A connection to a port of 127.0.0.1; nil where no server listens.
    static func connect(to port: Int) -> Int32? {
        let descriptor = newSocket()
        if call(Foundation.connect, descriptor, port) == 0 { return descriptor }
        Foundation.close(descriptor)
        return nil
    }

    /// A connection that is started and not awaited.
    static func beginConnecting(to port: Int) -> Int32 {
        let descriptor = newSocket(Int(SOCK_NONBLOCK.rawValue))
        _ = call(Foundation.connect, descriptor, port)
        return descriptor
    }

    private static func call(
        _ function: (Int32, UnsafePointer<sockaddr>, socklen_t) -> Int32, _ descriptor: Int32,
        _ port: Int
    ) -> Int32 {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(port).bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        // The socket API takes any address family behind a sockaddr pointer.
        return withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                function(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
    }
}
