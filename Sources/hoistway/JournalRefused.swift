import ArgumentParser
import Encoding
import Gateway
import Journal
import LiftModel

extension JournalCommand {
    struct Refused: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Show the events that a centre has refused for good, or send them again.",
            discussion: """
                A refused event is removed from the queue, so that it blocks no other, and is stored with the centre's reason. Run this as the
                gateway's user or as root when you send again.

                  hoistway journal refused
                  hoistway journal refused --send-again 7bb35833
                  hoistway journal refused --send-again all
                """)
        @OptionGroup var journalFile: JournalFile
        @OptionGroup var output: FormatOptions
        @Option(
            help:
                "Put this event (its id or the beginning of it), or all, back into the queue of the centre that refused it."
        )
        var sendAgain: String?

        func run() throws {
            try reporting {
                if let sendAgain {
                    let journal = try Journal(existing: try journalFile.path())
                    let count = try journal.requeue(
                        sendAgain == "all" ? nil : try journal.refusedEventID(beginning: sendAgain))
                    return print("\(counted(count, "event")) in the queue again")
                }
                let letters = try journalFile.open().deadLetters()
                for letter in letters {
                    if output.format == .json {
                        var json = JSONWriter()
                        json.object {
                            $0.put("id", letter.eventID)
                            $0.put("centre", letter.centre)
                            $0.put("lift", letter.lift)
                            $0.put("lane", "\(letter.lane)")
                            $0.put("reason", letter.reason)
                            $0.put("refused", letter.refused.rfc3339)
                        }
                        print(json: String(decoding: json.bytes, as: UTF8.self))
                    } else {
                        // The complete id, for --send-again.
                        print("\(letter.refused.local)  \(letter.eventID)")
                        print(
                            "  lift \(letter.lift), refused by \(letter.centre): \(letter.reason)")
                    }
                }
                if letters.isEmpty, output.format == .text {
                    print("No centre has refused anything.")
                }
            }
        }
    }
}
