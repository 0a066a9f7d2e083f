import Encoding
import LiftModel

/// Decodes the messages of one profile into readings. It reuses its buffers, so it allocates
/// nothing once they have grown.
public struct MessageDecoder {
    public let profile: Profile
    // Their kinds are matched by `case`: `==` on another module's type calls a witness table.
    private var tokens: [JSONToken] = []
    /// The texts of the last message whose escapes were resolved, one after the other.
    public private(set) var resolved: [UInt8] = []
    /// The first unexpected values of the last message, at most `maximumUnexpected`.
    public private(set) var unexpectedValues: [UnexpectedValue] = []
    /// The blemishes of the last message.
    package private(set) var blemishes: JSONBlemishes = []
    /// The topic of the last message.
    private(set) var topicIndex = 0
    private static let maximumUnexpected = 8

    public init(_ profile: Profile) {
        self.profile = profile
        tokens.reserveCapacity(64)
        unexpectedValues.reserveCapacity(Self.maximumUnexpected)
    }

    /// Decodes a message.
    /// - Parameters:
    ///   - topic: index of the topic's mapping in the profile.
    ///   - identities: the names that the payload may give the lift; empty accepts any.
    ///   - mustBeNamed: the lift has named itself on this topic before: a message without a name is
    ///     refused.
    public mutating func decode(
        _ bytes: Span<UInt8>, topic: Int, isRetained: Bool, identities: [[UInt8]],
        mustBeNamed: Bool = false
    ) throws(UnreadableMessage) -> DecodedMessage {
        let mapping = profile.topics[topic]
        topicIndex = topic
        resolved.removeAll(keepingCapacity: true)
        unexpectedValues.removeAll(keepingCapacity: true)
        while tokens.count < mapping.fields.count { tokens.append(JSONToken()) }
        var scanner = JSONScanner(bytes, isTolerant: true)
        do throws(JSONError) {
            try scanner.scan(mapping.fields, into: &tokens)
        } catch {
            blemishes = []
            let flaw = JSONFlaw(bytes, error, scanner.blemishes)
            throw .notJSON(kind: flaw.kind.rawValue, explanation: flaw.explanation)
        }
        blemishes = scanner.blemishes
        var message = DecodedMessage(reading: Reading(), duplicateKey: 0)
        if let field = mapping.identity {
            message.identity = try identity(
                field, mapping, scanner, identities: identities, mustBeNamed: mustBeNamed)
        }
        if !hasContent(mapping) { throw mapping.unreadable(bytes) }
        message.reading.isBaseline = isRetained
        message.reading.isSignOfLife = mapping.isSignOfLife
        for step in mapping.plan.steps.indices { read(step, mapping, bytes, &message) }
        if let codes = mapping.codes { read(codes, mapping, bytes, &message) }
        if let time = mapping.time { read(time, bytes, &message) }
        if let field = mapping.vendorCode {
            switch tokens[field].kind {
            case .string, .number:
                let location = location(of: tokens[field], bytes)
                message.vendorCode = DecodedMessage.Text(
                    range: location.start..<location.end, isResolved: location.isResolved)
            default: break
            }
        }
        if let key = mapping.sequence, let count = number(of: tokens[key], bytes) {
            message.reading.sequence = Int64(exactly: count) ?? 0
        }
        // Without a sequence number and a time, an equal message is a new one and no duplicate.
        guard message.reading.sequence != 0 || message.reading.deviceTime != nil else {
            return message
        }
        var hash = ByteHash(seed: UInt64(topic))
        hash.add(bytes, 0, bytes.count)
        message.duplicateKey = hash.value
        return message
    }

    /// The lift's name in the payload. A name with a blemish is unknown, like any field.
    private mutating func identity(
        _ field: Int, _ mapping: TopicMapping, _ scanner: borrowing JSONScanner,
        identities: [[UInt8]],
        mustBeNamed: Bool
    ) throws(UnreadableMessage) -> DecodedMessage.Text? {
        let name = tokens[field]
        switch name.kind {
        case .string, .number: break
        case .blemished: return nil
        case _ where mustBeNamed: throw .nameless(field: mapping.fields.name(field))
        default: return nil
        }
        if !identities.isEmpty, !identities.contains(where: { scanner.isText(name, $0) }) {
            throw .anotherLift(scanner.unescaped(name))
        }
        let location = location(of: name, scanner.bytes)
        return DecodedMessage.Text(
            range: location.start..<location.end, isResolved: location.isResolved)
    }

    /// Whether the message has a field of its topic. Without one it is refused: on a complete topic
    /// it would make all signals unknown.
    private func hasContent(_ mapping: TopicMapping) -> Bool {
        mapping.contentFields.isEmpty
            || mapping.contentFields.contains {
                if case .absent = tokens[$0].kind { false } else { true }
            }
    }

    // MARK: Values

    /// Where a value's text is: in the payload, or in `resolved` where it had escapes.
    private struct Location {
        var start: Int
        var end: Int
        var isResolved = false
    }

    private mutating func location(of token: JSONToken, _ bytes: Span<UInt8>) -> Location {
        guard token.hasEscapes else { return Location(start: token.start, end: token.end) }
        let start = resolved.count
        JSONScanner(bytes).unescape(token, into: &resolved)
        return Location(start: start, end: resolved.count, isResolved: true)
    }

    private func value(_ token: JSONToken, _ bytes: Span<UInt8>, _ location: Location)
        -> WrittenValue
    {
        location.isResolved
            ? WrittenValue(token.kind, resolved.span, location.start, location.end)
            : WrittenValue(token.kind, bytes, location.start, location.end)
    }

    private func entry(
        _ token: JSONToken, _ bytes: Span<UInt8>, _ location: Location, _ plan: TopicPlan,
        among range: Range<Int>,
        mayBeFlag: Bool = true
    ) -> Int? {
        location.isResolved
            ? plan.entry(
                token.kind, resolved.span, location.start, location.end, among: range,
                mayBeFlag: mayBeFlag)
            : plan.entry(
                token.kind, bytes, location.start, location.end, among: range, mayBeFlag: mayBeFlag)
    }

    /// A number, with or without quotes.
    private func number(of token: JSONToken, _ bytes: Span<UInt8>) -> Double? {
        switch token.kind {
        case .number: DecimalText.double(bytes, token.start, token.end)
        case .string where WrittenValue.isNumber(bytes, token.start, token.end):
            DecimalText.double(bytes, token.start, token.end)
        default: nil
        }
    }

    // MARK: Signals

    private mutating func read(
        _ index: Int, _ topic: TopicMapping, _ bytes: Span<UInt8>, _ message: inout DecodedMessage
    ) {
        let step = topic.plan.steps[index]
        for i in step.sources {
            let source = topic.plan.sources[i]
            let token = tokens[source.field]
            if case .absent = token.kind { continue }
            if let bits = bits(of: token, source, step, topic.plan, bytes) {
                return message.reading.set(step.signal, bits: bits)
            }
            message.reading.setUnknown(step.signal)
            if let kind = unexpectedKind(of: token, source, step, topic.plan, bytes) {
                message.unreadable |= 1 << UInt64(step.signal)
                note(
                    kind, source.field, .signal(index, source: i - step.sources.lowerBound), token,
                    bytes)
            } else if token.kind == .null || token.kind == .blemished {
                message.missing |= 1 << UInt64(step.signal)
            }
            return
        }
        if topic.isComplete {
            message.reading.setUnknown(step.signal)
            message.missing |= 1 << UInt64(step.signal)
        }
    }

    private mutating func bits(
        of token: JSONToken, _ source: TopicPlan.Source, _ step: TopicPlan.Step, _ plan: TopicPlan,
        _ bytes: Span<UInt8>
    ) -> UInt64? {
        if case .null = token.kind { return nil }
        if case .blemished = token.kind { return nil }
        if !source.entries.isEmpty {
            let location = location(of: token, bytes)
            guard let entry = entry(token, bytes, location, plan, among: source.entries),
                plan.entries[entry].isKnown
            else { return nil }
            return plan.entries[entry].bits
        }
        if step.kind == .number {
            return number(of: token, bytes).map { ($0 * source.scale + source.offset).bitPattern }
        }
        guard step.kind == .boolean else { return nil }
        if let threshold = source.threshold, let number = number(of: token, bytes) {
            let isAbove =
                number > threshold.value || threshold.isInclusive && number == threshold.value
            return isAbove ? 1 : 0
        }
        if source.threshold != nil { return nil }
        let location = location(of: token, bytes)
        return value(token, bytes, location).flag.map { $0 ? 1 : 0 }
    }

    /// Why a value that gives the signal no value is unexpected; nil where the profile foresees it.
    private mutating func unexpectedKind(
        of token: JSONToken, _ source: TopicPlan.Source, _ step: TopicPlan.Step, _ plan: TopicPlan,
        _ bytes: Span<UInt8>
    ) -> UnexpectedValue.Kind? {
        switch token.kind {
        case .null, .blemished: return nil
        case .array, .object: return .field
        default: break
        }
        if source.entries.isEmpty { return .field }
        let location = location(of: token, bytes)
        if entry(token, bytes, location, plan, among: source.entries) != nil { return nil }
        // A map with one side of a Boolean leaves the other unknown: the standard's "not closed"
        // does not mean "open".
        if step.kind == .boolean, let side = source.onlySide,
            value(token, bytes, location).flag == !side
        {
            return nil
        }
        return .unknownValue
    }

    // MARK: Codes

    private mutating func read(
        _ mapping: CodesMapping, _ topic: TopicMapping, _ bytes: Span<UInt8>,
        _ message: inout DecodedMessage
    ) {
        let token = tokens[mapping.field]
        var set: UInt64 = 0
        switch token.kind {
        case .absent, .null, .blemished:
            if token.kind == .blemished || topic.isComplete {
                message.reading.setUnknown(Signal.codes.rawValue)
            }
            return
        case .array:
            var items = JSONScanner(bytes, isTolerant: true)
            items.position = token.start
            while let item = items.nextItem() {
                set |= bit(of: item, mapping, topic.plan, bytes, &message)
            }
        case .object where mapping.item == nil:
            message.reading.setUnknown(Signal.codes.rawValue)
            return note(.field, mapping.field, .codes, token, bytes)
        case .true, .false, .number, .string, .object:
            set = bit(of: token, mapping, topic.plan, bytes, &message)
        }
        guard let active = mapping.active else {
            message.hasAllCodes = true
            return message.reading.set(Signal.codes.rawValue, bits: set)
        }
        switch isActive(active, topic.plan, bytes) {
        case true: message.reading.codesRaised = set
        case false: message.reading.codesEnded = set
        case nil: break
        }
    }

    /// Whether a code began; nil where the message does not show it.
    private mutating func isActive(
        _ active: CodesMapping.Active, _ plan: TopicPlan, _ bytes: Span<UInt8>
    ) -> Bool? {
        let token = tokens[active.field]
        if token.kind == .absent { return true }
        if token.kind == .blemished { return nil }
        let location = location(of: token, bytes)
        if plan.active.isEmpty {
            if let flag = value(token, bytes, location).flag { return flag }
            note(.field, active.field, .active, token, bytes)
            return nil
        }
        guard let entry = entry(token, bytes, location, plan, among: plan.active) else {
            note(.unknownValue, active.field, .active, token, bytes)
            return nil
        }
        return plan.entries[entry].isKnown ? plan.entries[entry].bits == 1 : nil
    }

    /// The bit of one code. A code that neither the profile nor the standard names has none: it is
    /// noted, and becomes the vendor code.
    private mutating func bit(
        of item: JSONToken, _ mapping: CodesMapping, _ plan: TopicPlan, _ bytes: Span<UInt8>,
        _ message: inout DecodedMessage
    ) -> UInt64 {
        var code = item
        // The only text of an object may be no code: it is looked up in the profile's map only.
        var isOnlyText = false
        switch item.kind {
        case .object, .array:
            if let inner = mapping.code(in: item, bytes) {
                code = inner
                isOnlyText = mapping.item == nil
            }
        default: break
        }
        if code.kind == .null || code.kind == .blemished || code.kind == .absent { return 0 }
        let location = location(of: code, bytes)
        if let entry = entry(code, bytes, location, plan, among: plan.codes) {
            return plan.entries[entry].bits
        }
        if !isOnlyText, code.kind == .string || code.kind == .number,
            let entry = entry(
                code, bytes, location, plan, among: plan.standardCodes, mayBeFlag: false)
        {
            return plan.entries[entry].bits
        }
        // An empty text is no code; nor is the other side of a flag that means one.
        if code.kind == .string, location.start == location.end { return 0 }
        if let side = plan.codesOnlySide, value(code, bytes, location).flag == !side { return 0 }
        note(.unknownCode, mapping.field, .codes, code, bytes)
        message.hasUnknownCode = true
        if message.vendorCode == nil {
            message.vendorCode = DecodedMessage.Text(
                range: location.start..<location.end, isResolved: location.isResolved)
        }
        return 0
    }

    // MARK: Time

    private mutating func read(
        _ mapping: TimeMapping, _ bytes: Span<UInt8>, _ message: inout DecodedMessage
    ) {
        let token = tokens[mapping.field]
        let (isText, isNumber): (Bool, Bool)
        switch token.kind {
        case .absent, .null, .blemished: return
        case .number: (isText, isNumber) = (false, true)
        case .string:
            // A count of seconds may be in quotes, like any number.
            (isText, isNumber) = (true, WrittenValue.isNumber(bytes, token.start, token.end))
        case .true, .false, .array, .object: (isText, isNumber) = (false, false)
        }
        message.reading.deviceTime =
            switch mapping.format {
            case .iso8601 where isText:
                DecimalText.iso8601(bytes, token.start, token.end, offset: mapping.zone)
            case .epochSeconds where isNumber:
                DecimalText.epoch(bytes, token.start, token.end, nanosecondsPerUnit: 1_000_000_000)
            case .epochMilliseconds where isNumber:
                DecimalText.epoch(bytes, token.start, token.end, nanosecondsPerUnit: 1_000_000)
            case .epochMicroseconds where isNumber:
                DecimalText.epoch(bytes, token.start, token.end, nanosecondsPerUnit: 1000)
            default: nil
            }
        if message.reading.deviceTime == nil { note(.field, mapping.field, .time, token, bytes) }
    }

    // MARK: Unexpected values

    private mutating func note(
        _ kind: UnexpectedValue.Kind, _ field: Int, _ reader: UnexpectedValue.Reader,
        _ token: JSONToken,
        _ bytes: Span<UInt8>
    ) {
        if unexpectedValues.count == Self.maximumUnexpected { return }
        let location = location(of: token, bytes)
        var hash = ByteHash(seed: UInt64(topicIndex) << 32 | UInt64(field))
        // A value of another type may differ in each message, such as a time or a weight. So all of
        // them have one key.
        if kind != .field {
            if location.isResolved {
                hash.add(resolved.span, location.start, location.end)
            } else {
                hash.add(bytes, location.start, location.end)
            }
        }
        unexpectedValues.append(
            UnexpectedValue(
                kind: kind, field: field, reader: reader, start: location.start, end: location.end,
                isResolved: location.isResolved, isText: token.kind == .string, key: hash.value))
    }
}
