import Contract
import Journal
import LiftModel
import Monitoring

/// Alerts and events become durable, and only then the broker and the centres receive anything.
extension GatewayCore {
    /// How long a batch may wait for further messages; not at all with an alert in it. While the
    /// backlog drains the broker waits for acknowledgements before it sends more. If each batch
    /// with an alert were then committed at once, every batch would be as small as the one before.
    var patience: Duration {
        if isLive { return output.isForCentres ? .zero : settings.commitWait }
        return output.isForCentres ? .milliseconds(5) : .milliseconds(20)
    }

    mutating func commitIfDue(at moment: Moment, into effects: inout Effects) {
        // Where nothing is to be committed for long, as without the building's broker.
        if storage.failure == nil, diskTrouble != nil {
            clearDiskFailing(at: moment, into: &effects)
        }
        if let failure = storage.failure, moment.monotonic < failure.retryAt {
            return deliverFromMemory(into: &effects)
        }
        let isOld =
            batch.readingSince.map { moment.monotonic - $0 >= patience }
            ?? output.isForCentres
        if isOld || !batch.hasRoom || storage.failure != nil || mustNoteObserving(at: moment) {
            startCommit(at: moment, into: &effects)
        }
        storeSnapshotIfDue(at: moment, into: &effects)
    }

    private func mustNoteObserving(at moment: Moment) -> Bool {
        isLive && schedule.mustNoteObserving(at: moment.monotonic)
    }

    /// Commits what waits; a failed commit is retried every second. No alert waits for that: alerts
    /// are delivered from memory meanwhile, and lifts are still watched.
    mutating func startCommit(at moment: Moment, into effects: inout Effects) {
        assert(!batch.isCommitting, "the outcome of a commit comes before any other input")
        // A replay evaluates the batch through its time. So its alerts are in it.
        if !injected(.commitsBeforeItEvaluates) { intake.advance(to: batchTime(at: moment)) }
        collectAlerts(at: moment, into: &effects)
        let hasOutput =
            !batch.messages.isEmpty || output.isForCentres || !output.controls.isEmpty
            || schedule.wantsSnapshot
        guard hasOutput || storage.failure != nil || mustNoteObserving(at: moment) else {
            acknowledge(at: moment, into: &effects)
            publishSiteState(at: moment, into: &effects)
            return finishPurpose(at: moment, into: &effects)
        }
        batch.commitStarted()
        effects.add(.commit(durableBatch(at: moment)))
    }

    private mutating func durableBatch(at moment: Moment) -> Journal.Batch {
        var durable = Journal.Batch(now: batchTime(at: moment))
        durable.messages = batch.messages
        durable.control = TimedControlEvent.text(output.controls)
        durable.snapshot =
            schedule.includesSnapshot(with: batch.bytes) ? intake.detector.snapshot() : nil
        durable.alerts = output.alerts
        durable.events = output.events
        durable.answeredCommands = output.commands
        if !output.alerts.isEmpty { durable.counters = [("alerts", output.alerts.count)] }
        if redeliveries.recognised > 0 {
            durable.counters.append(("redelivered", redeliveries.recognised))
        }
        return durable
    }

    // MARK: Outcomes

    mutating func handle(
        _ outcome: StorageOutcome, at moment: Moment, into effects: inout Effects
    ) {
        switch outcome {
        case .committed(let sequence):
            noteCommitted(sequence, at: moment, into: &effects)
        case .commitFailed(let error): noteFailed(error, at: moment, into: &effects)
        case .snapshotStored: schedule.noteSnapshotStored()
        case .quotaEnforced(let isUnfinished): schedule.mustEnforceQuota = isUnfinished
        case .damageFound(let error):
            storage.apply(.damageFound(error, at: moment.monotonic))
        }
    }

    private mutating func noteCommitted(
        _ sequence: Int64, at moment: Moment, into effects: inout Effects
    ) {
        schedule.noteCommit(sequence, bytes: batch.bytes, at: moment.monotonic)
        counters.commits += 1
        redeliveries.noteCommitted(batch.messages)
        batch.forgetMessages()
        if output.isForCentres { effects.add(.wakeRoutes) }
        if !output.actionNames.isEmpty { effects.add(.actionsAreDurable(output.actionNames)) }
        output.noteCommitted()
        acknowledge(at: moment, into: &effects)
        publishSiteState(at: moment, into: &effects)
        if storage.failure != nil {
            storage.apply(.committed)
            output.noteDiskIsWell()
            if storage.failure == nil, diskTrouble?.noteSuccess() != false {
                effects.log(.notice, "the journal can be written again")
            }
        }
        // Nothing commits a further alert at the end.
        if case .ending = purpose { return finishPurpose(at: moment, into: &effects) }
        clearDiskFailing(at: moment, into: &effects)
        if schedule.mustEnforceQuota {
            schedule.mustEnforceQuota = false
            effects.add(.enforceQuota)
        }
        storeSnapshotIfDue(at: moment, into: &effects)
        if purpose != nil { return finishPurpose(at: moment, into: &effects) }
        checkDrained(at: moment, into: &effects)
    }

    private mutating func noteFailed(
        _ error: JournalError, at moment: Moment, into effects: inout Effects
    ) {
        counters.commitFailures += 1
        batch.commitFailed()
        if injected(.forgetsMessagesOfAFailedCommit) { batch.forgetMessages() }
        if injected(.forgetsAlertsOfAFailedCommit) { output.forgetEvents() }
        if injected(.forgetsConnectionEventsOfAFailedCommit) { output.controls.removeAll() }
        if injected(.acknowledgesAFailedCommit) { acknowledge(at: moment, into: &effects) }
        noteTrouble(error, at: moment, into: &effects)
        // At the end the broker keeps what is not acknowledged; memory ends with the process.
        if case .ending = purpose { return failPurpose(error, into: &effects) }
        // On a full disk the oldest readings are worth less than the new ones.
        if error.isFull { effects.add(.makeRoom) }
        storage.apply(
            .failed(error, at: moment.monotonic, pending: output.alerts.count))
        if let failure = storage.failure,
            moment.monotonic - failure.since >= Settings.diskPatience
                || injected(.givesUpTheDiskAtOnce),
            !error.isDamage
        {
            continueWithoutDisk(at: moment, into: &effects)
        }
        deliverFromMemory(into: &effects)
        publishSiteState(at: moment, into: &effects)
        failPurpose(error, into: &effects)
    }

    private mutating func noteTrouble(
        _ error: JournalError, at moment: Moment, into effects: inout Effects
    ) {
        let isNew = diskTrouble?.isOver(at: moment.monotonic) != false
        if isNew { diskTrouble = DiskTrouble(error.description, at: moment.monotonic) }
        let isLogged =
            diskTrouble?.noteFailure(error.description, at: moment.monotonic) == true || isNew
        if let diskTrouble, diskTrouble.isReported {
            raiseDiskFailing(
                for: moment.monotonic - diskTrouble.since, at: moment, into: &effects)
        }
        // A failure that lasts is logged once.
        guard isLogged, storage.failure == nil else { return }
        effects.log(
            .critical,
            "\(error). Until it can be written alerts go out from memory, where a centre is reached."
        )
    }

    /// Delivers the alerts and events that are not durable from memory.
    private mutating func deliverFromMemory(into effects: inout Effects) {
        let surplus = output.dropSurplus()
        if surplus > 0 {
            effects.log(
                .critical,
                "more than \(PendingOutput.mostInMemory) alerts wait for the disk: \(surplus) of the less urgent ones are dropped"
            )
        }
        guard let events = output.takeChangeForRoutes(), !injected(.sendsNothingFromMemory)
        else { return }
        effects.add(.sendFromMemory(events))
        effects.add(.wakeRoutes)
    }

    /// Acknowledges the batch though no disk has it, because the broker sends no further messages
    /// before. The messages are evaluated already, their alerts wait in memory, and the next commit
    /// includes a snapshot.
    mutating func continueWithoutDisk(at moment: Moment, into effects: inout Effects) {
        counters.unjournalled += batch.messages.count
        redeliveries.noteCommitted(batch.messages)
        batch.forgetMessages()
        if !injected(.keepsNoSnapshotAfterTimeWithoutADisk) { schedule.requestSnapshot() }
        storage.apply(.released)
        acknowledge(at: moment, into: &effects)
        raiseDiskFailing(for: Settings.diskPatience, at: moment, into: &effects)
    }

    /// - Parameter duration: how long the disk has failed, with or without interruptions.
    private mutating func raiseDiskFailing(
        for duration: Duration, at moment: Moment, into effects: inout Effects
    ) {
        let alert = siteAlerts.diskFailing.raise(
            onset: moment.time - duration, at: moment.time, hold: duration,
            because: GatewayKind.diskFailing.raised)
        if let alert { enqueue(alert, at: moment, into: &effects) }
    }

    private mutating func clearDiskFailing(at moment: Moment, into effects: inout Effects) {
        if diskTrouble?.mayReturn(at: moment.monotonic) == true { return }
        let alert = siteAlerts.diskFailing.clear(
            at: moment.time, because: GatewayKind.diskFailing.cleared)
        guard let alert else { return }
        diskTrouble?.noteCleared()
        enqueue(alert, at: moment, into: &effects)
    }

    private mutating func acknowledge(at moment: Moment, into effects: inout Effects) {
        if !batch.hasRoom { backlog.lag.noteFullWindowAcknowledged(at: moment.monotonic) }
        if !batch.isEmpty { effects.add(.acknowledge) }
        batch.close()
        backlog.watch.noteCommit(at: moment.monotonic)
    }

    private mutating func storeSnapshotIfDue(at moment: Moment, into effects: inout Effects) {
        guard isLive, moment.monotonic - schedule.lastSnapshot > Settings.snapshotEvery,
            mayWrite, schedule.sequence > 0, !output.isForCentres, output.controls.isEmpty
        else { return }
        schedule.noteSnapshotAttempt(at: moment.monotonic)
        effects.add(.storeSnapshot(intake.detector.snapshot(), through: schedule.sequence))
    }

    // MARK: Commits with a purpose

    /// Commits what waits, and then does what the commit is for. A restart must not replay under
    /// new rules what was evaluated under the old ones, so the output under the old ones is
    /// committed first.
    mutating func begin(_ purpose: Purpose, at moment: Moment, into effects: inout Effects) {
        checkForStall(at: moment, into: &effects)
        self.purpose = purpose
        startCommit(at: moment, into: &effects)
    }

    private mutating func finishPurpose(at moment: Moment, into effects: inout Effects) {
        guard let purpose else { return }
        self.purpose = nil
        switch purpose {
        case .ending:
            guard schedule.sequence > 0, !output.isForCentres else { return }
            effects.add(.storeSnapshot(intake.detector.snapshot(), through: schedule.sequence))
        case .adopting(let rules):
            do { try intake.adopt(rules, at: moment.time) } catch {
                return effects.add(.rulesRefused("\(error)"))
            }
            if !injected(.storesNoSnapshotAfterAReload) { schedule.requestSnapshot() }
            schedule.noteSnapshotAttempt(at: moment.monotonic)
            self.purpose = .adopted
            effects.add(.rulesAdopted(rules))
            startCommit(at: moment, into: &effects)
        case .adopted: break
        }
    }

    private mutating func failPurpose(_ error: JournalError, into effects: inout Effects) {
        guard let purpose else { return }
        self.purpose = nil
        switch purpose {
        case .adopting: effects.add(.rulesRefused(error.description))
        // The new rules stay in force, and the commit is retried.
        case .adopted, .ending: break
        }
    }

    // MARK: The site's state

    mutating func publishSiteState(at moment: Moment, into effects: inout Effects) {
        guard siteState.takeTurn(at: moment.monotonic) else { return }
        let state = SiteState(
            intake.detector, open: openAlerts, observesLifts: isLive,
            calendarOffset: settings.calendarOffset)
        if siteState.noteChange(to: state) { effects.add(.publish(state)) }
    }
}
