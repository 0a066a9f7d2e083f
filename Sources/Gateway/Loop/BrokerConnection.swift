import Connectivity
import GatewayCore
import LiftModel
import Logging
import MQTT
import Platform

/// The loop's connection to the building's broker (`MQTTConnection` has its states). Any failure,
/// also one that the library calls final, leads to a logged pause and another attempt.
///
/// The loop decides when it is written to: a write acknowledges what was read.
final class BrokerConnection: MQTTClientDelegate {
    private let options: MQTTClient.Options
    private let filters: [String]
    /// A hash of the broker's present secrets and certificates; nil where one cannot be read.
    private let secretsHash: @Sendable () -> UInt64?
    let wake: WakeUp
    private let log: Logger
    /// The loop owns this connection.
    unowned var loop: TelemetryLoop!

    /// Owns the client until its socket is open; nil otherwise.
    private var connector: Connector?
    private var client: MQTTClient?
    private var state = MQTTConnection()
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

    var isSubscribed: Bool { state.isReady }
    var socket: Int32 { client?.socket ?? -1 }
    var wantsWrite: Bool { client?.wantsWrite == true }
    /// When the next attempt to connect is due; nil while there is a connection or an attempt.
    var retryAt: MonotonicTime? { state.retryAt }

    /// Why the broker cannot be reached, as far as it is known; empty until a connection fails.
    var trouble: String { diagnosis.finding.map { "broker: \($0)" } ?? lastError }
    /// The same without the name of the connection, where that stands before it anyway; nil until a
    /// connection fails.
    var cause: String? { trouble.isEmpty ? nil : withoutConnectionName(trouble) }
    /// What is wrong while the broker is connected; whole sentences.
    var problems: [String] {
        answers.problems(of: options.clientID, at: MonotonicClock.now)
    }

    // MARK: One turn

    /// Connects where it is time, and reads what the socket has, while the loop has room.
    func manage(socketIsReady: Bool) throws {
        let now = MonotonicClock.now
        if state.isDue(at: now) { try connect() }
        if let connector {
            switch connector.takeOutcome() {
            case nil: return
            case .failed(let failure): throw failure
            case .connected(let connected):
                self.connector = nil
                connected.delegate = self
                client = connected
                state.apply(.started(at: now))
                if retriesAtOnce { state.apply(.broken(Self.secretsChanged)) }
            }
        } else if socketIsReady {
            state.apply(.heard(at: now))
            try readUntilDry()
        }
        guard let silence = state.silence(at: now) else { return }
        throw ConnectionLost(
            reason:
                "no answer to \(state.hasAnswered ? "SUBSCRIBE" : "CONNECT") in \(silence.spanText)"
        )
    }

    /// Whether the broker may have sent more than was read.
    var hasUnread: Bool { Poll.isReadable(socket) }

    private func readUntilDry() throws {
        repeat {
            try client?.read(upTo: loop.core.credit) { loop.core.hasRoom }
        } while !state.isLost && loop.core.hasRoom && hasUnread
    }

    /// Sends pings and what is queued: acknowledgements, too.
    func write() throws {
        try client?.keepAlive()
        try client?.write()
    }

    /// - Throws: where the broker or a change of secrets has ended the connection.
    func checkLoss() throws {
        guard state.isLost else { return }
        throw ConnectionLost(reason: state.endReason ?? "the connection is lost")
    }

    private func connect() throws(MQTTError) {
        secretsInUse = secretsHash() ?? secretsInUse
        state.apply(.started(at: MonotonicClock.now))
        connector = Connector(try MQTTClient(options), waking: wake)
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
        let cause = state.endReason.map { ConnectionLost(reason: $0) } ?? error
        lastError = "\(isGiant ? error : cause)"
        let now = MonotonicClock.now
        let pause = retriesAtOnce ? .zero : backoff.pause(at: now, using: &random)
        retriesAtOnce = false
        if let line = troubles.line(trouble, nextIn: pause, at: now) { log.warning("\(line)") }
        // A failure after the broker's answer has nothing to do with names, ports or certificates.
        if !state.hasAnswered {
            answers.connectionFailed()
            diagnosis.start(options.probe)
        }
        client?.drop()
        client = nil
        connector = nil
        state.apply(.dropped(until: now + pause))
        return isGiant
    }

    /// Logs the cause of a failure, once it is found.
    func noteDiagnosis() {
        guard diagnosis.takeNewFinding() != nil else { return }
        log.error("\(trouble)")
        troubles.note(trouble, at: MonotonicClock.now)
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
        if state.retryAt != nil {
            log.notice("broker: \(Self.secretsChanged); connecting again at once")
            return state.apply(.pauseEnded)
        }
        retriesAtOnce = true
        // A client that another thread connects is left to it.
        if client != nil { state.apply(.broken(Self.secretsChanged)) }
    }
    private static let secretsChanged = "a password or a certificate has changed"

    // MARK: Callbacks of the client

    func connected(_ broker: MQTTSession) {
        state.apply(.accepted)
        diagnosis.reset()
        answers.connectionStarted()
        troubles.reset()
        backoff.connected(at: MonotonicClock.now)
        loop.sessionStarted(isPresent: broker.isPresent)
        log.info(
            "broker: connected to \(options.url), session \(broker.isPresent ? "kept" : "new")")
        do throws(MQTTError) {
            // On every CONNACK: in a persistent session a topic that the configuration added would
            // stay unsubscribed.
            for filter in filters {
                if let mid = try client?.subscribe(filter) {
                    state.apply(.awaits(mid, topic: filter))
                }
            }
        } catch { state.apply(.broken(error.description)) }
    }

    func subscribed(_ mid: Int32, _ grant: MQTTGrant) {
        guard let filter = state.topic(awaitedBy: mid) else { return }
        answers.subscribed(to: filter, grant)
        state.apply(.subscribed(mid))
        guard state.isReady else { return }
        if let refusal = answers.refusedAll {
            return state.apply(.refused("\(options.url): \(refusal)"))
        }
        for problem in problems { log.error("\(problem)") }
        loop.subscriptionsGranted()
    }

    func refused(_ reason: MQTTReason) {
        diagnosis.reset()
        state.apply(.refused("\(options.url) refuses us: \(reason)"))
    }

    func disconnected(_ reason: MQTTReason?) {
        let now = MonotonicClock.now
        if let reason, reason.isTakeover { answers.takenOver(reason, at: now) }
        if reason == nil, !state.isLost, state.hasAnswered { answers.closedSilently(at: now) }
        if let reason {
            state.apply(.closed("\(options.url) closed the connection: \(reason)"))
        } else {
            state.apply(.broken(client?.silentEndText))
        }
    }

    func published(_ mid: Int32, _ answer: MQTTPublicationAnswer) {}

    func received(topic: Span<UInt8>, payload: Span<UInt8>, qos: Int, isRetained: Bool, mid: Int) {
        loop.received(topic: topic, payload: payload, qos: qos, isRetained: isRetained, mid: mid)
    }
}

/// A line of the log names the connection; a row of the status has a title for it.
func withoutConnectionName(_ text: String) -> String {
    text.hasPrefix("broker: ") ? String(text.dropFirst(8)) : text
}
