import LiftModel
import MQTT

/// The answers of the building's broker, and the problems among them: a connection may be up and
/// still deliver nothing.
struct BrokerAnswers {
    private var granted: Set<String> = []
    private var refused: [String: MQTTReason] = [:]
    /// Filters that are granted with QoS 0 instead of 1: the broker does not store their messages
    /// while the gateway is away.
    private var unreliable: Set<String> = []
    private var takeovers = Takeovers()

    /// When the broker closed the connection without a reason and accepted the first attempt to
    /// reconnect; and when it last closed one. A restarted broker is away for a moment. A broker
    /// that gives the session to another client is not (mosquitto before 2.0.15 then gives no
    /// reason).
    private var closings: [MonotonicTime] = []
    private var closedAt: MonotonicTime?
    private static let suspiciousCount = 3
    private static let closingWindow = Takeovers.memory

    /// A new connection: the answers on the last one no longer count.
    mutating func connectionStarted() {
        if let closedAt { closings = closings.suffix(99) + [closedAt] }
        closedAt = nil
        granted.removeAll()
        refused.removeAll()
        unreliable.removeAll()
    }

    mutating func subscribed(to filter: String, _ grant: MQTTGrant) {
        switch grant {
        case .granted(let qos):
            granted.insert(filter)
            if qos == 0 { unreliable.insert(filter) }
        case .refused(let reason): refused[filter] = reason
        }
    }

    /// The refusal where every subscription was refused, so that no message can come.
    var refusedAll: String? {
        guard granted.isEmpty, let (filter, reason) = refused.min(by: { $0.key < $1.key }) else {
            return nil
        }
        return "it refuses our subscription to \(filter): \(reason)"
    }

    /// The broker closed an established connection without a reason.
    mutating func closedSilently(at now: MonotonicTime) { closedAt = now }
    mutating func connectionFailed() { closedAt = nil }

    mutating func takenOver(_ reason: MQTTReason, at now: MonotonicTime) {
        takeovers.note(reason, at: now)
    }

    /// Whether the broker queues messages while the gateway is away, once every subscription is
    /// answered; nil where it grants none.
    var queuesWhileAway: Bool? { granted.isEmpty ? nil : unreliable.isEmpty }

    /// Whether another client uses the gateway's client id, by the broker's own reason or by its
    /// suspicious closings.
    func isClientIDTaken(at now: MonotonicTime) -> Bool {
        takeovers.areRecent(at: now) || suspiciousClosings(at: now) >= Self.suspiciousCount
    }

    private func suspiciousClosings(at now: MonotonicTime) -> Int {
        closings.count { now - $0 < Self.closingWindow }
    }

    /// What is wrong while the connection is up; whole sentences, none when all is well.
    /// - Parameter clientID: the gateway's.
    func problems(of clientID: String, at now: MonotonicTime) -> [String] {
        var problems = refused.sorted { $0.key < $1.key }.map { filter, reason in
            "The building's broker refuses our subscription to \(filter): \(reason). No message on that topic arrives."
        }
        if !unreliable.isEmpty {
            problems.append(
                "The building's broker gives us only QoS 0 on \(unreliable.sorted().joined(separator: ", ")): what the lifts say while the gateway is away is lost. Allow QoS 1 (mosquitto: max_qos)."
            )
        }
        if let problem = takeovers.problem(at: now, of: "the building's broker") {
            problems.append(problem + " Messages that the broker sends to it are lost.")
        }
        let recent = suspiciousClosings(at: now)
        if recent >= Self.suspiciousCount {
            problems.append(
                "The building's broker has closed our connection \(recent) times in \(Self.closingWindow.spanText) without a reason, and let us in again at once: mostly another client uses our client id '\(clientID)'. Find it, and give each client an id of its own (client_id). \(Takeovers.lasting)"
            )
        }
        return problems
    }
}
