import Elevator
import PositionedYAML

/// A test in a file of its own: what a lift says at regular times, in shorthand, and the alerts expected of the whole set.
///
///     tests:
///       - name: stops between floors
///         interval: 5s
///         series:
///           moving: "true false x9"        # `x9`: nine more of the same
///           in_door_zone: "false x10"
///           compartments.main.occupied: "? x10"
///         expect:
///           - { at: 15s, kind: entrapment, state: suspected }
///
/// `_` says nothing of the signal at that time, `?` that it is unknown; a time at which no series says anything is silence.
struct RuleSeries {
    var example: RuleExample
    var equipment: EquipmentClass
    /// Kinds that are looked at; none: all.
    var kinds: Set<String>
    /// Each state preceded by its kind.
    var expected: [RuleExample.Verdict]

    /// - Parameter known: the kinds that the rules raise; a test of another one could not fail.
    init?(_ node: YAMLNode, kinds known: Set<String>, _ diagnostics: Diagnostics) {
        let before = diagnostics.all.count
        var reader = YAMLReader(node, diagnostics)
        let name = reader.requiredText("name") ?? ""
        let interval = reader.duration("interval") ?? .seconds(10)
        equipment = reader.choice("equipment", EquipmentClass.self) ?? .traction
        kinds = Set(reader.texts("kinds"))
        for kind in kinds.subtracting(known).sorted() {
            diagnostics.report(node, "kinds: no rule raises '\(kind)'.\(suggestion(for: kind, among: known))")
        }
        var words: [Duration: [(key: YAMLNode, value: YAMLNode)]] = [:]
        for (signal, series) in reader.entries("series") {
            for (tick, value) in Self.values(series, isCodes: signal.text == Signal.codes.name, diagnostics)
                .enumerated() where value.text != "_"
            {
                words[interval * tick, default: []].append((signal, value))
            }
        }
        let last = words.keys.max() ?? .zero
        expected = []
        for item in reader.items("expect") {
            var alert = YAMLReader(item, diagnostics)
            let time = alert.duration("at") ?? .zero
            let kind = alert.requiredText("kind") ?? ""
            if !kind.isEmpty, !known.contains(kind) {
                diagnostics.report(item, "kind: no rule raises '\(kind)'.\(suggestion(for: kind, among: known))")
            }
            let state = alert.choice("state", AlertState.self) ?? .raised
            alert.finish()
            expected.append(RuleExample.Verdict(time: time, state: "\(kind) \(state.rawValue)"))
        }
        let until = reader.duration("until") ?? last + interval
        reader.finish()
        if diagnostics.all.count != before { return nil }
        example = RuleExample(
            name: name,
            words: words.sorted { $0.key < $1.key }.map { RuleExample.Word(time: $0.key, signals: $0.value) },
            heartbeat: nil, silentFrom: nil, until: until, expected: [], node: node)
    }

    /// `a b x3` is a, b, b, b, b; `b x3` after it goes on. A value may also carry its count: `bx3` for numbers, as `0x3 1`.
    /// Codes are joined by `+`: `none 04+90`.
    private static func values(_ node: YAMLNode, isCodes: Bool, _ diagnostics: Diagnostics) -> [YAMLNode] {
        guard let text = node.text else {
            diagnostics.report(node, "found \(node.summary), expected values such as \"true false x9 _ ?\"")
            return []
        }
        var values: [YAMLNode] = []
        let most = RuleExample.maximumWords
        var isTooLong = false
        func append(_ value: YAMLNode, _ count: Int) {
            isTooLong = isTooLong || values.count + count > most
            if !isTooLong { values += Array(repeating: value, count: count) }
        }
        func append(_ word: Substring, _ count: Int) {
            var value = node
            value.content = .scalar(word == "?" ? "unknown" : String(word), isPlain: true)
            if isCodes, word != "_", word != "?" {
                value.content = .sequence(
                    word.split(separator: "+").filter { $0 != "none" }.map {
                        var code = node
                        code.content = .scalar(String($0), isPlain: true)
                        return code
                    })
            }
            append(value, count)
        }
        for word in text.split(whereSeparator: \.isWhitespace) {
            let x = word.lastIndex(of: "x")
            let count = x.flatMap { Int(word[word.index(after: $0)...]) }
            if let count, !(0...most ~= count) {
                diagnostics.report(node, "found '\(word)', expected a count from 0 to \(most)")
            } else if let count, x == word.startIndex, let last = values.last {
                append(last, count)
            } else if let count, let x, x > word.startIndex {
                append(word[..<x], count)
            } else {
                append(word, 1)
            }
        }
        if isTooLong {
            diagnostics.report(
                node, "has more than \(most) values, the limit of a test. Choose a longer interval, or split the test")
        }
        return values
    }
}

extension RuleExample {
    init(
        name: String, words: [Word], heartbeat: Duration?, silentFrom: Duration?, until: Duration, expected: [Verdict],
        node: YAMLNode
    ) {
        self.name = name
        self.words = words
        self.heartbeat = heartbeat
        self.silentFrom = silentFrom
        self.until = until
        self.expected = expected
        self.node = node
    }
}
