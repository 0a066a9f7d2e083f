import ArgumentParser
import Gateway
import GatewayCore
import LiftModel
import PositionedYAML
import RuleLanguage
import RuleTools

struct Check: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Check configuration, profiles and rules: every mistake with file:line:column.",
        discussion: """
            Run it before leaving. Exit code 2 when something is wrong. With --rules or --profiles, and without --config, only rules and
            profiles are checked.
            """)

    @Option(help: "The configuration file. (default: \(standardConfiguration))")
    var config: String?

    @Option(
        help:
            "Look at the files as this user, as whom the gateway runs. (default: hoistway, where root asks)"
    )
    var user: String?

    @OptionGroup var devices: DeviceOptions
    @OptionGroup var output: FormatOptions

    func run() throws {
        do {
            try reporting(quietly: output.format == .json) { try check() }
        } catch let error as InvalidFiles {
            print(json: CheckReport.json(error.diagnostics))
            throw ExitCode.invalidFiles
        }
    }

    /// nil for the user who runs this.
    private func serviceUser() throws -> ServiceUser? {
        guard let user else {
            return ServiceUser.canImpersonate ? ServiceUser(named: ServiceUser.standard) : nil
        }
        guard ServiceUser.canImpersonate else {
            throw ValidationError("--user: only root can look as another user")
        }
        guard let found = ServiceUser(named: user) else {
            throw ValidationError("--user: there is no user '\(user)'")
        }
        return found
    }

    /// nil where only rules and profiles are checked.
    private var configurationFile: String? {
        config ?? (devices.rules.isEmpty && devices.profiles.isEmpty ? standardConfiguration : nil)
    }

    private func unchangedRules(_ data: DeviceData) throws -> RuleSet {
        guard let configurationFile else { return data.rules }
        let paths = try Configuration(file: configurationFile).rulePaths
        return try DeviceData.rules(paths ?? [DeviceData.shippedFolder() + "/rules"])
    }

    private func check() throws {
        do {
            let data: DeviceData
            var warnings: [String] = []
            var kinds: [(profile: String, equipment: EquipmentClass)]?
            if let configurationFile {
                let configuration = try Configuration(file: configurationFile)
                data = try configuration.deviceData()
                let setup = SetupCheck(configuration, as: try serviceUser())
                let mistakes = setup.mistakes
                if !mistakes.isEmpty { throw InvalidFiles(mistakes) }
                warnings = configuration.warnings(data) + setup.warnings(at: .wallClock)
                kinds = configuration.lifts.map { ($0.profile, $0.lift.equipmentClass) }
            } else {
                data = try devices.load()
            }
            // The examples are written for the rules' own thresholds, not for a site's.
            let failed = try unchangedRules(data).runTests().failed
            for result in failed {
                printError(
                    "\(result.file):\(result.line):1: the example '\(result.example)' fails: \(result.failure ?? "")"
                )
            }
            if !failed.isEmpty { throw ExitCode.invalidFiles }
            let (findings, costs) = try CheckReport.findings(data, kinds: kinds)
            warnings += findings.map(\.description)
            if output.format == .json {
                print(json: CheckReport.json(data, warnings: warnings, costs: costs))
            } else {
                for warning in warnings { print(styled("warning: ", "33") + warning) }
                for cost in costs {
                    print(
                        "\(cost.profile), \(cost.equipment.rawValue): \(cost.memory.nodes) operators, \(cost.memory.state) bytes a lift, "
                            + "at most \(cost.memory.lateness) more for late readings")
                }
                print(
                    "\(counted(data.profiles.count, "profile")), \(counted(data.rules.ruleNames.count, "rule")) (version \(data.rules.version)): all is well."
                )
                if configurationFile != nil {
                    print(SetupCheck.notChecked)
                    if ServiceUser.canImpersonate, try serviceUser() == nil {
                        print(
                            "Nor whether user '\(ServiceUser.standard)', as whom the gateway runs, may read these files: there is no such user yet."
                        )
                    }
                }
            }
        }
    }
}
