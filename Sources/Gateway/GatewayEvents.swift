import Detection
import Elevator
import Encoding
import Journal
import Uplink

/// What the gateway says of itself that is owed to the centres like an alert (docs/contract).
extension OwedEvent {
    /// More waited than the journal may hold, and went. The gaps in the numbers (`sequence`) say which.
    static func evicted(_ eviction: Eviction, site: AlertEvent.Site, at now: Instant) -> OwedEvent {
        ofGateway("evicted", site, now) {
            $0.put("reason", eviction.deadLetters > 0 ? "dead_letters" : "outbox_quota")
            $0.object("undelivered") { object in
                for lane in Lane.allCases { object.put("\(lane)", eviction.undelivered[lane] ?? 0) }
            }
            $0.put("outdated_revisions", eviction.coalesced)
        }
    }

    /// The journal's file was damaged, set aside, and replaced by what could be saved of it.
    static func quarantined(_ damage: Journal.Damage, site: AlertEvent.Site, at now: Instant) -> OwedEvent {
        ofGateway("quarantined", site, now) {
            $0.put("file", damage.file)
            $0.put("reason", damage.reason)
            $0.object("saved") {
                $0.put("batches", damage.saved.batches)
                $0.put("alerts", damage.saved.alerts)
                $0.put("owed", damage.saved.owed)
            }
            $0.put("unreadable_places", damage.saved.gaps)
            $0.put("refused_records", damage.saved.refused)
        }
    }

    /// The box's clock was set: the times of this run are off by the correction, and what this boot told before can be placed by its
    /// monotonic time.
    static func clock(
        correction: Duration, site: AlertEvent.Site, bootID: String, at now: Instant
    ) -> OwedEvent {
        ofGateway("clock", site, now) {
            $0.put("bootid", bootID)
            $0.put("correction_s", correction.inSeconds)
            $0.put("corrected_time", (now + correction).rfc3339)
        }
    }

    /// How much each lift was used since it is watched; see `LiftUse`.
    /// Several events where there are many lifts: a broker may take no longer packets.
    static func statistics(_ detector: Detector, site: AlertEvent.Site, at now: Instant) -> [OwedEvent] {
        let starts = stride(from: 0, to: detector.liftCount, by: liftsInStatistics)
        return starts.enumerated().map { part, start in
            statistics(detector, start..<min(start + liftsInStatistics, detector.liftCount), part, site, now)
        }
    }

    private static let liftsInStatistics = 200

    private static func statistics(
        _ detector: Detector, _ lifts: Range<Int>, _ part: Int, _ site: AlertEvent.Site, _ now: Instant
    ) -> OwedEvent {
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
    ) -> OwedEvent {
        let id = AlertIdentity.id(site.origin, lift: site.id, kind: type, onset: now.nanoseconds, earlier: part)
        return OwedEvent(
            id: id, type: type, lane: lane, subject: site.id,
            body: CloudEvent.json(type, id: id, site: site, subject: site.id, time: now, data: data))
    }
}
