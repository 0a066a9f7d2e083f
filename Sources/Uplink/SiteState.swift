import Elevator
import Encoding

/// The retained word about a site: what a centre that starts empty rebuilds every open incident from, and what it goes by
/// when the building is dark.
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
        /// The person at a centre who deals with it.
        public var acceptedBy: String?
        public init(
            alertID: String, revision: Int, lift: String, kind: String, state: String, severity: String, onset: Instant,
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
    /// Lifts in which somebody may be now. If the site goes dark, these are to be treated as suspected.
    public var liftsThatMayHoldPeople: [String] = []
    /// Lifts that say that the mains is gone (code 41, or running on emergency power).
    public var liftsWithoutPower: [String] = []
    public var hearsLifts = false
    public init() {}

    /// What a centre is to know that is told of these lanes.
    func told(of lanes: Set<Lane>) -> SiteState {
        var told = self
        told.incidents.removeAll { !lanes.contains($0.lane) }
        if !lanes.contains(.entrapment) { told.liftsThatMayHoldPeople = [] }
        return told
    }

    func json(site: AlertEvent.Site, at time: Instant) -> [UInt8] {
        CloudEvent.json("site", id: "\(site.id)/\(time.nanoseconds)", site: site, subject: site.id, time: time) {
            $0.put("site", site.id)
            $0.put("hears_lifts", hearsLifts)
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
