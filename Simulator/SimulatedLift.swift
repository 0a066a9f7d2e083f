import Elevator

/// A message a lift publishes.
struct Publication {
    var time: Double
    var topic: String
    var payload: [UInt8]
    var isRetained: Bool
}

/// One lift with its traffic: moves the car, lets people in and out, and publishes what its panel sees.
///
/// It plays ahead one trip or incident at a time; `publications` holds what that published, in the order of time.
final class SimulatedLift {
    let id: String
    let scenario: Scenario
    var random: Random
    var car = Car()
    var panel: Panel
    let floors: Int
    let floorHeight = 3.0
    let kinematics: Kinematics
    /// The lift's own time, seconds since 1970.
    var time: Double
    let end: Double
    private(set) var publications: [Publication] = []
    private var taken = 0
    var truth: [TruthRow] = []
    /// Incidents to come, the next one last.
    var incidents: [(time: Double, kind: Scenario.Incident)]
    var isSpeaking = true
    private var lastPublished: Double
    /// When it last said something.
    private(set) var lastWord: Double
    private var openTruth: [String: Int] = [:]
    /// A run that is not over.
    private struct UnderWay {
        var run: IdealRun
        var begin: Double
        var from: Int
        var isUp: Bool
    }
    private var underWay: UnderWay?

    init(number: Int, scenario: Scenario, seed: UInt64, start: Double, incidents: [(Double, Scenario.Incident)]) {
        self.scenario = scenario
        random = Random(seed: seed, stream: UInt64(number) + 1)
        id = Self.id(number: number)
        panel = Panel(lift: id, scenario, &random)
        floors = random.integer(8...18)
        let fast = panel.ratedSpeed >= 2.5
        kinematics = Kinematics(
            speed: panel.ratedSpeed, acceleration: fast ? 1.0 : panel.ratedSpeed > 1.2 ? 0.8 : 0.6,
            jerk: fast ? 1.4 : 1.0)
        time = start + random.uniform(0, min(5, scenario.heartbeat))
        end = start + scenario.duration
        lastPublished = time
        lastWord = time
        self.incidents = incidents.map { (time: $0.0, kind: $0.1) }.sorted { $0.time > $1.time }
        car.floor = random.integer(0...floors - 1)
        publish(topic: "online", payload: Array("{\"Online\":true}".utf8), isRetained: true)
        publishState()
        for (kind, applies) in [
            ("occupancy_sensor_missing", panel.occupancy == .missing),
            ("occupancy_sensor_stuck", panel.occupancy == .stuckTrue || panel.occupancy == .stuckFalse),
        ] where applies {
            truth.append(TruthRow(kind: kind, lift: id, start: start, decidable: start, end: end))
        }
    }

    /// 注册代码: type 3110 (traction passenger), region 440106 (Tianhe), year and month, serial.
    static func id(number: Int) -> String {
        let serial = String(number + 1)
        return "3110440106202001" + String(repeating: "0", count: max(0, 4 - serial.count)) + serial
    }

    // MARK: Publishing

    var firstTime: Double? { taken < publications.count ? publications[taken].time : nil }

    func takeFirst() -> Publication {
        defer {
            taken += 1
            if taken == publications.count {
                publications.removeAll(keepingCapacity: true)
                taken = 0
            }
        }
        return publications[taken]
    }

    private func publish(topic: String, payload: [UInt8], isRetained: Bool) {
        publications.append(
            Publication(time: time, topic: "lifts/\(id)/\(topic)", payload: payload, isRetained: isRetained))
    }

    func publishState() {
        moveCar()
        observe()
        guard isSpeaking else { return }
        lastPublished = time
        lastWord = time
        publish(topic: "state", payload: panel.state(car, at: time), isRetained: true)
    }

    func publishEvent(_ code: String, isActive: Bool) {
        guard isSpeaking else { return }
        publish(topic: "event", payload: panel.event(code, isActive: isActive, at: time), isRetained: false)
    }

    /// The broker publishes the controller's last will.
    func publishLastWill() { publish(topic: "online", payload: Array("{\"Online\":false}".utf8), isRetained: true) }

    /// The controller is back: birth message and present state.
    func publishBirth() {
        publish(topic: "online", payload: Array("{\"Online\":true}".utf8), isRetained: true)
        publishState()
    }

    func setCodes(_ codes: [String]) {
        for code in codes where !panel.codes.contains(code) { publishEvent(code, isActive: true) }
        for code in panel.codes where !codes.contains(code) { publishEvent(code, isActive: false) }
        panel.codes = codes
        publishState()
    }

    /// Time passes; a speaking lift repeats its state at each heartbeat.
    func wait(_ seconds: Double) {
        let until = time + seconds
        while isSpeaking, lastPublished + scenario.heartbeat < until {
            time = max(time, lastPublished + scenario.heartbeat)
            publishState()
        }
        time = max(time, until)
    }

    // MARK: Truth

    /// Looks at the physical car, and notes when people become trapped and when they are free again.
    private func observe() {
        follow("entrapment", car.holdsPeopleTrapped)
        follow("stuck_unknown", car.people == 0 && car.isStuckShut && panel.occupancy != .truthful)
    }

    private func follow(_ kind: String, _ isSo: Bool) {
        if isSo, openTruth[kind] == nil {
            openTruth[kind] = truth.count
            truth.append(
                TruthRow(
                    kind: kind, lift: id, start: time, decidable: time, end: end, people: car.people,
                    place: car.isInDoorZone ? "at_level" : "off_level"))
        } else if !isSo, let index = openTruth.removeValue(forKey: kind) {
            truth[index].end = time
        }
    }

    /// What has been published so far did not show it; from a moment on (by default now) it does.
    func postpone(_ kind: String, to moment: Double? = nil, place: String? = nil) {
        guard let index = openTruth[kind] else { return }
        truth[index].decidable = max(truth[index].decidable, moment ?? time)
        if let place { truth[index].place = place }
    }

    /// The moment at which the next word is overdue, if none follows the last.
    var silenceShows: Double { lastWord + 1.2 * scenario.heartbeat }

    func happened(_ kind: String, from start: Double, decidable: Double? = nil, to end: Double) {
        truth.append(TruthRow(kind: kind, lift: id, start: start, decidable: decidable ?? start, end: end))
    }

    // MARK: Doors and people

    func openDoors() {
        car.doorGap = 0.1
        publishState()
        wait(random.uniform(1.8, 2.5))
        car.doorGap = 1
        publishState()
    }

    func closeDoors() {
        car.doorGap = 0.9
        publishState()
        wait(random.uniform(2.6, 3.5))
        car.doorGap = 0
        publishState()
        // The occupancy sensor decides a moment after the doors have closed.
        wait(0.8)
        sense()
    }

    /// The passive infrared sensor sees who is there.
    func sense() {
        let occupied = car.people > 0
        guard panel.isSensedOccupied != occupied else { return }
        panel.isSensedOccupied = occupied
        publishState()
    }

    func board(_ count: Int) {
        wait(Double(count) * random.uniform(1.0, 1.3))
        for _ in 0..<count {
            car.people += 1
            car.load += random.uniform(45, 95)
        }
        sense()
        publishState()
    }

    func alight() {
        guard car.people > 0 else { return }
        wait(Double(car.people) * random.uniform(1.0, 1.3))
        car.people = 0
        car.load = 0
        sense()
        publishState()
    }

    /// Somebody presses the alarm button for a second or two.
    func pressButton() {
        let start = time
        setCodes(panel.codes + ["90"])
        wait(random.uniform(1.0, 3.0))
        setCodes(panel.codes.filter { $0 != "90" })
        happened("car_alarm_call", from: start, to: time)
    }

    // MARK: Runs

    /// Runs to a floor. With a fraction below 1 something stops the car on the way, between floors.
    func run(to target: Int, stopAfter fraction: Double = 1, during: (() -> Void)? = nil) {
        guard target != car.floor else { return }
        let stops = abs(target - car.floor)
        let ideal = kinematics.run(Double(stops) * floorHeight)
        let begin = time
        underWay = UnderWay(run: ideal, begin: begin, from: car.floor, isUp: target > car.floor)
        car.isMoving = true
        panel.direction = target > car.floor ? 1 : 2
        publishState()
        let end = fraction < 1 ? begin + ideal.duration * fraction : .infinity
        // What a controller notices on the way: the door zone left, each landing passed, the zone of the destination.
        let landings = (0..<stops).map { (Double($0) + 0.501) * floorHeight }
        for (number, place) in ([0.21] + landings + [ideal.distance - 0.19]).enumerated() {
            let due = begin + ideal.time(at: place)
            if due > end { break }
            wait(max(0, due - time))
            publishState()
            if number == 1 { during?() }
        }
        if fraction < 1 {
            wait(max(0, end - time))
            underWay = nil
            return
        }
        wait(max(0, begin + ideal.duration - time))
        underWay = nil
        car.floor = target
        car.metresOffLevel = 0
        stop()
    }

    /// The car is where its run has brought it by now.
    private func moveCar() {
        guard let underWay else { return }
        let motion = underWay.run.motion(at: time - underWay.begin)
        let height = Double(underWay.from) * floorHeight + (underWay.isUp ? motion.position : -motion.position)
        car.floor = Int((height / floorHeight).rounded())
        car.metresOffLevel = height - Double(car.floor) * floorHeight
        panel.speed = motion.speed
    }

    func stop() {
        car.isMoving = false
        panel.direction = 0
        panel.speed = 0
        publishState()
    }

    /// A passenger's journey: the car comes, doors, ride, doors.
    func trip() {
        let origin = random.integer(0...floors - 1)
        var target =
            random.chance(0.6) ? (origin == 0 ? random.integer(1...floors - 1) : 0) : random.integer(0...floors - 1)
        if target == origin { target = (origin + 1) % floors }
        run(to: origin)
        wait(random.uniform(0.5, 0.8))
        openDoors()
        wait(random.uniform(2, 4))
        board(random.integer(1...3))
        closeDoors()
        run(to: target)
        wait(random.uniform(0.5, 0.8))
        openDoors()
        alight()
        wait(random.uniform(2, 4))
        closeDoors()
    }

    // MARK: The day

    /// Plays the next trip or incident.
    /// - Returns: false at the end.
    func playOn() -> Bool {
        guard time < end else {
            for index in openTruth.values { truth[index].end = end }
            openTruth.removeAll()
            return false
        }
        let hour = (Int(time) + 8 * 3600) / 3600 % 24
        // A home's day: peaks from 7 to 9 and from 17 to 20, quiet nights.
        let weight = [
            0.2, 0.1, 0.1, 0.1, 0.1, 0.3, 0.9, 2.2, 2.2, 1.2, 1.0, 1.1, 1.3, 1.0, 0.9, 1.0, 1.2, 2.0, 2.2, 1.8, 1.3,
            1.0, 0.6, 0.3,
        ][hour]
        let pause = random.exponential(rate: scenario.tripsPerDay * weight / 86_400)
        if let next = incidents.last, time + pause >= next.time {
            wait(max(0, next.time - time))
            incidents.removeLast()
            play(next.kind)
        } else {
            wait(min(pause, end - time))
            if time < end { trip() }
        }
        return true
    }
}
