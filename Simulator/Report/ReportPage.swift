import City
import DeviceProfiles
import FoundationEssentials
import LiftModel
import PositionedYAML
import Scoring

/// A score as one HTML page without scripts or external resources, so that it can be sent to a
/// person.
struct ReportPage {
    /// How many cases are shown as timelines, and how many are listed.
    private static let shown = 5
    private static let listed = 200

    let card: ScoreCard
    let truth: [TruthRow]
    let alerts: [AlertRevision]
    let grace: Double
    private var timelines: [(title: String, timeline: Timeline)] = []

    /// - Parameters:
    ///   - trace: the messages of the lifts; without it the timelines show truth and alerts only.
    ///   - lift: the lift whose timelines are shown: its entrapments if it has any. By default the
    ///     lifts with wrong results, and one with a right one.
    init(
        _ card: ScoreCard, truth: [TruthRow], alerts: [AlertRevision], grace: Double,
        trace: String?, lift: String?,
        profiles: [Profile]
    ) throws {
        (self.card, self.truth, self.alerts, self.grace) = (card, truth, alerts, grace)
        let cases = cases(lift)
        let trace = try trace.map {
            try LiftTrace($0, lifts: Set(cases.map(\.lift)), profiles: profiles)
        }
        timelines = cases.map { one in
            (
                one.title,
                Timeline(
                    lift: one.lift, around: one.around, truth: truth, alerts: alerts, trace: trace)
            )
        }
    }

    private func cases(_ lift: String?) -> [(
        title: String, lift: String, around: ClosedRange<Double>
    )] {
        let entrapments = truth.filter { $0.kind == "entrapment" }
        if let lift {
            let mine = alerts.filter { $0.lift == lift }
            let people = mine.filter { $0.kind.hasPrefix("entrapment") }
            var times = entrapments.filter { $0.lift == lift }.map { $0.start...$0.end }
            times += (times.isEmpty && people.isEmpty ? mine : people).map { $0.time...$0.time }
            // Alerts and facts that lie close together are shown in one timeline.
            var spans: [ClosedRange<Double>] = []
            for span in times.sorted(by: { $0.lowerBound < $1.lowerBound }) {
                if let last = spans.last, span.lowerBound <= last.upperBound + Timeline.margin {
                    spans[spans.count - 1] = last.lowerBound...max(last.upperBound, span.upperBound)
                } else {
                    spans.append(span)
                }
            }
            return spans.prefix(Self.shown).enumerated().map { index, span in
                ("\(index + 1) of \(spans.count) of lift \(lift)", lift, span)
            }
        }
        var cases = card.findings.prefix(Self.shown).map { finding in
            let fact = truth.first {
                $0.lift == finding.lift && $0.kind == finding.kind
                    && $0.start...max($0.start, $0.end) ~= finding.time
            }
            let verdict =
                finding.verdict == .missed
                ? "missed" : finding.verdict.rawValue.replacing("_", with: " ")
            let span = fact.map { $0.start...max($0.start, $0.end) } ?? finding.time...finding.time
            return ("Wrong: \(finding.kind) \(verdict), lift \(finding.lift)", finding.lift, span)
        }
        let wrong = Set(card.findings.map(\.lift))
        if let fine = entrapments.first(where: { fact in
            !wrong.contains(fact.lift)
                && alerts.contains {
                    $0.lift == fact.lift && $0.state == "confirmed"
                        && fact.start...fact.end ~= $0.time
                }
        }) {
            cases.append(
                ("Right: an entrapment on lift \(fine.lift)", fine.lift, fine.start...fine.end))
        }
        return cases
    }

    var html: String {
        var page = Markup()
        page.element("h1", "Alerts compared with the truth")
        page.element("p", ["class": "note"], run)
        page.element("p", ["class": card.isGood ? "verdict good" : "verdict bad"], verdict)
        tiles(&page)
        section(
            &page, "By kind",
            "Entrapments are one kind, whatever branch raised them. Times are seconds after the event."
        ) {
            kinds(&$0)
        }
        if let histogram = Histogram(card.entrapment) {
            section(&page, "Delays", "Entrapments, from the physical event to the gateway's alert.")
            {
                histogram.draw(into: &$0)
            }
        }
        section(
            &page, "Entrapments by place, sensor, network and cause",
            "Those on lifts with a stuck sensor are included here, and not in the tiles."
        ) { strata(&$0) }
        section(
            &page, "Alerts by truth",
            "Rows: what happened, however short. Columns: kinds of alerts; \"nothing\" is no alert of that kind."
        ) { confusion(&$0) }
        if !card.findings.isEmpty {
            section(
                &page, "Wrong results, case by case",
                "The first \(min(Self.listed, card.findings.count)) of \(card.findings.count)."
            ) {
                $0.table(
                    ["verdict", "kind", "lift", "when", "cause"],
                    card.findings.prefix(Self.listed).map {
                        [
                            $0.verdict.rawValue, $0.kind, $0.lift,
                            Instant(nanoseconds: Int64($0.time * 1000) * 1_000_000).rfc3339,
                            $0.cause ?? "",
                        ]
                    }, numbersFrom: 9)
            }
        }
        for (title, timeline) in timelines {
            section(
                &page, title,
                "Truth above, the lift's signals in the middle, alerts below. Times are UTC."
            ) {
                timeline.draw(into: &$0)
            }
        }
        return
            "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>Hoistway: a score</title>"
            + "<meta name=\"viewport\" content=\"width=device-width\"><style>\(Self.style)</style></head><body>"
            + page.text + "</body></html>\n"
    }

    private func section(
        _ page: inout Markup, _ title: String, _ note: String, _ body: (inout Markup) -> Void
    ) {
        page.element("section") {
            $0.element("h2", title)
            $0.element("p", ["class": "note"], note)
            body(&$0)
        }
    }

    private var run: String {
        guard let run = truth.first(where: { $0.kind == "run" }) else { return "" }
        func time(_ seconds: Double) -> String {
            Instant(nanoseconds: Int64(seconds) * 1_000_000_000).rfc3339
        }
        return "\(run.lifts ?? 0) lifts from \(time(run.start)) to \(time(run.end))"
    }

    private var verdict: String {
        let e = card.entrapment
        if card.isGood {
            return "\(e.recallSentence) No alarm was false."
        }
        return
            "\(e.missed) entrapments were missed, \(e.falseAlarms) were confirmed while nobody was trapped, "
            + "\(card.lost) alert revisions were lost."
    }

    private func tiles(_ page: inout Markup) {
        let e = card.entrapment
        var tiles = [
            ("\(e.happened)", "entrapments"),
            ("\(e.inTime) of \(e.expected)", "confirmed within the holds"),
            ("\(e.late)", "later, within 180 s of the evidence"),
            ("\(e.missed)", "missed"), ("\(e.carried)", "while an earlier alert was open"),
            ("\(e.suspicionInTime) of \(e.suspicionExpected)", "suspected in time"),
            ("\(e.suspectable)", "stay suspicions by definition"),
            ("\(e.falseAlarms)", "false"), ("\(e.cautious)", "of them cautious"),
            ("\(e.suspectedFalsely)", "only suspected, nobody trapped"),
            ("\(e.clearedEarly) / \(e.neverCleared)", "ended early / never ended"),
        ]
        if card.liftYears > 0 {
            tiles.append(("\(card.liftYears.rounded(toDecimals: 2))", "lift-years"))
            tiles.append(
                (
                    "≤ \((Bounds.upper(e.falseAlarms) / card.liftYears).rounded(toDecimals: 3))",
                    "false ones per lift-year (95%)"
                ))
        }
        page.element("div", ["class": "tiles"]) {
            for (figure, name) in tiles {
                $0.element("div") {
                    $0.element("b", figure)
                    $0.element("span", name)
                }
            }
        }
    }

    private func kinds(_ page: inout Markup) {
        func seconds(_ values: [Float], _ share: Double) -> String {
            quantile(values, share).map { "\($0.rounded(toDecimals: 1))" } ?? "–"
        }
        page.table(
            [
                "kind", "happened", "raised", "missed", "false", "cautious", "over before",
                "explained",
                "no evidence",
                "p50", "p99", "worst",
            ],
            card.rows.map { name, score in
                [
                    name, "\(score.happened)", "\(score.detected)", "\(score.missed)",
                    "\(score.falseAlarms)",
                    "\(score.cautious)", "\(score.brief)", "\(score.explained)",
                    "\(score.unknowable)",
                    seconds(score.raisedAfter, 0.5), seconds(score.raisedAfter, 0.99),
                    seconds(score.raisedAfter, 1),
                ]
            })
    }

    private func strata(_ page: inout Markup) {
        let ways: [(String, (Stratum) -> String)] = [
            ("place", \.place), ("sensor", \.sensor), ("network", \.network), ("cause", \.cause),
        ]
        for (name, key) in ways {
            page.table(
                [
                    name, "happened", "had to be confirmed", "missed", "suspected after, p95",
                    "confirmed after, worst",
                ],
                card.strata(by: key).map { name, score in
                    [
                        name.isEmpty ? "–" : name, "\(score.happened)", "\(score.expected)",
                        "\(score.missed)",
                        quantile(score.suspectedAfter, 0.95).map {
                            "\($0.rounded(toDecimals: 1)) s"
                        } ?? "–",
                        quantile(score.raisedAfter, 1).map { "\($0.rounded(toDecimals: 1)) s" }
                            ?? "–",
                    ]
                })
        }
    }

    private func confusion(_ page: inout Markup) {
        let kinds = Set(card.kinds.keys)
        // A way out must be open for 3 s before an alert ends (entrapment.md).
        let confusion = Confusion(
            truth: truth, alerts: alerts, isJudged: kinds.contains, grace: grace + 3)
        page.element("div", ["class": "wide"]) {
            $0.element("table", ["class": "matrix"]) { table in
                table.element("tr") { row in
                    row.element("th", "")
                    for column in confusion.columns {
                        row.element("th", ["class": "number"], column.replacing("_", with: " "))
                    }
                }
                for name in confusion.rows {
                    table.element("tr") { row in
                        row.element("th", name)
                        for column in confusion.columns {
                            let count = confusion.counts[name]?[column] ?? 0
                            let style = count == 0 ? "none" : name == column ? "right" : "wrong"
                            row.element(
                                "td", ["class": "number \(style)"], count == 0 ? "" : "\(count)")
                        }
                    }
                }
            }
        }
    }

    private static let style = """
        :root{--ink:#1c2430;--dim:#66707f;--line:#dfe3ea;--paper:#fff;--card:#f5f7fa;--bad:#c62f3b;--good:#1f8a5b;--warn:#e39b22;\
        --info:#4a7fd0;--off:#e6eaf0}
        @media(prefers-color-scheme:dark){:root{--ink:#e8ecf2;--dim:#98a3b3;--line:#313a47;--paper:#151a21;--card:#1e252f;\
        --bad:#f0616d;--good:#45c08a;--warn:#f0b64a;--info:#76a6ee;--off:#2b3440}}
        body{font:15px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--paper);max-width:1040px;margin:2rem auto;padding:0 1rem}
        h1{font-size:1.6rem;margin:0 0 .5rem}h2{font-size:1.15rem;margin:2.2rem 0 .2rem}
        .note{color:var(--dim);margin:0 0 .6rem}.verdict{padding:.7rem 1rem;border-radius:.4rem;color:#fff}
        .good{background:var(--good)}.bad{background:var(--bad)}
        .tiles{display:flex;flex-wrap:wrap;gap:.6rem}.tiles div{background:var(--card);border-radius:.4rem;padding:.5rem .9rem}
        .tiles b{display:block;font-size:1.25rem}.tiles span{color:var(--dim);font-size:.85rem}
        .wide{overflow-x:auto}table{border-collapse:collapse;margin:.4rem 0;font-variant-numeric:tabular-nums;font-size:.88rem}
        th,td{padding:.22rem .6rem;border-bottom:1px solid var(--line);text-align:left}th{font-weight:600}
        .number{text-align:right}.matrix .right{background:color-mix(in srgb,var(--good) 30%,transparent)}
        .matrix .wrong{background:color-mix(in srgb,var(--warn) 30%,transparent)}
        svg{width:100%;height:auto;display:block}svg text{font:11px system-ui,sans-serif;fill:var(--dim)}
        svg .lane{fill:var(--ink)}svg .inner{fill:var(--ink)}.axis{stroke:var(--line)}
        .suspected{fill:var(--warn);background:var(--warn)}.confirmed{fill:var(--bad);background:var(--bad)}
        .trapped{fill:var(--bad)}.fact{fill:var(--warn);opacity:.7}.on{fill:var(--info);opacity:.55}.off{fill:var(--off)}
        .unknown{fill:var(--line);opacity:.4}.message{fill:var(--dim)}
        .swatch{display:inline-block;width:.8em;height:.8em;border-radius:2px;margin-left:1em}
        """
}
