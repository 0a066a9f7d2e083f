import ArgumentParser
import Elevator
import Encoding
import Gateway
import Journal

extension JournalCommand {
    struct Refused: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Events that a centre has refused for good; look at them, and have them sent again.",
            discussion: """
                A refused event is out of the queue, so that it holds up no other, and is kept with the centre's reason. Run this as the
                gateway's user when you send again.

                  hoistway journal refused
                  hoistway journal refused --send-again 7bb35833-0b5e-5c0f-9d5b-8d3d7f1c2f11/2
                  hoistway journal refused --send-again all
                """)
        @OptionGroup var place: Place
        @OptionGroup var output: FormatOptions
        @Option(help: "Put this event, or all, back into the queue of the centre that refused it.")
        var sendAgain: String?

        func run() throws {
            try reporting {
                if let sendAgain {
                    let count = try Journal(try place.path()).sendAgain(sendAgain == "all" ? nil : sendAgain)
                    guard count > 0 else {
                        printError(
                            "hoistway: nothing of '\(sendAgain)' was refused. hoistway journal refused lists what was.")
                        throw ExitCode.failure
                    }
                    return print("\(count) in the queue again")
                }
                let letters = try place.open().deadLetters()
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
                        print(String(decoding: json.bytes, as: UTF8.self))
                    } else {
                        print(
                            "\(letter.refused.rfc3339)  \(column(letter.eventID, 40))\(column(letter.centre, 14))\(column(letter.lift, 22))\(letter.reason)"
                        )
                    }
                }
                if letters.isEmpty, output.format == .text { print("No centre has refused anything.") }
            }
        }
    }
}
