import Elevator

/// The fold of one lift: each input at its place on the lift's time line, the timers that are due before it, and the way back for what
/// comes late.
extension Detector {
    /// What was last heard of the lift is old, and its next word is waited for: until that comes its time stands still.
    func isFrozen(_ index: Int, at now: Int64) -> Bool {
        isListening
            ? tracks[index].catchUp.isWaiting(at: now)
            : tracks[index].memory.isHeard && tracks[index].memory.lastHeard <= deafSince
    }

    /// Its timers run with the gateway's time.
    func isOnTime(_ index: Int, at now: Int64) -> Bool { isListening && !isFrozen(index, at: now) }

    /// Puts an input at its place on the lift's time line: at the end, or in the past by rolling back.
    mutating func place(_ input: LiftTrack.Input, _ index: Int, arrival: Int64) {
        var input = input
        let isFrozen = isFrozen(index, at: arrival)
        if !isFrozen { placeOrders(index, upTo: input.time) }
        let reached = max(tracks[index].memory.time, tracks[index].inputs.last?.time ?? LiftMemory.beforeAll)
        // A last will, say, must not make happen what the lift's own next word may refute.
        if isFrozen, !input.reading.isSignOfLife { input.time = reached }
        let isBaseline = input.reading.isBaseline
        let isOutOfOrder =
            !isBaseline && input.isBefore(tracks[index].latestReading, tracks[index].latestSequence)
        if isOutOfOrder, !hasPlace(input, index) || reached - input.time > lateness {
            return takeHistory(input, index, at: reached, arrival: arrival)
        }
        let isFirstWord = tracks[index].catchUp.awaitsFirstWord && input.reading.isSignOfLife
        let isHeldBack = startsBurst(input, index, isFrozen: isFrozen, arrival: arrival) && !isOutOfOrder
        if isHeldBack { input.time = timeHeldBack(input, index, reached: reached, arrival: arrival) }
        // What was due at the very time of an input is judged together with it, also when the timer was there first.
        let isOvertaken = input.time < reached || input.time == reached && tracks[index].memory.timerWasLast
        let isInReach = isHeldBack ? input.time >= lastInput(index) : reached - input.time <= lateness
        if isOutOfOrder || isOvertaken && !isBaseline && isInReach && hasPlace(input, index) {
            tracks[index].counters.rolledBack += 1
            // The next word of a burst is behind its first one: no timer runs between them.
            rollBack(input, index, to: isHeldBack ? input.time : nil, arrival: arrival)
        } else {
            // In the lift's own order, though timers have run past it: it counts from where the lift has got to.
            input.time = max(input.time, reached)
            tracks[index].record(input, lateness: lateness)
            let before = LiftUse.Moment(tracks[index].memory)
            var sink = TransitionSink()
            follow(input, index, &sink)
            tracks[index].use.count(from: before, to: LiftUse.Moment(tracks[index].memory))
            tell(sink, index, refoldedFrom: nil)
        }
        // Not beyond the gap: what was due in it must not be judged without this word.
        if isFirstWord { tracks[index].barrier() }
        if isFrozen, input.reading.isSignOfLife { placeOrders(index, upTo: input.time) }
    }

    /// The lift can be rolled back to before this input.
    private func hasPlace(_ input: LiftTrack.Input, _ index: Int) -> Bool {
        tracks[index].older.precedes(input) && tracks[index].inputs.count < LiftTrack.maximumInputs
    }

    private func lastInput(_ index: Int) -> Int64 { tracks[index].inputs.last?.time ?? LiftMemory.beforeAll }

    /// Notes how old a word was when it came.
    /// - Returns: whether it is the first one of a burst that a link held back, of a lift whose timers ran until now.
    private mutating func startsBurst(
        _ input: LiftTrack.Input, _ index: Int, isFrozen: Bool, arrival: Int64
    ) -> Bool {
        guard isListening, input.reading.isSignOfLife, !input.reading.isBaseline else { return false }
        tracks[index].catchUp.note(age: arrival - input.time, arrival: arrival)
        // What waited behind a stall of our own was not held back by a link.
        return !isFrozen && !isWaiting && tracks[index].catchUp.isWaiting(at: arrival)
    }

    /// A word that a link held back counts from when it was said, though timers have run past it; but not before an alert of the lift
    /// changed last, so that nothing that was told is undone, and no farther back than `CatchUp.farthest`.
    private func timeHeldBack(
        _ input: LiftTrack.Input, _ index: Int, reached: Int64, arrival: Int64
    ) -> Int64 {
        let time = max(input.time, arrival - CatchUp.farthest)
        return time <= reached ? max(time, tracks[index].lastChange + 1) : time
    }

    private mutating func follow(_ input: borrowing LiftTrack.Input, _ index: Int, _ sink: inout TransitionSink) {
        // Until the first word after nobody listened the lift was not observed: its silence says nothing, and what was last heard of
        // it, minutes ago perhaps, is not held to have gone on. The word is judged first.
        let (time, isSignOfLife) = (input.time, input.reading.isSignOfLife)
        let isUnobserved =
            !isListening && time > deafSince && tracks[index].memory.lastHeard <= deafSince
            && tracks[index].memory.isHeard
        if isUnobserved, isSignOfLife {
            let gap = time - deafSince
            tracks[index].memory.lastHeard += gap
            programs[tracks[index].program].crossGap(gap, until: time, &tracks[index].memory)
        }
        // What is due at the very time of the input is judged together with it.
        if !isUnobserved, !tracks[index].catchUp.awaitsFirstWord { runTimers(index, before: input.time, &sink) }
        if isSignOfLife { tracks[index].catchUp.noteWord() }
        if !input.isOrder {
            if input.saidAt > tracks[index].latestReading { tracks[index].latestSequence = 0 }
            tracks[index].latestReading = max(tracks[index].latestReading, input.saidAt)
            tracks[index].latestSequence = max(tracks[index].latestSequence, input.reading.sequence)
        }
        tracks[index].horizon = max(tracks[index].horizon, input.time)
        let program = tracks[index].program
        programs[program].apply(input, &tracks[index].memory, &agendas[program])
        step(index, at: input.time, isBaseline: input.reading.isBaseline, &sink)
        if isSignOfLife {
            let occupancy = programs[program].occupancy(tracks[index].memory)
            tracks[index].lastKnown.note(tracks[index].memory, occupancy, at: time)
        }
        if !tracks[index].judgements.isEmpty { lookForNewEvidence(index, at: time, &sink) }
        deadlines.note(index, tracks[index].deadline)
    }

    private mutating func runTimers(_ index: Int, before time: Int64, _ sink: inout TransitionSink) {
        // Terminates: a step collects every timer due by its time, and sets none but later ones; `+ 1` guards that.
        while tracks[index].memory.deadline < time {
            let due = max(tracks[index].memory.deadline, tracks[index].memory.time)
            step(index, at: due, &sink)
            tracks[index].memory.timerWasLast = true
            if tracks[index].memory.deadline <= due { tracks[index].memory.deadline = due + 1 }
        }
    }

    mutating func runTimers(_ index: Int, to time: Int64, _ sink: inout TransitionSink) {
        runTimers(index, before: time == .max ? time : time + 1, &sink)
    }

    mutating func step(_ index: Int, at time: Int64, isBaseline: Bool = false, _ sink: inout TransitionSink) {
        let context = StepContext(
            time: time, isBaseline: isBaseline, isListening: isListening,
            isAccepted: tracks[index].ledger.hasAcceptedEntrapment)
        tracks[index].memory.timerWasLast = false
        let program = tracks[index].program
        programs[program].step(&tracks[index].memory, &agendas[program], context, &sink)
        if probe?.lift == index { probe?.look(programs[program], tracks[index].memory) }
    }

    mutating func step(_ index: Int, at time: Int64) {
        var sink = TransitionSink()
        step(index, at: time, &sink)
        deadlines.note(index, tracks[index].deadline)
        tell(sink, index, refoldedFrom: nil)
    }

    /// Goes back to before a late reading and folds everything since again.
    /// - Parameter end: how far timers run again; nil: as far as they had.
    private mutating func rollBack(_ late: LiftTrack.Input, _ index: Int, to end: Int64?, arrival: Int64) {
        let reached =
            end
            ?? max(tracks[index].horizon, tracks[index].memory.time, isOnTime(index, at: arrival) ? horizon : .min)
        tracks[index].horizon = min(tracks[index].horizon, reached)
        let place =
            tracks[index].inputs.lastIndex { !late.isBefore($0.saidAt, $0.reading.sequence) }.map { $0 + 1 } ?? 0
        tracks[index].inputs.insert(late, at: place)
        let isAfterNewer = place >= tracks[index].countBeforeNewer && tracks[index].newer.precedes(late)
        if place < tracks[index].countBeforeNewer { tracks[index].countBeforeNewer += 1 }
        tracks[index].goBack(toNewer: isAfterNewer)
        let start = tracks[index].memory.time
        var sink = TransitionSink()
        for position in (isAfterNewer ? tracks[index].countBeforeNewer : 0)..<tracks[index].inputs.count {
            if !isAfterNewer, position == tracks[index].countBeforeNewer {
                tracks[index].takeNewer()
            }
            // Words that had to wait for timers stand later than they were said; time never goes back.
            var input = tracks[index].inputs[position]
            input.time = max(input.time, tracks[index].memory.time)
            follow(input, index, &sink)
        }
        if isListening { runTimers(index, to: reached, &sink) }
        deadlines.note(index, tracks[index].deadline)
        tell(sink, index, refoldedFrom: start, at: arrival)
    }

    mutating func tell(
        _ sink: TransitionSink, _ index: Int, refoldedFrom start: Int64?, at now: Int64? = nil
    ) {
        if let change = sink.transitions.last { tracks[index].lastChange = max(tracks[index].lastChange, change.time) }
        if sink.transitions.isEmpty && (start == nil || tracks[index].ledger.entries.isEmpty) { return }
        let program = programs[tracks[index].program]
        let memory = tracks[index].memory
        let transitions = explained(sink.transitions, program.rules)
        tracks[index].ledger.forgetEnded(before: tracks[index].older.memory.time - 4 * lateness)
        let told = alerts.count
        tracks[index].ledger.tell(
            transitions, refoldedFrom: start, rules: program.rules, lift: tracks[index].lift.id,
            now: now ?? memory.time, vendorCode: tracks[index].writtenVendorCode,
            evidence: { program.evidence(memory.words.span) }, life: { program.openLife($0, memory) }, &alerts)
        complete(alertsFrom: told, index)
        let time = now ?? transitions.last?.time ?? memory.time
        noticeIncidents(index, at: time)
        noticeRescuers(index, at: time)
        if !transitions.isEmpty { acceptanceDue = min(acceptanceDue, nextReminder(index)) }
    }
}

extension Program {
    /// A rule's open alert, as the rules' memory has it.
    func openLife(_ rule: Int, _ memory: borrowing LiftMemory) -> AlertLedger.OpenLife? {
        let life = life(rule)
        let words = memory.words.span
        let phase = life.phase(words)
        if phase == .idle { return nil }
        return AlertLedger.OpenLife(
            branch: life.reason(words), onset: life.onset(words),
            state: phase == .suspected ? .suspected : rules[rule].definition.finalState,
            severity: life.severity(words))
    }

    /// What the holds in progress make of time in which nobody observed the lift.
    func crossGap(_ gap: Int64, until end: Int64, _ memory: inout LiftMemory) {
        var m = memory.words.mutableSpan
        for (index, rule) in rules.enumerated() {
            let life = life(index)
            let isOpen = life.isOpen(m)
            // What is confirmed has no hold to run.
            if life.phase(m.span) == .final { continue }
            let policy = rule.definition.gap
            for i in rule.branches.indices {
                let own = life.branch(i)
                guard own.whenSince(m.span) != LiftMemory.never || isOpen && life.stands(on: i, m.span) else {
                    continue
                }
                own.setUnobserved(own.unobserved(m.span) &+ gap, &m)
                if policy == .continue { continue }
                // The rule's timer may now be early: it looks, and sets it anew.
                let since = isOpen ? own.escalatingSince(m.span) : own.whenSince(m.span)
                if since == LiftMemory.never { continue }
                let moved = policy == .restart ? end : since &+ gap
                if isOpen { own.setEscalatingSince(moved, &m) } else { own.setWhenSince(moved, &m) }
            }
        }
    }
}
