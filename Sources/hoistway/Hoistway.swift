import ArgumentParser
import Encoding
import Gateway
import GatewayCore
import LiftModel
import PositionedYAML

@main
struct Hoistway: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "hoistway",
        abstract:
            "An edge gateway for lifts: finds faults and trapped passengers, and alerts the monitoring centre.",
        discussion: """
            A controller publishes its signals over MQTT. Hoistway evaluates them, writes each alert to disk, and delivers
            it to the centre until the centre has stored it.

            Begin here:
              hoistway check           is everything right before I leave?
              hoistway run             what systemd runs
              hoistway status          what is going on
              hoistway replay TRACE    evaluate a recorded or simulated fleet, no broker needed

            They read /etc/hoistway/hoistway.yaml, or the file that --config names; replay needs none.

            Exit codes: 0 all is well; 1 it was not done, or failed while running (the message says why); 2 a configuration, profile,
            rule or trace file is wrong (each mistake with file:line:column); 3 rules tests failed; 6 (status) it runs, and something
            is wrong; 7 (maintenance, incident) the action is saved, and the gateway has not applied it yet; 64 wrong usage.
            """,
        version: productVersion,
        subcommands: [
            Run.self, Check.self, ReplayTrace.self, Rules.self, Status.self, JournalCommand.self,
            AnnounceMaintenance.self, Incident.self, SelfTestCommand.self,
        ])
}

/// The configuration of the installed gateway. Every command about a gateway reads it unless an
/// option names another.
let standardConfiguration = "/etc/hoistway/hoistway.yaml"

/// The format of a command's output: for a person, or for a program.
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
            "A rule file or folder; may be given several times. Default: the shipped ones.",
            valueName: "path"))
    var rules: [String] = []

    @Option(
        name: .long,
        help: ArgumentHelp(
            "A profile file or folder; may be given several times. Default: the shipped ones.",
            valueName: "path"))
    var profiles: [String] = []

    func load() throws -> DeviceData {
        try DeviceData(
            profiles: profiles.isEmpty ? nil : profiles, rules: rules.isEmpty ? nil : rules)
    }
}

extension ExitCode {
    /// A configuration, profile, rule or trace file is wrong.
    static let invalidFiles = ExitCode(2)
    static let testsFailed = ExitCode(3)
    /// The gateway runs, and a check fails.
    static let notAllIsWell = ExitCode(6)
    /// The action waits for a gateway that does not run, or does not answer.
    static let savedForLater = ExitCode(7)
}

/// Runs a command's body and turns its errors into a message and the documented exit code.
///
/// - Parameter quietly: passes mistakes in files on to a caller that prints them itself.
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
        // ArgumentParser would add the usage of the root command.
        printError("hoistway: \(usage.message). --help shows how it is used.")
        throw ExitCode.validationFailure
    } catch {
        printError("hoistway: \(error)")
        throw ExitCode.failure
    }
}

extension Instant {
    /// A time on the command line: seconds, or RFC 3339 with its offset.
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
                "found '\(text)', expected seconds such as 12.5, or a time such as 2026-03-01T08:00:00+08:00"
            )
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
