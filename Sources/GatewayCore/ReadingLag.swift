import LiftModel

/// How far reading lags behind what has arrived. During a stall of the gateway (a slow disk, a
/// starved box) messages wait unread, and the silence of their lifts is the gateway's own.
struct ReadingLag {
    /// Well below the shortest silence that raises an alert.
    static let tolerated = Duration.seconds(2)

    /// When last no message waited unread.
    private var caughtUpAt: MonotonicTime = .boot
    /// When a full window was last acknowledged.
    private var windowAcknowledgedAt: MonotonicTime?

    mutating func noteFullWindowAcknowledged(at now: MonotonicTime) { windowAcknowledgedAt = now }
    mutating func noteDrained(at now: MonotonicTime) { caughtUpAt = now }

    /// The socket is empty, and the broker has credit that it does not use. Right after a full
    /// window was acknowledged the broker's next messages may still be on their way.
    mutating func noteEmptySocket(at now: MonotonicTime) {
        if let windowAcknowledgedAt, now - windowAcknowledgedAt < BacklogWatch.settling { return }
        caughtUpAt = now
    }

    /// How long messages may have waited unread; nil below the tolerated time.
    func stall(at now: MonotonicTime) -> Duration? {
        let lag = now - caughtUpAt
        return lag >= Self.tolerated ? lag : nil
    }
}
