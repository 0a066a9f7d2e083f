extension StatusPage {
    /// An open alert of a lift, of an area, or of the gateway itself.
    struct Incident: Decodable {
        var id: String
        /// The lift's id, or the site's.
        var lift: String
        var kind: String
        var state: String
        var sinceS: Double
        var acceptedBy: String?
        /// Whether a person has to accept it.
        var wantsAcceptance: Bool
    }

    /// Every open incident; those that wait for acceptance come first.
    var incidentLines: [String] {
        guard let incidents, !incidents.isEmpty else { return [] }
        let rows = incidents.sorted { ($0.rank, -$0.sinceS, $0.id) < ($1.rank, -$1.sinceS, $1.id) }.map { incident in
            [
                String(incident.id.prefix(8)),
                incident.lift == site ? "-" : (incident.lift.count > 8 ? "…" : "") + incident.lift.suffix(8),
                "\(incident.kind) \(incident.state)", Self.span(incident.sinceS),
                incident.acceptedBy.map { cut($0, 16) } ?? (incident.wantsAcceptance ? styled("nobody", "31") : ""),
            ]
        }
        return ["", table([["INCIDENT", "LIFT", "WHAT", "SINCE", "ACCEPTED BY"]] + rows)]
    }
}

extension StatusPage.Incident {
    fileprivate var rank: Int { wantsAcceptance ? (acceptedBy == nil ? 0 : 1) : 2 }
}
