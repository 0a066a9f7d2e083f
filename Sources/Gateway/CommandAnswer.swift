import Encoding
import LiftModel
import Monitoring
import Uplink

extension OperatorAction {
    /// The operator action of a centre command; the centre vouches for the person's name.
    init(_ command: CentreCommand, from centre: String) {
        let by = "\(command.by) (\(centre))"
        let statement = Statement(
            by: by, people: command.people, condition: command.condition, knownBy: command.knownBy,
            remark: command.reason)
        self =
            switch command.kind {
            case .accepted: .accepted(alert: command.alertID, by: by)
            case .verified: .verified(alert: command.alertID, statement)
            case .dispatched: .progress(alert: command.alertID, .dispatched, statement)
            case .arrived: .progress(alert: command.alertID, .arrived, statement)
            case .released: .progress(alert: command.alertID, .released, statement)
            case .endOfAlarm: .endOfAlarm(alert: command.alertID, statement)
            case .judgedFalse: .judgedFalse(alert: command.alertID, by: by, reason: command.reason ?? "")
            }
    }
}

/// The answer to a centre command: whether it was applied, and if not, why. Every centre receives
/// it, as every centre receives the alert's revision.
enum CommandAnswer {
    static func json(
        _ origin: ActionInbox.CentreOrigin, _ action: OperatorAction, problem: String?, id: String,
        site: AlertEvent.Site, at time: Instant
    ) -> [UInt8] {
        CloudEvent.json("word", id: id, site: site, subject: site.id, time: time) {
            $0.put("centre", origin.centre)
            $0.put("word_id", origin.commandID)
            $0.put("alert_id", action.alertID)
            $0.put("understood", action.text(\.rfc3339))
            $0.put("followed", problem == nil)
            $0.put("problem", problem)
        }
    }

    /// The answer to a command that could not be read.
    static func json(
        _ command: RefusedCommand, of centre: String, id: String, site: AlertEvent.Site, at time: Instant
    ) -> [UInt8] {
        CloudEvent.json("word", id: id, site: site, subject: site.id, time: time) {
            $0.put("centre", centre)
            $0.put("word_id", command.commandID)
            $0.put("alert_id", command.alertID ?? "")
            $0.put("understood", "")
            $0.put("followed", false)
            $0.put("problem", command.problem)
            if command.unanswered > 0 { $0.put("unanswered", command.unanswered) }
        }
    }
}
