import Journal
import LiftModel

/// Whether the journal takes commits.
///
///     healthy ◀──committed──┬──────────────┐
///        │                  │              │
///        └─failed─▶ waiting ─released─▶ withoutDisk        any ─failed with damage─▶ damaged
///
/// Waiting, the messages read so far keep the broker waiting for its acknowledgements. Without a
/// disk they are acknowledged, and only memory has their alerts.
package enum StorageState {
    case healthy
    case waiting(Failure)
    case withoutDisk(Failure)
    /// The journal's file turned out to be damaged; nothing more can be committed to it. The run
    /// ends.
    case damaged(JournalError, Failure)

    /// Commits that fail.
    package struct Failure {
        package var since: MonotonicTime
        /// The next attempt. A retry writes all pending alerts at once.
        package var retryAt: MonotonicTime
        package var reason: String

        package init(since: MonotonicTime, retryAt: MonotonicTime, reason: String) {
            self.since = since
            self.retryAt = retryAt
            self.reason = reason
        }
    }

    enum Event {
        case committed
        /// - pending: the alerts that wait. The more there are, the rarer are the retries.
        case failed(JournalError, at: MonotonicTime, pending: Int)
        /// Damage that was found outside of a commit.
        case damageFound(JournalError, at: MonotonicTime)
        /// The messages that waited are acknowledged without a commit.
        case released
    }

    mutating func apply(_ event: Event) {
        switch (self, event) {
        case (.damaged, _): break
        case (_, .committed): self = .healthy
        case (_, .failed(let error, let now, let pending)):
            let failure = Failure(
                since: failure?.since ?? now,
                retryAt: injected(.neverRetriesTheDisk)
                    ? .never : now + .seconds(1 + pending / 500),
                reason: error.description)
            if error.isDamage {
                self = .damaged(error, failure)
            } else if case .withoutDisk = self {
                self = .withoutDisk(failure)
            } else {
                self = .waiting(failure)
            }
        case (_, .damageFound(let error, let now)):
            self = .damaged(
                error,
                Failure(since: failure?.since ?? now, retryAt: now, reason: error.description))
        case (.waiting(let failure), .released): self = .withoutDisk(failure)
        case (.healthy, .released), (.withoutDisk, .released): break
        }
    }

    /// nil while commits succeed.
    package var failure: Failure? {
        switch self {
        case .healthy: nil
        case .waiting(let failure), .withoutDisk(let failure), .damaged(_, let failure): failure
        }
    }

    package var damage: JournalError? {
        if case .damaged(let error, _) = self { error } else { nil }
    }
    package var isWithoutDisk: Bool { if case .withoutDisk = self { true } else { false } }
}

/// Commits that failed lately. On a full disk a commit succeeds now and then, when the journal has
/// given up old readings for it: such a disk is not well.
package struct DiskTrouble {
    /// A disk is well again after this time without a failed commit.
    package static let over = Duration.seconds(60)
    /// How long commits fail now and then before the centre receives `disk_failing`.
    static let reportedAfter = Duration.seconds(60)

    package var since: MonotonicTime
    package var lastFailure: MonotonicTime
    package var reason: String
    /// The last commit failed.
    private var isFailing = true
    /// A commit has failed after another had succeeded.
    private var hasReturned = false
    /// A `disk_failing` of this trouble has been cleared.
    private var wasCleared = false
    /// When the log last had a failure.
    private var loggedAt: MonotonicTime
    /// The log has a failure, and not yet that a commit succeeded after it.
    private var isLogOpen = true

    init(_ reason: String, at now: MonotonicTime) {
        (since, lastFailure, loggedAt, self.reason) = (now, now, now, reason)
    }

    package func isOver(at now: MonotonicTime) -> Bool { now - lastFailure >= Self.over }

    /// Whether the disk has taken some commits and not others for so long that the centre is to
    /// know.
    var isReported: Bool {
        hasReturned && lastFailure - since >= Self.reportedAfter
    }
    /// Whether the failures may come back though the last commit succeeded, as they have before.
    /// Otherwise a disk that is full for some seconds again and again would give the centre a new
    /// `disk_failing` each time.
    func mayReturn(at now: MonotonicTime) -> Bool { (isReported || wasCleared) && !isOver(at: now) }
    mutating func noteCleared() { wasCleared = true }

    /// Notes a further failure.
    /// - Returns: whether the log is to have it: at most once a minute.
    mutating func noteFailure(_ reason: String, at now: MonotonicTime) -> Bool {
        if !isFailing { (isFailing, hasReturned) = (true, true) }
        (lastFailure, self.reason) = (now, reason)
        if now - loggedAt < Self.over { return false }
        (loggedAt, isLogOpen) = (now, true)
        return true
    }

    /// Notes a commit after a failure.
    /// - Returns: whether the log is to have it: once for each failure that it has.
    mutating func noteSuccess() -> Bool {
        isFailing = false
        defer { isLogOpen = false }
        return isLogOpen
    }
}
