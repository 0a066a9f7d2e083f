import ArgumentParser
import Gateway

struct Check: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Check configuration, profiles and rules: every mistake with file:line:column.",
        discussion: "Run it before leaving. Exit code 2 when something is wrong.")

    @Option(help: "The configuration file; without it only profiles and rules are checked.")
    var config: String?

    @OptionGroup var devices: DeviceOptions
    @OptionGroup var output: FormatOptions

    func run() throws {
        try reporting {
            let data: DeviceData
            var warnings: [String] = []
            if let config {
                let configuration = try Configuration(file: config)
                data = try configuration.deviceData()
                warnings = configuration.warnings(data)
            } else {
                data = try devices.load()
            }
            let failed = try data.rules.runExamples().filter { $0.failure != nil }
            for result in failed {
                printError(
                    "\(result.file):\(result.line):1: the example '\(result.example)' fails: \(result.failure ?? "")")
            }
            if !failed.isEmpty { throw ExitCode.invalidFiles }
            if output.format == .json {
                print(CheckReport.json(data, warnings: warnings))
            } else {
                for warning in warnings { print(styled("warning: ", "33") + warning) }
                print(
                    "\(data.profiles.count) profiles, \(data.rules.ruleNames.count) rules (version \(data.rules.version)): all is well."
                )
            }
        }
    }
}
