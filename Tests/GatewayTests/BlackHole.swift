import Foundation

/// A port that neither accepts nor refuses a connection.
struct BlackHole {
    private let listener: LoopbackListener
    private let callers: [Int32]
    var port: Int { listener.port }

    init() throws {
        // No connection is accepted, and the queue has no room for a further one.
        let listener = try LoopbackListener(backlog: 0)
        callers = (0..<4).map { _ in LoopbackListener.beginConnecting(to: listener.port) }
        self.listener = listener
    }

    func close() {
        for caller in callers { Foundation.close(caller) }
        listener.close()
    }
}
