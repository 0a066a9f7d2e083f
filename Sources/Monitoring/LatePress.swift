import LiftModel
import RuleEngine

extension Detector {
    /// A press of the alarm button that is late by up to this much counts as a present one. An
    /// older press may have been answered long ago.
    static let latePress = Duration.seconds(30)

    /// A historical message may be the only one with a press of the alarm button, which is never
    /// suppressed and always delivered (EN 81-28). The button counts as pressed and released now.
    /// An older press is delivered as historical. The rest of the message has no effect.
    mutating func applyLatePress(
        from input: LiftState.Input, _ index: LiftIndex, at reached: Int64, arrival: Int64
    ) {
        switch lifts[index].latePress(in: input, arrival: arrival) {
        case nil: return
        case .present: press(index, at: reached, arrival: arrival)
        case .past(let time):
            alerts += lifts[index].pastPress(
                at: time, programs[lifts[index].programIndex], origin)
        }
    }

    /// The clock was set back, as is now certain. A press that was taken for a historical one
    /// meanwhile was a present one.
    mutating func applyPressAfterClockStep(_ index: LiftIndex, arrival: Int64) {
        guard let reached = lifts[index].takePastPress(arrival: arrival) else { return }
        press(index, at: reached, arrival: arrival)
    }

    /// The button counts as pressed and released.
    private mutating func press(_ index: LiftIndex, at reached: Int64, arrival: Int64) {
        for input in lifts[index].pressAndRelease(at: reached) {
            insert(input, index, arrival: arrival)
        }
    }
}

extension LiftState {
    fileprivate enum LatePress {
        /// It counts now.
        case present
        /// It is delivered as historical.
        case past(Int64)
    }

    /// The press of the alarm button that a historical message reports; nil where it reports none,
    /// or one that is known.
    fileprivate mutating func latePress(in input: Input, arrival: Int64) -> LatePress? {
        guard let isPressed = input.reading.alarmButton else { return nil }
        let (last, limit) = (order.latePress, Detector.latePress.nanoseconds)
        order.latePress = isPressed ? input.sentAt : .min
        // Each report while the button is held is the same press.
        if !isPressed || last != .min && (input.sentAt &- last).magnitude <= UInt64(limit) {
            return nil
        }
        if latestReading &- input.sentAt <= limit { return .present }
        order.pastPress = arrival
        return .past(input.sentAt)
    }

    /// A press that was taken for a historical one a moment ago.
    /// - Returns: the time that the lift has reached; nil where there was no such press.
    fileprivate mutating func takePastPress(arrival: Int64) -> Int64? {
        let came = order.pastPress
        order.pastPress = .min
        guard came != .min, arrival &- came <= Detector.latePress.nanoseconds else { return nil }
        return max(memory.time, latestReading)
    }

    /// None where the button is pressed by the last report.
    fileprivate func pressAndRelease(at reached: Int64) -> [Input] {
        if memory.isPressed { return [] }
        let button = FaultCode.carAlarmButton.bit
        var (press, release) = (Reading(), Reading())
        press.codesRaised = button
        release.codesEnded = button
        // The lift does not send this now.
        (press.isSignOfLife, release.isSignOfLife) = (false, false)
        return [press, release].map { Input(time: reached, sentAt: latestReading, reading: $0) }
    }

    /// Raises and clears an alert at once, so that it is delivered as historical. A moment that has
    /// an alert already gets no second one.
    fileprivate mutating func pastPress(
        at time: Int64, _ program: borrowing Program, _ origin: AlertOrigin
    ) -> [Alert] {
        guard
            let rule = program.rules.first(where: { $0.head.kind == Alert.carAlarmCall }),
            !ledger.onsets.contains(where: {
                $0.kind == Alert.carAlarmCall && $0.onset == time
            })
        else { return [] }
        let head = rule.head
        let id = AlertIdentity.id(
            origin, lift: lift.id, kind: head.kind, onset: time,
            earlier: ledger.registerOnset(head.kind, time))
        let moment = Instant(nanoseconds: time)
        return [
            (1, rule.finalState, rule.branches[0].name),
            (2, .cleared, AlertReason.historical.rawValue),
        ].map { revision, state, reason in
            Alert(
                id: id, revision: revision, lift: lift.id, kind: head.kind, state: state,
                severity: head.severity, rule: head.name, ruleVersion: head.version, onset: moment,
                time: moment, reason: reason, hold: .zero, confirmationHold: nil, evidence: [],
                vendorCode: writtenVendorCode, title: head.title)
        }
    }
}

extension Reading {
    /// Whether the alarm button in the car is pressed; nil if the reading does not say.
    public var alarmButton: Bool? {
        let button = FaultCode.carAlarmButton.bit
        if codesRaised & button != 0 { return true }
        if codesEnded & button != 0 { return false }
        guard known & 1 << UInt64(Signal.codes.rawValue) != 0 else { return nil }
        return bits(Signal.codes.rawValue) & button != 0
    }
}

extension LiftMemory {
    /// The alarm button in the car was pressed, by the last report.
    fileprivate var isPressed: Bool {
        isKnown(.codes) && signal(Signal.codes.rawValue) & FaultCode.carAlarmButton.bit != 0
    }
}
