import Elevator
import Encoding
import PositionedYAML

/// What happened to the connection over which a trace was recorded.
public enum ConnectionEvent: String, CaseIterable, Sendable {
    case connected, drained, disconnected, end
    /// Connected, but what was said since then waits unread.
    case behind
}

/// A row of a trace that is no message.
public enum TraceEvent: Sendable, Equatable {
    case connection(ConnectionEvent)
    /// A person's order, as its line.
    case order(String)
}

/// A recorded stream of messages: one JSON object a line, `{"t", "topic", "payload" | "payload_b64", "retain", "qos",
/// "session"}`. What happened to the connection stands in lines with `"event"`: `connected`, `drained`, `disconnected`, `behind`,
/// `end`; a person's order in one with `"event": "order"` and `"order"`.
public struct TraceReader {
    private static let fields = JSONFieldSet(
        ["t", "topic", "payload", "payload_b64", "retain", "event", "order", "session"].map { JSONField(key: $0) })
    private var tokens = [JSONToken](repeating: JSONToken(), count: 8)
    private var topic: [UInt8] = []
    private var payload: [UInt8] = []
    private let file: String
    private var lastTime = Int64.min
    /// Added to the times of the rows that follow.
    private var shift: Int64 = 0
    private var session: Int64?
    private var hasEventSinceMessage = false
    /// Where the trace does not say what the daemon knew when it was recorded; by the line of the first.
    public struct Doubts: Sendable {
        /// Rows whose time is before the row's before them, and by how much at most. A few seconds are made up for at once; where it is
        /// more the clock was set back, and all that follows is later by that.
        public var backwards: (line: Int, count: Int, most: Duration)?
        /// The session changes, and no row says from when to when nobody listened.
        public var sessions: (line: Int, count: Int)?
    }
    public private(set) var doubts = Doubts()
    /// A step back of more is a clock that was set, and no rows that changed places.
    private static let longestDisorder = Duration.seconds(60).nanoseconds
    /// Times beyond this, in nanoseconds, are a mistake, and their differences would overflow.
    public static let farthest: Int64 = 4_000_000_000_000_000_000

    public init(file: String) { self.file = file }

    /// Reads one line and hands it on. Nothing is allocated for a message once warm.
    /// - Throws: `InvalidFiles` that names the line and what was expected.
    public mutating func read(
        _ line: Span<UInt8>, number: Int,
        message: (_ topic: Span<UInt8>, _ payload: Span<UInt8>, _ isRetained: Bool, _ arrival: Instant) -> Void,
        event: (TraceEvent, Instant) -> Void
    ) throws(InvalidFiles) {
        var scanner = JSONScanner(line)
        do throws(JSONError) {
            try scanner.scan(Self.fields, into: &tokens)
        } catch { throw fail(number, error.offset + 1, "not JSON here: expected \(error.expected)") }
        guard tokens[0].kind == .number, let time = DecimalText.nanoseconds(line, tokens[0].start, tokens[0].end) else {
            throw fail(number, 1, "expected \"t\": the arrival time in seconds, with at most nine decimals")
        }
        guard time.magnitude <= UInt64(Self.farthest) else {
            throw fail(number, 1, "\"t\" is beyond the years 1843 to 2096; expected seconds")
        }
        let arrival = arrival(time, number)
        if tokens[5].kind == .string {
            let name = scanner.unescaped(tokens[5])
            if name == "order", tokens[6].kind == .string {
                return event(.order(scanner.unescaped(tokens[6])), arrival)
            }
            hasEventSinceMessage = true
            guard let known = ConnectionEvent(rawValue: name) else {
                throw fail(number, 1, "\"event\" is not one of connected, drained, disconnected, behind, end, order")
            }
            return event(.connection(known), arrival)
        }
        guard tokens[1].kind == .string else { throw fail(number, 1, "expected \"topic\": text") }
        topic.removeAll(keepingCapacity: true)
        scanner.unescape(tokens[1], into: &topic)
        payload.removeAll(keepingCapacity: true)
        if tokens[2].kind == .string {
            scanner.unescape(tokens[2], into: &payload)
        } else if tokens[3].kind == .string {
            guard Base64.decode(line.extracting(tokens[3].start..<tokens[3].end), into: &payload) else {
                throw fail(number, tokens[3].start, "\"payload_b64\" is not base64")
            }
        } else {
            throw fail(number, 1, "expected \"payload\": text, or \"payload_b64\"")
        }
        noteSession(line, number)
        message(topic.span, payload.span, tokens[4].kind == .true, arrival)
    }

    /// Time never goes back, as it does not in the daemon.
    private mutating func arrival(_ written: Int64, _ number: Int) -> Instant {
        let (sum, isBeyond) = written.addingReportingOverflow(shift)
        let time = isBeyond ? Self.farthest : min(sum, Self.farthest)
        let step = lastTime == .min ? 0 : max(0, lastTime - time)
        if step > 0 {
            let (line, count, most) = doubts.backwards ?? (number, 0, .zero)
            doubts.backwards = (line, count + 1, max(most, .nanoseconds(step)))
            if step > Self.longestDisorder { shift += step }
        }
        lastTime = max(lastTime, time)
        return Instant(nanoseconds: lastTime)
    }

    private mutating func noteSession(_ line: Span<UInt8>, _ number: Int) {
        defer { hasEventSinceMessage = false }
        guard tokens[7].kind == .number, let now = DecimalText.nanoseconds(line, tokens[7].start, tokens[7].end) else {
            return
        }
        if let session, session != now, !hasEventSinceMessage {
            doubts.sessions = (doubts.sessions?.line ?? number, (doubts.sessions?.count ?? 0) + 1)
        }
        session = now
    }

    private func fail(_ line: Int, _ column: Int, _ message: String) -> InvalidFiles {
        InvalidFiles([Diagnostic(file: file, line: line, column: column, message: message)])
    }
}
