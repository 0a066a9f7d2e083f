import City
import Scoring

/// Scores as tables for docs/detection.md.
enum Markdown {
    static func table(_ heads: [String], _ rows: [[String]]) -> String {
        ([heads, heads.map { _ in "---" }] + rows).map { "| " + $0.joined(separator: " | ") + " |" }
            .joined(separator: "\n")
    }

    private static func seconds(_ values: [Float], _ share: Double) -> String {
        quantile(values, share).map { "\(written($0, 1)) s" } ?? "-"
    }

    /// Recall by quality of the sensor, by cause, and how long it took by place.
    static func strata(_ card: ScoreCard) -> String {
        let least = card.strata(by: { "\($0.cause) \($0.sensor) \($0.network)" }).filter { $0.score.owed > 0 }
        var text = "\(least.count) strata of cause × sensor × network, the smallest with "
        text += "\(least.map(\.score.owed).min() ?? 0) entrapments that had to be told.\n\n"
        text += table(
            [
                "occupancy sensor", "had to be told", "in time", "missed", "recall at least (95%)",
                "over before the holds",
                "nothing showed them", "told twice", "ended early", "never ended",
            ],
            card.strata(by: \.sensor).map { recall($0.name, $0.score) })
        text +=
            "\n\n"
            + table(
                [
                    "network", "had to be told", "in time", "missed", "recall at least (95%)", "over before the holds",
                    "nothing showed them", "told twice", "ended early", "never ended",
                ],
                card.strata(by: \.network).map { recall($0.name, $0.score) })
        let sensors = OccupancySensor.qualities
        let causes = Set(card.strata.keys.map(\.cause)).sorted()
        text +=
            "\n\nMissed of those that had to be told, by cause:\n\n"
            + table(
                ["cause"] + sensors,
                causes.map { cause in
                    [cause]
                        + sensors.map { sensor in
                            var sum = KindScore()
                            for (stratum, score) in card.strata where stratum.cause == cause && stratum.sensor == sensor
                            {
                                sum += score
                            }
                            return sum.owed == 0 ? "-" : "\(sum.missed) of \(sum.owed)"
                        }
                })
        text +=
            "\n\nFrom physically trapped to the gateway's word:\n\n"
            + table(
                ["where", "suspected p50", "p95", "worst", "confirmed p50", "p95", "worst", "confirmed within 180 s"],
                card.strata(by: \.place).map { name, score in
                    let inTime = score.toldAfter.count { $0 <= 180 }
                    return [
                        name, seconds(score.suspectedAfter, 0.5), seconds(score.suspectedAfter, 0.95),
                        seconds(score.suspectedAfter, 1), seconds(score.toldAfter, 0.5), seconds(score.toldAfter, 0.95),
                        seconds(score.toldAfter, 1), "\(inTime) of \(score.toldAfter.count)",
                    ]
                })
        return text
    }

    /// What was raised though nobody was trapped, and what had looked like it.
    static func precision(_ card: ScoreCard) -> String {
        let score = card.entrapment
        func rate(_ count: Int) -> String { written(Double(count) / card.liftYears, 3) }
        func bound(_ count: Int) -> String { written(Bounds.upper(count) / card.liftYears, 4) }
        return table(
            [
                "lift-years", "confirmed falsely", "at most, a lift and year (95%)", "suspected falsely",
                "a lift and year",
                "cautious", "really trapped for a moment", "missed",
            ],
            [
                [
                    written(card.liftYears, 2), "\(score.falseAlarms)", bound(score.falseAlarms),
                    "\(score.suspectedFalsely)", rate(score.suspectedFalsely), "\(score.cautious)", "\(score.brief)",
                    "\(score.missed)",
                ]
            ])
            + "\n\nEpisodes: "
            + card.nuisances.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }.joined(separator: ", ") + "."
    }

    private static func recall(_ name: String, _ score: KindScore) -> [String] {
        let bound = score.owed == 0 ? "-" : written(max(0, 1 - Bounds.upper(score.missed) / Double(score.owed)), 5)
        let counts = [score.brief, score.unknowable, score.doubled, score.clearedEarly, score.neverCleared]
        return [name, "\(score.owed)", "\(score.detected)", "\(score.missed)", bound] + counts.map(String.init)
    }
}
