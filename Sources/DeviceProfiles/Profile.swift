import Encoding
import LiftModel
import PositionedYAML

/// How the messages of one make of controller (or its adapter) become signals: data from
/// `Devices/profiles`, checked when it is read.
public struct Profile: Sendable {
    public var name: String
    public var title: String
    /// The longest pause between two messages of a healthy lift.
    public var reportsEvery: Duration
    /// The lift reports each change at once; otherwise it reports at that interval only.
    public var reportsChanges: Bool
    /// The shortest time between two reports with new values. It bounds the memory of windows over
    /// numbers.
    public var shortestInterval: Duration
    /// Without a message for this time, all signals are unknown.
    public var staleAfter: Duration
    public var topics: [TopicMapping]
    public var examples: [ProfileExample]
    /// What is allowed, and is probably a mistake.
    public var warnings: [Diagnostic] = []

    /// The signals to which a topic of this profile can give a value.
    public var provides: Set<Signal> {
        Set(topics.flatMap { $0.signals.map(\.signal) + ($0.codes == nil ? [] : [.codes]) })
    }
}

/// One topic of a profile, and how its payload becomes a reading. A class, so that the hot path
/// passes a reference.
public final class TopicMapping: Sendable {
    public let pattern: TopicPattern
    /// Each message has all fields: the signal of an absent field is unknown. Otherwise it keeps
    /// its last value.
    public let isComplete: Bool
    public let isSignOfLife: Bool
    let fields: JSONFieldSet
    let plan: TopicPlan
    let time: TimeMapping?
    /// The field with the device's sequence number. It detects duplicates, and orders messages with
    /// the same time stamp. Without it, time and payload detect duplicates.
    let sequence: Int?
    /// The field that names the lift; a message with another lift's name is refused.
    let identity: Int?
    let signals: [SignalMapping]
    let codes: CodesMapping?
    let vendorCode: Int?
    /// A message must have at least one of these fields, where there are any.
    let contentFields: [Int]

    init(
        pattern: TopicPattern, isComplete: Bool, isSignOfLife: Bool, fields: JSONFieldSet,
        time: TimeMapping?,
        sequence: Int?, identity: Int?, signals: [SignalMapping], codes: CodesMapping?,
        vendorCode: Int?
    ) {
        self.pattern = pattern
        self.isComplete = isComplete
        self.isSignOfLife = isSignOfLife
        self.fields = fields
        plan = TopicPlan(signals, codes)
        self.time = time
        self.sequence = sequence
        self.identity = identity
        self.signals = signals
        self.codes = codes
        self.vendorCode = vendorCode
        // A complete message without a value would make all signals unknown. For an update a time
        // alone is enough, as a sign of life.
        let values =
            signals.flatMap { $0.sources.map(\.field) }
            + [codes?.field, vendorCode].compactMap { $0 }
        contentFields =
            isComplete || values.isEmpty
            ? values : values + [time?.field, sequence, identity].compactMap { $0 }
    }
}

struct TimeMapping: Sendable {
    enum Format: String, CaseIterable {
        case iso8601
        case epochSeconds = "epoch_s"
        case epochMilliseconds = "epoch_ms"
        case epochMicroseconds = "epoch_us"
    }
    var field: Int
    var format: Format
    /// Seconds east of UTC for a time without an offset.
    var zone: Int
}

/// One signal's source: a field, or another field where the first is absent.
struct SignalMapping: Sendable {
    /// Makes a Boolean from a number: "more than 0 people", "open to at least 98 %".
    struct Threshold: Sendable {
        var value: Double
        /// A number equal to the threshold gives true.
        var isInclusive: Bool
    }
    struct Source: Sendable {
        var field: Int
        var scale: Double
        var offset: Double
        var threshold: Threshold?
        /// The spellings and their meanings; nil means unknown.
        var map: [(written: [UInt8], bits: UInt64?)]
    }
    var signal: Signal
    var sources: [Source]
}

struct CodesMapping: Sendable {
    /// Where the code is in each object or list of the field.
    enum Item: Sendable {
        case key([UInt8])
        case index(Int)
    }
    /// The field that shows whether the code began or ended.
    struct Active: Sendable {
        var field: Int
        /// Where it is empty, a Boolean is expected.
        var map: [(written: [UInt8], bits: UInt64?)]
    }
    var field: Int
    var item: Item?
    /// Where it is nil, the field has all active codes.
    var active: Active?
    /// The controller's own codes by their spelling; bit 0 means no code. The map takes precedence
    /// over the standard.
    var map: [(written: [UInt8], bit: UInt64)]
    /// Codes that the map does not name are the numbers of GB/T 24476.
    var followsStandard: Bool
}

extension CodesMapping {
    /// The code within an object or a list: at the key or index of `item`, else the object's
    /// only text. Numbers are not searched for: a level or a count would be taken for a
    /// code.
    func code(in container: JSONToken, _ bytes: Span<UInt8>) -> JSONToken? {
        var scanner = JSONScanner(bytes, isTolerant: true)
        scanner.position = container.start
        switch (item, container.kind) {
        case (.key(let key), .object):
            var found = JSONToken()
            while let member = scanner.nextMember() {
                if scanner.isText(member.key, key) { found = member.value }
            }
            return found.kind == .absent || found.kind == .object || found.kind == .array
                ? nil : found
        case (.index(let index), .array):
            var current = 0
            while let value = scanner.nextItem() {
                if current == index {
                    return value.kind == .object || value.kind == .array ? nil : value
                }
                current += 1
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
}

/// An example in a profile: a message, and the values that it must give.
public struct ProfileExample: Sendable {
    public var topic: String
    public var payload: String
    public var expected: [(signal: Signal, written: String)]
    public var line: Int
}

/// A topic in which one level is the lift's name: `lifts/{lift}/state`.
public struct TopicPattern: Sendable, Equatable {
    /// Why a text is no pattern, and what to write instead. A subscription to such a text would be
    /// refused or match nothing.
    struct Mistake: Error { var message: String }

    public var text: String
    private var before: [UInt8]
    private var after: [UInt8]
    private static let placeholder = "{lift}"

    /// Exactly one level must be `{lift}`, and lifts must be able to publish to the topic.
    init(_ text: String) throws(Mistake) {
        let levels = text.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        if text.hasPrefix("$") { throw Self.reserved(levels) }
        let placeholders = levels.indices.filter { levels[$0] == Self.placeholder }
        for level in levels where level != Self.placeholder {
            if let mistake = Self.mistake(in: level, of: levels) { throw mistake }
        }
        guard let index = placeholders.first else {
            throw Mistake(
                message:
                    "which names no lift. Write '{lift}' for the level where the lift's name stands"
            )
        }
        if placeholders.count > 1 {
            throw Mistake(
                message:
                    "in which \(placeholders.count) levels are '{lift}'. Expected one level with the lift's name"
            )
        }
        self.text = text
        before = Array(levels[..<index].map { $0 + "/" }.joined().utf8)
        after = Array(levels[(index + 1)...].map { "/" + $0 }.joined().utf8)
    }

    /// The mistake of a topic that begins with '$': no lift can publish to it.
    private static func reserved(_ levels: [String]) -> Mistake {
        guard let prefix = ["$share": 2, "$queue": 1][levels[0]], levels.count > prefix else {
            return Mistake(
                message:
                    "whose level '\(levels[0])' begins with '$': such topics are the broker's own. Write the lifts' topic"
            )
        }
        // Messages come with the topic without this prefix.
        return Mistake(
            message:
                "whose level '\(levels[0])' asks for a shared subscription: the broker would give a part of the messages "
                + "to other programs. Write '\(levels[prefix...].joined(separator: "/"))'")
    }

    private static func mistake(in level: String, of levels: [String]) -> Mistake? {
        if level.contains(where: { $0 == "+" || $0 == "#" }) {
            return Mistake(
                message:
                    "whose level '\(level)' has a wildcard. Write '{lift}' where the lift's name stands, and other levels out: "
                    + "a topic for each text that they may have")
        }
        if level.unicodeScalars.contains(where: { $0.properties.generalCategory == .control }) {
            return Mistake(
                message: "whose level '\(level)' has a control character. Write it without")
        }
        guard level.contains(where: { $0 == "{" || $0 == "}" }) else { return nil }
        if !levels.contains(placeholder), !level.contains(placeholder) {
            return Mistake(
                message:
                    "whose level '\(level)' is unknown. Write '{lift}' where the lift's name stands"
            )
        }
        return level.contains(placeholder)
            ? Mistake(
                message:
                    "whose level '\(level)' is more than '{lift}': a subscription takes whole levels. Let the lift's name stand on "
                    + "a level of its own, and write '{lift}' for it")
            : Mistake(
                message:
                    "whose level '\(level)' is not '{lift}'. Write it out: a topic for each text that it may have"
            )
    }

    /// Whether a level after the first one is empty: mostly a mistake. An empty first level is
    /// common.
    var hasEmptyLevel: Bool {
        text.split(separator: "/", omittingEmptySubsequences: false).dropFirst().contains("")
    }

    /// The topic filter that receives this topic of all lifts.
    public var filter: String {
        String(decoding: before, as: UTF8.self) + "+" + String(decoding: after, as: UTF8.self)
    }

    public func topic(lift: String) -> String {
        String(decoding: before, as: UTF8.self) + lift + String(decoding: after, as: UTF8.self)
    }

    /// The lift's name in a topic of this pattern.
    public func lift(in topic: String) -> String? {
        let bytes = topic.utf8
        guard bytes.count > before.count + after.count, bytes.starts(with: before),
            bytes.suffix(after.count).elementsEqual(after)
        else { return nil }
        let name = bytes.dropFirst(before.count).dropLast(after.count)
        return name.contains(UInt8(ascii: "/")) ? nil : String(Substring(name))
    }
}
