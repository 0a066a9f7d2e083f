import Encoding
import Journal
import LiftModel

/// Recognises committed messages that the broker sends again after a connect, because their
/// acknowledgement was lost.
///
/// The library hides MQTT's DUP flag, so a message is recognised by packet id, topic and payload
/// together. At most one window (Receive Maximum) of messages can be unacknowledged, so that many
/// are remembered.
///
/// A broker that has lost a part of its state assigns packet ids anew, and a controller without a
/// clock sends the same message again. So only a message with a time or a sequence number of its
/// own counts as a redelivery, and never a pressed alarm button. Whether the press is an old one,
/// the lift's own memory decides: it can add a revision to the alert, and gives no second id while
/// the alert is open.
struct RedeliveryMemory {
    private struct Mark: Hashable {
        var mid: Int
        var hash: UInt64
    }
    private let capacity: Int
    /// The last committed messages, oldest first; a recent buffer.
    private var recent: [Mark] = []
    private var next = 0
    /// The messages that may come again in this session.
    private var pending: Set<Mark> = []
    /// Redeliveries recognised since the last commit.
    private(set) var recognised = 0

    init(capacity: Int, _ committed: [JournalledMessage]) {
        self.capacity = capacity
        recent.reserveCapacity(capacity)
        for message in committed { remember(message) }
    }

    mutating func sessionStarted(isPresent: Bool) {
        pending = isPresent ? Set(recent) : []
    }

    /// The backlog is drained: from here on a packet id means a new message.
    mutating func forgetPending() { pending.removeAll(keepingCapacity: true) }

    mutating func isCommitted(mid: Int, topic: Span<UInt8>, payload: Span<UInt8>) -> Bool {
        guard !pending.isEmpty, pending.remove(Self.mark(mid, topic, payload)) != nil else {
            return false
        }
        recognised += 1
        return true
    }

    mutating func noteCommitted(_ messages: [JournalledMessage]) {
        recognised = 0
        for message in messages { remember(message) }
    }

    private mutating func remember(_ message: JournalledMessage) {
        guard message.mid != 0,
            message.treatment == .distinct || injected(.takesAnyMessageForARedelivery)
        else { return }
        let mark = Self.mark(message.mid, message.topic.span, message.payload.span)
        if recent.count < capacity {
            recent.append(mark)
        } else {
            recent[next] = mark
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
