import Contract
import Delivery
import GatewayCore
import Journal
import LiftModel
import Monitoring

/// The self-test of this run, and the outcome of the last one.
struct SelfTests {
    var running: SelfTest?
    /// The report of the running self-test, else of the last one of this run.
    var report: SelfTest.Report?
    /// Why the last completed self-test failed, also in an earlier run; nil when it passed.
    var lastFailure: String?
}

extension TelemetryLoop {
    /// - Returns: whether a test starts; not while one runs.
    @discardableResult
    func startSelfTest(centres: [String], data: DeviceData) throws -> Bool {
        guard selfTests.running == nil else { return false }
        log.notice("self-test: a virtual lift stops between floors with a passenger")
        selfTests.running = try SelfTest(
            site: settings.core.site, centres: centres, data: data,
            rules: core.intake.detector.rules,
            client: settings.client, at: clock.now)
        selfTests.report = selfTests.running?.report
        return true
    }

    func continueSelfTest() {
        guard selfTests.running != nil, core.storage.failure == nil else { return }
        let now = clock.now
        do throws(JournalError) {
            let alerts = try selfTests.running?.turn(
                at: now, observesLifts: core.isLive,
                brokerTrouble: connection.isSubscribed ? nil : connection.cause, journal
            ) { centre in
                delivery.routeStatuses.first { $0.centre == centre && $0.receiptDoubt != nil }?
                    .receiptDoubt
            }
            for alert in alerts ?? [] {
                handle(.selfTestAlert(alert))
            }
        } catch { log.error("self-test: \(error)") }
        guard let report = selfTests.running?.report else { return }
        selfTests.report = report
        guard let ended = report.ended else { return }
        selfTests.running = nil
        handle(
            .event(
                .selfTest(
                    report, site: settings.core.site, at: now, calendarOffset: clock.calendarOffset)
            ))
        selfTests.lastFailure = report.problem
        if let problem = report.problem {
            log.error("self-test failed: \(problem)")
        } else {
            let stored = report.stored.map { "\($0.centre) after \($0.seconds) s" }.joined(
                separator: ", ")
            log.notice(
                "self-test passed: raised after \(report.raised ?? 0) s, stored by \(stored); over after \(ended) s"
            )
        }
        handle(.selfTestEnded(failure: report.problem, started: report.started))
        do throws(JournalError) {
            try journal.set("selftest_at", now.nanoseconds)
            try journal.set("selftest_passed", report.passed ? 1 : 0)
        } catch { log.error("\(error)") }
    }
}

extension SelfTest {
    /// Why the last test failed, by the site's open alert.
    static func failure(in past: JournalFacts, at site: String) -> String? {
        let failed = past.alerts.last {
            $0.lift == site && $0.kind == GatewayKind.selfTestFailed.rawValue && $0.isOpen
        }
        guard let failed, let reason = failed.remark else { return nil }
        // One alert covers all failures up to the next test that passes, and has the reason of the
        // first one.
        let lastEnded = past.counters["selftest_at"].map { Instant(nanoseconds: Int64($0)) }
        if let lastEnded, lastEnded - failed.time < .seconds(1) { return reason }
        return
            "\(reason) (this was the reason of the first failure, at \(failed.calendarTime.local))"
    }
}
