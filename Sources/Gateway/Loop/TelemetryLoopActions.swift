import Connectivity
import Contract
import Delivery
import Journal
import LiftModel
import Monitoring
import Platform
import RuleLanguage

/// Operator actions, centre commands and changed rules.
extension TelemetryLoop {
    /// The most actions applied in one turn; messages of lifts wait meanwhile.
    private static let mostActionsAtOnce = 100

    /// Applies the pending actions of the inbox, all of a turn with one commit. The inbox keeps
    /// each until that commit is durable.
    func applyActions(from inbox: ActionInbox) {
        // A batch whose commit failed comes first, except where the disk is known to take nothing.
        guard storage.failure == nil || storage.isWithoutDisk else { return }
        checkForStall()
        guard isReadable(inbox) else { return }
        for name in output.actionNames where !inbox.complete(name) {
            log.error(
                "orders: '\(name)' cannot be removed from its folder; it is not applied again")
        }
        output.actionNames.removeAll { !inbox.isPending($0) }
        do throws(Folder.Problem) {
            for pending in try inbox.pendingActions(upTo: Self.mostActionsAtOnce)
            where !output.actionNames.contains(pending.name) {
                apply(pending, from: inbox)
            }
        } catch { note(inbox: error) }
        guard !output.controls.isEmpty || output.isForCentres else { return }
        tryCommit(now: clock.now)
        if storage.failure == nil { output.actionNames.removeAll { inbox.complete($0) } }
    }

    private func isReadable(_ inbox: ActionInbox) -> Bool {
        do throws(Folder.Problem) {
            try inbox.check()
            if inboxProblem != nil { log.notice("operator actions can be read again") }
            inboxProblem = nil
            return true
        } catch {
            note(inbox: error)
            return false
        }
    }

    /// Logs once why operator actions cannot be read: the folder is looked at every second.
    private func note(inbox problem: Folder.Problem) {
        if inboxProblem != problem.description {
            log.error("\(problem): operator actions wait until the gateway can read this folder")
        }
        inboxProblem = problem.description
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
                recorder?.event(.action(action), session: backlog.session, at: now)
                collectAlerts()
                output.controls.append(TimedControlEvent(control: .action(action), time: now))
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
            if let answered = pending.answeredCommand { output.commands.append(answered) }
            answer(origin, action, problem, at: now)
        } else if let problem {
            return inbox.refuse(pending.name, because: problem)
        }
        output.actionNames.append(pending.name)
    }

    /// The action's origin and subject, as log lines name it.
    private static func label(of pending: ActionInbox.PendingAction) -> String {
        let alert = pending.action.alertID.map { " about alert '\($0)'" } ?? ""
        guard let origin = pending.origin else { return "an operator action\(alert)" }
        return
            "\(origin.centre): a command\(origin.commandID.map { " with the word_id '\($0)'" } ?? "")\(alert)"
    }

    /// Whether the lift is known, and no maintenance window is open on it.
    private func hasNoMaintenanceWindow(_ lift: String) -> Bool {
        intake.detector.index(of: lift).map { intake.detector.view($0).maintenanceUntil == nil }
            ?? false
    }

    /// Whether the centre's command was answered before, by its id.
    private func status(of pending: ActionInbox.PendingAction) -> Journal.CommandStatus {
        guard let command = pending.answeredCommand else { return .unanswered }
        if output.commands.contains(command) { return .answered }
        let isIDTaken = output.commands.contains {
            $0.centre == command.centre && $0.id == command.id
        }
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
                settings.site.origin, lift: settings.site.id, kind: "word", onset: now.nanoseconds,
                earlier: 1)
            enqueue(
                OutboundEvent(
                    id: id, type: "word", lane: .fault, subject: settings.site.id,
                    body: CommandAnswer.json(
                        command, of: centre, id: id, site: settings.site, at: clock.calendar(now)))
            )
        }
    }

    /// Whether the centre receives the lane of the alert that the action is about. The detector
    /// refuses an action about an unknown alert.
    func receives(_ centre: String, alertOf action: OperatorAction) -> Bool {
        guard let lane = action.alertID.flatMap({ intake.detector.lane(ofAlert: $0) }) else {
            return true
        }
        return settings.lanes[centre]?.contains(lane) ?? false
    }

    func answer(
        _ origin: ActionInbox.CentreOrigin, _ action: OperatorAction, _ problem: String?,
        at now: Instant
    ) {
        let id = AlertIdentity.id(
            settings.site.origin, lift: settings.site.id, kind: "word", onset: now.nanoseconds,
            earlier: 0)
        output.add(
            OutboundEvent(
                id: id, type: "word", lane: .fault, subject: settings.site.id,
                body: CommandAnswer.json(
                    of: origin.centre, commandID: origin.commandID, alertID: action.alertID,
                    understood: action.text(\.rfc3339), problem: problem, id: id,
                    site: settings.site,
                    at: clock.calendar(now))))
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
        schedule.requestSnapshot()
        // If this fails, the new rules stay in force, and the commit is retried.
        tryCommit(now: now)
        schedule.noteSnapshotAttempt(at: MonotonicClock.nanoseconds)
    }
}
