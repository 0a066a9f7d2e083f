import LiftModel
import Monitoring

extension StatusSnapshot {
    /// An open alert of a lift, of an area, or of the gateway itself.
    package struct Incident: Codable, Sendable {
        package var id: String
        /// The lift's id, or the site's.
        package var lift: String
        package var kind: String
        package var state: String
        package var sinceSeconds: Double
        package var acceptedBy: String?
        /// Whether a person has to accept it.
        package var wantsAcceptance: Bool

        enum CodingKeys: String, CodingKey {
            case id, lift, kind, state
            case sinceSeconds = "since_s"
            case acceptedBy = "accepted_by"
            case wantsAcceptance = "wants_acceptance"
        }
    }
}

extension StatusSnapshot.Incident {
    init(_ alert: OpenAlert, _ now: Instant) {
        id = alert.id
        lift = alert.lift
        kind = alert.kind
        state = alert.state.rawValue
        sinceSeconds = (now - alert.onset).inSeconds
        acceptedBy = alert.acceptedBy
        wantsAcceptance = Alert.isEntrapment(alert.kind) || alert.kind == Alert.carAlarmCall
    }
}
