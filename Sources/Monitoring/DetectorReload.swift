import LiftModel
import RuleEngine
import RuleLanguage

extension Detector {
    /// Continues under other rules. What did not change keeps its state, holds in progress
    /// included.
    ///
    /// A rule that has changed keeps its open alert, and its running hold unless it says
    /// `when_changed: restart`. An alert of a removed rule is cleared with reason `rule_removed`.
    /// - Throws: `ExpressionError` when the rules cannot be compiled for a lift that is followed;
    ///   nothing is changed then.
    public mutating func adopt(_ newRules: RuleSet, at now: Instant) throws(ExpressionError) {
        var newPrograms = Table<ProgramIndex, Program>()
        for kind in kinds { newPrograms.append(try newRules.program(for: kind)) }
        // A hold that restarts begins now, not at the lift's last message.
        advance(to: now)
        for index in lifts.indices
        where lifts[index].isOnTime(at: now.nanoseconds, gatewayTime)
            && lifts[index].memory.time < now.nanoseconds
        {
            step(index, at: now.nanoseconds)
        }
        let migrations = Table<ProgramIndex, Migration>(
            zip(programs, newPrograms).map { Migration(from: $0.shape, to: $1) })
        rules = newRules
        programs = newPrograms
        agendas = Table(newPrograms.map { Agenda($0) })
        for index in lifts.indices {
            let migration = migrations[lifts[index].programIndex]
            lifts[index].carry(migration, isObserving: isObserving)
            lifts[index].ledger.rename(to: programs[lifts[index].programIndex].rules)
            lifts[index].renameJudgements(to: programs[lifts[index].programIndex].rules)
            clearOrphans(index, at: now)
        }
        prepareIncidents(at: now)
        alignIncidents(at: now.nanoseconds)
        alignSignals(at: now.nanoseconds)
        forgetDeadlines()
        advance(to: now)
        // The reload was the last evaluation: a message of the same time comes after it.
        for index in lifts.indices {
            lifts[index].memory.timerWasLast = false
            // The new rules do not evaluate again what the old rules have decided.
            lifts[index].lastChange = max(lifts[index].lastChange, lifts[index].memory.time)
        }
    }

    /// Clears alerts of rules that no longer exist or apply to other lifts, and the second alert of
    /// two rules that are one now.
    mutating func clearOrphans(_ index: LiftIndex, at now: Instant) {
        let applying = Set(programs[lifts[index].programIndex].rules.map(\.head.name))
        for entry in lifts[index].ledger.entries.indices {
            let known = lifts[index].ledger.entries[entry]
            let isSecond = lifts[index].ledger.openIndex(known.rule) != entry
            guard known.state.isOpen, isSecond || !applying.contains(known.rule) else { continue }
            if isSecond, let first = lifts[index].ledger.openIndex(known.rule) {
                lifts[index].merge(entry, into: first, programs[lifts[index].programIndex])
            }
            alerts.append(
                lifts[index].ledger.close(
                    entry, ruleVersion: "", reason: isSecond ? .merged : .ruleRemoved,
                    lift: lifts[index].lift.id,
                    now: now.nanoseconds, evidence: [], vendorCode: lifts[index].writtenVendorCode))
            complete(alertsFrom: alerts.count - 1, index)
        }
    }
}

extension LiftState {
    /// Merges two open alerts into one, in the ledger and in the rules' memory.
    fileprivate mutating func merge(
        _ second: Int, into first: Int, _ program: borrowing Program
    ) {
        ledger.merge(second, into: first)
        let entry = ledger.entries[first]
        guard let rule = program.rules.firstIndex(where: { $0.head.name == entry.rule }),
            let branch = program.rules[rule].branches.firstIndex(where: { $0.name == entry.reason })
        else { return }
        program.mergeAlerts(rule, into: branch, since: entry.onset, &memory)
        program.mergeAlerts(rule, into: branch, since: entry.onset, &older.memory)
        program.mergeAlerts(rule, into: branch, since: entry.onset, &newer.memory)
    }

    /// Carries all memories of the lift over to another program.
    mutating func carry(_ migration: Migration, isObserving: Bool) {
        memory = migration.carry(memory, isObserving: isObserving)
        older.memory = migration.carry(older.memory, isObserving: isObserving)
        newer.memory = migration.carry(newer.memory, isObserving: isObserving)
        migration.carryChangedStates(from: memory, to: &older.memory)
        migration.carryChangedStates(from: memory, to: &newer.memory)
    }
}
