import Elevator

/// What happened to a lift, and from when what had arrived at the gateway showed it: the truth that it writes down.
extension SimulatedLift {
    /// A word of it arrives at the gateway: from now on what has been heard shows could be known.
    func isHeard(saying word: Word) {
        if word.channel == .online || !word.isHonest { return }
        let moment = building.scenario.startSeconds + now
        if word.panel.codes & FaultCode.carAlarmButton.bit != 0, let press = voice.unheardPress,
            building.scenario.startSeconds + word.time >= building.truth[press].start
        {
            (building.truth[press].decidable, voice.unheardPress) = (moment, nil)
        }
        let silentSince = voice.lastHeard
        let couldHoldPeople = voice.testimony.couldHoldPeople(at: now)
        // What comes twice, or has been overtaken, is no sign of life; of what was said in one moment each word counts.
        let isYounger = voice.testimony.hear(word.panel, at: word.time)
        guard isYounger || word.sequence > voice.lastSequence else { return }
        voice.lastSequence = max(voice.lastSequence, word.sequence)
        voice.lastHeard = now
        // Words were lost, or held back: to the gateway it was silent until now.
        if now - silentSince > 1.5 * fitting.heartbeat, couldHoldPeople {
            follow("silent_in_use", true, since: silentSince)
        }
        if voice.isSpeaking { follow("silent_in_use", false) }
        if word.panel.codes & FaultCode.lostMains != 0 { building.hearOfLostMains(at: word.time) }
        observe()
        guard let row = openTruth["entrapment"] else { return }
        if !voice.isSpeaking {
            // A straggler: the silence counts from it.
            building.truth[row].follow(Shown(), at: moment)
            showBySilence()
        } else if building.scenario.startSeconds + word.time >= building.truth[row].start {
            building.truth[row].follow(voice.testimony.shown(at: word.time), at: moment)
        }
    }

    /// As soon as its reports are overdue its silence shows it, and more where others speak for it.
    func showBySilence() {
        guard let row = openTruth["entrapment"], !voice.isSpeaking else { return }
        let wait = max(voice.lastWord, voice.lastHeard) + overdueAfter - now
        // Half a second: nothing that arrived is overdue to the millisecond.
        if wait > 0.5 { return later(wait) { $0.showBySilence() } }
        let shown = voice.testimony.shownBySilence(at: now, isCorroborated: voice.isCorroborated)
        building.truth[row].follow(shown, at: building.scenario.startSeconds + now)
    }

    /// Looks at the physical car, and notes when people become trapped and when they are free again.
    func observe() {
        if !car.isDisabled && openTruth.isEmpty { return }
        let height = car.height(at: now)
        // A person gets through a gap of a third of the door.
        let hasWayOut = building.shaft.isInDoorZone(height) && car.door.gap(at: now) > 0.35
        let isStuckShut = car.isDisabled && !hasWayOut
        // It begins when the car has come to a stop; a fitter who moves the car does not end it.
        let isStill = !car.isMoving || openTruth["entrapment"] != nil
        follow("entrapment", isStuckShut && isStill && !car.riders.isEmpty && !car.isBeingRescuedByDevice)
        // Nobody is in it, and no sensor says so: until the door has been open.
        let wasStuck = openTruth["stuck_unknown"] != nil && !hasWayOut
        follow(
            "stuck_unknown", car.riders.isEmpty && (isStuckShut && voice.testimony.isOccupancyUnknowable || wasStuck))
    }

    /// - Parameter since: seconds since the run's start; by default from now on.
    func follow(_ kind: String, _ isSo: Bool, since start: Double? = nil) {
        // Nearly always, for every word: nothing to be looked up.
        if !isSo, openTruth.isEmpty { return }
        if isSo, openTruth[kind] == nil {
            let isLevel = building.shaft.isInDoorZone(car.height(at: now))
            let last = note(kind, from: start ?? now, to: .infinity)
            openTruth[kind] = last
            if kind == "car_alarm_call" { (building.truth[last].decidable, voice.unheardPress) = (nil, last) }
            if kind == "entrapment" {
                building.truth[last].decidable = nil
                building.truth[last].people = car.riders.count
                building.truth[last].place = voice.isSpeaking ? isLevel ? "at_level" : "off_level" : "silence"
                building.truth[last].cause = breakdown?.cause.name
                building.truth[last].sensor = fitting.occupancy.quality
                building.truth[last].network = building.plan.network.name
                // In a silence that could hold people, the silence shows it.
                showBySilence()
            }
        } else if !isSo, let index = openTruth.removeValue(forKey: kind) {
            building.truth[index].end = building.scenario.startSeconds + now
        }
    }

    /// - Parameters: seconds since the run's start.
    /// - Returns: its row in the building's truth.
    @discardableResult
    func note(_ kind: String, from start: Double, decidable: Double? = nil, to end: Double) -> Int {
        let zero = building.scenario.startSeconds
        building.truth.append(
            TruthRow(kind: kind, lift: id, start: zero + start, decidable: zero + (decidable ?? start), end: zero + end)
        )
        return building.truth.count - 1
    }
}
