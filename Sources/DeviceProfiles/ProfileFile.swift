import Encoding
import LiftModel
import PositionedYAML

extension Profile {
    /// Reads a profile, and reports every mistake in it.
    public init?(_ root: YAMLNode, _ diagnostics: Diagnostics) {
        let before = diagnostics.all.count
        var reader = YAMLReader(root, diagnostics)
        name = reader.requiredText("profile") ?? ""
        title = reader.text("title") ?? ""
        _ = reader.text("source")
        if let encoding = reader.optional("encoding"), encoding.text != "json" {
            diagnostics.report(
                encoding, "found \(encoding.summary); the only encoding read so far is 'json'")
        }
        reportsEvery = reader.duration("reports_every") ?? .seconds(10)
        reportsChanges = reader.boolean("reports_changes") ?? true
        shortestInterval = reader.duration("shortest_interval") ?? .milliseconds(100)
        staleAfter = reader.duration("stale_after") ?? .seconds(60)
        let followsStandard = reader.choice("standard", Standard.self) != nil
        topics = []
        _ = reader.required("topics")
        for item in reader.items("topics") {
            let topic = TopicMapping.read(item, diagnostics, followsStandard: followsStandard)
            guard let topic else { continue }
            if topics.contains(where: { $0.pattern == topic.pattern }) {
                diagnostics.report(
                    item,
                    "the topic '\(topic.pattern.text)' stands here twice: only one would be read. Join the two"
                )
            }
            topics.append(topic)
            if topic.pattern.hasEmptyLevel {
                warnings.append(
                    item.diagnostic(
                        "the topic '\(topic.pattern.text)' has an empty level ('//', or '/' at its end): only messages whose topic is written so are received"
                    ))
            }
            if let codes = topic.codes, codes.map.isEmpty, !codes.followsStandard {
                warnings.append(
                    item.diagnostic(
                        "no code of the topic '\(topic.pattern.text)' is ever read: give codes: a map:, or say 'standard: gbt24476' where the controller uses the standard's own numbers"
                    ))
            }
        }
        examples = reader.items("examples").compactMap { ProfileExample($0, diagnostics) }
        reader.finish()
        if diagnostics.all.count != before { return nil }
        checkExamples(root, diagnostics)
        if diagnostics.all.count != before { return nil }
    }

    /// Decodes each example and compares the result with its `expect`.
    private func checkExamples(_ root: YAMLNode, _ diagnostics: Diagnostics) {
        for example in examples {
            func report(_ message: String) {
                diagnostics.report(
                    Diagnostic(
                        file: root.file, line: example.line, column: 1,
                        message: "example: \(message)"))
            }
            guard
                let index = topics.firstIndex(where: { $0.pattern.lift(in: example.topic) != nil })
            else {
                report("no topic of this profile is '\(example.topic)'")
                continue
            }
            var decoder = MessageDecoder(self)
            let payload = Array(example.payload.utf8)
            do throws(UnreadableMessage) {
                let message = try decoder.decode(
                    payload.span, topic: index, isRetained: false, identities: [])
                // An unknown code may be wanted: the example has `codes: none` for it.
                for unexpected in decoder.unexpectedValues where unexpected.kind != .unknownCode {
                    report(decoder.explain(unexpected, in: payload.span).description)
                }
                for (signal, written) in example.expected {
                    let found = message.reading.written(signal)
                    if found != written {
                        report("\(signal.name) became \(found), expected \(written)")
                    }
                }
            } catch { report(error.description) }
        }
    }
}

/// A standard list of codes whose numbers a controller may use.
enum Standard: String, CaseIterable {
    case gbt24476
}

extension TopicMapping {
    static func read(
        _ node: YAMLNode, _ diagnostics: Diagnostics, followsStandard: Bool
    ) -> TopicMapping? {
        var reader = YAMLReader(node, diagnostics)
        guard let text = reader.requiredText("topic") else { return nil }
        let pattern: TopicPattern
        do throws(TopicPattern.Mistake) {
            pattern = try TopicPattern(text)
        } catch {
            diagnostics.report(
                reader.optional("topic") ?? node, "found the topic '\(text)', \(error.message)")
            return nil
        }
        var fields = FieldTable()
        let isComplete = reader.boolean("complete") ?? false
        let isSignOfLife = reader.boolean("sign_of_life") ?? true
        let time = reader.optional("time").flatMap { TimeMapping($0, diagnostics, &fields) }
        let sequence = reader.text("sequence").map { fields.index($0) }
        let identity = reader.text("identity").map { fields.index($0) }
        let signals = reader.entries("signals").compactMap {
            SignalMapping($0.key, $0.value, diagnostics, &fields)
        }
        let codes = reader.optional("codes").flatMap {
            CodesMapping($0, diagnostics, &fields, followsStandard: followsStandard)
        }
        let vendorCode = reader.text("vendor_code").map { fields.index($0) }
        reader.finish()
        if fields.fields.count > JSONFieldSet.mostFields {
            diagnostics.report(
                node, "reads \(fields.fields.count) fields; the limit is \(JSONFieldSet.mostFields)"
            )
        }
        return TopicMapping(
            pattern: pattern, isComplete: isComplete, isSignOfLife: isSignOfLife,
            fields: JSONFieldSet(Array(fields.fields.prefix(JSONFieldSet.mostFields))), time: time,
            sequence: sequence,
            identity: identity,
            signals: signals, codes: codes, vendorCode: vendorCode)
    }
}

/// The fields that one topic reads, each once.
struct FieldTable {
    var fields: [JSONField] = []
    mutating func index(_ name: String) -> Int {
        let field = JSONField(name)
        if let index = fields.firstIndex(of: field) { return index }
        fields.append(field)
        return fields.count - 1
    }
}

extension TimeMapping {
    init?(_ node: YAMLNode, _ diagnostics: Diagnostics, _ fields: inout FieldTable) {
        var reader = YAMLReader(node, diagnostics)
        guard let field = reader.requiredText("field") else { return nil }
        self.field = fields.index(field)
        format = reader.choice("format", Format.self) ?? .iso8601
        zone = 0
        if let node = reader.optional("zone") {
            let text = node.text ?? ""
            let parts = text.dropFirst().split(separator: ":").compactMap { Int($0) }
            if text.hasPrefix("+") || text.hasPrefix("-"), parts.count == 2, 0..<16 ~= parts[0],
                0..<60 ~= parts[1]
            {
                zone = (parts[0] * 3600 + parts[1] * 60) * (text.hasPrefix("-") ? -1 : 1)
            } else {
                diagnostics.report(
                    node, "found \(node.summary), expected an offset from UTC such as \"+08:00\"")
            }
        }
        reader.finish()
    }
}

extension SignalMapping {
    init?(_ key: YAMLNode, _ node: YAMLNode, _ diagnostics: Diagnostics, _ fields: inout FieldTable)
    {
        guard let signal = Signal(name: key.text ?? "") else {
            let names = Signal.allCases.filter { $0 != .codes }.map(\.name)
            diagnostics.report(
                key,
                "'\(key.text ?? "")' is not a signal.\(suggestion(for: key.text ?? "", among: names))"
            )
            return nil
        }
        if signal.isFromGateway {
            diagnostics.report(
                key,
                "'\(signal.name)' is set by the gateway (maintenance: by a person), never by a lift's message"
            )
            return nil
        }
        if signal == .codes {
            diagnostics.report(
                key, "codes are read by the topic's own key 'codes:', beside 'signals:'")
            return nil
        }
        self.signal = signal
        sources = []
        var next: YAMLNode? = node
        while let node = next {
            var reader = YAMLReader(node, diagnostics)
            next = reader.optional("else")
            if let field = reader.requiredText("field") {
                let entries = reader.entries("map")
                WrittenValue.checkKeys(entries.map(\.key), diagnostics)
                let map = entries.map { written, meaning in
                    (Array(written.written.utf8), Self.bits(meaning, of: signal, diagnostics))
                }
                sources.append(
                    Source(
                        field: fields.index(field), scale: reader.number("scale") ?? 1,
                        offset: reader.number("offset") ?? 0,
                        threshold: Self.threshold(
                            &reader, of: signal, hasMap: !map.isEmpty, diagnostics), map: map))
            }
            reader.finish()
        }
    }

    /// `above: 0` or `at_least: 98`: a Boolean from a number.
    private static func threshold(
        _ reader: inout YAMLReader, of signal: Signal, hasMap: Bool, _ diagnostics: Diagnostics
    ) -> Threshold? {
        let above = reader.number("above")
        let least = reader.number("at_least")
        guard let value = above ?? least else { return nil }
        if above != nil, least != nil {
            diagnostics.report(reader.node, "'above' and 'at_least' exclude each other")
        }
        if hasMap {
            diagnostics.report(
                reader.node, "'above' and 'at_least' stand instead of a 'map', not beside it")
        }
        if signal.type != .boolean {
            diagnostics.report(
                reader.node,
                "'above' and 'at_least' make true or false of a number; \(signal.name) is neither")
        }
        return Threshold(value: value, isInclusive: above == nil)
    }

    /// The right side of a map's entry: a value of the signal's type, or nil for `unknown`.
    private static func bits(_ node: YAMLNode, of signal: Signal, _ diagnostics: Diagnostics)
        -> UInt64?
    {
        let text = node.text ?? ""
        if text == "unknown" { return nil }
        switch signal.type {
        case .boolean:
            if let value = Bool(text) { return value ? 1 : 0 }
            diagnostics.report(node, "found \(node.summary), expected true, false or unknown")
        case .number:
            if let value = Double(text) { return value.bitPattern }
            diagnostics.report(node, "found \(node.summary), expected a number or unknown")
        case .enumeration(let names):
            if let index = names.firstIndex(of: text) { return UInt64(index) }
            diagnostics.report(
                node, "found \(node.summary).\(suggestion(for: text, among: names + ["unknown"]))")
        case .codes: break
        }
        return nil
    }
}

extension CodesMapping {
    init?(
        _ node: YAMLNode, _ diagnostics: Diagnostics, _ fields: inout FieldTable,
        followsStandard: Bool
    ) {
        var reader = YAMLReader(node, diagnostics)
        guard let field = reader.requiredText("field") else { return nil }
        self.field = fields.index(field)
        if let text = reader.text("item") {
            item = Int(text).map { .index($0) } ?? .key(Array(text.utf8))
        }
        active = reader.optional("active").flatMap { Active($0, diagnostics, &fields) }
        let standard = reader.optional("standard")
        self.followsStandard =
            standard.map { $0.text != "none" && reader.choice(of: $0, Standard.self) != nil }
            ?? followsStandard
        map = []
        let entries = reader.entries("map")
        WrittenValue.checkKeys(entries.map(\.key), diagnostics)
        for (written, meaning) in entries {
            if meaning.text == "none" {
                map.append((Array(written.written.utf8), 0))
            } else if let code = FaultCode(rawValue: meaning.text ?? "") {
                map.append((Array(written.written.utf8), code.bit))
            } else {
                diagnostics.report(
                    meaning,
                    "found \(meaning.summary), expected a code of the standard in quotes, such as \"90\", or none: \(FaultCode.allCases.map(\.rawValue).joined(separator: ", "))"
                )
            }
        }
        reader.finish()
    }
}

extension CodesMapping.Active {
    /// The field's name, or a mapping with `field:` and `map:`.
    init?(_ node: YAMLNode, _ diagnostics: Diagnostics, _ fields: inout FieldTable) {
        map = []
        if case .scalar = node.content, let name = node.text {
            field = fields.index(name)
            return
        }
        var reader = YAMLReader(
            node, diagnostics, expected: "a field's name, or a mapping with 'field:' and 'map:'")
        guard let name = reader.requiredText("field") else { return nil }
        field = fields.index(name)
        let entries = reader.entries("map")
        WrittenValue.checkKeys(entries.map(\.key), diagnostics)
        for (written, meaning) in entries {
            switch meaning.text {
            case "true": map.append((Array(written.written.utf8), 1))
            case "false": map.append((Array(written.written.utf8), 0))
            case "unknown": map.append((Array(written.written.utf8), nil))
            default:
                diagnostics.report(
                    meaning,
                    "found \(meaning.summary), expected true (the code began), false (it ended) or unknown"
                )
            }
        }
        reader.finish()
    }
}

extension WrittenValue {
    /// Reports keys of a map that are the same value, such as `1` and `1.0`, `true` and `True`: one
    /// of them would never be used. `1` and `true` may both be keys.
    static func checkKeys(_ keys: [YAMLNode], _ diagnostics: Diagnostics) {
        for (index, key) in keys.enumerated() {
            let value = WrittenValue(key: Array(key.written.utf8))
            if value == .text { continue }
            if let other = keys[..<index].first(where: {
                WrittenValue(key: Array($0.written.utf8)) == value
            }) {
                diagnostics.report(
                    key,
                    "'\(key.written)' is the same value as '\(other.written)' of line \(other.line): a message cannot tell them apart. Keep one of them"
                )
            }
        }
    }
}

extension YAMLNode {
    /// The scalar's text, also where YAML reads it as null.
    fileprivate var written: String { if case .scalar(let text, _) = content { text } else { "" } }
}

extension ProfileExample {
    init?(_ node: YAMLNode, _ diagnostics: Diagnostics) {
        var reader = YAMLReader(node, diagnostics)
        line = node.line
        topic = reader.requiredText("topic") ?? ""
        payload = reader.requiredText("payload") ?? ""
        expected = []
        for (key, value) in reader.entries("expect") {
            guard let signal = Signal(name: key.text ?? "") else {
                diagnostics.report(key, "'\(key.text ?? "")' is not a signal.")
                continue
            }
            expected.append((signal, value.text ?? "unknown"))
        }
        reader.finish()
    }
}
