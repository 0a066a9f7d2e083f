import Encoding
import Journal
import LiftModel
import Monitoring
import Uplink

/// The heartbeat for the centre: sent every minute over each route, and never stored, as an old one
/// has no value.
///
/// Health is progress, not a live process: the depth of the queues, the age of the oldest event,
/// and whether lifts are observed.
struct Heartbeat {
    static let every = Duration.seconds(60)

    var site: AlertEvent.Site
    var startedAt: Int64
    var loop: TelemetryLoop
    var delivery: DeliveryState
    var journal: Journal
    var lifts: Int
    var signer: Signer?

    /// - Throws: `JournalError` when the queue cannot be counted.
    func json(at now: Instant, monotonic: Int64) throws(JournalError) -> [UInt8] {
        let routes = delivery.routeStatuses
        var depths: [(centre: String, depth: [Lane: Int])] = []
        for route in routes where !depths.contains(where: { $0.centre == route.centre }) {
            depths.append((route.centre, try journal.depth(of: route.centre)))
        }
        let oldest = try journal.outboxSize().oldest
        let counters = try journal.counters()
        let letters = try journal.deadLetterCount()
        let chain = try journal.lastLink()
        return CloudEvent.json(
            "heartbeat", id: "\(site.id)/\(now.nanoseconds)", site: site, subject: site.id,
            time: loop.clock.calendar(now)
        ) { json in
            json.put("version", productVersion)
            json.put("rules_version", loop.intake.detector.rules.version)
            json.put("up_s", Double((monotonic - startedAt) / 1_000_000) / 1000)
            json.put("lifts", lifts)
            json.put("hears_lifts", loop.isDrained)
            json.put("messages", loop.counters.messages)
            json.put("bad_messages", loop.intake.badInput.refused)
            json.put("commit_failures", loop.counters.commitFailures)
            json.array("problems") { array in
                for problem in loop.brokerProblems + routes.flatMap(\.problems) { array.item(problem) }
            }
            json.object("clock") {
                $0.put("quality", loop.clock.quality.rawValue)
                $0.put("wall_offset_s", loop.clock.wallOffset.inSeconds)
            }
            if let signer {
                json.object("key") {
                    $0.put("kty", "OKP")
                    $0.put("crv", "Ed25519")
                    $0.put("kid", signer.keyID)
                    $0.put("x", signer.x)
                }
            }
            if let chain {
                json.object("chain") {
                    $0.put("alerts", Int(chain.sequence))
                    $0.put("sha256", chain.hash.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined())
                }
            }
            json.put("oldest_unsent_s", oldest.map { (now - $0).inSeconds })
            json.put("dead_letters", letters)
            if let last = counters["selftest_at"] {
                json.object("last_selftest") {
                    $0.put("time", loop.clock.calendar(Instant(nanoseconds: Int64(last))).rfc3339)
                    $0.put("passed", counters["selftest_passed"] == 1)
                }
            }
            json.array("centres") { array in
                for (centre, depth) in depths {
                    array.object {
                        $0.put("name", centre)
                        $0.object("queue") { object in
                            for lane in Lane.allCases { object.put("\(lane)", depth[lane] ?? 0) }
                        }
                    }
                }
            }
            json.array("routes") { array in
                for route in routes {
                    array.object {
                        $0.put("name", route.name)
                        $0.put("connected", route.isConnected)
                        $0.put("receipts", route.receipts)
                        if let last = route.lastReceipt { $0.put("last_receipt_age_s", Double(monotonic - last) / 1e9) }
                    }
                }
            }
        }
    }
}
