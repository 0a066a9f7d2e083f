import ArgumentParser
import Elevator
import Encoding
import Gateway
import PositionedYAML

@main
struct Hoistway: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "hoistway",
        abstract: "An edge gateway for lifts: finds faults and trapped passengers, and tells the monitoring centre.",
        discussion: """
            A controller publishes what it sees over MQTT. Hoistway decides from it, writes the decision to disk, and
            delivers it to the centre until the centre has stored it.

            Begin here:
              hoistway check --config /etc/hoistway/hoistway.yaml   is everything right before I leave?
              hoistway run --config /etc/hoistway/hoistway.yaml     what systemd runs
              hoistway status                                       what is going on
              hoistway replay TRACE                                 judge a recorded or simulated fleet, no broker needed

            Exit codes: 0 all is well; 1 it failed while running (the message says why); 2 a configuration, profile,
            rule or trace file is wrong (each mistake with file:line:column); 3 rules tests failed; 64 wrong usage.
            """,
        version: productVersion,
        subcommands: [
            Run.self, Check.self, ReplayTrace.self, Rules.self, Status.self, JournalCommand.self,
            AnnounceMaintenance.self, Incident.self, SelfTestCommand.self,
        ])
}

/// What a command prints: for a person, or for a program.
enum OutputFormat: String, ExpressibleByArgument, CaseIterable {
    case text, json
}

struct FormatOptions: ParsableArguments {
    @Option(help: "text for a person, json for a program.")
    var format = OutputFormat.text
}

struct DeviceOptions: ParsableArguments {
    @Option(
        name: .long,
        help: ArgumentHelp(
            "A rule file or folder; may be given several times. Default: the shipped ones.", valueName: "path"))
    var rules: [String] = []

    @Option(
        name: .long,
        help: ArgumentHelp(
            "A profile file or folder; may be given several times. Default: the shipped ones.", valueName: "path"))
    var profiles: [String] = []

    func load() throws -> DeviceData {
        try DeviceData(profiles: profiles.isEmpty ? nil : profiles, rules: rules.isEmpty ? nil : rules)
    }
}

extension ExitCode {
    /// A file a person wrote is wrong.
    static let invalidFiles = ExitCode(2)
    static let testsFailed = ExitCode(3)
}

/// Runs a command's body and turns what goes wrong into a message and the documented exit code.
///
/// - Parameter quietly: lets mistakes in files pass, for a caller that prints them itself.
func reporting<Result>(quietly: Bool = false, _ body: () throws -> Result) throws -> Result {
    do {
        return try body()
    } catch let error as InvalidFiles where quietly {
        throw error
    } catch let error as InvalidFiles {
        for diagnostic in error.diagnostics { printError(diagnostic.description) }
        let count = error.diagnostics.count
        if count > 1 { printError("\(count) mistakes.") }
        throw ExitCode.invalidFiles
    } catch let code as ExitCode {
        throw code
    } catch let usage as ValidationError {
        // ArgumentParser would add the usage of the root, which is another command's.
        printError("hoistway: \(usage.message). --help shows how it is used.")
        throw ExitCode.validationFailure
    } catch {
        printError("hoistway: \(error)")
        throw ExitCode.failure
    }
}

extension Instant {
    /// A time as written on the command line: seconds, or RFC 3339 with its offset.
    init(argument text: String) throws {
        if let time = Instant(rfc3339: text) {
            self = time
            return
        }
        let bytes = Array(text.utf8)
        guard let exact = DecimalText.nanoseconds(bytes.span, 0, bytes.count), !bytes.isEmpty,
            exact.magnitude < 4_000_000_000_000_000_000
        else {
            throw ValidationError(
                "found '\(text)', expected seconds such as 12.5, or a time such as 2026-03-01T08:00:00+08:00")
        }
        self.init(nanoseconds: exact)
    }
}

extension Duration {
    /// An argument such as 60s or 5m.
    init(argument text: String) throws {
        guard let duration = Duration(written: text) else {
            throw ValidationError("'\(text)' is no duration; expected one such as 10s, 5m or 2h")
        }
        self = duration
    }
}
