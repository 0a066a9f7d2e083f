import LiftModel
import PositionedYAML
import RuleLanguage

/// A test in a separate file: the values of a lift at regular times, in shorthand, and the expected
/// alerts of the whole set.
///
///     tests:
///       - name: stops between floors
///         interval: 5s
///         series:
///           moving: "true false x9" # `x9`: nine more of the same
///           in_door_zone: "false x10"
///           compartments.main.occupied: "? x10"
///         expect:
///           - { at: 15s, kind: entrapment, state: suspected }
///
/// `_` leaves the signal out at that time, `?` makes it unknown. At a time without any value the
/// lift is silent.
struct RuleSeries {
    var example: RuleExample
    var equipment: EquipmentClass
    /// The kinds that are compared; empty: all.
    var kinds: Set<String>
    /// Each state is preceded by its kind.
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
            diagnostics.report(
                node, "kinds: no rule raises '\(kind)'.\(suggestion(for: kind, among: known))")
        }
        var messages: [Duration: [(key: YAMLNode, value: YAMLNode)]] = [:]
        for (signal, series) in reader.entries("series") {
            for (tick, value) in Self.values(
                series, isCodes: signal.text == Signal.codes.name, diagnostics
            )
            .enumerated() where value.text != "_" {
                messages[interval * tick, default: []].append((signal, value))
            }
        }
        let last = messages.keys.max() ?? .zero
        expected = []
        for item in reader.items("expect") {
            var alert = YAMLReader(item, diagnostics)
            let time = alert.duration("at") ?? .zero
            let kind = alert.requiredText("kind") ?? ""
            if !kind.isEmpty, !known.contains(kind) {
                diagnostics.report(
                    item, "kind: no rule raises '\(kind)'.\(suggestion(for: kind, among: known))")
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
            messages: messages.sorted { $0.key < $1.key }.map {
                RuleExample.Message(time: $0.key, signals: $0.value)
            },
            heartbeat: nil, silentFrom: nil, until: until, expected: [], node: node)
    }

    /// `a b x3` is a, b, b, b, b; `b x3` after it continues. A value may also carry its count:
    /// `bx3` for numbers, as `0x3 1`. Codes are joined by `+`: `none 04+90`.
    private static func values(_ node: YAMLNode, isCodes: Bool, _ diagnostics: Diagnostics)
        -> [YAMLNode]
    {
        guard let text = node.text else {
            diagnostics.report(
                node, "found \(node.summary), expected values such as \"true false x9 _ ?\"")
            return []
        }
        var values: [YAMLNode] = []
        let most = RuleExample.maximumMessages
        var isTooLong = false
        func append(_ value: YAMLNode, _ count: Int) {
            isTooLong = isTooLong || values.count + count > most
            if !isTooLong { values += Array(repeating: value, count: count) }
        }
        func append(_ item: Substring, _ count: Int) {
            var value = node
            value.content = .scalar(item == "?" ? "unknown" : String(item), isPlain: true)
            if isCodes, item != "_", item != "?" {
                value.content = .sequence(
                    item.split(separator: "+").filter { $0 != "none" }.map {
                        var code = node
                        code.content = .scalar(String($0), isPlain: true)
                        return code
                    })
            }
            append(value, count)
        }
        for item in text.split(whereSeparator: \.isWhitespace) {
            let x = item.lastIndex(of: "x")
            let count = x.flatMap { Int(item[item.index(after: $0)...]) }
            if let count, !(0...most ~= count) {
                diagnostics.report(node, "found '\(item)', expected a count from 0 to \(most)")
            } else if let count, x == item.startIndex, let last = values.last {
                append(last, count)
            } else if let count, let x, x > item.startIndex {
                append(item[..<x], count)
            } else {
                append(item, 1)
            }
        }
        if isTooLong {
            diagnostics.report(
                node,
                "has more than \(most) values, the limit of a test. Choose a longer interval, or split the test"
            )
        }
        return values
    }
}
