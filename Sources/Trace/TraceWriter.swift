import Encoding
import LiftModel

/// Length and hash of a message that was refused unread, of which only the beginning is stored.
package struct UnreadPayload {
    package var length: Int
    package var sha256: [UInt8]
    package init(length: Int, sha256: [UInt8]) { (self.length, self.sha256) = (length, sha256) }
}

/// Writes what `TraceReader` reads.
package struct TraceWriter {
    private var json = JSONWriter()

    package init() {}

    package mutating func message(
        topic: Span<UInt8>, payload: Span<UInt8>, isRetained: Bool, qos: Int, session: Int,
        at arrival: Instant,
        unread: UnreadPayload? = nil
    ) {
        json.object {
            $0.put("t", seconds: arrival)
            $0.put("topic", text: topic)
            if Self.isUTF8(payload) {
                $0.put("payload", text: payload)
            } else {
                $0.put("payload_b64", Base64.encode(payload))
            }
            $0.put("retain", isRetained)
            $0.put("qos", qos)
            $0.put("session", session)
            if let unread {
                $0.put("unread_length", unread.length)
                $0.put(
                    "unread_sha256",
                    unread.sha256.hexText)
            }
        }
        json.line()
    }

    package mutating func event(_ event: TraceEvent, session: Int, at time: Instant) {
        json.object {
            $0.put("t", seconds: time)
            switch event {
            case .connection(let connection): $0.put("event", connection.rawValue)
            case .action(let line):
                $0.put("event", "order")
                $0.put("order", line)
            }
            $0.put("session", session)
        }
        json.line()
    }

    package mutating func take() -> [UInt8] {
        defer { json.reset() }
        return json.bytes
    }

    private static func isUTF8(_ bytes: Span<UInt8>) -> Bool {
        for i in 0..<bytes.count where bytes[i] >= 0x80 {
            return String(validating: bytes.array, as: UTF8.self) != nil
        }
        return true
    }
}
