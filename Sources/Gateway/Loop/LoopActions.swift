import Contract
import Delivery
import GatewayCore
import Journal
import LiftModel
import Monitoring
import Platform
import RuleLanguage

/// Operator actions, centre commands and changed rules on their way to the core.
extension TelemetryLoop {
    /// The most actions applied in one turn; messages of lifts wait meanwhile.
    private static let mostActionsAtOnce = 100

    /// Applies the pending actions of the inbox, all of a turn with one commit. The inbox keeps
    /// each until that commit is durable.
    func applyActions(from inbox: ActionInbox) {
        guard core.takesActions, isReadable(inbox) else { return }
        removeDurable(from: inbox, isRetry: true)
        do throws(Folder.Problem) {
            let applied = Set(core.appliedActions + actionsToRemove)
            for var action in try inbox.pendingActions(upTo: Self.mostActionsAtOnce)
            where !applied.contains(action.name) {
                action.status = status(of: action)
                action.leadOverWallClock = clock.leadOverWallClock
                action.text = action.action.text(\.local)
                handle(.action(action))
            }
        } catch { note(inbox: error) }
        for (name, refusal) in actionAnswers {
            if let refusal { inbox.refuse(name, because: refusal) } else { inbox.complete(name) }
        }
        actionAnswers.removeAll()
        handle(.endOfActions)
        removeDurable(from: inbox, isRetry: false)
    }

    /// Removes the files of actions that are in the journal.
    func removeDurable(from inbox: ActionInbox, isRetry: Bool) {
        actionsToRemove.removeAll { name in
            if inbox.complete(name) { return true }
            if isRetry {
                log.error(
                    "orders: '\(name)' cannot be removed from its folder; it is not applied again")
            }
            return false
        }
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

    /// Whether the journal has answered the centre's command before, by its id.
    private func status(of action: SubmittedAction) -> Journal.CommandStatus {
        guard let command = action.answeredCommand else { return .unanswered }
        do throws(JournalError) { return try journal.status(of: command) } catch {
            // Applying a command twice does less harm than not applying it.
            log.error("\(error)")
            return .unanswered
        }
    }

    /// Answers the centre commands that could not be read, with the reason.
    func answerRefusedCommands() {
        for (centre, command) in delivery.takeRefusedCommands() {
            handle(.refusedCommand(command, centre: centre))
        }
    }

    /// Continues under changed rules.
    /// - Throws: why the old rules stay in force.
    func adopt(_ rules: RuleSet) throws(RulesRefused) {
        rulesRefusal = nil
        handle(.rules(rules))
        if let rulesRefusal { throw RulesRefused(description: rulesRefusal) }
    }

    struct RulesRefused: Error, CustomStringConvertible {
        var description: String
    }
}
