import ArgumentParser
import Encoding
import Gateway
import LiftModel
import Monitoring

struct RulesExplain: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "explain",
        abstract: "Why an alert was raised: the parts of its rule over the time around it.",
        discussion: """
            The trace is replayed, so the answer is what the daemon itself computed. A column is a moment, a row a part of the
            rule: █ true, · false, ? unknown.

              hoistway rules explain 7bb35833 --trace trace.ndjson
            """)

    @Argument(help: "The alert's id, or its beginning.")
    var alert: String

    @Option(help: "The trace in which it is raised: a file, since it is read twice.")
    var trace: String

    @Option(help: "For an alert's id from a centre: the site's id.")
    var site = "replay"

    @Option(
        help: "For an alert's id from a centre: the content of the gateway's journal.db.identity.")
    var identity = AlertOrigin.replayed

    @OptionGroup var devices: DeviceOptions
    @OptionGroup var output: FormatOptions

    private static let width = 60

    func run() throws {
        try reporting {
            if trace == "-" {
                throw ValidationError("--trace: the trace is read twice; give a file")
            }
            let explanation = try AlertExplanation(
                of: alert, by: AlertOrigin(site: site, journal: identity.lowercased()),
                trace: trace,
                data: try devices.load())
            if output.format == .json { printJSON(explanation) } else { printChart(explanation) }
        }
    }

    private func printJSON(_ explanation: AlertExplanation) {
        for part in explanation.parts {
            var json = JSONWriter()
            json.object {
                $0.put("expression", part.text)
                $0.put("role", part.role)
                $0.put("depth", part.depth)
                $0.array("changes") { array in
                    for (time, value) in part.changes {
                        array.object {
                            $0.put("t", seconds: time)
                            if let value { $0.put("value", value) } else { $0.null("value") }
                        }
                    }
                }
            }
            print(json: json.text)
        }
    }

    private func printChart(_ explanation: AlertExplanation) {
        guard let first = explanation.alerts.first else { return }
        print(styled(first.title.en, "1") + "  lift \(first.lift), rule \(first.rule)")
        for alert in explanation.alerts {
            print(
                "  " + column(alert.state.rawValue, 18) + column(alert.time.localMilliseconds, 31)
                    + "+\(written(alert.time - first.onset)) after the onset, because: \(alert.reason)"
            )
        }
        if let gap = first.gap {
            print(
                "  \(gap.duration.written) of its hold were not observed; the rule's policy: \(gap.policy.rawValue)"
            )
        }
        let span = (explanation.to - explanation.from).nanoseconds
        func time(_ position: Int) -> Instant {
            explanation.from + .nanoseconds(span / Int64(Self.width) * Int64(position))
        }
        func position(_ time: Instant) -> Int {
            max(
                0,
                min(
                    Self.width - 1,
                    Int((time - explanation.from).nanoseconds * Int64(Self.width) / max(1, span))))
        }
        let labels = explanation.parts.map { part in
            String(repeating: "  ", count: part.depth) + (part.role.isEmpty ? "" : part.role + ": ")
                + part.text
        }
        let left = min(54, max(20, (labels.map(\.count).max() ?? 20) + 1))
        print("")
        for (part, label) in zip(explanation.parts, labels) {
            let marks = (0..<Self.width).map {
                part.value(at: time($0)).map { $0 ? "█" : "·" } ?? "?"
            }
            print(
                column(label.count < left ? label : label.prefix(left - 2) + "…", left)
                    + marks.joined())
        }
        var axis = Array(repeating: " ", count: Self.width)
        for alert in explanation.alerts.reversed() {
            axis[position(alert.time)] = alert.state == .cleared ? "×" : "▲"
        }
        axis[position(first.onset)] = "|"
        print(String(repeating: " ", count: left) + axis.joined())
        print(
            String(repeating: " ", count: left)
                + "\(Self.width) columns of \(written(.nanoseconds(span / Int64(Self.width))))"
                + " from \(explanation.from.localMilliseconds); | onset, ▲ raised, × cleared")
    }

    private func written(_ duration: Duration) -> String {
        "\((duration.inSeconds * 10).rounded() / 10) s"
    }
}
