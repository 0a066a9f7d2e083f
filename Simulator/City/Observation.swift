import LiftModel

/// The truth of a lift: what happened, and from when the messages that had arrived showed it.
extension SimulatedLift {
    /// A report of it arrives at the gateway.
    func reportArrived(_ report: Report) {
        if report.channel == .online || !report.isGenuine { return }
        let moment = building.scenario.startSeconds + now
        if report.panel.codes & FaultCode.carAlarmButton.bit != 0,
            let press = scheduler.pendingPress,
            building.scenario.startSeconds + report.time >= building.truth[press].start
        {
            (building.truth[press].decidable, scheduler.pendingPress) = (moment, nil)
        }
        let silentSince = scheduler.lastArrival
        let couldHoldPeople = scheduler.oracle.couldHoldPeople(at: now)
        // A duplicate or overtaken report is no sign of life. Reports of one moment all count.
        let isNewer = scheduler.oracle.receive(report.panel, at: report.time)
        guard isNewer || report.sequence > scheduler.lastSequence else { return }
        scheduler.lastSequence = max(scheduler.lastSequence, report.sequence)
        scheduler.lastArrival = now
        // Reports were lost or held back: the gateway observed a silence until now.
        if now - silentSince > 1.5 * fitting.heartbeat, couldHoldPeople {
            track("silent_in_use", true, since: silentSince)
        }
        if scheduler.isReporting { track("silent_in_use", false) }
        if report.panel.codes & FaultCode.lostMains != 0 {
            building.mainsLossReported(at: report.time)
        }
        updateTruth()
        guard let row = openTruth["entrapment"] else { return }
        if !scheduler.isReporting {
            // The report was sent before the silence: the silence counts from its arrival.
            building.truth[row].apply(EntrapmentEvidence(), at: moment)
            recordSilenceEvidence()
        } else if building.scenario.startSeconds + report.time >= building.truth[row].start {
            building.truth[row].apply(scheduler.oracle.evidence(at: report.time), at: moment)
        }
    }

    /// Once its reports are overdue the silence itself is evidence, and more where others
    /// corroborate it.
    func recordSilenceEvidence() {
        guard let row = openTruth["entrapment"], !scheduler.isReporting else { return }
        let wait = max(scheduler.lastReportTime, scheduler.lastArrival) + overdueAfter - now
        // Half a second of tolerance: no report is overdue to the millisecond.
        if wait > 0.5 { return later(wait) { $0.recordSilenceEvidence() } }
        let evidence = scheduler.oracle.evidenceOfSilence(
            at: now, isCorroborated: scheduler.isCorroborated)
        building.truth[row].apply(evidence, at: building.scenario.startSeconds + now)
    }

    /// Looks at the physical car, and records when people become trapped and when they are free.
    func updateTruth() {
        if !car.isDisabled && openTruth.isEmpty { return }
        let height = car.height(at: now)
        // A person gets through a gap of a third of the door's width.
        let hasWayOut = building.shaft.isInDoorZone(height) && car.door.gap(at: now) > 0.35
        let isStuckShut = car.isDisabled && !hasWayOut
        // It begins when the car has stopped. A fitter who moves the car does not end it.
        let isStill = !car.isMoving || openTruth["entrapment"] != nil
        track(
            "entrapment",
            isStuckShut && isStill && !car.riders.isEmpty && !car.isBeingRescuedByDevice)
        // The car is empty, and no sensor says so, until its door has been open.
        let wasStuck = openTruth["stuck_unknown"] != nil && !hasWayOut
        track(
            "stuck_unknown",
            car.riders.isEmpty && (isStuckShut && scheduler.oracle.isOccupancyUnknown || wasStuck))
    }

    /// Opens or closes the truth's row of a kind.
    /// - Parameter since: seconds since the run's start; by default now.
    func track(_ kind: String, _ isTrue: Bool, since start: Double? = nil) {
        // The usual case of every report: no lookup.
        if !isTrue, openTruth.isEmpty { return }
        if isTrue, openTruth[kind] == nil {
            let isLevel = building.shaft.isInDoorZone(car.height(at: now))
            let last = recordFact(kind, from: start ?? now, to: .infinity)
            openTruth[kind] = last
            if kind == "car_alarm_call" {
                (building.truth[last].decidable, scheduler.pendingPress) = (nil, last)
            }
            if kind == "entrapment" {
                building.truth[last].decidable = nil
                building.truth[last].people = car.riders.count
                building.truth[last].place =
                    scheduler.isReporting ? isLevel ? "at_level" : "off_level" : "silence"
                building.truth[last].cause = breakdown?.cause.name
                building.truth[last].sensor = fitting.occupancy.quality
                building.truth[last].network = building.plan.network.name
                // In a silence that could hold people, the silence is evidence.
                recordSilenceEvidence()
            }
        } else if !isTrue, let index = openTruth.removeValue(forKey: kind) {
            building.truth[index].end = building.scenario.startSeconds + now
        }
    }

    /// - Parameters: seconds since the run's start.
    /// - Returns: the index of its row in the building's truth.
    @discardableResult
    func recordFact(_ kind: String, from start: Double, decidable: Double? = nil, to end: Double)
        -> Int
    {
        let zero = building.scenario.startSeconds
        building.truth.append(
            TruthRow(
                kind: kind, lift: id, start: zero + start, decidable: zero + (decidable ?? start),
                end: zero + end)
        )
        return building.truth.count - 1
    }
}
