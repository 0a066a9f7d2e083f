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
    /// nil while it connects; inside, why it failed or nil.
    private let end = Mutex<MQTTError??>(nil)

    /// - Parameter client: whose delegate is not set yet; it comes back with the outcome.
    init(_ client: sending MQTTClient) {
        self.client = Mutex(client)
        LoopThread { [self] in
            // The lock is held all the while: nobody asks for the client before `end` is set.
            let failure = self.client.withLock { client -> MQTTError? in
                do throws(MQTTError) {
                    try client?.connect()
                    return nil
                } catch { return error }
            }
            end.withLock { $0 = .some(failure) }
        }.detach()
    }

    /// How it ended, once; nil while it connects.
    func takeOutcome() -> sending Outcome? {
        guard let failure = end.withLock({ $0 }) else { return nil }
        if let failure { return .failed(failure) }
        return client.withLock { client in
            guard let taken = client.take() else { return nil }
            return .connected(taken)
        }
    }
}
