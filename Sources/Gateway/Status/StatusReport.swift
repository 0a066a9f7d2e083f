import Contract
import Delivery
import Encoding
import GatewayCore
import LiftModel
import Monitoring

/// Gathers the facts of a running gateway for its status file.
struct StatusReport {
    var site: AlertEvent.Site
    var startedAt: MonotonicTime
    var loop: TelemetryLoop
    var routes: [DeliveryState.RouteStatus]
    /// As the journal was last read.
    var stored: StoredFacts
    /// Why the journal cannot be read now.
    var journalProblem: String?
    var rulesVersion: String
    var processID: Int
    /// What was wrong with the rules at the last reload.
    var reloadProblem: String?
    /// Changed keys of the configuration that only a restart applies.
    var changedSinceStart: [String] = []
    /// Why alerts are sent unsigned, where they are to be signed.
    var signingProblem: Condition.SigningProblem?
    var certificates: [Condition.Certificate] = []
    var stateFolder = ""
    /// The journal was missing or empty at the start, though there had been one.
    var lostJournal = false
    /// The longest pause between two messages of a lift in good health, by its id.
    var longestPauses: [String: Duration] = [:]
    /// Self-tests are scheduled, and some centre takes them.
    var hasSelfTest = false

    /// - Parameters:
    ///   - now: on the gateway's time line.
    ///   - monotonic: the same moment.
    func snapshot(now: Instant, monotonic: MonotonicTime) -> StatusSnapshot {
        StatusSnapshot(
            version: productVersion, processID: processID, site: site.id, siteName: site.name,
            time: loop.clock.calendar(now).rfc3339, monotonicSeconds: monotonic.seconds,
            upSeconds: Double((monotonic - startedAt).nanoseconds / 1_000_000) / 1000,
            wallOffsetSeconds: loop.clock.wallOffset.inSeconds,
            clockQuality: loop.clock.quality.rawValue,
            rulesVersion: rulesVersion,
            diskFailingSeconds: loop.core.storage.failure.map {
                (monotonic - $0.since).inSeconds
            },
            broker: StatusSnapshot.Broker(loop), centre: centre(now, monotonic),
            incidents: loop.core.openAlerts.map { StatusSnapshot.Incident($0, now) },
            routes: routes.map { StatusSnapshot.Route($0) },
            counters: StatusSnapshot.Counters(loop.core.counters),
            checks: condition(now: now, monotonic: monotonic).checks.map {
                StatusSnapshot.CheckRow($0)
            },
            selfTest: loop.selfTests.report.map {
                SelfTestReport.Row($0, calendarOffset: loop.clock.calendarOffset)
            },
            badInput: StatusSnapshot.BadInputSummary(loop.core.intake.badInput, loop.clock),
            lifts: lifts(now))
    }

    private func centre(_ now: Instant, _ monotonic: MonotonicTime) -> StatusSnapshot.Centre {
        let memory = loop.eventsInMemory(at: monotonic)
        return StatusSnapshot.Centre(
            isConnected: Set(routes.map(\.centre)).isSubset(
                of: routes.filter(\.isConnected).map(\.centre)),
            receipts: routes.reduce(0) { $0 + $1.receipts },
            unmatchedReceipts: routes.reduce(0) { $0 + $1.unmatchedReceipts },
            sent: routes.reduce(0) { $0 + $1.sent }, resent: routes.reduce(0) { $0 + $1.resent },
            lastReceiptAgeSeconds: routes.compactMap(\.lastReceipt).max().map {
                (monotonic - $0).inSeconds
            },
            lastError: routes.first { !$0.isConnected }?.lastError ?? "",
            backlog: stored.pendingEvents + memory.all,
            oldestUnsentSeconds: [stored.oldestPending.map { now - $0 }, memory.oldest]
                .compactMap { $0 }.max()?.inSeconds)
    }

    private func lifts(_ now: Instant) -> [StatusSnapshot.Lift] {
        let refused = loop.core.intake.refusedLifts.open
        return loop.core.intake.detector.liftIndices.map { index in
            var view = loop.core.intake.detector.view(index)
            // For the rules a repeated message is a sign of life; a person takes it for news.
            if let repeated = loop.core.intake.repeatedMessages.repetition(of: index) {
                view.lastSignOfLife = view.lastSignOfLife.map { min($0, repeated.since) }
            }
            return StatusSnapshot.Lift(view, with: refused.filter { $0.lift == view.lift.id }, now)
        }
    }
}
