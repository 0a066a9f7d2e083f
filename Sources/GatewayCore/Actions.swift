import Contract
import Journal
import LiftModel
import Monitoring

/// Operator actions and centre commands.
extension GatewayCore {
    /// A batch whose commit failed comes first, except where the disk is known to take nothing.
    public var takesActions: Bool { storage.failure == nil || storage.isWithoutDisk }

    mutating func apply(
        _ submitted: SubmittedAction, at moment: Moment, into effects: inout Effects
    ) {
        checkForStall(at: moment, into: &effects)
        // A person's times are the wall clock's; the gateway's time line differs from it by what
        // the wall clock was set since the start.
        let action = submitted.action.moved(by: submitted.leadOverWallClock)
        var problem: String?
        switch status(of: submitted) {
        case .answered:
            // The centre has missed the answer, or its broker delivered the command twice.
            return effects.add(.dropAction(submitted.name))
        case .idTaken:
            problem =
                "word_id '\(submitted.answeredCommand?.id ?? "")' was used for another command before; give each its own"
        case .unanswered:
            do throws(OperatorActionError) {
                if let origin = submitted.origin, !receives(origin.centre, alertOf: action) {
                    throw OperatorActionError.notSent(origin.centre)
                }
                if case .maintenanceEnds(let lift, _) = action, hasNoMaintenanceWindow(lift) {
                    problem = "no work is announced on lift '\(lift)'"
                    break
                }
                let time = nextEntry(at: moment)
                try intake.apply(action, at: time)
                effects.log(.notice, "operator action: \(submitted.text)")
                effects.add(.record(.action(action), at: time))
                collectAlerts(at: moment, into: &effects)
                output.controls.append(
                    TimedControlEvent(control: .action(action), time: time))
            } catch {
                problem = error.description
                // With the time as the person gave it.
                if case .over = error, case .maintenance(_, let until, _, _) = submitted.action {
                    problem = OperatorActionError.over(until).description
                }
            }
        }
        if let problem { effects.log(.warning, "\(submitted.label) is refused: \(problem)") }
        if let origin = submitted.origin {
            if let answered = submitted.answeredCommand, !injected(.forgetsAnsweredCommands) {
                output.commands.append(answered)
            }
            answer(origin, action, problem, at: moment)
        } else if let problem {
            return effects.add(.refuseAction(submitted.name, because: problem))
        }
        output.actionNames.append(submitted.name)
        if injected(.removesActionsBeforeTheirCommit) {
            effects.add(.actionsAreDurable([submitted.name]))
        }
    }

    mutating func commitActions(at moment: Moment, into effects: inout Effects) {
        if output.isForCentres || !output.controls.isEmpty {
            startCommit(at: moment, into: &effects)
        }
    }

    /// Whether the lift is known, and no maintenance window is open on it.
    private func hasNoMaintenanceWindow(_ lift: String) -> Bool {
        intake.detector.index(of: lift).map { intake.detector.view($0).maintenanceUntil == nil }
            ?? false
    }

    /// Whether the centre's command was answered before, by its id; also by what waits for its
    /// commit.
    private func status(of submitted: SubmittedAction) -> Journal.CommandStatus {
        guard let command = submitted.answeredCommand else { return .unanswered }
        if output.commands.contains(command) { return .answered }
        let isIDTaken = output.commands.contains {
            $0.centre == command.centre && $0.id == command.id
        }
        return submitted.status == .unanswered && isIDTaken ? .idTaken : submitted.status
    }

    /// Whether the centre receives the lane of the alert that the action is about. The detector
    /// refuses an action about an unknown alert.
    private func receives(_ centre: String, alertOf action: OperatorAction) -> Bool {
        guard let lane = action.alertID.flatMap({ intake.detector.lane(ofAlert: $0) }) else {
            return true
        }
        return settings.lanes[centre]?.contains(lane) ?? false
    }

    private mutating func answer(
        _ origin: SubmittedAction.Origin, _ action: OperatorAction, _ problem: String?,
        at moment: Moment
    ) {
        if injected(.answersNoCommand) { return }
        let id = nextAnswerID(at: moment)
        output.add(
            OutboundEvent(
                id: id, type: "word", lane: .fault, subject: settings.site.id,
                body: CommandAnswer.json(
                    of: origin.centre, commandID: origin.commandID, alertID: action.alertID,
                    understood: action.text(\.rfc3339), problem: problem, id: id,
                    site: settings.site, at: moment.time + settings.calendarOffset)))
    }

    /// Answers a centre command that could not be read, with the reason.
    mutating func answerRefused(
        _ command: RefusedCommand, of centre: String, at moment: Moment
    ) {
        let id = nextAnswerID(at: moment)
        output.add(
            OutboundEvent(
                id: id, type: "word", lane: .fault, subject: settings.site.id,
                body: CommandAnswer.json(
                    command, of: centre, id: id, site: settings.site,
                    at: moment.time + settings.calendarOffset)))
    }

    /// Several answers of one moment have different ids.
    private mutating func nextAnswerID(at moment: Moment) -> String {
        AlertIdentity.id(
            settings.site.origin, lift: settings.site.id, kind: "word",
            onset: moment.time.nanoseconds, earlier: output.countAnswer(at: moment.time))
    }
}

extension SubmittedAction {
    /// The action's origin and subject, as log lines name it.
    fileprivate var label: String {
        let alert = action.alertID.map { " about alert '\($0)'" } ?? ""
        guard let origin else { return "an operator action\(alert)" }
        return
            "\(origin.centre): a command\(origin.commandID.map { " with the word_id '\($0)'" } ?? "")\(alert)"
    }
}
