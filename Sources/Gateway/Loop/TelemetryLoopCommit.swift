import Contract
import Journal
import LiftModel
import Monitoring
import Platform

/// The second half of the loop: alerts and events become durable, and only then the broker and the
/// centres receive anything.
extension TelemetryLoop {
    func collectAlerts() {
        for alert in intake.takeAlerts() + intake.refusedLifts.takeAlerts() { enqueue(alert) }
    }

    /// Adds an event for the centres. It makes the next commit due, which makes the event durable.
    func enqueue(_ event: OutboundEvent) { output.add(event) }

    func enqueue(_ alert: Alert) {
        counters.alerts += 1
        let isTest = alert.lift == SelfTest.lift.id
        let lift =
            isTest
            ? SelfTest.lift
            : intake.detector.index(of: alert.lift).map { intake.detector.lift($0) }
                ?? Lift(id: alert.lift)
        let body = AlertEvent.json(
            alert, lift: lift, site: settings.site, recorded: clock.now,
            calendarOffset: clock.calendarOffset,
            isTest: isTest)
        output.add(alert, body)
        if alert.isEntrapment || alert.severity == .critical {
            log.notice(
                "\(alert.kind) \(alert.state.rawValue): lift \(alert.lift), \(alert.title.en) (\(alert.reason))"
            )
        }
    }

    func commitIfDue(_ now: Instant) {
        let monotonic = MonotonicClock.nanoseconds
        if let failure = storage.failure, monotonic < failure.retryAt { return deliverFromMemory() }
        let isOld =
            batch.readingSince.map { monotonic - $0 >= patience.nanoseconds } ?? output.isForCentres
        if isOld || !batch.hasRoom || storage.failure != nil || mustNoteObserving {
            tryCommit(now: now)
        }
        if isDrained, monotonic - schedule.lastSnapshot > settings.snapshotEvery.nanoseconds {
            snapshot(monotonic)
        }
    }

    private var mustNoteObserving: Bool {
        isDrained && schedule.mustNoteObserving(at: MonotonicClock.nanoseconds)
    }

    /// Commits, and retries a failed commit every second. No alert waits for that: alerts are
    /// delivered from memory meanwhile, and lifts are still watched.
    func tryCommit(_ control: ControlEvent? = nil, now: Instant) {
        if let control { output.controls.append(TimedControlEvent(control: control, time: now)) }
        do throws(JournalError) {
            try commit(now: now)
            if storage.failure != nil {
                storage.apply(.committed)
                output.noteDiskIsWell()
                log.notice("the journal can be written again")
            }
            if let alert = siteAlerts.diskFailing.clear(
                at: now, because: GatewayKind.diskFailing.cleared)
            {
                enqueue(alert)
            }
            keepWithinQuota(now)
        } catch { noteFailedCommit(error, now) }
    }

    private func noteFailedCommit(_ error: JournalError, _ now: Instant) {
        counters.commitFailures += 1
        if storage.failure == nil {
            log.critical("\(error). Until it can be written alerts go out from memory.")
        }
        // On a full disk the oldest readings are worth less than the new ones.
        if error.isFull { makeRoom() }
        let monotonic = MonotonicClock.nanoseconds
        storage.apply(.failed(error, at: monotonic, pending: output.alerts.count))
        if let failure = storage.failure,
            monotonic - failure.since >= settings.diskPatience.nanoseconds,
            !error.isDamage
        {
            continueWithoutDisk(now)
        }
        deliverFromMemory()
        postSiteState()
    }

    private func makeRoom() {
        do throws(JournalError) { try journal.makeRoom() } catch {
            // The failed commit is reported, and tried again.
            if error.isDamage { storage.apply(.damageFound(error, at: MonotonicClock.nanoseconds)) }
        }
    }

    /// Delivers the alerts and events that are not durable from memory.
    private func deliverFromMemory() {
        let surplus = output.dropSurplus()
        if surplus > 0 {
            log.critical(
                "more than \(PendingOutput.mostInMemory) alerts wait for the disk: \(surplus) of the less urgent ones are dropped"
            )
        }
        guard let events = output.takeChangeForRoutes() else { return }
        delivery.sendFromMemory(events)
        delivery.wakeRoutes()
    }

    /// Acknowledges the batch though no disk has it, because the broker sends no further messages
    /// before. The messages are evaluated already, their alerts wait in memory, and the next commit
    /// includes a snapshot.
    func continueWithoutDisk(_ now: Instant) {
        counters.unjournalled += batch.messages.count
        redeliveries.noteCommitted(batch.messages)
        batch.forgetMessages()
        schedule.requestSnapshot()
        storage.apply(.released)
        endBatch()
        let alert = siteAlerts.diskFailing.raise(
            onset: now - settings.diskPatience, at: now, hold: settings.diskPatience,
            because: GatewayKind.diskFailing.raised)
        if let alert { enqueue(alert) }
    }

    func commit(now: Instant) throws(JournalError) {
        if !batch.messages.isEmpty || output.isForCentres || !output.controls.isEmpty
            || schedule.wantsSnapshot
            || mustNoteObserving
        {
            let sequence = try write(durableBatch(now))
            settings.trial?.reached(.afterCommit)
            schedule.noteCommit(sequence, bytes: batch.bytes, at: MonotonicClock.nanoseconds)
            counters.commits += 1
            redeliveries.noteCommitted(batch.messages)
            batch.forgetMessages()
            let mustWakeRoutes = output.isForCentres
            output.noteCommitted()
            if mustWakeRoutes { delivery.wakeRoutes() }
        }
        recorder?.flush()
        endBatch()
        postSiteState()
    }

    private func durableBatch(_ now: Instant) -> Journal.Batch {
        var durable = Journal.Batch(now: now)
        durable.messages = batch.messages
        durable.control = TimedControlEvent.text(output.controls)
        durable.snapshot =
            schedule.includesSnapshot(with: batch.bytes) ? intake.detector.snapshot() : nil
        durable.alerts = output.alerts
        durable.events = output.events
        durable.answeredCommands = output.commands
        durable.stamp = clock.stamp
        if !output.alerts.isEmpty { durable.counters = [("alerts", output.alerts.count)] }
        if redeliveries.recognised > 0 {
            durable.counters.append(("redelivered", redeliveries.recognised))
        }
        return durable
    }

    /// If the disk hangs, the routes send the output of this commit from memory.
    private func write(_ durable: Journal.Batch) throws(JournalError) -> Int64 {
        delivery.commitStarted(with: output.outboundEvents)
        do throws(JournalError) {
            let sequence = try journal.commit(durable)
            delivery.clearMemory()
            return sequence
        } catch {
            delivery.commitFailed()
            throw error
        }
    }

    /// The next write acknowledges the batch.
    private func endBatch() {
        let now = MonotonicClock.nanoseconds
        if !batch.hasRoom { backlog.lag.noteFullWindowAcknowledged(at: now) }
        batch.close()
        backlog.watch.noteCommit(at: now)
    }

    /// Evicts what exceeds the quotas, and reports undelivered events among it to the centre.
    func keepWithinQuota(_ now: Instant) {
        guard schedule.mustEnforceQuota else { return }
        schedule.mustEnforceQuota = false
        do throws(JournalError) {
            let eviction = try journal.enforce(settings.quota) {
                (.evicted($0, site: settings.site, at: clock.calendar(now)), now, clock.stamp)
            }
            schedule.mustEnforceQuota = eviction.isUnfinished
            if eviction.isEmpty { return }
            let lost = eviction.undelivered.values.reduce(0, +)
            log.warning(
                "journal: beyond its quota, \(eviction.readingBatches) batches of readings, \(eviction.alerts) delivered alerts, \(eviction.coalesced) outdated revisions and \(lost) undelivered events were removed"
            )
            if lost + eviction.coalesced > 0 { delivery.wakeRoutes() }
        } catch { note(error) }
    }

    /// Logs a failure of the journal outside a commit; damage of the file ends this run.
    private func note(_ error: JournalError) {
        log.error("\(error)")
        if error.isDamage { storage.apply(.damageFound(error, at: MonotonicClock.nanoseconds)) }
    }

    private func snapshot(_ monotonic: Int64) {
        guard batch.mayWrite, schedule.sequence > 0, !output.isForCentres, output.controls.isEmpty
        else { return }
        schedule.noteSnapshotAttempt(at: monotonic)
        do throws(JournalError) {
            try journal.saveSnapshot(intake.detector.snapshot(), through: schedule.sequence)
            schedule.noteSnapshotStored()
        } catch { note(error) }
    }

    /// The open alerts of lifts, of areas, and of the gateway itself.
    var openAlerts: [OpenAlert] {
        intake.detector.openAlerts + siteAlerts.open + intake.refusedLifts.open
    }

    func postSiteState() {
        guard siteState.takeTurn(at: MonotonicClock.nanoseconds) else { return }
        let state = SiteState(
            intake.detector, open: openAlerts, observesLifts: isDrained,
            calendarOffset: clock.calendarOffset)
        if delivery.siteState != state {
            delivery.siteState = state
            delivery.wakeRoutes()
        }
    }
}

/// The site's state goes to the routes when it changes, and not more often than this.
struct SiteStatePublication {
    /// The centre's copy must be at most 5 s old.
    private static let interval: Int64 = 200_000_000
    private var lastAt: Int64 = 0
    /// A change waits for its turn.
    private(set) var isDue = false

    /// - Parameter now: monotonic nanoseconds.
    /// - Returns: whether it is sent now.
    mutating func takeTurn(at now: Int64) -> Bool {
        isDue = now - lastAt < Self.interval
        if !isDue { lastAt = now }
        return !isDue
    }
}

extension SiteState {
    /// The site's state, as the centre shows it when the connection ends.
    fileprivate init(
        _ detector: Detector, open alerts: [OpenAlert], observesLifts: Bool,
        calendarOffset: Duration
    ) {
        self.init()
        self.observesLifts = observesLifts
        incidents = alerts.map {
            SiteState.Incident(
                alertID: $0.id, revision: $0.revision, lift: $0.lift, kind: $0.kind,
                state: $0.state.rawValue,
                severity: $0.severity.rawValue, onset: $0.onset + calendarOffset, lane: $0.lane,
                acceptedBy: $0.acceptedBy)
        }
        liftsThatMayHoldPeople = detector.liftsThatMayHoldPeople
        liftsWithoutPower = detector.liftsWithoutPower
    }
}
