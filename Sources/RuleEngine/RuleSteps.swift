import LiftModel

/// How one rule goes on: when it raises an alert, changes it and ends it.
extension Program {
    func alertState(_ rule: Int) -> AlertStateMachine {
        AlertStateMachine(slot: layout.rules + alertStateOffsets[rule])
    }

    /// Advances one rule's alert by its conditions at this instant.
    /// - Returns: whether rules that wait for the end of its alert must be evaluated.
    func advanceRule(
        _ index: Int, _ m: inout MutableSpan<Int64>, _ context: StepContext,
        _ sink: inout TransitionSink
    ) -> Bool {
        let rule = rules[index]
        let alertState = alertState(index)
        let wasOpen = alertState.isOpen(m)
        m[ruleTimer(index)] = LiftMemory.never
        // The rule is evaluated again as soon as time goes on.
        if !context.isRaising { arm(index, context.time, &m) }
        // By index: an enumeration would copy each branch, and count its references.
        for i in rule.branches.indices {
            observeCondition(rule.branches[i], alertState.branch(i), isOpen: wasOpen, &m, context)
        }
        if !context.isRaising { return false }
        if wasOpen {
            endIfDue(index, alertState, &m, context, &sink)
        } else {
            raiseIfDue(index, alertState, &m, context, &sink)
        }
        if alertState.isOpen(m) {
            joinIfDue(index, alertState, isNew: !wasOpen, &m, context, &sink)
            gradeUp(index, alertState, &m, context, &sink)
            escalateIfDue(index, alertState, &m, context, &sink)
        }
        return wasOpen != alertState.isOpen(m)
    }

    /// The rules' timers follow the nodes' timers.
    private func ruleTimer(_ rule: Int) -> Int {
        layout.timers + layout.timerCount - rules.count + rule
    }

    private func arm(_ rule: Int, _ due: Int64, _ m: inout MutableSpan<Int64>) {
        let timer = ruleTimer(rule)
        if due < m[timer] { m[timer] = due }
        if due < m[LiftLayout.deadline] { m[LiftLayout.deadline] = due }
    }

    /// Notes since when the condition holds, and which suppressors were active before it.
    private func observeCondition(
        _ branch: CompiledBranch, _ branchState: BranchState, isOpen: Bool,
        _ m: inout MutableSpan<Int64>,
        _ context: StepContext
    ) {
        if let addsUpUntil = branch.addsUpUntil, surely(addsUpUntil, m) {
            branchState.setAddedUp(0, &m)
        }
        guard surely(branch.when, m) else {
            let since = branchState.whenSince(m.span)
            if since != LiftMemory.never, let addsUpUntil = branch.addsUpUntil,
                !surely(addsUpUntil, m)
            {
                branchState.setAddedUp(max(0, context.time &- since), &m)
            }
            branchState.setWhenSince(LiftMemory.never, &m)
            branchState.setHasJoined(false, &m)
            branchState.setSuppressionReported(false, &m)
            branchState.setMustEnd(false, &m)
            // A suppressor that is active now was active before the next onset.
            branchState.setSuppressedSinceOnset(
                activeSuppressors(branch, m) { $0.precedingOnset ?? $0.condition }, &m)
            if !possibly(branch.when, m) { branchState.setSeenFalse(true, &m) }
            if !isOpen { branchState.setUnobserved(0, &m) }
            return
        }
        let begins = branchState.whenSince(m.span) == LiftMemory.never
        if begins {
            branchState.setWhenSince(context.time &- branchState.addedUp(m.span), &m)
            branchState.setAddedUp(0, &m)
        }
        // A suppressor that comes in the same message as the condition was not active before it. If
        // the condition holds from a lift's first message on, nothing is known about the time
        // before.
        let knowsNothingBefore = begins && !branchState.hasSeenFalse(m.span)
        let active = activeSuppressors(branch, m) { $0.condition }
        branchState.setSuppressedSinceOnset(
            knowsNothingBefore ? active : branchState.suppressedSinceOnset(m.span) & active, &m)
    }

    /// Bit *i*: the chosen condition of suppressor *i* is surely true.
    @inline(__always)
    private func activeSuppressors(
        _ branch: CompiledBranch, _ m: borrowing MutableSpan<Int64>,
        _ condition: (CompiledBranch.Suppressor) -> Operand
    ) -> Int64 {
        var bits: Int64 = 0
        for (i, suppressor) in branch.suppressors.enumerated()
        where surely(condition(suppressor), m) {
            bits |= 1 << Int64(i)
        }
        return bits
    }

    /// The branch's condition has held for its hold, and may raise an alert or join one. Otherwise
    /// its timer is set.
    private func isDue(
        _ index: Int, _ branch: Int, _ own: BranchState, _ m: inout MutableSpan<Int64>,
        _ context: StepContext
    ) -> Bool {
        let since = own.whenSince(m.span)
        if since == LiftMemory.never || own.mustEnd(m.span) { return false }
        let due = since &+ rules[index].branches[branch].hold
        if context.time >= due { return true }
        arm(index, due, &m)
        return false
    }

    private func raiseIfDue(
        _ index: Int, _ alertState: AlertStateMachine, _ m: inout MutableSpan<Int64>,
        _ context: StepContext,
        _ sink: inout TransitionSink
    ) {
        let rule = rules[index]
        for i in rule.branches.indices {
            let own = alertState.branch(i)
            guard isDue(index, i, own, &m, context) else { continue }
            if !isAccepted(rule, context),
                let suppressor = activeSuppressor(rule.branches[i], own, m)
            {
                // One suppression is reported once, whichever branches it suppresses.
                let isReported = rule.branches.indices.contains {
                    alertState.branch($0).isSuppressionReported(m.span)
                }
                own.setSuppressionReported(true, &m)
                if !isReported {
                    var suppressed = transition(
                        index, i, .suppressed, suppressor.name, own.whenSince(m.span), m, context)
                    suppressed.begins = true
                    sink.transitions.append(suppressed)
                }
                continue
            }
            // Inhibition: a rule that explains the same event has an open alert, which stands for
            // both.
            for other in rule.yieldsTo where self.alertState(other).isOpen(m) { return }
            let stage = rule.branches[i].stage
            alertState.setOnset(own.whenSince(m.span), &m)
            alertState.setPhase(stage == .suspected ? .suspected : .final, &m)
            alertState.setReason(i, &m)
            alertState.setStands(on: i, &m)
            // A branch that joined an earlier alert may join this one, too.
            for other in rule.branches.indices {
                alertState.branch(other).setHasJoined(other == i, &m)
            }
            alertState.setSeverity(severity(rule, m), &m)
            own.setEscalatingSince(LiftMemory.never, &m)
            beginScope(rule, &m, context)
            var raised = transition(
                index, i, stage, rule.branches[i].name, alertState.onset(m.span), m, context)
            raised.begins = true
            sink.transitions.append(raised)
            return
        }
    }

    /// Further branches that have become due join the alert. The latest one is its reason.
    private func joinIfDue(
        _ index: Int, _ alertState: AlertStateMachine, isNew: Bool, _ m: inout MutableSpan<Int64>,
        _ context: StepContext,
        _ sink: inout TransitionSink
    ) {
        let rule = rules[index]
        if rule.branches.count == 1 { return }
        for (i, branch) in rule.branches.enumerated() {
            let own = alertState.branch(i)
            guard !own.hasJoined(m.span), isDue(index, i, own, &m, context) else { continue }
            if !isAccepted(rule, context), activeSuppressor(branch, own, m) != nil { continue }
            own.setHasJoined(true, &m)
            let isFirst = !alertState.stands(on: i, m.span)
            if isFirst {
                alertState.setStands(on: i, &m)
                own.setEscalatingSince(LiftMemory.never, &m)
            }
            let isSuspected = alertState.phase(m.span) == .suspected
            let confirms = branch.stage == .confirmed && isSuspected
            // No change: the branch is due together with the onset, continues after an
            // interruption, or could not have confirmed an alert that is confirmed.
            let onlySuspects = branch.stage == .suspected && branch.escalation == nil
            if isNew || !isFirst || onlySuspects && !isSuspected, !confirms { continue }
            alertState.setReason(i, &m)
            if confirms { alertState.setPhase(.final, &m) }
            let state = alertState.phase(m.span) == .suspected ? .suspected : rule.finalState
            var change = transition(
                index, i, state, branch.name, alertState.onset(m.span), m, context)
            change.isUpdate = !confirms
            sink.transitions.append(change)
        }
    }

    private func activeSuppressor(
        _ branch: CompiledBranch, _ branchState: BranchState, _ m: borrowing MutableSpan<Int64>
    ) -> CompiledBranch.Suppressor? {
        for (i, suppressor) in branch.suppressors.enumerated() where surely(suppressor.condition, m)
        {
            if suppressor.precedingOnset != nil,
                branchState.suppressedSinceOnset(m.span) & (1 << Int64(i)) == 0
            {
                continue
            }
            return suppressor
        }
        return nil
    }

    private func severity(_ rule: CompiledRule, _ m: borrowing MutableSpan<Int64>) -> Severity {
        for grade in rule.grades where surely(grade.condition, m) { return grade.severity }
        return rule.head.severity
    }

    /// An open alert becomes more severe, never less, because people have responded to its highest
    /// severity.
    private func gradeUp(
        _ index: Int, _ alertState: AlertStateMachine, _ m: inout MutableSpan<Int64>,
        _ context: StepContext,
        _ sink: inout TransitionSink
    ) {
        if rules[index].grades.isEmpty { return }
        let now = severity(rules[index], m)
        guard now > alertState.severity(m.span) else { return }
        alertState.setSeverity(now, &m)
        let state = alertState.phase(m.span) == .suspected ? .suspected : rules[index].finalState
        var update = transition(
            index, alertState.reason(m.span), state, AlertReason.severity.rawValue,
            alertState.onset(m.span), m, context
        )
        update.isUpdate = true
        sink.transitions.append(update)
    }

    /// A suspicion is confirmed by the first of its branches that escalates.
    private func escalateIfDue(
        _ index: Int, _ alertState: AlertStateMachine, _ m: inout MutableSpan<Int64>,
        _ context: StepContext,
        _ sink: inout TransitionSink
    ) {
        guard alertState.phase(m.span) == .suspected else { return }
        for (i, branch) in rules[index].branches.enumerated() where alertState.stands(on: i, m.span)
        {
            guard let escalation = branch.escalation else { continue }
            let own = alertState.branch(i)
            var reason: String?
            if let when = escalation.when, surely(when, m) { reason = escalation.because }
            // A suppressed spell of the condition has not joined the alert, so its time does not
            // add to an earlier spell. In an accepted alert the spell joins, so that it is
            // reported, but its suppressor still explains it.
            let isApart = !own.hasJoined(m.span) || isAccepted(rules[index], context)
            let isSuppressed =
                isApart && own.whenSince(m.span) != LiftMemory.never
                && activeSuppressor(branch, own, m) != nil
            // The end of the suppressor is no new sign either: the clock stays stopped until a
            // spell joins.
            if isSuppressed || own.hasJoined(m.span) { own.setClockStopped(isSuppressed, &m) }
            if own.isClockStopped(m.span) || escalation.unless.map({ surely($0, m) }) == true {
                own.setEscalatingSince(LiftMemory.never, &m)
            } else if let hold = escalation.hold {
                if own.escalatingSince(m.span) == LiftMemory.never {
                    own.setEscalatingSince(context.time, &m)
                }
                let due = own.escalatingSince(m.span) &+ hold
                if context.time >= due {
                    reason = reason ?? branch.name
                } else {
                    arm(index, due, &m)
                }
            }
            guard var reason else { continue }
            // If the branch's condition is over, its time still shows that people are inside, but
            // not where the car is. The alert keeps its present reason.
            let isOver = reason == branch.name && own.whenSince(m.span) == LiftMemory.never
            let reasonBranch = isOver ? alertState.reason(m.span) : i
            if isOver { reason = rules[index].branches[reasonBranch].name }
            alertState.setPhase(.final, &m)
            alertState.setReason(reasonBranch, &m)
            sink.transitions.append(
                transition(
                    index, reasonBranch, .confirmed, reason, alertState.onset(m.span), m, context))
            return
        }
    }

    // MARK: The end

    private func endIfDue(
        _ index: Int, _ alertState: AlertStateMachine, _ m: inout MutableSpan<Int64>,
        _ context: StepContext,
        _ sink: inout TransitionSink
    ) {
        let rule = rules[index]
        if surely(rule.clear, m) {
            end(index, .cleared, AlertReason.released.rawValue, alertState, &m, context, &sink)
        } else if let presume = rule.presume, surely(presume, m) {
            end(
                index, .presumedReleased, AlertReason.doorNotLocked.rawValue, alertState, &m,
                context, &sink)
        } else if alertState.phase(m.span) == .suspected {
            if isRevised(rule, alertState, m) {
                end(index, .cleared, AlertReason.revised.rawValue, alertState, &m, context, &sink)
            } else if !isAccepted(rule, context),
                let suppressor = reachingSuppressor(rule, alertState, m, context)
            {
                for i in rule.branches.indices {
                    alertState.branch(i).setSuppressionReported(true, &m)
                }
                close(index, .suppressed, suppressor.name, alertState, &m, context, &sink)
            }
        }
    }

    /// Every branch of the suspicion revises it.
    private func isRevised(
        _ rule: CompiledRule, _ alertState: AlertStateMachine, _ m: borrowing MutableSpan<Int64>
    )
        -> Bool
    {
        for (i, branch) in rule.branches.enumerated() where alertState.stands(on: i, m.span) {
            guard let revise = branch.revise, surely(revise, m) else { return false }
        }
        return true
    }

    /// A person has accepted the lift's entrapment: nothing suppresses it. Other alerts of the lift
    /// are suppressed as usual.
    private func isAccepted(_ rule: CompiledRule, _ context: StepContext) -> Bool {
        context.isAccepted && Alert.isEntrapment(rule.head.kind)
    }

    /// A suppressor that reaches back to the onset of the suspicion.
    private func reachingSuppressor(
        _ rule: CompiledRule, _ alertState: AlertStateMachine, _ m: borrowing MutableSpan<Int64>,
        _ context: StepContext
    ) -> CompiledBranch.Suppressor? {
        let age = context.time &- alertState.onset(m.span)
        for suppressor in rule.branches[alertState.reason(m.span)].suppressors {
            if let reach = suppressor.reachesBack, age <= reach, surely(suppressor.condition, m) {
                return suppressor
            }
        }
        return nil
    }

    private func end(
        _ index: Int, _ state: AlertState, _ reason: String, _ alertState: AlertStateMachine,
        _ m: inout MutableSpan<Int64>,
        _ context: StepContext, _ sink: inout TransitionSink
    ) {
        close(index, state, reason, alertState, &m, context, &sink)
        // A condition that still holds raises its alert again after the whole hold.
        for (i, branch) in rules[index].branches.enumerated() {
            let own = alertState.branch(i)
            own.setAddedUp(0, &m)
            guard own.whenSince(m.span) != LiftMemory.never else { continue }
            own.setWhenSince(context.time, &m)
            if branch.hold == 0 {
                own.setMustEnd(true, &m)
            } else {
                arm(index, context.time &+ branch.hold, &m)
            }
        }
    }

    private func close(
        _ index: Int, _ state: AlertState, _ reason: String, _ alertState: AlertStateMachine,
        _ m: inout MutableSpan<Int64>,
        _ context: StepContext, _ sink: inout TransitionSink
    ) {
        sink.transitions.append(
            transition(
                index, alertState.reason(m.span), state, reason, alertState.onset(m.span), m,
                context))
        alertState.setPhase(.idle, &m)
        for i in rules[index].branches.indices { alertState.branch(i).setUnobserved(0, &m) }
    }

    private func transition(
        _ rule: Int, _ branch: Int, _ state: AlertState, _ reason: String, _ onset: Int64,
        _ m: borrowing MutableSpan<Int64>, _ context: StepContext
    ) -> Transition {
        let alertState = alertState(rule)
        return Transition(
            rule: rule, branch: branch, state: state,
            severity: alertState.isOpen(m)
                ? alertState.severity(m.span) : rules[rule].head.severity,
            time: context.time, onset: onset, reason: reason,
            unobserved: alertState.branch(branch).unobserved(m.span),
            evidence: evidence(m.span))
    }
}
