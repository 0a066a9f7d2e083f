import Foundation
import MQTT
import Platform

/// One MQTT connection of the test's.
final class Wire: MQTTClientDelegate {
    private var client: MQTTClient!
    private var isConnected = false
    /// Subscriptions without an answer.
    private var awaited: Set<Int32> = []
    private var ends: [String] = []
    /// The state of the connection, for a person.
    var account: String {
        "\(isConnected ? "open" : "closed"), \(inFlight) in flight, ends: \(ends)"
    }
    private var inbox: [(topic: String, payload: [UInt8])] = []
    private(set) var retained: [String: [UInt8]] = [:]
    private let port: Int
    private let clientID: String
    private(set) var mids: [Int] = []
    /// Published and not yet acknowledged.
    private var inFlight = 0

    init(port: Int, clientID: String) {
        self.port = port
        self.clientID = clientID
    }

    /// - Returns: whether the broker has accepted the connection and each subscription.
    func connect(subscribingTo filters: [String] = []) -> Bool {
        for _ in 0..<100 {
            isConnected = false
            awaited.removeAll()
            do {
                client = try MQTTClient(
                    MQTTClient.Options(
                        url: BrokerURL("mqtt://127.0.0.1:\(port)")!, clientID: clientID),
                    delegate: self)
                try client.connect()
                for _ in 0..<250 where !isConnected { pump(.milliseconds(20)) }
                guard isConnected else { continue }
                for filter in filters { awaited.insert(try client.subscribe(filter)) }
                for _ in 0..<250 where !awaited.isEmpty { pump(.milliseconds(20)) }
                if awaited.isEmpty { return true }
            } catch { usleep(50_000) }
        }
        return false
    }

    func publish(_ payload: [UInt8], to topic: String) {
        if (try? client.publish(payload, to: topic)) != nil { inFlight += 1 }
        pump(.milliseconds(2))
    }
    /// The messages since the last call.
    func turn() -> [(topic: String, payload: [UInt8])] {
        pump(.milliseconds(20))
        defer { inbox.removeAll() }
        return inbox
    }
    private func pump(_ wait: Duration) {
        if Poll.wait([client.socket], for: wait)[0] { try? client.read() }
        try? client.keepAlive()
        try? client.write()
    }
    /// Waits until the broker has acknowledged every message.
    func settle() { for _ in 0..<1500 where inFlight > 0 { pump(.milliseconds(20)) } }
    /// Reads without writing: nothing is acknowledged.
    func readOnly(for seconds: Double) {
        let deadline = Date().addingTimeInterval(seconds)
        while Date() < deadline {
            if Poll.wait([client.socket], for: .milliseconds(20))[0] { try? client.read() }
        }
    }
    func drop() { client.drop() }
    /// Disconnects while a message is still to be written.
    func leave() {
        _ = try? client.publish([1], to: "bye")
        client.disconnect()
        try? client.write()
    }

    func connected(_ broker: MQTTSession) { isConnected = true }
    func refused(_ reason: MQTTReason) {}
    func disconnected(_ reason: MQTTReason?) {
        isConnected = false
        ends.append(reason?.description ?? client.silentEndText)
    }
    func subscribed(_ mid: Int32, _ grant: MQTTGrant) {
        if case .granted = grant { awaited.remove(mid) }
    }
    func published(_ mid: Int32, _ answer: MQTTPublicationAnswer) { inFlight -= 1 }
    func received(topic: Span<UInt8>, payload: Span<UInt8>, qos: Int, isRetained: Bool, mid: Int) {
        var name: [UInt8] = []
        for i in 0..<topic.count { name.append(topic[i]) }
        var bytes: [UInt8] = []
        for i in 0..<payload.count { bytes.append(payload[i]) }
        mids.append(mid)
        let text = String(decoding: name, as: UTF8.self)
        if !text.contains("/alert/"), !text.contains("/event/") { retained[text] = bytes }
        inbox.append((text, bytes))
    }
}
