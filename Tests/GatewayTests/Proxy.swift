import Foundation
import Synchronization

/// A link between two programs with the faults that a test chooses: slow, stalled, half open, or a
/// peer that accepts and never answers.
final class Proxy: Sendable {
    enum Weather: Sendable {
        case fair
        /// Each piece arrives later by this time, in both directions.
        case delayed(Double)
        /// Connections stay open and pass nothing, as behind a dead router.
        case stalled
        /// New connections are accepted, and never answered.
        case deaf
        /// Connections are refused, and existing ones are cut.
        case gone
    }

    var port: Int { listener.port }
    private let target: Int
    private let weather = Mutex(Weather.fair)
    /// Never closed while the tests run, so that a number stands for one connection only.
    private let connections = Mutex<[Int32]>([])
    private let listener: LoopbackListener

    init(to target: Int) throws {
        self.target = target
        listener = try LoopbackListener()
        listener.serve { [self] connection in serve(connection) }
    }

    deinit { close() }

    func close() {
        listener.close()
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
        guard let far = LoopbackListener.connect(to: target) else {
            Foundation.close(near)
            return
        }
        connections.withLock { $0 += [near, far] }
        for (from, to) in [(near, far), (far, near)] {
            Thread.detachNewThread { [self] in carry(from, to) }
        }
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
            // A link that stalls for good loses the bytes that it has read, as a router's buffer
            // does.
            while case .stalled = weather.withLock({ $0 }) { usleep(20_000) }
            if case .delayed(let seconds) = weather.withLock({ $0 }) {
                usleep(useconds_t(seconds * 1e6))
            }
            guard send(to, bytes, count, Int32(MSG_NOSIGNAL)) == count else { return }
        }
    }
}
