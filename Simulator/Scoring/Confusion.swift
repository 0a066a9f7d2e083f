import City

/// What was told while something was so: rows are what happened, columns what the alerts said.
///
/// A fact that an alert of its kind told of, also one that was still open, stands on the diagonal, one that none told of under
/// `nothing`. An alert with no fact of its kind stands in the row of what was going on instead, or of `nothing`.
package struct Confusion: Sendable {
    package static let nothing = "nothing"
    package private(set) var counts: [String: [String: Int]] = [:]

    /// - Parameters:
    ///   - isJudged: kinds that the truth speaks of; others are passed over.
    ///   - grace: seconds before and after a fact within which an alert belongs to it.
    package init(truth: [TruthRow], alerts: [AlertWord], isJudged: (String) -> Bool, grace: Double) {
        let runEnd = truth.first { $0.kind == "run" }?.end ?? .infinity
        let facts = Dictionary(grouping: truth.filter { !["run", "breakdown", "lift"].contains($0.kind) }, by: \.lift)
        let told = Story.gather(alerts).compactMap {
            story -> (lift: String, kind: String, time: Double, story: Story)? in
            guard let time = story.firstTold, time <= runEnd, isJudged(story.kind) else { return nil }
            return (story.lift, story.kind, time, story)
        }
        let alertsOfLift = Dictionary(grouping: told, by: \.lift)
        for fact in facts.values.joined() where isJudged(fact.kind) {
            let isTold = alertsOfLift[fact.lift]?.contains {
                $0.kind == fact.kind && (Self.covers(fact, $0.time, grace) || $0.story.isOpen(at: fact.start))
            }
            counts[fact.kind, default: [:]][isTold == true ? fact.kind : Self.nothing, default: 0] += 1
        }
        for alert in told {
            let now = (facts[alert.lift] ?? []).filter { Self.covers($0, alert.time, grace) }
            if now.contains(where: { $0.kind == alert.kind }) { continue }
            let row = (now.first { isJudged($0.kind) } ?? now.first)?.kind ?? Self.nothing
            counts[row, default: [:]][alert.kind, default: 0] += 1
        }
    }

    /// Kinds that happened, in alphabetical order, entrapments first and nothing last.
    package var rows: [String] { Self.ordered(counts.keys) }
    /// Kinds that were told, in the same order.
    package var columns: [String] { Self.ordered(Set(counts.values.flatMap(\.keys))) }

    private static func ordered(_ kinds: some Collection<String>) -> [String] {
        func rank(_ kind: String) -> Int { kind == "entrapment" ? 0 : kind == nothing ? 2 : 1 }
        return kinds.sorted { (rank($0), $0) < (rank($1), $1) }
    }

    private static func covers(_ fact: TruthRow, _ time: Double, _ grace: Double) -> Bool {
        fact.start - grace <= time && time <= fact.end + grace
    }
}
