import LiftModel
import Monitoring
import RuleEngine
import RuleLanguage

extension Detector {
    /// Starts to record the parts of a rule on a lift.
    /// - Parameter reasons: the reasons of its alert: of several branches, those that gave a reason
    ///   are recorded.
    /// - Throws: `ExpressionError` when the rule has no such lift, or cannot be compiled.
    public mutating func explain(rule name: String, lift: String, reasons: Set<String>)
        throws(ExpressionError)
    {
        guard let index = index(of: lift), let rule = rules.rules.first(where: { $0.name == name })
        else {
            throw ExpressionError(offset: 0, message: "no rule '\(name)', or no lift '\(lift)'")
        }
        let (program, parts) = try rules.program(
            for: kind(of: index), watching: rule, reasons: reasons)
        watch(parts, in: program, lift: index)
    }
}

extension RuleSet {
    /// The program for a kind of lift, with nodes for every part of one rule.
    func program(
        for kind: LiftKind, watching rule: RuleDefinition, reasons: Set<String>
    ) throws(ExpressionError) -> (Program, [(operand: Operand, part: ExplainedPart)]) {
        var (compiler, compiled) = try compile(for: kind)
        var parts: [(operand: Operand, part: ExplainedPart)] = []
        func add(_ expression: Expression, _ role: String, _ depth: Int) {
            // The whole rule compiled just now; a part that is no condition of its own is not
            // shown.
            guard depth < 4, parts.count < 40, let operand = try? compiler.condition(expression)
            else { return }
            if depth > 0, parts.contains(where: { $0.part.text == expression.text }) { return }
            parts.append((operand, ExplainedPart(depth: depth, text: expression.text, role: role)))
            // A named part is opened. Inside functions over time the present value is shown.
            if case .name(let name) = expression.form, let definition = lets[name] {
                add(definition.expression, "", depth + 1)
            } else {
                for part in expression.parts { add(part, "", depth + 1) }
            }
        }
        let shown =
            rule.branches.count == 1
            ? rule.branches : rule.branches.filter { reasons.contains($0.name) }
        for branch in shown {
            let name = shown.count == 1 ? "" : "\(branch.name): "
            add(branch.when.expression, name + "when", 0)
            if let unless = branch.escalation?.unless {
                add(unless.expression, name + "escalates unless", 0)
            }
            if let when = branch.escalation?.when {
                add(when.expression, name + "escalates when", 0)
            }
        }
        for suppressor in shown.first?.suppressors ?? [] {
            add(suppressor.when.expression, "unless (\(suppressor.name))", 0)
        }
        return (compiler.finish(compiled, staleAfter: kind.staleAfter), parts)
    }
}
