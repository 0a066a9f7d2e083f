import Elevator

/// One change in the life of a rule's alert on one lift.
struct Transition: Sendable, Equatable {
    var rule: Int
    var state: AlertState
    var severity: Severity
    /// The alert goes on in its stage; something about it has changed.
    var isUpdate = false
    var time: Int64
    var onset: Int64
    var reason: String
    /// How much of the hold nobody observed.
    var unobserved: Int64
    var evidence: [Evidence]
}

/// Collects transitions. Empty on nearly every step, so it costs nothing there.
struct TransitionSink {
    var transitions: [Transition] = []
}

/// The memory of one rule on one lift: a few words from `slot` on.
struct RuleLife {
    enum Phase: Int64 {
        case idle = 0
        case suspected = 1
        case final = 2
    }
    static let words = 4
    /// In the first word: the phase, what was told, the severity told, who has muted since the onset, and from bit 32 on how many
    /// milliseconds of the hold nobody observed.
    private enum Bits {
        static let phase: Int64 = 0b11
        static let suppressionTold: Int64 = 0b100
        /// After an alert without a hold the condition has to end before it can be raised again.
        static let mustEnd: Int64 = 0b1000
        /// The condition has been seen not to hold: what mutes from before is known.
        static let seenFalse: Int64 = 0b1_0000
        static let severityShift: Int64 = 8
        static let muteShift: Int64 = 16
        static let mutes: Int64 = 0xFFFF
        static let unobservedShift: Int64 = 32
    }
    let slot: Int

    func reset(_ m: inout MutableSpan<Int64>) {
        m[slot] = 0
        m[slot + 1] = LiftMemory.never
        m[slot + 2] = LiftMemory.never
        m[slot + 3] = LiftMemory.never
    }

    func phase(_ m: Span<Int64>) -> Phase { Phase(rawValue: m[slot] & Bits.phase) ?? .idle }
    @inline(__always)
    func isOpen(_ m: borrowing MutableSpan<Int64>) -> Bool { m[slot] & Bits.phase != 0 }
    func setPhase(_ phase: Phase, _ m: inout MutableSpan<Int64>) { m[slot] = m[slot] & ~Bits.phase | phase.rawValue }

    /// Since when `when` has been true without a break, or the last alert has been over; `never` while it is not.
    func whenSince(_ m: Span<Int64>) -> Int64 { m[slot + 1] }
    func setWhenSince(_ time: Int64, _ m: inout MutableSpan<Int64>) { m[slot + 1] = time }
    /// The onset of the open alert.
    func onset(_ m: Span<Int64>) -> Int64 { m[slot + 2] }
    func setOnset(_ time: Int64, _ m: inout MutableSpan<Int64>) { m[slot + 2] = time }
    /// Since when the hold until confirmation has run without a break.
    func escalatingSince(_ m: Span<Int64>) -> Int64 { m[slot + 3] }
    func setEscalatingSince(_ time: Int64, _ m: inout MutableSpan<Int64>) { m[slot + 3] = time }
    /// How much of the present hold nobody observed.
    func unobserved(_ m: Span<Int64>) -> Int64 { (m[slot] >> Bits.unobservedShift) * 1_000_000 }
    func setUnobserved(_ time: Int64, _ m: inout MutableSpan<Int64>) {
        let milliseconds = min(time / 1_000_000, Int64(Int32.max))
        m[slot] = m[slot] & (1 << Bits.unobservedShift - 1) | milliseconds << Bits.unobservedShift
    }

    /// Suspected, but kept from being confirmed: a way out was open, or a rescue device works.
    func isHeldOff(_ m: Span<Int64>) -> Bool { phase(m) == .suspected && escalatingSince(m) == LiftMemory.never }

    /// Bit *i*: suppressor *i* was active when the condition began, and has been ever since.
    func mutedSinceOnset(_ m: Span<Int64>) -> Int64 { m[slot] >> Bits.muteShift & Bits.mutes }
    func setMutedSinceOnset(_ bits: Int64, _ m: inout MutableSpan<Int64>) {
        m[slot] = m[slot] & ~(Bits.mutes << Bits.muteShift) | (bits & Bits.mutes) << Bits.muteShift
    }
    /// The suppression of this spell of the condition has been told.
    func isSuppressionTold(_ m: Span<Int64>) -> Bool { m[slot] & Bits.suppressionTold != 0 }
    func setSuppressionTold(_ told: Bool, _ m: inout MutableSpan<Int64>) {
        m[slot] = told ? m[slot] | Bits.suppressionTold : m[slot] & ~Bits.suppressionTold
    }
    func hasSeenFalse(_ m: Span<Int64>) -> Bool { m[slot] & Bits.seenFalse != 0 }
    func setSeenFalse(_ seen: Bool, _ m: inout MutableSpan<Int64>) { if seen { m[slot] |= Bits.seenFalse } }
    func mustEnd(_ m: Span<Int64>) -> Bool { m[slot] & Bits.mustEnd != 0 }
    func setMustEnd(_ must: Bool, _ m: inout MutableSpan<Int64>) {
        m[slot] = must ? m[slot] | Bits.mustEnd : m[slot] & ~Bits.mustEnd
    }
    func severity(_ m: Span<Int64>) -> Severity {
        Severity.allCases[min(Int(m[slot] >> Bits.severityShift & 0b111), Severity.allCases.count - 1)]
    }
    func setSeverity(_ severity: Severity, _ m: inout MutableSpan<Int64>) {
        let rank = Int64(Severity.allCases.firstIndex(of: severity) ?? 0)
        m[slot] = m[slot] & ~(0b111 << Bits.severityShift) | rank << Bits.severityShift
    }
}

extension Program {
    func life(_ rule: Int) -> RuleLife { RuleLife(slot: layout.rules + rule * RuleLife.words) }

    /// Moves one rule's alert on, as its conditions are at this instant.
    /// - Returns: whether rules that wait for this one's end, or its going on, should look.
    func live(
        _ index: Int, _ m: inout MutableSpan<Int64>, _ context: StepContext, _ sink: inout TransitionSink
    ) -> Bool {
        let rule = rules[index]
        let life = life(index)
        let before = (life.phase(m.span), life.isHeldOff(m.span))
        m[ruleTimer(index)] = LiftMemory.never
        // It looks again as soon as time goes on.
        if !context.isRaising { arm(index, context.time, &m) }
        observeCondition(rule, life, &m, context)
        if !context.isRaising { return false }
        if life.isOpen(m) {
            if surely(rule.clear, m) {
                end(index, .cleared, reason: "released", life, &m, context, &sink)
            } else if let presume = rule.presume, surely(presume, m) {
                end(index, .presumedReleased, reason: "door_not_locked", life, &m, context, &sink)
            }
        } else {
            raiseIfDue(index, life, &m, context, &sink)
        }
        if life.isOpen(m) {
            gradeUp(index, life, &m, context, &sink)
            if life.phase(m.span) == .suspected { escalateIfDue(index, life, &m, context, &sink) }
        }
        return before != (life.phase(m.span), life.isHeldOff(m.span))
    }

    /// The rules' timers stand behind the nodes'.
    private func ruleTimer(_ rule: Int) -> Int { layout.timers + layout.timerCount - rules.count + rule }

    private func arm(_ rule: Int, _ due: Int64, _ m: inout MutableSpan<Int64>) {
        let timer = ruleTimer(rule)
        if due < m[timer] { m[timer] = due }
        if due < m[LiftLayout.deadline] { m[LiftLayout.deadline] = due }
    }

    /// Follows since when the condition holds, and which suppressors were there before it.
    private func observeCondition(
        _ rule: CompiledRule, _ life: RuleLife, _ m: inout MutableSpan<Int64>, _ context: StepContext
    ) {
        guard surely(rule.when, m) else {
            life.setWhenSince(LiftMemory.never, &m)
            life.setSuppressionTold(false, &m)
            life.setMustEnd(false, &m)
            // Who mutes now was there before whatever begins next.
            life.setMutedSinceOnset(muting(rule, m) { $0.precedingOnset ?? $0.condition }, &m)
            if !possibly(rule.when, m) { life.setSeenFalse(true, &m) }
            if !life.isOpen(m) { life.setUnobserved(0, &m) }
            return
        }
        let begins = life.whenSince(m.span) == LiftMemory.never
        if begins { life.setWhenSince(context.time, &m) }
        // A suppressor that comes with the condition, in one message, was not there before it. Of a lift whose condition holds
        // from its first word on nobody knows what was before.
        let knowsNothingBefore = begins && !life.hasSeenFalse(m.span)
        let muted = muting(rule, m) { $0.condition }
        life.setMutedSinceOnset(knowsNothingBefore ? muted : life.mutedSinceOnset(m.span) & muted, &m)
    }

    /// Bit *i*: what is asked of suppressor *i* holds.
    @inline(__always)
    private func muting(
        _ rule: CompiledRule, _ m: borrowing MutableSpan<Int64>, _ asked: (CompiledRule.Mute) -> Operand
    ) -> Int64 {
        var bits: Int64 = 0
        for (i, mute) in rule.mutes.enumerated() where surely(asked(mute), m) { bits |= 1 << Int64(i) }
        return bits
    }

    private func raiseIfDue(
        _ index: Int, _ own: RuleLife, _ m: inout MutableSpan<Int64>, _ context: StepContext,
        _ sink: inout TransitionSink
    ) {
        let rule = rules[index]
        let since = own.whenSince(m.span)
        if since == LiftMemory.never || own.mustEnd(m.span) { return }
        let due = since &+ rule.hold
        if context.time < due { return arm(index, due, &m) }
        if !context.isBypassed, let mute = activeMute(rule, own, m) {
            if !own.isSuppressionTold(m.span) {
                own.setSuppressionTold(true, &m)
                sink.transitions.append(transition(index, .suppressed, mute.name, since, m, context))
            }
            return
        }
        // A rule that explains the same event has an alert open: it speaks for both, unless it waits for its end.
        for other in rule.yieldsTo where life(other).isOpen(m) && !life(other).isHeldOff(m.span) { return }
        own.setOnset(since, &m)
        own.setEscalatingSince(LiftMemory.never, &m)
        own.setPhase(rule.escalation == nil ? .final : .suspected, &m)
        own.setSeverity(severity(rule, m), &m)
        beginScope(rule, &m, context)
        sink.transitions.append(
            transition(index, rule.definition.stage, rule.definition.because, since, m, context))
    }

    private func activeMute(
        _ rule: CompiledRule, _ life: RuleLife, _ m: borrowing MutableSpan<Int64>
    ) -> CompiledRule.Mute? {
        for (i, mute) in rule.mutes.enumerated() where surely(mute.condition, m) {
            if mute.precedingOnset != nil, life.mutedSinceOnset(m.span) & (1 << Int64(i)) == 0 { continue }
            return mute
        }
        return nil
    }

    private func severity(_ rule: CompiledRule, _ m: borrowing MutableSpan<Int64>) -> Severity {
        for grade in rule.grades where surely(grade.condition, m) { return grade.severity }
        return rule.definition.severity
    }

    /// An open alert becomes more severe, never less: what was urgent once has been answered as urgent.
    private func gradeUp(
        _ index: Int, _ life: RuleLife, _ m: inout MutableSpan<Int64>, _ context: StepContext,
        _ sink: inout TransitionSink
    ) {
        if rules[index].grades.isEmpty { return }
        let now = severity(rules[index], m)
        guard now > life.severity(m.span) else { return }
        life.setSeverity(now, &m)
        let isSuspected = life.phase(m.span) == .suspected
        let state: AlertState = isSuspected ? .suspected : rules[index].finalState
        var update = transition(index, state, "severity", life.onset(m.span), m, context)
        update.isUpdate = true
        sink.transitions.append(update)
    }

    private func escalateIfDue(
        _ index: Int, _ life: RuleLife, _ m: inout MutableSpan<Int64>, _ context: StepContext,
        _ sink: inout TransitionSink
    ) {
        guard let escalation = rules[index].escalation else { return }
        var reason: String?
        if let when = escalation.when, surely(when, m) { reason = escalation.because }
        if let unless = escalation.unless, surely(unless, m) {
            life.setEscalatingSince(LiftMemory.never, &m)
        } else {
            if life.escalatingSince(m.span) == LiftMemory.never { life.setEscalatingSince(context.time, &m) }
            let due = life.escalatingSince(m.span) &+ escalation.hold
            if context.time >= due { reason = reason ?? "held" } else { arm(index, due, &m) }
        }
        guard let reason else { return }
        life.setPhase(.final, &m)
        sink.transitions.append(transition(index, .confirmed, reason, life.onset(m.span), m, context))
    }

    private func end(
        _ index: Int, _ state: AlertState, reason: String, _ life: RuleLife, _ m: inout MutableSpan<Int64>,
        _ context: StepContext, _ sink: inout TransitionSink
    ) {
        sink.transitions.append(transition(index, state, reason, life.onset(m.span), m, context))
        life.setPhase(.idle, &m)
        life.setUnobserved(0, &m)
        // Should the condition last though the alert is over, it is raised again after its whole hold.
        guard life.whenSince(m.span) != LiftMemory.never else { return }
        life.setWhenSince(context.time, &m)
        if rules[index].hold == 0 {
            life.setMustEnd(true, &m)
        } else {
            arm(index, context.time &+ rules[index].hold, &m)
        }
    }

    private func transition(
        _ rule: Int, _ state: AlertState, _ reason: String, _ onset: Int64, _ m: borrowing MutableSpan<Int64>,
        _ context: StepContext
    ) -> Transition {
        let life = life(rule)
        return Transition(
            rule: rule, state: state,
            severity: life.isOpen(m) ? life.severity(m.span) : rules[rule].definition.severity,
            time: context.time, onset: onset, reason: reason, unobserved: life.unobserved(m.span),
            evidence: evidence(m.span))
    }

    /// The signals known now, by name.
    func evidence(_ m: Span<Int64>) -> [Evidence] {
        signals.entries.indices.compactMap { index in
            guard m[LiftLayout.known] & (1 << Int64(index)) != 0 else { return nil }
            let bits = UInt64(bitPattern: m[LiftLayout.signals + index])
            let value: Evidence.Value =
                switch signals.entries[index].type {
                case .boolean: .boolean(bits != 0)
                case .number: .number(Double(bitPattern: bits))
                case .enumeration(let names): .text(names[Int(bits)])
                case .codes: .codes(FaultCode.names(in: bits))
                }
            return Evidence(signal: signals.entries[index].name, value: value)
        }
    }
}

extension CompiledRule {
    /// The stage in which an alert that is no mere suspicion stands.
    var finalState: AlertState { escalation == nil ? definition.stage : .confirmed }
}
