import LiftModel

/// A part of a rule, and its value over time on one lift.
public struct ExplainedPart: Sendable {
    /// 0 for a condition of the rule itself, more for its parts.
    public var depth: Int
    public var text: String
    /// Its role in the rule: `when`, `escalates unless`, …; empty for parts.
    public var role: String
    /// The value at each time at which it changed; nil: unknown.
    public var changes: [(time: Instant, value: Bool?)] = []

    /// The value at a time; nil before the first.
    public func value(at time: Instant) -> Bool? { changes.last { $0.time <= time }?.value ?? nil }
}

/// Records the values of a rule's parts on one lift while a detector runs, to show why it decided
/// as it did.
struct Probe: Sendable {
    let lift: Int
    let operands: [Operand]
    var parts: [ExplainedPart]

    mutating func sample(_ program: Program, _ memory: borrowing LiftMemory) {
        let time = Instant(nanoseconds: memory.time)
        var words = LiftMemory(words: memory.words).words
        let m = words.mutableSpan
        for (i, operand) in operands.enumerated() {
            let verdict = program.verdict(operand, m)
            let value = verdict == .unknown ? nil : verdict == .true
            // A replay replaces what was recorded of its time.
            parts[i].changes.removeAll { $0.time >= time }
            if parts[i].changes.isEmpty || parts[i].changes[parts[i].changes.count - 1].value != value {
                parts[i].changes.append((time, value))
            }
        }
    }
}

extension Detector {
    /// Starts to record the parts of a rule on a lift.
    /// - Parameter reasons: the reasons of its alert: of several branches, those that gave a reason
    ///   are recorded.
    /// - Throws: `ExpressionError` when the rule has no such lift, or cannot be compiled.
    public mutating func explain(rule name: String, lift: String, reasons: Set<String>) throws(ExpressionError) {
        guard let index = index(of: lift), let rule = rules.rules.first(where: { $0.name == name }) else {
            throw ExpressionError(offset: 0, message: "no rule '\(name)', or no lift '\(lift)'")
        }
        let kind = kinds[lifts[index].program]
        let (program, parts) = try rules.program(for: kind, watching: rule, reasons: reasons)
        programs.append(program)
        kinds.append(kind)
        agendas.append(Agenda(program))
        let migration = Migration(from: programs[lifts[index].program].shape, to: program)
        lifts[index].carry(migration, isObserving: isObserving)
        lifts[index].program = programs.count - 1
        probe = Probe(lift: index, operands: parts.map(\.operand), parts: parts.map(\.part))
        probe?.sample(program, lifts[index].memory)
    }

    /// The recorded parts, once the detector has run.
    public var explanation: [ExplainedPart] { probe?.parts ?? [] }
}

extension RuleSet {
    /// The program for a kind of lift, with nodes for every part of one rule.
    func program(
        for kind: Detector.LiftKind, watching rule: RuleDefinition, reasons: Set<String>
    ) throws(ExpressionError) -> (Program, [(operand: Operand, part: ExplainedPart)]) {
        var (compiler, compiled) = try compile(for: kind)
        var parts: [(operand: Operand, part: ExplainedPart)] = []
        func add(_ expression: Expression, _ role: String, _ depth: Int) {
            guard depth < 4, parts.count < 40, let operand = try? compiler.condition(expression) else { return }
            if depth > 0, parts.contains(where: { $0.part.text == expression.text }) { return }
            parts.append((operand, ExplainedPart(depth: depth, text: expression.text, role: role)))
            // A named part is opened. Inside functions over time the present value is shown.
            if case .name(let name) = expression.form, let definition = lets[name] {
                add(definition.expression, "", depth + 1)
            } else {
                for part in expression.parts { add(part, "", depth + 1) }
            }
        }
        let shown = rule.branches.count == 1 ? rule.branches : rule.branches.filter { reasons.contains($0.name) }
        for branch in shown {
            let name = shown.count == 1 ? "" : "\(branch.name): "
            add(branch.when.expression, name + "when", 0)
            if let unless = branch.escalation?.unless { add(unless.expression, name + "escalates unless", 0) }
            if let when = branch.escalation?.when { add(when.expression, name + "escalates when", 0) }
        }
        for suppressor in shown.first?.suppressors ?? [] {
            add(suppressor.when.expression, "unless (\(suppressor.name))", 0)
        }
        return (compiler.finish(compiled, staleAfter: kind.staleAfter), parts)
    }
}
