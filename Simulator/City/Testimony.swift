import Elevator

/// What has been heard of a lift, as one who reads it well would understand it: tells from which word on an entrapment could be known.
///
/// Written from the definition (two sources of occupancy at level, one off level, unknown counts as occupied), not from the rules.
struct Testimony {
    private(set) var last = Panel()
    /// Somebody was seen since the doors were last unlocked.
    private var wasOccupied = false
    /// The alarm button was pressed, and no way out has shown since.
    private var isCalling = false
    /// A fitter was at work on it before anything showed an entrapment.
    private var isInspected = false
    private var floorSince = 0.0
    private var lastTime = -Double.infinity

    /// Codes that explain why a car keeps its door shut.
    private static let reasons: UInt64 = [
        FaultCode.safetyCircuitOpen, .doorCloseFault, .doorOpenFault, .unintendedMovement, .motorRunTimeLimiter,
        .floorPositionLost, .restartPrevented, .mainPowerLost, .outOfService,
    ].reduce(0) { $0 | $1.bit }
    /// Motor run-time limiter: at most 45 s (EN 81-20 5.9.2.7).
    private static let longestWithoutProgress = 45.0

    /// - Parameter time: when it was said. What has been overtaken by a later word says only that somebody called.
    /// - Returns: false where it is no younger than what was heard before: it came twice, or was overtaken.
    @discardableResult
    mutating func hear(_ panel: Panel, at time: Double) -> Bool {
        if time < lastTime {
            if panel.codes & FaultCode.carAlarmButton.bit != 0 { isCalling = true }
            return false
        }
        if panel.mode != .inspection {
            isInspected = false
        } else if last.mode != .inspection {
            isInspected = !showsEntrapment(at: time)
        }
        let isYounger = time > lastTime
        lastTime = time
        if panel.floor != last.floor || !panel.isMoving { floorSince = time }
        last = panel
        // Without a limit switch, an unlocked door may be open.
        let showsWayOut = panel.isInDoorZone != false && !panel.isLocked && panel.isFullyOpen != false
        if panel.codes & FaultCode.carAlarmButton.bit != 0 { isCalling = true }
        if showsWayOut { isCalling = false }
        let isSeen = panel.isOccupied == true || (panel.load ?? 0) > 5
        wasOccupied = panel.isLocked && (wasOccupied || isSeen)
        return isYounger
    }

    func showsEntrapment(at time: Double) -> Bool {
        if isInspected { return false }
        let stands = !last.isMoving || time - floorSince >= Self.longestWithoutProgress
        guard stands, !(last.isInDoorZone != false && last.isFullyOpen == true) else { return false }
        if isCalling { return true }
        let loaded = (last.load ?? 0) > 5
        if last.isInDoorZone == false || last.codes & FaultCode.stoppedOutsideUnlockingZone.bit != 0 {
            return last.isOccupied != false || loaded || wasOccupied
        }
        guard last.codes & Self.reasons != 0 else { return false }
        return last.isOccupied == true && (loaded || !last.isLocked) || wasOccupied
    }

    /// Silence after this would have to be taken for an entrapment.
    var couldHoldPeople: Bool {
        let isProvenEmpty = last.isOccupied == false && (last.load ?? 0) <= 5
        return (!isProvenEmpty || wasOccupied) && !(last.isInDoorZone == true && last.isFullyOpen == true)
    }

    /// No sensor says whether somebody is in the lift; an unloaded car proves nobody out of it.
    var isOccupancyUnknowable: Bool { last.isOccupied == nil && (last.load ?? 0) <= 5 }
}
