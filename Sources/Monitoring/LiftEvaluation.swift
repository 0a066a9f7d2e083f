import LiftModel
import RuleEngine

/// How inputs and timers act on one lift: each input at its time, after the timers that are due
/// before it, and the rollback for late inputs.
extension LiftState {
    /// The lift's time stands still: its last values are old, and its next message is awaited.
    func isFrozen(at now: Int64, _ gateway: GatewayTime) -> Bool {
        gateway.isObserving
            ? catchUp.isWaiting(at: now)
            : memory.hasSignOfLife && memory.lastSignOfLife <= gateway.deafSince
    }

    /// The lift's timers run with the gateway's time.
    func isOnTime(at now: Int64, _ gateway: GatewayTime) -> Bool {
        gateway.isObserving && !isFrozen(at: now, gateway)
    }

    /// What became of an input.
    enum Insertion {
        /// It came too late; it belongs before the time that the lift has reached.
        case history(Input, reached: Int64)
        /// - time: when it counts.
        /// - isFirstReading: it ends a gap in observation.
        /// - replayedFrom: the lift was rolled back to this time; nil where it was not.
        case evaluated(time: Int64, isFirstReading: Bool, replayedFrom: Int64?)
    }

    /// Applies an input at its time on the lift's time line: at the end, or in the past by rolling
    /// back.
    mutating func insert(
        _ input: Input, isFrozen: Bool, arrival: Int64, _ gateway: GatewayTime,
        _ program: borrowing Program, _ agenda: inout Agenda, _ sink: inout TransitionSink
    ) -> Insertion {
        var input = input
        let reached = max(memory.time, lastInput)
        // A last will, for example, must not cause what the lift's next message may refute.
        if isFrozen, !input.reading.isSignOfLife { input.time = reached }
        let isBaseline = input.reading.isBaseline
        let isOutOfOrder = !isBaseline && input.isBefore(latestReading, latestSequence)
        if isOutOfOrder, !canInsert(input) || reached - input.time > gateway.lateness {
            return .history(input, reached: reached)
        }
        let isFirstReading = catchUp.awaitsFirstReading && input.reading.isSignOfLife
        let isHeldBack =
            startsBurst(input, isFrozen: isFrozen, arrival: arrival, gateway) && !isOutOfOrder
        if isHeldBack { input.time = timeOfHeldBack(input, reached: reached, arrival: arrival) }
        // A timer that is due at the time of an input is evaluated together with it, even if it has
        // run already.
        let isOvertaken = input.time < reached || input.time == reached && memory.timerWasLast
        let isInReach =
            isHeldBack ? input.time >= lastInput : reached - input.time <= gateway.lateness
        var replayedFrom: Int64?
        if isOutOfOrder || isOvertaken && !isBaseline && isInReach && canInsert(input) {
            counters.rolledBack += 1
            // The next message of a burst follows: no timer runs between the two.
            replayedFrom = rollBack(
                input, to: isHeldBack ? input.time : nil, arrival: arrival, gateway, program,
                &agenda, &sink)
        } else {
            // The input is in the lift's order, but timers have run past it: it counts at the time
            // that the lift has reached.
            input.time = max(input.time, reached)
            record(input, lateness: gateway.lateness)
            let before = LiftUse.Moment(memory)
            process(input, gateway, program, &agenda, &sink)
            use.count(from: before, to: LiftUse.Moment(memory))
        }
        return .evaluated(
            time: input.time, isFirstReading: isFirstReading, replayedFrom: replayedFrom)
    }

    /// The lift can be rolled back to before this input.
    private func canInsert(_ input: Input) -> Bool {
        older.precedes(input) && inputs.count < Self.maximumInputs
    }

    private var lastInput: Int64 { inputs.last?.time ?? LiftMemory.beforeAll }

    /// Notes the age of a message at its arrival.
    /// - Returns: whether it is the first one of a burst that a link held back, of a lift whose
    ///   timers ran until now.
    private mutating func startsBurst(
        _ input: Input, isFrozen: Bool, arrival: Int64, _ gateway: GatewayTime
    ) -> Bool {
        guard gateway.isObserving, input.reading.isSignOfLife, !input.reading.isBaseline else {
            return false
        }
        catchUp.note(age: arrival - input.time, arrival: arrival)
        // A message that waited behind a stall of the gateway was not held back by a link.
        return !isFrozen && !gateway.isBehind && catchUp.isWaiting(at: arrival)
    }

    /// A message that a link held back counts at the time it was sent, though timers have run past
    /// it. It does not count before the last change of an alert of the lift, so that no raised
    /// alert is undone, and at most `CatchUp.longestReach` back.
    private func timeOfHeldBack(_ input: Input, reached: Int64, arrival: Int64) -> Int64 {
        let time = max(input.time, arrival - CatchUp.longestReach)
        return time <= reached ? max(time, lastChange + 1) : time
    }

    private mutating func process(
        _ input: borrowing Input, _ gateway: GatewayTime, _ program: borrowing Program,
        _ agenda: inout Agenda, _ sink: inout TransitionSink
    ) {
        // After a gap the lift was not observed until its first message. Its silence counts for
        // nothing, and its last values, perhaps minutes old, did not necessarily hold. So the
        // message is evaluated before the timers.
        let (time, isSignOfLife) = (input.time, input.reading.isSignOfLife)
        let isUnobserved =
            !gateway.isObserving && time > gateway.deafSince
            && memory.lastSignOfLife <= gateway.deafSince && memory.hasSignOfLife
        if isUnobserved, isSignOfLife {
            cross(time - gateway.deafSince, until: time, program)
        }
        // A timer that is due at the time of the input is evaluated together with it.
        if !isUnobserved, !catchUp.awaitsFirstReading {
            runTimers(before: time, gateway, program, &agenda, &sink)
        }
        if isSignOfLife { catchUp.noteReading() }
        if !input.isFromGateway {
            if input.sentAt > latestReading { latestSequence = 0 }
            latestReading = max(latestReading, input.sentAt)
            latestSequence = max(latestSequence, input.reading.sequence)
        }
        horizon = max(horizon, time)
        program.apply(input.reading, at: time, &memory, &agenda)
        step(
            at: time, isBaseline: input.reading.isBaseline, gateway, program, &agenda, &sink)
        if isSignOfLife { noteKnownValues(program, at: time) }
        if !judgements.isEmpty { checkNewEvidence(at: time, gateway, program, &agenda, &sink) }
    }

    /// Time that was not observed counts as silence of no lift, and for no hold.
    mutating func cross(_ gap: Int64, until time: Int64, _ program: borrowing Program) {
        memory.lastSignOfLife += gap
        program.crossGap(gap, until: time, &memory)
    }

    private mutating func runTimers(
        before time: Int64, _ gateway: GatewayTime, _ program: borrowing Program,
        _ agenda: inout Agenda, _ sink: inout TransitionSink
    ) {
        // Proof of termination: a step collects every timer due by its time, and sets only later
        // ones; `+ 1` guards this.
        while memory.deadline < time {
            let due = max(memory.deadline, memory.time)
            step(at: due, gateway, program, &agenda, &sink)
            memory.timerWasLast = true
            if memory.deadline <= due { memory.deadline = due + 1 }
        }
    }

    mutating func runTimers(
        to time: Int64, _ gateway: GatewayTime, _ program: borrowing Program,
        _ agenda: inout Agenda, _ sink: inout TransitionSink
    ) {
        runTimers(
            before: time == .max ? time : time + 1, gateway, program, &agenda, &sink)
    }

    mutating func step(
        at time: Int64, isBaseline: Bool = false, _ gateway: GatewayTime,
        _ program: borrowing Program, _ agenda: inout Agenda, _ sink: inout TransitionSink
    ) {
        let context = StepContext(
            time: time, isBaseline: isBaseline, isObserving: gateway.isObserving,
            isAccepted: ledger.hasAcceptedEntrapment)
        memory.timerWasLast = false
        program.step(&memory, &agenda, context, &sink)
        probe?.sample(program, memory)
    }

    /// Rolls back to before a late reading, and replays all inputs since.
    /// - Parameter end: how far timers run again; nil: as far as they had.
    /// - Returns: the time from which the inputs were replayed.
    private mutating func rollBack(
        _ late: Input, to end: Int64?, arrival: Int64, _ gateway: GatewayTime,
        _ program: borrowing Program, _ agenda: inout Agenda, _ sink: inout TransitionSink
    ) -> Int64 {
        let reached =
            end
            ?? max(
                horizon, memory.time, isOnTime(at: arrival, gateway) ? gateway.horizon : .min)
        horizon = min(horizon, reached)
        let insertion =
            inputs.lastIndex { !late.isBefore($0.sentAt, $0.reading.sequence) }.map { $0 + 1 } ?? 0
        inputs.insert(late, at: insertion)
        let isAfterNewer = insertion >= countBeforeNewer && newer.precedes(late)
        if insertion < countBeforeNewer { countBeforeNewer += 1 }
        restoreCheckpoint(newer: isAfterNewer)
        let start = memory.time
        for position in (isAfterNewer ? countBeforeNewer : 0)..<inputs.count {
            if !isAfterNewer, position == countBeforeNewer { saveNewerCheckpoint() }
            // An input that waited for timers counts later than it was sent. Time never goes back.
            var input = inputs[position]
            input.time = max(input.time, memory.time)
            process(input, gateway, program, &agenda, &sink)
        }
        if gateway.isObserving { runTimers(to: reached, gateway, program, &agenda, &sink) }
        return start
    }
}
