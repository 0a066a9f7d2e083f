import LiftModel

/// Work on the lift, and its use by people and fire crews, step by step.
extension SimulatedLift {
    // MARK: People

    /// Passengers arrive, let the doors open and close, and stay in the car to talk.
    func chat(_ then: @escaping Then) {
        letIn(random.integer(2...3)) {
            $0.shut {
                $0.ride(to: $0.car.riders.first?.destination ?? 0) {
                    $0.swing(open: true) {
                        $0.proceed(3) {
                            $0.shut {
                                $0.proceed($0.random.uniform(120, 1200)) { $0.openAndLeave(then) }
                            }
                        }
                    }
                }
            }
        }
    }

    /// A child presses the alarm button as the car arrives, or as it leaves the car.
    func pressOnLeaving(_ then: @escaping Then) {
        let isEarly = random.chance(0.5)
        letIn(random.integer(1...3)) {
            $0.shut {
                $0.ride(to: $0.car.riders.first?.destination ?? 0) {
                    if isEarly { $0.pressButton() }
                    $0.proceed($0.random.uniform(0.2, 2)) {
                        if !isEarly { $0.later($0.random.uniform(0, 3)) { $0.pressButton() } }
                        $0.openAndLeave(then)
                    }
                }
            }
        }
    }

    func openAndLeave(_ then: @escaping Then) {
        swing(open: true) {
            let count = $0.car.riders.count
            $0.letOut()
            $0.proceed(1.2 * Double(count) + $0.random.uniform(3, 5)) { $0.shut(then) }
        }
    }

    /// An attendant rides along for hours, stays in the shut car between rides, and now and then
    /// takes one passenger along.
    func attend(rides: Int, _ then: @escaping Then) {
        guard rides > 0 else { return openAndLeave(then) }
        proceed(random.uniform(10, 240)) {
            $0.ride(to: $0.random.integer(0...$0.building.shaft.floors - 1)) {
                $0.swing(open: true) {
                    // The attendant is the first rider. There is one other at most.
                    if $0.car.riders.count > 1 {
                        $0.car.riders.removeLast()
                    } else if $0.random.chance(0.5) {
                        $0.car.riders.append(
                            Passenger(destination: 0, mass: $0.random.uniform(45, 95)))
                    }
                    $0.peopleChanged()
                    $0.proceed($0.random.uniform(3, 8)) {
                        $0.shut { $0.attend(rides: rides - 1, then) }
                    }
                }
            }
        }
    }

    /// Firefighters leave their lift at the fire's floor. The hose keeps its door from closing. One
    /// of them may stay in the car.
    func layHose(_ then: @escaping Then) {
        mode = .firefighter
        raise(.firefighterOperation)
        letIn(2) {
            $0.shut {
                $0.ride(to: $0.random.integer(0...$0.building.shaft.floors - 1)) {
                    $0.swing(open: true) {
                        $0.car.riders.removeLast($0.random.integer(1...2))
                        $0.peopleChanged()
                        $0.moveDoor(to: 0.5, in: 2)
                        $0.proceed(20) { $0.raise(.doorCloseFault) }
                        $0.proceed($0.random.uniform(600, 2400)) {
                            $0.lower(.doorCloseFault)
                            $0.openAndLeave {
                                $0.lower(.firefighterOperation)
                                $0.mode = .normal
                                $0.publishChanges()
                                then($0)
                            }
                        }
                    }
                }
            }
        }
    }

    // MARK: Equipment

    /// A correction run: the controller has lost the position and finds it at the nearer terminal
    /// landing.
    func seekPosition(_ then: @escaping Then) {
        let top = Double(building.shaft.floors - 1) * building.shaft.floorHeight
        let home = car.height < top / 2 ? 0 : top
        creep(to: home, at: 0.3) { $0.rideAndLeave(then) }
    }

    /// A slow run past other landings. Each edge of their zones is reported.
    private func creep(to target: Double, at speed: Double, _ then: @escaping Then) {
        guard abs(target - car.height) > 0.002 else {
            car.creep = 0
            publishChanges()
            return then(self)
        }
        car.creep = speed
        publishChanges()
        let next = building.shaft.nextEdge(from: car.height, to: target)
        proceed(abs(next - car.height) / speed) {
            $0.car.height = next
            $0.creep(to: target, at: speed, then)
        }
    }

    // MARK: Fitters

    /// The fitter opens a landing door by its key first. The inspection switch on the roof, or the
    /// one in the pit, follows.
    func playFittersVisit(_ then: @escaping Then) {
        if random.chance(0.4) { workInPit(then) } else { workOnRoof(then) }
    }

    private func openLandingDoor() {
        car.isLandingDoorOpen = true
        raise(.safetyCircuitOpen)
    }

    private func closeLandingDoor() {
        car.isLandingDoorOpen = false
        lower(.safetyCircuitOpen)
    }

    /// The key stops the car as it runs past, so that the fitter can step on its roof.
    private func workOnRoof(_ then: @escaping Then) {
        let floors = building.shaft.floors
        run(to: (floor + random.integer(1...floors - 1)) % floors)
        proceed(random.uniform(0.3, 0.7) * (car.journey?.ideal.duration ?? 0)) {
            $0.abandon()
            $0.car.endJourney(at: $0.now, braking: 2)
            $0.openLandingDoor()
            // The way to the stop switch on the roof and the inspection switch beside it.
            $0.proceed($0.random.uniform(5, 60)) {
                $0.mode = .inspection
                $0.raise(.inspectionEntered)
                $0.proceed($0.random.uniform(5, 20)) {
                    $0.closeLandingDoor()
                    $0.driveUnderInspection(stops: $0.random.integer(2...4)) { $0.leaveRoof(then) }
                }
            }
        }
    }

    /// The fitter opens a landing door, switches back, climbs out and shuts it. The controller
    /// brings the car level and opens its door once.
    private func leaveRoof(_ then: @escaping Then) {
        let top = Double(building.shaft.floors - 1) * building.shaft.floorHeight
        car.height = max(0.7, min(top - 0.7, car.height - 0.9))
        openLandingDoor()
        proceed(random.uniform(5, 30)) {
            $0.mode = .normal
            $0.lower(.inspectionEntered)
            $0.proceed($0.random.uniform(3, 30)) {
                $0.closeLandingDoor()
                $0.proceed(2) { $0.creepToLanding(at: 0.3) { $0.openAndLeave(then) } }
            }
        }
    }

    /// The car stands at a landing above. The controller sees the pit's switch or, in a third of
    /// all lifts, only the open safety chain.
    private func workInPit(_ then: @escaping Then) {
        ride(to: max(1, floor)) {
            $0.openLandingDoor()
            $0.proceed($0.random.uniform(5, 60)) {
                let isInspectionReported = $0.random.chance(0.67)
                if isInspectionReported {
                    $0.mode = .inspection
                    $0.raise(.inspectionEntered)
                }
                $0.proceed($0.random.uniform(300, 1800)) {
                    if isInspectionReported {
                        $0.mode = .normal
                        $0.lower(.inspectionEntered)
                    }
                    $0.proceed($0.random.uniform(3, 30)) {
                        $0.closeLandingDoor()
                        $0.proceed(5, then)
                    }
                }
            }
        }
    }

    // MARK: Nights

    /// The lift is switched off between 23:00 and 24:00, as lifts of shops and offices are.
    func scheduleNight() {
        let second = (building.scenario.timeOfDay + now).truncatingRemainder(dividingBy: 86_400)
        let wait = 23 * 3600 + random.uniform(0, 3600) - second
        later(wait > 0 ? wait : wait + 86_400) {
            $0.begin(.switchedOffAtNight, isPlanned: true)
            $0.later(2 * 3600) { $0.scheduleNight() }
        }
    }

    /// Until between 06:00 and 06:30. In a third of the nights the adapter loses its supply as
    /// well.
    func spendNight(_ then: @escaping Then) {
        let second = (building.scenario.timeOfDay + now).truncatingRemainder(dividingBy: 86_400)
        let morning = 6 * 3600 + random.uniform(0, 1800) - second
        mode = .stopService
        raise(.outOfService)
        let isDark = random.chance(0.33)
        if isDark { proceed(random.uniform(5, 60)) { $0.stopReporting() } }
        proceed(morning > 0 ? morning : morning + 86_400) {
            if isDark { $0.resumeReporting() }
            $0.lower(.outOfService)
            $0.mode = .normal
            $0.publishChanges()
            then($0)
        }
    }
}

extension Shaft {
    /// The next height at which a zone begins or ends, or another landing becomes the nearest; a
    /// millimetre beyond it.
    func nextEdge(from height: Double, to target: Double) -> Double {
        let sign = target > height ? 1.0 : -1.0
        let landing = (height / floorHeight).rounded()
        let edges = stride(from: landing - 1, through: landing + 1, by: 1).flatMap { floor in
            [-Self.doorZone, Self.doorZone, floorHeight / 2].map {
                floor * floorHeight + $0 + sign * 0.001
            }
        }
        let ahead =
            edges.filter { ($0 - height) * sign > 0.0005 }.min {
                abs($0 - height) < abs($1 - height)
            } ?? target
        return (target - ahead) * sign > 0 ? ahead : target
    }
}
