import Elevator

extension Detector {
    /// A press of the alarm button this much behind still counts; an older one may have been heard and answered long ago.
    static let latePress = Duration.seconds(30)

    /// A word that is too late for its place may be the only one that tells of a press of the alarm button, which is never muted and
    /// always delivered (EN 81-28): the button counts as pressed and let go now, or, where the press is older than that, is told as
    /// history. The rest of the word is of the past.
    mutating func takeLatePress(from word: LiftTrack.Input, _ index: Int, at reached: Int64, arrival: Int64) {
        guard let isPressed = word.reading.alarmButton else { return }
        let (last, limit) = (tracks[index].order.latePress, Self.latePress.nanoseconds)
        tracks[index].order.latePress = isPressed ? word.saidAt : .min
        // Each report while the button is held tells of the same press.
        if !isPressed || last != .min && (word.saidAt &- last).magnitude <= UInt64(limit) { return }
        let latest = tracks[index].latestReading
        guard latest &- word.saidAt <= limit else {
            tracks[index].order.pastPress = arrival
            return tellPastPress(word.saidAt, index)
        }
        press(index, at: reached, arrival: arrival)
    }

    /// The clock has turned out to have been set back: what was taken for a press of the past, while that was not known yet, was one of now.
    mutating func takePressSinceStep(_ index: Int, arrival: Int64) {
        let came = tracks[index].order.pastPress
        tracks[index].order.pastPress = .min
        guard came != .min, arrival &- came <= Self.latePress.nanoseconds else { return }
        press(index, at: max(tracks[index].memory.time, tracks[index].latestReading), arrival: arrival)
    }

    /// The button counts as pressed and let go.
    private mutating func press(_ index: Int, at reached: Int64, arrival: Int64) {
        if tracks[index].memory.isPressed { return }
        let latest = tracks[index].latestReading
        let button = FaultCode.carAlarmButton.bit
        var (press, release) = (Reading(), Reading())
        press.codesRaised = button
        release.codesEnded = button
        // It is nothing that the lift says now.
        (press.isSignOfLife, release.isSignOfLife) = (false, false)
        for reading in [press, release] {
            place(
                LiftTrack.Input(time: reached, saidAt: latest, reading: reading), index, arrival: arrival)
        }
    }

    /// An alert that is over when it is told, so that it is delivered as historical. What was told of the same moment before is not told
    /// again.
    private mutating func tellPastPress(_ time: Int64, _ index: Int) {
        let track = tracks[index]
        guard let rule = programs[track.program].rules.first(where: { $0.definition.kind == Alert.carAlarmCall }),
            !track.ledger.onsets.contains(where: { $0.kind == Alert.carAlarmCall && $0.onset == time })
        else { return }
        let definition = rule.definition
        let id = AlertIdentity.id(
            origin, lift: track.lift.id, kind: definition.kind, onset: time,
            earlier: tracks[index].ledger.earlier(definition.kind, time))
        let moment = Instant(nanoseconds: time)
        for (revision, state, reason) in [
            (1, definition.finalState, definition.branches[0].name), (2, .cleared, AlertReason.historical.rawValue),
        ] {
            alerts.append(
                Alert(
                    id: id, revision: revision, lift: track.lift.id, kind: definition.kind, state: state,
                    severity: definition.severity, rule: definition.name, ruleVersion: rule.version, onset: moment,
                    time: moment, reason: reason, hold: .zero, confirmationHold: nil, evidence: [],
                    vendorCode: track.writtenVendorCode, title: definition.title))
        }
    }
}

extension Reading {
    /// Whether the alarm button in the car is pressed; nil where nothing is said of it.
    fileprivate var alarmButton: Bool? {
        let button = FaultCode.carAlarmButton.bit
        if codesRaised & button != 0 { return true }
        if codesEnded & button != 0 { return false }
        guard known & 1 << UInt64(Signal.codes.rawValue) != 0 else { return nil }
        return bits(Signal.codes.rawValue) & button != 0
    }
}

extension LiftMemory {
    /// The alarm button in the car was pressed, as last heard.
    fileprivate var isPressed: Bool {
        known & 1 << UInt64(Signal.codes.rawValue) != 0
            && UInt64(bitPattern: words[LiftLayout.signals + Signal.codes.rawValue]) & FaultCode.carAlarmButton.bit != 0
    }
}
