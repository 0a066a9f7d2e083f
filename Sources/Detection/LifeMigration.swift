import Elevator

/// A rule's life as it was kept before rules had branches.
struct PlainLife {
    static let words = 4
    let slot: Int

    /// Copies it to a rule's branch. An alert that was open goes on, unless a further branch's has gone on already.
    func carry(_ old: LiftMemory, to life: RuleLife, branch: Int, _ m: inout MutableSpan<Int64>) {
        let bits = old.words[slot]
        let own = life.branch(branch)
        own.setWhenSince(old.words[slot + 1], &m)
        own.setEscalatingSince(old.words[slot + 3], &m)
        own.setSuppressionReported(bits & 0b100 != 0, &m)
        own.setMustEnd(bits & 0b1000 != 0, &m)
        own.setSeenFalse(bits & 0b1_0000 != 0, &m)
        own.setMutedSinceOnset(bits >> 16 & 0xFFFF, &m)
        own.setUnobserved((bits >> 32) * 1_000_000, &m)
        guard let phase = RuleLife.Phase(rawValue: bits & 0b11), phase != .idle else { return }
        own.setHasJoined(old.words[slot + 1] != LiftMemory.never, &m)
        life.setStands(on: branch, &m)
        let rank = Int(bits >> 8 & 0b111)
        life.setSeverity(max(life.severity(m.span), Severity.allCases[min(rank, Severity.allCases.count - 1)]), &m)
        if life.phase(m.span).rawValue >= phase.rawValue { return }
        life.setPhase(phase, &m)
        life.setReason(branch, &m)
        life.setOnset(old.words[slot + 2], &m)
    }
}

/// Where one rule's life comes from in another program's memory.
struct LifeMigration {
    private enum Source {
        /// A life of before rules had branches goes on in a branch.
        case plain(slot: Int, branch: Int)
        /// A life with branches; for each its new index, where it has one.
        case branched(slot: Int, branches: [Int?])
    }
    /// In the target.
    let rule: Int
    /// Its text has not changed.
    let isSame: Bool
    private let sources: [Source]

    init?(of index: Int, in target: Program, from shape: ProgramShape) {
        let rule = target.rules[index]
        var sources: [Source] = []
        var isSame = false
        for (i, old) in shape.rules.enumerated() {
            let slot = shape.layout.rules + shape.lifeOffset(i)
            if old.name == rule.definition.name {
                isSame = old.version == rule.version
                let branches = old.branches.map { name in rule.branches.firstIndex { $0.name == name } }
                sources.append(
                    old.branches.isEmpty
                        ? .plain(slot: slot, branch: 0) : .branched(slot: slot, branches: branches))
            } else if let branch = rule.definition.branches.firstIndex(where: { $0.formerly == old.name }),
                old.branches.count <= 1
            {
                sources.append(
                    old.branches.isEmpty
                        ? .plain(slot: slot, branch: branch) : .branched(slot: slot, branches: [branch]))
            }
        }
        if sources.isEmpty { return nil }
        self.rule = index
        self.isSame = isSame
        self.sources = sources
    }

    func carry(_ old: LiftMemory, to memory: inout LiftMemory, _ target: Program) {
        let life = target.life(rule)
        let compiled = target.rules[rule]
        var m = memory.words.mutableSpan
        for source in sources {
            switch source {
            case .plain(let slot, let branch): PlainLife(slot: slot).carry(old, to: life, branch: branch, &m)
            case .branched(let slot, let branches):
                carry(old, RuleLife(slot: slot), branches, to: life, &m)
            }
        }
        if isSame { return }
        if life.phase(m.span) == .suspected, compiled.branches[life.reason(m.span)].stage != .suspected {
            life.setPhase(.final, &m)
        }
        for i in compiled.branches.indices {
            let own = life.branch(i)
            own.setMutedSinceOnset(0, &m)
            if compiled.definition.whenChanged == .restart {
                own.setWhenSince(LiftMemory.never, &m)
                own.setEscalatingSince(LiftMemory.never, &m)
                own.setAddedUp(0, &m)
            }
        }
    }

    private func carry(
        _ old: LiftMemory, _ from: RuleLife, _ branches: [Int?], to life: RuleLife, _ m: inout MutableSpan<Int64>
    ) {
        let words = old.words.span
        for (i, branch) in branches.enumerated() {
            guard let branch else { continue }
            for word in 0..<BranchLife.words {
                m[life.branch(branch).slot + word] = words[from.branch(i).slot + word]
            }
        }
        let phase = from.phase(words)
        if phase == .idle { return }
        for (i, branch) in branches.enumerated() where from.stands(on: i, words) {
            if let branch { life.setStands(on: branch, &m) }
        }
        // Of two rules' alerts that are one now, the more certain goes on, as severe as either was.
        life.setSeverity(max(life.severity(m.span), from.severity(words)), &m)
        if life.phase(m.span).rawValue >= phase.rawValue { return }
        life.setPhase(phase, &m)
        life.setOnset(from.onset(words), &m)
        // An alert whose branch is gone stays open, on the first one.
        let reason = from.reason(words)
        life.setReason((branches.indices.contains(reason) ? branches[reason] : nil) ?? 0, &m)
        life.setStands(on: life.reason(m.span), &m)
    }
}
