import LiftModel
import RuleEngine

/// How inputs and timers act on one lift: each input at its time, after the timers that are due
/// before it, and the rollback for late inputs.
extension Detector {
    /// The lift's time stands still: its last values are old, and its next message is awaited.
    func isFrozen(_ index: Int, at now: Int64) -> Bool {
        isObserving
            ? lifts[index].catchUp.isWaiting(at: now)
            : lifts[index].memory.hasSignOfLife && lifts[index].memory.lastSignOfLife <= deafSince
    }

    /// The lift's timers run with the gateway's time.
    func isOnTime(_ index: Int, at now: Int64) -> Bool { isObserving && !isFrozen(index, at: now) }

    /// Applies an input at its time on the lift's time line: at the end, or in the past by rolling
    /// back.
    mutating func insert(_ input: LiftState.Input, _ index: Int, arrival: Int64) {
        var input = input
        let isFrozen = isFrozen(index, at: arrival)
        // A pending signal is applied in its turn: those behind it come after it.
        if !isFrozen, !input.isFromGateway { applyPendingSignals(index, upTo: input.time) }
        let reached = max(
            lifts[index].memory.time, lifts[index].inputs.last?.time ?? LiftMemory.beforeAll)
        // A last will, for example, must not cause what the lift's next message may refute.
        if isFrozen, !input.reading.isSignOfLife { input.time = reached }
        let isBaseline = input.reading.isBaseline
        let isOutOfOrder =
            !isBaseline && input.isBefore(lifts[index].latestReading, lifts[index].latestSequence)
        if isOutOfOrder, !canInsert(input, index) || reached - input.time > lateness {
            return recordHistory(input, index, at: reached, arrival: arrival)
        }
        let isFirstReading = lifts[index].catchUp.awaitsFirstReading && input.reading.isSignOfLife
        let isHeldBack =
            startsBurst(input, index, isFrozen: isFrozen, arrival: arrival) && !isOutOfOrder
        if isHeldBack {
            input.time = timeOfHeldBack(input, index, reached: reached, arrival: arrival)
        }
        // A timer that is due at the time of an input is evaluated together with it, even if it has
        // run already.
        let isOvertaken =
            input.time < reached || input.time == reached && lifts[index].memory.timerWasLast
        let isInReach =
            isHeldBack ? input.time >= lastInput(index) : reached - input.time <= lateness
        if isOutOfOrder || isOvertaken && !isBaseline && isInReach && canInsert(input, index) {
            lifts[index].counters.rolledBack += 1
            // The next message of a burst follows: no timer runs between the two.
            rollBack(input, index, to: isHeldBack ? input.time : nil, arrival: arrival)
        } else {
            // The input is in the lift's order, but timers have run past it: it counts at the time
            // that the lift has reached.
            input.time = max(input.time, reached)
            lifts[index].record(input, lateness: lateness)
            let before = LiftUse.Moment(lifts[index].memory)
            var sink = TransitionSink()
            process(input, index, &sink)
            lifts[index].use.count(from: before, to: LiftUse.Moment(lifts[index].memory))
            emitAlerts(sink, index, replayedFrom: nil)
        }
        // No rollback beyond the gap: the timers of the gap must not be evaluated without this
        // message.
        if isFirstReading { lifts[index].barrier() }
        if isFrozen, input.reading.isSignOfLife { applyPendingSignals(index, upTo: input.time) }
    }

    /// The lift can be rolled back to before this input.
    private func canInsert(_ input: LiftState.Input, _ index: Int) -> Bool {
        lifts[index].older.precedes(input) && lifts[index].inputs.count < LiftState.maximumInputs
    }

    private func lastInput(_ index: Int) -> Int64 {
        lifts[index].inputs.last?.time ?? LiftMemory.beforeAll
    }

    /// Notes the age of a message at its arrival.
    /// - Returns: whether it is the first one of a burst that a link held back, of a lift whose
    ///   timers ran until now.
    private mutating func startsBurst(
        _ input: LiftState.Input, _ index: Int, isFrozen: Bool, arrival: Int64
    ) -> Bool {
        guard isObserving, input.reading.isSignOfLife, !input.reading.isBaseline else {
            return false
        }
        lifts[index].catchUp.note(age: arrival - input.time, arrival: arrival)
        // A message that waited behind a stall of the gateway was not held back by a link.
        return !isFrozen && !isBehind && lifts[index].catchUp.isWaiting(at: arrival)
    }

    /// A message that a link held back counts at the time it was sent, though timers have run past
    /// it. It does not count before the last change of an alert of the lift, so that no raised
    /// alert is undone, and at most `CatchUp.longestReach` back.
    private func timeOfHeldBack(
        _ input: LiftState.Input, _ index: Int, reached: Int64, arrival: Int64
    ) -> Int64 {
        let time = max(input.time, arrival - CatchUp.longestReach)
        return time <= reached ? max(time, lifts[index].lastChange + 1) : time
    }

    private mutating func process(
        _ input: borrowing LiftState.Input, _ index: Int, _ sink: inout TransitionSink
    ) {
        // After a gap the lift was not observed until its first message. Its silence counts for
        // nothing, and its last values, perhaps minutes old, did not necessarily hold. So the
        // message is evaluated before the timers.
        let (time, isSignOfLife) = (input.time, input.reading.isSignOfLife)
        let isUnobserved =
            !isObserving && time > deafSince && lifts[index].memory.lastSignOfLife <= deafSince
            && lifts[index].memory.hasSignOfLife
        if isUnobserved, isSignOfLife {
            let gap = time - deafSince
            lifts[index].memory.lastSignOfLife += gap
            programs[lifts[index].program].crossGap(gap, until: time, &lifts[index].memory)
        }
        // A timer that is due at the time of the input is evaluated together with it.
        if !isUnobserved, !lifts[index].catchUp.awaitsFirstReading {
            runTimers(index, before: input.time, &sink)
        }
        if isSignOfLife { lifts[index].catchUp.noteReading() }
        if !input.isFromGateway {
            if input.sentAt > lifts[index].latestReading { lifts[index].latestSequence = 0 }
            lifts[index].latestReading = max(lifts[index].latestReading, input.sentAt)
            lifts[index].latestSequence = max(lifts[index].latestSequence, input.reading.sequence)
        }
        lifts[index].horizon = max(lifts[index].horizon, input.time)
        let program = lifts[index].program
        programs[program].apply(
            input.reading, at: input.time, &lifts[index].memory, &agendas[program])
        step(index, at: input.time, isBaseline: input.reading.isBaseline, &sink)
        if isSignOfLife { lifts[index].noteKnownValues(programs[program], at: time) }
        if !lifts[index].judgements.isEmpty { checkNewEvidence(index, at: time, &sink) }
        deadlines.note(index, lifts[index].deadline)
    }

    private mutating func runTimers(_ index: Int, before time: Int64, _ sink: inout TransitionSink)
    {
        // Proof of termination: a step collects every timer due by its time, and sets only later
        // ones; `+ 1` guards this.
        while lifts[index].memory.deadline < time {
            let due = max(lifts[index].memory.deadline, lifts[index].memory.time)
            step(index, at: due, &sink)
            lifts[index].memory.timerWasLast = true
            if lifts[index].memory.deadline <= due { lifts[index].memory.deadline = due + 1 }
        }
    }

    mutating func runTimers(_ index: Int, to time: Int64, _ sink: inout TransitionSink) {
        runTimers(index, before: time == .max ? time : time + 1, &sink)
    }

    mutating func step(
        _ index: Int, at time: Int64, isBaseline: Bool = false, _ sink: inout TransitionSink
    ) {
        let context = StepContext(
            time: time, isBaseline: isBaseline, isObserving: isObserving,
            isAccepted: lifts[index].ledger.hasAcceptedEntrapment)
        lifts[index].memory.timerWasLast = false
        let program = lifts[index].program
        programs[program].step(&lifts[index].memory, &agendas[program], context, &sink)
        if probe?.lift == index { probe?.sample(programs[program], lifts[index].memory) }
    }

    mutating func step(_ index: Int, at time: Int64) {
        var sink = TransitionSink()
        step(index, at: time, &sink)
        deadlines.note(index, lifts[index].deadline)
        emitAlerts(sink, index, replayedFrom: nil)
    }

    /// Rolls back to before a late reading, and replays all inputs since.
    /// - Parameter end: how far timers run again; nil: as far as they had.
    private mutating func rollBack(
        _ late: LiftState.Input, _ index: Int, to end: Int64?, arrival: Int64
    ) {
        let reached =
            end
            ?? max(
                lifts[index].horizon, lifts[index].memory.time,
                isOnTime(index, at: arrival) ? horizon : .min)
        lifts[index].horizon = min(lifts[index].horizon, reached)
        let insertion =
            lifts[index].inputs.lastIndex { !late.isBefore($0.sentAt, $0.reading.sequence) }.map {
                $0 + 1
            } ?? 0
        lifts[index].inputs.insert(late, at: insertion)
        let isAfterNewer =
            insertion >= lifts[index].countBeforeNewer && lifts[index].newer.precedes(late)
        if insertion < lifts[index].countBeforeNewer { lifts[index].countBeforeNewer += 1 }
        lifts[index].restoreCheckpoint(newer: isAfterNewer)
        let start = lifts[index].memory.time
        var sink = TransitionSink()
        for position
            in (isAfterNewer ? lifts[index].countBeforeNewer : 0)..<lifts[index].inputs.count
        {
            if !isAfterNewer, position == lifts[index].countBeforeNewer {
                lifts[index].saveNewerCheckpoint()
            }
            // An input that waited for timers counts later than it was sent. Time never goes back.
            var input = lifts[index].inputs[position]
            input.time = max(input.time, lifts[index].memory.time)
            process(input, index, &sink)
        }
        if isObserving { runTimers(index, to: reached, &sink) }
        deadlines.note(index, lifts[index].deadline)
        emitAlerts(sink, index, replayedFrom: start, at: arrival)
    }

    mutating func emitAlerts(
        _ sink: TransitionSink, _ index: Int, replayedFrom start: Int64?, at now: Int64? = nil
    ) {
        if let change = sink.transitions.last {
            lifts[index].lastChange = max(lifts[index].lastChange, change.time)
        }
        if sink.transitions.isEmpty && (start == nil || lifts[index].ledger.entries.isEmpty) {
            return
        }
        let program = programs[lifts[index].program]
        let memory = lifts[index].memory
        let transitions = explained(sink.transitions, program.rules)
        lifts[index].ledger.removeEnded(before: lifts[index].older.memory.time - 4 * lateness)
        let first = alerts.count
        lifts[index].ledger.apply(
            transitions, replayedFrom: start, rules: program.rules, lift: lifts[index].lift.id,
            now: now ?? memory.time, vendorCode: lifts[index].writtenVendorCode,
            evidence: { program.evidence(memory) },
            openState: { program.openAlertState($0, memory) },
            &alerts)
        complete(alertsFrom: first, index)
        let time = now ?? transitions.last?.time ?? memory.time
        updateIncidents(index, at: time)
        updateRescuers(index, at: time)
        if !transitions.isEmpty { acceptanceDue = min(acceptanceDue, nextReminder(index)) }
    }
}
