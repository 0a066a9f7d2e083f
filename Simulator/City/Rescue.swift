import LiftModel

/// How people get out of a car that is stuck, and the car back into service.
extension SimulatedLift {
    /// Passengers press the alarm button sooner or later, and a technician comes. For an empty car
    /// it takes longer.
    func awaitHelp() {
        let rescue = building.scenario.rescue
        guard !car.riders.isEmpty else {
            return proceed(random.gamma(shape: 3) * rescue.callOut) { $0.attend() }
        }
        if random.chance(0.85) {
            proceed(random.uniform(5, 60)) { $0.pressButton(again: 2) }
        }
        proceed(random.gamma(shape: 4) * rescue.arrival) { $0.attend() }
    }

    /// A passenger presses the alarm button for a second or two, and perhaps again.
    func pressButton(again times: Int = 0) {
        guard !car.riders.isEmpty else { return }
        raise(.carAlarmButton)
        later(random.uniform(1, 3)) { $0.lower(.carAlarmButton) }
        if times > 0, random.chance(0.6) {
            proceed(random.uniform(20, 120)) { $0.pressButton(again: times - 1) }
        }
    }

    /// A technician switches to inspection, brings the car level and opens the door; all passengers
    /// leave. Then the lift is repaired.
    private func attend() {
        guard mode != .inspection else { return }
        mode = .inspection
        // Inspection ends normal operation (EN 81-20 5.12.1.5.2): a drive that runs without moving
        // the car stops too.
        sensors.seemsToRun = false
        raise(.inspectionEntered)
        publishChanges()
        proceed(random.gamma(shape: 4) * building.scenario.rescue.release) {
            $0.creepToLanding(at: 0.2) {
                $0.moveDoor(to: 1, in: 4)
                $0.proceed(4.1) {
                    $0.publishChanges()
                    $0.letOut()
                    $0.proceed(30 + $0.random.gamma(shape: 2) * $0.building.scenario.rescue.repair)
                    {
                        $0.endRepair()
                    }
                }
            }
        }
    }

    private func endRepair() {
        guard building.isPowered else { return proceed(600) { $0.endRepair() } }
        sensors.isZoneSensorDead = false
        sensors.controllerLoss = nil
        clearCodes()
        // The fitter looks once more, and lets the door close.
        proceed(random.uniform(5, 20)) {
            $0.moveDoor(to: 0, in: 3)
            $0.proceed(3.1) {
                $0.resumeReporting()
                $0.endBreakdown()
            }
        }
    }

    /// The fault is over: the controller resets, creeps to the next landing and opens the door.
    func recover() {
        guard mode != .inspection, building.isPowered else { return }
        sensors.isZoneSensorDead = false
        sensors.seemsToRun = false
        sensors.controllerLoss = nil
        mode = .normal
        clearCodes()
        publishChanges()
        proceed(2) {
            $0.creepToLanding(at: 0.3) {
                if $0.car.riders.isEmpty, $0.car.door.gap(at: $0.now) == 0 {
                    return $0.endBreakdown()
                }
                $0.moveDoor(to: 1, in: 2)
                $0.proceed(2.1) {
                    $0.publishChanges()
                    $0.letOut()
                    $0.proceed(12) {
                        $0.moveDoor(to: 0, in: 3)
                        $0.proceed(3.1) { $0.endBreakdown() }
                    }
                }
            }
        }
    }

    private func endBreakdown() {
        car.isDisabled = false
        car.luggage = 0
        breakdown = nil
        peopleChanged()
        returnToService()
    }

    /// Slowly to the nearest landing, by hand, by a device, or by the controller's own levelling.
    func creepToLanding(at speed: Double, then: @escaping (SimulatedLift) -> Void) {
        let metres = building.shaft.metresOffLevel(at: car.height)
        guard metres > Shaft.levellingAccuracy else { return then(self) }
        car.creep = speed
        publishChanges()
        proceed(metres / speed) {
            $0.car.height =
                Double($0.building.shaft.floor(at: $0.car.height)) * $0.building.shaft.floorHeight
            $0.car.creep = 0
            $0.publishChanges()
            then($0)
        }
    }

    /// One passenger after the other.
    func letOut() {
        guard !car.riders.isEmpty else { return }
        car.riders.removeLast()
        peopleChanged()
        proceed(random.uniform(1.0, 1.2)) { $0.letOut() }
    }
}
