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

    /// Recall by quality of the sensor, by network and by cause, and the delay by place.
    static func strata(_ card: ScoreCard) -> String {
        let least = card.strata(by: { "\($0.cause) \($0.sensor) \($0.network)" }).filter {
            $0.score.suspicionExpected > 0
        }
        var text = "\(least.count) strata of cause × sensor × network, the smallest with "
        text +=
            "\(least.map(\.score.suspicionExpected).min() ?? 0) entrapments that had to be suspected.\n\n"
        for (name, key) in [("occupancy sensor", \Stratum.sensor), ("network", \Stratum.network)] {
            text += suspected(by: name, card.strata(by: { $0[keyPath: key] })) + "\n\n"
            text += confirmed(by: name, card.strata(by: { $0[keyPath: key] })) + "\n\n"
        }
        text += "What the definition leaves a suspicion, by place:\n\n"
        text += suspected(by: "where", card.strata(by: \.place))
        let sensors = OccupancySensor.qualities
        let causes = Set(card.strata.keys.map(\.cause)).subtracting([""]).sorted()
        text +=
            "\n\nMissed of those that had to be confirmed / not suspected of those that had to be, by cause:\n\n"
            + table(
                ["cause"] + sensors,
                causes.map { cause in
                    [cause]
                        + sensors.map { sensor in
                            let sum = card.sum { $0.cause == cause && $0.sensor == sensor }
                            let missed =
                                sum.expected == 0 ? "-" : "\(sum.missed) of \(sum.expected)"
                            return "\(missed) / \(sum.suspicionMissed) of \(sum.suspicionExpected)"
                        }
                })
        text +=
            "\n\nFrom physically trapped to the gateway's alert:\n\n"
            + table(
                [
                    "where", "suspected p50", "p95", "worst", "confirmed p50", "p95", "worst",
                    "confirmed within 180 s",
                ],
                card.strata(by: \.place).map { name, score in
                    let inTime = score.raisedAfter.count { $0 <= 180 }
                    return [
                        name, seconds(score.suspectedAfter, 0.5),
                        seconds(score.suspectedAfter, 0.95),
                        seconds(score.suspectedAfter, 1), seconds(score.raisedAfter, 0.5),
                        seconds(score.raisedAfter, 0.95),
                        seconds(score.raisedAfter, 1), "\(inTime) of \(score.raisedAfter.count)",
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
                            seconds(
                                card.sum { $0.cause == cause && $0.place == place }.suspectedAfter,
                                0.95)
                        }
                })
        return text
    }

    /// The false confirmations and suspicions, by what `name` says.
    static func precision(by name: String, _ rows: [(String, ScoreCard)]) -> String {
        let heads = [
            name, "lift-years", "confirmed of nobody", "of them cautious",
            "of them by a sensor that errs",
            "at most, a lift and year (95%)",
            "suspected of nobody", "a lift and year", "of them in a silence or doubt",
            "really trapped",
            "not suspected", "missed", "raised twice", "episodes of the rarest nuisance",
        ]
        let cells = rows.map { name, card in
            var score = card.entrapment
            score += card.stuck
            func yearly(_ count: Int) -> String { written(Double(count) / card.liftYears, 3) }
            return [
                name, written(card.liftYears, 2), "\(score.falseAlarms)", "\(score.cautious)",
                "\(score.misled)",
                written(Bounds.upper(score.falseAlarms) / card.liftYears, 4),
                "\(score.suspectedFalsely)",
                yearly(score.suspectedFalsely), "\(score.suspectedCautiously)", "\(score.happened)",
                "\(score.suspicionMissed)", "\(score.missed)", "\(score.doubled)",
                card.nuisances.min { ($0.value, $0.key) < ($1.value, $1.key) }.map {
                    "\($0.key) \($0.value)"
                } ?? "-",
            ]
        }
        return table(heads, cells)
    }

    /// Lifts in good order: false entrapments by the sensor, and all other alerts.
    static func life(_ name: String, _ card: ScoreCard) -> String {
        var text = precision(by: "city", [(name, card)]) + "\n\n"
        text += table(
            ["occupancy sensor", "confirmed of nobody", "suspected of nobody"],
            card.strata(by: \.sensor).map {
                [$0.name, "\($0.score.falseAlarms)", "\($0.score.suspectedFalsely)"]
            })
        text +=
            "\n\nOther alerts in these lift-years, a lift and year (stages above suspicion):\n\n"
        let others = card.raised.filter { $0.key != "entrapment" }.sorted {
            ($1.value, $0.key) < ($0.value, $1.key)
        }
        text += table(
            ["kind", "alerts", "a lift and year"],
            others.map { [$0.key, "\($0.value)", written(Double($0.value) / card.liftYears, 3)] })
        text += "\n\nEpisodes: "
        text +=
            card.nuisances.sorted(by: <).map { "\($0.key) \($0.value)" }.joined(separator: ", ")
            + "."
        return text
    }

    private static func bound(_ missed: Int, of expected: Int) -> String {
        expected == 0 ? "-" : written(max(0, 1 - Bounds.upper(missed) / Double(expected)), 5)
    }

    /// Every entrapment with evidence. The last columns are those that the definition never
    /// confirms.
    private static func suspected(by name: String, _ strata: [(name: String, score: KindScore)])
        -> String
    {
        let heads = [
            name, "had to be suspected", "within the holds", "later, within 180 s", "missed",
            "recall at least (95%)",
            "over before the holds", "nothing showed them", "stay suspicions",
            "confirmed all the same",
        ]
        let rows = strata.map { name, score in
            [
                name, "\(score.suspicionExpected)", "\(score.suspicionInTime)",
                "\(score.suspicionLate)",
                "\(score.suspicionMissed)",
                bound(score.suspicionMissed, of: score.suspicionExpected), "\(score.brief)",
                "\(score.unknowable)", "\(score.suspectable)", "\(score.confirmedAnyway)",
            ]
        }
        return table(heads, rows)
    }

    private static func confirmed(by name: String, _ strata: [(name: String, score: KindScore)])
        -> String
    {
        let heads = [
            name, "had to be confirmed", "within the holds", "later, within 180 s", "missed",
            "recall at least (95%)",
            "open from before", "raised twice", "ended early", "never ended", "confirmed of nobody",
            "of them cautious",
            "of them by a sensor that errs", "suspected of nobody",
        ]
        let rows = strata.map { name, score in
            let counts = [
                score.carried, score.doubled, score.clearedEarly, score.neverCleared,
                score.falseAlarms, score.cautious,
                score.misled, score.suspectedFalsely,
            ]
            return [
                name, "\(score.expected)", "\(score.inTime)", "\(score.late)", "\(score.missed)",
                bound(score.missed, of: score.expected),
            ] + counts.map(String.init)
        }
        return table(heads, rows)
    }
}
