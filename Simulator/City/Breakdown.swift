import LiftModel

/// A lift that is out of order.
struct Breakdown {
    var cause: Cause
    /// Counts the breakdowns of this lift, so that a later one cancels the actions of an earlier
    /// one.
    var number: Int
}

/// How breakdowns begin, and what they do to the physical car. The adapter's reports follow from
/// it.
extension SimulatedLift {
    // MARK: When

    /// Breakdowns come by chance, more often with more traffic and on a frail lift.
    func scheduleBreakdown() {
        let perSecond = building.scenario.failures.perLiftYear * fitting.frailty / (365 * 86_400)
        guard perSecond > 0, !building.scenario.failures.causes.isEmpty else { return }
        let hours = building.plan.traffic.hours
        let most = hours.max() ?? 1
        var wait = 0.0
        repeat {
            wait += random.exponential(rate: perSecond * most)
            if now + wait > building.scenario.duration { return }
        } while !random.chance(hours[building.scenario.hour(at: now + wait)] / most)
        later(wait) {
            $0.scheduleBreakdown()
            $0.arm($0.building.scenario.failures.causes[$0.random.pick($0.fitting.causeWeights)])
        }
    }

    /// The cause strikes at its first occasion from now on. A lift that is out of order does not
    /// break again.
    func arm(_ cause: Cause) {
        guard mishaps.armed == nil, breakdown == nil, !isReserved, building.isPowered,
            scheduler.isReporting
        else {
            return
        }
        switch cause.effect {
        case .adapterDies:
            stopReporting()
            later(random.uniform(600, 7200)) { $0.resumeReporting() }
        case .mainsFail: building.loseMains(cause, for: random.uniform(cause.recovery.after))
        default:
            if cause.strikes == .anytime { strike(cause) } else { mishaps.armed = cause }
        }
    }

    func strikeDuringRun(_ cause: Cause) {
        guard let journey = car.journey else { return }
        later(random.uniform(0.1, 0.95) * journey.ideal.duration) {
            guard $0.car.journey?.begin == journey.begin, $0.mishaps.armed?.name == cause.name
            else { return }
            $0.strike(cause)
        }
    }

    /// Schedules the next action of what is played, unless a breakdown begins or ends before.
    func proceed(_ seconds: Double, _ action: @escaping (SimulatedLift) -> Void) {
        let number = breakdown?.number
        later(seconds) { if $0.breakdown?.number == number { action($0) } }
    }

    // MARK: What

    func strike(_ cause: Cause) {
        breakDown(cause)
        switch cause.effect {
        case .safetyCircuitOpens, .driveTrips, .positionLost:
            brake()
            reportFault(after: random.uniform(0.3, 2))
        case .governorTrips: overspeed()
        case .ropeSlips: slip()
        case .doorStaysShut:
            publishChanges()
            reportFault(after: random.uniform(5, 10))
        case .doorStaysAjar:
            moveDoor(to: 0.05, in: 0.3)
            reportFault(after: random.uniform(5, 10))
        case .doorWillNotClose: failToClose()
        case .brakeSlips: moveUnintended()
        case .zoneSensorDies:
            sensors.isZoneSensorDead = true
            publishChanges()
            reportFault(after: random.uniform(2, 6))
        case .controllerReboots:
            brake()
            stopReporting()
            proceed(random.uniform(cause.recovery.after)) {
                $0.resumeReporting()
                if $0.random.chance(cause.recovery.chance) { return $0.recover() }
                // It does not know where it is.
                $0.reportFault(after: $0.random.uniform(1, 5))
                $0.awaitHelp()
            }
            return
        case .controllerDies:
            sensors.controllerLoss = .controllerDead
            brake()
        case .mainsFail, .adapterDies: break
        }
        awaitHelp()
        if random.chance(cause.recovery.chance) {
            proceed(random.uniform(cause.recovery.after)) { $0.recover() }
        }
    }

    func breakDown(_ cause: Cause) {
        mishaps.armed = nil
        mishaps.breakdowns += 1
        breakdown = Breakdown(cause: cause, number: mishaps.breakdowns)
        car.isDisabled = true
        // A fitter's inspection ends with the breakdown.
        if mode == .inspection {
            mode = .normal
            lower(.inspectionEntered)
        }
        leaveService()
        let row = recordFact("breakdown", from: now, to: now)
        building.truth[row].cause = cause.name
        building.truth[row].people = car.riders.count
    }

    /// The brake stops the car at about 2 m/s² and holds it.
    func brake() {
        let speed = car.endJourney(at: now, braking: 2)
        if speed > 0 {
            car.creep = speed
            proceed(speed / 2) {
                $0.car.creep = 0
                $0.publishChanges()
            }
        }
        publishChanges()
    }

    /// The controller reports the codes of the cause, and 04 between floors. Half of the
    /// controllers stop service as well.
    private func reportFault(after seconds: Double) {
        proceed(seconds) {
            guard let cause = $0.breakdown?.cause else { return }
            if !cause.vendorCodes.isEmpty {
                let code = cause.vendorCodes[$0.random.integer(0...cause.vendorCodes.count - 1)]
                $0.vendorCode = $0.building.scenario.vendorCodes.firstIndex(of: code)
            }
            for code in cause.codes { $0.raise(code) }
            if $0.sensors.isZoneSensorDead
                || !$0.building.shaft.isInDoorZone($0.car.height(at: $0.now))
            {
                $0.raise(.stoppedOutsideUnlockingZone)
            }
            if $0.random.chance(0.5), $0.mode != .inspection { $0.mode = .stopService }
            $0.publishChanges()
        }
    }

    /// The car gains speed until the governor trips, at 115 % or more (EN 81-20 5.6.2.2.1), and the
    /// safety gear holds it.
    private func overspeed() {
        let speed = fitting.kinematics.speed * 1.18
        car.endJourney(at: now)
        car.creep = speed
        let begin = now
        publishChanges()
        building.nextReports[index] = now
        proceed(2) {
            $0.car.height = max(0.5, $0.car.height - speed * 2)
            $0.car.creep = 0
            let row = $0.recordFact(
                "overspeed", from: begin, decidable: begin + 0.5, to: $0.now + 10)
            if !$0.fitting.dialect.hasField(for: .ratedSpeed) {
                $0.building.truth[row].decidable = nil
            }
            $0.publishChanges()
        }
        reportFault(after: 3)
    }

    /// The drive runs and the car does not move, until the motor run-time limiter stops it: at most
    /// 45 s (EN 81-20 5.9.2.7).
    private func slip() {
        car.endJourney(at: now)
        sensors.seemsToRun = true
        publishChanges()
        proceed(45) {
            $0.sensors.seemsToRun = false
            $0.publishChanges()
        }
        reportFault(after: 45.5)
    }

    /// The car leaves the landing with its door open, until the protection stops it within 1.2 m
    /// (EN 81-20 5.6.7).
    private func moveUnintended() {
        let begin = now
        car.creep = 0.3
        publishChanges()
        proceed(0.8) {
            $0.car.height += $0.floor == 0 ? 0.35 : -0.35
            $0.publishChanges()
            if $0.fitting.hasOpenLimit {
                $0.recordFact(
                    "unintended_movement", from: begin, decidable: $0.now, to: $0.now + 60)
            }
        }
        proceed(1.5) {
            $0.car.height += $0.floor == 0 ? 0.25 : -0.25
            $0.car.creep = 0
            $0.publishChanges()
            if !$0.fitting.hasOpenLimit {
                $0.recordFact(
                    "unintended_movement", from: begin, decidable: $0.now + 2, to: $0.now + 60)
            }
        }
        reportFault(after: 1.6)
    }

    /// An object lies in the sill: the door tries to close again and again. The passengers walk
    /// out.
    private func failToClose() {
        for attempt in 0..<5 {
            proceed(Double(attempt) * 8) {
                $0.moveDoor(to: 0.4, in: 1.5)
                $0.proceed(2) { $0.moveDoor(to: 1, in: 1.5) }
                $0.proceed(3.6) { $0.publishChanges() }
            }
        }
        proceed(5) { $0.letOut() }
        reportFault(after: 20)
    }

    // MARK: Mains

    func loseMains(_ cause: Cause) {
        guard breakdown == nil else {
            return fitting.hasBattery ? raise(.mainPowerLost) : stopReporting()
        }
        breakDown(cause)
        // A moving door coasts to the nearer end.
        car.door = DoorMotion(to: car.door.gap(at: now) > 0.5 ? 1 : 0)
        if fitting.hasBattery, fitting.hasRescueDevice, car.door.gap(at: now) < 1 {
            car.isBeingRescuedByDevice = true
            mode = .emergencyPower
        }
        brake()
        guard fitting.hasBattery else {
            stopReporting()
            return awaitHelp()
        }
        raise(.mainPowerLost)
        guard car.isBeingRescuedByDevice else { return awaitHelp() }
        raise(.emergencyPowerOperation)
        // An automatic rescue device starts 15 to 60 s after the power cut. Some fail.
        proceed(random.uniform(15, 60)) {
            guard !$0.random.chance(0.07) else {
                $0.car.isBeingRescuedByDevice = false
                $0.mode = .stopService
                $0.lower(.emergencyPowerOperation)
                $0.reportFault(after: 1)
                return $0.awaitHelp()
            }
            $0.creepToLanding(at: 0.15) {
                $0.moveDoor(to: 1, in: 2.5)
                $0.proceed(2.6) {
                    $0.car.isBeingRescuedByDevice = false
                    $0.publishChanges()
                    $0.letOut()
                }
            }
        }
    }

    func mainsReturn() {
        // The controller starts up.
        later(random.uniform(15, 45)) {
            guard $0.building.isPowered else { return }
            $0.resumeReporting()
            $0.lower(.mainPowerLost)
            $0.lower(.emergencyPowerOperation)
            // A new start of the controller ends both kinds of breakdown.
            if let effect = $0.breakdown?.cause.effect,
                effect == .mainsFail || effect == .controllerReboots
            {
                $0.recover()
            }
        }
    }
}

extension Building {
    /// The building loses its mains for a while.
    func loseMains(_ cause: Cause, for seconds: Double) {
        guard isPowered else { return }
        isPowered = false
        for lift in lifts { lift.loseMains(cause) }
        after(seconds) { [unowned self] in
            isPowered = true
            for lift in lifts { lift.mainsReturn() }
        }
    }
}
