import Detection
import Elevator
import Journal
import Mosquitto
import Uplink

/// The loop's second half: what was decided becomes durable, and only then the broker and the centres hear of it.
extension TelemetryLoop {
    func collectAlerts() {
        for alert in intake.takeAlerts() + intake.refusedLifts.takeAlerts() { tell(alert) }
    }

    /// Notes what the centres are to be told beside the alerts; the next commit, which it brings about, makes it durable.
    func tell(_ event: OwedEvent) { pendingEvents.append(event) }

    var hasSomethingToTell: Bool { !pendingAlerts.isEmpty || !pendingEvents.isEmpty }

    func tell(_ alert: Alert) {
        counters.alerts += 1
        let isTest = alert.lift == SelfTest.lift.id
        let lift =
            isTest
            ? SelfTest.lift
            : intake.detector.index(of: alert.lift).map { intake.detector.lift($0) } ?? Lift(id: alert.lift)
        let body = AlertEvent.json(alert, lift: lift, site: settings.site, recorded: clock.now, isTest: isTest)
        pendingAlerts.append((alert, body))
        if alert.isEntrapment || alert.severity == .critical {
            log.notice("\(alert.kind) \(alert.state.rawValue): lift \(alert.lift), \(alert.title.en) (\(alert.reason))")
        }
    }

    func commitIfDue(_ now: Instant) {
        let monotonic = MonotonicClock.nanoseconds
        if let retryCommitAt, monotonic < retryCommitAt { return holdInMemory() }
        let isOld = batchSince.map { monotonic - $0 >= patience.nanoseconds } ?? hasSomethingToTell
        if isOld || unacknowledged >= settings.client.receiveMaximum || retryCommitAt != nil || hasToNoteListening {
            tryCommit(now: now)
        }
        if isDrained, monotonic - lastSnapshot > settings.snapshotEvery.nanoseconds { snapshot(monotonic) }
    }

    /// Commits; what cannot be committed is tried again every second, and nobody trapped waits for that: alerts go out from memory, and
    /// lifts are watched on.
    func tryCommit(_ control: Control? = nil, now: Instant) {
        if let control { pendingControls.append(TimedControl(control: control, time: now)) }
        do throws(JournalError) {
            try commit(now: now)
            retryCommitAt = nil
            if failingSince != nil {
                failingSince = nil
                heldInMemory = (0, 0)
                log.notice("the journal can be written again")
                // What went out from memory meanwhile and was stored is owed no more.
                for (centre, stored) in board.release() { _ = try journal.receipt(stored, from: centre) }
            }
            if let alert = diskFailing.clear(at: now, because: GatewayKind.diskFailing.cleared) { tell(alert) }
            keepWithinQuota(now)
        } catch {
            counters.commitFailures += 1
            lastError = error.description
            if error.isDamage { journalDamage = error }
            // On a full disk the oldest readings are worth less than what comes now.
            if error.isFull { try? journal.makeRoom() }
            let monotonic = MonotonicClock.nanoseconds
            if failingSince == nil { log.critical("\(error). Until it can be written alerts go out from memory.") }
            let since = failingSince ?? monotonic
            failingSince = since
            // What waits is tried again whole: the more, the more seldom.
            retryCommitAt = monotonic + 1_000_000_000 * Int64(1 + pendingAlerts.count / 500)
            if monotonic - since >= settings.diskPatience.nanoseconds, !error.isDamage { goOnWithoutDisk(now) }
            holdInMemory()
            postSiteState()
        }
    }

    /// What is decided and not durable goes out from memory.
    private func holdInMemory() {
        guard heldInMemory != (pendingAlerts.count, pendingEvents.count) else { return }
        shed()
        heldInMemory = (pendingAlerts.count, pendingEvents.count)
        board.hold(pendingAlerts.map { OwedEvent($0.alert, $0.body) } + pendingEvents)
        board.ring()
    }

    /// Without a disk for long: what does not concern people goes, the oldest first.
    private func shed() {
        var surplus = pendingAlerts.count - Self.mostInMemory
        guard surplus > 0 else { return }
        log.critical("more than \(Self.mostInMemory) alerts wait for the disk: \(surplus) of the less urgent ones go")
        pendingAlerts.removeAll {
            guard surplus > 0, $0.alert.lane != .entrapment else { return false }
            surplus -= 1
            return true
        }
    }

    /// The broker sends no more words before these are acknowledged, so they are, though no disk has them: they are judged already, and
    /// what was decided of them waits in memory. The next commit takes the whole state along.
    func goOnWithoutDisk(_ now: Instant) {
        counters.unjournalled += batch.count
        redeliveries.committed(batch)
        batch.removeAll(keepingCapacity: true)
        wantsSnapshot = true
        endBatch()
        let alert = diskFailing.raise(
            onset: now - settings.diskPatience, at: now, hold: settings.diskPatience,
            because: GatewayKind.diskFailing.raised)
        if let alert { tell(alert) }
    }

    func commit(now: Instant) throws(JournalError) {
        if !batch.isEmpty || hasSomethingToTell || !pendingControls.isEmpty || wantsSnapshot || hasToNoteListening {
            var durable = Journal.Batch(now: now)
            durable.messages = batch
            durable.control = TimedControl.text(pendingControls)
            if wantsSnapshot { durable.snapshot = intake.detector.snapshot() }
            durable.alerts = pendingAlerts
            durable.events = pendingEvents
            durable.answeredWords = pendingWords
            durable.stamp = clock.stamp
            if !pendingAlerts.isEmpty { durable.counters = [("alerts", pendingAlerts.count)] }
            if redeliveries.recognised > 0 { durable.counters.append(("redelivered", redeliveries.recognised)) }
            sequence = try journal.commit(durable)
            CrashPoint.afterCommit.reach()
            hasToEnforce = true
            lastCommit = MonotonicClock.nanoseconds
            counters.commits += 1
            redeliveries.committed(batch)
            batch.removeAll(keepingCapacity: true)
            pendingControls.removeAll()
            wantsSnapshot = false
            if hasSomethingToTell {
                pendingAlerts.removeAll()
                pendingEvents.removeAll()
                pendingWords.removeAll()
                board.ring()
            }
        }
        recorder?.flush()
        endBatch()
        postSiteState()
    }

    /// What was read is acknowledged with the next write.
    private func endBatch() {
        if unacknowledged >= settings.client.receiveMaximum {
            lag.noteFullWindowAcknowledged(at: MonotonicClock.nanoseconds)
        }
        batchSince = nil
        unacknowledged = 0
        drain.noteCommit(at: MonotonicClock.nanoseconds)
    }

    /// What is beyond the quotas goes; what the centre was owed and will not get, it is told of.
    func keepWithinQuota(_ now: Instant) {
        guard hasToEnforce else { return }
        hasToEnforce = false
        do throws(JournalError) {
            let eviction = try journal.enforce(settings.quota) {
                (.evicted($0, site: settings.site, at: now), now, clock.stamp)
            }
            hasToEnforce = eviction.isUnfinished
            if eviction.isEmpty { return }
            let lost = eviction.undelivered.values.reduce(0, +)
            log.warning(
                "journal: beyond its quota, \(eviction.readingBatches) batches of readings, \(eviction.alerts) delivered alerts, \(eviction.coalesced) outdated revisions and \(lost) undelivered events went"
            )
            if lost + eviction.coalesced > 0 { board.ring() }
        } catch { note(error) }
    }

    /// What went wrong with the journal beside a commit; the file's own damage ends this run.
    private func note(_ error: JournalError) {
        log.error("\(error)")
        lastError = error.description
        if error.isDamage { journalDamage = error }
    }

    func snapshot(_ monotonic: Int64) {
        guard batchSince == nil, sequence > 0, !hasSomethingToTell, pendingControls.isEmpty else { return }
        lastSnapshot = monotonic
        do throws(JournalError) {
            try journal.saveSnapshot(intake.detector.snapshot(), through: sequence)
        } catch { note(error) }
    }

    /// The site's state is worked out anew this often while batches follow each other: it is to be at most 5 s old.
    static let siteStateEvery: Int64 = 200_000_000

    func postSiteState() {
        let monotonic = MonotonicClock.nanoseconds
        siteStateIsOld = monotonic - siteStateAt < Self.siteStateEvery
        if siteStateIsOld { return }
        siteStateAt = monotonic
        let own =
            [brokerLost.view, diskFailing.view, selfTestFailed.view].compactMap { $0 } + intake.refusedLifts.open
        let state = SiteState(intake.detector, and: own, hearsLifts: isDrained)
        if board.siteState != state {
            board.siteState = state
            board.ring()
        }
    }
}

extension SiteState {
    /// What the centre is to know of a site should it hear no more of it.
    fileprivate init(_ detector: Detector, and own: [OpenAlert], hearsLifts: Bool) {
        self.init()
        self.hearsLifts = hearsLifts
        incidents = (detector.openAlerts + own).map {
            SiteState.Incident(
                alertID: $0.id, revision: $0.revision, lift: $0.lift, kind: $0.kind, state: $0.state.rawValue,
                severity: $0.severity.rawValue, onset: $0.onset, lane: $0.lane, acceptedBy: $0.acceptedBy)
        }
        liftsThatMayHoldPeople = detector.liftsThatMayHoldPeople
        liftsWithoutPower = detector.liftsWithoutPower
    }
}
