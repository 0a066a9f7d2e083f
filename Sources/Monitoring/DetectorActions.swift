import LiftModel
import RuleEngine
import RuleLanguage

extension Detector {
    /// Applies an operator action.
    /// - Throws: `OperatorActionError` when it fits no lift or alert; nothing is changed then.
    public mutating func apply(_ action: OperatorAction, at now: Instant)
        throws(OperatorActionError)
    {
        switch action {
        case .maintenance(let lift, let until, let by, let reason):
            guard let index = index(of: lift) else { throw .unknownLift(lift) }
            guard until > now else { throw .over(until) }
            announceMaintenance(
                index, until: min(until, now + OperatorAction.longestMaintenance), by, reason, now)
        case .maintenanceEnds(let lift, let by):
            guard let index = index(of: lift) else { throw .unknownLift(lift) }
            endMaintenance(
                index, because: GatewayKind.workEnded, Statement(by: by), at: now.nanoseconds)
        case .accepted(let alert, let by):
            let (index, entry) = try entryAboutPeople(alert) { $0.state.isOpen }
            lifts[index].ledger.entries[entry].acceptedBy = by
            note(index, entry, .accepted, Statement(by: by), now)
            // A suppressor of one of its branches no longer counts.
            reevaluate(index, at: now.nanoseconds)
        case .verified(let alert, let statement):
            let (index, entry) = try entryAboutPeople(alert, where: Self.isActionable)
            lifts[index].ledger.entries[entry].isVerified = true
            if !confirm(index, entry, statement, now) {
                note(index, entry, .verified, statement, now)
            }
            reevaluate(index, at: now.nanoseconds)
        case .progress(let alert, let progress, let statement):
            let (index, entry) = try entry(alert, where: Self.isActionable)
            note(index, entry, progress.reason, statement, now)
            // From now until the alert is over, a moving car and an opening door are the rescuers'
            // work.
            if progress == .arrived, Self.isAboutPeople(lifts[index].ledger.entries[entry].kind) {
                lifts[index].ledger.entries[entry].hasRescuers = true
                updateRescuers(index, at: now.nanoseconds)
            }
        case .endOfAlarm(let alert, let statement):
            try close(alert, because: .endOfAlarm, statement, mustEnd: false, now)
        case .judgedFalse(let alert, let by, let reason):
            let (index, entry) = try entry(alert, where: Self.isActionable)
            if lifts[index].ledger.entries[entry].isVerified { throw .isVerified }
            try close(
                alert, because: .judgedFalse, Statement(by: by, remark: reason), mustEnd: true, now)
        }
    }

    private func entry(
        _ alert: String, where isWanted: (AlertLedger.Entry) -> Bool
    ) throws(OperatorActionError) -> (lift: LiftIndex, entry: Int) {
        for index in lifts.indices {
            let entries = lifts[index].ledger.entries
            if let entry = entries.firstIndex(where: { $0.id == alert && isWanted($0) }) {
                return (index, entry)
            }
        }
        throw .noOpenAlert(alert)
    }

    static func isAboutPeople(_ kind: String) -> Bool {
        Alert.isEntrapment(kind) || kind == Alert.carAlarmCall
    }

    /// An entrapment or an alarm call: an alert that a person can accept or verify.
    private func entryAboutPeople(
        _ alert: String, where isWanted: (AlertLedger.Entry) -> Bool
    ) throws(OperatorActionError) -> (lift: LiftIndex, entry: Int) {
        let (index, entry) = try entry(alert, where: isWanted)
        let kind = lifts[index].ledger.entries[entry].kind
        guard Self.isAboutPeople(kind) else { throw .notAnEntrapment(kind) }
        return (index, entry)
    }

    /// Evaluates the lift's rules without a reading or a timer.
    private mutating func reevaluate(_ index: LiftIndex, at time: Int64) {
        let program = lifts[index].programIndex
        for rule in programs[program].rules.indices {
            agendas[program].mark(rule: rule, of: programs[program])
        }
        step(
            index,
            at: lifts[index].isOnTime(at: time, gatewayTime)
                ? max(time, lifts[index].memory.time) : lifts[index].memory.time)
        // An operator action is not rolled back.
        lifts[index].barrier()
    }

    // MARK: Alerts

    /// - Returns: whether the alert was suspected, and is confirmed now.
    private mutating func confirm(
        _ index: LiftIndex, _ entry: Int, _ statement: Statement, _ now: Instant
    ) -> Bool {
        let program = programs[lifts[index].programIndex]
        let known = lifts[index].ledger.entries[entry]
        guard known.state == .suspected,
            let rule = program.rules.firstIndex(where: { $0.head.name == known.rule })
        else { return false }
        program.confirmAlert(rule, &lifts[index].memory)
        let memory = lifts[index].memory
        let branch = program.openAlertState(rule, memory)?.branch ?? 0
        let transition = Transition(
            rule: rule, branch: branch, state: .confirmed, severity: known.severity,
            time: now.nanoseconds,
            onset: known.onset,
            reason: AlertReason.verified.rawValue, unobserved: 0, evidence: program.evidence(memory)
        )
        emitAlerts(TransitionSink(transitions: [transition]), index, replayedFrom: nil)
        let reason = AlertReason.verified.rawValue
        guard
            let last = alerts.indices.last(where: {
                alerts[$0].id == known.id && alerts[$0].reason == reason
            })
        else { return false }
        alerts[last].statement = statement
        return true
    }

    /// A revision that changes no verdict: an operator action, or a reminder.
    mutating func note(
        _ index: LiftIndex, _ entry: Int, _ reason: AlertReason, _ statement: Statement?,
        _ now: Instant
    ) {
        let program = programs[lifts[index].programIndex]
        let memory = lifts[index].memory
        alerts.append(
            lifts[index].ledger.note(
                entry, ruleVersion: rules.versions[lifts[index].ledger.entries[entry].rule] ?? "",
                reason: reason,
                statement, lift: lifts[index].lift.id, now: now.nanoseconds,
                evidence: program.evidence(memory), vendorCode: lifts[index].writtenVendorCode))
        complete(alertsFrom: alerts.count - 1, index)
    }

    /// Ends an alert by an operator action. The alert is open, presumed released, or was accepted
    /// and has ended since.
    ///
    /// In the last case its rules stay as they are: what they find now is another alert.
    private mutating func close(
        _ alert: String, because reason: AlertReason, _ statement: Statement, mustEnd: Bool,
        _ now: Instant
    ) throws(OperatorActionError) {
        let (index, entry) = try entry(alert, where: Self.isActionable)
        let program = programs[lifts[index].programIndex]
        let known = lifts[index].ledger.entries[entry]
        lifts[index].ledger.entries[entry].acceptedBy = nil
        if known.state != .cleared,
            let rule = program.rules.firstIndex(where: { $0.head.name == known.rule })
        {
            if known.state.isOpen { program.endAlert(rule, &lifts[index].memory) }
            if mustEnd { lifts[index].noteJudgement(ofRule: rule, program) }
            for related in program.related(to: rule) {
                program.restartHolds(
                    related, mustEnd: mustEnd, at: now.nanoseconds, &lifts[index].memory)
            }
        }
        let memory = lifts[index].memory
        alerts.append(
            lifts[index].ledger.close(
                entry, ruleVersion: rules.versions[known.rule] ?? "", reason: reason, statement,
                lift: lifts[index].lift.id, now: now.nanoseconds,
                evidence: program.evidence(memory),
                vendorCode: lifts[index].writtenVendorCode))
        complete(alertsFrom: alerts.count - 1, index)
        updateIncidents(index, at: now.nanoseconds)
        reevaluate(index, at: now.nanoseconds)
        updateRescuers(index, at: now.nanoseconds)
    }

    /// An alert that an operator action can end: open, presumed released, or ended while accepted,
    /// without a person's report of the end.
    private static func isActionable(_ entry: AlertLedger.Entry) -> Bool {
        entry.state.isOpen || entry.state == .presumedReleased || entry.acceptedBy != nil
    }

    // MARK: Maintenance

    private mutating func announceMaintenance(
        _ index: LiftIndex, until: Instant, _ by: String, _ reason: String, _ now: Instant
    ) {
        // A repeated action has no effect.
        if let window = lifts[index].maintenance, window.by == by, window.reason == reason,
            window.until == until.nanoseconds
        {
            return
        }
        endMaintenance(
            index, because: GatewayKind.workEnded, Statement(by: by), at: now.nanoseconds)
        var alert = Maintenance.alert(lift: lifts[index].lift.id, origin)
        if var raised = alert.raise(
            onset: now, at: now, hold: .zero, because: GatewayKind.maintenance.raised)
        {
            raised.statement = Statement(by: by, remark: reason, until: until)
            alerts.append(raised)
        }
        lifts[index].maintenance = Maintenance(
            until: until.nanoseconds, by: by, reason: reason, alert: alert)
        maintenanceEnds = min(maintenanceEnds, until.nanoseconds)
        setGatewaySignal(index, .maintenance, true, at: now.nanoseconds)
    }

    private mutating func endMaintenance(
        _ index: LiftIndex, because reason: String, _ statement: Statement? = nil, at time: Int64
    ) {
        guard var window = lifts[index].maintenance else { return }
        lifts[index].maintenance = nil
        if var cleared = window.alert.clear(at: Instant(nanoseconds: time), because: reason) {
            cleared.statement = statement
            alerts.append(cleared)
        }
        setGatewaySignal(index, .maintenance, false, at: time)
    }

    /// A maintenance window also ends at its own end time.
    mutating func endMaintenance(by now: Int64) {
        guard now >= maintenanceEnds else { return }
        for index in lifts.indices {
            guard let window = lifts[index].maintenance, window.until <= now else { continue }
            endMaintenance(index, because: GatewayKind.maintenance.cleared, at: window.until)
        }
        maintenanceEnds = lifts.reduce(LiftMemory.never) {
            min($0, $1.maintenance?.until ?? LiftMemory.never)
        }
    }

}
