import Encoding
import LiftModel

/// The gateway's health as a centre gets it (`docs/contract/heartbeat.v1.schema.json`).
package struct HeartbeatEvent {
    package struct Route {
        var name: String
        var isConnected: Bool
        var receipts: Int
        /// Seconds; nil before the first.
        var lastReceiptAge: Double?

        package init(name: String, isConnected: Bool, receipts: Int, lastReceiptAge: Double?) {
            self.name = name
            self.isConnected = isConnected
            self.receipts = receipts
            self.lastReceiptAge = lastReceiptAge
        }
    }

    package var version = ""
    package var rulesVersion = ""
    /// Seconds since the start.
    package var upTime = 0.0
    package var lifts = 0
    package var observesLifts = false
    package var messages = 0
    package var badMessages = 0
    package var commitFailures = 0
    /// Whole sentences.
    package var problems: [String] = []
    package var clock: (quality: String, wallOffset: Duration) = ("", .zero)
    /// nil where alerts are not signed.
    package var signer: Signer?
    /// The newest link of the chain of alerts; nil before the first alert.
    package var chain: (alerts: Int, hash: [UInt8])?
    /// Of the oldest event that some centre has not stored; nil where there is none.
    package var oldestUnsentAge: Duration?
    package var deadLetters = 0
    package var lastSelfTest: (time: Instant, passed: Bool)?
    package var queues: [(centre: String, depth: [Lane: Int])] = []
    package var routes: [Route] = []

    package init() {}

    /// - Parameters:
    ///   - number: distinguishes this heartbeat from the others of the site.
    ///   - time: calendar time.
    package func json(number: Int64, site: AlertEvent.Site, time: Instant) -> [UInt8] {
        CloudEvent.json(
            "heartbeat", id: "\(site.id)/\(number)", site: site, subject: site.id, time: time
        ) { json in
            json.put("version", version)
            json.put("rules_version", rulesVersion)
            json.put("up_s", upTime)
            json.put("lifts", lifts)
            json.put("hears_lifts", observesLifts)
            json.put("messages", messages)
            json.put("bad_messages", badMessages)
            json.put("commit_failures", commitFailures)
            json.array("problems") { array in for problem in problems { array.item(problem) } }
            json.object("clock") {
                $0.put("quality", clock.quality)
                $0.put("wall_offset_s", clock.wallOffset.inSeconds)
            }
            if let signer { json.object("key") { signer.putKey(in: &$0) } }
            if let chain {
                json.object("chain") {
                    $0.put("alerts", chain.alerts)
                    $0.put(
                        "sha256",
                        chain.hash.hexText)
                }
            }
            json.put("oldest_unsent_s", oldestUnsentAge?.inSeconds)
            json.put("dead_letters", deadLetters)
            if let lastSelfTest {
                json.object("last_selftest") {
                    $0.put("time", lastSelfTest.time.rfc3339)
                    $0.put("passed", lastSelfTest.passed)
                }
            }
            json.array("centres") { array in
                for (centre, depth) in queues {
                    array.object {
                        $0.put("name", centre)
                        $0.object("queue") { object in
                            for lane in Lane.allCases { object.put("\(lane)", depth[lane] ?? 0) }
                        }
                    }
                }
            }
            json.array("routes") { array in
                for route in routes { array.object { route.put(in: &$0) } }
            }
        }
    }
}

extension HeartbeatEvent.Route {
    fileprivate func put(in json: inout JSONWriter) {
        json.put("name", name)
        json.put("connected", isConnected)
        json.put("receipts", receipts)
        json.put("last_receipt_age_s", lastReceiptAge)
    }
}
