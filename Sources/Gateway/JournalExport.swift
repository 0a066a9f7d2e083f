import Elevator
import Encoding
import Journal
import Trace

/// Writes what the journal recorded as a trace that `replay` takes, or as a table.
public struct JournalExport {
    public enum Form: String, CaseIterable, Sendable { case trace, csv }

    public var from: Instant?
    public var to: Instant?
    /// Only this lift's messages: those with its id as a level of their topic. What happened to the connection stays.
    public var lift: String?
    public var form: Form

    public init(form: Form) { self.form = form }

    /// - Parameter emit: takes lines, each with its end.
    /// - Returns: messages written.
    public func run(_ journal: Journal, emit: ([UInt8]) -> Void) throws(JournalError) -> Int {
        var writer = TraceWriter()
        var count = 0
        var session = 1
        if form == .csv { emit(Array("arrival,topic,retained,payload\n".utf8)) }
        try journal.forEachBatch(after: 0) { batch in
            batch.visit {
                switch $0 {
                case .control(let timed):
                    guard form == .trace, isWanted(timed.time) else { return }
                    if timed.control == .connection(.connected) { session += 1 }
                    writer.event(timed.control.traced, session: session, at: timed.time)
                case .message(let message):
                    let arrival = Instant(nanoseconds: message.arrival)
                    guard isWanted(arrival), isWanted(message.topic) else { return }
                    count += 1
                    if form == .csv { return emit(Self.row(message, arrival)) }
                    writer.message(
                        topic: message.topic.span, payload: message.payload.span, isRetained: message.isRetained,
                        qos: message.mid == 0 ? 0 : 1, session: session, at: arrival)
                }
            }
            emit(writer.take())
        }
        return count
    }

    private func isWanted(_ time: Instant) -> Bool {
        if let from, time < from { return false }
        if let to, time > to { return false }
        return true
    }

    private func isWanted(_ topic: [UInt8]) -> Bool {
        guard let lift else { return true }
        return topic.split(separator: UInt8(ascii: "/")).contains { Array($0) == Array(lift.utf8) }
    }

    private static func row(_ message: JournalledMessage, _ arrival: Instant) -> [UInt8] {
        let payload =
            String(validating: message.payload, as: UTF8.self) ?? "base64:" + Base64.encode(message.payload.span)
        let topic = String(decoding: message.topic, as: UTF8.self)
        let line = [arrival.rfc3339, topic, message.isRetained ? "1" : "0", payload].map(Self.quoted)
        return Array((line.joined(separator: ",") + "\n").utf8)
    }

    /// RFC 4180.
    private static func quoted(_ text: String) -> String {
        text.contains { ",\"\n\r".contains($0) } ? "\"" + text.replacing("\"", with: "\"\"") + "\"" : text
    }
}
