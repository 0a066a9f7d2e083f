import DeviceProfiles
import Encoding
import LiftModel
import Monitoring
import RuleLanguage

/// Decodes each message by its lift's profile and applies the reading to the lift's state.
///
/// The daemon, the recovery after a restart and `replay` all use it.
public struct Intake {
    /// Which lifts' messages are used.
    public enum Admission: Sendable {
        /// Those of registered lifts. Any other message counts as bad input.
        case registered
        /// Those of every lift on a topic of a profile: for traces without a configuration.
        case anyone
    }
    /// What a topic means: its lift, and how its messages are read.
    private struct Channel {
        var topic: [UInt8]
        /// nil for a topic that no profile knows, or of a lift that is not registered.
        var lift: LiftIndex?
        var decoder: Int
        var mapping: Int
        var identities: [[UInt8]]
        /// A message on this topic has contained the lift's identity.
        var isNamed = false
        /// The last list of codes had a code that the profile does not name; it is reported as the
        /// vendor's code.
        var hasUnknownCode = false
    }
    /// Longer messages are refused unread.
    public static let maximumPayload = 64 << 10
    /// How a message was used. The treatment decides whether a redelivery of it can be recognised.
    public enum Treatment: Sendable {
        /// Read, or refused because of its content.
        case read
        /// Read, with a time or a sequence number of its own: the same bytes are the same message.
        case distinct
        /// Refused without a look at its content: on an unregistered topic, or too long.
        case unread
    }
    /// The limit of known topics: a client that invents topics cannot fill the memory.
    static let maximumChannels = 100_000

    public private(set) var detector: Detector
    public private(set) var badInput = BadInput()
    package internal(set) var refusedLifts: RefusedLifts
    package private(set) var partlyReadLifts = PartlyReadLifts()
    package private(set) var repeatedMessages = RepeatedMessages()
    /// The latest time that the intake has seen. Timers are evaluated through it, unless they wait.
    private(set) var latestTime: Instant
    private var decoders: [MessageDecoder]
    private var channels: [Channel] = []
    /// Indices into `channels` by the topic's hash.
    private var channelIndex: [UInt64: Int] = [:]
    private let admission: Admission

    public init(
        data: DeviceData, origin: AlertOrigin = AlertOrigin(site: "site"), admission: Admission,
        start: Instant,
        isObserving: Bool
    ) {
        detector = Detector(
            rules: data.rules, origin: origin, start: start, isObserving: isObserving)
        refusedLifts = RefusedLifts(origin)
        latestTime = start
        decoders = data.profiles.map { MessageDecoder($0) }
        self.admission = admission
    }

    /// Starts to watch a lift that publishes as the named profile says.
    public mutating func register(_ lift: Lift, profile name: String, at start: Instant) throws {
        guard let decoder = decoders.first(where: { $0.profile.name == name }) else { return }
        try detector.add(
            lift,
            kind: Self.kind(decoder.profile, lift.equipmentClass, runTimeLimit: lift.runTimeLimit),
            at: start)
        for (mapping, topic) in decoder.profile.topics.enumerated() {
            let text = Array(topic.pattern.topic(lift: lift.id).utf8)
            let decoderIndex = decoders.firstIndex { $0.profile.name == name } ?? 0
            add(
                Channel(
                    topic: text, lift: detector.index(of: lift.id), decoder: decoderIndex,
                    mapping: mapping,
                    identities: admission == .registered
                        ? ([lift.id] + [lift.registrationCode].compactMap { $0 }).map {
                            Array($0.utf8)
                        } : []))
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

    /// The kind of lift, as the rules know it, from a profile, an equipment class and the register.
    public static func kind(
        _ profile: Profile, _ equipment: EquipmentClass, runTimeLimit: Duration? = nil
    ) -> LiftKind {
        LiftKind(
            provides: profile.provides, staleAfter: profile.staleAfter,
            shortestInterval: profile.shortestInterval,
            reportsEvery: profile.reportsChanges ? nil : profile.reportsEvery, equipment: equipment,
            runTimeLimit: runTimeLimit)
    }

    private static func key(_ topic: Span<UInt8>) -> UInt64 {
        var hash = ByteHash(seed: 1)
        hash.add(topic, 0, topic.count)
        return hash.value
    }

    // MARK: Input

    /// Takes one message. Bad input is counted and stored; nothing is thrown.
    /// - Parameter unread: the length of a message that was refused unread when it came. `payload`
    ///   is then its beginning only.
    @discardableResult
    public mutating func take(
        topic: Span<UInt8>, payload: Span<UInt8>, isRetained: Bool, arrival: Instant,
        unread: Int? = nil
    ) -> Treatment {
        latestTime = max(latestTime, arrival)
        detector.advance(before: arrival)
        // The self-test has a detector of its own; its messages concern no lift here.
        if Self.isSelfTest(topic) { return .read }
        guard unread ?? payload.count <= Self.maximumPayload else {
            refuseTooLong(topic, payload, arrival)
            return .unread
        }
        let key = Self.key(topic)
        if channelIndex[key] == nil {
            do { try addUnknownTopic(topic, key, at: arrival) } catch {
                badInput.noteRefused(
                    "rules", topic: topic, payload: payload, arrival: arrival, "\(error)")
            }
        }
        // A message that was refused unread came on an unregistered topic, even if its lift was
        // registered later.
        guard unread == nil, let channel = channelIndex[key], let lift = channels[channel].lift,
            Self.equal(topic, channels[channel].topic)
        else {
            badInput.noteRefused(
                "unknown_lift", topic: topic, payload: payload, arrival: arrival,
                "no registered lift publishes on this topic. Is the lift in the configuration?")
            return .unread
        }
        // A deleted retained message has no payload and no content.
        if payload.count == 0 && isRetained { return .read }
        let decoder = channels[channel].decoder
        do throws(UnreadableMessage) {
            var message = try decoders[decoder].decode(
                payload, topic: channels[channel].mapping, isRetained: isRetained,
                identities: channels[channel].identities, mustBeNamed: channels[channel].isNamed)
            if let name = message.identity { noteIdentity(name, on: channel, payload) }
            noteUnexpectedValues(decoder, topic: topic, payload: payload, arrival: arrival)
            if message.reading.isSignOfLife {
                refusedLifts.noteRead(lift, id: detector.lift(lift).id, at: arrival)
            }
            partlyReadLifts.note(
                message, lift: lift, topic: channels[channel].mapping, decoders[decoder],
                payload: payload, at: arrival)
            repeatedMessages.note(message, lift: lift, at: arrival)
            if message.hasAllCodes { endUnknownCode(&message, on: channel) }
            apply(message, decoder, lift: lift, payload: payload, arrival: arrival)
            return message.duplicateKey != 0 && message.reading.alarmButton != true
                ? .distinct : .read
        } catch {
            noteRefused(lift, error.kind, at: arrival)
            badInput.noteRefused(
                error.kind, topic: topic, payload: payload, arrival: arrival, error.description)
            return .read
        }
    }

    private mutating func refuseTooLong(
        _ topic: Span<UInt8>, _ payload: Span<UInt8>, _ arrival: Instant
    ) {
        noteRefused(lift(of: topic), "too_long", at: arrival)
        badInput.noteRefused(
            "too_long", topic: topic, payload: payload, arrival: arrival,
            "longer than \(Self.maximumPayload) bytes")
    }

    /// A message on a topic contains its lift's identity.
    private mutating func noteIdentity(
        _ name: DecodedMessage.Text, on channel: Int, _ payload: Span<UInt8>
    ) {
        channels[channel].isNamed = true
        // Without a register a topic belongs to the first identity on it.
        guard admission == .anyone, channels[channel].identities.isEmpty else { return }
        let resolved = decoders[channels[channel].decoder].resolved
        channels[channel].identities = [
            name.isResolved ? Array(resolved[name.range]) : payload.extracting(name.range).array
        ]
    }

    /// Ends an unknown code of an earlier message that is not in a complete list any more.
    private mutating func endUnknownCode(_ message: inout DecodedMessage, on channel: Int) {
        if !message.hasUnknownCode, channels[channel].hasUnknownCode, message.vendorCode == nil {
            // No vendor code replaces it.
            message.vendorCode = DecodedMessage.Text.none
        }
        channels[channel].hasUnknownCode = message.hasUnknownCode
    }

    private mutating func apply(
        _ message: DecodedMessage, _ decoder: Int, lift: LiftIndex, payload: Span<UInt8>,
        arrival: Instant
    ) {
        guard let code = message.vendorCode else {
            return detector.apply(
                message.reading, lift: lift, key: message.duplicateKey, vendorCode: nil,
                arrival: arrival)
        }
        if code.isResolved {
            let resolved = decoders[decoder].resolved
            detector.apply(
                message.reading, lift: lift, key: message.duplicateKey,
                vendorCode: resolved.span.extracting(code.range), arrival: arrival)
        } else {
            detector.apply(
                message.reading, lift: lift, key: message.duplicateKey,
                vendorCode: payload.extracting(code.range),
                arrival: arrival)
        }
    }

    /// Counts the parts that differ from the profile in a message that is used otherwise.
    private mutating func noteUnexpectedValues(
        _ decoder: Int, topic: Span<UInt8>, payload: Span<UInt8>, arrival: Instant
    ) {
        for unexpected in decoders[decoder].unexpectedValues {
            badInput.note(
                unexpected, decoders[decoder], decoderIndex: decoder, topic: topic,
                payload: payload, arrival: arrival)
        }
        let blemishes = decoders[decoder].blemishes
        if blemishes.isEmpty { return }
        for (blemish, name, explanation) in JSONBlemishes.all where blemishes.contains(blemish) {
            badInput.note(
                name, topic: topic, payload: payload, arrival: arrival,
                "is read all the same; it has \(explanation)")
        }
    }

    private mutating func noteRefused(_ lift: LiftIndex?, _ kind: String, at arrival: Instant) {
        guard let lift else { return }
        refusedLifts.noteRefused(lift, id: detector.lift(lift).id, because: kind, at: arrival)
    }

    /// The profile by which a lift's messages are read.
    func profile(of lift: LiftIndex) -> Profile? {
        channels.first { $0.lift == lift }.map { decoders[$0.decoder].profile }
    }

    /// The lift of a topic.
    private func lift(of topic: Span<UInt8>) -> LiftIndex? {
        guard let channel = channelIndex[Self.key(topic)],
            Self.equal(topic, channels[channel].topic)
        else {
            return nil
        }
        return channels[channel].lift
    }

    package static func isSelfTest(_ topic: Span<UInt8>) -> Bool {
        let prefix = SelfTestLift.topicPrefix
        guard topic.count > prefix.count else { return false }
        for i in prefix.indices where topic[i] != prefix[i] { return false }
        return true
    }

    /// Registers the lift of a topic that was not known before.
    private mutating func addUnknownTopic(_ topic: Span<UInt8>, _ key: UInt64, at arrival: Instant)
        throws
    {
        // Registered lifts are known from the start; an unregistered topic is not worth its memory.
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
        latestTime = max(latestTime, now)
        detector.advance(to: now)
    }

    /// Advances the time alert by alert.
    /// - Parameter emit: takes each alert with the moment of its evaluation, which is later than
    ///   its own time where the lift's messages were awaited.
    package mutating func advance(to now: Instant, emit: (Alert, Instant) -> Void) {
        while let due = detector.deadline, due <= now {
            // A deadline before the time of late messages is evaluated now, as in the daemon.
            let moment = max(due, latestTime)
            advance(to: moment)
            for alert in takeAlerts() { emit(alert, max(moment, alert.time)) }
        }
        advance(to: now)
        for alert in takeAlerts() { emit(alert, alert.time) }
    }

    public mutating func stopObserving(at now: Instant) { detector.stopObserving(at: now) }
    public mutating func waitForUnreadMessages() { detector.waitForUnreadMessages() }
    public mutating func startObserving(at now: Instant) { detector.startObserving(at: now) }
    public mutating func takeAlerts() -> [Alert] { detector.takeAlerts() }

    /// The alerts about lifts whose messages are refused.
    package mutating func takeRefusalAlerts() -> [Alert] { refusedLifts.takeAlerts() }

    /// Applies an operator action, after the alerts that are due until then: it may concern one of
    /// them.
    /// - Throws: `OperatorActionError`; nothing but time is changed then.
    public mutating func apply(_ action: OperatorAction, at now: Instant)
        throws(OperatorActionError)
    {
        advance(to: now)
        try detector.apply(action, at: now)
    }
    /// Continues under changed rules. - Throws: `ExpressionError`; nothing is changed then.
    public mutating func adopt(_ rules: RuleSet, at now: Instant) throws(ExpressionError) {
        try detector.adopt(rules, at: now)
    }

    package mutating func nameAlerts(after origin: AlertOrigin) {
        detector.nameAlerts(after: origin)
    }
    public mutating func restore(_ detector: Detector) { self.detector = detector }
}
