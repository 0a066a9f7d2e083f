import Encoding
import LiftModel

/// The retained message with a site's state. A centre that starts empty restores every open
/// incident from it, and relies on it when the site is no longer reachable.
public struct SiteState: Sendable, Equatable {
    public struct Incident: Sendable, Equatable {
        public var alertID: String
        public var revision: Int
        public var lift: String
        public var kind: String
        public var state: String
        public var severity: String
        public var onset: Instant
        public var lane: Lane
        /// The person who has accepted it.
        public var acceptedBy: String?
        public init(
            alertID: String, revision: Int, lift: String, kind: String, state: String,
            severity: String, onset: Instant,
            lane: Lane, acceptedBy: String? = nil
        ) {
            self.acceptedBy = acceptedBy
            self.alertID = alertID
            self.revision = revision
            self.lift = lift
            self.kind = kind
            self.state = state
            self.severity = severity
            self.onset = onset
            self.lane = lane
        }
    }
    public var incidents: [Incident] = []
    /// Lifts that may hold people now. If the site is no longer reachable, they are to be treated
    /// as suspected.
    public var liftsThatMayHoldPeople: [String] = []
    /// Lifts that report lost mains (code 41, or running on emergency power).
    public var liftsWithoutPower: [String] = []
    public var observesLifts = false
    public init() {}

    /// The state for a centre that receives these lanes.
    package func filtered(to lanes: Set<Lane>) -> SiteState {
        var state = self
        state.incidents.removeAll { !lanes.contains($0.lane) }
        if !lanes.contains(.entrapment) { state.liftsThatMayHoldPeople = [] }
        return state
    }

    package func json(site: AlertEvent.Site, at time: Instant) -> [UInt8] {
        CloudEvent.json(
            "site", id: "\(site.id)/\(time.nanoseconds)", site: site, subject: site.id, time: time
        ) {
            $0.put("site", site.id)
            $0.put("hears_lifts", observesLifts)
            $0.array("open_alerts") { array in
                for incident in incidents {
                    array.object {
                        $0.put("alert_id", incident.alertID)
                        $0.put("revision", incident.revision)
                        $0.put("lift", incident.lift)
                        $0.put("kind", incident.kind)
                        $0.put("state", incident.state)
                        $0.put("severity", incident.severity)
                        $0.put("onset", incident.onset.rfc3339)
                        $0.put("accepted_by", incident.acceptedBy)
                    }
                }
            }
            $0.array("may_hold_people") { for lift in liftsThatMayHoldPeople { $0.item(lift) } }
            $0.array("without_power") { for lift in liftsWithoutPower { $0.item(lift) } }
        }
    }
}
