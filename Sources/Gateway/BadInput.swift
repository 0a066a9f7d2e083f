import DeviceProfiles
import Elevator

/// Messages that could not be used, and what in others could not be read: counted by kind, the last ones kept for a person to look
/// at. Never fatal, and never a log line for each.
public struct BadInput: Sendable {
    public struct Specimen: Sendable {
        public var arrival: Instant
        public var kind: String
        public var topic: String
        public var explanation: String
        /// The payload's beginning.
        public var payload: String
    }
    /// A value that a profile does not name, in messages that were read otherwise.
    public struct OddValue: Sendable {
        public var kind: String
        public var profile: String
        public var field: String
        public var value: String
        public var count: Int
    }
    /// Specimens kept, and bytes of each.
    static let keptSpecimens = 20
    static let keptBytes = 256
    /// Values kept by name, in all and of one field; a device that sends ever new ones can neither fill the memory nor hide another's.
    static let keptValues = 200
    static let keptValuesOfAField = 20

    /// By kind; of a message that was read each field that was odd counts.
    public private(set) var counts: [String: Int] = [:]
    /// Messages of which nothing was used.
    public private(set) var refused = 0
    public private(set) var specimens: [Specimen] = []
    /// The first of each kind since the start.
    public private(set) var firsts: [Specimen] = []
    public private(set) var values: [OddValue] = []
    private var valueIndex: [UInt64: Int] = [:]

    /// A message of which nothing is used.
    mutating func noteRefused(
        _ kind: String, topic: Span<UInt8>, payload: Span<UInt8>, arrival: Instant,
        _ explanation: @autoclosure () -> String
    ) {
        refused += 1
        note(kind, topic: topic, payload: payload, arrival: arrival, explanation())
    }

    /// A message that is used but for a part.
    mutating func note(
        _ kind: String, topic: Span<UInt8>, payload: Span<UInt8>, arrival: Instant,
        _ explanation: @autoclosure () -> String
    ) {
        let count = counts[kind, default: 0] + 1
        counts[kind] = count
        // A flood would spend its time here: of many, one in a hundred is kept.
        guard count <= Self.keptSpecimens || count % 100 == 0 else { return }
        let specimen = Specimen(
            arrival: arrival, kind: kind, topic: Self.text(topic), explanation: explanation(),
            payload: Self.text(payload))
        if count == 1 { firsts.append(specimen) }
        if specimens.count == Self.keptSpecimens { specimens.removeFirst() }
        specimens.append(specimen)
    }

    /// Something odd in a message that is used otherwise. Allocates only where its value is met for the first time, or a specimen kept.
    /// - Parameter decoder: has just read the message.
    mutating func note(
        _ oddity: Oddity, _ decoder: MessageDecoder, decoderIndex: Int, topic: Span<UInt8>, payload: Span<UInt8>,
        arrival: Instant
    ) {
        let key = oddity.key ^ UInt64(decoderIndex) &* 0x9E37_79B9_7F4A_7C15
        if let known = valueIndex[key] {
            values[known].count += 1
        } else if values.count < Self.keptValues {
            let found = decoder.explain(oddity, in: payload)
            let name = decoder.profile.name
            if values.count(where: { $0.profile == name && $0.field == found.field }) < Self.keptValuesOfAField {
                valueIndex[key] = values.count
                values.append(
                    OddValue(
                        kind: oddity.kind.rawValue, profile: name, field: found.field, value: found.found, count: 1))
            }
        }
        note(
            oddity.kind.rawValue, topic: topic, payload: payload, arrival: arrival,
            decoder.explain(oddity, in: payload).description)
    }

    private static func text(_ bytes: Span<UInt8>) -> String {
        var kept: [UInt8] = []
        for i in 0..<min(bytes.count, keptBytes) { kept.append(bytes[i]) }
        return String(decoding: kept, as: UTF8.self)
    }
}
