import Elevator
import Encoding

/// A message that says nothing usable. It is counted and kept, and it is no sign of life.
public enum UnreadableMessage: Error, CustomStringConvertible, Equatable {
    case notJSON(byte: Int, expected: String)
    case anotherLift(String)
    /// The lift names itself in this field, and this message does not.
    case nameless(field: String)
    case nothingKnown(field: String)

    /// The kind under which such messages are counted.
    public var kind: String {
        switch self {
        case .notJSON: "not_json"
        case .anotherLift: "another_lift"
        case .nameless: "nameless"
        case .nothingKnown: "nothing_known"
        }
    }

    public var description: String {
        switch self {
        case .notJSON(let byte, let expected): "not JSON at byte \(byte): expected \(expected)"
        case .anotherLift(let name): "speaks for another lift (\(name)) than its topic names"
        case .nameless(let field): "does not say whose word it is: expected `\(field)`, by which this lift names itself"
        case .nothingKnown(let field):
            "has none of the fields that the profile reads here: expected `\(field)`, for one"
        }
    }
}

/// A field that was not what the profile expects. Its signal is unknown; the rest of the message counts.
public struct UnreadableField: Error, CustomStringConvertible, Equatable {
    public var field: String
    public var expected: String
    public var found: String
    public var kind: String { "field" }
    public var description: String { "field `\(field)`: expected \(expected), got \(found)" }
}

/// What a message became.
public struct DecodedMessage: Sendable {
    public var reading: Reading
    /// Equal for a publisher's own duplicates: topic and payload with its sequence or time; 0 when it cannot be told.
    public var duplicateKey: UInt64
    /// Where the controller's raw code stands in the payload.
    public var vendorCode: Range<Int>?
    /// Where the lift's own name for itself stands in the payload.
    public var identity: Range<Int>?
    /// The first field that could not be read.
    public var problem: UnreadableField?
}

/// Turns one profile's messages into readings. Holds its scratch space, so it allocates nothing once warm.
public struct MessageDecoder {
    public let profile: Profile
    private var tokens: [JSONToken] = []

    public init(_ profile: Profile) {
        self.profile = profile
        tokens.reserveCapacity(64)
    }

    /// Decodes a message.
    /// - Parameters:
    ///   - topic: index of the topic's mapping in the profile.
    ///   - identities: what the lift may call itself in the payload; empty accepts any.
    ///   - mustBeNamed: it has named itself on this topic before, so that a message without a name is somebody else's.
    public mutating func decode(
        _ bytes: Span<UInt8>, topic: Int, isRetained: Bool, identities: [[UInt8]], mustBeNamed: Bool = false
    ) throws(UnreadableMessage) -> DecodedMessage {
        let mapping = profile.topics[topic]
        while tokens.count < mapping.fields.count { tokens.append(JSONToken()) }
        var scanner = JSONScanner(bytes)
        do {
            try scanner.scan(mapping.fields, into: &tokens)
        } catch {
            throw .notJSON(byte: error.offset, expected: error.expected.description)
        }
        var message = DecodedMessage(reading: Reading(), duplicateKey: 0)
        if let field = mapping.identity {
            let name = tokens[field]
            if name.kind == .string || name.kind == .number {
                if !identities.isEmpty, !identities.contains(where: { Self.equal(bytes, name, $0) }) {
                    throw .anotherLift(Self.text(bytes, name))
                }
                message.identity = name.start..<name.end
            } else if mustBeNamed {
                throw .nameless(field: mapping.fields.name(field))
            }
        }
        if !saysSomething(mapping) { throw .nothingKnown(field: mapping.fields.name(mapping.telling[0])) }
        message.reading.isBaseline = isRetained
        message.reading.isSignOfLife = mapping.isSignOfLife
        for step in mapping.plan.steps.indices { read(step, mapping, bytes, &message) }
        if let codes = mapping.codes { read(codes, mapping, bytes, &message) }
        if let time = mapping.time { read(time, mapping, bytes, &message) }
        if let field = mapping.vendorCode, tokens[field].kind == .string || tokens[field].kind == .number {
            message.vendorCode = tokens[field].start..<tokens[field].end
        }
        if let key = mapping.sequence, tokens[key].kind == .number {
            message.reading.sequence = DecimalText.count(bytes, tokens[key].start, tokens[key].end)
        }
        // Neither counted nor timed, the same words may be said again and are then news.
        guard message.reading.sequence != 0 || message.reading.deviceTime != nil else { return message }
        var hash = ByteHash(seed: UInt64(topic))
        hash.add(bytes, 0, bytes.count)
        message.duplicateKey = hash.value
        return message
    }

    /// What has no field in common with its topic is not this lift's word; as a complete snapshot it would make everything unknown.
    private func saysSomething(_ mapping: TopicMapping) -> Bool {
        for field in mapping.telling where tokens[field].kind != .absent { return true }
        return mapping.telling.isEmpty
    }

    private func read(
        _ index: Int, _ topic: TopicMapping, _ bytes: Span<UInt8>, _ message: inout DecodedMessage
    ) {
        let step = topic.plan.steps[index]
        for i in step.sources {
            let source = topic.plan.sources[i]
            let token = tokens[source.field]
            if case .absent = token.kind { continue }
            if case .null = token.kind { return message.reading.setUnknown(step.signal) }
            if let word = topic.plan.word(token, bytes, among: source.words) {
                guard topic.plan.words[word].isKnown else { return message.reading.setUnknown(step.signal) }
                return message.reading.set(step.signal, bits: topic.plan.words[word].bits)
            }
            switch (step.kind, token.kind) {
            case (.boolean, .true) where source.words.isEmpty: return message.reading.set(step.signal, bits: 1)
            case (.boolean, .false) where source.words.isEmpty: return message.reading.set(step.signal, bits: 0)
            case (.number, .number) where source.words.isEmpty:
                if let number = DecimalText.double(bytes, token.start, token.end) {
                    return message.reading.set(step.signal, bits: (number * source.scale + source.offset).bitPattern)
                }
            case (.boolean, .true), (.boolean, .false):
                // A map that names one side of a Boolean leaves the other unknown: the standard's "not closed" is not "open".
                return message.reading.setUnknown(step.signal)
            default: break
            }
            message.reading.setUnknown(step.signal)
            let mapping = topic.signals[index]
            note(
                source.field, topic,
                expected: Self.expectation(mapping.signal, mapping.sources[i - step.sources.lowerBound]), bytes,
                &message)
            return
        }
        if topic.isComplete { message.reading.setUnknown(step.signal) }
    }

    private func read(
        _ mapping: CodesMapping, _ topic: TopicMapping, _ bytes: Span<UInt8>, _ message: inout DecodedMessage
    ) {
        let token = tokens[mapping.field]
        var set: UInt64 = 0
        switch token.kind {
        case .absent, .null:
            if topic.isComplete { message.reading.setUnknown(Signal.codes.rawValue) }
            return
        case .string, .number: set = bit(of: token, topic.plan, bytes)
        case .array:
            var items = JSONScanner(bytes)
            items.position = token.start
            items.forEachScalar(until: token.end) { set |= bit(of: $0, topic.plan, bytes) }
        default:
            message.reading.setUnknown(Signal.codes.rawValue)
            return note(mapping.field, topic, expected: "a code or a list of codes", bytes, &message)
        }
        guard let active = mapping.active else { return message.reading.set(Signal.codes.rawValue, bits: set) }
        switch tokens[active].kind {
        case .true, .absent: message.reading.codesRaised = set
        case .false: message.reading.codesEnded = set
        default: note(active, topic, expected: "true or false", bytes, &message)
        }
    }

    private func bit(of token: JSONToken, _ plan: TopicPlan, _ bytes: Span<UInt8>) -> UInt64 {
        plan.word(token, bytes, among: plan.codes).map { plan.words[$0].bits } ?? 0
    }

    private func read(
        _ mapping: TimeMapping, _ topic: TopicMapping, _ bytes: Span<UInt8>, _ message: inout DecodedMessage
    ) {
        let token = tokens[mapping.field]
        if token.kind == .absent || token.kind == .null { return }
        let isText = token.kind == .string
        message.reading.deviceTime =
            switch mapping.format {
            case .iso8601 where isText:
                DecimalText.iso8601(bytes, token.start, token.end, offset: mapping.zone)
            case .epochSeconds where !isText:
                DecimalText.epoch(bytes, token.start, token.end, nanosecondsPerUnit: 1_000_000_000)
            case .epochMilliseconds where !isText:
                DecimalText.epoch(bytes, token.start, token.end, nanosecondsPerUnit: 1_000_000)
            default: nil
            }
        if message.reading.deviceTime == nil {
            note(mapping.field, topic, expected: "a time (\(mapping.format.rawValue))", bytes, &message)
        }
    }

    private func note(
        _ field: Int, _ topic: TopicMapping, expected: String, _ bytes: Span<UInt8>, _ message: inout DecodedMessage
    ) {
        if message.problem != nil { return }
        let token = tokens[field]
        let text = Self.text(bytes, token)
        message.problem = UnreadableField(
            field: topic.fields.name(field), expected: expected, found: token.kind == .string ? "\"\(text)\"" : text)
    }

    private static func expectation(_ signal: Signal, _ source: SignalMapping.Source) -> String {
        if !source.map.isEmpty {
            return "one of " + source.map.map { String(decoding: $0.written, as: UTF8.self) }.joined(separator: ", ")
        }
        return signal.type == .boolean ? "true or false" : "a number"
    }

    private static func equal(_ bytes: Span<UInt8>, _ token: JSONToken, _ written: [UInt8]) -> Bool {
        guard token.end - token.start == written.count else { return false }
        for i in 0..<written.count where bytes[token.start + i] != written[i] { return false }
        return true
    }

    private static func text(_ bytes: Span<UInt8>, _ token: JSONToken) -> String {
        let end = min(token.end, token.start + 60)
        return String(decoding: (token.start..<end).map { bytes[$0] }, as: UTF8.self)
    }
}

extension Reading {
    /// A signal's value as a profile's author writes it: `true`, `7`, `inspection`, `unknown`, `04 90`.
    public func written(_ signal: Signal) -> String {
        let index = signal.rawValue
        if signal == .codes, codesRaised | codesEnded != 0 {
            return FaultCode.names(in: codesRaised).map { "+" + $0 }.joined(separator: " ")
                + FaultCode.names(in: codesEnded).map { "-" + $0 }.joined(separator: " ")
        }
        guard known & (1 << UInt64(index)) != 0 else { return "unknown" }
        switch signal.type {
        case .boolean: return bits(index) == 1 ? "true" : "false"
        case .number:
            let number = Double(bitPattern: bits(index))
            return number == number.rounded() && abs(number) < 1e15 ? String(Int(number)) : String(number)
        case .enumeration(let names): return names[Int(bits(index))]
        case .codes: return bits(index) == 0 ? "none" : FaultCode.names(in: bits(index)).joined(separator: " ")
        }
    }
}
