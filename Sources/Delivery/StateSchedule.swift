import Contract
import LiftModel

/// When a route sends the heartbeat and the site's state, which need no receipt: each heartbeat
/// once, a changed state after a short pause, and an unchanged one now and then.
struct StateSchedule {
    /// The shortest time between two messages with the site's state.
    let minInterval: Duration
    private var last: (state: SiteState, at: MonotonicTime)?
    private var lastHeartbeat = 0

    init(minInterval: Duration) { self.minInterval = minInterval }

    /// - Parameter number: of the newest heartbeat; 0 before the first.
    func isDue(heartbeat number: Int) -> Bool { number != lastHeartbeat }
    mutating func sent(heartbeat number: Int) { lastHeartbeat = number }

    /// - Parameter interval: the time after which an unchanged state is sent again.
    func isDue(_ state: SiteState, at now: MonotonicTime, every interval: Duration) -> Bool {
        guard let last else { return true }
        let age = now - last.at
        return age >= interval || (state != last.state && age >= minInterval)
    }
    mutating func sent(_ state: SiteState, at now: MonotonicTime) { last = (state, now) }

    /// Neither has arrived: both are sent anew.
    mutating func reset() {
        last = nil
        lastHeartbeat = 0
    }
}
