import City

/// The confusion matrix: rows are the kinds of facts, columns the kinds of alerts.
///
/// A fact with an alert of its kind, also one that was still open, is on the diagonal; one without
/// is in the column `nothing`. An alert without a fact of its kind is in the row of the fact at
/// that time, or in the row `nothing`.
package struct Confusion: Sendable {
    package static let nothing = "nothing"
    package private(set) var counts: [String: [String: Int]] = [:]

    /// - Parameters:
    ///   - isJudged: kinds that the truth covers; others are left out.
    ///   - grace: seconds before and after a fact within which an alert belongs to it.
    package init(
        truth: [TruthRow], alerts: [AlertRevision], isJudged: (String) -> Bool, grace: Double
    ) {
        let runEnd = truth.first { $0.kind == "run" }?.end ?? .infinity
        let facts = Dictionary(
            grouping: truth.filter { !["run", "breakdown", "lift"].contains($0.kind) }, by: \.lift)
        let raised = AlertHistory.gather(alerts).compactMap {
            history -> (lift: String, kind: String, time: Double, history: AlertHistory)? in
            guard let time = history.firstRaised, time <= runEnd, isJudged(history.kind) else {
                return nil
            }
            return (history.lift, history.kind, time, history)
        }
        let alertsOfLift = Dictionary(grouping: raised, by: \.lift)
        for fact in facts.values.joined() where isJudged(fact.kind) {
            let isRaised = alertsOfLift[fact.lift]?.contains {
                $0.kind == fact.kind
                    && (Self.covers(fact, $0.time, grace) || $0.history.isOpen(at: fact.start))
            }
            counts[fact.kind, default: [:]][
                isRaised == true ? fact.kind : Self.nothing, default: 0] += 1
        }
        for alert in raised {
            let now = (facts[alert.lift] ?? []).filter { Self.covers($0, alert.time, grace) }
            if now.contains(where: { $0.kind == alert.kind }) { continue }
            let row = (now.first { isJudged($0.kind) } ?? now.first)?.kind ?? Self.nothing
            counts[row, default: [:]][alert.kind, default: 0] += 1
        }
    }

    /// Kinds of facts: entrapments first, `nothing` last, the others in alphabetical order.
    package var rows: [String] { Self.ordered(counts.keys) }
    /// Kinds of alerts, in the same order.
    package var columns: [String] { Self.ordered(Set(counts.values.flatMap(\.keys))) }

    private static func ordered(_ kinds: some Collection<String>) -> [String] {
        func rank(_ kind: String) -> Int { kind == "entrapment" ? 0 : kind == nothing ? 2 : 1 }
        return kinds.sorted { (rank($0), $0) < (rank($1), $1) }
    }

    private static func covers(_ fact: TruthRow, _ time: Double, _ grace: Double) -> Bool {
        fact.start - grace <= time && time <= fact.end + grace
    }
}
