import Elevator
import Encoding
import Mosquitto

/// A plain connection to a broker for the simulator's own use: connects, publishes, and hears.
final class BrokerLink: MQTTClientDelegate {
    struct Message {
        var topic: String
        var payload: [UInt8]
        var isRetained: Bool
        var qos: Int
    }
    private let options: MQTTClient.Options
    private let filters: [String]
    private var client: MQTTClient?
    private var backoff = Backoff(base: .milliseconds(100), cap: .seconds(1))
    private var random = SystemRandomNumberGenerator()
    private var nextAttempt: Int64 = 0
    private var isLost = false
    /// Why the last connection did not come about, or ended.
    private(set) var trouble: String?
    private(set) var isConnected = false
    private(set) var underWay = 0
    private var inbox: [Message] = []

    init(_ options: MQTTClient.Options, subscribingTo filters: [String] = []) {
        self.options = options
        self.filters = filters
    }

    /// Waits for up to a while, reads and writes; connects again where the connection is gone.
    /// - Returns: what was heard.
    func turn(_ wait: Duration) -> [Message] {
        connectIfDue()
        let ready = Poll.wait([socket], writer: client?.wantsWrite == true ? socket : -1, for: wait)
        return attend(isReadable: ready[0])
    }

    var wantsWrite: Bool { client?.wantsWrite == true }
    /// -1 while there is no connection.
    var socket: Int32 { client?.socket ?? -1 }

    func connectIfDue() { if client == nil, MonotonicClock.nanoseconds >= nextAttempt { connect() } }

    /// Reads what is there, and writes what waits.
    func attend(isReadable: Bool) -> [Message] {
        do throws(MQTTError) {
            if isReadable, let client {
                var rounds = 0
                repeat {
                    try client.read(upTo: 500)
                    rounds += 1
                } while rounds < 4 && !isLost && Poll.isReadable(client.socket)
            }
            try client?.keepAlive()
            try client?.write()
        } catch { lose(error.description) }
        if isLost { retreat() }
        defer { inbox.removeAll(keepingCapacity: true) }
        return inbox
    }

    func publish(_ payload: [UInt8], to topic: String, retain: Bool = false) -> Bool {
        guard isConnected, let client, (try? client.publish(payload, to: topic, retain: retain)) != nil else {
            return false
        }
        underWay += 1
        return true
    }

    func leave() {
        client?.disconnect()
        try? client?.write()
    }

    private func connect() {
        do throws(MQTTError) {
            let fresh = try MQTTClient(options, delegate: self)
            client = fresh
            try fresh.connect()
        } catch { lose(error.description) }
    }

    private func retreat() {
        isLost = false
        isConnected = false
        client = nil
        underWay = 0
        nextAttempt =
            MonotonicClock.nanoseconds + backoff.pause(at: MonotonicClock.nanoseconds, using: &random).nanoseconds
    }

    func connected(sessionPresent: Bool) {
        isConnected = true
        for filter in filters {
            do throws(MQTTError) { _ = try client?.subscribe(filter) } catch {
                lose("'\(filter)': \(error.description)")
            }
        }
    }
    func refused(_ reason: String) { lose(reason) }
    func disconnected(_ reason: String) { lose(reason) }
    func subscribed(_ mid: Int32, accepted: Bool) { if !accepted { lose("the broker refuses a subscription") } }
    private func lose(_ reason: String) {
        // What follows from the first failure tells nothing.
        if !isLost { trouble = reason }
        isLost = true
    }
    func published(_ mid: Int32) { underWay -= 1 }
    func received(topic: Span<UInt8>, payload: Span<UInt8>, qos: Int, isRetained: Bool, mid: Int) {
        inbox.append(
            Message(
                topic: String(decoding: topic.array, as: UTF8.self), payload: payload.array, isRetained: isRetained,
                qos: qos))
    }
}
