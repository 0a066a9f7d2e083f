import ArgumentParser
import DeviceProfiles
import Gateway
import GatewayCore
import LiftModel
import Monitoring
import PositionedYAML
import RuleLanguage

/// Memory per lift, and the time to start.
struct State: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Bytes of state per lift, and the time to start many lifts.")

    @Option(help: "Lifts.") var lifts = 10_000
    @Option(help: "The rules, a file or folder.") var rules = "Devices/rules"

    func run() throws {
        let data = try DeviceData(profiles: ["Devices/profiles"], rules: [rules])
        let kind = Intake.kind(data.profiles[0], .traction)
        let size = try data.rules.memory(for: kind)
        printRow(
            "state per lift, \(data.rules.ruleNames.count) rules", "\(size.state) B",
            "\(size.nodes) operators")
        printRow("lateness buffer per lift, at most", "\(size.lateness) B")
        let began = cpuSeconds()
        let start = Instant(nanoseconds: 1_772_323_200_000_000_000)
        var detector = Detector(rules: data.rules, start: start, isObserving: true)
        for lift in 0..<lifts { try detector.add(Lift(id: "\(lift)"), kind: kind, at: start) }
        printRow("start of \(lifts) lifts", "\(written(cpuSeconds() - began, 3)) s")
    }
}

/// The time to read a rule file.
struct Load: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "The time to load a file of many rules.")

    @Option(help: "Rules in the file.") var count = 1000

    func run() throws {
        var text = "parameters: { hold: 10s }\nlet:\n"
        for i in 0..<20 { text += "  part\(i): not moving and floor > \(i) and \"04\" in codes\n" }
        text += "rules:\n"
        for i in 0..<count {
            text += """
                  - rule: rule-\(i)
                    kind: kind.\(i)
                    when: part\(i % 20) and held(speed < \(i % 7) and not in_door_zone, \(i % 50 + 1)s)
                    for: hold
                    clear: held(moving, 3s)
                    title: { en: "rule \(i)", zh: "规则" }

                """
        }
        let began = cpuSeconds()
        let rules = try RuleSet([YAMLNode(parsing: Array(text.utf8), file: "many.yaml")])
        let kind = LiftKind(
            provides: Set(Signal.allCases), staleAfter: .seconds(60), equipment: .traction)
        let memory = try rules.memory(for: kind)
        printRow(
            "load \(rules.ruleNames.count) rules", "\(written(cpuSeconds() - began, 3)) s",
            "\(text.utf8.count) bytes of YAML, \(memory.nodes) operators, \(memory.state) B a lift")
    }
}
