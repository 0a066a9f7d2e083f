import Detection
import DeviceProfiles
import Elevator
import Encoding
import PositionedYAML

/// A recorded stream of messages: one JSON object a line, `{"t", "topic", "payload" | "payload_b64", "retain", "qos",
/// "session"}`. What happened to the connection stands in lines with `"event"`: `connected`, `drained`, `disconnected`, `behind`; a
/// person's order in one with `"event": "order"` and `"order"`.
public struct TraceReader {
    private static let fields = JSONFieldSet(
        ["t", "topic", "payload", "payload_b64", "retain", "event", "order"].map { JSONField(key: $0) })
    private var tokens = [JSONToken](repeating: JSONToken(), count: 7)
    private var topic: [UInt8] = []
    private var payload: [UInt8] = []
    private let file: String
    private var lastTime = Int64.min
    /// Times beyond this, in nanoseconds, are a mistake, and their differences would overflow.
    static let farthest: Int64 = 4_000_000_000_000_000_000

    public init(file: String) { self.file = file }

    /// Reads one line and hands it on. Nothing is allocated for a message once warm.
    /// - Throws: `InvalidFiles` that names the line and what was expected.
    public mutating func read(
        _ line: Span<UInt8>, number: Int,
        message: (_ topic: Span<UInt8>, _ payload: Span<UInt8>, _ isRetained: Bool, _ arrival: Instant) -> Void,
        event: (Control, Instant) -> Void
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
        guard time >= lastTime else {
            throw fail(
                number, 1, "\"t\" goes back; arrival times only grow. A device's own time may stand in the payload")
        }
        lastTime = time
        let arrival = Instant(nanoseconds: time)
        if tokens[5].kind == .string {
            let name = scanner.unescaped(tokens[5])
            if name == "order", tokens[6].kind == .string, let order = Order(line: scanner.unescaped(tokens[6])) {
                return event(.order(order), arrival)
            }
            guard let known = Control.Connection(rawValue: name) else {
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
        message(topic.span, payload.span, tokens[4].kind == .true, arrival)
    }

    private func fail(_ line: Int, _ column: Int, _ message: String) -> InvalidFiles {
        InvalidFiles([Diagnostic(file: file, line: line, column: column, message: message)])
    }
}

/// Base64 (RFC 4648) for payloads that are not text.
enum Base64 {
    private static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

    static func encode(_ bytes: some Collection<UInt8>) -> String {
        var text: [UInt8] = []
        var word: UInt32 = 0
        var bits = 0
        for byte in bytes {
            word = word << 8 | UInt32(byte)
            bits += 8
            while bits >= 6 {
                bits -= 6
                text.append(alphabet[Int(word >> UInt32(bits)) & 63])
            }
        }
        if bits > 0 { text.append(alphabet[Int(word << UInt32(6 - bits)) & 63]) }
        while text.count % 4 != 0 { text.append(UInt8(ascii: "=")) }
        return String(decoding: text, as: UTF8.self)
    }

    static func decode(_ text: Span<UInt8>, into bytes: inout [UInt8]) -> Bool {
        var word: UInt32 = 0
        var bits = 0
        for i in 0..<text.count where text[i] != UInt8(ascii: "=") {
            guard let digit = alphabet.firstIndex(of: text[i]) else { return false }
            word = word << 6 | UInt32(digit)
            bits += 6
            if bits >= 8 {
                bits -= 8
                bytes.append(UInt8(truncatingIfNeeded: word >> UInt32(bits)))
            }
        }
        return text.count % 4 == 0
    }
}

/// Writes what `TraceReader` reads.
struct TraceWriter {
    private(set) var json = JSONWriter()

    mutating func message(
        topic: Span<UInt8>, payload: Span<UInt8>, isRetained: Bool, qos: Int, session: Int, at arrival: Instant
    ) {
        let payloadBytes = payload.array
        let text = String(validating: payloadBytes, as: UTF8.self)
        json.object {
            $0.put("t", seconds: arrival)
            $0.put("topic", String(decoding: topic.array, as: UTF8.self))
            if let text { $0.put("payload", text) } else { $0.put("payload_b64", Base64.encode(payloadBytes)) }
            $0.put("retain", isRetained)
            $0.put("qos", qos)
            $0.put("session", session)
        }
        json.line()
    }

    mutating func event(_ event: Control, session: Int, at time: Instant) {
        json.object {
            $0.put("t", seconds: time)
            switch event {
            case .connection(let connection): $0.put("event", connection.rawValue)
            case .order(let order):
                $0.put("event", "order")
                $0.put("order", order.line)
            }
            $0.put("session", session)
        }
        json.line()
    }

    mutating func take() -> [UInt8] {
        defer { json.reset() }
        return json.bytes
    }
}
