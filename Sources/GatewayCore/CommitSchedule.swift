import LiftModel

/// When to commit without a message, and when to store a snapshot.
struct CommitSchedule {
    /// Without messages an empty batch is committed this often. It records that the gateway
    /// observed, so that a silence does not start anew with the next process.
    private static let noteObservingEvery = Duration.seconds(5)
    /// A start replays at most so many bytes.
    private static let mostBytesToReplay = 16 << 20

    /// The last batch; 0 before the first one of this run.
    private(set) var sequence: Int64 = 0
    private var lastCommit: MonotonicTime
    private(set) var lastSnapshot: MonotonicTime = .boot
    /// Bytes journalled since the last snapshot.
    private var bytesSinceSnapshot = 0
    /// The next commit includes a snapshot: batches that were evaluated under other rules must not
    /// be replayed under the new ones.
    private(set) var wantsSnapshot: Bool
    /// The quota has not been enforced since the last commit.
    var mustEnforceQuota = false

    init(wantsSnapshot: Bool, at now: MonotonicTime) {
        self.wantsSnapshot = wantsSnapshot
        lastCommit = now
    }

    func mustNoteObserving(at now: MonotonicTime) -> Bool {
        now - lastCommit >= Self.noteObservingEvery
    }

    mutating func requestSnapshot() { wantsSnapshot = true }
    /// Whether a batch of so many bytes goes with a snapshot.
    mutating func includesSnapshot(with bytes: Int) -> Bool {
        if bytesSinceSnapshot + bytes > Self.mostBytesToReplay { wantsSnapshot = true }
        return wantsSnapshot
    }

    mutating func noteCommit(_ sequence: Int64, bytes: Int, at now: MonotonicTime) {
        self.sequence = sequence
        lastCommit = now
        bytesSinceSnapshot = wantsSnapshot ? 0 : bytesSinceSnapshot + bytes
        wantsSnapshot = false
        mustEnforceQuota = true
    }

    mutating func noteSnapshotAttempt(at now: MonotonicTime) { lastSnapshot = now }
    mutating func noteSnapshotStored() { bytesSinceSnapshot = 0 }
}
