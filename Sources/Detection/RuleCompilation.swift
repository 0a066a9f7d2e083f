import Elevator
import PositionedYAML

extension Compiler {
    /// Compiles each expression of a rule on its own, so that every mistake is reported at its place.
    mutating func check(_ rule: RuleDefinition, index: Int, _ diagnostics: Diagnostics) {
        let texts: [RuleDefinition.Text?] =
            [rule.when, rule.clear, rule.presume, rule.escalation?.unless, rule.escalation?.when]
            + rule.mutes.map(\.when)
        for text in texts.compactMap({ $0 }) {
            do throws(ExpressionError) {
                _ = try condition(text.expression)
            } catch { text.node.report(error, diagnostics) }
        }
    }

    mutating func compile(
        _ rule: RuleDefinition, index: Int, among rules: [RuleDefinition], version: String
    ) throws(ExpressionError) -> CompiledRule {
        let scope = Int32(index + 1)
        let when = try condition(rule.when.expression)
        var mutes: [CompiledRule.Mute] = []
        for mute in rule.mutes {
            let active = try condition(mute.when.expression)
            // A suppressor that has lasted longer than its cap mutes no more.
            let worn = add(Node(operation: .heldWithin, a: Int32(active), window: mute.cap.nanoseconds))
            let fresh = add(Node(operation: .not, a: Int32(worn)))
            let possiblyFresh = add(Node(operation: .possibly, a: Int32(fresh)))
            let node = add(Node(operation: .and, a: Int32(active), b: Int32(possiblyFresh)))
            mutes.append(CompiledRule.Mute(node: node, mustPrecedeOnset: mute.mustPrecedeOnset, name: mute.name))
        }
        var escalation: CompiledRule.Escalation?
        if let definition = rule.escalation {
            escalation = CompiledRule.Escalation(
                hold: definition.hold.nanoseconds, unless: nil, when: nil, because: definition.because)
            if let unless = definition.unless { escalation?.unless = try condition(unless.expression) }
            if let when = definition.when { escalation?.when = try condition(when.expression) }
        }
        let firstScoped = nodes.count
        var clear: Int
        if let text = rule.clear {
            clear = try condition(text.expression, scope: scope)
        } else {
            clear = add(Node(operation: .not, a: Int32(when)))
        }
        if rule.clearHold > .zero {
            clear = addScoped(
                Node(operation: .heldWithin, a: Int32(clear), window: rule.clearHold.nanoseconds), scope: scope)
        }
        var presume: Int?
        if let text = rule.presume { presume = try condition(text.expression, scope: scope) }
        let scoped = (firstScoped..<nodes.count).filter { nodes[$0].scope == scope }
        return CompiledRule(
            definition: rule, version: version, when: when, hold: rule.hold.nanoseconds, mutes: mutes,
            escalation: escalation,
            yieldsTo: rule.yieldsTo.compactMap { name in rules.firstIndex { $0.name == name } }, clear: clear,
            presume: presume, scoped: scoped)
    }

    /// Lays out the memory.
    func finish(_ rules: [CompiledRule], staleAfter: Duration) -> Program {
        var nodes = nodes
        var slots = 0
        for index in nodes.indices {
            nodes[index].slot = Int32(slots)
            slots += nodes[index].slotCount
        }
        let silence = nodes.filter { $0.operation == .silent }.map(\.window).min()
        return Program(
            nodes: nodes, rules: rules, slotCount: slots + rules.count * Program.ruleSlots, firstRuleSlot: slots,
            shortestSilence: min(silence ?? .max, staleAfter.nanoseconds), signalCount: signals.entries.count,
            staleMask: signals.staleMask, staleAfter: staleAfter.nanoseconds, signals: signals)
    }
}
