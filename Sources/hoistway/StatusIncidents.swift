import Gateway

extension StatusSnapshot {
    /// Every open incident; those that wait for acceptance come first.
    var incidentLines: [String] {
        if incidents.isEmpty { return [] }
        let rows = incidents.sorted {
            ($0.rank, -$0.sinceSeconds, $0.id) < ($1.rank, -$1.sinceSeconds, $1.id)
        }.map {
            incident in
            [
                String(incident.id.prefix(8)),
                incident.lift == site
                    ? "-" : (incident.lift.count > 8 ? "…" : "") + incident.lift.suffix(8),
                "\(incident.kind) \(incident.state)", Self.span(incident.sinceSeconds),
                incident.acceptedBy.map { cut($0, 16) }
                    ?? (incident.wantsAcceptance ? styled("nobody", "31") : ""),
            ]
        }
        return ["", table([["INCIDENT", "LIFT", "WHAT", "SINCE", "ACCEPTED BY"]] + rows)]
    }
}

extension StatusSnapshot.Incident {
    fileprivate var rank: Int { wantsAcceptance ? (acceptedBy == nil ? 0 : 1) : 2 }
}
