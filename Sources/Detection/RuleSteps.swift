import Elevator

/// One change in the life of a rule's alert on one lift.
struct Transition: Sendable, Equatable {
    var rule: Int
    /// The branch that is the alert's reason after it.
    var branch: Int
    var state: AlertState
    var severity: Severity
    /// The alert begins, or is suppressed where it would; else an open one changes.
    var begins = false
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

extension Program {
    func life(_ rule: Int) -> RuleLife { RuleLife(slot: layout.rules + lifeOffsets[rule]) }

    /// Moves one rule's alert on, as its conditions are at this instant.
    /// - Returns: whether rules that wait for this one's end should look.
    func live(
        _ index: Int, _ m: inout MutableSpan<Int64>, _ context: StepContext, _ sink: inout TransitionSink
    ) -> Bool {
        let rule = rules[index]
        let life = life(index)
        let wasOpen = life.isOpen(m)
        m[ruleTimer(index)] = LiftMemory.never
        // It looks again as soon as time goes on.
        if !context.isRaising { arm(index, context.time, &m) }
        for (i, branch) in rule.branches.enumerated() {
            observeCondition(branch, life.branch(i), isOpen: wasOpen, &m, context)
        }
        if !context.isRaising { return false }
        if wasOpen { endIfDue(index, life, &m, context, &sink) } else { raiseIfDue(index, life, &m, context, &sink) }
        if life.isOpen(m) {
            joinIfDue(index, life, isNew: !wasOpen, &m, context, &sink)
            gradeUp(index, life, &m, context, &sink)
            escalateIfDue(index, life, &m, context, &sink)
        }
        return wasOpen != life.isOpen(m)
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
        _ branch: CompiledBranch, _ life: BranchLife, isOpen: Bool, _ m: inout MutableSpan<Int64>,
        _ context: StepContext
    ) {
        if let addsUpUntil = branch.addsUpUntil, surely(addsUpUntil, m) { life.setAddedUp(0, &m) }
        guard surely(branch.when, m) else {
            let since = life.whenSince(m.span)
            if since != LiftMemory.never, let addsUpUntil = branch.addsUpUntil, !surely(addsUpUntil, m) {
                life.setAddedUp(max(0, context.time &- since), &m)
            }
            life.setWhenSince(LiftMemory.never, &m)
            life.setHasJoined(false, &m)
            life.setSuppressionReported(false, &m)
            life.setMustEnd(false, &m)
            // Who mutes now was there before whatever begins next.
            life.setMutedSinceOnset(muting(branch, m) { $0.precedingOnset ?? $0.condition }, &m)
            if !possibly(branch.when, m) { life.setSeenFalse(true, &m) }
            if !isOpen { life.setUnobserved(0, &m) }
            return
        }
        let begins = life.whenSince(m.span) == LiftMemory.never
        if begins {
            life.setWhenSince(context.time &- life.addedUp(m.span), &m)
            life.setAddedUp(0, &m)
        }
        // A suppressor that comes with the condition, in one message, was not there before it. Of a lift whose condition holds
        // from its first word on nobody knows what was before.
        let knowsNothingBefore = begins && !life.hasSeenFalse(m.span)
        let muted = muting(branch, m) { $0.condition }
        life.setMutedSinceOnset(knowsNothingBefore ? muted : life.mutedSinceOnset(m.span) & muted, &m)
    }

    /// Bit *i*: what is asked of suppressor *i* holds.
    @inline(__always)
    private func muting(
        _ branch: CompiledBranch, _ m: borrowing MutableSpan<Int64>, _ asked: (CompiledBranch.Mute) -> Operand
    ) -> Int64 {
        var bits: Int64 = 0
        for (i, mute) in branch.mutes.enumerated() where surely(asked(mute), m) { bits |= 1 << Int64(i) }
        return bits
    }

    /// The branch's condition has held for its hold, and may raise an alert or join one. Else its timer is set.
    private func isDue(
        _ index: Int, _ branch: Int, _ own: BranchLife, _ m: inout MutableSpan<Int64>, _ context: StepContext
    ) -> Bool {
        let since = own.whenSince(m.span)
        if since == LiftMemory.never || own.mustEnd(m.span) { return false }
        let due = since &+ rules[index].branches[branch].hold
        if context.time >= due { return true }
        arm(index, due, &m)
        return false
    }

    private func raiseIfDue(
        _ index: Int, _ life: RuleLife, _ m: inout MutableSpan<Int64>, _ context: StepContext,
        _ sink: inout TransitionSink
    ) {
        let rule = rules[index]
        for i in rule.branches.indices {
            let own = life.branch(i)
            guard isDue(index, i, own, &m, context) else { continue }
            if !isAccepted(rule, context), let mute = activeMute(rule.branches[i], own, m) {
                // One suppression is reported once, whichever branches it mutes.
                let isReported = rule.branches.indices.contains { life.branch($0).isSuppressionReported(m.span) }
                own.setSuppressionReported(true, &m)
                if !isReported {
                    var muted = transition(index, i, .suppressed, mute.name, own.whenSince(m.span), m, context)
                    muted.begins = true
                    sink.transitions.append(muted)
                }
                continue
            }
            // A rule that explains the same event has an alert open: it speaks for both.
            for other in rule.yieldsTo where self.life(other).isOpen(m) { return }
            let stage = rule.branches[i].stage
            life.setOnset(own.whenSince(m.span), &m)
            life.setPhase(stage == .suspected ? .suspected : .final, &m)
            life.setReason(i, &m)
            life.setStands(on: i, &m)
            // What joined an earlier alert may join this one, too.
            for other in rule.branches.indices { life.branch(other).setHasJoined(other == i, &m) }
            life.setSeverity(severity(rule, m), &m)
            own.setEscalatingSince(LiftMemory.never, &m)
            beginScope(rule, &m, context)
            var raised = transition(index, i, stage, rule.branches[i].name, life.onset(m.span), m, context)
            raised.begins = true
            sink.transitions.append(raised)
            return
        }
    }

    /// Further branches whose conditions have come to hold: the alert stands on them, too, and the latest is its reason.
    private func joinIfDue(
        _ index: Int, _ life: RuleLife, isNew: Bool, _ m: inout MutableSpan<Int64>, _ context: StepContext,
        _ sink: inout TransitionSink
    ) {
        let rule = rules[index]
        if rule.branches.count == 1 { return }
        for (i, branch) in rule.branches.enumerated() {
            let own = life.branch(i)
            guard !own.hasJoined(m.span), isDue(index, i, own, &m, context) else { continue }
            if !isAccepted(rule, context), activeMute(branch, own, m) != nil { continue }
            own.setHasJoined(true, &m)
            let isFirst = !life.stands(on: i, m.span)
            if isFirst {
                life.setStands(on: i, &m)
                own.setEscalatingSince(LiftMemory.never, &m)
            }
            let isSuspected = life.phase(m.span) == .suspected
            let confirms = branch.stage == .confirmed && isSuspected
            // What comes with the onset, goes on after an interruption, or could not have confirmed what is confirmed, is no change.
            let onlySuspects = branch.stage == .suspected && branch.escalation == nil
            if isNew || !isFirst || onlySuspects && !isSuspected, !confirms { continue }
            life.setReason(i, &m)
            if confirms { life.setPhase(.final, &m) }
            let state = life.phase(m.span) == .suspected ? .suspected : rule.definition.finalState
            var change = transition(index, i, state, branch.name, life.onset(m.span), m, context)
            change.isUpdate = !confirms
            sink.transitions.append(change)
        }
    }

    private func activeMute(
        _ branch: CompiledBranch, _ life: BranchLife, _ m: borrowing MutableSpan<Int64>
    ) -> CompiledBranch.Mute? {
        for (i, mute) in branch.mutes.enumerated() where surely(mute.condition, m) {
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
        let state = life.phase(m.span) == .suspected ? .suspected : rules[index].definition.finalState
        var update = transition(
            index, life.reason(m.span), state, AlertReason.severity.rawValue, life.onset(m.span), m, context)
        update.isUpdate = true
        sink.transitions.append(update)
    }

    /// A suspicion is confirmed by the first branch it stands on that says so.
    private func escalateIfDue(
        _ index: Int, _ life: RuleLife, _ m: inout MutableSpan<Int64>, _ context: StepContext,
        _ sink: inout TransitionSink
    ) {
        guard life.phase(m.span) == .suspected else { return }
        for (i, branch) in rules[index].branches.enumerated() where life.stands(on: i, m.span) {
            guard let escalation = branch.escalation else { continue }
            let own = life.branch(i)
            var reason: String?
            if let when = escalation.when, surely(when, m) { reason = escalation.because }
            // A spell of the condition that is muted has not joined the alert: its time confirms nothing of an earlier spell. Where a
            // person has accepted the alert it joins, so that it is seen; but it is the suppressor that explains it.
            let isApart = !own.hasJoined(m.span) || isAccepted(rules[index], context)
            let isMuted = isApart && own.whenSince(m.span) != LiftMemory.never && activeMute(branch, own, m) != nil
            // When its suppressor is gone it is no new sign either: the clock stands until a spell joins.
            if isMuted || own.hasJoined(m.span) { own.setClockStopped(isMuted, &m) }
            if own.isClockStopped(m.span) || escalation.unless.map({ surely($0, m) }) == true {
                own.setEscalatingSince(LiftMemory.never, &m)
            } else if escalation.hold != LiftMemory.never {
                if own.escalatingSince(m.span) == LiftMemory.never { own.setEscalatingSince(context.time, &m) }
                let due = own.escalatingSince(m.span) &+ escalation.hold
                if context.time >= due { reason = reason ?? branch.name } else { arm(index, due, &m) }
            }
            guard var reason else { continue }
            // The time of a branch whose condition is over tells that people are inside, and not where the car is now.
            let isOver = reason == branch.name && own.whenSince(m.span) == LiftMemory.never
            let told = isOver ? life.reason(m.span) : i
            if isOver { reason = rules[index].branches[told].name }
            life.setPhase(.final, &m)
            life.setReason(told, &m)
            sink.transitions.append(transition(index, told, .confirmed, reason, life.onset(m.span), m, context))
            return
        }
    }

    // MARK: The end

    private func endIfDue(
        _ index: Int, _ life: RuleLife, _ m: inout MutableSpan<Int64>, _ context: StepContext,
        _ sink: inout TransitionSink
    ) {
        let rule = rules[index]
        if surely(rule.clear, m) {
            end(index, .cleared, AlertReason.released.rawValue, life, &m, context, &sink)
        } else if let presume = rule.presume, surely(presume, m) {
            end(index, .presumedReleased, AlertReason.doorNotLocked.rawValue, life, &m, context, &sink)
        } else if life.phase(m.span) == .suspected {
            if isRevised(rule, life, m) {
                end(index, .cleared, AlertReason.revised.rawValue, life, &m, context, &sink)
            } else if !isAccepted(rule, context), let mute = reachingMute(rule, life, m, context) {
                for i in rule.branches.indices { life.branch(i).setSuppressionReported(true, &m) }
                close(index, .suppressed, mute.name, life, &m, context, &sink)
            }
        }
    }

    /// Every branch that the suspicion stands on says that it was none.
    private func isRevised(_ rule: CompiledRule, _ life: RuleLife, _ m: borrowing MutableSpan<Int64>) -> Bool {
        for (i, branch) in rule.branches.enumerated() where life.stands(on: i, m.span) {
            guard let revise = branch.revise, surely(revise, m) else { return false }
        }
        return true
    }

    /// A person deals with the lift's entrapment: nothing suppresses it, and other alerts of the lift as ever.
    private func isAccepted(_ rule: CompiledRule, _ context: StepContext) -> Bool {
        context.isAccepted && Alert.isEntrapment(rule.definition.kind)
    }

    /// A suppressor that reaches back to the onset of the suspicion.
    private func reachingMute(
        _ rule: CompiledRule, _ life: RuleLife, _ m: borrowing MutableSpan<Int64>, _ context: StepContext
    ) -> CompiledBranch.Mute? {
        let age = context.time &- life.onset(m.span)
        for mute in rule.branches[life.reason(m.span)].mutes {
            if let reach = mute.reachesBack, age <= reach, surely(mute.condition, m) { return mute }
        }
        return nil
    }

    private func end(
        _ index: Int, _ state: AlertState, _ reason: String, _ life: RuleLife, _ m: inout MutableSpan<Int64>,
        _ context: StepContext, _ sink: inout TransitionSink
    ) {
        close(index, state, reason, life, &m, context, &sink)
        // Should a condition last though the alert is over, it is raised again after its whole hold.
        for (i, branch) in rules[index].branches.enumerated() {
            let own = life.branch(i)
            own.setAddedUp(0, &m)
            guard own.whenSince(m.span) != LiftMemory.never else { continue }
            own.setWhenSince(context.time, &m)
            if branch.hold == 0 { own.setMustEnd(true, &m) } else { arm(index, context.time &+ branch.hold, &m) }
        }
    }

    private func close(
        _ index: Int, _ state: AlertState, _ reason: String, _ life: RuleLife, _ m: inout MutableSpan<Int64>,
        _ context: StepContext, _ sink: inout TransitionSink
    ) {
        sink.transitions.append(
            transition(index, life.reason(m.span), state, reason, life.onset(m.span), m, context))
        life.setPhase(.idle, &m)
        for i in rules[index].branches.indices { life.branch(i).setUnobserved(0, &m) }
    }

    private func transition(
        _ rule: Int, _ branch: Int, _ state: AlertState, _ reason: String, _ onset: Int64,
        _ m: borrowing MutableSpan<Int64>, _ context: StepContext
    ) -> Transition {
        let life = life(rule)
        return Transition(
            rule: rule, branch: branch, state: state,
            severity: life.isOpen(m) ? life.severity(m.span) : rules[rule].definition.severity,
            time: context.time, onset: onset, reason: reason, unobserved: life.branch(branch).unobserved(m.span),
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
