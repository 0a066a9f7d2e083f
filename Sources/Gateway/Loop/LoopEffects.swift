import Contract
import Delivery
import GatewayCore
import Journal
import LiftModel
import Logging

/// What the loop does for the core.
extension TelemetryLoop {
    func performEffects() {
        while let effect = effects.takeNext() { perform(effect) }
    }

    private func perform(_ effect: consuming Effect) {
        switch effect {
        case .commit(let batch): commit(batch)
        // The turn's end writes on the connection, where `mayWrite` says so.
        case .acknowledge: break
        case .storeSnapshot(let snapshot, let sequence):
            whileWriting { () throws(JournalError) in
                try journal.saveSnapshot(snapshot, through: sequence)
                report(.snapshotStored)
            }
        case .makeRoom: makeRoom()
        case .enforceQuota: enforceQuota()
        case .sendFromMemory(let events): delivery.sendFromMemory(events)
        case .wakeRoutes: delivery.wakeRoutes()
        case .publish(let state):
            delivery.siteState = state
            delivery.wakeRoutes()
        case .record(let event, let time): record(event, at: time)
        case .actionsAreDurable(let names): actionsToRemove += names
        case .dropAction(let name): actionAnswers.append((name, nil))
        case .refuseAction(let name, let reason): actionAnswers.append((name, reason))
        case .rulesAdopted(let rules): log.notice("rules reloaded: version \(rules.version)")
        case .rulesRefused(let reason): rulesRefusal = reason
        case .log(let level, let message, let metadata):
            log.log(
                level: level, "\(message)",
                metadata: metadata.isEmpty ? nil : metadata.mapValues { .string($0) })
        }
    }

    private func report(_ outcome: StorageOutcome) {
        core.handle(.storage(outcome), at: clock.moment, into: &effects)
    }

    /// If the disk hangs, the routes send the output of this commit from memory.
    private func commit(_ batch: consuming Journal.Batch) {
        batch.stamp = clock.stamp
        delivery.commitStarted(with: batch.outboundEvents)
        let outcome: StorageOutcome
        do throws(JournalError) {
            let sequence = try journal.commit(batch)
            delivery.commitSucceeded()
            settings.trial?.reached(.afterCommit)
            outcome = .committed(sequence: sequence)
        } catch {
            delivery.commitFailed()
            outcome = .commitFailed(error)
        }
        report(outcome)
        recorder?.flush()
    }

    private func makeRoom() {
        do throws(JournalError) { try journal.makeRoom() } catch {
            // The failed commit is reported, and tried again.
            if error.isDamage { report(.damageFound(error)) }
        }
    }

    /// Evicts what exceeds the quotas, and reports undelivered events among it to the centre.
    private func enforceQuota() {
        let now = clock.now
        whileWriting { () throws(JournalError) in
            let eviction = try journal.enforce(
                settings.quota, of: settings.core, at: now, clock.stamp)
            report(.quotaEnforced(isUnfinished: eviction.isUnfinished))
            if eviction.isEmpty { return }
            let lost = eviction.undelivered.values.reduce(0, +)
            log.warning(
                "journal: beyond its quota, \(eviction.readingBatches) batches of readings, \(eviction.alerts) delivered alerts, \(eviction.coalesced) outdated revisions and \(lost) undelivered events were removed"
            )
            if lost + eviction.coalesced > 0 { delivery.wakeRoutes() }
        }
    }

    /// Logs a failure of the journal outside a commit; damage of the file ends this run.
    private func whileWriting(_ work: () throws(JournalError) -> Void) {
        do throws(JournalError) { try work() } catch {
            log.error("\(error)")
            if error.isDamage { report(.damageFound(error)) }
        }
    }
}
