import LiftModel

/// One lift: its car, its collective control, its doors and sensors. Its failures are in
/// `Breakdown`, its messages in `ReportScheduler`.
package final class SimulatedLift {
    /// The next step of the control.
    enum Step: UInt8 {
        case start, milestone, arrive, open, opened, exchange, dwellOver, closed
    }
    enum Phase { case idle, starting, running, standing, open, closing, out }

    let index: Int
    package let id: String
    /// Unsafe, because a checked reference costs a twentieth of a reading: the building owns its
    /// lifts, and none outlives it.
    unowned(unsafe) let building: Building
    let fitting: Fitting
    // Unchecked: a building lives on one thread, and the checks cost a quarter of a reading.
    @exclusivity(unchecked) var random: Random
    @exclusivity(unchecked) var car = Car()
    var phase = Phase.idle
    /// The number of the present chain of steps. Steps of an earlier chain are void.
    private(set) var chain: UInt32 = 0
    @exclusivity(unchecked) private var calls = CallRegister()
    private var milestone = 0
    /// Since when its door has not been shut.
    private var openSince = 0.0
    /// A nuisance or an emergency controls the lift: it takes no calls.
    var isReserved = false
    @exclusivity(unchecked) var mode: ServiceMode? = .normal
    @exclusivity(unchecked) var codes: UInt64 = 0
    /// The index in `Scenario.vendorCodes`.
    var vendorCode: Int?
    var breakdown: Breakdown?
    var mishaps = Mishaps()
    @exclusivity(unchecked) var sensors = SensorState()
    @exclusivity(unchecked) var scheduler: ReportScheduler
    @exclusivity(unchecked) var openTruth: [String: Int] = [:]

    init(index: Int, in building: Building, seed: UInt64) {
        self.index = index
        self.building = building
        let number = building.plan.firstLift + index
        random = Random(seed: seed, stream: UInt64(number) << 8 | 2)
        id = RegistrationCode.text(number)
        fitting = Fitting(building, &random)
        scheduler = ReportScheduler(fitting, building.scenario, lift: id)
    }

    /// The profile by which it publishes.
    package var profile: String { fitting.dialect.name }
    var now: Double { building.now }
    var floor: Int { building.shaft.floor(at: car.height(at: now)) }
    var isInService: Bool {
        breakdown == nil && !isReserved && mode == .normal && building.isPowered
    }

    // MARK: Time

    func after(_ seconds: Double, _ step: Step) {
        building.after(seconds, .step(lift: index, step, chain: chain))
    }
    /// Cancels the steps that the control has scheduled.
    func abandon() { chain &+= 1 }
    /// Schedules an action that is independent of the control.
    func later(_ seconds: Double, _ action: @escaping (SimulatedLift) -> Void) {
        building.after(seconds) { [unowned self] in action(self) }
    }

    func take(_ step: Step, chain: UInt32) {
        guard chain == self.chain else { return }
        switch step {
        case .start: start()
        case .milestone: passMilestone()
        case .arrive: arrive()
        case .open: open()
        case .opened: opened()
        case .exchange: exchange()
        case .dwellOver: dwellOver()
        case .closed: closed()
        }
    }

    // MARK: Calls

    func noticeCall(floor: Int, isUp: Bool) {
        calls.add(floor, isUp: isUp)
        if phase == .closing, !isNudging, floor == self.floor, calls.isHeading(up: isUp) {
            return reopen()
        }
        if phase == .idle {
            decide()
        } else if phase == .running {
            stopOnTheWay(at: floor, isUp: isUp)
        }
    }

    func press(_ floor: Int) { calls.addCarCall(floor) }

    /// A rough estimate, as dispatchers make it.
    func secondsUntil(floor: Int, isUp: Bool) -> Double {
        let here = self.floor
        let metres = Double(abs(floor - here)) * building.shaft.floorHeight
        let stops = Double(calls.count)
        let turnsBack = calls.turnsBack(from: here, to: floor, isUp: isUp)
        return metres / fitting.kinematics.speed + stops * 8 + (turnsBack ? 20 : 0)
    }

    func decide() {
        guard isInService else { return }
        guard let target = calls.nextStop(from: floor) else {
            calls.heading = 0
            phase = .idle
            return
        }
        if target == floor {
            calls.heading = 0
            phase = .standing
            return after(0.2, .open)
        }
        calls.heading = target > floor ? 1 : -1
        phase = .starting
        // Start delay 0.5 to 0.8 s.
        after(random.uniform(0.5, 0.8), .start)
    }

    // MARK: Runs

    private func start() {
        guard let target = calls.nextStop(from: floor), target != floor else { return decide() }
        run(to: target)
        if let armed = mishaps.armed, armed.strikes == .inRun { strikeDuringRun(armed) }
        if mishaps.losesLinkInRide { loseLinkDuringRide() }
    }

    func run(to target: Int) {
        let stop = stop(at: target)
        car.journey = Journey(
            ideal: fitting.kinematics.run(abs(stop - car.height)), begin: now, from: car.height,
            isUp: stop > car.height, target: target, stop: stop)
        phase = .running
        milestone = 0
        publishChanges()
        awaitMilestone()
    }

    private func stop(at floor: Int) -> Double {
        Double(floor) * building.shaft.floorHeight
            + random.uniform(-Shaft.stoppingAccuracy, Shaft.stoppingAccuracy)
    }

    /// The control takes note of each door zone that the car leaves, each landing that it passes,
    /// and the door zone of its destination.
    private func awaitMilestone() {
        guard let journey = car.journey else { return }
        let height = building.shaft.floorHeight
        let landings = Int((journey.ideal.distance / height).rounded())
        let position: Double
        // The car may start and stop some millimetres beside a landing.
        let beyond = 1.5 * Shaft.stoppingAccuracy
        switch milestone {
        case 0: position = min(Shaft.doorZone + beyond, journey.ideal.distance / 2)
        case 1...max(1, landings):
            position = min(
                (Double(milestone) - 0.5) * height + beyond, journey.ideal.distance - Shaft.doorZone
            )
        case landings + 1:
            position = max(
                journey.ideal.distance - Shaft.doorZone + beyond, journey.ideal.distance / 2)
        default: return after(max(0, journey.begin + journey.ideal.duration - now), .arrive)
        }
        after(max(0, journey.begin + journey.ideal.time(at: position) - now), .milestone)
    }

    private func passMilestone() {
        milestone += 1
        publishChanges()
        awaitMilestone()
    }

    /// Stops for a call in its direction that is far enough ahead.
    private func stopOnTheWay(at floor: Int, isUp: Bool) {
        guard var journey = car.journey, journey.isUp == isUp, journey.ideal.hasCruise,
            journey.isUp ? floor < journey.target : floor > journey.target
        else { return }
        let stop = stop(at: floor)
        let shorter = fitting.kinematics.run(abs(stop - journey.from))
        let position = journey.ideal.motion(at: now - journey.begin).position
        guard shorter.hasCruise, position < shorter.brakingPoint - 0.5,
            (stop > journey.from) == journey.isUp
        else { return }
        (journey.ideal, journey.target, journey.stop) = (shorter, floor, stop)
        car.journey = journey
        abandon()
        awaitMilestone()
    }

    /// The car stands at its destination.
    private func arrive() {
        guard let journey = car.journey else { return }
        car.height = journey.stop
        car.journey = nil
        phase = .standing
        publishChanges()
        if isReserved { return }
        if let armed = mishaps.armed, armed.strikes == .arriving { return strike(armed) }
        after(0.3, .open)
    }

    // MARK: Doors and people

    private func open() {
        moveDoor(to: 1, in: random.uniform(1.8, 2.5))
        phase = .standing
        after(car.door.duration, .opened)
    }

    /// The door has been held for so long that it closes past the light curtain, slowly, with a
    /// buzzer.
    var isNudging: Bool { now - openSince > fitting.nudgesAfter }
    /// The time to close. Without the light curtain the door may have 4 J instead of 10 (EN 81-20
    /// 5.3.6.2.2.1.1).
    func closing(in seconds: Double) -> Double { isNudging ? seconds * 1.58 : seconds }

    func moveDoor(to gap: Double, in seconds: Double) {
        if gap > 0, car.door.gap(at: now) == 0 { openSince = now }
        car.door = DoorMotion(from: car.door.gap(at: now), to: gap, begin: now, duration: seconds)
        publishChanges()
    }

    private func reopen() {
        abandon()
        moveDoor(to: 1, in: 1.5)
        phase = .standing
        after(1.5, .opened)
    }

    private func opened() {
        phase = .open
        publishChanges()
        calls.answerCarCall(floor)
        if let armed = mishaps.armed, armed.strikes == .doorsOpen { return strike(armed) }
        after(0.5, .exchange)
    }

    /// One passenger after the other: out first, then in. A person takes 1.0 to 1.2 s.
    private func exchange() {
        let here = floor
        if let leaving = car.riders.firstIndex(where: { $0.destination == here }) {
            car.riders.remove(at: leaving)
            peopleChanged()
            return after(random.uniform(1.0, 1.2), .exchange)
        }
        if let passenger = nextBoarder(here) {
            return board(passenger)
        }
        // Dwell: 2 to 3 s after a car call, 3 to 5 s after a hall call.
        after(car.riders.isEmpty ? random.uniform(3, 5) : random.uniform(2, 3), .dwellOver)
    }

    private func board(_ passenger: Passenger) {
        car.riders.append(passenger)
        press(passenger.destination)
        calls.heading = passenger.destination > floor ? 1 : -1
        peopleChanged()
        after(random.uniform(1.0, 1.2), .exchange)
    }

    private func nextBoarder(_ floor: Int) -> Passenger? {
        let isUp: Bool
        if calls.heading == 0 || !calls.isAnyAhead(of: self.floor) {
            isUp =
                !building.landings[floor].up.isEmpty
                && (calls.heading >= 0 || building.landings[floor].down.isEmpty)
        } else {
            isUp = calls.heading > 0
        }
        let queue = isUp ? building.landings[floor].up : building.landings[floor].down
        guard let first = queue.first, car.load + first.mass <= fitting.ratedLoad * 0.8 else {
            return nil
        }
        if isUp {
            building.landings[floor].up.removeFirst()
        } else {
            building.landings[floor].down.removeFirst()
        }
        return first
    }

    private func dwellOver() {
        if let late = nextBoarder(floor) { return board(late) }
        close()
    }

    func close() {
        if let armed = mishaps.armed, armed.strikes == .closing { return strike(armed) }
        phase = .closing
        moveDoor(to: 0, in: closing(in: random.uniform(2.6, 3.5)))
        // Now and then the light curtain is interrupted.
        if random.chance(0.03), !isNudging {
            let moment = random.uniform(0.3, 0.9) * car.door.duration
            let chain = chain
            later(moment) { if $0.chain == chain { $0.reopen() } }
        }
        after(car.door.duration, .closed)
    }

    private func closed() {
        let here = floor
        phase = .idle
        forgetCalls(at: here)
        publishChanges()
        decide()
    }

    /// Passengers who could not get in call again.
    private func forgetCalls(at floor: Int) {
        calls.forgetHallCalls(floor)
        if building.landings[floor].upLift == index {
            building.landings[floor].upLift = nil
            if !building.landings[floor].up.isEmpty {
                later(5) { $0.building.call(floor: floor, isUp: true) }
            }
        }
        if building.landings[floor].downLift == index {
            building.landings[floor].downLift = nil
            if !building.landings[floor].down.isEmpty {
                later(5) { $0.building.call(floor: floor, isUp: false) }
            }
        }
    }

    /// Takes no passengers until `returnToService`.
    func leaveService() {
        abandon()
        phase = .out
        calls = CallRegister()
        building.reassignCalls(of: index)
    }

    func returnToService() {
        phase = .idle
        isReserved = false
        mode = .normal
        publishChanges()
        for rider in car.riders { press(rider.destination) }
        decide()
        building.callForWaitingPassengers()
    }

    func peopleChanged() {
        updateOccupancySensor()
        publishChanges()
    }
}
