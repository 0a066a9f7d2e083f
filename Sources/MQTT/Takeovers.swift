import LiftModel

/// Counts how often a broker has ended our connection because another client had connected with our
/// client id (MQTT 5, 3.1.4-3).
public struct Takeovers: Equatable, Sendable {
    /// How long after the last one the problem is reported: two clients with one id take turns
    /// within a minute.
    package static let memory = Duration.seconds(600)

    private var count = 0
    /// Monotonic nanoseconds.
    private var last: Int64 = 0
    private var reason: MQTTReason?

    /// For a technician who has removed the other client.
    package static let lasting = "This is shown until \(memory.spanText) after the last time."

    public init() {}

    /// - Parameter now: monotonic nanoseconds.
    public mutating func note(_ reason: MQTTReason, at now: Int64) {
        (count, last, self.reason) = (count + 1, now, reason)
    }

    /// - Parameter now: monotonic nanoseconds.
    public func areRecent(at now: Int64) -> Bool {
        reason != nil && now - last < Self.memory.nanoseconds
    }

    /// A whole sentence for a person; nil when there is no problem.
    /// - Parameters:
    ///   - broker: its name in a sentence.
    ///   - now: monotonic nanoseconds.
    public func problem(at now: Int64, of broker: String) -> String? {
        guard let reason, areRecent(at: now) else { return nil }
        let times = count == 1 ? "Once" : "\(count) times"
        return "\(times) \(broker) has disconnected us: \(reason). \(Self.lasting)"
    }
}
