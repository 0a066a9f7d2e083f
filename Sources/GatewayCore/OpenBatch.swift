import Journal
import LiftModel

/// The commit cycle: messages are read into a batch, one commit makes it durable, and only then the
/// connection is written to, which releases their acknowledgements.
///
///     empty ──read──▶ reading ──commit starts──▶ committing ──close──▶ empty
///       ▲                ▲                           │
///       └────────────────┴───────commit fails────────┘
struct OpenBatch {
    private enum Phase {
        /// Nothing waits: the connection may be written to.
        case empty
        /// Since the first message. Any write on the connection would acknowledge what no disk
        /// has.
        case reading(since: MonotonicTime)
        /// The commit's outcome is awaited. `readingSince` is nil where no message is in it.
        case committing(readingSince: MonotonicTime?)
    }

    /// The messages that the commit writes. Messages that the broker sent again are not among them.
    private(set) var messages: [JournalledMessage] = []
    /// The bytes of their topics and payloads.
    private(set) var bytes = 0
    /// Messages read, which the broker waits to have acknowledged.
    private(set) var unacknowledged = 0
    private var phase = Phase.empty
    /// The broker's Receive Maximum.
    private let window: Int
    /// A batch that has reached so many bytes takes no further message.
    private let mostBytes: Int

    init(window: Int, bytes: Int) {
        self.window = window
        mostBytes = bytes
    }

    var readingSince: MonotonicTime? { if case .reading(let since) = phase { since } else { nil } }
    /// Nothing waits for a commit or its outcome.
    var isEmpty: Bool { if case .empty = phase { true } else { false } }
    var isCommitting: Bool { if case .committing = phase { true } else { false } }
    var hasRoom: Bool {
        unacknowledged < window && (bytes < mostBytes || injected(.takesAnyNumberOfBytes))
    }
    /// Messages that the broker may still send before it waits.
    var credit: Int { max(1, window - unacknowledged) }

    /// A message is read, new or sent again.
    mutating func noteRead(at now: MonotonicTime) {
        if case .empty = phase { phase = .reading(since: now) }
        unacknowledged += 1
    }

    mutating func append(_ message: JournalledMessage) {
        bytes += message.topic.count + message.payload.count
        messages.append(message)
    }

    mutating func commitStarted() { phase = .committing(readingSince: readingSince) }

    /// The messages wait for the next attempt.
    mutating func commitFailed() {
        guard case .committing(let since) = phase else { return }
        phase = since.map { .reading(since: $0) } ?? .empty
    }

    /// The messages are durable, or deliberately not; they need not be written again.
    mutating func forgetMessages() {
        messages.removeAll(keepingCapacity: true)
    }

    /// The next write acknowledges the batch.
    mutating func close() {
        phase = .empty
        unacknowledged = 0
        bytes = 0
    }
}
