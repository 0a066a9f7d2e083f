import Elevator

/// What has been heard of a lift, as one who reads it well would understand it: tells from which word on an entrapment could be known, and
/// whether entrapment.md confirms it or leaves it at a suspicion.
///
/// Written from that definition, not from the rules. Where the page leaves room, nothing is owed.
struct Testimony {
    private(set) var last = Panel()
    private var lastTime = -Double.infinity
    /// Somebody was seen since the doors were last unlocked.
    private var wasOccupied = false
    /// The alarm button was pressed, and no way out has shown since; and pressed again, ten seconds later or more.
    private var pressedAt: Double?
    private var isPressedAgain = false
    /// The last codes that explain a shut door, and when they stood; no way out has shown since.
    private var reason: (codes: UInt64, time: Double)?
    private var inspection: Inspection?
    /// When the car last got anywhere, or stood.
    private var progressAt = 0.0
    /// Since when it shows an entrapment, stands off level, stands shut with nothing to tell of it, stands after a run with its doors locked,
    /// and says nothing of motion, doors and zone.
    private var shownSince: Double?
    private var offLevelSince: Double?
    private var quietSince: Double?
    private var arrivedAt: Double?
    private var blindSince: Double?
    /// Its adapter has just started, and does not know yet.
    private var isStarting = false
    private var hasRunSinceWayOut = true
    private var unlockedAt = -Double.infinity
    /// When the occupancy sensor last came to see somebody, and to see nobody, while the doors were open; and when it last changed behind
    /// doors that had long been locked, out of step with them.
    private var provenAt = (seen: -Double.infinity, unseen: -Double.infinity)
    private var outOfStepAt = -Double.infinity
    /// When it lost sight of somebody behind such doors: out of step once they are unlocked, for until then he may keep still.
    private var lostSightAt = -Double.infinity
    /// Somebody was seen behind such doors.
    private var wasSeenLongShut = false

    /// A fitter at work.
    private struct Inspection {
        var began: Double
        /// Something showed an entrapment before; it reaches back over a short one that began with an unlocked door.
        var followsSuspicion: Bool
        var reachesBack: Bool
        var sawSomebody: Bool
        var hasMoved = false

        func isMuting(at time: Double) -> Bool {
            if time - began > 7200 { return false }
            return followsSuspicion ? reachesBack : !sawSomebody || hasMoved
        }
    }

    /// Motor run-time limiter: at most 45 s (EN 81-20 5.9.2.7).
    private static let longestWithoutProgress = 45.0
    private static let memoryOfReasons = 120.0
    /// A sensor notices so late that somebody has left.
    private static let sensorLag = 30.0

    /// - Parameter time: when it was said. What has been overtaken by a later word says only that somebody called.
    /// - Returns: false where it is no younger than what was heard before: it came twice, or was overtaken.
    @discardableResult
    mutating func hear(_ panel: Panel, at time: Double) -> Bool {
        let isPressed = panel.codes & FaultCode.carAlarmButton.bit != 0
        if time < lastTime {
            if isPressed { press(at: time) }
            return false
        }
        if isPressed, last.codes & FaultCode.carAlarmButton.bit == 0 { press(at: time) }
        followInspection(panel, at: time)
        let isYounger = time > lastTime
        lastTime = time
        isStarting = panel.blindness == .adapterStarting
        if panel.blindness == nil { see(panel, at: time) } else { hearBlind(panel, at: time) }
        let reasons = panel.reasons
        if reasons != 0 { reason = (reasons, time) }
        if shown(at: time).branches.isEmpty { shownSince = nil } else if shownSince == nil { shownSince = time }
        return isYounger
    }

    private mutating func press(at time: Double) {
        if let first = pressedAt, time >= first + 10 { isPressedAgain = true }
        pressedAt = pressedAt ?? time
    }

    private mutating func followInspection(_ panel: Panel, at time: Double) {
        guard panel.mode == .inspection else {
            inspection = nil
            return
        }
        if inspection == nil {
            let isShort = shownSince.map { time - $0 <= 120 } ?? false
            inspection = Inspection(
                began: time, followsSuspicion: shownSince != nil,
                reachesBack: isShort && pressedAt == nil && time - unlockedAt <= 120,
                sawSomebody: last.isSomebodySeen || pressedAt != nil)
        }
        if panel.isMoving { inspection?.hasMoved = true }
    }

    private mutating func see(_ panel: Panel, at time: Double) {
        if !panel.isLocked {
            unlockedAt = time
            outOfStepAt = max(outOfStepAt, lostSightAt)
        }
        let isLongShut = time - unlockedAt > Self.sensorLag
        if let isOccupied = panel.isOccupied, last.isOccupied == !isOccupied {
            if isLongShut {
                if !isOccupied { lostSightAt = time } else if !wasSeenLongShut { outOfStepAt = time }
            } else if time - unlockedAt <= 5 {
                if isOccupied { provenAt.seen = time } else { provenAt.unseen = time }
            }
        }
        if panel.floor != last.floor || panel.isInDoorZone != last.isInDoorZone || !panel.isMoving { progressAt = time }
        let hasArrived = last.isMoving && !panel.isMoving && panel.mode == .normal && panel.isInDoorZone == true
        arrivedAt = panel.isMoving || !panel.isLocked ? nil : hasArrived ? time : arrivedAt
        offLevelSince = !panel.isMoving && panel.isOutside ? offLevelSince ?? time : nil
        if panel.showsWayOut {
            (pressedAt, isPressedAgain, reason, hasRunSinceWayOut) = (nil, false, nil, false)
        }
        if panel.isMoving { hasRunSinceWayOut = true }
        let isQuiet = panel.isLocked && !panel.isMoving && panel.isInDoorZone == true && panel.codes & Panel.faults == 0
        quietSince = isQuiet && !panel.isSomebodySeen && pressedAt == nil ? quietSince ?? time : nil
        wasOccupied = panel.isLocked && (wasOccupied || panel.isSomebodySeen)
        wasSeenLongShut = panel.isLocked && (wasSeenLongShut || isLongShut && panel.isSomebodySeen)
        blindSince = nil
        last = panel
    }

    /// Who was seen last counts, and so does how the car last was.
    private mutating func hearBlind(_ panel: Panel, at time: Double) {
        if panel.blindness == .controllerDead { blindSince = blindSince ?? time }
        last.codes = panel.codes
        last.mode = panel.mode
        if let isOccupied = panel.isOccupied { wasOccupied = wasOccupied || isOccupied }
    }

    // MARK: What it shows

    private var isCalling: Bool { pressedAt != nil }
    /// Off level, or in silence: whoever cannot be excluded.
    private var isPerhapsInside: Bool { last.isOccupied != false || last.isLoaded || wasOccupied }
    private func isMuted(at time: Double) -> Bool { inspection?.isMuting(at: time) ?? false }
    private func isProven(at time: Double) -> Bool {
        min(provenAt.seen, provenAt.unseen) > time - 86_400 && outOfStepAt <= time - 86_400
    }

    func showsEntrapment(at time: Double) -> Bool { !shown(at: time).branches.isEmpty }

    func shown(at time: Double) -> Shown {
        var shown = Shown()
        if isMuted(at: time) || isStarting { return shown }
        if let blindSince {
            if time - blindSince >= 30, couldHoldPeople(at: blindSince) {
                shown.branches = [.adapterOnly]
                shown.confirmations = isCalling ? [.adapterOnly, .call] : [.adapterOnly]
            }
            return shown
        }
        let stands = !last.isMoving || time - progressAt >= Self.longestWithoutProgress
        guard stands, !(last.isInDoorZone != false && !last.isLocked && last.isFullyOpen == true) else { return shown }
        if last.isOutside {
            if isPerhapsInside {
                shown.branches.append(.offLevel)
                shown.confirmations.append(.offLevel)
            }
            if isCalling {
                shown.branches.append(.alarmButton)
                shown.confirmations.append(.call)
            }
        } else if !last.showsWayOut {
            showAtLanding(at: time, &shown)
        }
        return shown
    }

    private func showAtLanding(at time: Double, _ shown: inout Shown) {
        let reasons = last.reasons | (reason.map { time - $0.time <= Self.memoryOfReasons ? $0.codes : 0 } ?? 0)
        let isTwiceSeen = last.isOccupied == true && last.isLoaded
        let isInside = isTwiceSeen || last.isOccupied == true && !last.isLocked || wasOccupied
        if isInside, reasons != 0 || isCalling {
            shown.branches.append(.atLevel)
            // Switched off, and one sensor sees somebody that nobody has ever tried.
            let isSwitchedOffOnly = reasons == FaultCode.outOfService.bit && !isCalling
            if !isSwitchedOffOnly || isTwiceSeen || isProven(at: time) { shown.confirmations.append(.atLevel) }
        }
        if last.codes & FaultCode.doorOpenFault.bit != 0, last.isLocked, last.isOccupied == nil, !last.isLoaded {
            shown.branches.append(.doorOpenFault)
        }
        if isTwiceSeen, arrivedAt != nil, last.codes == 0 { shown.branches.append(.shutIn) }
        guard isCalling else { return }
        if last.isLocked || last.isFullyOpen == false {
            shown.branches.append(.alarmButton)
            shown.confirmations.append(isPressedAgain ? .secondCall : reasons != 0 ? .call : .callAlone)
        } else if last.isOccupied == true, last.codes & Panel.doorCodes != 0 || isPressedAgain {
            shown.confirmations.append(.callAjar)
        }
    }

    // MARK: Silence

    /// Silence after this would have to be taken for an entrapment.
    /// - Parameter time: when it is noticed.
    func couldHoldPeople(at time: Double) -> Bool {
        if isMuted(at: time) || !isPerhapsInside || last.isInDoorZone == true && last.isFullyOpen == true {
            return false
        }
        if let quietSince, time - quietSince >= 60 { return false }
        return last.isOccupied != nil || hasRunSinceWayOut || isCalling
    }

    /// What it said before it fell silent: by itself it tells that the silence is no mere loss of its link.
    var corroboratesSilence: Bool {
        last.codes & FaultCode.lostMains != 0 || offLevelSince.map { lastTime - $0 >= 10 } ?? false
    }

    /// - Parameter isCorroborated: by what others of the site said.
    func shownBySilence(at time: Double, isCorroborated: Bool) -> Shown {
        guard couldHoldPeople(at: time) else { return Shown() }
        var shown = Shown(branches: [.silence])
        if isCorroborated || corroboratesSilence { shown.confirmations.append(.corroboratedSilence) }
        if isCalling { shown.confirmations.append(.callInSilence) }
        return shown
    }

    /// No sensor says whether somebody is in the lift; an unloaded car proves nobody out of it.
    var isOccupancyUnknowable: Bool { last.isOccupied == nil && !last.isLoaded }
}

extension Panel {
    static let doorCodes = [FaultCode.safetyCircuitOpen, .doorCloseFault, .doorOpenFault].reduce(0) { $0 | $1.bit }
    private static let reasons: UInt64 = [
        FaultCode.safetyCircuitOpen, .doorOpenFault, .unintendedMovement, .motorRunTimeLimiter, .floorPositionLost,
        .restartPrevented, .mainPowerLost, .outOfService,
    ].reduce(0) { $0 | $1.bit }
    /// What tells of a car that is not merely parked.
    static let faults = reasons | FaultCode.doorCloseFault.bit | FaultCode.stoppedOutsideUnlockingZone.bit

    /// Those of its codes that explain why a car keeps its door shut.
    var reasons: UInt64 { codes & (isLocked ? Self.reasons : Self.reasons | FaultCode.doorCloseFault.bit) }
    var isLoaded: Bool { (load ?? 0) > 5 }
    var isSomebodySeen: Bool { isOccupied == true || isLoaded }
    /// A sensor says so, or the controller.
    var isOutside: Bool { isInDoorZone == false || codes & FaultCode.stoppedOutsideUnlockingZone.bit != 0 }
    /// Without a limit switch an unlocked door counts as open, unless the controller complains of it.
    var showsWayOut: Bool {
        isInDoorZone != false && !isLocked && (isFullyOpen ?? (codes & Self.doorCodes == 0))
    }
}

extension FaultCode {
    static let lostMains = mainPowerLost.bit | emergencyPowerOperation.bit
}
