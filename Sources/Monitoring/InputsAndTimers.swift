import LiftModel
import RuleEngine

/// Lets inputs and timers act on a lift (`LiftEvaluation`), and gives what follows to the site: its
/// alerts, its incidents, and the signals of other lifts.
extension Detector {
    /// Applies an input at its time on the lift's time line.
    mutating func insert(_ input: LiftState.Input, _ index: LiftIndex, arrival: Int64) {
        let isFrozen = lifts[index].isFrozen(at: arrival, gatewayTime)
        // A pending signal is applied in its turn: those behind it come after it.
        if !isFrozen, !input.isFromGateway { applyPendingSignals(index, upTo: input.time) }
        var sink = TransitionSink()
        let program = lifts[index].programIndex
        let insertion = lifts[index].insert(
            input, isFrozen: isFrozen, arrival: arrival, gatewayTime, programs[program],
            &agendas[program], &sink)
        switch insertion {
        case .history(let input, let reached):
            recordHistory(input, index, at: reached, arrival: arrival)
        case .evaluated(let time, let isFirstReading, let start):
            deadlines.note(index, lifts[index].deadline)
            emitAlerts(sink, index, replayedFrom: start, at: start == nil ? nil : arrival)
            // No rollback beyond the gap: the timers of the gap must not be evaluated without this
            // message.
            if isFirstReading { lifts[index].barrier() }
            if isFrozen, input.reading.isSignOfLife { applyPendingSignals(index, upTo: time) }
        }
    }

    /// A historical message is counted, is no sign of life, and changes nothing. Only a press of
    /// the alarm button in it counts.
    mutating func recordHistory(
        _ input: LiftState.Input, _ index: LiftIndex, at reached: Int64, arrival: Int64
    ) {
        lifts[index].counters.historical += 1
        applyLatePress(from: input, index, at: reached, arrival: arrival)
    }

    /// Runs the timers of a lift that are due up to a time.
    mutating func runTimers(_ index: LiftIndex, to time: Int64) {
        var sink = TransitionSink()
        let program = lifts[index].programIndex
        lifts[index].runTimers(to: time, gatewayTime, programs[program], &agendas[program], &sink)
        emitAlerts(sink, index, replayedFrom: nil)
    }

    /// Evaluates what is marked on a lift, without an input.
    mutating func step(_ index: LiftIndex, at time: Int64) {
        var sink = TransitionSink()
        let program = lifts[index].programIndex
        lifts[index].step(at: time, gatewayTime, programs[program], &agendas[program], &sink)
        deadlines.note(index, lifts[index].deadline)
        emitAlerts(sink, index, replayedFrom: nil)
    }

    mutating func emitAlerts(
        _ sink: TransitionSink, _ index: LiftIndex, replayedFrom start: Int64?, at now: Int64? = nil
    ) {
        if let change = sink.transitions.last { lifts[index].noteChange(at: change.time) }
        if sink.transitions.isEmpty && (start == nil || lifts[index].ledger.entries.isEmpty) {
            return
        }
        let program = lifts[index].programIndex
        let transitions = explained(sink.transitions, programs[program].rules)
        let first = alerts.count
        lifts[index].enter(
            transitions, replayedFrom: start, now: now, lateness: lateness, programs[program],
            &alerts)
        complete(alertsFrom: first, index)
        let time = now ?? transitions.last?.time ?? lifts[index].memory.time
        updateIncidents(index, at: time)
        updateRescuers(index, at: time)
        if !transitions.isEmpty { acceptanceDue = min(acceptanceDue, nextReminder(index)) }
    }
}

extension LiftState {
    fileprivate mutating func noteChange(at time: Int64) { lastChange = max(lastChange, time) }

    /// Enters what the rules have decided in the ledger.
    /// - Parameter now: nil: the time that the lift has reached.
    fileprivate mutating func enter(
        _ transitions: [Transition], replayedFrom start: Int64?, now: Int64?, lateness: Int64,
        _ program: borrowing Program, _ alerts: inout [Alert]
    ) {
        let (program, memory) = (copy program, memory)
        ledger.removeEnded(before: older.memory.time - 4 * lateness)
        ledger.apply(
            transitions, replayedFrom: start, rules: program.rules, lift: lift.id,
            now: now ?? memory.time, vendorCode: writtenVendorCode,
            evidence: { program.evidence(memory) },
            openState: { program.openAlertState($0, memory) },
            &alerts)
    }
}
