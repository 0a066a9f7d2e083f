import ArgumentParser
import Encoding
import Gateway
import Journal
import LiftModel

struct JournalCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "journal", abstract: "Read the journal, also from a copy or a damaged file.",
        discussion:
            "Nothing but refused --send-again changes the journal it reads. Exit code 1 when verify finds a problem.",
        subcommands: [
            List.self, Show.self, Statistics.self, Verify.self, Export.self, SalvageFile.self,
            Refused.self,
        ])

    struct JournalFile: ParsableArguments {
        @Option(help: "The configuration file; its state_folder is read.")
        var config = standardConfiguration

        @Option(help: "The journal itself, instead of a configuration.")
        var file: String?

        func path() throws -> String {
            try file ?? GatewayFolders(of: config).state + "/journal.db"
        }
        func open() throws -> Journal { try Journal(path(), readOnly: true) }
    }

    struct List: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "The last alerts, each revision a line, the newest last.")
        @OptionGroup var journalFile: JournalFile
        @OptionGroup var output: FormatOptions
        @Option(help: "How many.")
        var limit = 50

        func run() throws {
            try reporting {
                let journal = try journalFile.open()
                let alerts = try journal.alerts(limit: limit)
                if output.format == .json {
                    for alert in alerts { print(json: String(decoding: alert.body, as: UTF8.self)) }
                    return
                }
                // The end of a lift's id distinguishes it from its neighbours.
                let rows = alerts.map { alert in
                    [
                        alert.calendarTime.local, "\(alert.id.prefix(8))/\(alert.revision)",
                        (alert.lift.count > 8 ? "…" : "") + alert.lift.suffix(8), alert.kind,
                        alert.state,
                        alert.isRefused ? "refused" : alert.isPending ? "not stored yet" : "",
                    ]
                }
                if !rows.isEmpty { print(table(rows)) }
                let outbox = try journal.outboxSize()
                print("\(counted(outbox.count, "event")) not stored by the centre yet")
            }
        }
    }

    struct Show: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Everything about one alert.")
        @Argument(help: "The alert's id, or its beginning.")
        var id: String
        @OptionGroup var journalFile: JournalFile
        @OptionGroup var output: FormatOptions

        func run() throws {
            try reporting {
                let journal = try journalFile.open()
                let revisions = try journal.alerts(id: try journal.alertID(beginning: id))
                if output.format == .json {
                    for alert in revisions {
                        print(json: String(decoding: alert.body, as: UTF8.self))
                    }
                } else {
                    print(AlertPage(revisions: revisions).text)
                }
            }
        }
    }
}
