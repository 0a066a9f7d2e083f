import Contract
import Delivery
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
            site: settings.site, centres: centres, data: data, rules: intake.detector.rules,
            client: settings.client, at: clock.now)
        selfTests.report = selfTests.running?.report
        return true
    }

    func continueSelfTest(_ now: Instant) {
        guard selfTests.running != nil, storage.failure == nil else { return }
        do throws(JournalError) {
            for alert in try selfTests.running?.turn(at: now, observesLifts: isDrained, journal)
                ?? []
            {
                enqueue(alert)
            }
        } catch { log.error("self-test: \(error)") }
        guard let report = selfTests.running?.report else { return }
        selfTests.report = report
        guard let ended = report.ended else { return }
        selfTests.running = nil
        enqueue(
            .selfTest(report, site: settings.site, at: now, calendarOffset: clock.calendarOffset))
        selfTests.lastFailure = report.problem
        if let problem = report.problem {
            log.error("self-test failed: \(problem)")
            let raised = siteAlerts.selfTestFailed.raise(
                onset: report.started, at: now, hold: .zero,
                because: GatewayKind.selfTestFailed.raised)
            if var raised {
                raised.statement = Statement(by: "self-test", remark: problem)
                enqueue(raised)
            }
        } else {
            let stored = report.stored.map { "\($0.centre) after \($0.seconds) s" }.joined(
                separator: ", ")
            log.notice(
                "self-test passed: raised after \(report.raised ?? 0) s, stored by \(stored); over after \(ended) s"
            )
            let cleared = siteAlerts.selfTestFailed.clear(
                at: now, because: GatewayKind.selfTestFailed.cleared)
            if let cleared { enqueue(cleared) }
        }
        do throws(JournalError) {
            try journal.set("selftest_at", now.nanoseconds)
            try journal.set("selftest_passed", report.passed ? 1 : 0)
        } catch { log.error("\(error)") }
    }
}
