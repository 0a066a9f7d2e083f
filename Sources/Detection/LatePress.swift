import Elevator

extension Detector {
    /// A press of the alarm button this much behind still counts; an older one may have been heard and answered long ago.
    static let latePress = Duration.seconds(30)

    /// A word that is too late for its place may be the only one that tells of a press of the alarm button, which is never muted and
    /// always delivered (EN 81-28): the button counts as pressed and let go now. The rest of the word is of the past.
    mutating func takeLatePress(from word: LiftTrack.Input, _ index: Int, at reached: Int64, arrival: Int64) {
        let latest = tracks[index].latestReading
        guard word.reading.saysPress, !tracks[index].memory.isPressed,
            latest - word.saidAt <= Self.latePress.nanoseconds
        else { return }
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
}

extension Reading {
    /// The alarm button in the car is pressed.
    fileprivate var saysPress: Bool {
        let codes = known & 1 << UInt64(Signal.codes.rawValue) != 0 ? bits(Signal.codes.rawValue) : 0
        return (codes | codesRaised) & ~codesEnded & FaultCode.carAlarmButton.bit != 0
    }
}

extension LiftMemory {
    /// The alarm button in the car was pressed, as last heard.
    fileprivate var isPressed: Bool {
        known & 1 << UInt64(Signal.codes.rawValue) != 0
            && UInt64(bitPattern: words[LiftLayout.signals + Signal.codes.rawValue]) & FaultCode.carAlarmButton.bit != 0
    }
}
