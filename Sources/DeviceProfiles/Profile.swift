import Elevator
import Encoding
import PositionedYAML

/// How one make of controller (or its adapter) speaks: data from `Devices/profiles`, checked when it is read.
public struct Profile: Sendable {
    public var name: String
    public var title: String
    /// The longest pause between two words of a lift in good health.
    public var reportsEvery: Duration
    /// It reports every change at once; otherwise only at that interval.
    public var reportsChanges: Bool
    /// It says something new no more often than this, which bounds what windows over its numbers have to remember.
    public var shortestInterval: Duration
    /// After this long without a word, everything that was said is unknown.
    public var staleAfter: Duration
    public var topics: [TopicMapping]
    public var examples: [ProfileExample]
    /// What is allowed and still doubtful.
    public var warnings: [Diagnostic] = []

    /// The signals some topic of this profile can give a value.
    public var provides: Set<Signal> {
        Set(topics.flatMap { $0.signals.map(\.signal) + ($0.codes == nil ? [] : [.codes]) })
    }
}

/// One topic of a profile, and how its payload becomes a reading. A class, so that the hot path passes a reference around.
public final class TopicMapping: Sendable {
    public let pattern: TopicPattern
    /// The payload tells all there is: a field that is absent is unknown. Otherwise it keeps its last value.
    public let isComplete: Bool
    public let isSignOfLife: Bool
    let fields: JSONFieldSet
    let plan: TopicPlan
    let time: TimeMapping?
    /// The field that grows with each message of a device: it tells doubles, and orders messages of one time. Without one,
    /// time and payload tell doubles.
    let sequence: Int?
    /// The field that names the lift; another lift's name in it is refused.
    let identity: Int?
    let signals: [SignalMapping]
    let codes: CodesMapping?
    let vendorCode: Int?
    /// The fields of which a message has one, at least; without any, a message needs none.
    let telling: [Int]

    init(
        pattern: TopicPattern, isComplete: Bool, isSignOfLife: Bool, fields: JSONFieldSet, time: TimeMapping?,
        sequence: Int?, identity: Int?, signals: [SignalMapping], codes: CodesMapping?, vendorCode: Int?
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
        // A snapshot of nothing would make everything unknown; of an update a time will do, as a sign of life.
        let said = signals.flatMap { $0.sources.map(\.field) } + [codes?.field, vendorCode].compactMap { $0 }
        telling = isComplete || said.isEmpty ? said : said + [time?.field, sequence, identity].compactMap { $0 }
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
    /// Seconds east of UTC for a time that does not say.
    var zone: Int
}

/// One signal's source: a field, or another where the first is absent.
struct SignalMapping: Sendable {
    /// Makes a Boolean of a number: "more than 0 people", "open to 98 % at least".
    struct Threshold: Sendable {
        var value: Double
        var countsItself: Bool
    }
    struct Source: Sendable {
        var field: Int
        var scale: Double
        var offset: Double
        var threshold: Threshold?
        /// What is written, and what it means; nil is "unknown".
        var map: [(written: [UInt8], bits: UInt64?)]
    }
    var signal: Signal
    var sources: [Source]
}

struct CodesMapping: Sendable {
    /// Where in each object or list of the field the code stands.
    enum Item: Sendable {
        case key([UInt8])
        case place(Int)
    }
    /// The field that says whether the code began or ended.
    struct Active: Sendable {
        var field: Int
        /// Without one, a Boolean is expected.
        var map: [(written: [UInt8], bits: UInt64?)]
    }
    var field: Int
    var item: Item?
    /// Without one, the field is the full set.
    var active: Active?
    /// The controller's own codes, by how they are written; 0 is no code. The author's word goes before the standard's.
    var map: [(written: [UInt8], bit: UInt64)]
    /// GB/T 24476's own numbers are meant, where the map does not say otherwise.
    var followsStandard: Bool
}

/// A message a profile's author had in hand, and what it must become.
public struct ProfileExample: Sendable {
    public var topic: String
    public var payload: String
    public var expected: [(signal: Signal, written: String)]
    public var line: Int
}

/// `lifts/{lift}/state`: a topic with one captured level.
public struct TopicPattern: Sendable, Equatable {
    public var text: String
    private var before: [UInt8]
    private var after: [UInt8]

    /// What is wrong with a text that is no pattern.
    static func objection(to text: String) -> String {
        if text.hasPrefix("$") {
            return "which begins with '$': a shared subscription would hand a part of the messages to others, "
                + "and the broker's own topics are no lift's"
        }
        let other = text.split(separator: "/").first { $0.contains("{") && $0 != "{lift}" }
        if let other, text.contains("{lift}") {
            return "expected no other name in braces than '{lift}'; write '\(other)' out, in a profile for each"
        }
        return "expected one with '{lift}' on a level of its own and no wildcard"
    }

    /// nil unless there is exactly one `{lift}`, on a level of its own, and neither a wildcard nor another name in braces.
    public init?(_ text: String) {
        let levels = text.split(separator: "/", omittingEmptySubsequences: false)
        guard !text.hasPrefix("$"), !levels.contains(where: { $0.contains("{") && $0 != "{lift}" }),
            levels.filter({ $0 == "{lift}" }).count == 1, !text.contains("+"), !text.contains("#"),
            let hole = text.range(of: "{lift}")
        else { return nil }
        self.text = text
        before = Array(text[..<hole.lowerBound].utf8)
        after = Array(text[hole.upperBound...].utf8)
    }

    /// The subscription that receives this topic of every lift.
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

extension String {
    /// The first place of a text in this one (the standard library has it only for a single character).
    fileprivate func range(of needle: String) -> Range<String.Index>? {
        var from = startIndex
        while from < endIndex {
            if self[from...].hasPrefix(needle) { return from..<index(from, offsetBy: needle.count) }
            from = index(after: from)
        }
        return nil
    }
}
