import LiftModel
import PositionedYAML
import RuleEngine

/// Reads a rule's expressions and durations, and collects the mistakes.
struct RuleTextReader {
    let parameters: [String: ParameterValue]
    let diagnostics: Diagnostics
    private(set) var parametersUsed: Set<String> = []

    init(_ parameters: [String: ParameterValue], _ diagnostics: Diagnostics) {
        self.parameters = parameters
        self.diagnostics = diagnostics
    }

    func text(_ node: YAMLNode?) -> RuleDefinition.Text? {
        node.flatMap { node in
            parse(node, diagnostics).map { RuleDefinition.Text(expression: $0, node: node) }
        }
    }

    /// A duration written out, or the name of a parameter that is one.
    mutating func span(_ node: YAMLNode?) -> Duration? {
        guard let node else { return nil }
        if case .duration(let duration)? = parameters[node.text ?? ""] {
            parametersUsed.insert(node.text ?? "")
            return duration
        }
        if let duration = node.text.flatMap(Duration.init(written:)) { return duration }
        diagnostics.report(
            node,
            "found \(node.summary), expected a duration such as 10s.\(suggestion(for: node.text ?? "", among: parameters.keys))"
        )
        return nil
    }
}

extension RuleDefinition {
    /// Reads one rule, and reports every mistake in it.
    init?(_ node: YAMLNode, _ parameters: [String: ParameterValue], _ diagnostics: Diagnostics) {
        let before = diagnostics.all.count
        var reader = YAMLReader(node, diagnostics)
        var texts = RuleTextReader(parameters, diagnostics)
        self.node = node
        name = reader.requiredText("rule") ?? ""
        kind = reader.requiredText("kind") ?? ""
        _ = reader.text("source")
        _ = reader.text("about")
        severity = reader.choice("severity", Severity.self) ?? .major
        branches = Self.branches(of: &reader, &texts)
        yieldsTo = reader.texts("yields_to")
        clear = texts.text(reader.optional("clear"))
        clearHold = texts.span(reader.optional("clear_for")) ?? .zero
        presume = texts.text(reader.optional("presume_released"))
        grades = reader.items("grades").compactMap { Grade($0, texts) }
        gap = reader.choice("gap", GapPolicy.self) ?? .continue
        whenChanged = reader.choice("when_changed", CompiledRule.HoldPolicy.self) ?? .keep
        evidenceWindow = CompiledRule.EvidenceWindow(before: .seconds(60), after: .seconds(30))
        if let node = reader.optional("evidence") {
            var window = YAMLReader(node, diagnostics)
            evidenceWindow.before = texts.span(window.optional("before")) ?? evidenceWindow.before
            evidenceWindow.after = texts.span(window.optional("after")) ?? evidenceWindow.after
            window.finish()
        }
        across = reader.optional("across").flatMap { Across($0, &texts) }
        tellsSite = reader.optional("tells_site").flatMap { node in
            if let signal = Signal(name: node.text ?? ""), signal.isFromSite { return signal }
            diagnostics.report(node, "found \(node.summary), expected site_power_lost")
            return nil
        }
        equipment = Set(
            reader.items("equipment").compactMap { reader.choice(of: $0, EquipmentClass.self) })
        if equipment.isEmpty {
            equipment = Set(EquipmentClass.allCases).subtracting([.escalator, .walk])
        }
        title = reader.required("title").map { Title($0, diagnostics) } ?? Title(en: "", zh: "")
        examples = reader.items("examples").compactMap { RuleExample($0, diagnostics) }
        reader.finish()
        parametersUsed = texts.parametersUsed
        if diagnostics.all.count != before { return nil }
    }

    /// The branches that a rule lists, or the single one of a rule without `branches`.
    private static func branches(of reader: inout YAMLReader, _ texts: inout RuleTextReader)
        -> [Branch]
    {
        let shared = bounded(
            reader.items("unless").compactMap { Suppressor($0, &texts) }, texts.diagnostics)
        guard let list = reader.optional("branches") else {
            return Branch(
                &reader, named: reader.text("because") ?? "held", with: shared, isOnly: true, &texts
            )
            .map { [$0] } ?? []
        }
        guard case .sequence(let items) = list.content, !items.isEmpty else {
            texts.diagnostics.report(list, "found \(list.summary), expected a list of branches")
            return []
        }
        let most = CompiledRule.maximumBranches
        guard items.count <= most else {
            texts.diagnostics.report(
                items[most],
                "found \(items.count) branches, expected at most \(most). Join some with 'or', or make a second rule"
            )
            return []
        }
        var branches: [Branch] = []
        for item in items {
            var branch = YAMLReader(item, texts.diagnostics)
            let name = branch.requiredText("branch") ?? ""
            if branches.contains(where: { $0.name == name }) {
                texts.diagnostics.report(item, "a second branch named '\(name)'")
            }
            let suppressors = bounded(
                shared + branch.items("unless").compactMap { Suppressor($0, &texts) },
                texts.diagnostics)
            if let read = Branch(&branch, named: name, with: suppressors, isOnly: false, &texts) {
                branches.append(read)
            }
            branch.finish()
        }
        if branches.contains(where: { $0.stage == .raised }),
            branches.contains(where: { $0.stage != .raised })
        {
            texts.diagnostics.report(
                list, "stage: raised: expected in every branch of the rule, or in none")
        }
        return branches
    }

    /// The suppressors that fit into a branch's memory; more are a mistake.
    private static func bounded(_ suppressors: [Suppressor], _ diagnostics: Diagnostics)
        -> [Suppressor]
    {
        let most = CompiledRule.maximumSuppressors - 1
        if suppressors.count > most {
            diagnostics.report(
                suppressors[most].when.node,
                "found \(suppressors.count) suppressors of one branch, those of its rule included, expected at most \(most). Join some with 'or'"
            )
        }
        return Array(suppressors.prefix(most))
    }
}

extension RuleDefinition.Branch {
    /// - Parameter isOnly: the rule has no `branches`, so the rule's own keys are read.
    fileprivate init?(
        _ reader: inout YAMLReader, named name: String,
        with suppressors: [RuleDefinition.Suppressor], isOnly: Bool,
        _ texts: inout RuleTextReader
    ) {
        self.name = name
        self.suppressors = suppressors
        let condition = texts.text(reader.required("when"))
        let holdNode = reader.optional("for")
        hold = texts.span(holdNode) ?? .zero
        holdParameter = holdNode?.text.flatMap { texts.parameters[$0] == nil ? nil : $0 }
        addsUpUntil = texts.text(reader.optional("adds_up_until"))
        escalation = reader.optional("escalates").map { RuleDefinition.Escalation($0, &texts) }
        stage = escalation != nil || !isOnly ? .suspected : .raised
        if let node = reader.optional("stage") {
            let written = reader.choice(of: node, AlertState.self)
            if written == .confirmed || written == .raised, escalation == nil {
                stage = written ?? stage
            } else if written != nil {
                texts.diagnostics.report(
                    node, "expected 'confirmed' or 'raised', where nothing escalates")
            }
        }
        if isOnly {
            (revise, title, formerly) = (nil, nil, nil)
        } else {
            revise = texts.text(reader.optional("revised_when"))
            title = reader.optional("title").map { Title($0, texts.diagnostics) }
            formerly = reader.text("formerly")
        }
        guard let condition else { return nil }
        when = condition
    }
}

extension Title {
    fileprivate init(_ node: YAMLNode, _ diagnostics: Diagnostics) {
        var titles = YAMLReader(node, diagnostics)
        self.init(en: titles.requiredText("en") ?? "", zh: titles.requiredText("zh") ?? "")
        titles.finish()
    }
}

extension RuleDefinition.Grade {
    fileprivate init?(_ node: YAMLNode, _ texts: RuleTextReader) {
        var reader = YAMLReader(node, texts.diagnostics)
        severity = reader.choice("severity", Severity.self) ?? .critical
        let condition = texts.text(reader.required("when"))
        reader.finish()
        guard let condition else { return nil }
        when = condition
    }
}

extension RuleDefinition.Across {
    fileprivate init?(_ node: YAMLNode, _ texts: inout RuleTextReader) {
        let diagnostics = texts.diagnostics
        var reader = YAMLReader(node, diagnostics)
        let before = diagnostics.all.count
        lifts = 2
        if let count = reader.required("lifts") {
            lifts = count.text.flatMap { Int($0) } ?? 0
            if lifts < 2 { diagnostics.report(count, "found \(count.summary), expected 2 or more") }
        }
        within = texts.span(reader.optional("within"))
        with = reader.texts("with")
        kind = reader.requiredText("kind") ?? ""
        severity = reader.choice("severity", Severity.self) ?? .major
        explains = reader.texts("explains")
        title = reader.required("title").map { Title($0, diagnostics) } ?? Title(en: "", zh: "")
        reader.finish()
        if diagnostics.all.count != before { return nil }
    }
}

extension RuleDefinition.Suppressor {
    /// A suppressor's cap where its rule gives none: one working shift.
    static let standardCap = Duration.seconds(8 * 3600)
    /// The longest cap of a suppressor.
    static let longestCap = Duration.seconds(24 * 3600)

    init?(_ node: YAMLNode, _ texts: inout RuleTextReader) {
        var reader = YAMLReader(node, texts.diagnostics)
        name = reader.requiredText("name") ?? ""
        let condition = texts.text(reader.required("when"))
        mustPrecedeOnset = false
        if let active = reader.optional("active") {
            mustPrecedeOnset = active.text == "before_onset"
            if !mustPrecedeOnset {
                texts.diagnostics.report(
                    active, "found \(active.summary), expected before_onset, or nothing")
            }
        }
        cap = texts.span(reader.optional("at_most")) ?? Self.standardCap
        coolDown = texts.span(reader.optional("cool_down")) ?? .zero
        reachesBack = texts.span(reader.optional("reaches_back"))
        source = reader.text("source")
        reader.finish()
        guard let condition else { return nil }
        when = condition
    }
}

extension RuleDefinition.Escalation {
    init(_ node: YAMLNode, _ texts: inout RuleTextReader) {
        var reader = YAMLReader(node, texts.diagnostics)
        if let to = reader.required("to"), to.text != "confirmed" {
            texts.diagnostics.report(to, "found \(to.summary), expected confirmed")
        }
        let holdNode = reader.required("for")
        isNeverByTime = holdNode?.text == "never"
        hold = isNeverByTime ? .zero : texts.span(holdNode) ?? .zero
        holdParameter = holdNode?.text.flatMap { texts.parameters[$0] == nil ? nil : $0 }
        unless = texts.text(reader.optional("unless"))
        when = texts.text(reader.optional("when"))
        because = reader.text("because") ?? "evidence"
        title = reader.optional("title").map { Title($0, texts.diagnostics) }
        reader.finish()
    }
}
