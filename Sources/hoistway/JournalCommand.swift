import ArgumentParser
import Elevator
import Encoding
import Gateway
import Journal

struct JournalCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "journal", abstract: "Look into the journal; a copy or a damaged file will do.",
        discussion:
            "Nothing but refused --send-again changes the journal it reads. Exit code 1 when verify finds a problem.",
        subcommands: [List.self, Show.self, Statistics.self, Verify.self, Export.self, SalvageFile.self, Refused.self])

    struct Place: ParsableArguments {
        @Option(help: "The configuration file; its state_folder is read.")
        var config: String?

        @Option(help: "The journal itself, instead of a configuration.")
        var file: String?

        func path() throws -> String {
            try file ?? config.map { try Configuration(file: $0).stateFolder + "/journal.db" }
                ?? "/var/lib/hoistway/journal.db"
        }
        func open() throws -> Journal { try Journal(path(), readOnly: true) }
    }

    struct List: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "The last alerts, each revision a line, the newest last.")
        @OptionGroup var place: Place
        @OptionGroup var output: FormatOptions
        @Option(help: "How many.")
        var limit = 50

        func run() throws {
            try reporting {
                let journal = try place.open()
                for alert in try journal.alerts(limit: limit) {
                    if output.format == .json {
                        print(String(decoding: alert.body, as: UTF8.self))
                    } else {
                        print(
                            "\(alert.time.rfc3339)  \(alert.id.prefix(8))/\(column(String(alert.revision), 4))\(column(alert.lift, 22))"
                                + "\(column(alert.kind, 26))\(column(alert.state, 18))\(alert.isRefused ? styled("refused", "31") : alert.isOwed ? styled("not yet stored by the centre", "33") : "stored")"
                        )
                    }
                }
                if output.format == .text {
                    let owed = try journal.owed()
                    print("\(owed.count) not yet stored by the centre")
                }
            }
        }
    }

    struct Show: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Everything about one alert.")
        @Argument(help: "The alert's id, or its beginning.")
        var id: String
        @OptionGroup var place: Place
        @OptionGroup var output: FormatOptions

        func run() throws {
            try reporting {
                let journal = try place.open()
                let revisions = try journal.alerts(id: id)
                guard !revisions.isEmpty else {
                    printError("hoistway: the journal has no alert '\(id)'. hoistway journal list shows what it has.")
                    throw ExitCode.failure
                }
                for alert in revisions {
                    if output.format == .text {
                        print(
                            "\(alert.id)/\(alert.revision)  \(alert.kind) \(alert.state)  lift \(alert.lift)  \(alert.time.rfc3339)"
                                + (alert.isRefused
                                    ? "  refused by a centre (hoistway journal refused)"
                                    : alert.isOwed ? "  not yet stored by every centre" : "  stored by the centre"))
                    }
                    print(String(decoding: alert.body, as: UTF8.self))
                }
            }
        }
    }
}
