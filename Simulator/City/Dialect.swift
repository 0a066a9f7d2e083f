import LiftModel
import PositionedYAML

/// How one make of controller encodes its messages: a profile of `Devices/profiles`, read in
/// reverse.
///
/// The simulator reads the profile's file itself and shares nothing else with the gateway's
/// decoder. Not supported: fields nested more than once, and any encoding but JSON.
package struct Dialect: Sendable {
    package enum Channel: UInt8, Sendable {
        case state, event, online
        /// Published with the retain flag.
        package var isRetained: Bool { self != .event }
    }

    /// One topic and the fields of its payload in the file's order; those of one inner object are
    /// together.
    struct Template: Sendable {
        var before: [UInt8]
        var after: [UInt8]
        var groups: [Group]

        func topic(lift: String) -> [UInt8] { before + Array(lift.utf8) + after }
    }
    /// The fields of an inner object; of the payload itself where the key is empty.
    struct Group: Sendable {
        var key: Text
        var fields: [(key: Text, content: Content)] = []
    }
    /// A range of `bytes`. Plain numbers, so that reading a field counts no references.
    struct Text: Sendable {
        var start: Int32
        var end: Int32
        var isEmpty: Bool { start == end }
    }
    enum Content: Sendable {
        case identity, sequence, vendorCode, isActive
        /// Seconds east of UTC.
        case time(Format, zone: Int)
        /// The index in `texts` of the first of 64, by the number of the code's bit.
        case code(Int)
        case codeSet(Int)
        /// The index in `texts` of the first, by the mode's index in `ServiceMode`. Empty where the
        /// controller does not write the mode.
        case mode(Int)
        case direction(none: Text, up: Text, down: Text)
        case flag(Signal, whenTrue: Text, whenFalse: Text)
        case number(Signal, scale: Double, offset: Double)
    }
    enum Format: String, CaseIterable {
        case iso8601
        case epochSeconds = "epoch_s"
        case epochMilliseconds = "epoch_ms"
    }

    package var name: String
    /// Seconds.
    package var reportsEvery: Double
    var reportsChanges: Bool
    private var templates: [Template?]
    private(set) var bytes: [UInt8] = []
    private(set) var texts: [Text] = []
    /// The fields of a state, in its order, and the indices of those that change with every
    /// message.
    private(set) var stateFields: [Content] = []
    private(set) var volatileFields: [Int] = []

    /// It writes the signal; of a flag, its value true.
    func hasField(for signal: Signal) -> Bool {
        stateFields.contains {
            switch $0 {
            case .flag(signal, let whenTrue, _): !whenTrue.isEmpty
            case .number(signal, _, _): true
            default: false
            }
        }
    }

    func template(_ channel: Channel) -> Template? { templates[Int(channel.rawValue)] }

    package init(_ root: YAMLNode) throws(InvalidFiles) {
        let diagnostics = Diagnostics()
        var reader = YAMLReader(root, diagnostics)
        name = reader.requiredText("profile") ?? ""
        reportsEvery = (reader.duration("reports_every") ?? .seconds(10)).inSeconds
        reportsChanges = reader.boolean("reports_changes") ?? true
        templates = [nil, nil, nil]
        if let encoding = reader.text("encoding"), encoding != "json" {
            diagnostics.report(
                root, "the simulator supports JSON only, and found the encoding '\(encoding)'")
        }
        for item in reader.items("topics") {
            guard let (channel, template) = template(item, diagnostics) else { continue }
            if templates[Int(channel.rawValue)] == nil {
                templates[Int(channel.rawValue)] = template
            }
        }
        stateFields = templates[0]?.groups.flatMap { $0.fields.map(\.content) } ?? []
        volatileFields = stateFields.indices.filter {
            switch stateFields[$0] {
            case .time, .sequence: true
            default: false
            }
        }
        if templates[0] == nil {
            diagnostics.report(
                root, "no topic has the whole state: expected one with 'complete: true'")
        }
        if !diagnostics.isEmpty { throw InvalidFiles(diagnostics.all) }
    }

    /// A template while it is read.
    private struct Draft {
        let node: YAMLNode
        let diagnostics: Diagnostics
        var groups: [(name: String, group: Group)] = []
        var known: Set<String> = []
    }

    private mutating func template(_ node: YAMLNode, _ diagnostics: Diagnostics) -> (
        Channel, Template
    )? {
        var reader = YAMLReader(node, diagnostics)
        let parts = (reader.requiredText("topic") ?? "").split(
            separator: "{lift}", omittingEmptySubsequences: false)
        guard parts.count == 2 else {
            diagnostics.report(node, "expected a topic with one '{lift}'")
            return nil
        }
        var draft = Draft(node: node, diagnostics: diagnostics)
        add(reader.text("identity"), .identity, to: &draft)
        addTime(&reader, to: &draft)
        add(reader.text("sequence"), .sequence, to: &draft)
        let hasOnline = addSignals(&reader, to: &draft)
        let isEvent = addCodes(&reader, to: &draft)
        add(reader.text("vendor_code"), .vendorCode, to: &draft)
        return (
            isEvent ? .event : hasOnline ? .online : .state,
            Template(
                before: Array(parts[0].utf8), after: Array(parts[1].utf8),
                groups: draft.groups.map(\.group))
        )
    }

    private mutating func add(_ field: String?, _ content: Content, to draft: inout Draft) {
        // A field that carries two signals is written for the first of them.
        guard let field, draft.known.insert(field).inserted else { return }
        let path = field.split(separator: ".").map(String.init)
        if path.count > 2 {
            draft.diagnostics.report(
                draft.node, "the simulator cannot write '\(field)', which is nested more than once")
        }
        let name = path.count > 1 ? path[0] : ""
        let index = draft.groups.firstIndex { $0.name == name }
        if index == nil {
            draft.groups.append(
                (name, Group(key: store(name.isEmpty ? [] : Array("\"\(name)\":{".utf8)))))
        }
        draft.groups[index ?? draft.groups.count - 1].group.fields.append(
            (store(Array("\"\(path.last ?? "")\":".utf8)), content))
    }

    private mutating func addTime(_ reader: inout YAMLReader, to draft: inout Draft) {
        guard let time = reader.optional("time") else { return }
        var reader = YAMLReader(time, draft.diagnostics)
        let format = reader.choice("format", Format.self) ?? .iso8601
        let zone = reader.text("zone") ?? "+00:00"
        let digits = zone.dropFirst().split(separator: ":").compactMap { Int($0) }
        let seconds =
            digits.count == 2
            ? (digits[0] * 3600 + digits[1] * 60) * (zone.hasPrefix("-") ? -1 : 1) : 0
        add(reader.requiredText("field"), .time(format, zone: seconds), to: &draft)
    }

    /// - Returns: whether the signal `online` is among them.
    private mutating func addSignals(_ reader: inout YAMLReader, to draft: inout Draft) -> Bool {
        var hasOnline = false
        for (key, value) in reader.entries("signals") {
            guard let signal = Signal(name: key.text ?? "") else { continue }
            if signal == .online { hasOnline = true }
            var reader = YAMLReader(value, draft.diagnostics)
            var written: [String: [UInt8]] = [:]
            for (own, meaning) in reader.entries("map") where meaning.text != "unknown" {
                guard let text = meaning.text, written[text] == nil else { continue }
                written[text] = Self.literal(own)
            }
            let field = reader.requiredText("field")
            let content = content(
                signal, written, scale: reader.number("scale") ?? 1,
                offset: reader.number("offset") ?? 0)
            add(field, content, to: &draft)
        }
        return hasOnline
    }

    /// - Returns: whether the message tells of one code that came or went.
    private mutating func addCodes(_ reader: inout YAMLReader, to draft: inout Draft) -> Bool {
        guard let codes = reader.optional("codes") else { return false }
        var reader = YAMLReader(codes, draft.diagnostics)
        var written = [[UInt8]](repeating: [], count: 64)
        for code in FaultCode.allCases {
            written[code.bit.trailingZeroBitCount] = Array("\"\(code.rawValue)\"".utf8)
        }
        for (own, meaning) in reader.entries("map") {
            guard let code = meaning.text.flatMap(FaultCode.init(rawValue:)) else { continue }
            written[code.bit.trailingZeroBitCount] = Self.literal(own)
        }
        let active = reader.text("active")
        let field = reader.requiredText("field")
        let first = store(all: written)
        add(field, active == nil ? .codeSet(first) : .code(first), to: &draft)
        guard let active else { return false }
        add(active, .isActive, to: &draft)
        return true
    }

    private mutating func store(_ text: [UInt8]) -> Text {
        bytes += text
        return Text(start: Int32(bytes.count - text.count), end: Int32(bytes.count))
    }
    /// - Returns: the index of the first.
    private mutating func store(all written: [[UInt8]]) -> Int {
        let first = texts.count
        for text in written { texts.append(store(text)) }
        return first
    }

    /// - Parameter written: the controller's text for each value of the profile.
    private mutating func content(
        _ signal: Signal, _ written: [String: [UInt8]], scale: Double, offset: Double
    ) -> Content {
        func text(_ name: String, _ usual: String = "") -> Text {
            store(written[name] ?? Array(usual.utf8))
        }
        switch signal.type {
        case .enumeration where signal == .direction:
            return .direction(none: text("none"), up: text("up"), down: text("down"))
        case .enumeration:
            return .mode(store(all: ServiceMode.allCases.map { written[$0.rawValue] ?? [] }))
        case .number: return .number(signal, scale: scale, offset: offset)
        case .boolean, .codes:
            let isPlain = written.isEmpty
            return .flag(
                signal, whenTrue: text("true", isPlain ? "true" : ""),
                whenFalse: text("false", isPlain ? "false" : ""))
        }
    }

    /// A plain scalar is a number or a Boolean, a quoted one is text.
    private static func literal(_ node: YAMLNode) -> [UInt8] {
        if case .scalar(let text, isPlain: true) = node.content,
            Double(text) != nil || text == "true" || text == "false"
        {
            return Array(text.utf8)
        }
        return Array("\"\(node.text ?? "")\"".utf8)
    }
}

extension String {
    /// The parts of a text between the occurrences of a separator.
    fileprivate func split(separator: String, omittingEmptySubsequences: Bool) -> [String] {
        var parts: [String] = [""]
        var rest = Substring(self)
        while !rest.isEmpty {
            if rest.hasPrefix(separator) {
                parts.append("")
                rest = rest.dropFirst(separator.count)
            } else {
                parts[parts.count - 1].append(rest.removeFirst())
            }
        }
        return parts
    }
}
