import ArgumentParser
import Detection
import Elevator
import Gateway
import PositionedYAML

struct Check: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Check configuration, profiles and rules: every mistake with file:line:column.",
        discussion: "Run it before leaving. Exit code 2 when something is wrong.")

    @Option(help: "The configuration file; without it only profiles and rules are checked.")
    var config: String?

    @OptionGroup var devices: DeviceOptions
    @OptionGroup var output: FormatOptions

    func run() throws {
        do {
            try reporting(quietly: output.format == .json) { try check() }
        } catch let error as InvalidFiles {
            print(CheckReport.json(error.diagnostics))
            throw ExitCode.invalidFiles
        }
    }

    private func unchangedRules(_ data: DeviceData) throws -> RuleSet {
        guard let config else { return data.rules }
        let paths = try Configuration(file: config).rulePaths
        return try DeviceData.rules(paths ?? [DeviceData.shippedFolder() + "/rules"])
    }

    private func check() throws {
        do {
            let data: DeviceData
            var warnings: [String] = []
            var kinds: [(profile: String, equipment: EquipmentClass)]?
            if let config {
                let configuration = try Configuration(file: config)
                data = try configuration.deviceData()
                warnings = configuration.warnings(data)
                kinds = configuration.lifts.map { ($0.profile, $0.lift.equipmentClass) }
            } else {
                data = try devices.load()
            }
            // The examples were written for the rules' own thresholds, not for a site's.
            let failed = try unchangedRules(data).runTests().failed
            for result in failed {
                printError(
                    "\(result.file):\(result.line):1: the example '\(result.example)' fails: \(result.failure ?? "")")
            }
            if !failed.isEmpty { throw ExitCode.invalidFiles }
            let (findings, costs) = try CheckReport.findings(data, kinds: kinds)
            warnings += findings.map(\.description)
            if output.format == .json {
                print(CheckReport.json(data, warnings: warnings, costs: costs))
            } else {
                for warning in warnings { print(styled("warning: ", "33") + warning) }
                for cost in costs {
                    print(
                        "\(cost.profile), \(cost.equipment.rawValue): \(cost.memory.nodes) operators, \(cost.memory.state) bytes a lift, "
                            + "at most \(cost.memory.lateness) more for late readings")
                }
                print(
                    "\(data.profiles.count) profiles, \(data.rules.ruleNames.count) rules (version \(data.rules.version)): all is well."
                )
            }
        }
    }
}
