import MQTT
import Platform
import Synchronization

/// Runs libmosquitto's blocking connect on a thread of its own, so that timers continue during a
/// name look-up and while a dead host is awaited.
final class Connector: Sendable {
    enum Outcome {
        case connected(MQTTClient)
        case failed(MQTTError)
    }

    private let client: Mutex<MQTTClient?>
    private let failure = Mutex<MQTTError?>(nil)
    private let isOver = Atomic(false)

    /// - Parameters:
    /// - client: a client without a delegate; the outcome returns it.
    /// - wake: the wake-up of the loop that waits for the outcome.
    init(_ client: sending MQTTClient, waking wake: WakeUp) {
        self.client = Mutex(client)
        LoopThread { [self] in
            // The lock is held all the time: the client is not asked for before the connect has
            // ended.
            self.client.withLock { client in
                do throws(MQTTError) { try client?.connect() } catch {
                    failure.withLock { $0 = error }
                }
            }
            isOver.store(true, ordering: .releasing)
            wake.signal()
        }.detach()
    }

    /// The outcome, once; nil while it connects.
    func takeOutcome() -> sending Outcome? {
        guard isOver.load(ordering: .acquiring) else { return nil }
        if let failure = failure.withLock({ $0 }) { return .failed(failure) }
        return client.withLock { client in
            guard let taken = client.take() else { return nil }
            return .connected(taken)
        }
    }
}
