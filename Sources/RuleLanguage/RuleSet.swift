import LiftModel
import PositionedYAML
import RuleEngine

/// All rules of a site with their parameters and `let`s, from one or more files.
///
/// The module guarantees: a set that was read can be compiled for every kind of lift; a file with a
/// mistake is refused as a whole, and every mistake is reported at its place; and a hostile file
/// costs no more than the limits of the parser and of `RingSizes`. It keeps this by compiling each
/// set once against all signals when it is read. `ExpressionParser` makes a tree of a text,
/// `Compiler` checks the types and makes nodes of it, and `program(for:)` gives the engine's
/// `Program`. A rule's `version` changes with everything that decides its verdict, and with nothing
/// else.
public struct RuleSet: Sendable {
    package private(set) var rules: [RuleDefinition] = []
    package private(set) var lets: [String: (expression: Expression, node: YAMLNode)] = [:]
    public private(set) var parameters: [String: ParameterValue] = [:]
    /// The bounds of parameters, where a file states them.
    private(set) var bounds: [String: ParameterBounds] = [:]
    /// Values of parameters that differ for a class of lift.
    private var classParameters: [EquipmentClass: [String: ParameterValue]] = [:]
    /// Parameters that the site has set: they hold for every class.
    private var overridden: Set<String> = []
    /// `version(of:)` of each rule.
    package private(set) var versions: [String: String] = [:]
    /// Shared by this set and its copies, because a set does not change once it is read.
    private let programs = ProgramStore()

    public var ruleNames: [String] { rules.map(\.name) }

    /// By kind, how long a condition must last until its alert is raised or confirmed: the hold,
    /// plus that towards confirmation.
    package var holds: [String: Duration] {
        let holds = rules.flatMap { rule in
            rule.branches.map { (rule.kind, $0.hold + ($0.escalation?.hold ?? .zero)) }
        }
        return Dictionary(holds, uniquingKeysWith: max)
    }

    /// Reads rule files, in the order given, as one set.
    /// - Parameters:
    ///   - overrides: a site's own values for parameters, with their location in its configuration.
    ///   - replacing: files whose rules and `let`s replace those of the same name.
    /// - Throws: `InvalidFiles` with every mistake found.
    public init(
        _ files: [YAMLNode], overrides: [(key: YAMLNode, value: YAMLNode)] = [],
        replacing newer: [YAMLNode] = []
    ) throws(InvalidFiles) {
        let diagnostics = Diagnostics()
        // Bounds hold for the values of every file, including the files before the one that states
        // them.
        for file in files { readBounds(file, diagnostics) }
        for file in files { read(file, diagnostics) }
        for file in newer { readBounds(file, diagnostics, mayReplace: true) }
        for file in newer { read(file, diagnostics, mayReplace: true) }
        for (key, value) in overrides { override(key, value, diagnostics) }
        func definitions(in files: [YAMLNode]) -> [RuleDefinition] {
            files.flatMap { file in
                var reader = YAMLReader(file, Diagnostics())
                return reader.items("rules").compactMap {
                    RuleDefinition($0, parameters, diagnostics)
                }
            }
        }
        let replaced = definitions(in: newer)
        let drafts =
            definitions(in: files).filter { old in !replaced.contains { $0.name == old.name } }
            + replaced
        var names: Set<String> = []
        for rule in drafts {
            if !names.insert(rule.name).inserted {
                diagnostics.report(rule.node, "a second rule named '\(rule.name)'")
            }
        }
        for rule in drafts {
            let named = [
                ("yields_to", rule.yieldsTo), ("explains", rule.across?.explains ?? []),
                ("with", rule.across?.with ?? []),
            ]
            for (key, others) in named {
                for name in others where !names.contains(name) {
                    diagnostics.report(
                        rule.node,
                        "\(key): '\(name)' is not a rule.\(suggestion(for: name, among: names))")
                }
            }
            rule.checkSuppressors(among: drafts, diagnostics)
        }
        rules = drafts
        if diagnostics.isEmpty { check(diagnostics) }
        for rule in rules { versions[rule.name] = version(of: rule) }
        if !diagnostics.isEmpty { throw InvalidFiles(diagnostics.all) }
    }

    private mutating func readBounds(
        _ file: YAMLNode, _ diagnostics: Diagnostics, mayReplace: Bool = false
    ) {
        // `read` reports the other mistakes of the file.
        var reader = YAMLReader(file, Diagnostics())
        for (key, value) in reader.entries("parameters") {
            guard case .mapping = value.content, let new = ParameterBounds(value, diagnostics)
            else { continue }
            let name = key.text ?? ""
            if let old = bounds[name], !mayReplace {
                diagnostics.report(
                    value,
                    "'\(name)' has its bounds in \(old.location). Set its value here without at_least and at_most"
                )
            } else {
                bounds[name] = new
            }
        }
    }

    private func checkBounds(
        of name: String, _ value: ParameterValue, _ node: YAMLNode, _ diagnostics: Diagnostics
    ) {
        guard let bounds = bounds[name], !bounds.contains(value) else { return }
        diagnostics.report(
            node,
            "\(name): found \(node.summary), expected \(bounds.written), its bounds in \(bounds.location). Set a value between them"
        )
    }

    private mutating func read(
        _ file: YAMLNode, _ diagnostics: Diagnostics, mayReplace: Bool = false
    ) {
        var reader = YAMLReader(file, diagnostics)
        _ = reader.text("title")
        for (key, value) in reader.entries("parameters") {
            let name = key.text ?? ""
            // With bounds, the value is one of the keys. `readBounds` has reported the mistakes of
            // the others.
            var node: YAMLNode? = value
            if case .mapping = value.content {
                var stated = YAMLReader(value, Diagnostics())
                node = stated.optional("is")
            }
            if let node, let value = ParameterValue(node, diagnostics) {
                checkBounds(of: name, value, node, diagnostics)
                parameters[name] = value
            }
        }
        for (key, value) in reader.entries("parameters_for") {
            guard let equipment = reader.choice(of: key, EquipmentClass.self) else { continue }
            guard case .mapping(let pairs) = value.content else {
                diagnostics.report(
                    value,
                    "found \(value.summary), expected parameters of this class, such as { run_time_limit: 60s }"
                )
                continue
            }
            for (name, node) in pairs {
                let parameter = name.text ?? ""
                guard let standard = parameters[parameter] else {
                    diagnostics.report(
                        name,
                        "'\(parameter)' is not a parameter.\(suggestion(for: parameter, among: parameters.keys))"
                    )
                    continue
                }
                if let value = ParameterValue(node, like: standard, diagnostics) {
                    checkBounds(of: parameter, value, node, diagnostics)
                    classParameters[equipment, default: [:]][parameter] = value
                }
            }
        }
        for (key, value) in reader.entries("let") {
            let name = key.text ?? ""
            guard let expression = parse(value, diagnostics) else { continue }
            if lets[name] != nil, !mayReplace {
                diagnostics.report(key, "a second definition of '\(name)'")
            }
            lets[name] = (expression, value)
        }
        _ = reader.items("rules")
        reader.finish()
    }

    private mutating func override(_ key: YAMLNode, _ node: YAMLNode, _ diagnostics: Diagnostics) {
        let name = key.text ?? ""
        guard let current = parameters[name] else {
            diagnostics.report(
                key,
                "'\(name)' is not a parameter of the rules.\(suggestion(for: name, among: parameters.keys))"
            )
            return
        }
        overridden.insert(name)
        if let value = ParameterValue(node, like: current, diagnostics) {
            checkBounds(of: name, value, node, diagnostics)
            parameters[name] = value
        }
    }

    /// Compiles against all signals, so that a mistake shows whatever profiles a site has.
    private func check(_ diagnostics: Diagnostics) {
        var compiler = Compiler(
            signals: SignalTable(provided: Set(Signal.allCases)), parameters: parameters,
            lets: lets.mapValues(\.expression),
            rings: RingSizes(shortestInterval: .milliseconds(100)))
        for (name, definition) in lets.sorted(by: {
            ($0.value.node.file, $0.value.node.line) < ($1.value.node.file, $1.value.node.line)
        }) {
            do throws(ExpressionError) {
                // A `let` may be a number or a point, so it is only bound.
                try compiler.bind(definition.expression)
            } catch { definition.node.report(error, diagnostics, prefix: "in 'let \(name)': ") }
        }
        if diagnostics.isEmpty { checkDepth(diagnostics) }
        for rule in rules { compiler.check(rule, diagnostics) }
    }

    /// A deep chain of `let`s would exhaust the stack when a rule that names the last one is
    /// compiled.
    private func checkDepth(_ diagnostics: Diagnostics) {
        var depths: [String: Int] = [:]
        var uses: [String: [String]] = [:]
        for (name, definition) in lets {
            definition.expression.walk {
                if let part = $0.nameOrText, lets[part] != nil {
                    uses[name, default: []].append(part)
                }
            }
        }
        // Each round settles the `let`s whose parts are settled. There is no cycle: compiling has
        // checked that.
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
                first.value.node,
                "'\(first.key)' depends on more than \(limit) 'let's, one on the next")
        }
    }

    /// The parameters for a class of lift, with the register's values for the lift, and longer
    /// holds for a lift that reports at intervals only.
    private func parameters(for kind: LiftKind) -> [String: ParameterValue] {
        var own = (classParameters[kind.equipment] ?? [:]).filter { !overridden.contains($0.key) }
        if let limit = kind.runTimeLimit { own["run_time_limit"] = .duration(limit) }
        if let interval = kind.reportsEvery, case .duration(let hold)? = parameters["outside_hold"]
        {
            // One report may show a passing moment; two in a row do not.
            own["outside_hold"] = .duration(max(hold, interval + .milliseconds(300)))
        }
        return parameters.merging(own) { _, new in new }
    }

    /// Compiles the rules that apply to one class of lift whose profile provides the given signals.
    ///
    /// The set was checked when it was read, so a missing signal is no error: it is unknown.
    package func program(for kind: LiftKind) throws(ExpressionError) -> Program {
        try programs.program(for: kind) { () throws(ExpressionError) in
            var (compiler, compiled) = try compile(for: kind)
            return compiler.finish(compiled, staleAfter: kind.staleAfter)
        }
    }

    package func compiler(for kind: LiftKind) -> Compiler {
        Compiler(
            signals: SignalTable(provided: kind.provides), parameters: parameters(for: kind),
            lets: lets.mapValues(\.expression),
            rings: RingSizes(shortestInterval: kind.shortestInterval))
    }

    package func compile(for kind: LiftKind) throws(ExpressionError) -> (Compiler, [CompiledRule]) {
        var compiler = compiler(for: kind)
        let applying = rules.filter { $0.equipment.contains(kind.equipment) }
        let indices = Dictionary(
            applying.enumerated().map { ($0.element.name, $0.offset) },
            uniquingKeysWith: { first, _ in first })
        var yielders: [Int: [Int]] = [:]
        for (index, rule) in applying.enumerated() {
            for other in rule.yieldsTo.compactMap({ indices[$0] }) {
                yielders[other, default: []].append(index)
            }
        }
        var compiled: [CompiledRule] = []
        for (index, rule) in applying.enumerated() {
            compiled.append(
                try compiler.compile(
                    rule, index: index, yieldsTo: rule.yieldsTo.compactMap { indices[$0] },
                    yielders: yielders[index] ?? [], version: versions[rule.name] ?? ""))
        }
        return (compiler, compiled)
    }

    /// A fingerprint of everything that decides a rule's verdict: its text, and the `let`s and
    /// parameters that it uses.
    func version(of rule: RuleDefinition) -> String {
        var used: Set<String> = []
        for text in rule.texts { collectNames(text.expression, &used) }
        used.formUnion(rule.parametersUsed)
        var fingerprint = Fingerprint()
        fingerprint.add(rule.node.canonicalText)
        for name in used.sorted() {
            if let definition = lets[name] {
                fingerprint.add("|\(name)=\(definition.node.canonicalText)")
            }
            if let value = parameters[name] { fingerprint.add("|\(name)=\(value)") }
            for (equipment, values) in classParameters.sorted(by: {
                $0.key.rawValue < $1.key.rawValue
            }) {
                if let value = values[name] {
                    fingerprint.add("|\(equipment.rawValue).\(name)=\(value)")
                }
            }
        }
        return fingerprint.hexadecimal
    }

    /// Every name that an expression uses, directly or through `let`s.
    package func collectNames(_ expression: Expression, _ names: inout Set<String>) {
        var found: [String] = []
        expression.walk { if case .name(let name) = $0.form { found.append(name) } }
        for name in found where names.insert(name).inserted {
            if let definition = lets[name] { collectNames(definition.expression, &names) }
        }
    }

    public var version: String {
        var fingerprint = Fingerprint()
        for rule in rules { fingerprint.add(versions[rule.name] ?? "") }
        return fingerprint.hexadecimal
    }
}

extension YAMLNode {
    /// The value without its layout and without examples.
    var canonicalText: String {
        switch content {
        case .scalar(let text, _): return text
        case .sequence(let items):
            return "[" + items.map(\.canonicalText).joined(separator: ",") + "]"
        case .mapping(let pairs):
            let parts = pairs.filter { $0.key.text != "examples" }.map {
                "\($0.key.canonicalText):\($0.value.canonicalText)"
            }
            return "{" + parts.joined(separator: ",") + "}"
        }
    }

    /// Reports an expression's mistake at its own column, if the text is a scalar on one line.
    func report(_ error: ExpressionError, _ diagnostics: Diagnostics, prefix: String = "") {
        guard case .scalar(_, let isPlain) = content else {
            return diagnostics.report(self, error.message)
        }
        var located = diagnostic(prefix + error.message)
        located.column += error.offset + (isPlain ? 0 : 1)
        diagnostics.report(located)
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
