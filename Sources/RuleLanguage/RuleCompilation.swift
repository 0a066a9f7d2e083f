import LiftModel
import PositionedYAML
import RuleEngine

extension Compiler {
    /// Compiles each expression of a rule separately, so that every mistake is reported at its
    /// location.
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
        var grades: [CompiledRule.Grade] = []
        for grade in rule.grades {
            grades.append(
                CompiledRule.Grade(
                    condition: try condition(grade.when.expression), severity: grade.severity))
        }
        var branches: [CompiledBranch] = []
        for branch in rule.branches { branches.append(try compile(branch, of: rule)) }
        let firstScoped = nodes.count
        let (clear, presume) = try scoped(to: index, named: rule.name) {
            (compiler: inout Compiler) throws(ExpressionError) -> (Operand, Operand?) in
            var clear =
                try rule.clear.map { text throws(ExpressionError) in
                    try compiler.condition(text.expression)
                }
                ?? branches.reduce(compiler.constant(.true)) { compiler.and($0, !$1.when) }
            if rule.clearHold > .zero {
                clear = !compiler.add(
                    Node(operation: .sinceWithin, b: !clear, high: rule.clearHold.nanoseconds))
            }
            let presume = try rule.presume.map { text throws(ExpressionError) in
                try compiler.condition(text.expression)
            }
            for (i, branch) in rule.branches.enumerated() {
                if let revise = branch.revise {
                    branches[i].revise = try compiler.condition(revise.expression)
                }
            }
            return (clear, presume)
        }
        let scoped = (firstScoped..<nodes.count).filter { nodes[$0].scope == Int32(index + 1) }
        return CompiledRule(
            CompiledRule.Head(
                name: rule.name, version: version, kind: rule.kind, severity: rule.severity,
                title: rule.title,
                gap: rule.gap, whenChanged: rule.whenChanged, evidenceWindow: rule.evidenceWindow),
            rule.branches.map {
                CompiledRule.BranchHead(
                    title: $0.title, confirmedTitle: $0.escalation?.title, formerly: $0.formerly)
            },
            branches: branches, yieldsTo: yieldsTo, yielders: yielders, clear: clear,
            presume: presume, grades: grades,
            scoped: scoped)
    }

    private mutating func compile(
        _ branch: RuleDefinition.Branch, of rule: RuleDefinition
    ) throws(ExpressionError) -> CompiledBranch {
        var compiled = CompiledBranch(
            name: branch.name, when: try condition(branch.when.expression),
            hold: span(branch.holdParameter, branch.hold), stage: branch.stage)
        if let until = branch.addsUpUntil { compiled.addsUpUntil = try condition(until.expression) }
        for suppressor in branch.suppressors {
            let active = try condition(suppressor.when.expression)
            compiled.suppressors.append(
                CompiledBranch.Suppressor(
                    condition: capped(active, suppressor.cap, coolDown: suppressor.coolDown),
                    precedingOnset: suppressor.mustPrecedeOnset
                        ? capped(active, suppressor.cap, coolDown: .zero) : nil,
                    reachesBack: suppressor.reachesBack?.nanoseconds, name: suppressor.name))
        }
        if rule.kind != Alert.carAlarmCall {
            // A maintenance window suppresses what begins in it, but never the alarm call. The
            // detector caps the window.
            let maintenance = leaf(Signal.maintenance.rawValue).operand
            compiled.suppressors.append(
                CompiledBranch.Suppressor(
                    condition: maintenance, precedingOnset: maintenance, reachesBack: nil,
                    name: "maintenance"))
        }
        if let escalation = branch.escalation {
            var (unless, when): (Operand?, Operand?)
            if let text = escalation.unless { unless = try condition(text.expression) }
            if let text = escalation.when { when = try condition(text.expression) }
            compiled.escalation = CompiledBranch.Escalation(
                hold: escalation.isNeverByTime
                    ? nil : span(escalation.holdParameter, escalation.hold),
                unless: unless, when: when, because: escalation.because)
        }
        return compiled
    }

    /// A span in nanoseconds, with the parameter's value for this class of lift.
    private func span(_ parameter: String?, _ written: Duration) -> Int64 {
        if let parameter, case .duration(let own)? = parameters[parameter] {
            return own.nanoseconds
        }
        return written.nanoseconds
    }

    /// A suppressor's condition, which ends when it has been active for longer than its cap.
    private mutating func capped(_ active: Operand, _ cap: Duration, coolDown: Duration) -> Operand
    {
        var suppressing = active
        if coolDown > .zero {
            suppressing = add(Node(operation: .sinceWithin, b: active, high: coolDown.nanoseconds))
        }
        let hasLasted = !add(Node(operation: .sinceWithin, b: !suppressing, high: cap.nanoseconds))
        return and(suppressing, !surely(hasLasted))
    }

    package mutating func finish(_ rules: [CompiledRule], staleAfter: Duration) -> Program {
        let parts = occupancyParts()
        return Program(
            nodes: nodes, identities: identities, rules: rules, signals: signals,
            staleAfter: staleAfter,
            occupancyParts: parts)
    }

    /// A part that is no condition belongs to a rule set with `let`s of its own, and is left out.
    private mutating func occupancyParts() -> OccupancyParts {
        func part(_ name: String) -> Operand? {
            guard lets[name] != nil else { return nil }
            do throws(ExpressionError) {
                return try condition(Expression(form: .name(name), offset: 0))
            } catch { return nil }
        }
        let occupied = part("occupied")
        // `perhaps_inside`: the name until version 0.3. A site's own rule set may still have it.
        let possibleOccupant = part("possible_occupant") ?? part("perhaps_inside")
        return OccupancyParts(
            occupied: occupied, possibleOccupant: possibleOccupant,
            isStuck: part("occupancy_stuck"))
    }
}
