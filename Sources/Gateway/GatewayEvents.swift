import Contract
import Encoding
import Journal
import LiftModel
import Monitoring

/// The gateway's own events, delivered to the centres like alerts: their ids and lanes.
/// `GatewayEvent` writes them. The core's module has the event about an eviction.
extension OutboundEvent {
    static func quarantined(_ damage: Journal.Damage, site: AlertEvent.Site, at now: Instant)
        -> OutboundEvent
    {
        let saved = GatewayEvent.Saved(
            batches: damage.saved.batches, alerts: damage.saved.alerts,
            undelivered: damage.saved.pending,
            unreadablePlaces: damage.saved.gaps, refusedRecords: damage.saved.refused)
        return ofGateway(
            .quarantined(file: damage.file, reason: damage.reason, saved: saved), site, now)
    }

    static func clock(
        correction: Duration, site: AlertEvent.Site, bootID: String, at now: Instant
    ) -> OutboundEvent {
        ofGateway(.clock(bootID: bootID, correction: correction), site, now)
    }

    static func newTimeLine(
        _ change: TimeLineCheck.Change, site: AlertEvent.Site, bootID: String, at now: Instant
    ) -> OutboundEvent {
        ofGateway(
            .newTimeLine(
                bootID: bootID, earlierCorrection: change.correction,
                evidence: change.evidence.rawValue), site, now)
    }

    /// One key has one event id, however often the event is sent.
    static func key(_ signer: Signer, _ change: KeyChange, site: AlertEvent.Site, at now: Instant)
        -> OutboundEvent
    {
        ofGateway(.key(signer, reason: change.rawValue), site, now, onset: signer.fingerprint)
    }

    /// The result of a self-test. A failure goes to every route at once.
    /// - Parameter calendarOffset: the offset from the gateway's time line to the calendar.
    static func selfTest(
        _ report: SelfTestReport, site: AlertEvent.Site, at now: Instant,
        calendarOffset: Duration = .zero
    ) -> OutboundEvent {
        var event = ofGateway(
            .selfTest(report, calendarOffset: calendarOffset), site, now + calendarOffset,
            onset: now.nanoseconds,
            lane: report.passed ? .info : .fault)
        event.lastImmediateRoute = report.passed ? 0 : .max
        return event
    }

    /// The use of each lift since it is watched; see `LiftUse`. Many lifts are divided among
    /// several events, because a broker may refuse longer packets.
    static func statistics(_ detector: Detector, site: AlertEvent.Site, at now: Instant)
        -> [OutboundEvent]
    {
        let all = detector.liftIndices
        let starts = stride(from: all.lowerBound, to: all.upperBound, by: liftsInStatistics)
        return starts.enumerated().map { part, start in
            let lifts = all[start...].prefix(liftsInStatistics).map { index in
                let view = detector.view(index)
                return GatewayEvent.LiftStatistics(
                    lift: view.lift.id, runs: view.use.runs, doorCycles: view.use.doorCycles,
                    runningMilliseconds: view.use.runningMilliseconds, floors: view.use.floors,
                    readings: view.counters.readings)
            }
            return ofGateway(.statistics(lifts), site, now, part: part, lane: .info)
        }
    }

    private static let liftsInStatistics = 200
}
