import ArgumentParser
import City
import DeviceProfiles
import Encoding
import LiftModel
import PositionedYAML
import Trace

struct Anonymise: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Remove from a trace everything that identifies its lifts.",
        discussion: """
            Only the fields that a profile reads stay. Lifts are numbered in the order in which they appear. Text values that the
            profile does not know become "?". Messages on other topics or that are not JSON, and operator actions, are left out and
            counted. Times, numbers and the controllers' raw codes stay: anyone who knows when which lift failed can still recognise it.

              hoistway-sim anonymise building.ndjson.zst --out anonymous.ndjson.zst
            """)

    @Argument(help: "The trace, plain or compressed; - is standard input.")
    var trace: String

    @Option(help: "Write the stripped trace here; - is standard output.")
    var out: String

    @Option(help: "The folder with the profiles by which the lifts publish.")
    var profiles = ShippedData.profiles

    func run() throws {
        var anonymiser = Anonymiser(try CityFiles.checkedProfiles(profiles))
        var reader = TraceReader(file: trace == "-" ? "standard input" : trace)
        var writer = TraceWriter()
        let lines = try LineReader(trace)
        let output = try OutputFile(out, reading: [trace])
        var kept = 0
        var left: [String: Int] = [:]
        try lines.visitLines { line, number in
            try reader.read(line, number: number) { topic, payload, isRetained, unread, arrival in
                if unread != nil {
                    left["beginnings of messages that were refused unread", default: 0] += 1
                    return
                }
                do throws(Anonymiser.Refusal) {
                    let message = try anonymiser.anonymise(
                        topic: String(decoding: topic.array, as: UTF8.self), payload: payload)
                    writer.message(
                        topic: message.topic.span, payload: message.payload.span,
                        isRetained: isRetained, qos: 1,
                        session: 1, at: arrival)
                    kept += 1
                } catch { left[error.rawValue, default: 0] += 1 }
            } event: { event, time in
                guard case .connection = event else {
                    left["operator actions", default: 0] += 1
                    return
                }
                writer.event(event, session: 1, at: time)
            }
            output.write(writer.take())
        }
        output.flush()
        let reasons = left.sorted { $0.key < $1.key }.map { "\($0.value) \($0.key)" }.joined(
            separator: ", ")
        StandardError.write(
            "\(kept) messages of \(anonymiser.liftCount) lifts kept; left out: \(reasons.isEmpty ? "none" : reasons)"
        )
    }
}
