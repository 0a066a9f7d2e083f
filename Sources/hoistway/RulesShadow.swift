import ArgumentParser
import Encoding
import Gateway
import GatewayCore
import LiftModel
import RuleLanguage
import RuleTools

struct RulesShadow: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "shadow",
        abstract: "The effect of changed rules on a trace: alerts that appear, vanish or move.",
        discussion: """
            Rules and lets of the new file replace those of the same name; everything else stays.

              hoistway rules shadow new.yaml --against trace.ndjson
            """)

    @Argument(help: "The file or folder of changed rules.")
    var proposed: String

    @Option(help: "The trace to evaluate.")
    var against: String

    @OptionGroup var devices: DeviceOptions
    @OptionGroup var output: FormatOptions

    func run() throws {
        try reporting {
            if against == "-" {
                throw ValidationError("--against: the trace is read twice; give a file")
            }
            let present = try devices.load()
            let paths =
                devices.rules.isEmpty ? [DeviceData.shippedFolder() + "/rules"] : devices.rules
            let rules = try DeviceData.rules(paths, replacing: [proposed])
            let report = try ShadowReport(trace: against, present: present, proposed: rules)
            if output.format == .json {
                for entry in report.entries { printJSON(entry) }
                return
            }
            for entry in report.entries {
                let code =
                    entry.difference == .appears
                    ? "32" : entry.difference == .vanishes ? "31" : "33"
                print(
                    styled(column(entry.difference.rawValue, 10), code) + column(entry.lift, 24)
                        + column(entry.kind, 26)
                        + "\(stages(entry.before)) → \(stages(entry.after))")
            }
            let counts = ShadowReport.Difference.allCases.map { difference in
                "\(report.entries.count { $0.difference == difference }) \(difference.rawValue)"
            }
            print("\(counts.joined(separator: ", ")), \(report.unchanged) unchanged")
        }
    }

    private func stages(_ stages: [String: Instant]) -> String {
        stages.isEmpty
            ? "nothing"
            : stages.sorted { $0.value < $1.value }.map {
                "\($0.key) \($0.value.localMilliseconds.dropFirst(11))"
            }
            .joined(separator: ", ")
    }

    private func printJSON(_ entry: ShadowReport.Entry) {
        var json = JSONWriter()
        json.object {
            $0.put("difference", entry.difference.rawValue)
            $0.put("lift", entry.lift)
            $0.put("kind", entry.kind)
            $0.put("rule", entry.rule)
            for (name, stages) in [("before", entry.before), ("after", entry.after)] {
                $0.object(name) { object in
                    for (state, time) in stages.sorted(by: { $0.value < $1.value }) {
                        object.put(state, seconds: time)
                    }
                }
            }
        }
        print(json: json.text)
    }
}

struct RulesDecisions: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "decisions",
        abstract:
            "The decision table of entrapment, as Markdown: every situation of a lift, and the decision for it."
    )

    @OptionGroup var devices: DeviceOptions

    func run() throws {
        try reporting {
            let rules = try devices.load().rules
            do throws(ExpressionError) {
                print(try DecisionTable(rules).markdown(), terminator: "")
            } catch {
                throw ExpressionWorkbench.mistake(error)
            }
        }
    }
}

struct RulesKinds: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "kinds",
        abstract:
            "Every kind of alert of the rules with its states, severities and reasons, as Markdown (docs/contract/kinds.md)."
    )

    @OptionGroup var devices: DeviceOptions

    func run() throws {
        try reporting { print(KindsPage.markdown(try devices.load().rules), terminator: "") }
    }
}
