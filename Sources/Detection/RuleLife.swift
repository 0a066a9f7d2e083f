import Elevator

/// One change in the life of a rule's alert on one lift.
struct Transition: Sendable, Equatable {
    var rule: Int
    var state: AlertState
    var time: Int64
    var onset: Int64
    var reason: String
    var evidence: [Evidence]
}

/// Collects transitions. Empty on nearly every step, so it costs nothing there.
struct TransitionSink {
    var transitions: [Transition] = []
}

/// The memory of one rule on one lift: seven words from `slot` on.
struct RuleLife {
    enum Phase: Int64 {
        case idle = 0
        case suspected = 1
        case final = 2
    }
    let slot: Int

    func reset(_ m: inout LiftMemory) {
        m.slots[slot] = Phase.idle.rawValue
        m.slots[slot + 1] = LiftMemory.never
        m.slots[slot + 2] = LiftMemory.never
        m.slots[slot + 3] = LiftMemory.never
        m.slots[slot + 4] = LiftMemory.never
        m.slots[slot + 5] = 0
        m.slots[slot + 6] = 0
    }
    func isOpen(_ m: borrowing LiftMemory) -> Bool { m.slots[slot] != Phase.idle.rawValue }
    func phase(_ m: borrowing LiftMemory) -> Phase { Phase(rawValue: m.slots[slot]) ?? .idle }
    func setPhase(_ phase: Phase, _ m: inout LiftMemory) { m.slots[slot] = phase.rawValue }
    /// Since when `when` has been true without a break; `never` while it is not.
    func whenSince(_ m: borrowing LiftMemory) -> Int64 { m.slots[slot + 1] }
    func setWhenSince(_ time: Int64, _ m: inout LiftMemory) { m.slots[slot + 1] = time }
    /// The onset of the open alert.
    func onset(_ m: borrowing LiftMemory) -> Int64 { m.slots[slot + 2] }
    func setOnset(_ time: Int64, _ m: inout LiftMemory) { m.slots[slot + 2] = time }
    func raisedAt(_ m: borrowing LiftMemory) -> Int64 { m.slots[slot + 3] }
    func setRaisedAt(_ time: Int64, _ m: inout LiftMemory) { m.slots[slot + 3] = time }
    /// Since when the hold until confirmation has run without a break.
    func escalatingSince(_ m: borrowing LiftMemory) -> Int64 { m.slots[slot + 4] }
    func setEscalatingSince(_ time: Int64, _ m: inout LiftMemory) { m.slots[slot + 4] = time }
    /// Suspected, but kept from being confirmed: a way out was open, or a rescue device works.
    func isHeldOff(_ m: borrowing LiftMemory) -> Bool {
        phase(m) == .suspected && escalatingSince(m) == LiftMemory.never
    }
    /// Bit *i*: suppressor *i* was active when the condition began, and has been ever since.
    func mutedSinceOnset(_ m: borrowing LiftMemory) -> Int64 { m.slots[slot + 5] }
    func setMutedSinceOnset(_ bits: Int64, _ m: inout LiftMemory) { m.slots[slot + 5] = bits }
    /// The suppression of this spell of the condition has been told.
    func isSuppressionTold(_ m: borrowing LiftMemory) -> Bool { m.slots[slot + 6] != 0 }
    func setSuppressionTold(_ told: Bool, _ m: inout LiftMemory) { m.slots[slot + 6] = told ? 1 : 0 }
}

extension Program {
    func life(_ rule: Int) -> RuleLife { RuleLife(slot: firstRuleSlot + rule * Self.ruleSlots) }

    /// Moves one rule's alert on, as its nodes' verdicts at this instant say.
    func live(_ index: Int, _ m: inout LiftMemory, _ context: StepContext, _ sink: inout TransitionSink) {
        let rule = rules[index]
        let life = life(index)
        let time = context.time
        observeCondition(rule, life, &m, time)
        if life.isOpen(m) {
            if m.verdicts[rule.clear] == Kleene.true.rawValue {
                return end(index, .cleared, reason: "released", life, &m, time, &sink)
            }
            if let presume = rule.presume, m.verdicts[presume] == Kleene.true.rawValue {
                return end(index, .presumedReleased, reason: "door_not_locked", life, &m, time, &sink)
            }
        } else {
            raiseIfDue(index, life, &m, context, &sink)
        }
        if life.phase(m) == .suspected { escalateIfDue(index, life, &m, time, &sink) }
    }

    /// Follows since when the condition holds, and which suppressors were there before it.
    private func observeCondition(_ rule: CompiledRule, _ life: RuleLife, _ m: inout LiftMemory, _ time: Int64) {
        guard m.verdicts[rule.when] == Kleene.true.rawValue else {
            life.setWhenSince(LiftMemory.never, &m)
            life.setSuppressionTold(false, &m)
            return
        }
        let begins = life.whenSince(m) == LiftMemory.never
        if begins { life.setWhenSince(time, &m) }
        var muted: Int64 = 0
        for (i, mute) in rule.mutes.enumerated() where m.verdicts[mute.node] == Kleene.true.rawValue {
            muted |= 1 << Int64(i)
        }
        life.setMutedSinceOnset(begins ? muted : life.mutedSinceOnset(m) & muted, &m)
    }

    private func raiseIfDue(
        _ index: Int, _ own: RuleLife, _ m: inout LiftMemory, _ context: StepContext, _ sink: inout TransitionSink
    ) {
        let rule = rules[index]
        let since = own.whenSince(m)
        if since == LiftMemory.never { return }
        let due = since &+ rule.hold
        if context.time < due {
            m.deadline = min(m.deadline, due)
            return
        }
        for (i, mute) in rule.mutes.enumerated() where m.verdicts[mute.node] == Kleene.true.rawValue {
            if mute.mustPrecedeOnset, own.mutedSinceOnset(m) & (1 << Int64(i)) == 0 { continue }
            if !own.isSuppressionTold(m) {
                own.setSuppressionTold(true, &m)
                sink.transitions.append(transition(index, .suppressed, mute.name, since, m, context.time))
            }
            return
        }
        // A rule that explains the same event has an alert open: it speaks for both, unless it waits for its end.
        for other in rule.yieldsTo where life(other).isOpen(m) && !life(other).isHeldOff(m) { return }
        own.setOnset(since, &m)
        own.setRaisedAt(context.time, &m)
        own.setEscalatingSince(LiftMemory.never, &m)
        own.setPhase(rule.escalation == nil ? .final : .suspected, &m)
        beginScope(rule, &m, context)
        sink.transitions.append(
            transition(index, rule.definition.stage, rule.definition.because, since, m, context.time))
    }

    private func escalateIfDue(
        _ index: Int, _ life: RuleLife, _ m: inout LiftMemory, _ time: Int64, _ sink: inout TransitionSink
    ) {
        guard let escalation = rules[index].escalation else { return }
        var reason: String?
        if let when = escalation.when, m.verdicts[when] == Kleene.true.rawValue { reason = escalation.because }
        if let unless = escalation.unless, m.verdicts[unless] == Kleene.true.rawValue {
            life.setEscalatingSince(LiftMemory.never, &m)
        } else {
            if life.escalatingSince(m) == LiftMemory.never { life.setEscalatingSince(time, &m) }
            let due = life.escalatingSince(m) &+ escalation.hold
            if time >= due { reason = reason ?? "held" } else { m.deadline = min(m.deadline, due) }
        }
        guard let reason else { return }
        life.setPhase(.final, &m)
        sink.transitions.append(transition(index, .confirmed, reason, life.onset(m), m, time))
    }

    private func end(
        _ index: Int, _ state: AlertState, reason: String, _ life: RuleLife, _ m: inout LiftMemory, _ time: Int64,
        _ sink: inout TransitionSink
    ) {
        sink.transitions.append(transition(index, state, reason, life.onset(m), m, time))
        life.setPhase(.idle, &m)
    }

    private func transition(
        _ rule: Int, _ state: AlertState, _ reason: String, _ onset: Int64, _ m: LiftMemory, _ time: Int64
    ) -> Transition {
        Transition(
            rule: rule, state: state, time: time, onset: onset, reason: reason, evidence: evidence(m))
    }

    /// The signals known now, by name.
    func evidence(_ m: LiftMemory) -> [Evidence] {
        signals.entries.indices.compactMap { index in
            guard m.known & (1 << UInt64(index)) != 0 else { return nil }
            let bits = m.signals[index]
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
