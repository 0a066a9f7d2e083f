import Mosquitto
import Synchronization

/// Runs libmosquitto's blocking connect on a thread of its own, so that timers go on while a name is looked up or a dead
/// host is waited for.
final class Connector: Sendable {
    struct Outcome: Sendable { var failure: MQTTError? }
    private let result = Mutex<Outcome?>(nil)

    /// The client must be left alone until `outcome` is there.
    init(_ client: MQTTClient) {
        let loan = Loan(client: client)
        _ = LoopThread { [self] in
            do throws(MQTTError) {
                try loan.client.connect()
                result.withLock { $0 = Outcome(failure: nil) }
            } catch { result.withLock { $0 = Outcome(failure: error) } }
        }
    }

    var outcome: Outcome? { result.withLock { $0 } }

    /// Why unchecked: `MQTTClient` is confined to one thread at a time, not to one for ever. While it is lent the loop leaves it alone
    /// (`Link.connecting`); `outcome`, behind a lock, gives it back. The compiler cannot see that.
    private struct Loan: @unchecked Sendable { let client: MQTTClient }
}
