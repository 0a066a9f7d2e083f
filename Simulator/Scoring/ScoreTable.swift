import City
import Encoding

/// A score as text for a person, and as JSON for a program.
extension ScoreCard {
    /// The kinds as they are shown: entrapments first.
    package var rows: [(name: String, score: KindScore)] {
        let others = kinds.filter { $0.key != "entrapment" }.sorted { $0.key < $1.key }.map {
            ($0.key, $0.value)
        }
        let hasStuck = stuck.happened > 0 || stuck.falseAlarms > 0
        return [("entrapment", entrapment)] + (hasStuck ? [("(stuck sensors)", stuck)] : [])
            + others
    }

    package var table: String {
        var text = Self.row([
            "KIND", "HAPPENED", "DETECTED", "MISSED", "FALSE", "CAUTIOUS", "BRIEF", "EXPLAINED",
            "UNKNOWN", "P50",
            "P99", "WORST",
        ])
        for (name, score) in rows { text += "\n" + Self.row(name, score) }
        let e = entrapment
        text +=
            "\nto be suspected: \(e.suspicionExpected) entrapments with evidence, \(e.suspicionInTime) in time, "
        text +=
            "\(e.suspicionLate) later, \(e.suspicionMissed) missed; of these \(e.suspectable) are not confirmed by "
        text += "the definition, and \(e.confirmedAnyway) were nevertheless"
        text +=
            "\nentrapments: \(e.late) raised later than the holds but within 180 s of the evidence, "
        text +=
            "\(e.doubled) raised twice, \(e.clearedEarly) ended early, \(e.neverCleared) never ended, "
        text += "\(e.suspectedFalsely) suspected while nobody was trapped, "
        text += "\(e.misled) of the false ones by a sensor that is wrong, "
        text +=
            "\(e.carried) while an earlier alert was open, \(e.raisedAnyway) raised although not required"
        if liftYears > 0 {
            let bound = (Bounds.upper(e.falseAlarms) / liftYears).rounded(toDecimals: 4)
            text +=
                "; false ones per lift-year: at most \(bound) (95%) in \(liftYears.rounded(toDecimals: 2)) lift-years"
        }
        if beyondTruth > 0 {
            text += "\n\(beyondTruth) alerts of kinds that the truth does not cover"
        }
        text +=
            "\n\(unique) alert revisions, \(received - unique) received twice and counted once, \(lost) lost"
        return text
    }

    private static func row(_ name: String, _ score: KindScore) -> String {
        func seconds(_ share: Double) -> String {
            quantile(score.raisedAfter, share).map { "\($0.rounded(toDecimals: 1)) s" } ?? "-"
        }
        let counts = [
            score.happened, score.detected, score.missed, score.falseAlarms, score.cautious,
            score.brief,
            score.explained, score.unknowable,
        ]
        return row([name] + counts.map(String.init) + [seconds(0.5), seconds(0.99), seconds(1)])
    }

    private static func row(_ cells: [String]) -> String {
        cells.enumerated().map { index, cell in
            let width = index == 0 ? 22 : 10
            let padding = String(repeating: " ", count: max(1, width - cell.count))
            return index == 0 ? cell + padding : padding + cell
        }.joined()
    }

    package var json: String {
        var json = JSONWriter()
        json.object {
            $0.put("lift_years", liftYears.rounded(toDecimals: 6))
            $0.object("kinds") { object in
                for (name, score) in rows where name != "(stuck sensors)" {
                    Self.put(name, score, &object)
                }
            }
            $0.object("stuck_sensors") { Self.put("entrapment", stuck, &$0) }
            $0.array("strata") { array in
                for (stratum, score) in strata.sorted(by: { $0.key.name < $1.key.name }) {
                    array.object {
                        $0.put("cause", stratum.cause)
                        $0.put("sensor", stratum.sensor)
                        $0.put("network", stratum.network)
                        $0.put("place", stratum.place)
                        Self.put("score", score, &$0)
                    }
                }
            }
            $0.object("nuisances") {
                for (name, count) in nuisances.sorted(by: <) { $0.put(name, count) }
            }
            $0.object("told") { for (name, count) in raised.sorted(by: <) { $0.put(name, count) } }
            $0.object("breakdowns") {
                for (name, count) in breakdowns.sorted(by: <) { $0.put(name, count) }
            }
            $0.array("findings") { array in
                for finding in findings {
                    array.object {
                        $0.put("verdict", finding.verdict.rawValue)
                        $0.put("kind", finding.kind)
                        $0.put("lift", finding.lift)
                        $0.put("time_s", finding.time.rounded(toDecimals: 3))
                        $0.put("cause", finding.cause)
                    }
                }
            }
            $0.put("revisions", unique)
            $0.put("received_twice", received - unique)
            $0.put("lost", lost)
        }
        return json.text
    }

    private static func put(_ name: String, _ score: KindScore, _ json: inout JSONWriter) {
        json.object(name) {
            $0.put("happened", score.happened)
            $0.put("detected", score.detected)
            $0.put("late", score.late)
            $0.put("missed", score.missed)
            $0.put("false", score.falseAlarms)
            $0.put("suspected_only", score.suspectedOnly)
            $0.put("suspicion_owed", score.suspicionExpected)
            $0.put("suspicion_late", score.suspicionLate)
            $0.put("suspicion_missed", score.suspicionMissed)
            $0.put("suspectable", score.suspectable)
            $0.put("confirmed_anyway", score.confirmedAnyway)
            $0.put("suspected_falsely", score.suspectedFalsely)
            $0.put("cautious", score.cautious)
            $0.put("misled", score.misled)
            $0.put("suspected_cautiously", score.suspectedCautiously)
            $0.put("carried", score.carried)
            $0.put("told_anyway", score.raisedAnyway)
            $0.put("brief", score.brief)
            $0.put("explained", score.explained)
            $0.put("unknowable", score.unknowable)
            $0.put("doubled", score.doubled)
            $0.put("cleared_early", score.clearedEarly)
            $0.put("never_cleared", score.neverCleared)
            for (name, delays) in [
                ("suspected_after_s", score.suspectedAfter), ("told_after_s", score.raisedAfter),
            ] {
                $0.object(name) { object in
                    for (name, share) in [("p50", 0.5), ("p95", 0.95), ("p99", 0.99), ("max", 1)] {
                        if let value = quantile(delays, share) {
                            object.put(name, value.rounded(toDecimals: 3))
                        } else {
                            object.null(name)
                        }
                    }
                }
            }
        }
    }
}

extension Stratum {
    package var name: String { "\(cause) \(sensor) \(network) \(place)" }
}
