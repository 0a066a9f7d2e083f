import LiftModel

/// An event of daily life that may look like an entrapment and is none: habits of people, or of the
/// equipment, played on the physical car.
package enum Nuisance: String, CaseIterable, Sendable {
    /// A person stands in the shut car and telephones. The door would open on demand.
    case idleOccupied = "idle_occupied"
    case heldDoors = "held_doors"
    /// A cleaner with a cart, floor after floor. The cart is alone in the car for a while.
    case cleaner
    /// A parcel lies in the empty, shut car.
    case parcel
    case movingDay = "moving_day"
    case inspection
    /// A voltage sag stops the car between floors for some seconds.
    case powerDip = "power_dip"
    case relevelling
    /// The alarm button is pressed without need.
    case prankCall = "prank_call"
    /// A sensor flickers or is wrong for a while.
    case badSensor = "bad_sensor"
    case outOfService = "out_of_service"
    /// Passengers arrive and stay in the shut car to talk.
    case chatting
    /// A child presses the alarm button as it leaves.
    case pressOnLeaving = "press_on_leaving"
    /// An attendant rides along for hours.
    case attendant
    /// A voltage sag, after which the controller seeks its position at a terminal landing.
    case powerDipCreepingHome = "power_dip_creeping_home"
    case correctionRun = "correction_run"
    /// A fitter opens a landing door by its key, and switches to inspection afterwards.
    case fittersVisit = "fitters_visit"
    case hoseInDoor = "hose_in_door"
    /// Only of the share of lifts that the scenario's `switched_off_at_night` names.
    case switchedOffAtNight = "switched_off_at_night"
    /// A lift's link is down for 5 to 140 s: at any time; in a ride that ends as others do; with
    /// all links of its building.
    case linkOutage = "link_outage"
    case linkOutageInRide = "link_outage_in_ride"
    case siteLinkOutage = "site_link_outage"
    /// The adapter restarts, and writes null in every field for a while: at any time; or for an
    /// update, which waits for a parked lift and takes longer. Or it is silent for minutes to
    /// hours.
    case adapterReboot = "adapter_reboot"
    case adapterUpdate = "adapter_update"
    case adapterAway = "adapter_away"
}

/// The nuisances as sequences of steps.
extension SimulatedLift {
    func scheduleNuisances() {
        let settling = building.scenario.settling
        if now < settling { return later(settling - now) { $0.scheduleNuisances() } }
        for (nuisance, perYear) in building.scenario.nuisances where perYear > 0 {
            schedule(nuisance, perYear)
        }
    }

    private func schedule(_ nuisance: Nuisance, _ perYear: Double) {
        let wait = random.exponential(rate: perYear / (365 * 86_400))
        if now + wait > building.scenario.duration { return }
        later(wait) {
            $0.schedule(nuisance, perYear)
            $0.begin(nuisance)
        }
    }

    /// Most nuisances wait for a lift that is idle and in order. One that comes by chance during a
    /// breakdown or another nuisance is dropped: if it waited, it would follow at once, which is
    /// rare in life.
    /// - Parameter isPlanned: it waits nevertheless.
    func begin(_ nuisance: Nuisance, isPlanned: Bool = false) {
        if playOnLinkOrAdapter(nuisance) { return }
        guard isInService || isPlanned else { return }
        guard isInService, phase == .idle, mishaps.armed == nil, car.riders.isEmpty else {
            if now + 20 < building.scenario.duration {
                later(20) { $0.begin(nuisance, isPlanned: isPlanned) }
            }
            return
        }
        leaveService()
        isReserved = true
        let start = now
        play(nuisance) {
            $0.recordFact("nuisance.\(nuisance.rawValue)", from: start, to: $0.now)
            $0.returnToService()
        }
    }

    typealias Then = (SimulatedLift) -> Void

    private func play(_ nuisance: Nuisance, _ then: @escaping Then) {
        switch nuisance {
        case .idleOccupied:
            letIn(1) {
                $0.shut { $0.proceed($0.random.uniform(60, 600)) { $0.rideAndLeave(then) } }
            }
        case .heldDoors:
            letIn(1) {
                $0.holdDoors($0.random.integer(2...8)) { $0.shut { $0.rideAndLeave(then) } }
            }
        case .cleaner: clean(floors: random.integer(2...4), then)
        case .parcel: leaveParcel(then)
        case .movingDay: move(loads: random.integer(2...4), then)
        case .inspection: inspect(stops: random.integer(2...4), then)
        case .powerDip: letIn(random.integer(0...2)) { $0.shut { $0.dip { $0.creepHome(then) } } }
        case .powerDipCreepingHome:
            letIn(random.integer(0...2)) { $0.shut { $0.dip { $0.seekPosition(then) } } }
        case .correctionRun: letIn(random.integer(0...1)) { $0.shut { $0.seekPosition(then) } }
        case .chatting: chat(then)
        case .pressOnLeaving: pressOnLeaving(then)
        case .attendant: letIn(1) { $0.shut { $0.attend(rides: $0.random.integer(10...40), then) } }
        case .fittersVisit: playFittersVisit(then)
        case .hoseInDoor: layHose(then)
        case .switchedOffAtNight: spendNight(then)
        case .adapterUpdate: later(rebootAdapter(nullFieldsFor: 25...85)) { then($0) }
        case .linkOutage, .linkOutageInRide, .siteLinkOutage, .adapterReboot, .adapterAway:
            then(self)
        case .relevelling:
            letIn(2) { $0.relevel(3) { $0.shut { $0.rideAndLeave(then) } } }
        case .prankCall: prank(then)
        case .badSensor: playBadSensor(then)
        case .outOfService:
            mode = .stopService
            raise(.outOfService)
            proceed(random.uniform(300, 7200)) {
                $0.lower(.outOfService)
                $0.mode = .normal
                $0.publishChanges()
                then($0)
            }
        }
    }

    // MARK: Steps

    func letIn(_ count: Int, _ then: @escaping Then) {
        swing(open: true) {
            let others = (0..<max(2, $0.building.shaft.floors)).filter { [floor = $0.floor] in
                $0 != floor
            }
            for _ in 0..<count {
                let target = others[$0.random.integer(0...others.count - 1)]
                $0.car.riders.append(
                    Passenger(destination: target, mass: $0.random.uniform(45, 95)))
            }
            if count > 0 { $0.peopleChanged() }
            // Dwell: 3 to 5 s after a hall call.
            $0.proceed($0.random.uniform(3.2, 6), then)
        }
    }

    func swing(open: Bool, _ then: @escaping Then) {
        moveDoor(to: open ? 1 : 0, in: open ? 2.2 : closing(in: 3))
        proceed(car.door.duration + 0.01) {
            $0.publishChanges()
            then($0)
        }
    }
    func shut(_ then: @escaping Then) { swing(open: false, then) }

    func ride(to target: Int, _ then: @escaping Then) {
        guard target != floor else { return then(self) }
        run(to: target)
        // In a run of a nuisance `arrive` only stops the car.
        proceed((car.journey?.ideal.duration ?? 0) + 0.5, then)
    }

    func rideAndLeave(_ then: @escaping Then) {
        let target = car.riders.first?.destination ?? (floor + 1) % building.shaft.floors
        proceed(0.6) {
            $0.ride(to: target) {
                $0.swing(open: true) {
                    let count = $0.car.riders.count
                    $0.letOut()
                    $0.proceed(1.2 * Double(count) + $0.random.uniform(3, 5)) {
                        $0.car.luggage = 0
                        $0.peopleChanged()
                        $0.shut(then)
                    }
                }
            }
        }
    }

    // MARK: Habits

    /// The door tries to close every 20 s, and the light curtain opens it again. Then it nudges
    /// against the obstacle, and yields. In the end the controller reports a door fault.
    private func holdDoors(_ times: Int, _ then: @escaping Then) {
        guard times > 0 else {
            lower(.doorCloseFault)
            return then(self)
        }
        proceed(20) {
            let seconds = $0.closing(in: 1.5)
            $0.moveDoor(to: 0.6, in: seconds)
            $0.proceed($0.isNudging ? seconds + 2 : seconds) {
                $0.moveDoor(to: 1, in: 1.5)
                $0.proceed(1.6) {
                    $0.publishChanges()
                    if times <= 5 { $0.raise(.doorCloseFault) }
                    $0.holdDoors(times - 1, then)
                }
            }
        }
    }

    private func clean(floors: Int, _ then: @escaping Then) {
        guard floors > 0 else { return then(self) }
        letIn(1) {
            $0.car.luggage = 60
            $0.peopleChanged()
            $0.shut {
                $0.ride(to: $0.random.integer(0...$0.building.shaft.floors - 1)) {
                    $0.swing(open: true) {
                        // The cart stays while the cleaner mops the landing. Meanwhile the door
                        // shuts on it.
                        $0.car.riders.removeAll()
                        $0.peopleChanged()
                        $0.proceed($0.random.uniform(20, 60)) {
                            $0.shut {
                                $0.proceed($0.random.uniform(20, 240)) {
                                    $0.swing(open: true) {
                                        $0.car.luggage = 0
                                        $0.peopleChanged()
                                        $0.proceed(2) {
                                            $0.shut { $0.clean(floors: floors - 1, then) }
                                        }
                                    }
                                }
                            }
                        }
                    }
                }
            }
        }
    }

    private func leaveParcel(_ then: @escaping Then) {
        swing(open: true) {
            $0.car.luggage = $0.random.uniform(15, 90)
            $0.peopleChanged()
            $0.proceed(4) {
                $0.shut {
                    $0.proceed($0.random.uniform(60, 1200)) { $0.rideAndLeave(then) }
                }
            }
        }
    }

    private func move(loads: Int, _ then: @escaping Then) {
        guard loads > 0 else { return then(self) }
        letIn(1) {
            $0.car.luggage = $0.random.uniform(100, 500)
            $0.peopleChanged()
            $0.holdDoors($0.random.integer(3...12)) {
                $0.shut { $0.rideAndLeave { $0.move(loads: loads - 1, then) } }
            }
        }
    }

    /// The technician drives the car from its roof, and stops it where there is work.
    private func inspect(stops: Int, _ then: @escaping Then) {
        mode = .inspection
        raise(.inspectionEntered)
        driveUnderInspection(stops: stops) {
            $0.mode = .normal
            $0.lower(.inspectionEntered)
            $0.publishChanges()
            $0.proceed(5, then)
        }
    }

    func driveUnderInspection(stops: Int, _ then: @escaping Then) {
        proceed(20) {
            let isLast = stops == 0
            let shaft = $0.building.shaft
            let top = Double(shaft.floors - 1) * shaft.floorHeight
            let target =
                isLast
                ? Double(shaft.floor(at: $0.car.height)) * shaft.floorHeight
                : max(0.6, min(top - 0.6, $0.car.height + $0.random.uniform(-8, 8)))
            $0.car.creep = 0.4
            $0.publishChanges()
            $0.proceed(max(0.1, abs(target - $0.car.height) / 0.4)) {
                $0.car.height = target
                $0.car.creep = 0
                $0.publishChanges()
                if isLast { return then($0) }
                $0.proceed($0.random.uniform(60, 900)) {
                    $0.driveUnderInspection(stops: stops - 1, then)
                }
            }
        }
    }

    private func dip(_ then: @escaping Then) {
        let target = car.riders.first?.destination ?? (floor + 1) % building.shaft.floors
        run(to: target)
        let duration = car.journey?.ideal.duration ?? 0
        proceed(random.uniform(0.2, 0.8) * duration) {
            $0.abandon()
            $0.car.endJourney(at: $0.now, braking: 2)
            $0.car.isDisabled = true
            $0.raise(.mainPowerLost)
            $0.publishChanges()
            $0.proceed($0.random.uniform(3, 25)) {
                $0.lower(.mainPowerLost)
                $0.car.isDisabled = false
                $0.publishChanges()
                then($0)
            }
        }
    }

    /// To the nearest landing, and on from there.
    private func creepHome(_ then: @escaping Then) {
        creepToLanding(at: 0.3) { $0.rideAndLeave(then) }
    }

    /// The ropes stretch as the load changes: the car sinks by 15 mm and is re-levelled, door open.
    private func relevel(_ times: Int, _ then: @escaping Then) {
        guard times > 0 else { return then(self) }
        car.creep = 0.05
        car.height -= 0.015
        publishChanges()
        proceed(random.uniform(0.6, 1.5)) {
            $0.car.creep = 0
            $0.car.height += 0.015
            $0.publishChanges()
            $0.proceed(2) { $0.relevel(times - 1, then) }
        }
    }

    private func prank(_ then: @escaping Then) {
        let isOpen = random.chance(0.4)
        letIn(1) {
            if isOpen { $0.pressButton() }
            $0.proceed(5) {
                $0.shut {
                    // During the run: a press in a shut car that stands would be a call for help.
                    if !isOpen { $0.proceed(3) { $0.pressButton() } }
                    $0.rideAndLeave(then)
                }
            }
        }
    }

    private func playBadSensor(_ then: @escaping Then) {
        if random.chance(0.5) {
            flicker(random.integer(3...10), then)
        } else {
            // The infrared sensor detects the sun as an occupant.
            sensors.isOccupied = true
            sensors.movementCount += 1
            publishChanges()
            proceed(random.uniform(60, 3600)) {
                $0.sensors.isOccupied = !$0.car.riders.isEmpty
                $0.publishChanges()
                then($0)
            }
        }
    }

    /// The zone sensor loses its flag for a moment, again and again.
    private func flicker(_ times: Int, _ then: @escaping Then) {
        guard times > 0 else { return then(self) }
        sensors.isZoneSensorDead = true
        publishChanges()
        proceed(random.uniform(0.1, 2)) {
            $0.sensors.isZoneSensorDead = false
            $0.publishChanges()
            $0.proceed($0.random.uniform(1, 60)) { $0.flicker(times - 1, then) }
        }
    }
}
