import Encoding
import GatewayCore
import Journal
import LiftModel
import Trace

/// Writes the journal's messages as a trace that `replay` reads, or as a table. A trace has the
/// times of the gateway's line, by which lifts were evaluated; a table is for people, and has the
/// calendar's times.
public struct JournalExport {
    public enum Form: String, CaseIterable, Sendable { case trace, csv }

    /// How many messages were written, and how many there were.
    public struct Count {
        public var written = 0
        /// The messages of the wanted lift, or of all, at any time; with the calendar's times of
        /// the first and the last.
        public var ofLift = 0
        public var first: Instant?
        public var last: Instant?
    }

    /// The wanted time span, on the calendar.
    public var from: Instant?
    public var to: Instant?
    /// Only this lift's messages: those with its id as a level of their topic. Connection events
    /// are exported in any case.
    public var lift: String?
    public var form: Form

    public init(form: Form) { self.form = form }

    /// - Parameter emit: takes lines with their line ends.
    public func run(_ journal: Journal, emit: ([UInt8]) -> Void) throws(JournalError) -> Count {
        var writer = TraceWriter()
        let line = try journal.calendarLine()
        var count = Count()
        var session = 1
        if form == .csv { emit(Array("arrival,topic,retained,payload,unread_length\n".utf8)) }
        try journal.forEachBatch(after: 0) { batch in
            batch.visit {
                switch $0 {
                case .control(let timed):
                    guard form == .trace, isWanted(line.calendar(timed.time)) else { return }
                    if timed.control == .connection(.connected) { session += 1 }
                    writer.event(timed.control.traced, session: session, at: timed.time)
                case .message(let message):
                    let arrival = Instant(nanoseconds: message.arrival)
                    guard isWanted(message.topic) else { return }
                    let time = line.calendar(arrival)
                    count.ofLift += 1
                    count.first = count.first ?? time
                    count.last = time
                    guard isWanted(time) else { return }
                    count.written += 1
                    if form == .csv { return emit(Self.row(message, time)) }
                    writer.message(
                        topic: message.topic.span, payload: message.payload.span,
                        isRetained: message.isRetained,
                        qos: message.mid == 0 ? 0 : 1, session: session, at: arrival,
                        unread: message.unread)
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
            String(validating: message.payload, as: UTF8.self) ?? "base64:"
            + Base64.encode(message.payload.span)
        let topic = String(decoding: message.topic, as: UTF8.self)
        let unread = message.unreadLength.map { "\($0)" } ?? ""
        let line = [arrival.rfc3339, topic, message.isRetained ? "1" : "0", payload, unread].map(
            Self.quoted)
        return Array((line.joined(separator: ",") + "\n").utf8)
    }

    /// RFC 4180.
    private static func quoted(_ text: String) -> String {
        text.contains { ",\"\n\r".contains($0) }
            ? "\"" + text.replacing("\"", with: "\"\"") + "\"" : text
    }
}

extension JournalledMessage {
    fileprivate var unread: UnreadPayload? {
        guard case .unread(let length, let sha256) = treatment else { return nil }
        return UnreadPayload(length: length, sha256: sha256)
    }
}
