import Foundation
import Synchronization

@testable import hoistway_sim

/// A link between two programs that misbehaves as a test wants: slow, stalled, half open, or a peer that accepts and never answers.
final class Proxy: Sendable {
    enum Weather: Sendable {
        case fair
        /// Each piece arrives this much later, in both directions.
        case delayed(Double)
        /// Connections stay open, and nothing passes: what a dead router leaves behind.
        case stalled
        /// Connections that come are taken, and nobody answers.
        case deaf
        /// Connections are refused and those that were are cut.
        case gone
    }

    let port: Int
    private let target: Int
    private let weather = Mutex(Weather.fair)
    private let connections = Mutex<[Int32]>([])
    private let listener: Int32
    private let isClosed = Atomic(false)

    init(to target: Int) throws {
        self.target = target
        port = try FreePort.find()
        listener = try Self.listen(on: port)
        Thread.detachNewThread { [self] in
            while !isClosed.load(ordering: .relaxed) {
                let connection = accept(listener, nil, nil)
                guard connection >= 0 else { break }
                serve(connection)
            }
        }
    }

    deinit { close() }

    func close() {
        guard !isClosed.exchange(true, ordering: .relaxed) else { return }
        shutdown(listener, Int32(SHUT_RDWR))
        Foundation.close(listener)
        cut()
    }

    func set(_ new: Weather) {
        weather.withLock { $0 = new }
        if case .gone = new { cut() }
    }

    private func cut() {
        for connection in connections.withLock({ $0 }) { shutdown(connection, Int32(SHUT_RDWR)) }
    }

    private func serve(_ near: Int32) {
        switch weather.withLock({ $0 }) {
        case .gone:
            Foundation.close(near)
            return
        case .deaf, .stalled:
            connections.withLock { $0.append(near) }
            return
        default: break
        }
        guard let far = Self.connect(to: target) else {
            Foundation.close(near)
            return
        }
        connections.withLock { $0 += [near, far] }
        for (from, to) in [(near, far), (far, near)] { Thread.detachNewThread { [self] in carry(from, to) } }
    }

    private func carry(_ from: Int32, _ to: Int32) {
        var bytes = [UInt8](repeating: 0, count: 1 << 16)
        defer {
            shutdown(to, Int32(SHUT_RDWR))
            shutdown(from, Int32(SHUT_RDWR))
        }
        while true {
            let count = recv(from, &bytes, bytes.count, 0)
            guard count > 0 else { return }
            // What was read is lost with a link that stalls for good, as in a router's buffer.
            while case .stalled = weather.withLock({ $0 }) { usleep(20_000) }
            if case .delayed(let seconds) = weather.withLock({ $0 }) { usleep(useconds_t(seconds * 1e6)) }
            guard send(to, bytes, count, Int32(MSG_NOSIGNAL)) == count else { return }
        }
    }

    private static func address(_ port: Int) -> sockaddr_in {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = UInt16(port).bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        return address
    }

    private static func listen(on port: Int) throws -> Int32 {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var one: Int32 = 1
        setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &one, socklen_t(MemoryLayout<Int32>.size))
        var address = address(port)
        let bound = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard bound == 0, Foundation.listen(descriptor, 16) == 0 else { throw POSIXError(.EADDRINUSE) }
        return descriptor
    }

    private static func connect(to port: Int) -> Int32? {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = address(port)
        let result = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                Foundation.connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        if result == 0 { return descriptor }
        Foundation.close(descriptor)
        return nil
    }
}
