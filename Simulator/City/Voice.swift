import Elevator

/// A lift's adapter: what it has said, and what it will say by itself.
struct Voice {
    var pen: Pen
    /// What the gateway has heard of it.
    var testimony = Testimony()
    /// When the gateway last heard it, seconds since the run's start.
    var lastHeard = 0.0
    /// The greatest sequence number that has been heard.
    var lastSequence = 0
    /// Others of its site said around the beginning of its silence that the mains were gone.
    var isCorroborated = false
    /// The truth's row of the last press of the alarm button, until a word that tells of it arrives.
    var unheardPress: Int?
    /// Seconds since the run's start until which its link is away.
    var awayUntil = 0.0
    var isSpeaking = true
    /// Seconds by which its clock has jumped.
    fileprivate var clockJump = 0.0
    /// Counts its silences, so that a last will belongs to one of them.
    var silences = 0
    /// The last state it has published.
    var said = Panel()
    /// When it last said something, seconds since the run's start.
    var lastWord = 0.0
    fileprivate var sequence = 0
    fileprivate var edition = 0

    init(_ fitting: Fitting, _ scenario: Scenario, lift: String) {
        pen = Pen(
            fitting.dialect, lift: lift, ratedSpeed: fitting.kinematics.speed, vendorCodes: scenario.vendorCodes)
    }
}

extension SimulatedLift {
    func begin() {
        car.height = Double(random.integer(0...building.shaft.floors - 1)) * building.shaft.floorHeight
        // They do not all speak in the same moment.
        later(random.uniform(0, min(5, fitting.heartbeat))) {
            $0.say(online: true)
            $0.report()
        }
        expectBreakdown()
        expectNuisances()
        expectClockJump()
        if fitting.isSwitchedOffAtNight { expectNight() }
        let row = note("lift", from: 0, to: building.scenario.duration)
        building.truth[row].sensor = fitting.occupancy.quality
        building.truth[row].network = building.plan.network.name
    }

    /// What its panel shows at this moment.
    private var panel: Panel {
        let time = now
        let height = car.height(at: time)
        var panel = Panel()
        panel.mode = mode
        panel.isMoving = fitting.motionLag == 0 ? isRunning : senses.motionTold
        panel.direction = car.journey.map { $0.isUp ? 1 : -1 } ?? 0
        panel.isInDoorZone =
            fitting.hasZoneSensor ? !senses.isZoneSensorDead && building.shaft.isInDoorZone(height) : nil
        panel.floor = building.shaft.floor(at: height)
        panel.isLocked = car.door.isLocked(at: time) && !car.isLandingDoorOpen
        if fitting.hasOpenLimit { panel.isFullyOpen = car.door.isFullyOpen(at: time) }
        switch fitting.occupancy {
        case .missing: break
        case .stuckTrue: panel.isOccupied = true
        case .stuckFalse: panel.isOccupied = false
        case .truthful, .lagging, .missesStill, .seesThings: panel.isOccupied = senses.isOccupied
        }
        if fitting.hasLoadCell { panel.load = Int((car.load / fitting.ratedLoad * 100).rounded()) }
        panel.codes = codes
        panel.vendorCode = vendorCode
        panel.speed = Int((car.speed(at: time) * 100).rounded())
        panel.blindness = senses.blindness
        if senses.blindness != nil { panel.mode = nil }
        return panel
    }

    private var isRunning: Bool { car.isMoving || senses.seemsToRun }

    /// Some adapters tell of motion later than of the zone.
    private func followMotion() {
        let isRunning = isRunning
        guard senses.motion != isRunning else { return }
        senses.motion = isRunning
        later(fitting.motionLag) {
            $0.senses.motionTold = isRunning
            $0.show()
        }
    }

    /// Something may have changed: truth is kept at once, the adapter speaks if it is of that kind.
    func show() {
        observe()
        if fitting.motionLag > 0 { followMotion() }
        guard voice.isSpeaking, fitting.reportsChanges else { return }
        let panel = panel
        if panel.differs(from: voice.said) { publish(panel) }
    }

    /// It is time to say something, new or not.
    func report() {
        observe()
        guard voice.isSpeaking else {
            building.reports[index] = .infinity
            return
        }
        publish(panel)
    }

    private func publish(_ panel: Panel) {
        if voice.said != panel {
            voice.said = panel
            voice.edition += 1
        }
        say(.state, panel)
        building.reports[index] = now + fitting.heartbeat
    }

    /// What happened when a code is shown.
    private static let kinds: [FaultCode: String] = [
        .doorCloseFault: "door_close_fault", .doorOpenFault: "door_open_fault", .mainPowerLost: "power_loss",
        .carAlarmButton: "car_alarm_call",
    ]

    func raise(_ code: FaultCode) { set(code, true) }
    func lower(_ code: FaultCode) { set(code, false) }

    private func set(_ code: FaultCode, _ isActive: Bool) {
        guard (codes & code.bit != 0) != isActive else { return }
        codes ^= code.bit
        if let kind = Self.kinds[code], voice.isSpeaking || !isActive { follow(kind, isActive) }
        if voice.isSpeaking, voice.pen.speaks(.event) {
            var panel = voice.said
            panel.codes = codes
            say(.event(code, isActive: isActive), panel)
        }
        show()
    }

    func clearCodes() {
        for code in FaultCode.allCases where codes & code.bit != 0 { lower(code) }
        vendorCode = nil
    }

    func say(online: Bool) {
        guard voice.pen.speaks(.online) else { return }
        say(.online(online), voice.said)
    }

    /// - Parameters: the lifts whose name and whose topic a liar uses.
    func say(_ matter: Word.Matter, _ panel: Panel, in name: Int? = nil, onTopicOf topic: Int? = nil) {
        let clock =
            building.scenario.startSeconds + now + fitting.clockOffset + fitting.clockDrift * now + voice.clockJump
        if name == nil { voice.lastWord = now }
        voice.sequence += 1
        building.send(
            Word(
                time: now, lift: topic ?? index, speaker: name ?? index, matter: matter, panel: panel,
                edition: voice.edition, sequence: voice.sequence,
                clock: Int64((clock * 1000).rounded())))
    }

    /// Its link goes for a while; what it says meanwhile comes late.
    func linkIsAway(_ outage: ClosedRange<Double>) {
        guard voice.awayUntil < outage.upperBound else { return }
        voice.awayUntil = outage.upperBound
        note("link_away", from: outage.lowerBound, to: outage.upperBound)
        if voice.testimony.couldHoldPeople(at: now) { follow("silent_in_use", true) }
    }

    /// The adapter is gone; its broker publishes the last will when the keep-alive has run out.
    func fallSilent() {
        guard voice.isSpeaking else { return }
        voice.isSpeaking = false
        voice.silences += 1
        let silence = voice.silences
        building.reports[index] = .infinity
        let kind = building.isPowered ? "controller_silent" : "silent_in_power_cut"
        follow(kind, true)
        // What its next report should have shown, its absence does; what it said before has arrived by then, or is lost.
        let overdue = max(now, voice.lastWord + overdueAfter)
        if let row = openTruth[kind] { building.truth[row].decidable = building.scenario.startSeconds + overdue }
        voice.isCorroborated = false
        later(max(3, overdue - now)) {
            guard !$0.voice.isSpeaking, $0.voice.silences == silence else { return }
            if $0.voice.testimony.couldHoldPeople(at: $0.now) { $0.follow("silent_in_use", true) }
            $0.showBySilence()
        }
        later(random.uniform(15, 90)) {
            if !$0.voice.isSpeaking, $0.voice.silences == silence { $0.say(online: false) }
        }
    }

    /// It is back: birth message, and the present state. Without power it stays silent.
    func speakAgain() {
        guard !voice.isSpeaking, building.isPowered else { return }
        voice.isSpeaking = true
        follow("controller_silent", false)
        follow("silent_in_power_cut", false)
        say(online: true)
        report()
    }

    /// Seconds after which a report that does not come is overdue: of a lift that speaks oftener than every 10 s, too, a gateway may
    /// wait for so long.
    var overdueAfter: Double { max(12, 1.2 * fitting.heartbeat) }

    // MARK: Clock

    private func expectClockJump() {
        let perYear = building.scenario.clocks.jumps
        guard perYear > 0 else { return }
        later(random.exponential(rate: perYear / (365 * 86_400))) {
            $0.expectClockJump()
            $0.loseClock(for: $0.random.uniform(5, 3600))
        }
    }

    /// To 1970, where a device without a battery begins; a day on; back by a zone; ten seconds back, as a coarse correction would.
    func loseClock(for seconds: Double) {
        let jumps: [Double] = [-building.scenario.startSeconds - now, 86_400, -8 * 3600, -10]
        voice.clockJump = jumps[random.integer(0...jumps.count - 1)]
        later(seconds) { $0.voice.clockJump = 0 }
    }
}
