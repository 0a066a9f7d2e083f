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
        text += recall(by: "occupancy sensor", card.strata(by: \.sensor)) + "\n\n"
        text += recall(by: "network", card.strata(by: \.network))
        let sensors = OccupancySensor.qualities
        let causes = Set(card.strata.keys.map(\.cause)).subtracting([""]).sorted()
        text +=
            "\n\nMissed of those that had to be told, by cause:\n\n"
            + table(
                ["cause"] + sensors,
                causes.map { cause in
                    [cause]
                        + sensors.map { sensor in
                            let sum = card.sum { $0.cause == cause && $0.sensor == sensor }
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
        let places = Set(card.strata.keys.map(\.place)).subtracting([""]).sorted()
        text +=
            "\n\nSuspected, 95th percentile, by cause; a car that runs without getting anywhere stands still after 45 s (EN 81-20 5.9.2.7):\n\n"
            + table(
                ["cause"] + places,
                causes.map { cause in
                    [cause]
                        + places.map { place in
                            seconds(card.sum { $0.cause == cause && $0.place == place }.suspectedAfter, 0.95)
                        }
                })
        return text
    }

    /// What was raised though nobody was trapped, and how often something looked like it, by what `name` says.
    static func precision(by name: String, _ rows: [(String, ScoreCard)]) -> String {
        let heads = [
            name, "lift-years", "confirmed falsely", "at most, a lift and year (95%)", "suspected falsely",
            "a lift and year", "cautious", "a lift and year", "suspected cautiously", "really trapped", "missed",
            "episodes of the rarest nuisance",
        ]
        let cells = rows.map { name, card in
            var score = card.entrapment
            score += card.stuck
            func yearly(_ count: Int) -> String { written(Double(count) / card.liftYears, 3) }
            return [
                name, written(card.liftYears, 2), "\(score.falseAlarms)",
                written(Bounds.upper(score.falseAlarms) / card.liftYears, 4), "\(score.suspectedFalsely)",
                yearly(score.suspectedFalsely), "\(score.cautious)", yearly(score.cautious),
                "\(score.suspectedCautiously)", "\(score.happened)", "\(score.missed)",
                card.nuisances.min { $0.value < $1.value }.map { "\($0.key) \($0.value)" } ?? "-",
            ]
        }
        return table(heads, cells)
    }

    private static func recall(by name: String, _ strata: [(name: String, score: KindScore)]) -> String {
        let heads = [
            name, "had to be told", "within the holds", "later, within 180 s", "missed", "recall at least (95%)",
            "open from before", "over before the holds", "nothing showed them", "told twice", "ended early",
            "never ended",
            "confirmed falsely", "cautious", "suspected falsely",
        ]
        let rows = strata.map { name, score in
            let bound = score.owed == 0 ? "-" : written(max(0, 1 - Bounds.upper(score.missed) / Double(score.owed)), 5)
            let counts = [
                score.carried, score.brief, score.unknowable, score.doubled, score.clearedEarly, score.neverCleared,
                score.falseAlarms, score.cautious, score.suspectedFalsely,
            ]
            return [name, "\(score.owed)", "\(score.inTime)", "\(score.late)", "\(score.missed)", bound]
                + counts.map(String.init)
        }
        return table(heads, rows)
    }
}
