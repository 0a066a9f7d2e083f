import DeviceProfiles
import Encoding
import LiftModel

/// Counts unusable messages and unreadable parts of messages by kind, and stores the last ones for
/// a person to look at. Bad input is never fatal and never gets a log line for each message.
public struct BadInput: Sendable {
    public struct Specimen: Sendable {
        public var arrival: Instant
        public var kind: String
        public var topic: String
        public var explanation: String
        /// The payload's beginning.
        public var payload: String
    }
    /// A value that a profile does not name, in messages that were used otherwise.
    public struct OddValue: Sendable {
        public var kind: String
        public var profile: String
        public var field: String
        public var value: String
        public var count: Int
    }
    /// A topic with messages of no registered lift.
    public struct UnregisteredTopic: Sendable {
        public var topic: String
        public var count: Int
        public var last: Instant
        fileprivate var key: UInt64
    }
    /// The number of stored specimens, and the bytes of each.
    static let maxSpecimens = 20
    static let maxSpecimenBytes = 256
    /// The number of named values in all, and of one field: a device that sends ever new values can
    /// neither fill the memory nor hide another's.
    static let maxValues = 200
    static let maxValuesPerField = 20
    /// The number of unregistered topics. A new one replaces the one that has been quiet longest.
    static let maxTopics = 20
    /// A topic without messages for this long is no longer shown.
    static let topicsShownFor = Duration.seconds(600)
    private static let unregisteredKind = "unknown_lift"

    /// The counts by kind. In a message that was used each odd field counts.
    public private(set) var counts: [String: Int] = [:]
    /// The number of refused messages, of which nothing was used.
    public private(set) var refused = 0
    public private(set) var specimens: [Specimen] = []
    /// The first specimen of each kind since the start.
    public private(set) var firsts: [Specimen] = []
    public private(set) var values: [OddValue] = []
    private var valueIndex: [UInt64: Int] = [:]
    private var topics: [UnregisteredTopic] = []

    package init() {}

    /// The unregistered topics with recent messages.
    public func unregisteredTopics(at now: Instant) -> [UnregisteredTopic] {
        topics.filter { now - $0.last < Self.topicsShownFor }
    }

    /// Notes a refused message.
    mutating func noteRefused(
        _ kind: String, topic: Span<UInt8>, payload: Span<UInt8>, arrival: Instant,
        _ explanation: @autoclosure () -> String
    ) {
        refused += 1
        if kind == Self.unregisteredKind { noteUnregistered(topic, at: arrival) }
        note(kind, topic: topic, payload: payload, arrival: arrival, explanation())
    }

    private mutating func noteUnregistered(_ topic: Span<UInt8>, at arrival: Instant) {
        var hash = ByteHash(seed: 5)
        hash.add(topic, 0, topic.count)
        if let known = topics.firstIndex(where: { $0.key == hash.value }) {
            topics[known].count += 1
            topics[known].last = max(topics[known].last, arrival)
            return
        }
        if topics.count == Self.maxTopics,
            let quiet = topics.indices.min(by: { topics[$0].last < topics[$1].last })
        {
            topics.remove(at: quiet)
        }
        topics.append(
            UnregisteredTopic(topic: Self.text(topic), count: 1, last: arrival, key: hash.value))
    }

    /// Notes an unreadable part of a message that is used otherwise.
    mutating func note(
        _ kind: String, topic: Span<UInt8>, payload: Span<UInt8>, arrival: Instant,
        _ explanation: @autoclosure () -> String
    ) {
        let count = counts[kind, default: 0] + 1
        counts[kind] = count
        // Of a flood only one in a hundred is stored, to save time.
        guard count <= Self.maxSpecimens || count % 100 == 0 else { return }
        let specimen = Specimen(
            arrival: arrival, kind: kind, topic: Self.text(topic), explanation: explanation(),
            payload: Self.text(payload))
        if count == 1 { firsts.append(specimen) }
        if specimens.count == Self.maxSpecimens { specimens.removeFirst() }
        specimens.append(specimen)
    }

    /// Notes an unexpected value in a message that is used otherwise. It allocates only for a new
    /// value or a specimen.
    /// - Parameter decoder: the one that has just read the message.
    mutating func note(
        _ unexpected: UnexpectedValue, _ decoder: MessageDecoder, decoderIndex: Int,
        topic: Span<UInt8>,
        payload: Span<UInt8>, arrival: Instant
    ) {
        let key = unexpected.key ^ UInt64(decoderIndex) &* 0x9E37_79B9_7F4A_7C15
        if let known = valueIndex[key] {
            values[known].count += 1
        } else if values.count < Self.maxValues {
            let found = decoder.explain(unexpected, in: payload)
            let name = decoder.profile.name
            if values.count(where: { $0.profile == name && $0.field == found.field })
                < Self.maxValuesPerField
            {
                valueIndex[key] = values.count
                values.append(
                    OddValue(
                        kind: unexpected.kind.rawValue, profile: name, field: found.field,
                        value: found.found,
                        count: 1))
            }
        }
        note(
            unexpected.kind.rawValue, topic: topic, payload: payload, arrival: arrival,
            decoder.explain(unexpected, in: payload).description)
    }

    private static func text(_ bytes: Span<UInt8>) -> String {
        var prefix: [UInt8] = []
        for i in 0..<min(bytes.count, maxSpecimenBytes) { prefix.append(bytes[i]) }
        return String(decoding: prefix, as: UTF8.self)
    }
}
