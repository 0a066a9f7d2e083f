import Elevator
import PositionedYAML

/// All rules of a site with their parameters and named sub-expressions, from one or more files.
public struct RuleSet: Sendable {
    private(set) var rules: [RuleDefinition] = []
    private(set) var lets: [String: (expression: Expression, node: YAMLNode)] = [:]
    public private(set) var parameters: [String: ParameterValue] = [:]
    /// What a class of lift has instead.
    private var classParameters: [EquipmentClass: [String: ParameterValue]] = [:]
    /// Parameters that the site has set: they hold for every class.
    private var overridden: Set<String> = []
    /// `version(of:)` of each rule.
    private(set) var versions: [String: String] = [:]
    /// Of this set and its copies: nothing in it changes once it is read.
    private let programs = ProgramStore()

    public var ruleNames: [String] { rules.map(\.name) }

    /// By kind, how long a condition must last until it is told in earnest: the hold, and that until confirmation.
    package var holds: [String: Duration] {
        let holds = rules.flatMap { rule in
            rule.branches.map { (rule.kind, $0.hold + ($0.escalation?.hold ?? .zero)) }
        }
        return Dictionary(holds, uniquingKeysWith: max)
    }

    /// Reads rule files, in the order given, as one set.
    /// - Parameters:
    ///   - overrides: a site's own values for parameters, with their place in its configuration.
    ///   - replacing: files whose rules and words take the place of those of the same name.
    /// - Throws: `InvalidFiles` with every mistake found.
    public init(
        _ files: [YAMLNode], overrides: [(key: YAMLNode, value: YAMLNode)] = [], replacing newer: [YAMLNode] = []
    ) throws(InvalidFiles) {
        let diagnostics = Diagnostics()
        for file in files { read(file, diagnostics) }
        for file in newer { read(file, diagnostics, mayReplace: true) }
        for (key, value) in overrides { override(key, value, diagnostics) }
        func definitions(in files: [YAMLNode]) -> [RuleDefinition] {
            files.flatMap { file in
                var reader = YAMLReader(file, Diagnostics())
                return reader.items("rules").compactMap { RuleDefinition($0, parameters, diagnostics) }
            }
        }
        let replaced = definitions(in: newer)
        let drafts =
            definitions(in: files).filter { old in !replaced.contains { $0.name == old.name } } + replaced
        var names: Set<String> = []
        for rule in drafts {
            if !names.insert(rule.name).inserted { diagnostics.report(rule.node, "a second rule named '\(rule.name)'") }
        }
        for rule in drafts {
            let named = [
                ("yields_to", rule.yieldsTo), ("explains", rule.across?.explains ?? []),
                ("with", rule.across?.with ?? []),
            ]
            for (key, others) in named {
                for name in others where !names.contains(name) {
                    diagnostics.report(
                        rule.node, "\(key): '\(name)' is not a rule.\(suggestion(for: name, among: names))")
                }
            }
            rule.checkSuppressors(among: drafts, diagnostics)
        }
        rules = drafts
        if diagnostics.isEmpty { check(diagnostics) }
        for rule in rules { versions[rule.name] = version(of: rule) }
        if !diagnostics.isEmpty { throw InvalidFiles(diagnostics.all) }
    }

    private mutating func read(_ file: YAMLNode, _ diagnostics: Diagnostics, mayReplace: Bool = false) {
        var reader = YAMLReader(file, diagnostics)
        _ = reader.text("title")
        for (key, value) in reader.entries("parameters") {
            let name = key.text ?? ""
            if let value = Self.value(value, diagnostics) { parameters[name] = value }
        }
        for (key, value) in reader.entries("parameters_for") {
            guard let equipment = reader.choice(of: key, EquipmentClass.self) else { continue }
            guard case .mapping(let pairs) = value.content else {
                diagnostics.report(
                    value, "found \(value.summary), expected parameters of this class, such as { run_time_limit: 60s }")
                continue
            }
            for (name, node) in pairs {
                let word = name.text ?? ""
                guard let standard = parameters[word] else {
                    diagnostics.report(
                        name, "'\(word)' is not a parameter.\(suggestion(for: word, among: parameters.keys))")
                    continue
                }
                if let value = Self.value(node, like: standard, diagnostics) {
                    classParameters[equipment, default: [:]][word] = value
                }
            }
        }
        for (key, value) in reader.entries("let") {
            let name = key.text ?? ""
            guard let expression = parse(value, diagnostics) else { continue }
            if lets[name] != nil, !mayReplace { diagnostics.report(key, "a second definition of '\(name)'") }
            lets[name] = (expression, value)
        }
        _ = reader.items("rules")
        reader.finish()
    }

    private mutating func override(_ key: YAMLNode, _ node: YAMLNode, _ diagnostics: Diagnostics) {
        let name = key.text ?? ""
        guard let current = parameters[name] else {
            diagnostics.report(
                key, "'\(name)' is not a parameter of the rules.\(suggestion(for: name, among: parameters.keys))")
            return
        }
        overridden.insert(name)
        if let value = Self.value(node, like: current, diagnostics) { parameters[name] = value }
    }

    /// Another value of a parameter, of the same type.
    private static func value(
        _ node: YAMLNode, like current: ParameterValue, _ diagnostics: Diagnostics
    ) -> ParameterValue? {
        let value = value(node, diagnostics)
        switch (current, value) {
        case (.duration, .number): diagnostics.report(node, "found \(node.summary), expected a duration such as 10s")
        case (.number, .duration): diagnostics.report(node, "found \(node.summary), expected a number")
        default: return value
        }
        return nil
    }

    private static func value(_ node: YAMLNode, _ diagnostics: Diagnostics) -> ParameterValue? {
        if let number = node.text.flatMap(Double.init) { return .number(number) }
        if let duration = node.text.flatMap(Duration.init(written:)) { return .duration(duration) }
        diagnostics.report(node, "found \(node.summary), expected a number or a duration such as 10s")
        return nil
    }

    /// Compiles against the whole vocabulary, so that a mistake shows whatever profiles a site has.
    private func check(_ diagnostics: Diagnostics) {
        var compiler = Compiler(
            signals: SignalTable(provided: Set(Signal.allCases)), parameters: parameters,
            lets: lets.mapValues(\.expression), rings: RingSizes(shortestInterval: .milliseconds(100)))
        for (name, definition) in lets.sorted(by: {
            ($0.value.node.file, $0.value.node.line) < ($1.value.node.file, $1.value.node.line)
        }) {
            do throws(ExpressionError) {
                // A `let` may be a number or a point, so it is bound only.
                try compiler.bind(definition.expression)
            } catch { definition.node.report(error, diagnostics, prefix: "in 'let \(name)': ") }
        }
        if diagnostics.isEmpty { checkDepth(diagnostics) }
        for rule in rules { compiler.check(rule, diagnostics) }
    }

    /// Parts that stand on each other too deep would exhaust the stack of whoever compiles a rule that names the last of them.
    private func checkDepth(_ diagnostics: Diagnostics) {
        var depths: [String: Int] = [:]
        var uses: [String: [String]] = [:]
        for (name, definition) in lets {
            definition.expression.walk {
                if let word = $0.word, lets[word] != nil { uses[name, default: []].append(word) }
            }
        }
        // Each round settles what stands on settled parts only; there is no circle any more.
        while depths.count < lets.count {
            for name in lets.keys where depths[name] == nil {
                let below = (uses[name] ?? []).map { depths[$0] }
                if !below.contains(nil) { depths[name] = 1 + (below.compactMap { $0 }.max() ?? 0) }
            }
        }
        let limit = ExpressionParser.maximumDepth
        let first = lets.filter { (depths[$0.key] ?? 0) > limit }.min {
            ($0.value.node.line, $0.key) < ($1.value.node.line, $1.key)
        }
        if let first {
            diagnostics.report(
                first.value.node, "'\(first.key)' stands on more than \(limit) named parts, one on the other")
        }
    }

    /// The parameters of a class of lift, with what the register says of the lift, and longer holds where a report comes at intervals only.
    private func parameters(for kind: Detector.LiftKind) -> [String: ParameterValue] {
        var own = (classParameters[kind.equipment] ?? [:]).filter { !overridden.contains($0.key) }
        if let limit = kind.runTimeLimit { own["run_time_limit"] = .duration(limit) }
        if let interval = kind.reportsEvery, case .duration(let hold)? = parameters["outside_hold"] {
            // One report may have caught a moment: two in a row have not.
            own["outside_hold"] = .duration(max(hold, interval + .milliseconds(300)))
        }
        return parameters.merging(own) { _, new in new }
    }

    /// Compiles the rules that apply to one class of lift whose profile provides the given signals.
    ///
    /// The set was checked when it was read, so nothing can fail for a lack of signals: what no profile provides is unknown.
    func program(for kind: Detector.LiftKind) throws(ExpressionError) -> Program {
        try programs.program(for: kind) { () throws(ExpressionError) in
            var (compiler, compiled) = try compile(for: kind)
            return compiler.finish(compiled, staleAfter: kind.staleAfter)
        }
    }

    func compiler(for kind: Detector.LiftKind) -> Compiler {
        Compiler(
            signals: SignalTable(provided: kind.provides), parameters: parameters(for: kind),
            lets: lets.mapValues(\.expression), rings: RingSizes(shortestInterval: kind.shortestInterval))
    }

    func compile(for kind: Detector.LiftKind) throws(ExpressionError) -> (Compiler, [CompiledRule]) {
        var compiler = compiler(for: kind)
        let applying = rules.filter { $0.equipment.contains(kind.equipment) }
        let places = Dictionary(
            applying.enumerated().map { ($0.element.name, $0.offset) }, uniquingKeysWith: { first, _ in first })
        var yielders: [Int: [Int]] = [:]
        for (index, rule) in applying.enumerated() {
            for other in rule.yieldsTo.compactMap({ places[$0] }) { yielders[other, default: []].append(index) }
        }
        var compiled: [CompiledRule] = []
        for (index, rule) in applying.enumerated() {
            compiled.append(
                try compiler.compile(
                    rule, index: index, yieldsTo: rule.yieldsTo.compactMap { places[$0] },
                    yielders: yielders[index] ?? [], version: versions[rule.name] ?? ""))
        }
        return (compiler, compiled)
    }

    /// A fingerprint of everything that decides a rule's verdict: its text, and the named sub-expressions and parameters
    /// that it uses.
    func version(of rule: RuleDefinition) -> String {
        var used: Set<String> = []
        for text in rule.texts { collectNames(text.expression, &used) }
        used.formUnion(rule.parametersUsed)
        var fingerprint = Fingerprint()
        fingerprint.add(rule.node.canonicalText)
        for name in used.sorted() {
            if let definition = lets[name] { fingerprint.add("|\(name)=\(definition.node.canonicalText)") }
            if let value = parameters[name] { fingerprint.add("|\(name)=\(value)") }
            for (equipment, values) in classParameters.sorted(by: { $0.key.rawValue < $1.key.rawValue }) {
                if let value = values[name] { fingerprint.add("|\(equipment.rawValue).\(name)=\(value)") }
            }
        }
        return fingerprint.hexadecimal
    }

    /// Every name an expression stands on, through the named sub-expressions.
    func collectNames(_ expression: Expression, _ names: inout Set<String>) {
        var found: [String] = []
        expression.walk { if case .name(let name) = $0.form { found.append(name) } }
        for name in found where names.insert(name).inserted {
            if let definition = lets[name] { collectNames(definition.expression, &names) }
        }
    }

    /// A fingerprint of the whole set.
    public var version: String {
        var fingerprint = Fingerprint()
        for rule in rules { fingerprint.add(versions[rule.name] ?? "") }
        return fingerprint.hexadecimal
    }
}

extension YAMLNode {
    /// The value without its layout, examples left out.
    var canonicalText: String {
        switch content {
        case .scalar(let text, _): return text
        case .sequence(let items): return "[" + items.map(\.canonicalText).joined(separator: ",") + "]"
        case .mapping(let pairs):
            let parts = pairs.filter { $0.key.text != "examples" }.map {
                "\($0.key.canonicalText):\($0.value.canonicalText)"
            }
            return "{" + parts.joined(separator: ",") + "}"
        }
    }

    /// Reports an expression's mistake at its own column where the text stands on one plain line.
    func report(_ error: ExpressionError, _ diagnostics: Diagnostics, prefix: String = "") {
        guard case .scalar(_, let isPlain) = content else { return diagnostics.report(self, error.message) }
        var place = diagnostic(prefix + error.message)
        place.column += error.offset + (isPlain ? 0 : 1)
        diagnostics.report(place)
    }
}

func parse(_ node: YAMLNode, _ diagnostics: Diagnostics) -> Expression? {
    guard let text = node.text else {
        diagnostics.report(node, "found \(node.summary), expected an expression")
        return nil
    }
    do throws(ExpressionError) {
        return try ExpressionParser.parse(text)
    } catch {
        node.report(error, diagnostics)
        return nil
    }
}
