import LiftModel

/// Decides from the reports of a lift that arrived from when an entrapment could be known, and
/// whether entrapment.md confirms it or leaves it a suspicion.
///
/// Written from that definition, not from the rules. Where the definition leaves room, no alert is
/// required.
struct EntrapmentOracle {
    private(set) var last = Panel()
    private var lastTime = -Double.infinity
    /// An occupant was detected since the doors were last unlocked.
    private var wasOccupied = false
    /// The first press of the alarm button since a way out, and whether another followed 10 s later
    /// or more.
    private var pressedAt: Double?
    private var isPressedAgain = false
    /// The last codes that explain a shut door, and their time; none since a way out.
    private var reason: (codes: UInt64, time: Double)?
    private var inspection: Inspection?
    /// When the car last passed a floor or an edge of a door zone, or stood.
    private var progressAt = 0.0
    /// Since when there is evidence of an entrapment; nil without it.
    private var evidenceSince: Double?
    /// Since when the car stands off level; nil where it does not.
    private var offLevelSince: Double?
    /// Since when the car stands locked at level, without a fault or a sign of an occupant.
    private var parkedSince: Double?
    /// When a run ended here; nil once the doors have been unlocked.
    private var arrivedAt: Double?
    /// Since when the adapter has no data of its controller; nil where it has.
    private var controllerLostSince: Double?
    /// The adapter has just started and has no data yet.
    private var isStarting = false
    private var hasRunSinceWayOut = true
    private var unlockedAt = -Double.infinity
    private var sensor = SensorProof()

    /// A fitter's work under inspection.
    private struct Inspection {
        var began: Double
        /// There was evidence of an entrapment before. The inspection also suppresses that where it
        /// was short and began with an unlocked door.
        var followsSuspicion: Bool
        var reachesBack: Bool
        var occupantDetected: Bool
        var hasMoved = false

        func isSuppressing(at time: Double) -> Bool {
            if time - began > 7200 { return false }
            return followsSuspicion ? reachesBack : !occupantDetected || hasMoved
        }
    }

    /// Motor run-time limiter: at most 45 s (EN 81-20 5.9.2.7).
    private static let maxTimeWithoutProgress = 45.0
    private static let reasonLifetime = 120.0

    /// - Parameter time: when the report was sent. Of an overtaken report only a press of the alarm
    ///   button counts.
    /// - Returns: false for a report that is not newer than the last: a duplicate, or overtaken.
    @discardableResult
    mutating func receive(_ panel: Panel, at time: Double) -> Bool {
        let isPressed = panel.codes & FaultCode.carAlarmButton.bit != 0
        if time < lastTime {
            if isPressed { recordPress(at: time) }
            return false
        }
        if isPressed, last.codes & FaultCode.carAlarmButton.bit == 0 { recordPress(at: time) }
        trackInspection(panel, at: time)
        let isNewer = time > lastTime
        lastTime = time
        isStarting = panel.controllerLoss == .adapterStarting
        if panel.controllerLoss == nil {
            apply(panel, at: time)
        } else {
            applyWithoutController(panel, at: time)
        }
        let reasons = panel.reasons
        if reasons != 0 { reason = (reasons, time) }
        if evidence(at: time).branches.isEmpty {
            evidenceSince = nil
        } else if evidenceSince == nil {
            evidenceSince = time
        }
        return isNewer
    }

    private mutating func recordPress(at time: Double) {
        if let first = pressedAt, time >= first + 10 { isPressedAgain = true }
        pressedAt = pressedAt ?? time
    }

    private mutating func trackInspection(_ panel: Panel, at time: Double) {
        guard panel.mode == .inspection else {
            inspection = nil
            return
        }
        if inspection == nil {
            let isShort = evidenceSince.map { time - $0 <= 120 } ?? false
            inspection = Inspection(
                began: time, followsSuspicion: evidenceSince != nil,
                reachesBack: isShort && pressedAt == nil && time - unlockedAt <= 120,
                occupantDetected: last.isOccupantDetected || pressedAt != nil)
        }
        if panel.isMoving { inspection?.hasMoved = true }
    }

    private mutating func apply(_ panel: Panel, at time: Double) {
        if !panel.isLocked { unlockedAt = time }
        sensor.note(panel, after: last, at: time, sinceUnlocked: time - unlockedAt)
        if panel.floor != last.floor || panel.isInDoorZone != last.isInDoorZone || !panel.isMoving {
            progressAt = time
        }
        let hasArrived =
            last.isMoving && !panel.isMoving && panel.mode == .normal && panel.isInDoorZone == true
        arrivedAt = panel.isMoving || !panel.isLocked ? nil : hasArrived ? time : arrivedAt
        offLevelSince = !panel.isMoving && panel.isOutsideZone ? offLevelSince ?? time : nil
        if panel.showsWayOut {
            (pressedAt, isPressedAgain, reason, hasRunSinceWayOut) = (nil, false, nil, false)
        }
        if panel.isMoving { hasRunSinceWayOut = true }
        let isParked =
            panel.isLocked && !panel.isMoving && panel.isInDoorZone == true
            && panel.codes & Panel.faults == 0
        parkedSince =
            isParked && !panel.isOccupantDetected && pressedAt == nil ? parkedSince ?? time : nil
        wasOccupied = panel.isLocked && (wasOccupied || panel.isOccupantDetected)
        controllerLostSince = nil
        last = panel
    }

    /// The last known occupancy and movement of the car stay.
    private mutating func applyWithoutController(_ panel: Panel, at time: Double) {
        if panel.controllerLoss == .controllerDead {
            controllerLostSince = controllerLostSince ?? time
        }
        last.codes = panel.codes
        last.mode = panel.mode
        if let isOccupied = panel.isOccupied { wasOccupied = wasOccupied || isOccupied }
    }

    // MARK: Evidence

    private var isCalling: Bool { pressedAt != nil }
    /// Off level, or in a silence: an occupant cannot be excluded.
    private var isOccupancyPossible: Bool {
        last.isOccupied != false || last.isLoaded || wasOccupied
    }
    private func isSuppressed(at time: Double) -> Bool {
        inspection?.isSuppressing(at: time) ?? false
    }

    func showsEntrapment(at time: Double) -> Bool { !evidence(at: time).branches.isEmpty }

    func evidence(at time: Double) -> EntrapmentEvidence {
        var evidence = EntrapmentEvidence()
        if isSuppressed(at: time) || isStarting { return evidence }
        if let controllerLostSince {
            if time - controllerLostSince >= 30, couldHoldPeople(at: controllerLostSince) {
                evidence.branches = [.adapterOnly]
                evidence.confirmations = isCalling ? [.adapterOnly, .call] : [.adapterOnly]
            }
            return evidence
        }
        let isStopped = !last.isMoving || time - progressAt >= Self.maxTimeWithoutProgress
        guard isStopped, !(last.isInDoorZone != false && !last.isLocked && last.isFullyOpen == true)
        else {
            return evidence
        }
        if last.isOutsideZone {
            if isOccupancyPossible {
                evidence.branches.append(.offLevel)
                evidence.confirmations.append(.offLevel)
            }
            if isCalling {
                evidence.branches.append(.alarmButton)
                evidence.confirmations.append(.call)
            }
        } else if !last.showsWayOut {
            addEvidenceAtLanding(at: time, &evidence)
        }
        return evidence
    }

    private func addEvidenceAtLanding(at time: Double, _ evidence: inout EntrapmentEvidence) {
        let reasons =
            last.reasons
            | (reason.map { time - $0.time <= Self.reasonLifetime ? $0.codes : 0 } ?? 0)
        let isDetectedTwice = last.isOccupied == true && last.isLoaded
        let wasDetected =
            isDetectedTwice || last.isOccupied == true && !last.isLocked || wasOccupied
        if wasDetected, reasons != 0 || isCalling {
            evidence.branches.append(.atLevel)
            // Switched off: one sensor that was never proven does not confirm an occupant.
            let isSwitchedOffOnly = reasons == FaultCode.outOfService.bit && !isCalling
            if !isSwitchedOffOnly || isDetectedTwice || sensor.isProven(at: time) {
                evidence.confirmations.append(.atLevel)
            }
        }
        if last.codes & FaultCode.doorOpenFault.bit != 0, last.isLocked, last.isOccupied == nil,
            !last.isLoaded
        {
            evidence.branches.append(.doorOpenFault)
        }
        if isDetectedTwice, arrivedAt != nil, last.codes == 0 { evidence.branches.append(.shutIn) }
        guard isCalling else { return }
        if last.isLocked || last.isFullyOpen == false {
            evidence.branches.append(.alarmButton)
            evidence.confirmations.append(
                isPressedAgain ? .secondCall : reasons != 0 ? .call : .callAlone)
        } else if last.isOccupied == true, last.codes & Panel.doorCodes != 0 || isPressedAgain {
            evidence.confirmations.append(.callAjar)
        }
    }

    // MARK: Silence

    /// A silence that begins now counts as an entrapment.
    /// - Parameter time: when the silence is noticed.
    func couldHoldPeople(at time: Double) -> Bool {
        if isSuppressed(at: time) || !isOccupancyPossible
            || last.isInDoorZone == true && last.isFullyOpen == true
        {
            return false
        }
        if let parkedSince, time - parkedSince >= 60 { return false }
        return last.isOccupied != nil || hasRunSinceWayOut || isCalling
    }

    /// The last reports corroborate that the silence is more than a failed link.
    var corroboratesSilence: Bool {
        last.codes & FaultCode.lostMains != 0 || offLevelSince.map { lastTime - $0 >= 10 } ?? false
    }

    /// - Parameter isCorroborated: by reports of other lifts of the site.
    func evidenceOfSilence(at time: Double, isCorroborated: Bool) -> EntrapmentEvidence {
        guard couldHoldPeople(at: time) else { return EntrapmentEvidence() }
        var evidence = EntrapmentEvidence(branches: [.silence])
        if isCorroborated || corroboratesSilence {
            evidence.confirmations.append(.corroboratedSilence)
        }
        if isCalling { evidence.confirmations.append(.callInSilence) }
        return evidence
    }

    /// No sensor says whether the car has an occupant. A load of zero does not prove an empty car.
    var isOccupancyUnknown: Bool { last.isOccupied == nil && !last.isLoaded }
}

/// Whether the occupancy sensor has lately followed the people.
private struct SensorProof {
    /// When it last changed in step with open doors.
    private var provenAt = (occupied: -Double.infinity, empty: -Double.infinity)
    /// When it last changed behind doors that had long been locked.
    private var outOfStepAt = -Double.infinity
    /// When it last lost an occupant behind such doors. That is out of step once they are unlocked:
    /// until then an occupant may keep still.
    private var detectionLostAt = -Double.infinity
    /// An occupant was detected behind such doors.
    private var wasDetectedLongLocked = false

    /// The delay after which a sensor has noticed that an occupant left.
    private static let lag = 30.0

    /// - Parameter unlocked: seconds since the doors were last unlocked.
    mutating func note(
        _ panel: Panel, after last: Panel, at time: Double, sinceUnlocked unlocked: Double
    ) {
        if !panel.isLocked { outOfStepAt = max(outOfStepAt, detectionLostAt) }
        let isLongLocked = unlocked > Self.lag
        if let isOccupied = panel.isOccupied, last.isOccupied == !isOccupied {
            if isLongLocked {
                if !isOccupied {
                    detectionLostAt = time
                } else if !wasDetectedLongLocked {
                    outOfStepAt = time
                }
            } else if unlocked <= 5 {
                if isOccupied { provenAt.occupied = time } else { provenAt.empty = time }
            }
        }
        wasDetectedLongLocked =
            panel.isLocked && (wasDetectedLongLocked || isLongLocked && panel.isOccupantDetected)
    }

    func isProven(at time: Double) -> Bool {
        min(provenAt.occupied, provenAt.empty) > time - 86_400 && outOfStepAt <= time - 86_400
    }
}

extension Panel {
    static let doorCodes = [FaultCode.safetyCircuitOpen, .doorCloseFault, .doorOpenFault].reduce(0)
    { $0 | $1.bit }
    private static let reasons: UInt64 = [
        FaultCode.safetyCircuitOpen, .doorOpenFault, .unintendedMovement, .motorRunTimeLimiter,
        .floorPositionLost,
        .restartPrevented, .mainPowerLost, .outOfService,
    ].reduce(0) { $0 | $1.bit }
    /// The codes of a car that is more than parked.
    static let faults =
        reasons | FaultCode.doorCloseFault.bit | FaultCode.stoppedOutsideUnlockingZone.bit

    /// The codes that explain why a car keeps its door shut.
    var reasons: UInt64 {
        codes & (isLocked ? Self.reasons : Self.reasons | FaultCode.doorCloseFault.bit)
    }
    var isLoaded: Bool { (load ?? 0) > 5 }
    var isOccupantDetected: Bool { isOccupied == true || isLoaded }
    /// By the zone sensor, or by the controller's code.
    var isOutsideZone: Bool {
        isInDoorZone == false || codes & FaultCode.stoppedOutsideUnlockingZone.bit != 0
    }
    /// Without a limit switch an unlocked door counts as open, unless the controller reports a door
    /// fault.
    var showsWayOut: Bool {
        isInDoorZone != false && !isLocked && (isFullyOpen ?? (codes & Self.doorCodes == 0))
    }
}

extension FaultCode {
    static let lostMains = mainPowerLost.bit | emergencyPowerOperation.bit
}
