import Elevator
import Mosquitto

/// How far reading is behind what was said: after a stall of our own (a slow disk, a starved box) words wait unread, and the silence of
/// who said them is ours.
struct ReadingLag {
    /// Well below the shortest silence that counts.
    static let tolerated = Duration.seconds(2)

    /// When last nothing waited to be read, monotonic.
    private var caughtUpAt: Int64 = 0
    /// When a full window was last acknowledged, monotonic.
    private var windowAcknowledgedAt: Int64?

    mutating func noteFullWindowAcknowledged(at now: Int64) { windowAcknowledgedAt = now }
    mutating func noteDrained(at now: Int64) { caughtUpAt = now }

    /// The socket is empty, and the broker has credit that it does not use. Right after a full window was acknowledged its answer may
    /// still be under way.
    mutating func noteEmptySocket(at now: Int64) {
        if let windowAcknowledgedAt, .nanoseconds(now - windowAcknowledgedAt) < DrainWatch.settling { return }
        caughtUpAt = now
    }

    /// For how long words may have waited, where that is too long; else nil.
    func excess(at now: Int64) -> Duration? {
        let lag = Duration.nanoseconds(now - caughtUpAt)
        return lag >= Self.tolerated ? lag : nil
    }
}
