import Encoding
import LiftModel
import PositionedYAML

/// A change of the connection over which a trace was recorded.
public enum ConnectionEvent: String, CaseIterable, Sendable {
    case connected, drained, disconnected, end
    /// Later messages wait unread. Timers were evaluated through this time, and wait from here on.
    case stalled
    /// What versions up to 0.3.0 wrote in its place, with the time at which the stall was noticed:
    /// later than the last evaluation of timers.
    case behind
}

/// A row of a trace that is no message.
public enum TraceEvent: Sendable, Equatable {
    case connection(ConnectionEvent)
    /// An operator action, as its line.
    case action(String)
}

/// A recorded stream of messages, one JSON object a line:
///
/// - A message: `{"t", "topic", "payload" | "payload_b64", "retain", "qos", "session"}`. With
///   `"unread_length"`, the payload is only the beginning of a message that was refused unread.
/// - A change of the connection: a line whose `"event"` is `connected`, `drained`, `disconnected`,
///   `stalled`, `behind` or `end`.
/// - An operator action: a line with `"event": "order"` and `"order"`.
public struct TraceReader {
    private static let fields = JSONFieldSet(
        [
            "t", "topic", "payload", "payload_b64", "retain", "event", "order", "session",
            "unread_length",
        ].map {
            JSONField(key: $0)
        })
    private var tokens = [JSONToken](repeating: JSONToken(), count: 9)
    private var topic: [UInt8] = []
    private var payload: [UInt8] = []
    private let file: String
    private var lastTime = Int64.min
    /// Added to the times of the rows that follow.
    private var shift: Int64 = 0
    private var session: Int64?
    private var hasEventSinceMessage = false
    /// Where the trace lacks what the daemon knew at the recording. Each has the first row's line.
    public struct Irregularities: Sendable {
        /// Rows with an earlier time than the row before them, and the longest step back. Such a
        /// row gets the time of the row before it. After a step of more than a minute the clock was
        /// set back, and all later rows are moved by the step.
        public var timeReversals: (line: Int, count: Int, most: Duration)?
        /// The session changes, and no row says when the recorder was not connected.
        public var sessionChanges: (line: Int, count: Int)?
    }
    public private(set) var irregularities = Irregularities()
    /// After a longer step back the clock was set; a shorter one only shows rows out of order.
    private static let longestDisorder = Duration.seconds(60).nanoseconds
    /// A time beyond this, in nanoseconds, is a mistake, and differences of such times would
    /// overflow.
    public static let maximumTime: Int64 = 4_000_000_000_000_000_000

    public init(file: String) { self.file = file }

    /// Reads one line and calls `message` or `event`. Allocates nothing for a message once its
    /// buffers have grown.
    /// - Throws: `InvalidFiles` that names the line and what was expected.
    public mutating func read(
        _ line: Span<UInt8>, number: Int,
        message: (
            _ topic: Span<UInt8>, _ payload: Span<UInt8>, _ isRetained: Bool, _ unread: Int?,
            _ arrival: Instant
        ) -> Void,
        event: (TraceEvent, Instant) -> Void
    ) throws(InvalidFiles) {
        var scanner = JSONScanner(line)
        do throws(JSONError) {
            try scanner.scan(Self.fields, into: &tokens)
        } catch {
            throw fail(number, error.offset + 1, "not JSON here: expected \(error.expected)")
        }
        guard tokens[0].kind == .number,
            let time = DecimalText.nanoseconds(line, tokens[0].start, tokens[0].end)
        else {
            throw fail(
                number, 1, "expected \"t\": the arrival time in seconds, with at most nine decimals"
            )
        }
        guard time.magnitude <= UInt64(Self.maximumTime) else {
            throw fail(number, 1, "\"t\" is beyond the years 1843 to 2096; expected seconds")
        }
        let arrival = arrival(time, number)
        if tokens[5].kind == .string {
            let name = scanner.unescaped(tokens[5])
            if name == "order", tokens[6].kind == .string {
                return event(.action(scanner.unescaped(tokens[6])), arrival)
            }
            hasEventSinceMessage = true
            guard let known = ConnectionEvent(rawValue: name) else {
                throw fail(
                    number, 1,
                    "\"event\" is not one of connected, drained, disconnected, behind, end, order")
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
            guard Base64.decode(line.extracting(tokens[3].start..<tokens[3].end), into: &payload)
            else {
                throw fail(number, tokens[3].start, "\"payload_b64\" is not base64")
            }
        } else {
            throw fail(number, 1, "expected \"payload\": text, or \"payload_b64\"")
        }
        noteSession(line, number)
        let unread =
            tokens[8].kind == .number
            ? DecimalText.double(line, tokens[8].start, tokens[8].end) : nil
        message(
            topic.span, payload.span, tokens[4].kind == .true, unread.flatMap { Int(exactly: $0) },
            arrival)
    }

    /// The row's arrival time. It never goes back, as in the daemon.
    private mutating func arrival(_ written: Int64, _ number: Int) -> Instant {
        let (sum, isBeyond) = written.addingReportingOverflow(shift)
        let time = isBeyond ? Self.maximumTime : min(sum, Self.maximumTime)
        let step = lastTime == .min ? 0 : max(0, lastTime - time)
        if step > 0 {
            let (line, count, most) = irregularities.timeReversals ?? (number, 0, .zero)
            irregularities.timeReversals = (line, count + 1, max(most, .nanoseconds(step)))
            if step > Self.longestDisorder { shift += step }
        }
        lastTime = max(lastTime, time)
        return Instant(nanoseconds: lastTime)
    }

    private mutating func noteSession(_ line: Span<UInt8>, _ number: Int) {
        defer { hasEventSinceMessage = false }
        guard tokens[7].kind == .number,
            let now = DecimalText.nanoseconds(line, tokens[7].start, tokens[7].end)
        else {
            return
        }
        if let session, session != now, !hasEventSinceMessage {
            let (line, count) = irregularities.sessionChanges ?? (number, 0)
            irregularities.sessionChanges = (line, count + 1)
        }
        session = now
    }

    private func fail(_ line: Int, _ column: Int, _ message: String) -> InvalidFiles {
        InvalidFiles([Diagnostic(file: file, line: line, column: column, message: message)])
    }
}
