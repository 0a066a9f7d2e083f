import Elevator

extension Detector {
    /// Goes on under other rules: what did not change keeps its state, holds in progress included.
    ///
    /// A rule that has changed keeps its open alert, and its running hold unless it says `when_changed: restart`. An alert of
    /// a rule that is gone is cleared with reason `rule_removed`.
    /// - Throws: `ExpressionError` when the rules cannot be compiled for a lift that is followed; nothing is changed then.
    public mutating func adopt(_ newRules: RuleSet, at now: Instant) throws(ExpressionError) {
        var newPrograms: [Program] = []
        for kind in kinds { newPrograms.append(try newRules.program(for: kind)) }
        // A hold that begins anew begins now, not when the lift last spoke.
        advance(to: now)
        for index in tracks.indices
        where isOnTime(index, at: now.nanoseconds) && tracks[index].memory.time < now.nanoseconds {
            step(index, at: now.nanoseconds)
        }
        let migrations = zip(programs, newPrograms).map { Migration(from: $0.shape, to: $1) }
        rules = newRules
        programs = newPrograms
        agendas = newPrograms.map { Agenda($0) }
        for index in tracks.indices {
            let migration = migrations[tracks[index].program]
            tracks[index].carry(migration, isListening: isListening)
            tracks[index].ledger.rename(to: programs[tracks[index].program].rules)
            tracks[index].renameJudgements(to: programs[tracks[index].program].rules)
            clearOrphans(index, at: now)
        }
        prepareIncidents(at: now)
        alignIncidents(at: now.nanoseconds)
        alignSignals(at: now.nanoseconds)
        forgetDeadlines()
        advance(to: now)
        // It was the reload that looked last: a word of the same time comes after it.
        for index in tracks.indices {
            tracks[index].memory.timerWasLast = false
            // What was judged by the rules of before is not judged anew by these.
            tracks[index].lastChange = max(tracks[index].lastChange, tracks[index].memory.time)
        }
    }

    /// Alerts of rules that no longer exist, or apply to other lifts, and second ones of a rule that is now one with another.
    mutating func clearOrphans(_ index: Int, at now: Instant) {
        let applying = Set(programs[tracks[index].program].rules.map(\.definition.name))
        for entry in tracks[index].ledger.entries.indices {
            let told = tracks[index].ledger.entries[entry]
            let isSecond = tracks[index].ledger.openIndex(told.rule) != entry
            guard told.state.isOpen, isSecond || !applying.contains(told.rule) else { continue }
            if isSecond, let first = tracks[index].ledger.openIndex(told.rule) { merge(index, entry, into: first) }
            alerts.append(
                tracks[index].ledger.close(
                    entry, ruleVersion: "", reason: isSecond ? .merged : .ruleRemoved, lift: tracks[index].lift.id,
                    now: now.nanoseconds, evidence: [], vendorCode: tracks[index].writtenVendorCode))
            complete(alertsFrom: alerts.count - 1, index)
        }
    }

    /// One alert goes on for two, in the ledger and in the rules' memory alike.
    private mutating func merge(_ index: Int, _ second: Int, into first: Int) {
        tracks[index].ledger.merge(second, into: first)
        let entry = tracks[index].ledger.entries[first]
        let program = programs[tracks[index].program]
        guard let rule = program.rules.firstIndex(where: { $0.definition.name == entry.rule }),
            let branch = program.rules[rule].branches.firstIndex(where: { $0.name == entry.reason })
        else { return }
        let life = program.life(rule)
        life.goOn(branch, since: entry.onset, &tracks[index].memory)
        life.goOn(branch, since: entry.onset, &tracks[index].older.memory)
        life.goOn(branch, since: entry.onset, &tracks[index].newer.memory)
    }
}

extension RuleLife {
    fileprivate func goOn(_ branch: Int, since onset: Int64, _ memory: inout LiftMemory) {
        var m = memory.words.mutableSpan
        setReason(branch, &m)
        setOnset(onset, &m)
    }
}

extension LiftTrack {
    /// Takes every memory over to another program.
    mutating func carry(_ migration: Migration, isListening: Bool) {
        memory = migration.carry(memory, isListening: isListening)
        older.memory = migration.carry(older.memory, isListening: isListening)
        newer.memory = migration.carry(newer.memory, isListening: isListening)
        migration.carryChangedLives(from: memory, to: &older.memory)
        migration.carryChangedLives(from: memory, to: &newer.memory)
    }
}
