import Contract
import Delivery
import GatewayCore
import Journal
import LiftModel

/// The heartbeat for the centre: sent every minute over each route, and never stored, as an old one
/// has no value.
///
/// Health is progress, not a live process: the depth of the queues, the age of the oldest event,
/// and whether lifts are observed.
struct Heartbeat {
    static let every = Duration.seconds(60)

    var site: AlertEvent.Site
    var startedAt: MonotonicTime
    var loop: TelemetryLoop
    var delivery: DeliveryState
    var journal: Journal
    var lifts: Int
    var signer: Signer?

    /// - Throws: `JournalError` when the queue cannot be counted.
    func json(at now: Instant, monotonic: MonotonicTime) throws(JournalError) -> [UInt8] {
        let routes = delivery.routeStatuses
        var event = HeartbeatEvent()
        event.version = productVersion
        event.rulesVersion = loop.core.intake.detector.rules.version
        event.upTime = Double((monotonic - startedAt).nanoseconds / 1_000_000) / 1000
        event.lifts = lifts
        event.observesLifts = loop.core.isLive
        event.messages = loop.core.counters.messages
        event.badMessages = loop.core.intake.badInput.refused
        event.commitFailures = loop.core.counters.commitFailures
        event.problems = loop.connection.problems + routes.flatMap(\.problems)
        event.clock = (loop.clock.quality.rawValue, loop.clock.wallOffset)
        event.signer = signer
        event.chain = try journal.lastLink().map { (Int($0.sequence), $0.hash) }
        event.oldestUnsentAge = try journal.outboxSize().oldest.map { now - $0 }
        event.deadLetters = try journal.deadLetterCount()
        let counters = try journal.counters()
        event.lastSelfTest = counters["selftest_at"].map { last in
            (
                loop.clock.calendar(Instant(nanoseconds: Int64(last))),
                counters["selftest_passed"] == 1
            )
        }
        for route in routes where !event.queues.contains(where: { $0.centre == route.centre }) {
            event.queues.append((route.centre, try journal.depth(of: route.centre)))
        }
        event.routes = routes.map { route in
            HeartbeatEvent.Route(
                name: route.name, isConnected: route.isConnected, receipts: route.receipts,
                lastReceiptAge: route.lastReceipt.map { (monotonic - $0).inSeconds })
        }
        return event.json(number: now.nanoseconds, site: site, time: loop.clock.calendar(now))
    }
}
