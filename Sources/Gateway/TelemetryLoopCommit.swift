import Journal
import LiftModel
import Monitoring
import Platform
import Uplink

/// The second half of the loop: alerts and events become durable, and only then the broker and the
/// centres receive anything.
extension TelemetryLoop {
    func collectAlerts() {
        for alert in intake.takeAlerts() + intake.refusedLifts.takeAlerts() { enqueue(alert) }
    }

    /// Adds an event for the centres. It makes the next commit due, which makes the event durable.
    func enqueue(_ event: OutboundEvent) { pendingEvents.append(event) }

    var hasPendingOutput: Bool { !pendingAlerts.isEmpty || !pendingEvents.isEmpty }

    func enqueue(_ alert: Alert) {
        counters.alerts += 1
        let isTest = alert.lift == SelfTest.lift.id
        let lift =
            isTest
            ? SelfTest.lift
            : intake.detector.index(of: alert.lift).map { intake.detector.lift($0) } ?? Lift(id: alert.lift)
        let body = AlertEvent.json(
            alert, lift: lift, site: settings.site, recorded: clock.now, calendarOffset: clock.calendarOffset,
            isTest: isTest)
        pendingAlerts.append((alert, body))
        if alert.isEntrapment || alert.severity == .critical {
            log.notice("\(alert.kind) \(alert.state.rawValue): lift \(alert.lift), \(alert.title.en) (\(alert.reason))")
        }
    }

    func commitIfDue(_ now: Instant) {
        let monotonic = MonotonicClock.nanoseconds
        if let retryCommitAt, monotonic < retryCommitAt { return deliverFromMemory() }
        let isOld = batchSince.map { monotonic - $0 >= patience.nanoseconds } ?? hasPendingOutput
        if isOld || !hasRoom || retryCommitAt != nil || mustNoteObserving {
            tryCommit(now: now)
        }
        if isDrained, monotonic - lastSnapshot > settings.snapshotEvery.nanoseconds { snapshot(monotonic) }
    }

    /// Commits, and retries a failed commit every second. No alert waits for that: alerts are
    /// delivered from memory meanwhile, and lifts are still watched.
    func tryCommit(_ control: ControlEvent? = nil, now: Instant) {
        if let control { pendingControls.append(TimedControlEvent(control: control, time: now)) }
        do throws(JournalError) {
            try commit(now: now)
            retryCommitAt = nil
            if failingSince != nil {
                failingSince = nil
                memoryOnlyCounts = (0, 0)
                log.notice("the journal can be written again")
            }
            if let alert = siteAlerts.diskFailing.clear(at: now, because: GatewayKind.diskFailing.cleared) {
                enqueue(alert)
            }
            keepWithinQuota(now)
        } catch {
            counters.commitFailures += 1
            diskError = error.description
            if error.isDamage { journalDamage = error }
            // On a full disk the oldest readings are worth less than the new ones.
            if error.isFull { try? journal.makeRoom() }
            let monotonic = MonotonicClock.nanoseconds
            if failingSince == nil { log.critical("\(error). Until it can be written alerts go out from memory.") }
            let since = failingSince ?? monotonic
            failingSince = since
            // A retry writes all pending alerts at once: the more there are, the rarer the retries.
            retryCommitAt = monotonic + 1_000_000_000 * Int64(1 + pendingAlerts.count / 500)
            if monotonic - since >= settings.diskPatience.nanoseconds, !error.isDamage { continueWithoutDisk(now) }
            deliverFromMemory()
            postSiteState()
        }
    }

    /// Delivers the alerts and events that are not durable from memory.
    private func deliverFromMemory() {
        guard memoryOnlyCounts != (pendingAlerts.count, pendingEvents.count) else { return }
        dropSurplus()
        memoryOnlyCounts = (pendingAlerts.count, pendingEvents.count)
        delivery.sendFromMemory(pendingOutput)
        delivery.wakeRoutes()
    }

    private var pendingOutput: [OutboundEvent] {
        pendingAlerts.map { OutboundEvent($0.alert, $0.body) } + pendingEvents
    }

    /// Limits the pending alerts of a long time without a disk: the oldest that are no entrapments
    /// are dropped.
    private func dropSurplus() {
        var surplus = pendingAlerts.count - Self.mostInMemory
        guard surplus > 0 else { return }
        log.critical(
            "more than \(Self.mostInMemory) alerts wait for the disk: \(surplus) of the less urgent ones are dropped")
        pendingAlerts.removeAll {
            guard surplus > 0, $0.alert.lane != .entrapment else { return false }
            surplus -= 1
            return true
        }
    }

    /// Acknowledges the batch though no disk has it, because the broker sends no further messages
    /// before. The messages are evaluated already, their alerts wait in memory, and the next commit
    /// includes a snapshot.
    func continueWithoutDisk(_ now: Instant) {
        counters.unjournalled += batch.count
        redeliveries.noteCommitted(batch)
        batch.removeAll(keepingCapacity: true)
        wantsSnapshot = true
        endBatch()
        let alert = siteAlerts.diskFailing.raise(
            onset: now - settings.diskPatience, at: now, hold: settings.diskPatience,
            because: GatewayKind.diskFailing.raised)
        if let alert { enqueue(alert) }
    }

    func commit(now: Instant) throws(JournalError) {
        if !batch.isEmpty || hasPendingOutput || !pendingControls.isEmpty || wantsSnapshot || mustNoteObserving {
            var durable = Journal.Batch(now: now)
            durable.messages = batch
            durable.control = TimedControlEvent.text(pendingControls)
            if bytesSinceSnapshot + batchBytes > Self.mostBytesToReplay { wantsSnapshot = true }
            let snapshot = wantsSnapshot ? intake.detector.snapshot() : nil
            durable.snapshot = snapshot
            durable.alerts = pendingAlerts
            durable.events = pendingEvents
            durable.answeredCommands = pendingCommands
            durable.stamp = clock.stamp
            if !pendingAlerts.isEmpty { durable.counters = [("alerts", pendingAlerts.count)] }
            if redeliveries.recognised > 0 { durable.counters.append(("redelivered", redeliveries.recognised)) }
            sequence = try write(durable)
            CrashPoint.afterCommit.reach()
            mustEnforceQuota = true
            lastCommit = MonotonicClock.nanoseconds
            counters.commits += 1
            redeliveries.noteCommitted(batch)
            batch.removeAll(keepingCapacity: true)
            pendingControls.removeAll()
            bytesSinceSnapshot = snapshot == nil ? bytesSinceSnapshot + batchBytes : 0
            wantsSnapshot = false
            if hasPendingOutput {
                pendingAlerts.removeAll()
                pendingEvents.removeAll()
                pendingCommands.removeAll()
                delivery.wakeRoutes()
            }
        }
        recorder?.flush()
        endBatch()
        postSiteState()
    }

    /// If the disk hangs, the routes send the output of this commit from memory.
    private func write(_ durable: Journal.Batch) throws(JournalError) -> Int64 {
        delivery.commitStarted(with: pendingOutput)
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
        if !hasRoom {
            lag.noteFullWindowAcknowledged(at: MonotonicClock.nanoseconds)
        }
        batchSince = nil
        unacknowledged = 0
        batchBytes = 0
        backlogWatch.noteCommit(at: MonotonicClock.nanoseconds)
    }

    /// Evicts what exceeds the quotas, and reports undelivered events among it to the centre.
    func keepWithinQuota(_ now: Instant) {
        guard mustEnforceQuota else { return }
        mustEnforceQuota = false
        do throws(JournalError) {
            let eviction = try journal.enforce(settings.quota) {
                (.evicted($0, site: settings.site, at: clock.calendar(now)), now, clock.stamp)
            }
            mustEnforceQuota = eviction.isUnfinished
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
        diskError = error.description
        if error.isDamage { journalDamage = error }
    }

    func snapshot(_ monotonic: Int64) {
        guard batchSince == nil, sequence > 0, !hasPendingOutput, pendingControls.isEmpty else { return }
        lastSnapshot = monotonic
        do throws(JournalError) {
            try journal.saveSnapshot(intake.detector.snapshot(), through: sequence)
            bytesSinceSnapshot = 0
        } catch { note(error) }
    }

    /// The shortest interval between two updates of the site's state, which must be at most 5 s
    /// old.
    static let siteStateEvery: Int64 = 200_000_000

    /// The open alerts of lifts, of areas, and of the gateway itself.
    var openAlerts: [OpenAlert] {
        intake.detector.openAlerts + siteAlerts.open + intake.refusedLifts.open
    }

    func postSiteState() {
        let monotonic = MonotonicClock.nanoseconds
        siteStateIsDue = monotonic - siteStateAt < Self.siteStateEvery
        if siteStateIsDue { return }
        siteStateAt = monotonic
        let state = SiteState(
            intake.detector, open: openAlerts, observesLifts: isDrained, calendarOffset: clock.calendarOffset)
        if delivery.siteState != state {
            delivery.siteState = state
            delivery.wakeRoutes()
        }
    }
}

extension SiteState {
    /// The site's state, as the centre shows it when the connection ends.
    fileprivate init(
        _ detector: Detector, open alerts: [OpenAlert], observesLifts: Bool, calendarOffset: Duration
    ) {
        self.init()
        self.observesLifts = observesLifts
        incidents = alerts.map {
            SiteState.Incident(
                alertID: $0.id, revision: $0.revision, lift: $0.lift, kind: $0.kind, state: $0.state.rawValue,
                severity: $0.severity.rawValue, onset: $0.onset + calendarOffset, lane: $0.lane,
                acceptedBy: $0.acceptedBy)
        }
        liftsThatMayHoldPeople = detector.liftsThatMayHoldPeople
        liftsWithoutPower = detector.liftsWithoutPower
    }
}
