import Detection
import DeviceProfiles
import Elevator
import Encoding

/// The first half of the loop: a message's bytes are decoded by its lift's profile and folded into the lift's state.
///
/// The daemon, the recovery after a crash and `replay` all go through here.
public struct Intake {
    /// Which lifts may speak.
    public enum Admission: Sendable {
        /// Those of the register only; another's word is counted as bad input.
        case registered
        /// Whoever speaks on a topic of a profile: for traces without a configuration.
        case anyone
    }
    /// What a topic means: whose word it is, and how to read it.
    private struct Channel {
        var topic: [UInt8]
        /// nil: a topic that no profile knows, or of a lift that is not registered.
        var lift: Int?
        var decoder: Int
        var mapping: Int
        var identities: [[UInt8]]
        /// The lift has said its name here.
        var isNamed = false
        /// Its last codes had one that the profile does not name, which goes along as the controller's own.
        var hasUnknownCode = false
    }
    /// Longer messages are refused unread.
    public static let maximumPayload = 64 << 10
    /// Topics remembered; a stranger who invents topics cannot fill the memory.
    static let maximumChannels = 100_000

    public private(set) var detector: Detector
    public private(set) var badInput = BadInput()
    var refusedLifts: RefusedLifts
    /// The latest time to which it was advanced.
    private var reached: Instant
    private var decoders: [MessageDecoder]
    private var channels: [Channel] = []
    /// By the topic's hash.
    private var channelIndex: [UInt64: Int] = [:]
    private let admission: Admission

    public init(
        data: DeviceData, origin: AlertOrigin = AlertOrigin(site: "site"), admission: Admission, start: Instant,
        isListening: Bool
    ) {
        detector = Detector(rules: data.rules, origin: origin, start: start, isListening: isListening)
        refusedLifts = RefusedLifts(origin)
        reached = start
        decoders = data.profiles.map { MessageDecoder($0) }
        self.admission = admission
    }

    /// Begins to follow a lift that speaks as the named profile says.
    public mutating func register(_ lift: Lift, profile name: String, at start: Instant) throws {
        guard let decoder = decoders.first(where: { $0.profile.name == name }) else { return }
        try detector.add(
            lift, kind: Self.kind(decoder.profile, lift.equipmentClass, runTimeLimit: lift.runTimeLimit),
            at: start)
        for (mapping, topic) in decoder.profile.topics.enumerated() {
            let text = Array(topic.pattern.topic(lift: lift.id).utf8)
            let decoderIndex = decoders.firstIndex { $0.profile.name == name } ?? 0
            add(
                Channel(
                    topic: text, lift: detector.index(of: lift.id), decoder: decoderIndex, mapping: mapping,
                    identities: admission == .registered
                        ? ([lift.id] + [lift.registrationCode].compactMap { $0 }).map { Array($0.utf8) } : []))
        }
    }

    private mutating func add(_ channel: Channel) {
        let key = Self.key(channel.topic.span)
        if let known = channelIndex[key] {
            channels[known] = channel
        } else {
            channelIndex[key] = channels.count
            channels.append(channel)
        }
    }

    /// What a profile, a class of lift and its register mean to the rules.
    public static func kind(
        _ profile: Profile, _ equipment: EquipmentClass, runTimeLimit: Duration? = nil
    ) -> Detector.LiftKind {
        Detector.LiftKind(
            provides: profile.provides, staleAfter: profile.staleAfter, shortestInterval: profile.shortestInterval,
            reportsEvery: profile.reportsChanges ? nil : profile.reportsEvery, equipment: equipment,
            runTimeLimit: runTimeLimit)
    }

    private static func key(_ topic: Span<UInt8>) -> UInt64 {
        var hash = ByteHash(seed: 1)
        hash.add(topic, 0, topic.count)
        return hash.value
    }

    // MARK: Input

    /// One message. Bad input is counted and kept; nothing is thrown.
    public mutating func take(
        topic: Span<UInt8>, payload: Span<UInt8>, isRetained: Bool, arrival: Instant
    ) {
        reached = max(reached, arrival)
        detector.advance(before: arrival)
        // A self-test's words are nobody's here; it has a detector of its own.
        if Self.isSelfTest(topic) { return }
        guard payload.count <= Self.maximumPayload else {
            noteRefused(lift(of: topic), "too_long", at: arrival)
            return badInput.noteRefused(
                "too_long", topic: topic, payload: payload, arrival: arrival,
                "longer than \(Self.maximumPayload) bytes")
        }
        let key = Self.key(topic)
        if channelIndex[key] == nil {
            do { try meet(topic, key, at: arrival) } catch {
                badInput.noteRefused("rules", topic: topic, payload: payload, arrival: arrival, "\(error)")
            }
        }
        guard let channel = channelIndex[key], let lift = channels[channel].lift,
            Self.equal(topic, channels[channel].topic)
        else {
            return badInput.noteRefused(
                "unknown_lift", topic: topic, payload: payload, arrival: arrival,
                "no registered lift speaks on this topic. Is the lift in the configuration?")
        }
        // A retained message that was deleted has no payload; it says nothing.
        if payload.count == 0 && isRetained { return }
        let decoder = channels[channel].decoder
        do throws(UnreadableMessage) {
            var message = try decoders[decoder].decode(
                payload, topic: channels[channel].mapping, isRetained: isRetained,
                identities: channels[channel].identities, mustBeNamed: channels[channel].isNamed)
            if message.identity != nil { channels[channel].isNamed = true }
            // Without a register a topic belongs to whoever names himself on it first.
            if admission == .anyone, channels[channel].identities.isEmpty, let name = message.identity {
                channels[channel].identities = [
                    name.isResolved
                        ? Array(decoders[decoder].resolved[name.range]) : payload.extracting(name.range).array
                ]
            }
            noteOddities(decoder, topic: topic, payload: payload, arrival: arrival)
            if message.reading.isSignOfLife {
                refusedLifts.noteRead(lift, id: detector.lift(lift).id, at: arrival)
            }
            if message.tellsAllCodes, !message.hasUnknownCode, channels[channel].hasUnknownCode,
                message.vendorCode == nil
            {
                // It has ended, and says nothing of what comes.
                message.vendorCode = DecodedMessage.Text.none
            }
            if message.tellsAllCodes { channels[channel].hasUnknownCode = message.hasUnknownCode }
            fold(message, decoder, lift: lift, payload: payload, arrival: arrival)
        } catch {
            noteRefused(lift, error.kind, at: arrival)
            badInput.noteRefused(error.kind, topic: topic, payload: payload, arrival: arrival, error.description)
        }
    }

    private mutating func fold(
        _ message: DecodedMessage, _ decoder: Int, lift: Int, payload: Span<UInt8>, arrival: Instant
    ) {
        guard let code = message.vendorCode else {
            return detector.fold(
                message.reading, lift: lift, key: message.duplicateKey, vendorCode: nil, arrival: arrival)
        }
        if code.isResolved {
            let resolved = decoders[decoder].resolved
            detector.fold(
                message.reading, lift: lift, key: message.duplicateKey,
                vendorCode: resolved.span.extracting(code.range), arrival: arrival)
        } else {
            detector.fold(
                message.reading, lift: lift, key: message.duplicateKey, vendorCode: payload.extracting(code.range),
                arrival: arrival)
        }
    }

    /// Counts what was not as the profile says in a message that is used all the same.
    private mutating func noteOddities(
        _ decoder: Int, topic: Span<UInt8>, payload: Span<UInt8>, arrival: Instant
    ) {
        for oddity in decoders[decoder].oddities {
            badInput.note(
                oddity, decoders[decoder], decoderIndex: decoder, topic: topic, payload: payload, arrival: arrival)
        }
        let blemishes = decoders[decoder].blemishes
        if blemishes.isEmpty { return }
        for (blemish, name, explanation) in JSONBlemishes.all where blemishes.contains(blemish) {
            badInput.note(
                name, topic: topic, payload: payload, arrival: arrival, "is read all the same; it has \(explanation)")
        }
    }

    private mutating func noteRefused(_ lift: Int?, _ kind: String, at arrival: Instant) {
        guard let lift else { return }
        refusedLifts.noteRefused(lift, id: detector.lift(lift).id, because: kind, at: arrival)
    }

    /// Whose topic it is.
    private func lift(of topic: Span<UInt8>) -> Int? {
        guard let channel = channelIndex[Self.key(topic)], Self.equal(topic, channels[channel].topic) else {
            return nil
        }
        return channels[channel].lift
    }

    static func isSelfTest(_ topic: Span<UInt8>) -> Bool {
        let prefix = SelfTest.topicPrefix
        guard topic.count > prefix.count else { return false }
        for i in prefix.indices where topic[i] != prefix[i] { return false }
        return true
    }

    /// A topic heard for the first time.
    private mutating func meet(_ topic: Span<UInt8>, _ key: UInt64, at arrival: Instant) throws {
        // Registered lifts are known from the start; strangers are not worth remembering.
        guard admission == .anyone, channels.count < Self.maximumChannels else { return }
        let bytes = topic.array
        let text = String(decoding: bytes, as: UTF8.self)
        add(Channel(topic: bytes, lift: nil, decoder: 0, mapping: 0, identities: []))
        for decoder in decoders {
            for topic in decoder.profile.topics {
                guard let name = topic.pattern.lift(in: text) else { continue }
                try register(Lift(id: name), profile: decoder.profile.name, at: arrival)
                return
            }
        }
    }

    private static func equal(_ a: Span<UInt8>, _ b: [UInt8]) -> Bool {
        guard a.count == b.count else { return false }
        for i in 0..<b.count where a[i] != b[i] { return false }
        return true
    }

    // MARK: Time and output

    public mutating func advance(to now: Instant) {
        reached = max(reached, now)
        detector.advance(to: now)
    }

    /// Lets time pass alert by alert.
    /// - Parameter tell: takes each with the moment at which it was decided, which is after its own where the lift's words were waited for.
    package mutating func advance(to now: Instant, tell: (Alert, Instant) -> Void) {
        while let due = detector.deadline, due <= now {
            // A deadline in the past of words that came late is met now, as in the daemon.
            let moment = max(due, reached)
            advance(to: moment)
            for alert in takeAlerts() { tell(alert, max(moment, alert.time)) }
        }
        advance(to: now)
        for alert in takeAlerts() { tell(alert, alert.time) }
    }

    public mutating func stopListening(at now: Instant) { detector.stopListening(at: now) }
    public mutating func waitForWords() { detector.waitForWords() }
    public mutating func startListening(at now: Instant) { detector.startListening(at: now) }
    public mutating func takeAlerts() -> [Alert] { detector.takeAlerts() }

    /// What the time until then has brought comes first: an order may concern it.
    /// - Throws: `OrderProblem`; nothing but time is changed then.
    public mutating func follow(_ order: Order, at now: Instant) throws(OrderProblem) {
        advance(to: now)
        try detector.follow(order, at: now)
    }
    /// Goes on under other rules. - Throws: `ExpressionError`; nothing is changed then.
    public mutating func adopt(_ rules: RuleSet, at now: Instant) throws(ExpressionError) {
        try detector.adopt(rules, at: now)
    }

    mutating func explain(rule: String, lift: String, reasons: Set<String>) throws(ExpressionError) {
        try detector.explain(rule: rule, lift: lift, reasons: reasons)
    }

    mutating func nameAlerts(after origin: AlertOrigin) { detector.nameAlerts(after: origin) }
    public mutating func restore(_ detector: Detector) { self.detector = detector }
}
