import Elevator
import Encoding

/// What a message became.
public struct DecodedMessage: Sendable {
    /// Where a text stands: in the payload, or, where it had escapes, in the decoder's resolved text.
    public struct Text: Sendable {
        public var range: Range<Int>
        public var isResolved = false
        /// That a code has ended.
        public static let none = Text(range: 0..<0)
    }
    public var reading: Reading
    /// Equal for a publisher's own duplicates: topic and payload with its sequence or time; 0 when it cannot be told.
    public var duplicateKey: UInt64
    /// The controller's raw code: of a field of its own, else the first code that the profile does not name.
    public var vendorCode: Text?
    /// It has a code that the profile does not name.
    public var hasUnknownCode = false
    /// It has told all the codes there are.
    public var tellsAllCodes = false
    /// The lift's own name for itself.
    public var identity: Text?
}

/// Turns one profile's messages into readings. Holds its scratch space, so it allocates nothing once warm.
public struct MessageDecoder {
    public let profile: Profile
    private var tokens: [JSONToken] = []
    /// Texts of the last message whose escapes were resolved, one behind the other.
    public private(set) var resolved: [UInt8] = []
    /// What in the last message was not as the profile says, the first few of it.
    public private(set) var oddities: [Oddity] = []
    /// What was tolerated in the last message.
    package private(set) var blemishes: JSONBlemishes = []
    private var topicIndex = 0
    private static let mostOddities = 8

    public init(_ profile: Profile) {
        self.profile = profile
        tokens.reserveCapacity(64)
        oddities.reserveCapacity(Self.mostOddities)
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
        topicIndex = topic
        resolved.removeAll(keepingCapacity: true)
        oddities.removeAll(keepingCapacity: true)
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
        if !saysSomething(mapping) { throw mapping.unreadable(bytes) }
        message.reading.isBaseline = isRetained
        message.reading.isSignOfLife = mapping.isSignOfLife
        for step in mapping.plan.steps.indices { read(step, mapping, bytes, &message) }
        if let codes = mapping.codes { read(codes, mapping, bytes, &message) }
        if let time = mapping.time { read(time, bytes, &message) }
        if let field = mapping.vendorCode, tokens[field].kind == .string || tokens[field].kind == .number {
            let place = place(of: tokens[field], bytes)
            message.vendorCode = DecodedMessage.Text(range: place.start..<place.end, isResolved: place.isResolved)
        }
        if let key = mapping.sequence, let count = number(of: tokens[key], bytes) {
            message.reading.sequence = Int64(exactly: count) ?? 0
        }
        // Neither counted nor timed, the same words may be said again and are then news.
        guard message.reading.sequence != 0 || message.reading.deviceTime != nil else { return message }
        var hash = ByteHash(seed: UInt64(topic))
        hash.add(bytes, 0, bytes.count)
        message.duplicateKey = hash.value
        return message
    }

    /// Whose word it is. A name that a blemish has spoiled is unknown, like any field.
    private mutating func identity(
        _ field: Int, _ mapping: TopicMapping, _ scanner: borrowing JSONScanner, identities: [[UInt8]],
        mustBeNamed: Bool
    ) throws(UnreadableMessage) -> DecodedMessage.Text? {
        let name = tokens[field]
        if name.kind == .string || name.kind == .number {
            if !identities.isEmpty, !identities.contains(where: { scanner.isText(name, $0) }) {
                throw .anotherLift(scanner.unescaped(name))
            }
            let place = place(of: name, scanner.bytes)
            return DecodedMessage.Text(range: place.start..<place.end, isResolved: place.isResolved)
        }
        if mustBeNamed, name.kind != .spoiled { throw .nameless(field: mapping.fields.name(field)) }
        return nil
    }

    /// What has no field in common with its topic is not this lift's word; as a complete snapshot it would make everything unknown.
    private func saysSomething(_ mapping: TopicMapping) -> Bool {
        for field in mapping.telling where tokens[field].kind != .absent { return true }
        return mapping.telling.isEmpty
    }

    // MARK: Values

    /// Where a value's text stands once its escapes are resolved.
    private struct Place {
        var start: Int
        var end: Int
        var isResolved = false
    }

    private mutating func place(of token: JSONToken, _ bytes: Span<UInt8>) -> Place {
        guard token.hasEscapes else { return Place(start: token.start, end: token.end) }
        let start = resolved.count
        JSONScanner(bytes).unescape(token, into: &resolved)
        return Place(start: start, end: resolved.count, isResolved: true)
    }

    private func value(_ token: JSONToken, _ bytes: Span<UInt8>, _ place: Place) -> WrittenValue {
        place.isResolved
            ? WrittenValue(token.kind, resolved.span, place.start, place.end)
            : WrittenValue(token.kind, bytes, place.start, place.end)
    }

    private func word(
        _ token: JSONToken, _ bytes: Span<UInt8>, _ place: Place, _ plan: TopicPlan, among range: Range<Int>,
        mayBeFlag: Bool = true
    ) -> Int? {
        place.isResolved
            ? plan.word(
                token.kind, resolved.span, place.start, place.end, among: range, mayBeFlag: mayBeFlag)
            : plan.word(token.kind, bytes, place.start, place.end, among: range, mayBeFlag: mayBeFlag)
    }

    /// A number, also one in quotes.
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
            if let kind = oddity(of: token, source, step, topic.plan, bytes) {
                note(kind, source.field, .signal(index, source: i - step.sources.lowerBound), token, bytes)
            }
            return
        }
        if topic.isComplete { message.reading.setUnknown(step.signal) }
    }

    private mutating func bits(
        of token: JSONToken, _ source: TopicPlan.Source, _ step: TopicPlan.Step, _ plan: TopicPlan,
        _ bytes: Span<UInt8>
    ) -> UInt64? {
        if token.kind == .null || token.kind == .spoiled { return nil }
        if !source.words.isEmpty {
            let place = place(of: token, bytes)
            guard let word = word(token, bytes, place, plan, among: source.words), plan.words[word].isKnown else {
                return nil
            }
            return plan.words[word].bits
        }
        if step.kind == .number {
            return number(of: token, bytes).map { ($0 * source.scale + source.offset).bitPattern }
        }
        guard step.kind == .boolean else { return nil }
        if let threshold = source.threshold, let number = number(of: token, bytes) {
            let isAbove = number > threshold.value || threshold.countsItself && number == threshold.value
            return isAbove ? 1 : 0
        }
        if source.threshold != nil { return nil }
        let place = place(of: token, bytes)
        return value(token, bytes, place).flag.map { $0 ? 1 : 0 }
    }

    /// Whether a value that says nothing is one that nobody foresaw.
    private mutating func oddity(
        of token: JSONToken, _ source: TopicPlan.Source, _ step: TopicPlan.Step, _ plan: TopicPlan,
        _ bytes: Span<UInt8>
    ) -> Oddity.Kind? {
        switch token.kind {
        case .null, .spoiled: return nil
        case .array, .object: return .field
        default: break
        }
        if source.words.isEmpty { return .field }
        let place = place(of: token, bytes)
        if word(token, bytes, place, plan, among: source.words) != nil { return nil }
        // A map that names one side of a Boolean leaves the other unknown: the standard's "not closed" is not "open".
        if step.kind == .boolean, let side = source.onlySide, value(token, bytes, place).flag == !side { return nil }
        return .unknownValue
    }

    // MARK: Codes

    private mutating func read(
        _ mapping: CodesMapping, _ topic: TopicMapping, _ bytes: Span<UInt8>, _ message: inout DecodedMessage
    ) {
        let token = tokens[mapping.field]
        var set: UInt64 = 0
        switch token.kind {
        case .absent, .null, .spoiled:
            if token.kind == .spoiled || topic.isComplete { message.reading.setUnknown(Signal.codes.rawValue) }
            return
        case .array:
            var items = JSONScanner(bytes, isTolerant: true)
            items.position = token.start
            while let item = items.nextItem() { set |= bit(of: item, mapping, topic.plan, bytes, &message) }
        case .object where mapping.item == nil:
            message.reading.setUnknown(Signal.codes.rawValue)
            return note(.field, mapping.field, .codes, token, bytes)
        case .true, .false, .number, .string, .object:
            set = bit(of: token, mapping, topic.plan, bytes, &message)
        }
        guard let active = mapping.active else {
            message.tellsAllCodes = true
            return message.reading.set(Signal.codes.rawValue, bits: set)
        }
        switch isActive(active, topic.plan, bytes) {
        case true: message.reading.codesRaised = set
        case false: message.reading.codesEnded = set
        case nil: break
        }
    }

    /// Whether a code began; nil where that cannot be told.
    private mutating func isActive(
        _ active: CodesMapping.Active, _ plan: TopicPlan, _ bytes: Span<UInt8>
    ) -> Bool? {
        let token = tokens[active.field]
        if token.kind == .absent { return true }
        if token.kind == .spoiled { return nil }
        let place = place(of: token, bytes)
        if plan.active.isEmpty {
            if let flag = value(token, bytes, place).flag { return flag }
            note(.field, active.field, .active, token, bytes)
            return nil
        }
        guard let word = word(token, bytes, place, plan, among: plan.active) else {
            note(.unknownValue, active.field, .active, token, bytes)
            return nil
        }
        return plan.words[word].isKnown ? plan.words[word].bits == 1 : nil
    }

    /// The bit of one code; none of a code that nobody names, which is noted and goes on as the controller's own.
    private mutating func bit(
        of item: JSONToken, _ mapping: CodesMapping, _ plan: TopicPlan, _ bytes: Span<UInt8>,
        _ message: inout DecodedMessage
    ) -> UInt64 {
        var code = item
        var isTheAuthors = false
        switch item.kind {
        case .object, .array:
            if let inner = inner(item, mapping.item, bytes) {
                code = inner
                isTheAuthors = mapping.item == nil
            }
        default: break
        }
        if code.kind == .null || code.kind == .spoiled || code.kind == .absent { return 0 }
        let place = place(of: code, bytes)
        if let word = word(code, bytes, place, plan, among: plan.codes) { return plan.words[word].bits }
        if !isTheAuthors, code.kind == .string || code.kind == .number,
            let word = word(code, bytes, place, plan, among: plan.standardCodes, mayBeFlag: false)
        {
            return plan.words[word].bits
        }
        // An empty text is no code; nor is the other side of a flag that stands for one.
        if code.kind == .string, place.start == place.end { return 0 }
        if let side = plan.codesOnlySide, value(code, bytes, place).flag == !side { return 0 }
        note(.unknownCode, mapping.field, .codes, code, bytes)
        message.hasUnknownCode = true
        if message.vendorCode == nil {
            message.vendorCode = DecodedMessage.Text(range: place.start..<place.end, isResolved: place.isResolved)
        }
        return 0
    }

    /// The code within an object or a list: where the profile says, else the object's only text. Numbers are not looked for:
    /// a level or a count would be taken for a code.
    private func inner(_ item: JSONToken, _ place: CodesMapping.Item?, _ bytes: Span<UInt8>) -> JSONToken? {
        var scanner = JSONScanner(bytes, isTolerant: true)
        scanner.position = item.start
        switch (place, item.kind) {
        case (.key(let key), .object):
            var found = JSONToken()
            while let member = scanner.nextMember() { if scanner.isText(member.key, key) { found = member.value } }
            return found.kind == .absent || found.kind == .object || found.kind == .array ? nil : found
        case (.place(let place), .array):
            var index = 0
            while let value = scanner.nextItem() {
                if index == place { return value.kind == .object || value.kind == .array ? nil : value }
                index += 1
            }
            return nil
        case (nil, .object):
            var only: JSONToken?
            while let member = scanner.nextMember() {
                switch member.value.kind {
                case .string where only == nil: only = member.value
                case .string, .object, .array: return nil
                default: break
                }
            }
            return only
        default: return nil
        }
    }

    // MARK: Time

    private mutating func read(_ mapping: TimeMapping, _ bytes: Span<UInt8>, _ message: inout DecodedMessage) {
        let token = tokens[mapping.field]
        if token.kind == .absent || token.kind == .null || token.kind == .spoiled { return }
        let isText = token.kind == .string
        // A count of seconds may stand in quotes, like any number.
        let isNumber = token.kind == .number || isText && WrittenValue.isNumber(bytes, token.start, token.end)
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

    // MARK: What was odd

    private mutating func note(
        _ kind: Oddity.Kind, _ field: Int, _ reader: Oddity.Reader, _ token: JSONToken, _ bytes: Span<UInt8>
    ) {
        if oddities.count == Self.mostOddities { return }
        let place = place(of: token, bytes)
        var hash = ByteHash(seed: UInt64(topicIndex) << 32 | UInt64(field))
        // Of another type than expected, its values may be as many as there are messages: a time, a weight.
        if kind != .field {
            if place.isResolved {
                hash.add(resolved.span, place.start, place.end)
            } else {
                hash.add(bytes, place.start, place.end)
            }
        }
        oddities.append(
            Oddity(
                kind: kind, field: field, reader: reader, start: place.start, end: place.end,
                isResolved: place.isResolved, isText: token.kind == .string, key: hash.value))
    }

    /// What was odd, in words. The message must be the last one that was decoded.
    public func explain(_ oddity: Oddity, in payload: Span<UInt8>) -> UnreadableField {
        let topic = profile.topics[topicIndex]
        let end = min(oddity.end, oddity.start + 60)
        let bytes =
            oddity.isResolved
            ? Array(resolved[oddity.start..<end]) : payload.extracting(oddity.start..<end).array
        let text = String(decoding: bytes, as: UTF8.self)
        return UnreadableField(
            kind: oddity.kind, field: topic.fields.name(oddity.field), expected: topic.expectation(of: oddity.reader),
            found: oddity.isText ? "\"\(text)\"" : text)
    }
}
