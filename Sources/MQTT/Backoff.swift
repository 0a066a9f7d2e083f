import LiftModel

/// The pauses between attempts, with decorrelated jitter: each is random between the base and three
/// times the last one, up to a cap. So boxes that lost their broker together do not reconnect
/// together.
///
/// The pause returns to the base only after the connection has been stable for a while.
public struct Backoff: Sendable {
    public var base: Duration
    public var cap: Duration
    public var stableAfter: Duration
    private var last: Duration
    private var connectedAt: MonotonicTime?

    public init(
        base: Duration = .milliseconds(200), cap: Duration = .seconds(30),
        stableAfter: Duration = .seconds(30)
    ) {
        self.base = base
        self.cap = cap
        self.stableAfter = stableAfter
        last = base
    }

    /// Notes a connection; after the first one since the last pause further calls change nothing.
    public mutating func connected(at now: MonotonicTime) { connectedAt = connectedAt ?? now }

    /// The pause before the next attempt.
    public mutating func pause(
        at now: MonotonicTime, using random: inout some RandomNumberGenerator
    )
        -> Duration
    {
        if let connectedAt, now - connectedAt >= stableAfter { last = base }
        connectedAt = nil
        let low = base.nanoseconds
        let high = max(low, 3 * last.nanoseconds)
        last = min(cap, .nanoseconds(Int64.random(in: low...high, using: &random)))
        return last
    }
}
