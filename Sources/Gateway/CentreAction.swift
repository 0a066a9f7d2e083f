import Contract
import GatewayCore
import LiftModel
import Monitoring

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
            case .judgedFalse:
                .judgedFalse(alert: command.alertID, by: by, reason: command.reason ?? "")
            }
    }
}
