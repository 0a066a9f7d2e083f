import LiftModel

/// A lift's adapter: what it has published, what it will publish, and what has arrived of it.
struct ReportScheduler {
    var encoder: MessageEncoder
    /// The evidence of the reports that have arrived at the gateway.
    var oracle = EntrapmentOracle()
    /// When the last report arrived at the gateway, seconds since the run's start.
    var lastArrival = 0.0
    /// The greatest sequence number that has arrived.
    var lastSequence = 0
    /// Other lifts of the site reported lost mains around the beginning of its silence.
    var isCorroborated = false
    /// The truth's row of the last press of the alarm button, until a report of it arrives.
    var pendingPress: Int?
    /// Seconds since the run's start until which its link is down.
    var linkDownUntil = 0.0
    var isReporting = true
    /// Seconds by which its clock has jumped.
    fileprivate var clockJump = 0.0
    /// Counts its silences, so that a last will belongs to one of them.
    var silences = 0
    /// The last state it has published.
    var publishedPanel = Panel()
    /// When it last sent a report, seconds since the run's start.
    var lastReportTime = 0.0
    fileprivate var sequence = 0
    fileprivate var edition = 0

    init(_ fitting: Fitting, _ scenario: Scenario, lift: String) {
        encoder = MessageEncoder(
            fitting.dialect, lift: lift, ratedSpeed: fitting.kinematics.speed,
            vendorCodes: scenario.vendorCodes)
    }
}

extension SimulatedLift {
    func begin() {
        car.height =
            Double(random.integer(0...building.shaft.floors - 1)) * building.shaft.floorHeight
        // The lifts do not all start at the same moment.
        later(random.uniform(0, min(5, fitting.heartbeat))) {
            $0.publish(online: true)
            $0.publishState()
        }
        scheduleBreakdown()
        scheduleNuisances()
        scheduleClockJump()
        if fitting.isSwitchedOffAtNight { scheduleNight() }
        let row = recordFact("lift", from: 0, to: building.scenario.duration)
        building.truth[row].sensor = fitting.occupancy.quality
        building.truth[row].network = building.plan.network.name
    }

    /// The lift's state as the adapter reads it now.
    private var panel: Panel {
        let time = now
        let height = car.height(at: time)
        var panel = Panel()
        panel.mode = mode
        panel.isMoving = fitting.motionLag == 0 ? isRunning : sensors.reportedMotion
        panel.direction = car.journey.map { $0.isUp ? 1 : -1 } ?? 0
        panel.isInDoorZone =
            fitting.hasZoneSensor
            ? !sensors.isZoneSensorDead && building.shaft.isInDoorZone(height) : nil
        panel.floor = building.shaft.floor(at: height)
        panel.isLocked = car.door.isLocked(at: time) && !car.isLandingDoorOpen
        if fitting.hasOpenLimit { panel.isFullyOpen = car.door.isFullyOpen(at: time) }
        switch fitting.occupancy {
        case .missing: break
        case .stuckTrue: panel.isOccupied = true
        case .stuckFalse: panel.isOccupied = false
        case .truthful, .lagging, .missesStill, .seesThings: panel.isOccupied = sensors.isOccupied
        }
        if fitting.hasLoadCell { panel.load = Int((car.load / fitting.ratedLoad * 100).rounded()) }
        panel.codes = codes
        panel.vendorCode = vendorCode
        panel.speed = Int((car.speed(at: time) * 100).rounded())
        panel.controllerLoss = sensors.controllerLoss
        if sensors.controllerLoss != nil { panel.mode = nil }
        return panel
    }

    private var isRunning: Bool { car.isMoving || sensors.seemsToRun }

    /// Some adapters report motion later than the zone.
    private func followMotion() {
        let isRunning = isRunning
        guard sensors.motion != isRunning else { return }
        sensors.motion = isRunning
        later(fitting.motionLag) {
            $0.sensors.reportedMotion = isRunning
            $0.publishChanges()
        }
    }

    /// Something may have changed: updates the truth, and publishes the state if the adapter
    /// reports changes.
    func publishChanges() {
        updateTruth()
        if fitting.motionLag > 0 { followMotion() }
        guard scheduler.isReporting, fitting.reportsChanges else { return }
        let panel = panel
        if panel.differs(from: scheduler.publishedPanel) { publishState(panel) }
    }

    /// Publishes the state, changed or not.
    func publishState() {
        updateTruth()
        guard scheduler.isReporting else {
            building.nextReports[index] = .infinity
            return
        }
        publishState(panel)
    }

    private func publishState(_ panel: Panel) {
        if scheduler.publishedPanel != panel {
            scheduler.publishedPanel = panel
            scheduler.edition += 1
        }
        publish(.state, panel)
        building.nextReports[index] = now + fitting.heartbeat
    }

    /// The kind of fact for each code.
    private static let kinds: [FaultCode: String] = [
        .doorCloseFault: "door_close_fault", .doorOpenFault: "door_open_fault",
        .mainPowerLost: "power_loss",
        .carAlarmButton: "car_alarm_call",
    ]

    func raise(_ code: FaultCode) { set(code, true) }
    func lower(_ code: FaultCode) { set(code, false) }

    private func set(_ code: FaultCode, _ isActive: Bool) {
        guard (codes & code.bit != 0) != isActive else { return }
        codes ^= code.bit
        if let kind = Self.kinds[code], scheduler.isReporting || !isActive { track(kind, isActive) }
        if scheduler.isReporting, scheduler.encoder.hasChannel(.event) {
            var panel = scheduler.publishedPanel
            panel.codes = codes
            publish(.event(code, isActive: isActive), panel)
        }
        publishChanges()
    }

    func clearCodes() {
        for code in FaultCode.allCases where codes & code.bit != 0 { lower(code) }
        vendorCode = nil
    }

    func publish(online: Bool) {
        guard scheduler.encoder.hasChannel(.online) else { return }
        publish(.online(online), scheduler.publishedPanel)
    }

    /// - Parameters:
    ///   - name: the lift in whose name it is sent, by default this one.
    ///   - topic: the lift on whose topic it is sent, by default this one.
    func publish(
        _ kind: Report.Kind, _ panel: Panel, inNameOf name: Int? = nil, onTopicOf topic: Int? = nil
    ) {
        let clock =
            building.scenario.startSeconds + now + fitting.clockOffset + fitting.clockDrift * now
            + scheduler.clockJump
        if name == nil { scheduler.lastReportTime = now }
        scheduler.sequence += 1
        building.send(
            Report(
                time: now, lift: topic ?? index, sender: name ?? index, kind: kind, panel: panel,
                edition: scheduler.edition, sequence: scheduler.sequence,
                clock: Int64((clock * 1000).rounded())))
    }

    /// Its link fails for a while; its reports arrive late.
    func linkFailed(_ outage: ClosedRange<Double>) {
        guard scheduler.linkDownUntil < outage.upperBound else { return }
        scheduler.linkDownUntil = outage.upperBound
        recordFact("link_away", from: outage.lowerBound, to: outage.upperBound)
        if scheduler.oracle.couldHoldPeople(at: now) { track("silent_in_use", true) }
    }

    /// The adapter stops. The broker publishes the last will after the keep-alive.
    func stopReporting() {
        guard scheduler.isReporting else { return }
        scheduler.isReporting = false
        scheduler.silences += 1
        let silence = scheduler.silences
        building.nextReports[index] = .infinity
        let kind = building.isPowered ? "controller_silent" : "silent_in_power_cut"
        track(kind, true)
        // The silence shows what the next report would have shown. Earlier reports have arrived by
        // then, or are lost.
        let overdue = max(now, scheduler.lastReportTime + overdueAfter)
        if let row = openTruth[kind] {
            building.truth[row].decidable = building.scenario.startSeconds + overdue
        }
        scheduler.isCorroborated = false
        later(max(3, overdue - now)) {
            guard !$0.scheduler.isReporting, $0.scheduler.silences == silence else { return }
            if $0.scheduler.oracle.couldHoldPeople(at: $0.now) { $0.track("silent_in_use", true) }
            $0.recordSilenceEvidence()
        }
        later(random.uniform(15, 90)) {
            if !$0.scheduler.isReporting, $0.scheduler.silences == silence {
                $0.publish(online: false)
            }
        }
    }

    /// The adapter is back: the birth message, and the present state. Without power it stays
    /// silent.
    func resumeReporting() {
        guard !scheduler.isReporting, building.isPowered else { return }
        scheduler.isReporting = true
        track("controller_silent", false)
        track("silent_in_power_cut", false)
        publish(online: true)
        publishState()
    }

    /// Seconds after the last report until the next is overdue. A gateway may wait for 12 s also
    /// where the heartbeat is shorter than 10 s.
    var overdueAfter: Double { max(12, 1.2 * fitting.heartbeat) }

    // MARK: Clock

    private func scheduleClockJump() {
        let perYear = building.scenario.clocks.jumps
        guard perYear > 0 else { return }
        later(random.exponential(rate: perYear / (365 * 86_400))) {
            $0.scheduleClockJump()
            $0.loseClock(for: $0.random.uniform(5, 3600))
        }
    }

    /// To 1970, where a device without a battery begins; a day ahead; back by a time zone; 10 s
    /// back, as a coarse correction does.
    func loseClock(for seconds: Double) {
        let jumps: [Double] = [-building.scenario.startSeconds - now, 86_400, -8 * 3600, -10]
        scheduler.clockJump = jumps[random.integer(0...jumps.count - 1)]
        later(seconds) { $0.scheduler.clockJump = 0 }
    }
}
