import LiftModel

/// Decides when the backlog after a connect has been read.
///
/// A broker with a backlog answers an acknowledgement with the next window of messages at once. A
/// broker without one sends only what lifts publish now. So the backlog is read when, twice in a
/// row, far less than a window has come within the settling time after a commit.
struct BacklogWatch {
    static let settling = Duration.milliseconds(100)
    /// Fewer messages than this in one settling time are no backlog.
    static let trickle = 200
    /// Timers wait no longer than this, backlog or not.
    static let longest = Duration.seconds(30)

    private var startedAt: MonotonicTime = .boot
    private var roundSince: MonotonicTime = .boot
    private var messages = 0
    private var quietRounds = 0

    mutating func start(at now: MonotonicTime) {
        startedAt = now
        roundSince = now
        messages = 0
        quietRounds = 0
    }

    mutating func noteMessage() { messages += 1 }

    mutating func noteCommit(at now: MonotonicTime) { finishRound(now) }

    private mutating func finishRound(_ now: MonotonicTime) {
        guard now - roundSince >= Self.settling else { return }
        quietRounds = messages < Self.trickle ? quietRounds + 1 : 0
        messages = 0
        roundSince = now
    }

    mutating func isDry(at now: MonotonicTime) -> Bool {
        finishRound(now)
        return quietRounds >= 2 || now - startedAt >= Self.longest
    }
}
