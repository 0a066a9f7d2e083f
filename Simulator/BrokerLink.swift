import Connectivity
import Encoding
import LiftModel
import MQTT
import Platform

/// A connection to a broker for the simulator's own use: it connects, publishes and receives.
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
    private var state = MQTTConnection()
    private let diagnosis: LinkDiagnosis
    private var reportedTrouble: String?
    /// Messages that the broker has refused, and the last reason.
    private(set) var refused = (count: 0, reason: "")
    /// Published messages without an acknowledgement.
    private(set) var inFlight = 0
    private var inbox: [Message] = []

    /// - Parameter diagnosis: of failed connections to this broker; many links to one broker share
    ///   one.
    init(
        _ options: MQTTClient.Options, subscribingTo filters: [String] = [],
        diagnosis: LinkDiagnosis = LinkDiagnosis()
    ) {
        self.options = options
        self.filters = filters
        self.diagnosis = diagnosis
    }

    var isConnected: Bool { state.isAccepted }

    /// Why there is no connection, as far as known.
    var trouble: String? { state.latestEndReason.map { diagnosis.finding?.description ?? $0 } }

    /// `trouble` while there is no connection, each text once.
    func takeTrouble() -> String? {
        guard !isConnected, let trouble, trouble != reportedTrouble else { return nil }
        reportedTrouble = trouble
        return trouble
    }

    /// Waits for up to a time, reads and writes, and connects again where the connection is lost.
    /// - Returns: the messages that arrived.
    func turn(_ wait: Duration) -> [Message] {
        connectIfDue()
        let ready = Poll.wait([socket], writer: client?.wantsWrite == true ? socket : -1, for: wait)
        return attend(isReadable: ready[0])
    }

    var wantsWrite: Bool { client?.wantsWrite == true }
    /// -1 while there is no connection.
    var socket: Int32 { client?.socket ?? -1 }

    func connectIfDue() {
        if state.isDue(at: MonotonicClock.now) { connect() }
    }

    /// Reads what has arrived, and writes what waits.
    func attend(isReadable: Bool) -> [Message] {
        do throws(MQTTError) {
            if isReadable, let client {
                state.apply(.heard(at: MonotonicClock.now))
                var rounds = 0
                repeat {
                    try client.read(upTo: 500)
                    rounds += 1
                } while rounds < 4 && !state.isLost && Poll.isReadable(client.socket)
            }
            try client?.keepAlive()
            try client?.write()
        } catch { state.apply(.broken(error.description)) }
        if !state.isAccepted, let silence = state.silence(at: MonotonicClock.now) {
            state.apply(.broken("no answer to CONNECT in \(silence.spanText)"))
        }
        if state.isLost { scheduleReconnect() }
        defer { inbox.removeAll(keepingCapacity: true) }
        return inbox
    }

    func publish(_ payload: [UInt8], to topic: String, retain: Bool = false) -> Bool {
        guard isConnected, let client else { return false }
        do throws(MQTTError) { _ = try client.publish(payload, to: topic, retain: retain) } catch {
            state.apply(.broken(error.description))
            return false
        }
        inFlight += 1
        return true
    }

    func leave() {
        client?.disconnect()
        // A lost connection needs no farewell.
        try? client?.write()
    }

    private func connect() {
        state.apply(.started(at: MonotonicClock.now))
        do throws(MQTTError) {
            let fresh = try MQTTClient(options, delegate: self)
            client = fresh
            try fresh.connect()
        } catch { state.apply(.broken(error.description)) }
    }

    private func scheduleReconnect() {
        if !state.hasAnswered { diagnosis.start(options.probe) }
        client = nil
        inFlight = 0
        let now = MonotonicClock.now
        state.apply(.dropped(until: now + backoff.pause(at: now, using: &random)))
    }

    func connected(_ broker: MQTTSession) {
        state.apply(.accepted)
        reportedTrouble = nil
        diagnosis.reset()
        for filter in filters {
            do throws(MQTTError) {
                if let mid = try client?.subscribe(filter) {
                    state.apply(.awaits(mid, topic: filter))
                }
            } catch {
                state.apply(.broken("'\(filter)': \(error.description)"))
            }
        }
    }
    func refused(_ reason: MQTTReason) {
        diagnosis.reset()
        state.apply(.refused(reason.description))
    }
    func disconnected(_ reason: MQTTReason?) {
        if let reason {
            state.apply(.closed(reason.description))
        } else {
            state.apply(.broken(client?.silentEndText ?? "the broker closed the connection"))
        }
    }
    func subscribed(_ mid: Int32, _ grant: MQTTGrant) {
        state.apply(.subscribed(mid))
        if case .refused(let reason) = grant {
            state.apply(.refused("the broker refuses a subscription: \(reason)"))
        }
    }
    func published(_ mid: Int32, _ answer: MQTTPublicationAnswer) {
        inFlight -= 1
        if let refusal = answer.refusal { refused = (refused.count + 1, refusal.description) }
    }
    func received(topic: Span<UInt8>, payload: Span<UInt8>, qos: Int, isRetained: Bool, mid: Int) {
        inbox.append(
            Message(
                topic: String(decoding: topic.array, as: UTF8.self), payload: payload.array,
                isRetained: isRetained,
                qos: qos))
    }
}
