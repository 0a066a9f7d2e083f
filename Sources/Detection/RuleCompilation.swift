import Elevator
import PositionedYAML

extension Compiler {
    /// Compiles each expression of a rule on its own, so that every mistake is reported at its place.
    mutating func check(_ rule: RuleDefinition, _ diagnostics: Diagnostics) {
        for text in rule.texts {
            do throws(ExpressionError) {
                _ = try condition(text.expression)
            } catch { text.node.report(error, diagnostics) }
        }
    }

    mutating func compile(
        _ rule: RuleDefinition, index: Int, yieldsTo: [Int], yielders: [Int], version: String
    ) throws(ExpressionError) -> CompiledRule {
        let when = try condition(rule.when.expression)
        var mutes: [CompiledRule.Mute] = []
        for mute in rule.mutes {
            let active = try condition(mute.when.expression)
            mutes.append(
                CompiledRule.Mute(
                    condition: capped(active, mute.cap, coolDown: mute.coolDown),
                    precedingOnset: mute.mustPrecedeOnset ? capped(active, mute.cap, coolDown: .zero) : nil,
                    name: mute.name))
        }
        if rule.kind != Alert.carAlarmCall {
            // A person's maintenance window mutes what begins in it, never the button; the detector caps it.
            let maintenance = leaf(Signal.maintenance.rawValue).operand
            mutes.append(CompiledRule.Mute(condition: maintenance, precedingOnset: maintenance, name: "maintenance"))
        }
        var escalation: CompiledRule.Escalation?
        if let definition = rule.escalation {
            escalation = CompiledRule.Escalation(
                hold: span(definition.holdParameter, definition.hold), unless: nil, when: nil,
                because: definition.because)
            if let unless = definition.unless { escalation?.unless = try condition(unless.expression) }
            if let when = definition.when { escalation?.when = try condition(when.expression) }
        }
        var grades: [CompiledRule.Grade] = []
        for grade in rule.grades {
            grades.append(
                CompiledRule.Grade(condition: try condition(grade.when.expression), severity: grade.severity))
        }
        let firstScoped = nodes.count
        let (clear, presume) = try scoped(to: index, named: rule.name) {
            (compiler: inout Compiler) throws(ExpressionError) -> (Operand, Operand?) in
            var clear =
                try rule.clear.map { text throws(ExpressionError) in try compiler.condition(text.expression) }
                ?? !when
            if rule.clearHold > .zero {
                clear = !compiler.add(
                    Node(operation: .sinceWithin, b: !clear, high: rule.clearHold.nanoseconds))
            }
            let presume = try rule.presume.map { text throws(ExpressionError) in
                try compiler.condition(text.expression)
            }
            return (clear, presume)
        }
        let scoped = (firstScoped..<nodes.count).filter { nodes[$0].scope == Int32(index + 1) }
        return CompiledRule(
            definition: rule, version: version, when: when, hold: span(rule.holdParameter, rule.hold), mutes: mutes,
            escalation: escalation, yieldsTo: yieldsTo, yielders: yielders, clear: clear, presume: presume,
            grades: grades, scoped: scoped)
    }

    /// A span in nanoseconds, as the class of lift that is compiled for has it.
    private func span(_ parameter: String?, _ written: Duration) -> Int64 {
        if let parameter, case .duration(let own)? = parameters[parameter] { return own.nanoseconds }
        return written.nanoseconds
    }

    /// A suppressor, which wears out when it has been active for longer than its cap.
    private mutating func capped(_ active: Operand, _ cap: Duration, coolDown: Duration) -> Operand {
        var muting = active
        if coolDown > .zero {
            muting = add(Node(operation: .sinceWithin, b: active, high: coolDown.nanoseconds))
        }
        let hasLasted = !add(Node(operation: .sinceWithin, b: !muting, high: cap.nanoseconds))
        return and(muting, !surely(hasLasted))
    }

    func finish(_ rules: [CompiledRule], staleAfter: Duration) -> Program {
        Program(nodes: nodes, identities: identities, rules: rules, signals: signals, staleAfter: staleAfter)
    }
}
