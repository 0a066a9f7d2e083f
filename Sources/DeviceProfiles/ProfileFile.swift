import Elevator
import Encoding
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
            diagnostics.report(encoding, "found \(encoding.summary); the only encoding read so far is 'json'")
        }
        reportsEvery = reader.duration("reports_every") ?? .seconds(10)
        reportsChanges = reader.boolean("reports_changes") ?? true
        shortestInterval = reader.duration("shortest_interval") ?? .milliseconds(100)
        staleAfter = reader.duration("stale_after") ?? .seconds(60)
        topics = []
        _ = reader.required("topics")
        for item in reader.items("topics") {
            if let topic = TopicMapping.read(item, diagnostics) { topics.append(topic) }
        }
        examples = reader.items("examples").compactMap { ProfileExample($0, diagnostics) }
        reader.finish()
        if diagnostics.all.count != before { return nil }
        checkExamples(root, diagnostics)
        if diagnostics.all.count != before { return nil }
    }

    /// Decodes each example and compares what it became.
    private func checkExamples(_ root: YAMLNode, _ diagnostics: Diagnostics) {
        for example in examples {
            func report(_ message: String) {
                diagnostics.report(
                    Diagnostic(file: root.file, line: example.line, column: 1, message: "example: \(message)"))
            }
            guard let index = topics.firstIndex(where: { $0.pattern.lift(in: example.topic) != nil }) else {
                report("no topic of this profile is '\(example.topic)'")
                continue
            }
            var decoder = MessageDecoder(self)
            let payload = Array(example.payload.utf8)
            do throws(UnreadableMessage) {
                let message = try decoder.decode(
                    payload.span, topic: index, isRetained: false, identities: [])
                if let problem = message.problem { report(problem.description) }
                for (signal, written) in example.expected {
                    let found = message.reading.written(signal)
                    if found != written { report("\(signal.name) became \(found), expected \(written)") }
                }
            } catch { report(error.description) }
        }
    }
}

extension TopicMapping {
    static func read(_ node: YAMLNode, _ diagnostics: Diagnostics) -> TopicMapping? {
        var reader = YAMLReader(node, diagnostics)
        guard let text = reader.requiredText("topic") else { return nil }
        guard let pattern = TopicPattern(text) else {
            diagnostics.report(
                node, "found the topic '\(text)', expected one with '{lift}' on a level of its own and no wildcard")
            return nil
        }
        var fields = FieldTable()
        let isComplete = reader.boolean("complete") ?? false
        let isSignOfLife = reader.boolean("sign_of_life") ?? true
        let time = reader.optional("time").flatMap { TimeMapping($0, diagnostics, &fields) }
        let sequence = reader.text("sequence").map { fields.index($0) }
        let identity = reader.text("identity").map { fields.index($0) }
        let signals = reader.entries("signals").compactMap { SignalMapping($0.key, $0.value, diagnostics, &fields) }
        let codes = reader.optional("codes").flatMap { CodesMapping($0, diagnostics, &fields) }
        let vendorCode = reader.text("vendor_code").map { fields.index($0) }
        reader.finish()
        if fields.fields.count > JSONFieldSet.mostFields {
            diagnostics.report(node, "reads \(fields.fields.count) fields; the limit is \(JSONFieldSet.mostFields)")
        }
        return TopicMapping(
            pattern: pattern, isComplete: isComplete, isSignOfLife: isSignOfLife,
            fields: JSONFieldSet(Array(fields.fields.prefix(JSONFieldSet.mostFields))), time: time, sequence: sequence,
            identity: identity,
            signals: signals, codes: codes, vendorCode: vendorCode)
    }
}

/// The fields one topic reads, each once.
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
            if text.hasPrefix("+") || text.hasPrefix("-"), parts.count == 2, 0..<16 ~= parts[0], 0..<60 ~= parts[1] {
                zone = (parts[0] * 3600 + parts[1] * 60) * (text.hasPrefix("-") ? -1 : 1)
            } else {
                diagnostics.report(node, "found \(node.summary), expected an offset from UTC such as \"+08:00\"")
            }
        }
        reader.finish()
    }
}

extension SignalMapping {
    init?(_ key: YAMLNode, _ node: YAMLNode, _ diagnostics: Diagnostics, _ fields: inout FieldTable) {
        guard let signal = Signal(name: key.text ?? "") else {
            let names = Signal.allCases.filter { $0 != .codes }.map(\.name)
            diagnostics.report(
                key, "'\(key.text ?? "")' is not a signal.\(suggestion(for: key.text ?? "", among: names))")
            return nil
        }
        if signal.isFromGateway {
            diagnostics.report(
                key, "'\(signal.name)' is said by the gateway (maintenance: by a person), never by a lift's message")
            return nil
        }
        if signal == .codes {
            diagnostics.report(key, "codes are read by the topic's own key 'codes:', beside 'signals:'")
            return nil
        }
        self.signal = signal
        sources = []
        var next: YAMLNode? = node
        while let node = next {
            var reader = YAMLReader(node, diagnostics)
            next = reader.optional("else")
            if let field = reader.requiredText("field") {
                let map = reader.entries("map").map { written, meaning in
                    (Array((written.text ?? "").utf8), Self.bits(meaning, of: signal, diagnostics))
                }
                sources.append(
                    Source(
                        field: fields.index(field), scale: reader.number("scale") ?? 1,
                        offset: reader.number("offset") ?? 0, map: map))
            }
            reader.finish()
        }
    }

    /// What a map's right side means: a value of the signal's type, or nil for `unknown`.
    private static func bits(_ node: YAMLNode, of signal: Signal, _ diagnostics: Diagnostics) -> UInt64? {
        let word = node.text ?? ""
        if word == "unknown" { return nil }
        switch signal.type {
        case .boolean:
            if let value = Bool(word) { return value ? 1 : 0 }
            diagnostics.report(node, "found \(node.summary), expected true, false or unknown")
        case .number:
            if let value = Double(word) { return value.bitPattern }
            diagnostics.report(node, "found \(node.summary), expected a number or unknown")
        case .enumeration(let names):
            if let index = names.firstIndex(of: word) { return UInt64(index) }
            diagnostics.report(node, "found \(node.summary).\(suggestion(for: word, among: names + ["unknown"]))")
        case .codes: break
        }
        return nil
    }
}

extension CodesMapping {
    init?(_ node: YAMLNode, _ diagnostics: Diagnostics, _ fields: inout FieldTable) {
        var reader = YAMLReader(node, diagnostics)
        guard let field = reader.requiredText("field") else { return nil }
        self.field = fields.index(field)
        active = reader.text("active").map { fields.index($0) }
        map = FaultCode.allCases.map { (Array($0.rawValue.utf8), $0.bit) }
        // A code written as a number has no leading zero.
        map += FaultCode.allCases.filter { $0.rawValue.hasPrefix("0") }.map {
            (Array($0.rawValue.dropFirst().utf8), $0.bit)
        }
        for (written, meaning) in reader.entries("map") {
            if let code = reader.choice(of: meaning, FaultCode.self) {
                map.append((Array((written.text ?? "").utf8), code.bit))
            }
        }
        reader.finish()
    }
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
