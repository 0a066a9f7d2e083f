import Encoding
import LiftModel

/// One fact of what physically happened, a line of the truth; times in seconds since 1970.
///
/// `decidable`: from then on the reports that had arrived, and the time that had passed, showed it;
/// null where they never did. `confirmable`: from then on they showed so much that entrapment.md
/// confirms it; null where it stays a suspicion.
package struct TruthRow: Sendable, Decodable {
    package var kind: String
    package var lift: String
    package var start: Double
    package var decidable: Double?
    /// Of an entrapment: the evidence at `decidable`; since when it must be confirmed, and on which
    /// evidence.
    package var branch: EntrapmentEvidence.Branch?
    package var confirmable: Double?
    package var confirmedBy: EntrapmentEvidence.Confirmation?
    package var end: Double
    /// People in the car, of an entrapment or a breakdown.
    package var people: Int?
    /// off_level, at_level or silence.
    package var place: String?
    /// A cause of the catalogue.
    package var cause: String?
    /// `OccupancySensor.quality` of the lift.
    package var sensor: String?
    package var network: String?
    /// Of the run: how many lifts.
    package var lifts: Int?

    package func write(to json: inout JSONWriter) {
        json.object {
            $0.put("kind", kind)
            $0.put("lift", lift)
            $0.put("start", start.rounded(toDecimals: 3))
            if let decidable {
                $0.put("decidable", decidable.rounded(toDecimals: 3))
            } else {
                $0.null("decidable")
            }
            $0.put("branch", branch?.rawValue)
            if let confirmable { $0.put("confirmable", confirmable.rounded(toDecimals: 3)) }
            $0.put("confirmed_by", confirmedBy?.rawValue)
            $0.put("end", end.rounded(toDecimals: 3))
            $0.put("people", people)
            $0.put("place", place)
            $0.put("cause", cause)
            $0.put("sensor", sensor)
            $0.put("network", network)
            $0.put("lifts", lifts)
        }
        json.line()
    }
}

extension TruthRow {
    /// The truth of some buildings of one scenario until a moment, by default the end; the first
    /// row is the run itself.
    package static func of(_ buildings: [Building], until moment: Double? = nil) -> [TruthRow] {
        guard let scenario = buildings.first?.scenario else { return [] }
        let start = scenario.startSeconds
        let end = start + (moment ?? scenario.duration)
        let outages = scenario.gatewayOutages.map {
            TruthRow(
                kind: "gateway_away", lift: "", start: start + $0.lowerBound,
                end: start + $0.upperBound)
        }
        // Lift-years are counted from the end of settling.
        let begin = min(end, start + scenario.settling)
        var run = TruthRow(kind: "run", lift: "", start: begin, decidable: begin, end: end)
        run.lifts = buildings.reduce(0) { $0 + $1.plan.lifts }
        var rows = buildings.flatMap(\.truth) + outages
        rows.removeAll { $0.start > end }
        for index in rows.indices where rows[index].end > end { rows[index].end = end }
        rows.sort { ($0.start, $0.lift, $0.kind) < ($1.start, $1.lift, $1.kind) }
        return [run] + rows
    }
}

extension Double {
    package func rounded(toDecimals decimals: Int) -> Double {
        let scale = (0..<decimals).reduce(1.0) { p, _ in p * 10 }
        return (self * scale).rounded() / scale
    }
}
