import Encoding
import LiftModel

/// What the gateway reports of itself, beside alerts (docs/contract): each case is a type of event.
package enum GatewayEvent {
    /// Undelivered events were evicted, because they exceeded the journal's quota. The gaps in
    /// `sequence` show which.
    case evicted(reason: EvictionReason, undelivered: [Lane: Int], outdatedRevisions: Int)
    /// The journal's file was damaged, set aside, and replaced by what could be salvaged.
    case quarantined(file: String, reason: String, saved: Saved)
    /// The box's clock was set. The times of this run are wrong by the correction, and the earlier
    /// events of this boot can be dated by their monotonic time.
    case clock(bootID: String, correction: Duration)
    /// A start has corrected the calendar by the wall clock: the times of this run are right, and
    /// earlier ones that are later than now were wrong.
    case newTimeLine(bootID: String, earlierCorrection: Duration, evidence: String)
    /// Alerts are signed with another key than before.
    case key(Signer, reason: String)
    /// The use of each lift since it is watched.
    case statistics([LiftStatistics])
    /// A self-test has ended.
    case selfTest(SelfTestReport, calendarOffset: Duration)

    package enum EvictionReason: String {
        case deadLetters = "dead_letters"
        case outboxQuota = "outbox_quota"
    }

    /// What could be saved of a damaged journal.
    package struct Saved {
        var batches: Int
        var alerts: Int
        var undelivered: Int
        var unreadablePlaces: Int
        var refusedRecords: Int

        package init(
            batches: Int, alerts: Int, undelivered: Int, unreadablePlaces: Int, refusedRecords: Int
        ) {
            self.batches = batches
            self.alerts = alerts
            self.undelivered = undelivered
            self.unreadablePlaces = unreadablePlaces
            self.refusedRecords = refusedRecords
        }
    }

    package struct LiftStatistics {
        var lift: String
        var runs: Int
        var doorCycles: Int
        var runningMilliseconds: Int
        var floors: Int
        var readings: Int

        package init(
            lift: String, runs: Int, doorCycles: Int, runningMilliseconds: Int, floors: Int,
            readings: Int
        ) {
            self.lift = lift
            self.runs = runs
            self.doorCycles = doorCycles
            self.runningMilliseconds = runningMilliseconds
            self.floors = floors
            self.readings = readings
        }
    }

    /// The last part of its CloudEvents type before the version.
    package var type: String {
        switch self {
        case .evicted: "evicted"
        case .quarantined: "quarantined"
        case .clock, .newTimeLine: "clock"
        case .key: "key"
        case .statistics: "statistics"
        case .selfTest: "selftest"
        }
    }

    /// The event's stable JSON.
    /// - Parameter time: calendar time.
    package func json(id: String, site: AlertEvent.Site, time: Instant) -> [UInt8] {
        CloudEvent.json(type, id: id, site: site, subject: site.id, time: time) {
            put(in: &$0, time)
        }
    }

    private func put(in data: inout JSONWriter, _ time: Instant) {
        switch self {
        case .evicted(let reason, let undelivered, let outdatedRevisions):
            data.put("reason", reason.rawValue)
            data.object("undelivered") { object in
                for lane in Lane.allCases { object.put("\(lane)", undelivered[lane] ?? 0) }
            }
            data.put("outdated_revisions", outdatedRevisions)
        case .quarantined(let file, let reason, let saved):
            data.put("file", file)
            data.put("reason", reason)
            data.object("saved") {
                $0.put("batches", saved.batches)
                $0.put("alerts", saved.alerts)
                $0.put("owed", saved.undelivered)
            }
            data.put("unreadable_places", saved.unreadablePlaces)
            data.put("refused_records", saved.refusedRecords)
        case .clock(let bootID, let correction):
            data.put("bootid", bootID)
            data.put("correction_s", correction.inSeconds)
            data.put("corrected_time", (time + correction).rfc3339)
        case .newTimeLine(let bootID, let earlierCorrection, let evidence):
            data.put("bootid", bootID)
            data.put("correction_s", 0)
            data.put("corrected_time", time.rfc3339)
            data.put("earlier_correction_s", earlierCorrection.inSeconds)
            data.put("evidence", evidence)
        case .key(let signer, let reason):
            data.put("reason", reason)
            signer.putKey(in: &data)
        case .statistics(let lifts):
            data.array("lifts") { array in for lift in lifts { array.object { lift.put(in: &$0) } }
            }
        case .selfTest(let report, let calendarOffset):
            data.putMembers(of: SelfTestReport.Row(report, calendarOffset: calendarOffset))
        }
    }
}

extension GatewayEvent.LiftStatistics {
    fileprivate func put(in json: inout JSONWriter) {
        json.put("id", lift)
        json.put("runs", runs)
        json.put("door_cycles", doorCycles)
        json.put("running_h", Double(runningMilliseconds) / 3_600_000)
        json.put("floors", floors)
        json.put("readings", readings)
    }
}

extension Signer {
    /// The public key as a JSON Web Key.
    func putKey(in json: inout JSONWriter) {
        json.put("kty", "OKP")
        json.put("crv", "Ed25519")
        json.put("kid", keyID)
        json.put("x", x)
    }
}
