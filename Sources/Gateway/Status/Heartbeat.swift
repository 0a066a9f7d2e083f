import Detection
import Encoding
import Journal
import LiftModel
import Uplink

/// The heartbeat for the centre: sent every minute over each route, and never stored, as an old one
/// has no value.
///
/// Health is progress, not a live process: the depth of the queues, the age of the oldest event,
/// and whether lifts are observed.
struct Heartbeat {
    static let every = Duration.seconds(60)

    var site: AlertEvent.Site
    /// Monotonic nanoseconds.
    var startedAt: Int64
    var loop: TelemetryLoop
    var delivery: DeliveryState
    var journal: Journal
    var lifts: Int
    var signer: Signer?

    /// - Throws: `JournalError` when the queue cannot be counted.
    func json(at now: Instant, monotonic: Int64) throws(JournalError) -> [UInt8] {
        let content = try content(at: now, monotonic: monotonic)
        return CloudEvent.json(
            "heartbeat", id: "\(site.id)/\(now.nanoseconds)", site: site, subject: site.id,
            time: loop.clock.calendar(now)
        ) { $0.putMembers(of: content) }
    }

    private func content(at now: Instant, monotonic: Int64) throws(JournalError) -> HeartbeatContent {
        let routes = delivery.routeStatuses
        return HeartbeatContent(
            version: productVersion, rulesVersion: loop.intake.detector.rules.version,
            upSeconds: Double((monotonic - startedAt) / 1_000_000) / 1000, lifts: lifts, hearsLifts: loop.isDrained,
            messages: loop.counters.messages, badMessages: loop.intake.badInput.refused,
            commitFailures: loop.counters.commitFailures,
            problems: loop.brokerProblems + routes.flatMap(\.problems),
            clock: HeartbeatContent.Clock(
                quality: loop.clock.quality.rawValue, wallOffsetSeconds: loop.clock.wallOffset.inSeconds),
            key: signer.map { HeartbeatContent.Key(kid: $0.keyID, x: $0.x) },
            chain: try journal.lastLink().map { HeartbeatContent.Chain($0) },
            oldestUnsentSeconds: try journal.outboxSize().oldest.map { (now - $0).inSeconds },
            deadLetters: try journal.deadLetterCount(), lastSelfTest: try lastSelfTest(),
            centres: try centres(of: routes),
            routes: routes.map { route in
                HeartbeatContent.Route(
                    name: route.name, isConnected: route.isConnected, receipts: route.receipts,
                    lastReceiptAgeSeconds: route.lastReceipt.map { Double(monotonic - $0) / 1e9 })
            })
    }

    private func lastSelfTest() throws(JournalError) -> HeartbeatContent.LastSelfTest? {
        let counters = try journal.counters()
        guard let last = counters["selftest_at"] else { return nil }
        return HeartbeatContent.LastSelfTest(
            time: loop.clock.calendar(Instant(nanoseconds: Int64(last))).rfc3339,
            passed: counters["selftest_passed"] == 1)
    }

    /// Each centre once, in the order of its first route.
    private func centres(of routes: [DeliveryState.RouteStatus]) throws(JournalError) -> [HeartbeatContent.Centre] {
        var centres: [HeartbeatContent.Centre] = []
        for route in routes where !centres.contains(where: { $0.name == route.centre }) {
            let depth = try journal.depth(of: route.centre)
            centres.append(
                HeartbeatContent.Centre(
                    name: route.centre, queue: OrderedMembers(Lane.allCases.map { ("\($0)", depth[$0] ?? 0) })))
        }
        return centres
    }
}
