import ArgumentParser
import Contract
import Encoding
import FoundationEssentials
import Gateway
import Journal
import LiftModel
import Monitoring
import PositionedYAML

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// The person who gives an operator action, and the gateway that receives it.
struct ActionOptions: ParsableArguments {
    @Option(help: "The gateway's configuration file.")
    var config = standardConfiguration

    @Option(help: "The person who says so; recorded and sent to the centre.")
    var by: String

    func validate() throws {
        try Self.check(by, "--by", "the name of who says so", upTo: CentreCommand.Limit.by)
    }

    /// Applies the limits of centre commands to a text of the command line.
    static func check(_ text: String?, _ option: String, _ expected: String, upTo most: Int) throws
    {
        guard let text, let mistake = LineOfText.mistake(in: text, expected: expected, upTo: most)
        else { return }
        throw ValidationError("\(option): \(mistake)")
    }

    /// The complete id of the alert whose beginning a person gives.
    func alert(_ text: String) throws -> String {
        try Journal(try Configuration(file: config).stateFolder + "/journal.db", readOnly: true)
            .alertID(beginning: text)
    }

    /// Passes the action to the gateway and waits until it is in the journal.
    func submit(_ action: OperatorAction) throws {
        let configuration = try Configuration(file: config)
        let inbox = ActionInbox(stateFolder: configuration.stateFolder)
        let name: String
        do throws(InvalidFiles) { name = try inbox.put(action) } catch { throw NotDone(error) }
        guard configuration.isRunning else {
            let summary = action.text(\.local)
            print(
                "The gateway is not running. The action is saved and takes effect at its start: \(summary)"
            )
            throw ExitCode.savedForLater
        }
        for _ in 0..<50 {
            usleep(100_000)
            switch inbox.answer(name: name) {
            case .success: return print("done: \(action.text(\.local))")
            case .failure(let refusal): throw NotDone(refusal)
            case nil: continue
            }
        }
        print(
            "The gateway runs and has not answered in 5 s: hoistway status. The action is saved and takes effect later."
        )
        throw ExitCode.savedForLater
    }
}

/// The gateway refused an action, or it could not be given: no file that a person wrote is wrong.
struct NotDone: Error, CustomStringConvertible {
    var description: String

    init(_ message: String) { description = message }
    init(_ error: InvalidFiles) {
        // A mistake in the action itself has no file.
        description = error.diagnostics.map { $0.file == "action" ? $0.message : $0.description }
            .joined(separator: "\n")
    }
}

struct AnnounceMaintenance: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "maintenance",
        abstract: "Announce work on a lift: alerts that begin during it are suppressed.",
        discussion: """
            The alarm button and incidents that are open already are never suppressed. The window is sent to the centre as an
            event, ends by itself, and is never longer than 12 h.

              hoistway maintenance 31104401062020010001 --until 2h --by "Li Wei" --reason "door operator replaced"
              hoistway maintenance 31104401062020010001 --end --by "Li Wei"
            """)

    @Argument(help: "The lift, as the configuration names it.")
    var lift: String

    @Option(help: "When the work ends: from now on (2h), or a time (2026-03-01T18:00:00+08:00).")
    var until: String?

    @Option(help: "What is done; recorded and sent to the centre.")
    var reason: String?

    @Flag(help: "The work is over.")
    var end = false

    @OptionGroup var options: ActionOptions

    func validate() throws {
        try ActionOptions.check(
            reason, "--reason", "what is done", upTo: CentreCommand.Limit.reason)
    }

    func run() throws {
        try reporting {
            let configuration = try Configuration(file: options.config)
            guard configuration.lifts.contains(where: { $0.lift.id == lift }) else {
                throw NotDone(
                    "no lift '\(lift)' is registered here. hoistway status lists them, and \(configuration.file) names them"
                )
            }
            if end {
                guard until == nil, reason == nil else {
                    throw ValidationError("--end takes no --until and no --reason")
                }
                return try options.submit(.maintenanceEnds(lift: lift, by: options.by))
            }
            guard let until, let reason else {
                throw ValidationError("expected --until and --reason, or --end")
            }
            let time = try Self.time(until)
            guard time > Instant.wallClock else {
                throw ValidationError("--until: \(time.local) is past")
            }
            if time - Instant.wallClock > OperatorAction.longestMaintenance {
                print(
                    "A window is never longer than \(OperatorAction.longestMaintenance.written); it will end then."
                )
            }
            let end = min(time, Instant.wallClock + OperatorAction.longestMaintenance)
            // For information only: the work is announced without a readable status file, too.
            let status = try? StatusReader(runtimeFolder: configuration.runtimeFolder).last()
            if let left = status?.lifts.first(where: { $0.id == lift })?.maintenanceSeconds {
                print(
                    "Work is announced on this lift already, \(StatusSnapshot.span(left)) left; this replaces it."
                )
            }
            for incident in status?.incidents ?? []
            where incident.lift == lift && incident.kind != "maintenance" {
                print("Open on this lift, and not suppressed: \(incident.kind) \(incident.state).")
            }
            try options.submit(.maintenance(lift: lift, until: end, by: options.by, reason: reason))
        }
    }

    private static func time(_ text: String) throws -> Instant {
        if let span = Duration(written: text) { return .wallClock + span }
        if let time = Instant(rfc3339: text) { return time }
        throw ValidationError(
            "--until: found '\(text)', expected a span such as 2h or a time such as 2026-03-01T18:00:00+08:00"
        )
    }
}

struct Incident: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Operator actions on an open alert, for a person without the centre's software.",
        subcommands: [Accept.self, Verify.self, Progress.self, End.self, JudgeFalse.self])

    struct Accept: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract:
                "Accept the alert: no more reminders, and nothing suppresses it until it is cleared."
        )
        @Argument(help: "The alert's id or its beginning (hoistway journal list).") var alert:
            String
        @OptionGroup var options: ActionOptions
        func run() throws {
            try reporting {
                try options.submit(.accepted(alert: try options.alert(alert), by: options.by))
            }
        }
    }
    struct Verify: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "A person knows that people are in the car: the alert is confirmed at once.",
            discussion: """
                  hoistway incident verify 5c09435c --known-by voice --people 2 --condition "calm" --by "Li Wei"
                """)
        @Argument(help: "The alert's id or its beginning (hoistway journal list).") var alert:
            String
        @Option(help: "How it is known.") var knownBy: Statement.KnownBy
        @Option(help: "How many people are in the car.") var people: Int?
        @Option(help: "How they are.") var condition: String?
        @OptionGroup var options: ActionOptions
        func validate() throws {
            try ActionOptions.check(
                condition, "--condition", "how the people in the car are",
                upTo: CentreCommand.Limit.condition)
            if let people, people < 1 {
                throw ValidationError(
                    "--people: found \(people), expected 1 or more; judge-false says that nobody is there"
                )
            }
        }
        func run() throws {
            try reporting {
                let statement = Statement(
                    by: options.by, people: people, condition: condition, knownBy: knownBy)
                try options.submit(.verified(alert: try options.alert(alert), statement))
            }
        }
    }
    struct Progress: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract:
                "Help is on its way, has arrived, or has released the people; sent to every centre."
        )
        enum Node: String, ExpressibleByArgument, CaseIterable {
            case dispatched, arrived, released
        }
        @Argument(help: "The alert's id.") var alert: String
        @Argument(help: "dispatched, arrived or released.") var node: Node
        @Option(help: "How many people were released.") var people: Int?
        @OptionGroup var options: ActionOptions
        func run() throws {
            try reporting {
                guard let progress = OperatorAction.Progress(rawValue: node.rawValue) else {
                    return
                }
                try options.submit(
                    .progress(
                        alert: try options.alert(alert), progress,
                        Statement(by: options.by, people: people)))
            }
        }
    }
    struct End: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "The incident is over: everybody is out.")
        @Argument(help: "The alert's id.") var alert: String
        @Option(help: "How many people were in the car.") var people: Int?
        @OptionGroup var options: ActionOptions
        func run() throws {
            try reporting {
                try options.submit(
                    .endOfAlarm(
                        alert: try options.alert(alert), Statement(by: options.by, people: people)))
            }
        }
    }
    struct JudgeFalse: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "judge-false",
            abstract: "Nothing was there. A later condition raises a new alert.")
        @Argument(help: "The alert's id.") var alert: String
        @Option(help: "What was found instead.") var reason: String
        @OptionGroup var options: ActionOptions
        func validate() throws {
            try ActionOptions.check(
                reason, "--reason", "what was found instead", upTo: CentreCommand.Limit.reason)
        }
        func run() throws {
            try reporting {
                try options.submit(
                    .judgedFalse(alert: try options.alert(alert), by: options.by, reason: reason))
            }
        }
    }
}

extension Statement.KnownBy: ExpressibleByArgument {}
