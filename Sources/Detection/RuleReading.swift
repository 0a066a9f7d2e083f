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
        /// A duration written out, or the name of a parameter that is one.
        let span = { (node: YAMLNode?) -> Duration? in
            guard let node else { return nil }
            if case .duration(let duration)? = parameters[node.text ?? ""] { return duration }
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
        hold = span(reader.optional("for")) ?? .zero
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
        equipment = Set(reader.items("equipment").compactMap { reader.choice(of: $0, EquipmentClass.self) })
        if equipment.isEmpty { equipment = Set(EquipmentClass.allCases).subtracting([.escalator, .walk]) }
        title = Title(en: "", zh: "")
        if let node = reader.required("title") {
            var titles = YAMLReader(node, diagnostics)
            title = Title(en: titles.requiredText("en") ?? "", zh: titles.requiredText("zh") ?? "")
            titles.finish()
        }
        examples = reader.items("examples").compactMap { RuleExample($0, diagnostics) }
        reader.finish()
        guard let condition, diagnostics.all.count == before else { return nil }
        when = condition
    }
}

extension RuleDefinition.Mute {
    /// The longest a suppressor mutes where its rule does not say: one working shift.
    static let standardCap = Duration.seconds(8 * 3600)

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
        hold = span(reader.required("for")) ?? .zero
        unless = text(reader.optional("unless"))
        when = text(reader.optional("when"))
        because = reader.text("because") ?? "evidence"
        reader.finish()
    }
}
