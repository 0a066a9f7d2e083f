@testable import City
@testable import Scoring

/// Facts and alerts of one lift, and their score.
protocol ScoreExamples {}

extension ScoreExamples {
    /// Seconds that the rule waits.
    static var hold: Double { 70 }

    func fact(
        _ kind: String = "entrapment", from start: Double = 1000, decidable: Double? = 1000,
        to end: Double = 2000,
        lift: String = "1"
    ) -> TruthRow {
        var row = TruthRow(kind: kind, lift: lift, start: start, decidable: decidable, end: end)
        row.place = "off_level"
        if decidable != nil, kind == "entrapment" {
            (row.branch, row.confirmable, row.confirmedBy) = (.offLevel, decidable, .offLevel)
        }
        return row
    }

    /// There is evidence, and entrapment.md leaves it a suspicion.
    func suspectable(from start: Double = 1000, to end: Double = 2000) -> TruthRow {
        var row = fact(from: start, decidable: start, to: end)
        (row.branch, row.confirmable, row.confirmedBy) = (.silence, nil, nil)
        return row
    }

    func run(to end: Double = 10_000) -> TruthRow {
        var row = TruthRow(kind: "run", lift: "", start: 0, decidable: 0, end: end)
        row.lifts = 1
        return row
    }

    func revision(_ state: String, at time: Double, id: String = "a", revision: Int = 1)
        -> AlertRevision
    {
        AlertRevision(
            alertID: id, revision: revision, lift: "1", kind: "entrapment", state: state,
            time: time,
            holds: Self.hold)
    }

    func score(
        _ truth: [TruthRow], _ revisions: [AlertRevision], deaf: [ClosedRange<Double>] = [],
        holds: [String: Double] = [:],
        entrapmentHolds: EntrapmentHolds = EntrapmentHolds()
    ) -> ScoreCard {
        ScoreCard(
            truth: [run()] + truth, alerts: revisions, grace: 2, holds: holds,
            entrapmentHolds: entrapmentHolds,
            deaf: deaf)
    }
}
