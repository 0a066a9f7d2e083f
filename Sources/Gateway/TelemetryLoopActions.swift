import Connectivity
import Journal
import LiftModel
import Monitoring
import Platform
import RuleLanguage
import Uplink

/// Operator actions and centre commands, the self-test, and the clock.
extension TelemetryLoop {
    /// Applies the pending actions of the inbox, all of a turn with one commit. The inbox keeps
    /// each until that commit is durable.
    func applyActions(from inbox: ActionInbox) {
        // A batch whose commit failed comes first, except where the disk is known to take nothing.
        guard retryCommitAt == nil || siteAlerts.diskFailing.isOpen else { return }
        checkForStall()
        for name in pendingActionNames where !inbox.complete(name) {
            log.error("orders: '\(name)' cannot be removed from its folder; it is not applied again")
        }
        pendingActionNames.removeAll { !inbox.isPending($0) }
        for pending in inbox.pendingActions(upTo: Self.mostActionsAtOnce)
        where !pendingActionNames.contains(pending.name) {
            apply(pending, from: inbox)
        }
        guard !pendingControls.isEmpty || hasPendingOutput else { return }
        tryCommit(now: clock.now)
        if retryCommitAt == nil { pendingActionNames.removeAll { inbox.complete($0) } }
    }

    private func apply(_ pending: ActionInbox.PendingAction, from inbox: ActionInbox) {
        let now = clock.now
        // A person's times are the wall clock's; the gateway's time line differs from it by what
        // the wall clock was set since the start.
        let action = pending.action.moved(by: clock.leadOverWallClock)
        var problem: String?
        switch status(of: pending) {
        case .answered:
            // The centre has missed the answer, or its broker delivered the command twice.
            inbox.complete(pending.name)
            return
        case .idTaken:
            problem =
                "word_id '\(pending.answeredCommand?.id ?? "")' was used for another command before; give each its own"
            log.warning("\(Self.label(of: pending)) is refused: \(problem ?? "")")
        case .unanswered:
            do throws(OperatorActionError) {
                if let origin = pending.origin, !receives(origin.centre, alertOf: action) {
                    throw OperatorActionError.notSent(origin.centre)
                }
                if case .maintenanceEnds(let lift, _) = action, hasNoMaintenanceWindow(lift) {
                    problem = "no work is announced on lift '\(lift)'"
                    break
                }
                try intake.apply(action, at: now)
                log.notice("operator action: \(pending.action.text(\.local))")
                recorder?.event(.action(action), session: session, at: now)
                collectAlerts()
                pendingControls.append(TimedControlEvent(control: .action(action), time: now))
            } catch {
                log.warning("\(Self.label(of: pending)) is refused: \(error)")
                problem = error.description
                // With the time as the person gave it.
                if case .over = error, case .maintenance(_, let until, _, _) = pending.action {
                    problem = OperatorActionError.over(until).description
                }
            }
        }
        if let origin = pending.origin {
            if let answered = pending.answeredCommand { pendingCommands.append(answered) }
            answer(origin, action, problem, at: now)
        } else if let problem {
            return inbox.refuse(pending.name, because: problem)
        }
        pendingActionNames.append(pending.name)
    }

    /// The action's origin and subject, as log lines name it.
    private static func label(of pending: ActionInbox.PendingAction) -> String {
        let alert = pending.action.alertID.map { " about alert '\($0)'" } ?? ""
        guard let origin = pending.origin else { return "an operator action\(alert)" }
        return "\(origin.centre): a command\(origin.commandID.map { " with the word_id '\($0)'" } ?? "")\(alert)"
    }

    /// Whether the lift is known, and no maintenance window is open on it.
    private func hasNoMaintenanceWindow(_ lift: String) -> Bool {
        intake.detector.index(of: lift).map { intake.detector.view($0).maintenanceUntil == nil } ?? false
    }

    /// Whether the centre's command was answered before, by its id.
    private func status(of pending: ActionInbox.PendingAction) -> Journal.CommandStatus {
        guard let command = pending.answeredCommand else { return .unanswered }
        if pendingCommands.contains(command) { return .answered }
        let isIDTaken = pendingCommands.contains { $0.centre == command.centre && $0.id == command.id }
        do throws(JournalError) {
            let status = try journal.status(of: command)
            return status == .unanswered && isIDTaken ? .idTaken : status
        } catch {
            // Applying a command twice does less harm than not applying it.
            log.error("\(error)")
            return .unanswered
        }
    }

    /// Answers the centre commands that could not be read, with the reason.
    func answerRefusedCommands() {
        for (centre, command) in delivery.takeRefusedCommands() {
            let now = clock.now
            let id = AlertIdentity.id(
                settings.site.origin, lift: settings.site.id, kind: "word", onset: now.nanoseconds, earlier: 1)
            enqueue(
                OutboundEvent(
                    id: id, type: "word", lane: .fault, subject: settings.site.id,
                    body: CommandAnswer.json(command, of: centre, id: id, site: settings.site, at: clock.calendar(now)))
            )
        }
    }

    /// Whether the centre receives the lane of the alert that the action is about. The detector
    /// refuses an action about an unknown alert.
    func receives(_ centre: String, alertOf action: OperatorAction) -> Bool {
        guard let lane = action.alertID.flatMap({ intake.detector.lane(ofAlert: $0) }) else { return true }
        return settings.lanes[centre]?.contains(lane) ?? false
    }

    func answer(_ origin: ActionInbox.CentreOrigin, _ action: OperatorAction, _ problem: String?, at now: Instant) {
        let id = AlertIdentity.id(
            settings.site.origin, lift: settings.site.id, kind: "word", onset: now.nanoseconds, earlier: 0)
        pendingEvents.append(
            OutboundEvent(
                id: id, type: "word", lane: .fault, subject: settings.site.id,
                body: CommandAnswer.json(
                    origin, action, problem: problem, id: id, site: settings.site, at: clock.calendar(now))))
    }

    /// Continues under changed rules. Pending output is committed first, and the next commit
    /// includes a snapshot: a restart must not replay under the new rules what was evaluated under
    /// the old ones.
    func adopt(_ rules: RuleSet) throws {
        checkForStall()
        let now = clock.now
        collectAlerts()
        try commit(now: now)
        try intake.adopt(rules, at: now)
        collectAlerts()
        wantsSnapshot = true
        // If this fails, the new rules stay in force, and the commit is retried.
        tryCommit(now: now)
        lastSnapshot = MonotonicClock.nanoseconds
    }

    // MARK: Self-test

    /// - Returns: whether a test starts; not while one runs.
    @discardableResult
    func startSelfTest(centres: [String], data: DeviceData) throws -> Bool {
        guard selfTest == nil else { return false }
        log.notice("self-test: a virtual lift stops between floors with a passenger")
        selfTest = try SelfTest(
            site: settings.site, centres: centres, data: data, rules: intake.detector.rules,
            client: settings.client, at: clock.now)
        selfTestReport = selfTest?.report
        return true
    }

    func continueSelfTest(_ now: Instant) {
        guard selfTest != nil, retryCommitAt == nil else { return }
        do throws(JournalError) {
            for alert in try selfTest?.turn(at: now, observesLifts: isDrained, journal) ?? [] { enqueue(alert) }
        } catch { log.error("self-test: \(error)") }
        guard let report = selfTest?.report else { return }
        selfTestReport = report
        guard let ended = report.ended else { return }
        selfTest = nil
        enqueue(.selfTest(report, site: settings.site, at: now, calendarOffset: clock.calendarOffset))
        lastSelfTestFailure = report.problem
        if let problem = report.problem {
            log.error("self-test failed: \(problem)")
            let raised = siteAlerts.selfTestFailed.raise(
                onset: report.started, at: now, hold: .zero, because: GatewayKind.selfTestFailed.raised)
            if var raised {
                raised.statement = Statement(by: "self-test", remark: problem)
                enqueue(raised)
            }
        } else {
            let stored = report.stored.map { "\($0.centre) after \($0.seconds) s" }.joined(separator: ", ")
            log.notice(
                "self-test passed: raised after \(report.raised ?? 0) s, stored by \(stored); over after \(ended) s")
            let cleared = siteAlerts.selfTestFailed.clear(at: now, because: GatewayKind.selfTestFailed.cleared)
            if let cleared { enqueue(cleared) }
        }
        do throws(JournalError) {
            try journal.set("selftest_at", now.nanoseconds)
            try journal.set("selftest_passed", report.passed ? 1 : 0)
        } catch { log.error("\(error)") }
    }

    // MARK: The clock

    /// Reports a change of the calendar at the start: times that earlier runs sent were wrong, and
    /// the centres receive the correction.
    func report(_ change: TimeLineCheck.Change) {
        // Where the line was behind, `reportClockCorrection` covers the runs of this boot; of other
        // boots nothing is known.
        guard change.correction < .zero else {
            return log.notice("times continue from \(clock.calendarNow.rfc3339): the wall clock is synchronised")
        }
        var corrected = 0
        do throws(JournalError) {
            corrected = try journal.correctRuns(beganAfter: clock.calendarNow, by: change.correction.nanoseconds)
        } catch { log.error("\(error)") }
        enqueue(.newTimeLine(change, site: settings.site, bootID: settings.bootID, at: clock.calendarNow))
        log.warning(
            "the times sent until now were wrong by \(change.correction.spanText): the wall clock is right (\(change.evidence.rawValue)), and times continue from \(clock.calendarNow.rfc3339); \(corrected) earlier runs are corrected, and the centre is informed"
        )
    }

    /// Reports a wall clock that was set right. The time stamps of this run, and of earlier runs of
    /// the same boot, get the correction, and the centres receive it.
    func reportClockCorrection() {
        guard clock.quality != .free, retryCommitAt == nil else { return }
        noteSynchronised()
        let correction = abs(clock.wallOffset) < .seconds(1) ? .zero : clock.wallOffset
        let hasChanged = abs(correction - (reportedCorrection ?? .zero)) >= .seconds(1)
        guard reportedCorrection == nil || hasChanged else { return }
        do throws(JournalError) {
            let earlier = try journal.correctRuns(by: correction.nanoseconds)
            reportedCorrection = correction
            guard hasChanged || earlier > 0 else { return }
            enqueue(.clock(correction: correction, site: settings.site, bootID: settings.bootID, at: clock.calendarNow))
            log.notice(
                "the wall clock was set: times of this run are off by \(correction.spanText), those of \(earlier) earlier ones of this boot are corrected too; the centre is informed"
            )
        } catch { log.error("\(error)") }
    }
}

extension TelemetryLoop {
    private static let noteSynchronisedEvery = Duration.seconds(600)

    /// The next start needs to know when the kernel last reported the clock as synchronised.
    private func noteSynchronised() {
        let now = clock.now
        guard clock.quality == .synchronised,
            synchronisationNotedAt.map({ now - $0 >= Self.noteSynchronisedEvery }) ?? true
        else { return }
        synchronisationNotedAt = now
        do throws(JournalError) { try journal.set(GatewayClock.synchronisedCounter, now.nanoseconds) } catch {
            log.error("\(error)")
        }
    }
}

private func abs(_ duration: Duration) -> Duration { duration < .zero ? .zero - duration : duration }
