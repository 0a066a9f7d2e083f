import Contract
import Delivery
import GatewayCore
import Journal
import LiftModel
import Logging
import Monitoring
import Platform
import PositionedYAML
import RuleLanguage

extension Daemon {
    /// The parts of a run.
    struct RunParts {
        var loop: TelemetryLoop
        var journal: Journal
        var delivery: DeliveryState
        var signer: Signer?
        /// Why there is no signer although alerts are to be signed.
        var signingProblem: Condition.SigningProblem?
        var inbox: ActionInbox
        var startRecords: StartRecords
        var isWithoutDisk: Bool
        /// The journal was missing or empty at the start, though there had been one.
        var lostJournal: Bool
    }

    /// Runs the loop. Returns when a signal stops the gateway, when the disk of a run without one
    /// is well again, and when the journal was removed.
    func turnUntilEnd(_ parts: RunParts, _ watchdog: Watchdog, stop: StopSignal) throws {
        let (loop, journal, delivery, inbox) = (
            parts.loop, parts.journal, parts.delivery, parts.inbox
        )
        let started = MonotonicClock.now
        var nextProbe = started + .seconds(10)
        var nextStatus: MonotonicTime = .boot
        let pauses = configuration.lifts.compactMap { lift in
            data.profiles.first { $0.name == lift.profile }.map { (lift.lift.id, $0.reportsEvery) }
        }
        var statusWriter = StatusWriter(
            configuration, log: log, startedAt: started, signingProblem: parts.signingProblem,
            lostJournal: parts.lostJournal, longestPauses: Dictionary(uniqueKeysWithValues: pauses))
        let reads = ReportReads(log: log)
        // The first heartbeat comes when the connections have had time to be made.
        var nextHeartbeat = started + .seconds(3)
        let heartbeat = Heartbeat(
            site: configuration.site, startedAt: started, loop: loop, delivery: delivery,
            journal: journal,
            lifts: configuration.lifts.count, signer: parts.signer)
        while !stop.isSet {
            loop.turn()
            if let damage = loop.core.storage.damage ?? delivery.journalDamage { throw damage }
            if stop.takeReload() {
                loop.connection.renewSecrets()
                delivery.noteReload()
                statusWriter.reload = reload(loop)
            }
            let monotonic = MonotonicClock.now
            watchdog.loopTurned(at: monotonic)
            if parts.isWithoutDisk, monotonic >= nextProbe {
                nextProbe = monotonic + .seconds(10)
                if isDiskWell(for: journal) {
                    return log.notice("the disk takes files again: continuing with the journal")
                }
            }
            if monotonic >= nextStatus {
                nextStatus = monotonic + .seconds(1)
                loop.applyActions(from: inbox)
                loop.answerRefusedCommands()
                loop.reportClockCorrection()
                if !journal.isAtItsPath {
                    return log.critical(
                        "\(journal.path) was removed; continuing with a new journal and the undelivered events"
                    )
                }
                if loop.core.storage.failure == nil { try parts.startRecords.catchUp(in: journal) }
                try enqueueStatisticsIfDue(loop, journal, reads)
                try startSelfTestIfDue(loop, journal, inbox, reads)
                try statusWriter.write(loop, delivery, journal, reads, at: monotonic)
            }
            if monotonic >= nextHeartbeat {
                nextHeartbeat = monotonic + Heartbeat.every
                let body = try reads.read("the heartbeat") { () throws(JournalError) in
                    try heartbeat.json(at: loop.clock.now, monotonic: monotonic)
                }
                if let body { delivery.setHeartbeat(body) }
            }
        }
    }

    /// Whether the next run can open the journal on disk. The running loop stays as it is.
    /// - Parameter standIn: the journal in memory, which then refuses commits for the present
    ///   reason.
    private func isDiskWell(for standIn: Journal) -> Bool {
        guard JournalOpener.takesFiles(configuration.stateFolder) else { return false }
        guard let problem = JournalOpener.problemOfOpening(in: configuration.stateFolder) else {
            return true
        }
        if standIn.refusal?.description != problem.description {
            log.critical("\(problem). The disk takes files again, but this journal does not open.")
            standIn.refusal = problem
        }
        return false
    }

    /// - Throws: `JournalError` for damage only.
    private func enqueueStatisticsIfDue(
        _ loop: TelemetryLoop, _ journal: Journal, _ reads: ReportReads
    ) throws(JournalError) {
        let now = loop.clock.now
        _ = try reads.read("the time of the last statistics") { () throws(JournalError) in
            let last = try journal.counters()["statistics_at"].map {
                Instant(nanoseconds: Int64($0))
            }
            if let last, now - last < .seconds(86_400) { return }
            try journal.set("statistics_at", now.nanoseconds)
            if last != nil {
                for event in OutboundEvent.statistics(
                    loop.core.intake.detector, site: loop.settings.core.site,
                    at: loop.clock.calendar(now))
                {
                    loop.handle(.event(event))
                }
            }
        }
    }

    /// Starts a self-test on request, and by the schedule counted from the last one. A new box
    /// starts with one as soon as it observes its lifts.
    /// - Throws: `JournalError` for damage only.
    private func startSelfTestIfDue(
        _ loop: TelemetryLoop, _ journal: Journal, _ inbox: ActionInbox, _ reads: ReportReads
    ) throws(JournalError) {
        let isRequested = inbox.takeSelfTestRequest()
        let centres = configuration.centres.filter(\.isTestable).map(\.name)
        guard isRequested || loop.core.isLive && !centres.isEmpty else { return }
        if !isRequested {
            guard let every = configuration.selfTestEvery,
                let counters = try reads.read(
                    "the time of the last self-test",
                    { () throws(JournalError) in try journal.counters() })
            else { return }
            let last = counters["selftest_at"].map { Instant(nanoseconds: Int64($0)) }
            if let last, loop.clock.now - last < every { return }
        }
        do {
            try loop.startSelfTest(centres: centres, data: data)
        } catch { log.error("self-test: \(error)") }
    }

    /// SIGHUP: reads the rules and their parameters again. With a mistake in them the old ones stay
    /// in force, and the log has the reason.
    private func reload(_ loop: TelemetryLoop) -> ReloadOutcome {
        var outcome = ReloadOutcome()
        do {
            let fresh = try Configuration(file: configuration.file)
            outcome.changedSinceStart = fresh.changesForARestart(since: configuration)
            if !outcome.changedSinceStart.isEmpty {
                log.warning(
                    "changed, and only a restart applies it (systemctl restart hoistway): \(outcome.changedSinceStart.joined(separator: ", "))"
                )
            }
            let rules = try fresh.deviceData().rules
            try loop.adopt(rules)
        } catch let error as InvalidFiles {
            for mistake in error.diagnostics { log.error("\(mistake)") }
            log.error(
                "the rules were not reloaded: the old ones stay in force. A secret or certificate that cannot be read now is used as it was last read"
            )
            outcome.problem = error.diagnostics.first.map { "\($0)" } ?? "\(error)"
        } catch {
            log.error("the rules were not reloaded, the old ones stay in force: \(error)")
            outcome.problem = "\(error)"
        }
        return outcome
    }
}
