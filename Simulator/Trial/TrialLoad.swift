import Encoding
import FoundationEssentials
import LiftModel
import MQTT
import Platform
import Synchronization

/// Publishes lifts' messages at QoS 1, as fast as the broker takes them or at a steady rate, and
/// stores when each was published.
final class TrialPublisher: MQTTClientDelegate {
    private let lifts: Int
    private var client: MQTTClient?
    private var isConnected = false
    private var sequences: [Int]
    private var isHigh: [Bool]
    private(set) var published = 0
    private(set) var acknowledged = 0
    /// When each change of each lift's verdict was published.
    private(set) var causes: [[MonotonicTime]]

    /// Messages without an acknowledgement: as many as a fleet of publishers has in flight.
    private static let window = 1000

    init(port: Int, lifts: Int) throws {
        self.lifts = lifts
        sequences = Array(repeating: 0, count: lifts)
        isHigh = Array(repeating: false, count: lifts)
        causes = Array(repeating: [], count: lifts)
        guard let url = BrokerURL("mqtt://127.0.0.1:\(port)") else { return }
        let client = try MQTTClient(
            MQTTClient.Options(url: url, clientID: "trial-lifts"), delegate: self)
        self.client = client
        try client.connect()
        while !isConnected { try turn(.milliseconds(50)) }
    }

    /// - Parameter share: one message in so many changes the verdict of the trial's rule.
    func publish(_ count: Int, oneIn share: Int, perSecond rate: Double? = nil) throws {
        let began = MonotonicClock.now
        for number in 0..<count {
            if let rate {
                while (MonotonicClock.now - began).inSeconds < Double(number) / rate {
                    try turn(.milliseconds(1))
                }
            }
            while published - acknowledged >= Self.window { try turn(.milliseconds(50)) }
            let lift = published % lifts
            if published / lifts % share == lift % share {
                isHigh[lift].toggle()
                causes[lift].append(MonotonicClock.now)
            }
            try publishState(of: lift)
            if published % 64 == 0 || rate != nil { try turn(.zero) }
        }
    }

    /// Changes the verdict of one lift.
    func change(_ lift: Int) throws {
        isHigh[lift].toggle()
        causes[lift].append(MonotonicClock.now)
        try publishState(of: lift)
        try turn(.zero)
    }

    /// Waits until the broker has acknowledged everything.
    func finish() throws { while acknowledged < published { try turn(.milliseconds(50)) } }

    private func publishState(of lift: Int) throws {
        sequences[lift] += 1
        let floor = isHigh[lift] ? 90 + sequences[lift] % 7 : sequences[lift] % 30
        let text =
            "{\"Sequence\":\(sequences[lift]),\"Service_Mode\":1,\"Car_Status\":0,\"Car_Direction\":0,\"Door_Zone\":true,\"Car_Position\":\(floor),\"Door_Status\":true,\"Passenger_Status\":false,\"Message_Code\":[]}"
        _ = try client?.publish(Array(text.utf8), to: "lifts/\(TrialSite.lift(lift))/state")
        published += 1
    }

    private func turn(_ wait: Duration) throws {
        guard let client else { return }
        try client.write()
        if Poll.wait([client.socket], writer: client.wantsWrite ? client.socket : -1, for: wait)[0]
        {
            try client.read(upTo: 1000)
        }
        try client.keepAlive()
        try client.write()
    }

    func connected(_ broker: MQTTSession) { isConnected = true }
    func refused(_ reason: MQTTReason) {}
    func disconnected(_ reason: MQTTReason?) {}
    func subscribed(_ mid: Int32, _ grant: MQTTGrant) {}
    func published(_ mid: Int32, _ answer: MQTTPublicationAnswer) { acknowledged += 1 }
    func received(topic: Span<UInt8>, payload: Span<UInt8>, qos: Int, isRetained: Bool, mid: Int) {}
}

/// The centre of a trial, on a thread of its own: receives events, answers with receipts, and
/// stores when each first came.
final class TrialCentre: Sendable {
    struct Event: Sendable {
        var id: String
        var kind: String
        var subject: String
        var sequence: Int
        var at: MonotonicTime
    }
    private struct Memory {
        var events: [Event] = []
        var seen: Set<String> = []
        var copies = 0
        var raw = 0
    }
    private let memory = Mutex(Memory())
    private let isOver = Atomic(false)
    private let thread: Mutex<LoopThread?> = Mutex(nil)

    /// - Parameters:
    ///   - topics: what to subscribe to; messages of the compared bridge are only counted.
    ///   - earlier: the centre before its outage, whose events this one has.
    init(
        port: Int, topics: [String] = ["hoistway/v1/trial/alert/+", "hoistway/v1/trial/event/+"],
        before earlier: TrialCentre? = nil
    ) {
        if let earlier { memory.withLock { $0 = earlier.memory.withLock { $0 } } }
        let running = LoopThread { [self] in
            guard let url = BrokerURL("mqtt://127.0.0.1:\(port)") else { return }
            var options = MQTTClient.Options(url: url, clientID: "trial-centre")
            options.sessionExpiry = .seconds(3600)
            let link = BrokerLink(options, subscribingTo: topics)
            while !isOver.load(ordering: .relaxed) {
                let messages = link.turn(.milliseconds(50))
                if messages.isEmpty { continue }
                let now = MonotonicClock.now
                var ids: [String] = []
                for message in messages {
                    guard message.topic.hasPrefix("hoistway/") else {
                        memory.withLock { $0.raw += 1 }
                        continue
                    }
                    guard let event = Self.event(message.payload, at: now) else { continue }
                    ids.append(event.id)
                    memory.withLock {
                        $0.copies += 1
                        if $0.seen.insert(event.id).inserted { $0.events.append(event) }
                    }
                }
                if ids.isEmpty { continue }
                var json = JSONWriter()
                json.object { $0.array("ids") { for id in ids { $0.item(id) } } }
                _ = link.publish(json.bytes, to: "hoistway/v1/trial/receipt")
            }
            link.leave()
        }
        thread.withLock { $0 = running }
    }

    func end() {
        isOver.store(true, ordering: .relaxed)
        thread.withLock { $0 }?.join()
    }

    var events: [Event] { memory.withLock { $0.events } }
    var count: Int { memory.withLock { $0.events.count } }
    var copies: Int { memory.withLock { $0.copies } }
    var raw: Int { memory.withLock { $0.raw } }

    private struct Row: Decodable {
        struct Body: Decodable { var kind: String? }
        var id: String
        var subject: String
        var sequence: Int?
        var data: Body
    }

    private static func event(_ payload: [UInt8], at now: MonotonicTime) -> Event? {
        // An event without these members gets no receipt: the trial sees that it stays in the
        // queue.
        guard let row = try? decodeJSON(Row.self, Data(payload)) else { return nil }
        return Event(
            id: row.id, kind: row.data.kind ?? "", subject: row.subject,
            sequence: row.sequence ?? 0, at: now)
    }
}
