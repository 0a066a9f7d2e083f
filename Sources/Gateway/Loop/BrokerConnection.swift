import Connectivity
import GatewayCore
import LiftModel
import Logging
import MQTT
import Platform

/// The loop's connection to the building's broker. Any failure, also one that the library calls
/// final, leads to a logged pause and another attempt.
///
///     down ──▶ connecting ──▶ waiting ──last SUBACK──▶ subscribed
///       ▲          │             │                         │
///       └──────────┴─────────────┴─────── failure ─────────┘
///
/// The loop decides when it is written to: a write acknowledges what was read.
final class BrokerConnection: MQTTClientDelegate {
    private enum State {
        /// Monotonic nanoseconds, as all times here.
        case down(retryAt: Int64)
        /// The connecting thread owns the client.
        case connecting(Connector)
        /// CONNECT is sent; CONNACK and SUBACK are awaited. `lastReceived`: when the broker last
        /// sent anything.
        case waiting(since: Int64, lastReceived: Int64)
        case subscribed
    }

    private let options: MQTTClient.Options
    private let filters: [String]
    /// A hash of the broker's present secrets and certificates; nil where one cannot be read.
    private let secretsHash: @Sendable () -> UInt64?
    let wake: WakeUp
    private let log: Logger
    /// The loop owns this connection.
    unowned var loop: TelemetryLoop!

    private var client: MQTTClient?
    private var state = State.down(retryAt: 0)
    /// Why the connection must end; nil while it may continue.
    private var lossReason: String?
    /// The hash of the secrets of the present connection.
    private var secretsInUse: UInt64 = 0
    /// Secrets have changed, so the next attempt to connect follows without a pause.
    private var retriesAtOnce = false
    private var backoff = Backoff()
    private var random = SystemRandomNumberGenerator()
    private var troubles = TroubleLog()
    /// Why the last connection ended, or could not be made.
    var lastError = ""
    private(set) var answers = BrokerAnswers()
    /// The broker has answered CONNECT on this connection: a failure after that has nothing to do
    /// with names, ports or certificates.
    private var hasAnswered = false
    private let diagnosis = LinkDiagnosis()

    init(
        _ options: MQTTClient.Options, filters: [String],
        secretsHash: @escaping @Sendable () -> UInt64?,
        wake: WakeUp, log: Logger
    ) {
        self.options = options
        self.filters = filters
        self.secretsHash = secretsHash
        self.wake = wake
        self.log = log
    }

    var isSubscribed: Bool { if case .subscribed = state { true } else { false } }
    var socket: Int32 { client?.socket ?? -1 }
    var wantsWrite: Bool { client?.wantsWrite == true }
    /// When the next attempt to connect is due; nil while there is a connection or an attempt.
    var retryAt: Int64? { if case .down(let retryAt) = state { retryAt } else { nil } }

    /// Why the broker cannot be reached, as far as it is known; empty until a connection fails.
    var trouble: String { diagnosis.finding.map { "broker: \($0)" } ?? lastError }
    /// The same without the name of the connection, where that stands before it anyway; nil until a
    /// connection fails.
    var cause: String? { trouble.isEmpty ? nil : withoutConnectionName(trouble) }
    /// What is wrong while the broker is connected; whole sentences.
    var problems: [String] {
        answers.problems(of: options.clientID, at: MonotonicClock.nanoseconds)
    }

    // MARK: One turn

    /// Connects where it is time, and reads what the socket has, while the loop has room.
    func manage(socketIsReady: Bool) throws {
        let now = MonotonicClock.nanoseconds
        switch state {
        case .down(let retryAt):
            if now >= retryAt { try connect() }
        case .connecting(let connector):
            switch connector.takeOutcome() {
            case nil: return
            case .failed(let failure): throw failure
            case .connected(let connected):
                connected.delegate = self
                client = connected
                state = .waiting(since: now, lastReceived: now)
            }
        case .waiting(let since, let lastReceived):
            // A persistent session may send a whole window of messages, each with an alert, before
            // it answers SUBSCRIBE.
            if socketIsReady {
                try readUntilDry()
                if case .waiting = state { state = .waiting(since: since, lastReceived: now) }
            }
            if case .waiting = state,
                now - lastReceived > 20_000_000_000 || now - since > 120_000_000_000
            {
                throw ConnectionLost(
                    reason:
                        "no answer to CONNECT and SUBSCRIBE in \((now - since) / 1_000_000_000) s")
            }
        case .subscribed:
            if socketIsReady { try readUntilDry() }
        }
    }

    /// Whether the broker may have sent more than was read.
    var hasUnread: Bool { Poll.isReadable(socket) }

    private func readUntilDry() throws {
        repeat {
            try client?.read(upTo: loop.core.credit) { loop.core.hasRoom }
        } while lossReason == nil && loop.core.hasRoom && hasUnread
    }

    /// Sends pings and what is queued: acknowledgements, too.
    func write() throws {
        try client?.keepAlive()
        try client?.write()
    }

    /// - Throws: where the broker or a change of secrets has ended the connection.
    func checkLoss() throws {
        if let lossReason { throw ConnectionLost(reason: lossReason) }
    }

    private func connect() throws(MQTTError) {
        lossReason = nil
        hasAnswered = false
        secretsInUse = secretsHash() ?? secretsInUse
        state = .connecting(Connector(try MQTTClient(options), waking: wake))
    }

    // MARK: The end of a connection

    private struct ConnectionLost: Error, CustomStringConvertible {
        var reason: String
        var description: String { "broker: \(reason)\(reason.hasSuffix("?") ? "" : ".")" }
    }

    /// Ends the connection, and plans the next attempt. The broker's own reason takes precedence
    /// over the library's error.
    /// - Returns: whether the broker had sent a packet that is too large for the memory limit.
    func drop(after error: any Error) -> Bool {
        let isGiant = (error as? MQTTError)?.isGiantPacket ?? false
        lastError =
            isGiant ? "\(error)" : "\(lossReason.map { ConnectionLost(reason: $0) } ?? error)"
        let now = MonotonicClock.nanoseconds
        let pause = retriesAtOnce ? .zero : backoff.pause(at: now, using: &random)
        retriesAtOnce = false
        if let line = troubles.line(trouble, nextIn: pause, at: now) { log.warning("\(line)") }
        if !hasAnswered {
            answers.connectionFailed()
            diagnosis.start(options.probe)
        }
        client?.drop()
        client = nil
        state = .down(retryAt: now + pause.nanoseconds)
        lossReason = nil
        return isGiant
    }

    /// Logs the cause of a failure, once it is found.
    func noteDiagnosis() {
        guard diagnosis.takeNewFinding() != nil else { return }
        log.error("\(trouble)")
        troubles.note(trouble, at: MonotonicClock.nanoseconds)
    }

    /// Ends the connection in good order, where there is one.
    func leave() {
        guard isSubscribed else { return }
        client?.disconnect()
        // The process ends: a broker that is away needs no farewell.
        try? client?.write()
    }

    /// Reconnects at once where the password or a certificate has changed.
    func renewSecrets() {
        guard let secrets = secretsHash(), secrets != secretsInUse else { return }
        let change = "a password or a certificate has changed"
        switch state {
        case .down:
            log.notice("broker: \(change); connecting again at once")
            state = .down(retryAt: 0)
        case .connecting: retriesAtOnce = true
        case .waiting, .subscribed:
            retriesAtOnce = true
            lossReason = change
        }
    }

    // MARK: Callbacks of the client

    func connected(_ broker: MQTTSession) {
        hasAnswered = true
        diagnosis.reset()
        answers.connectionStarted()
        troubles.reset()
        backoff.connected(at: MonotonicClock.nanoseconds)
        loop.sessionStarted(isPresent: broker.isPresent)
        log.info(
            "broker: connected to \(options.url), session \(broker.isPresent ? "kept" : "new")")
        do throws(MQTTError) {
            // On every CONNACK: in a persistent session a topic that the configuration added would
            // stay unsubscribed.
            for filter in filters {
                if let mid = try client?.subscribe(filter) { answers.requested(filter, mid) }
            }
        } catch { lossReason = error.description }
    }

    func subscribed(_ mid: Int32, _ grant: MQTTGrant) {
        guard answers.subscribed(mid, grant) else { return }
        if let refusal = answers.refusedAll {
            lossReason = "\(options.url): \(refusal)"
            return
        }
        for problem in problems { log.error("\(problem)") }
        state = .subscribed
        loop.subscriptionsGranted()
    }

    func refused(_ reason: MQTTReason) {
        hasAnswered = true
        diagnosis.reset()
        lossReason = "\(options.url) refuses us: \(reason)"
    }

    func disconnected(_ reason: MQTTReason?) {
        let now = MonotonicClock.nanoseconds
        if let reason, reason.isTakeover { answers.takenOver(reason, at: now) }
        if reason == nil, lossReason == nil, hasAnswered { answers.closedSilently(at: now) }
        let end =
            reason.map { "\(options.url) closed the connection: \($0)" } ?? client?.silentEndText
        lossReason = lossReason ?? end
    }

    func published(_ mid: Int32, refusal: MQTTReason?) {}

    func received(topic: Span<UInt8>, payload: Span<UInt8>, qos: Int, isRetained: Bool, mid: Int) {
        loop.received(topic: topic, payload: payload, qos: qos, isRetained: isRetained, mid: mid)
    }
}

/// A line of the log names the connection; a row of the status has a title for it.
func withoutConnectionName(_ text: String) -> String {
    text.hasPrefix("broker: ") ? String(text.dropFirst(8)) : text
}
