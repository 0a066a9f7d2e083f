import Elevator
import PositionedYAML

extension RuleDefinition {
    /// Reads one rule, and reports every mistake in it.
    init?(_ node: YAMLNode, _ parameters: [String: ParameterValue], _ diagnostics: Diagnostics) {
        let before = diagnostics.all.count
        var reader = YAMLReader(node, diagnostics)
        let text = { (node: YAMLNode?) -> Text? in
            node.flatMap { node in parse(node, diagnostics).map { Text(expression: $0, node: node) } }
        }
        var parametersUsed: Set<String> = []
        /// A duration written out, or the name of a parameter that is one.
        let span = { (node: YAMLNode?) -> Duration? in
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
        self.node = node
        name = reader.requiredText("rule") ?? ""
        kind = reader.requiredText("kind") ?? ""
        _ = reader.text("source")
        _ = reader.text("about")
        severity = reader.choice("severity", Severity.self) ?? .major
        let condition = text(reader.required("when"))
        let holdNode = reader.optional("for")
        hold = span(holdNode) ?? .zero
        holdParameter = holdNode?.text.flatMap { parameters[$0] == nil ? nil : $0 }
        because = reader.text("because") ?? "held"
        mutes = reader.items("unless").compactMap { Mute($0, diagnostics, text: text, span: span) }
        escalation = reader.optional("escalates").map { Escalation($0, diagnostics, text: text, span: span) }
        stage = escalation != nil ? .suspected : .raised
        if let node = reader.optional("stage") {
            let written = reader.choice(of: node, AlertState.self)
            if written == .confirmed || written == .raised, escalation == nil {
                stage = written ?? .raised
            } else if written != nil {
                diagnostics.report(node, "expected 'confirmed' or 'raised', in a rule that does not escalate")
            }
        }
        yieldsTo = reader.items("yields_to").compactMap { $0.text }
        clear = text(reader.optional("clear"))
        clearHold = span(reader.optional("clear_for")) ?? .zero
        presume = text(reader.optional("presume_released"))
        grades = reader.items("grades").compactMap { Grade($0, diagnostics, text: text) }
        gap = reader.choice("gap", GapPolicy.self) ?? .continue
        whenChanged = reader.choice("when_changed", Migration.self) ?? .keep
        evidenceWindow = EvidenceWindow(before: .seconds(60), after: .seconds(30))
        if let node = reader.optional("evidence") {
            var window = YAMLReader(node, diagnostics)
            evidenceWindow.before = span(window.optional("before")) ?? evidenceWindow.before
            evidenceWindow.after = span(window.optional("after")) ?? evidenceWindow.after
            window.finish()
        }
        across = reader.optional("across").flatMap { Across($0, diagnostics) }
        equipment = Set(reader.items("equipment").compactMap { reader.choice(of: $0, EquipmentClass.self) })
        if equipment.isEmpty { equipment = Set(EquipmentClass.allCases).subtracting([.escalator, .walk]) }
        title = reader.required("title").map { Title($0, diagnostics) } ?? Title(en: "", zh: "")
        examples = reader.items("examples").compactMap { RuleExample($0, diagnostics) }
        reader.finish()
        self.parametersUsed = parametersUsed
        guard let condition, diagnostics.all.count == before else { return nil }
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
    fileprivate init?(_ node: YAMLNode, _ diagnostics: Diagnostics, text: (YAMLNode?) -> RuleDefinition.Text?) {
        var reader = YAMLReader(node, diagnostics)
        severity = reader.choice("severity", Severity.self) ?? .critical
        let condition = text(reader.required("when"))
        reader.finish()
        guard let condition else { return nil }
        when = condition
    }
}

extension RuleDefinition.Across {
    fileprivate init?(_ node: YAMLNode, _ diagnostics: Diagnostics) {
        var reader = YAMLReader(node, diagnostics)
        let before = diagnostics.all.count
        lifts = 2
        if let count = reader.required("lifts") {
            lifts = count.text.flatMap { Int($0) } ?? 0
            if lifts < 2 { diagnostics.report(count, "found \(count.summary), expected 2 or more") }
        }
        kind = reader.requiredText("kind") ?? ""
        severity = reader.choice("severity", Severity.self) ?? .major
        explains = reader.items("explains").compactMap(\.text)
        title = reader.required("title").map { Title($0, diagnostics) } ?? Title(en: "", zh: "")
        reader.finish()
        if diagnostics.all.count != before { return nil }
    }
}

extension RuleDefinition.Mute {
    /// The longest a suppressor mutes where its rule does not say: one working shift.
    static let standardCap = Duration.seconds(8 * 3600)
    /// No suppressor may mute for longer.
    static let longestCap = Duration.seconds(24 * 3600)

    init?(
        _ node: YAMLNode, _ diagnostics: Diagnostics, text: (YAMLNode?) -> RuleDefinition.Text?,
        span: (YAMLNode?) -> Duration?
    ) {
        var reader = YAMLReader(node, diagnostics)
        name = reader.requiredText("name") ?? ""
        let condition = text(reader.required("when"))
        mustPrecedeOnset = false
        if let active = reader.optional("active") {
            mustPrecedeOnset = active.text == "before_onset"
            if !mustPrecedeOnset {
                diagnostics.report(active, "found \(active.summary), expected before_onset, or nothing")
            }
        }
        cap = span(reader.optional("at_most")) ?? Self.standardCap
        coolDown = span(reader.optional("cool_down")) ?? .zero
        source = reader.text("source")
        reader.finish()
        guard let condition else { return nil }
        when = condition
    }
}

extension RuleDefinition.Escalation {
    init(
        _ node: YAMLNode, _ diagnostics: Diagnostics, text: (YAMLNode?) -> RuleDefinition.Text?,
        span: (YAMLNode?) -> Duration?
    ) {
        var reader = YAMLReader(node, diagnostics)
        if let to = reader.required("to"), to.text != "confirmed" {
            diagnostics.report(to, "found \(to.summary), expected confirmed")
        }
        let holdNode = reader.required("for")
        hold = span(holdNode) ?? .zero
        holdParameter = holdNode?.text.flatMap { Duration(written: $0) == nil ? $0 : nil }
        unless = text(reader.optional("unless"))
        when = text(reader.optional("when"))
        because = reader.text("because") ?? "evidence"
        reader.finish()
    }
}
