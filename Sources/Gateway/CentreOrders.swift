import Detection
import Elevator
import Encoding
import Uplink

extension Order {
    /// What a person at a centre has said, as an order to the detector; the centre vouches for the name.
    init(_ word: CentreWord, from centre: String) {
        let by = "\(word.by) (\(centre))"
        let statement = Statement(
            by: by, people: word.people, condition: word.condition, knownBy: word.knownBy, remark: word.reason)
        self =
            switch word.word {
            case .accepted: .accepted(alert: word.alertID, by: by)
            case .verified: .verified(alert: word.alertID, statement)
            case .dispatched: .progress(alert: word.alertID, .dispatched, statement)
            case .arrived: .progress(alert: word.alertID, .arrived, statement)
            case .released: .progress(alert: word.alertID, .released, statement)
            case .endOfAlarm: .endOfAlarm(alert: word.alertID, statement)
            case .judgedFalse: .judgedFalse(alert: word.alertID, by: by, reason: word.reason ?? "")
            }
    }
}

/// The answer to a centre's word: whether it was followed. Every centre gets it, as every centre gets the alert's revision.
enum WordAnswer {
    static func json(
        _ origin: OrderBox.CentreOrigin, _ order: Order, problem: String?, id: String, site: AlertEvent.Site,
        at time: Instant
    ) -> [UInt8] {
        CloudEvent.json("word", id: id, site: site, subject: site.id, time: time) {
            $0.put("centre", origin.centre)
            $0.put("word_id", origin.wordID)
            $0.put("alert_id", order.alertID)
            $0.put("understood", order.words)
            $0.put("followed", problem == nil)
            $0.put("problem", problem)
        }
    }
}
