import Elevator
import PositionedYAML

/// How one make of controller writes its words: a profile of `Devices/profiles`, read in the other direction.
///
/// The simulator reads the profile's file by itself; it shares nothing with the gateway's decoder but that file. Not spoken: fields
/// nested deeper than once, and any encoding but JSON.
package struct Dialect: Sendable {
    package enum Channel: UInt8, Sendable {
        case state, event, online
        /// What brokers keep for those who come later.
        package var isRetained: Bool { self != .event }
    }

    /// One topic and the fields of its payload, in the file's order, those of one inner object together.
    struct Form: Sendable {
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
    /// A place in `letters`: plain numbers, so that a field is read without counting references.
    struct Text: Sendable {
        var start: Int32
        var end: Int32
        var isEmpty: Bool { start == end }
    }
    enum Content: Sendable {
        case identity, sequence, vendorCode, isActive
        /// Seconds east of UTC.
        case time(Format, zone: Int)
        /// The first of 64 in `texts`, by the number of the code's bit.
        case code(Int)
        case codeSet(Int)
        /// The first in `texts`, by the mode's place in `ServiceMode`; empty where the controller has no word for it.
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
    private var forms: [Form?]
    private(set) var letters: [UInt8] = []
    private(set) var texts: [Text] = []
    /// What a state says, in its order, and which of it changes from one to the next whatever the lift does.
    private(set) var spoken: [Content] = []
    private(set) var ticking: [Int] = []

    /// It has a word for the signal; of a flag, for its being so.
    func tells(_ signal: Signal) -> Bool {
        spoken.contains {
            switch $0 {
            case .flag(signal, let whenTrue, _): !whenTrue.isEmpty
            case .number(signal, _, _): true
            default: false
            }
        }
    }

    func form(_ channel: Channel) -> Form? { forms[Int(channel.rawValue)] }

    package init(_ root: YAMLNode) throws(InvalidFiles) {
        let diagnostics = Diagnostics()
        var reader = YAMLReader(root, diagnostics)
        name = reader.requiredText("profile") ?? ""
        reportsEvery = (reader.duration("reports_every") ?? .seconds(10)).inSeconds
        reportsChanges = reader.boolean("reports_changes") ?? true
        forms = [nil, nil, nil]
        if let encoding = reader.text("encoding"), encoding != "json" {
            diagnostics.report(root, "the simulator speaks JSON only, and found the encoding '\(encoding)'")
        }
        for item in reader.items("topics") {
            guard let (channel, form) = form(item, diagnostics) else { continue }
            if forms[Int(channel.rawValue)] == nil { forms[Int(channel.rawValue)] = form }
        }
        spoken = forms[0]?.groups.flatMap { $0.fields.map(\.content) } ?? []
        ticking = spoken.indices.filter {
            switch spoken[$0] {
            case .time, .sequence: true
            default: false
            }
        }
        if forms[0] == nil {
            diagnostics.report(root, "no topic tells the whole state: expected one with 'complete: true'")
        }
        if !diagnostics.isEmpty { throw InvalidFiles(diagnostics.all) }
    }

    private mutating func form(_ node: YAMLNode, _ diagnostics: Diagnostics) -> (Channel, Form)? {
        var reader = YAMLReader(node, diagnostics)
        let parts = (reader.requiredText("topic") ?? "").split(separator: "{lift}", omittingEmptySubsequences: false)
        guard parts.count == 2 else {
            diagnostics.report(node, "expected a topic with one '{lift}'")
            return nil
        }
        var groups: [(name: String, group: Group)] = []
        var known: Set<String> = []
        func add(_ field: String?, _ content: Content) {
            // A field that tells of two signals is written for the first of them.
            guard let field, known.insert(field).inserted else { return }
            let path = field.split(separator: ".").map(String.init)
            if path.count > 2 {
                diagnostics.report(node, "the simulator cannot write '\(field)', which is nested more than once")
            }
            let name = path.count > 1 ? path[0] : ""
            let place = groups.firstIndex { $0.name == name }
            if place == nil {
                groups.append((name, Group(key: store(name.isEmpty ? [] : Array("\"\(name)\":{".utf8)))))
            }
            groups[place ?? groups.count - 1].group.fields.append(
                (store(Array("\"\(path.last ?? "")\":".utf8)), content))
        }
        add(reader.text("identity"), .identity)
        if let time = reader.optional("time") {
            var reader = YAMLReader(time, diagnostics)
            let format = reader.choice("format", Format.self) ?? .iso8601
            let zone = reader.text("zone") ?? "+00:00"
            let digits = zone.dropFirst().split(separator: ":").compactMap { Int($0) }
            let seconds = digits.count == 2 ? (digits[0] * 3600 + digits[1] * 60) * (zone.hasPrefix("-") ? -1 : 1) : 0
            add(reader.requiredText("field"), .time(format, zone: seconds))
        }
        add(reader.text("sequence"), .sequence)
        var isOnline = false
        for (key, value) in reader.entries("signals") {
            guard let signal = Signal(name: key.text ?? "") else { continue }
            if signal == .online { isOnline = true }
            var reader = YAMLReader(value, diagnostics)
            var written: [String: [UInt8]] = [:]
            for (word, meaning) in reader.entries("map") where meaning.text != "unknown" {
                guard let text = meaning.text, written[text] == nil else { continue }
                written[text] = Self.literal(word)
            }
            add(
                reader.requiredText("field"),
                content(
                    signal, written, scale: reader.number("scale") ?? 1, offset: reader.number("offset") ?? 0))
        }
        var channel = isOnline ? Channel.online : .state
        if let codes = reader.optional("codes") {
            var reader = YAMLReader(codes, diagnostics)
            var written = [[UInt8]](repeating: [], count: 64)
            for code in FaultCode.allCases {
                written[code.bit.trailingZeroBitCount] = Array("\"\(code.rawValue)\"".utf8)
            }
            for (word, meaning) in reader.entries("map") {
                guard let code = meaning.text.flatMap(FaultCode.init(rawValue:)) else { continue }
                written[code.bit.trailingZeroBitCount] = Self.literal(word)
            }
            let active = reader.text("active")
            add(
                reader.requiredText("field"), active == nil ? .codeSet(store(all: written)) : .code(store(all: written))
            )
            if let active {
                add(active, .isActive)
                channel = .event
            }
        }
        add(reader.text("vendor_code"), .vendorCode)
        return (channel, Form(before: Array(parts[0].utf8), after: Array(parts[1].utf8), groups: groups.map(\.group)))
    }

    private mutating func store(_ text: [UInt8]) -> Text {
        letters += text
        return Text(start: Int32(letters.count - text.count), end: Int32(letters.count))
    }
    /// - Returns: the place of the first.
    private mutating func store(all written: [[UInt8]]) -> Int {
        let first = texts.count
        for text in written { texts.append(store(text)) }
        return first
    }

    /// - Parameter written: the controller's word for each of the field's words.
    private mutating func content(
        _ signal: Signal, _ written: [String: [UInt8]], scale: Double, offset: Double
    ) -> Content {
        func word(_ name: String, _ usual: String = "") -> Text { store(written[name] ?? Array(usual.utf8)) }
        switch signal {
        case .mode: return .mode(store(all: ServiceMode.allCases.map { written[$0.rawValue] ?? [] }))
        case .direction: return .direction(none: word("none"), up: word("up"), down: word("down"))
        case .floor, .load, .lowerLoad, .speed, .ratedSpeed, .topFloor, .bottomFloor:
            return .number(signal, scale: scale, offset: offset)
        default:
            let isPlain = written.isEmpty
            return .flag(
                signal, whenTrue: word("true", isPlain ? "true" : ""), whenFalse: word("false", isPlain ? "false" : ""))
        }
    }

    /// A plain scalar is a number or a Boolean, a quoted one text.
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
    /// The parts of a text around each place of another one.
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
