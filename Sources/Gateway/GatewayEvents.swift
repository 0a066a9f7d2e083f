import Encoding
import Journal
import LiftModel
import Monitoring
import Uplink

/// The gateway's own events, delivered to the centres like alerts (docs/contract).
extension OutboundEvent {
    /// Undelivered events were evicted, because they exceeded the journal's quota. The gaps in
    /// `sequence` show which.
    static func evicted(_ eviction: Eviction, site: AlertEvent.Site, at now: Instant) -> OutboundEvent {
        ofGateway("evicted", site, now) {
            $0.put("reason", eviction.deadLetters > 0 ? "dead_letters" : "outbox_quota")
            $0.object("undelivered") { object in
                for lane in Lane.allCases { object.put("\(lane)", eviction.undelivered[lane] ?? 0) }
            }
            $0.put("outdated_revisions", eviction.coalesced)
        }
    }

    /// The journal's file was damaged, set aside, and replaced by what could be salvaged.
    static func quarantined(_ damage: Journal.Damage, site: AlertEvent.Site, at now: Instant) -> OutboundEvent {
        ofGateway("quarantined", site, now) {
            $0.put("file", damage.file)
            $0.put("reason", damage.reason)
            $0.object("saved") {
                $0.put("batches", damage.saved.batches)
                $0.put("alerts", damage.saved.alerts)
                $0.put("owed", damage.saved.pending)
            }
            $0.put("unreadable_places", damage.saved.gaps)
            $0.put("refused_records", damage.saved.refused)
        }
    }

    /// The box's clock was set. The times of this run are wrong by the correction, and the earlier
    /// events of this boot can be dated by their monotonic time.
    static func clock(
        correction: Duration, site: AlertEvent.Site, bootID: String, at now: Instant
    ) -> OutboundEvent {
        ofGateway("clock", site, now) {
            $0.put("bootid", bootID)
            $0.put("correction_s", correction.inSeconds)
            $0.put("corrected_time", (now + correction).rfc3339)
        }
    }

    /// A start has corrected the calendar by the wall clock: the times of this run are right, and
    /// earlier ones that are later than now were wrong.
    static func newTimeLine(
        _ change: TimeLineCheck.Change, site: AlertEvent.Site, bootID: String, at now: Instant
    ) -> OutboundEvent {
        ofGateway("clock", site, now) {
            $0.put("bootid", bootID)
            $0.put("correction_s", 0)
            $0.put("corrected_time", now.rfc3339)
            $0.put("earlier_correction_s", change.correction.inSeconds)
            $0.put("evidence", change.evidence.rawValue)
        }
    }

    /// Alerts are signed with another key than before. One key has one event id, however often the
    /// event is sent.
    static func key(_ signer: Signer, _ change: KeyChange, site: AlertEvent.Site, at now: Instant) -> OutboundEvent {
        let id = AlertIdentity.id(site.origin, lift: site.id, kind: "key", onset: signer.fingerprint, earlier: 0)
        return OutboundEvent(
            id: id, type: "key", lane: .fault, subject: site.id,
            body: CloudEvent.json("key", id: id, site: site, subject: site.id, time: now) {
                $0.put("reason", change.rawValue)
                $0.put("kty", "OKP")
                $0.put("crv", "Ed25519")
                $0.put("kid", signer.keyID)
                $0.put("x", signer.x)
            })
    }

    /// The use of each lift since it is watched; see `LiftUse`. Many lifts are divided among
    /// several events, because a broker may refuse longer packets.
    static func statistics(_ detector: Detector, site: AlertEvent.Site, at now: Instant) -> [OutboundEvent] {
        let starts = stride(from: 0, to: detector.liftCount, by: liftsInStatistics)
        return starts.enumerated().map { part, start in
            statistics(detector, start..<min(start + liftsInStatistics, detector.liftCount), part, site, now)
        }
    }

    private static let liftsInStatistics = 200

    private static func statistics(
        _ detector: Detector, _ lifts: Range<Int>, _ part: Int, _ site: AlertEvent.Site, _ now: Instant
    ) -> OutboundEvent {
        ofGateway("statistics", site, now, part: part, lane: .info) {
            $0.array("lifts") { array in
                for index in lifts {
                    let view = detector.view(index)
                    array.object {
                        $0.put("id", view.lift.id)
                        $0.put("runs", view.use.runs)
                        $0.put("door_cycles", view.use.doorCycles)
                        $0.put("running_h", Double(view.use.runningMilliseconds) / 3_600_000)
                        $0.put("floors", view.use.floors)
                        $0.put("readings", view.counters.readings)
                    }
                }
            }
        }
    }

    private static func ofGateway(
        _ type: String, _ site: AlertEvent.Site, _ now: Instant, part: Int = 0, lane: Lane = .fault,
        _ data: (inout JSONWriter) -> Void
    ) -> OutboundEvent {
        let id = AlertIdentity.id(site.origin, lift: site.id, kind: type, onset: now.nanoseconds, earlier: part)
        return OutboundEvent(
            id: id, type: type, lane: lane, subject: site.id,
            body: CloudEvent.json(type, id: id, site: site, subject: site.id, time: now, data: data))
    }
}
