import Mosquitto
import Synchronization

/// Runs libmosquitto's blocking connect on a thread of its own, so that timers go on while a name is looked up or a dead
/// host is waited for.
final class Connector: Sendable {
    enum Outcome {
        case connected(MQTTClient)
        case failed(MQTTError)
    }

    private let client: Mutex<MQTTClient?>
    private let failure = Mutex<MQTTError?>(nil)
    private let isOver = Atomic(false)

    /// - Parameters:
    ///   - client: whose delegate is not set yet; it comes back with the outcome.
    ///   - wake: of the loop that waits for the outcome.
    init(_ client: sending MQTTClient, waking wake: WakeUp) {
        self.client = Mutex(client)
        LoopThread { [self] in
            // The lock is held all the while: nobody asks for the client before it is over.
            self.client.withLock { client in
                do throws(MQTTError) { try client?.connect() } catch { failure.withLock { $0 = error } }
            }
            isOver.store(true, ordering: .releasing)
            wake.signal()
        }.detach()
    }

    /// How it ended, once; nil while it connects.
    func takeOutcome() -> sending Outcome? {
        guard isOver.load(ordering: .acquiring) else { return nil }
        if let failure = failure.withLock({ $0 }) { return .failed(failure) }
        return client.withLock { client in
            guard let taken = client.take() else { return nil }
            return .connected(taken)
        }
    }
}
