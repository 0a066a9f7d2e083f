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
        from input: LiftState.Input, _ index: Int, at reached: Int64, arrival: Int64
    ) {
        guard let isPressed = input.reading.alarmButton else { return }
        let (last, limit) = (lifts[index].order.latePress, Self.latePress.nanoseconds)
        lifts[index].order.latePress = isPressed ? input.sentAt : .min
        // Each report while the button is held is the same press.
        if !isPressed || last != .min && (input.sentAt &- last).magnitude <= UInt64(limit) {
            return
        }
        let latest = lifts[index].latestReading
        guard latest &- input.sentAt <= limit else {
            lifts[index].order.pastPress = arrival
            return reportPastPress(input.sentAt, index)
        }
        press(index, at: reached, arrival: arrival)
    }

    /// The clock was set back, as is now certain. A press that was taken for a historical one
    /// meanwhile was a present one.
    mutating func applyPressAfterClockStep(_ index: Int, arrival: Int64) {
        let came = lifts[index].order.pastPress
        lifts[index].order.pastPress = .min
        guard came != .min, arrival &- came <= Self.latePress.nanoseconds else { return }
        press(
            index, at: max(lifts[index].memory.time, lifts[index].latestReading), arrival: arrival)
    }

    /// The button counts as pressed and released.
    private mutating func press(_ index: Int, at reached: Int64, arrival: Int64) {
        if lifts[index].memory.isPressed { return }
        let latest = lifts[index].latestReading
        let button = FaultCode.carAlarmButton.bit
        var (press, release) = (Reading(), Reading())
        press.codesRaised = button
        release.codesEnded = button
        // The lift does not send this now.
        (press.isSignOfLife, release.isSignOfLife) = (false, false)
        for reading in [press, release] {
            insert(
                LiftState.Input(time: reached, sentAt: latest, reading: reading), index,
                arrival: arrival)
        }
    }

    /// Raises and clears an alert at once, so that it is delivered as historical. A moment that has
    /// an alert already gets no second one.
    private mutating func reportPastPress(_ time: Int64, _ index: Int) {
        let liftState = lifts[index]
        guard
            let rule = programs[liftState.program].rules.first(where: {
                $0.head.kind == Alert.carAlarmCall
            }),
            !liftState.ledger.onsets.contains(where: {
                $0.kind == Alert.carAlarmCall && $0.onset == time
            })
        else { return }
        let head = rule.head
        let id = AlertIdentity.id(
            origin, lift: liftState.lift.id, kind: head.kind, onset: time,
            earlier: lifts[index].ledger.registerOnset(head.kind, time))
        let moment = Instant(nanoseconds: time)
        for (revision, state, reason) in [
            (1, rule.finalState, rule.branches[0].name),
            (2, .cleared, AlertReason.historical.rawValue),
        ] {
            alerts.append(
                Alert(
                    id: id, revision: revision, lift: liftState.lift.id, kind: head.kind,
                    state: state,
                    severity: head.severity, rule: head.name, ruleVersion: head.version,
                    onset: moment,
                    time: moment, reason: reason, hold: .zero, confirmationHold: nil, evidence: [],
                    vendorCode: liftState.writtenVendorCode, title: head.title))
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
