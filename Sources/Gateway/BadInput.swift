import Elevator

/// Messages that could not be used: counted by kind, the last ones kept for a person to look at. Never fatal, and never a
/// log line for each.
public struct BadInput: Sendable {
    public struct Specimen: Sendable {
        public var arrival: Instant
        public var kind: String
        public var topic: String
        public var explanation: String
        /// The payload's beginning.
        public var payload: String
    }
    /// Specimens kept, and bytes of each.
    static let keptSpecimens = 20
    static let keptBytes = 256

    public private(set) var counts: [String: Int] = [:]
    public private(set) var specimens: [Specimen] = []

    public var total: Int { counts.values.reduce(0, +) }

    mutating func note(
        _ kind: String, topic: Span<UInt8>, payload: Span<UInt8>, arrival: Instant,
        _ explanation: @autoclosure () -> String
    ) {
        counts[kind, default: 0] += 1
        // A flood would spend its time here: of many, one in a hundred is kept.
        guard counts[kind, default: 0] <= Self.keptSpecimens || counts[kind, default: 0] % 100 == 0 else { return }
        if specimens.count == Self.keptSpecimens { specimens.removeFirst() }
        specimens.append(
            Specimen(
                arrival: arrival, kind: kind, topic: Self.text(topic), explanation: explanation(),
                payload: Self.text(payload)))
    }

    private static func text(_ bytes: Span<UInt8>) -> String {
        var kept: [UInt8] = []
        for i in 0..<min(bytes.count, keptBytes) { kept.append(bytes[i]) }
        return String(decoding: kept, as: UTF8.self)
    }
}
