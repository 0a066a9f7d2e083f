import Encoding
import Journal

/// Recognises what the broker sends again after a connect although it is committed: its acknowledgement was lost.
///
/// The library hides MQTT's DUP flag, so a message is known by packet id, topic and payload together. At most a window
/// (Receive Maximum) of messages can be owed an acknowledgement, so that many are remembered.
struct RedeliveryMemory {
    private struct Mark: Hashable {
        var mid: Int
        var hash: UInt64
    }
    private let capacity: Int
    /// The last messages committed, oldest first; a ring.
    private var ring: [Mark] = []
    private var next = 0
    /// Those that may come again in this session.
    private var pending: Set<Mark> = []
    /// Redeliveries recognised since the last commit.
    private(set) var recognised = 0

    init(capacity: Int, _ committed: [JournalledMessage]) {
        self.capacity = capacity
        ring.reserveCapacity(capacity)
        for message in committed { remember(message) }
    }

    mutating func sessionBegins(isPresent: Bool) {
        pending = isPresent ? Set(ring) : []
    }

    /// The backlog is read: from here on a packet id means a new message.
    mutating func forgetPending() { pending.removeAll(keepingCapacity: true) }

    mutating func isCommitted(mid: Int, topic: Span<UInt8>, payload: Span<UInt8>) -> Bool {
        guard !pending.isEmpty, pending.remove(Self.mark(mid, topic, payload)) != nil else { return false }
        recognised += 1
        return true
    }

    mutating func committed(_ messages: [JournalledMessage]) {
        recognised = 0
        for message in messages where message.mid != 0 { remember(message) }
    }

    private mutating func remember(_ message: JournalledMessage) {
        guard message.mid != 0 else { return }
        let mark = Self.mark(message.mid, message.topic.span, message.payload.span)
        if ring.count < capacity {
            ring.append(mark)
        } else {
            ring[next] = mark
            next = (next + 1) % capacity
        }
    }

    private static func mark(_ mid: Int, _ topic: Span<UInt8>, _ payload: Span<UInt8>) -> Mark {
        var hash = ByteHash(seed: UInt64(mid))
        hash.add(topic, 0, topic.count)
        hash.add(payload, 0, payload.count)
        return Mark(mid: mid, hash: hash.value)
    }
}
