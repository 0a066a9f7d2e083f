import LiftModel

/// Counts how often a broker has ended our connection because another client had connected with our
/// client id (MQTT 5, 3.1.4-3).
public struct Takeovers: Equatable, Sendable {
    /// How long after the last one the problem is reported: two clients with one id take turns
    /// within a minute.
    package static let memory = Duration.seconds(600)

    private var count = 0
    private var last: MonotonicTime = .boot
    private var reason: MQTTReason?

    /// For a technician who has removed the other client.
    package static let lasting = "This is shown until \(memory.spanText) after the last time."

    public init() {}

    public mutating func note(_ reason: MQTTReason, at now: MonotonicTime) {
        (count, last, self.reason) = (count + 1, now, reason)
    }

    public func areRecent(at now: MonotonicTime) -> Bool {
        reason != nil && now - last < Self.memory
    }

    /// A whole sentence for a person; nil when there is no problem.
    /// - Parameter broker: its name in a sentence.
    public func problem(at now: MonotonicTime, of broker: String) -> String? {
        guard let reason, areRecent(at: now) else { return nil }
        let times = count == 1 ? "Once" : "\(count) times"
        return "\(times) \(broker) has disconnected us: \(reason). \(Self.lasting)"
    }
}
