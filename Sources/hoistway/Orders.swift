import ArgumentParser
import Detection
import Elevator
import Encoding
import Gateway
import Journal
import PositionedYAML

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// Who gives an order, and to which gateway.
struct OrderOptions: ParsableArguments {
    @Option(help: "The gateway's configuration file.")
    var config = "/etc/hoistway/hoistway.yaml"

    @Option(help: "Who says so; it is recorded and told to the centre.")
    var by: String

    func validate() throws {
        if by.allSatisfy(\.isWhitespace) { throw ValidationError("--by: expected the name of who says so") }
    }

    /// The whole id of the alert that a person names by its beginning, as `journal list` shows it, with or without a revision.
    func alert(_ text: String) throws -> String {
        let beginning = String(text.prefix { $0 != "/" })
        let journal = try Journal(try Configuration(file: config).stateFolder + "/journal.db", readOnly: true)
        let ids = Set(try journal.alerts(id: beginning).map(\.id)).sorted()
        guard !beginning.isEmpty, let only = ids.first else {
            throw ValidationError("the journal has no alert '\(text)'. hoistway journal list shows what it has.")
        }
        guard ids.count == 1 else {
            throw ValidationError("'\(text)' may be any of \(ids.prefix(5).joined(separator: ", ")); give more of it")
        }
        return only
    }

    /// Hands the order over and waits until the gateway has it in its journal.
    func give(_ order: Order) throws {
        let box = OrderBox(stateFolder: try Configuration(file: config).stateFolder)
        let name = try box.put(order)
        for _ in 0..<50 {
            usleep(100_000)
            switch box.answer(name: name) {
            case .success: return print("done: \(order.words)")
            case .failure(let refusal): throw refusal
            case nil: continue
            }
        }
        print("The gateway has not answered in 5 s. The order waits in its box and is followed as soon as it runs.")
        throw ExitCode.failure
    }
}

struct AnnounceMaintenance: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "maintenance",
        abstract: "Announce work on a lift: what begins in it is muted, for a time.",
        discussion: """
            The alarm button and incidents that are open already are never muted. The window is itself told to the centre,
            ends by itself, and is never longer than 12 h.

              hoistway maintenance 31104401062020010001 --until 2h --by "Li Wei" --reason "door operator replaced"
              hoistway maintenance 31104401062020010001 --end --by "Li Wei"
            """)

    @Argument(help: "The lift, as the configuration names it.")
    var lift: String

    @Option(help: "When the work ends: from now on (2h), or a time (2026-03-01T18:00:00+08:00).")
    var until: String?

    @Option(help: "What is done; recorded and told to the centre.")
    var reason: String?

    @Flag(help: "The work is over.")
    var end = false

    @OptionGroup var options: OrderOptions

    func run() throws {
        try reporting {
            let configuration = try Configuration(file: options.config)
            guard configuration.lifts.contains(where: { $0.lift.id == lift }) else {
                throw InvalidFiles([
                    Diagnostic(file: configuration.file, message: "no lift '\(lift)' is registered here")
                ])
            }
            if end {
                guard until == nil, reason == nil else {
                    throw ValidationError("--end takes no --until and no --reason")
                }
                return try options.give(.maintenanceEnds(lift: lift, by: options.by))
            }
            guard let until, let reason else {
                throw ValidationError("expected --until and --reason, or --end")
            }
            let time = try Self.time(until)
            guard time > Self.now else { throw ValidationError("--until: \(time.rfc3339) is past") }
            if time - Self.now > Order.longestMaintenance {
                print("A window is never longer than \(Order.longestMaintenance.written); it will end then.")
            }
            let end = min(time, Self.now + Order.longestMaintenance)
            try options.give(.maintenance(lift: lift, until: end, by: options.by, reason: reason))
        }
    }

    private static var now: Instant {
        var now = timespec()
        clock_gettime(CLOCK_REALTIME, &now)
        return Instant(nanoseconds: Int64(now.tv_sec) * 1_000_000_000 + Int64(now.tv_nsec))
    }

    private static func time(_ text: String) throws -> Instant {
        if let span = Duration(written: text) { return now + span }
        if let time = Instant(rfc3339: text) { return time }
        throw ValidationError(
            "--until: found '\(text)', expected a span such as 2h or a time such as 2026-03-01T18:00:00+08:00")
    }
}

struct Incident: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "What a person decides about an open alert, where the centre cannot say so itself.",
        subcommands: [Accept.self, Verify.self, Progress.self, End.self, JudgeFalse.self])

    struct Accept: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "A person has taken it on: no more reminders, and nothing suppresses it until its end.")
        @Argument(help: "The alert's id or its beginning (hoistway journal list).") var alert: String
        @OptionGroup var options: OrderOptions
        func run() throws {
            try reporting { try options.give(.accepted(alert: try options.alert(alert), by: options.by)) }
        }
    }
    struct Verify: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "A person knows that people are in the car: the alert is confirmed at once.",
            discussion: """
                  hoistway incident verify 5c09435c --known-by voice --people 2 --condition "calm" --by "Li Wei"
                """)
        @Argument(help: "The alert's id or its beginning (hoistway journal list).") var alert: String
        @Option(help: "How it is known.") var knownBy: Statement.KnownBy
        @Option(help: "How many people are in the car.") var people: Int?
        @Option(help: "How they are.") var condition: String?
        @OptionGroup var options: OrderOptions
        func validate() throws {
            if let people, people < 1 {
                throw ValidationError(
                    "--people: found \(people), expected 1 or more; judge-false says that nobody is there")
            }
        }
        func run() throws {
            try reporting {
                let statement = Statement(
                    by: options.by, people: people, condition: condition, knownBy: knownBy)
                try options.give(.verified(alert: try options.alert(alert), statement))
            }
        }
    }
    struct Progress: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Help is on its way, has arrived, or has released the people; told to every centre.")
        enum Node: String, ExpressibleByArgument, CaseIterable { case dispatched, arrived, released }
        @Argument(help: "The alert's id.") var alert: String
        @Argument(help: "dispatched, arrived or released.") var node: Node
        @Option(help: "How many people were released.") var people: Int?
        @OptionGroup var options: OrderOptions
        func run() throws {
            try reporting {
                guard let progress = Order.Progress(rawValue: node.rawValue) else { return }
                try options.give(
                    .progress(
                        alert: try options.alert(alert), progress, Statement(by: options.by, people: people)))
            }
        }
    }
    struct End: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "The incident is over: everybody is out.")
        @Argument(help: "The alert's id.") var alert: String
        @Option(help: "How many people were in the car.") var people: Int?
        @OptionGroup var options: OrderOptions
        func run() throws {
            try reporting {
                try options.give(
                    .endOfAlarm(alert: try options.alert(alert), Statement(by: options.by, people: people)))
            }
        }
    }
    struct JudgeFalse: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "judge-false", abstract: "Nothing was there. What begins after this is judged afresh.")
        @Argument(help: "The alert's id.") var alert: String
        @Option(help: "What was found instead.") var reason: String
        @OptionGroup var options: OrderOptions
        func run() throws {
            try reporting {
                try options.give(.judgedFalse(alert: try options.alert(alert), by: options.by, reason: reason))
            }
        }
    }
}

extension Statement.KnownBy: ExpressibleByArgument {}
