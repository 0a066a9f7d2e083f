import Contract
import LiftModel
import Monitoring

/// The site's state goes to the routes when it changes, and not more often than this.
struct SiteStatePublication {
    /// The centre's copy must be at most 5 s old.
    private static let interval = Duration.milliseconds(200)
    private var lastAt: MonotonicTime?
    private var published = SiteState()
    /// A change waits for its turn.
    private(set) var isDue = false

    /// - Returns: whether it is sent now.
    mutating func takeTurn(at now: MonotonicTime) -> Bool {
        isDue = lastAt.map { now - $0 < Self.interval } ?? false
        if !isDue { lastAt = now }
        return !isDue
    }

    /// - Returns: whether it differs from the published one.
    mutating func noteChange(to state: SiteState) -> Bool {
        if state == published { return false }
        published = state
        return true
    }
}

extension SiteState {
    /// The site's state, as the centre shows it when the connection ends.
    init(
        _ detector: Detector, open alerts: [OpenAlert], observesLifts: Bool,
        calendarOffset: Duration
    ) {
        self.init()
        self.observesLifts = observesLifts
        incidents = alerts.map {
            SiteState.Incident(
                alertID: $0.id, revision: $0.revision, lift: $0.lift, kind: $0.kind,
                state: $0.state.rawValue,
                severity: $0.severity.rawValue, onset: $0.onset + calendarOffset, lane: $0.lane,
                acceptedBy: $0.acceptedBy)
        }
        liftsThatMayHoldPeople = detector.liftsThatMayHoldPeople
        liftsWithoutPower = detector.liftsWithoutPower
    }
}
