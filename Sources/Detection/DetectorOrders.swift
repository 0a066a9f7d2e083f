import Elevator

extension Detector {
    /// Follows what a person said.
    /// - Throws: `OrderProblem` when there is nothing it could be about; nothing is changed then.
    public mutating func follow(_ order: Order, at now: Instant) throws(OrderProblem) {
        switch order {
        case .maintenance(let lift, let until, let by, let reason):
            guard let index = index(of: lift) else { throw .unknownLift(lift) }
            guard until > now else { throw .over(until) }
            announceMaintenance(index, until: min(until, now + Order.longestMaintenance), by, reason, now)
        case .maintenanceEnds(let lift, let by):
            guard let index = index(of: lift) else { throw .unknownLift(lift) }
            endMaintenance(index, because: by, at: now.nanoseconds)
        case .accepted(let alert, let by):
            let (index, entry) = try entryAboutPeople(alert) { $0.state.isOpen }
            tracks[index].ledger.entries[entry].acceptedBy = by
            note(index, entry, .accepted, Statement(by: by), now)
            // What suppressed a branch of it until now does so no longer.
            lookAgain(index, at: now.nanoseconds)
        case .verified(let alert, let statement):
            let (index, entry) = try entryAboutPeople(alert, where: Self.canBeSpokenOf)
            tracks[index].ledger.entries[entry].isVerified = true
            if !confirm(index, entry, statement, now) { note(index, entry, .verified, statement, now) }
            lookAgain(index, at: now.nanoseconds)
        case .progress(let alert, let progress, let statement):
            let (index, entry) = try entry(alert, where: Self.canBeSpokenOf)
            note(index, entry, progress.reason, statement, now)
            // From then on a car that moves, and a door that opens, are the rescuers' work, until the alert is over.
            if progress == .arrived, Self.isAboutPeople(tracks[index].ledger.entries[entry].kind) {
                tracks[index].ledger.entries[entry].hasRescuers = true
                noticeRescuers(index, at: now.nanoseconds)
            }
        case .endOfAlarm(let alert, let statement):
            try close(alert, because: .endOfAlarm, statement, mustEnd: false, now)
        case .judgedFalse(let alert, let by, let reason):
            try close(alert, because: .judgedFalse, Statement(by: by, remark: reason), mustEnd: true, now)
        }
    }

    private func entry(
        _ alert: String, where isWanted: (AlertLedger.Entry) -> Bool
    ) throws(OrderProblem) -> (lift: Int, entry: Int) {
        for index in tracks.indices {
            let entries = tracks[index].ledger.entries
            if let entry = entries.firstIndex(where: { $0.id == alert && isWanted($0) }) { return (index, entry) }
        }
        throw .noOpenAlert(alert)
    }

    static func isAboutPeople(_ kind: String) -> Bool { Alert.isEntrapment(kind) || kind == Alert.carAlarmCall }

    /// An entrapment or a call: an alert that a person accepts or verifies.
    private func entryAboutPeople(
        _ alert: String, where isWanted: (AlertLedger.Entry) -> Bool
    ) throws(OrderProblem) -> (lift: Int, entry: Int) {
        let (index, entry) = try entry(alert, where: isWanted)
        let kind = tracks[index].ledger.entries[entry].kind
        guard Self.isAboutPeople(kind) else { throw .notAnEntrapment(kind) }
        return (index, entry)
    }

    /// Evaluates the lift's rules at a moment that no reading and no timer has brought.
    private mutating func lookAgain(_ index: Int, at time: Int64) {
        let program = tracks[index].program
        for rule in programs[program].rules.indices {
            agendas[program].mark(Int32(programs[program].nodes.count + rule))
        }
        step(index, at: isOnTime(index, at: time) ? max(time, tracks[index].memory.time) : tracks[index].memory.time)
        // A person's word is not rolled back.
        tracks[index].barrier()
    }

    // MARK: Alerts

    /// - Returns: whether there was anything left to confirm.
    private mutating func confirm(_ index: Int, _ entry: Int, _ statement: Statement, _ now: Instant) -> Bool {
        let program = programs[tracks[index].program]
        let told = tracks[index].ledger.entries[entry]
        guard told.state == .suspected,
            let rule = program.rules.firstIndex(where: { $0.definition.name == told.rule })
        else { return false }
        program.life(rule).setPhase(.final, &tracks[index].memory)
        let memory = tracks[index].memory
        let transition = Transition(
            rule: rule, branch: program.life(rule).reason(memory.words.span), state: .confirmed,
            severity: told.severity, time: now.nanoseconds, onset: told.onset,
            reason: AlertReason.verified.rawValue, unobserved: 0, evidence: program.evidence(memory.words.span))
        tell(TransitionSink(transitions: [transition]), index, refoldedFrom: nil)
        let reason = AlertReason.verified.rawValue
        guard let last = alerts.indices.last(where: { alerts[$0].id == told.id && alerts[$0].reason == reason })
        else { return false }
        alerts[last].statement = statement
        return true
    }

    /// A revision that changes no verdict: what a person did, or what nobody has done.
    mutating func note(_ index: Int, _ entry: Int, _ reason: AlertReason, _ statement: Statement?, _ now: Instant) {
        let program = programs[tracks[index].program]
        let memory = tracks[index].memory
        alerts.append(
            tracks[index].ledger.note(
                entry, ruleVersion: rules.versions[tracks[index].ledger.entries[entry].rule] ?? "", reason: reason,
                statement, lift: tracks[index].lift.id, now: now.nanoseconds,
                evidence: program.evidence(memory.words.span), vendorCode: tracks[index].writtenVendorCode))
        complete(alertsFrom: alerts.count - 1, index)
    }

    /// Ends an incident by a person's word: one that is open, that is presumed over, or that was accepted and has ended since, which
    /// leaves its rules alone: what they find now is something else.
    private mutating func close(
        _ alert: String, because reason: AlertReason, _ statement: Statement, mustEnd: Bool, _ now: Instant
    ) throws(OrderProblem) {
        let (index, entry) = try entry(alert, where: Self.canBeSpokenOf)
        let program = programs[tracks[index].program]
        let told = tracks[index].ledger.entries[entry]
        tracks[index].ledger.entries[entry].acceptedBy = nil
        if told.state != .cleared, let rule = program.rules.firstIndex(where: { $0.definition.name == told.rule }) {
            if told.state.isOpen { program.life(rule).setPhase(.idle, &tracks[index].memory) }
            if mustEnd { noteJudgement(index, rule: rule) }
            for related in program.related(to: rule) {
                for branch in program.rules[related].branches.indices {
                    beginAnew(index, related, branch, mustEnd: mustEnd, at: now.nanoseconds)
                }
            }
        }
        let memory = tracks[index].memory
        alerts.append(
            tracks[index].ledger.close(
                entry, ruleVersion: rules.versions[told.rule] ?? "", reason: reason, statement,
                lift: tracks[index].lift.id, now: now.nanoseconds, evidence: program.evidence(memory.words.span),
                vendorCode: tracks[index].writtenVendorCode))
        complete(alertsFrom: alerts.count - 1, index)
        noticeIncidents(index, at: now.nanoseconds)
        lookAgain(index, at: now.nanoseconds)
        noticeRescuers(index, at: now.nanoseconds)
    }

    /// Open, presumed over, or ended while a person was dealing with it, who has not yet said that it is over.
    private static func canBeSpokenOf(_ entry: AlertLedger.Entry) -> Bool {
        entry.state.isOpen || entry.state == .presumedReleased || entry.acceptedBy != nil
    }

    /// A condition that still lasts is raised again after its whole hold, or, judged false, when it has ended and come again.
    private mutating func beginAnew(_ index: Int, _ rule: Int, _ branch: Int, mustEnd: Bool, at now: Int64) {
        let program = programs[tracks[index].program]
        let life = program.life(rule)
        let own = life.branch(branch)
        var m = tracks[index].memory.words.mutableSpan
        own.setAddedUp(0, &m)
        guard !life.isOpen(m), own.whenSince(m.span) != LiftMemory.never else { return }
        own.setWhenSince(now, &m)
        own.setMustEnd(mustEnd || program.rules[rule].branches[branch].hold == 0, &m)
    }

    // MARK: Maintenance

    private mutating func announceMaintenance(
        _ index: Int, until: Instant, _ by: String, _ reason: String, _ now: Instant
    ) {
        // The same order twice is one.
        if let window = tracks[index].maintenance, window.by == by, window.reason == reason,
            window.until == until.nanoseconds
        {
            return
        }
        endMaintenance(index, because: by, at: now.nanoseconds)
        var alert = Maintenance.alert(lift: tracks[index].lift.id, origin)
        if let raised = alert.raise(onset: now, at: now, hold: .zero, because: "\(by): \(reason)") {
            alerts.append(raised)
        }
        tracks[index].maintenance = Maintenance(until: until.nanoseconds, by: by, reason: reason, alert: alert)
        maintenanceEnds = min(maintenanceEnds, until.nanoseconds)
        setGatewaySignal(index, .maintenance, true, at: now.nanoseconds)
    }

    private mutating func endMaintenance(_ index: Int, because reason: String, at time: Int64) {
        guard var window = tracks[index].maintenance else { return }
        tracks[index].maintenance = nil
        if let cleared = window.alert.clear(at: Instant(nanoseconds: time), because: reason) { alerts.append(cleared) }
        setGatewaySignal(index, .maintenance, false, at: time)
    }

    /// Windows end by themselves.
    mutating func endMaintenance(by now: Int64) {
        guard now >= maintenanceEnds else { return }
        for index in tracks.indices {
            guard let window = tracks[index].maintenance, window.until <= now else { continue }
            endMaintenance(index, because: GatewayKind.maintenance.cleared, at: window.until)
        }
        maintenanceEnds = tracks.reduce(LiftMemory.never) { min($0, $1.maintenance?.until ?? LiftMemory.never) }
    }

}

extension RuleLife {
    fileprivate func setPhase(_ phase: Phase, _ memory: inout LiftMemory) {
        var m = memory.words.mutableSpan
        setPhase(phase, &m)
    }
}
