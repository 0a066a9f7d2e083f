import ArgumentParser
import PositionedYAML

@main
struct HoistwaySim: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "hoistway-sim",
        abstract: "Simulated lifts with the truth known, a monitoring centre, and a score.",
        discussion: """
              hoistway-sim run day --seed 1 --out trace.ndjson --truth truth.ndjson
              hoistway replay trace.ndjson > alerts.ndjson
              hoistway-sim score --truth truth.ndjson --alerts alerts.ndjson
            """,
        subcommands: [
            RunFleet.self, Score.self, Record.self, Anonymise.self, Centre.self, Demo.self,
            Trial.self,
        ])

    /// Exits with the documented code when a file is wrong. Prints a usage error without the usage
    /// of the root command, which is another command's.
    static func main() {
        do {
            var command = try parseAsRoot()
            do {
                try command.run()
            } catch let error as InvalidFiles {
                for diagnostic in error.diagnostics { StandardError.write(diagnostic.description) }
                throw ExitCode(2)
            } catch let usage as ValidationError {
                StandardError.write("hoistway-sim: \(usage.message). --help shows how it is used.")
                throw ExitCode.validationFailure
            }
        } catch {
            exit(withError: error)
        }
    }
}
