import LiftModel

/// A rule's alert state in the layout that was used before rules had branches.
struct StateBeforeBranches {
    static let wordCount = 4
    let slot: Int

    /// Copies it to a branch of a rule. An open alert stays open, unless another branch's alert has
    /// been taken over already.
    func carry(
        _ old: LiftMemory, to alertState: AlertStateMachine, branch: Int,
        _ m: inout MutableSpan<Int64>
    ) {
        let bits = old.words[slot]
        let own = alertState.branch(branch)
        own.setWhenSince(old.words[slot + 1], &m)
        own.setEscalatingSince(old.words[slot + 3], &m)
        own.setSuppressionReported(bits & 0b100 != 0, &m)
        own.setMustEnd(bits & 0b1000 != 0, &m)
        own.setSeenFalse(bits & 0b1_0000 != 0, &m)
        own.setSuppressedSinceOnset(bits >> 16 & 0xFFFF, &m)
        own.setUnobserved((bits >> 32) * 1_000_000, &m)
        guard let phase = AlertStateMachine.Phase(rawValue: bits & 0b11), phase != .idle else {
            return
        }
        own.setHasJoined(old.words[slot + 1] != LiftMemory.never, &m)
        alertState.setStands(on: branch, &m)
        let rank = Int(bits >> 8 & 0b111)
        alertState.setSeverity(
            max(
                alertState.severity(m.span),
                Severity.allCases[min(rank, Severity.allCases.count - 1)]), &m)
        if alertState.phase(m.span).rawValue >= phase.rawValue { return }
        alertState.setPhase(phase, &m)
        alertState.setReason(branch, &m)
        alertState.setOnset(old.words[slot + 2], &m)
    }
}

/// Where one rule's alert state comes from in another program's memory.
struct AlertStateMigration {
    private enum Source {
        /// A state without branches becomes that of a branch.
        case plain(slot: Int, branch: Int)
        /// A state with branches; for each its new index, or nil when the branch is gone.
        case branched(slot: Int, branches: [Int?])
    }
    /// In the target program.
    let rule: Int
    /// Its text has not changed.
    let isSame: Bool
    private let sources: [Source]

    init?(of index: Int, in target: Program, from shape: ProgramShape) {
        let rule = target.rules[index]
        var sources: [Source] = []
        var isSame = false
        var next = shape.layout.rules
        for old in shape.rules {
            let slot = next
            next += old.stateSize
            if old.name == rule.head.name {
                isSame = old.version == rule.head.version
                let branches = old.branches.map { name in
                    rule.branches.firstIndex { $0.name == name }
                }
                sources.append(
                    old.branches.isEmpty
                        ? .plain(slot: slot, branch: 0) : .branched(slot: slot, branches: branches))
            } else if let branch = rule.branchHeads.firstIndex(where: { $0.formerly == old.name }),
                old.branches.count <= 1
            {
                sources.append(
                    old.branches.isEmpty
                        ? .plain(slot: slot, branch: branch)
                        : .branched(slot: slot, branches: [branch]))
            }
        }
        if sources.isEmpty { return nil }
        self.rule = index
        self.isSame = isSame
        self.sources = sources
    }

    func carry(_ old: LiftMemory, to memory: inout LiftMemory, _ target: Program) {
        let alertState = target.alertState(rule)
        let compiled = target.rules[rule]
        var m = memory.words.mutableSpan
        for source in sources {
            switch source {
            case .plain(let slot, let branch):
                StateBeforeBranches(slot: slot).carry(old, to: alertState, branch: branch, &m)
            case .branched(let slot, let branches):
                carry(old, AlertStateMachine(slot: slot), branches, to: alertState, &m)
            }
        }
        if isSame { return }
        if alertState.phase(m.span) == .suspected,
            compiled.branches[alertState.reason(m.span)].stage != .suspected
        {
            alertState.setPhase(.final, &m)
        }
        for i in compiled.branches.indices {
            let own = alertState.branch(i)
            own.setSuppressedSinceOnset(0, &m)
            if compiled.head.whenChanged == .restart {
                own.setWhenSince(LiftMemory.never, &m)
                own.setEscalatingSince(LiftMemory.never, &m)
                own.setAddedUp(0, &m)
            }
        }
    }

    private func carry(
        _ old: LiftMemory, _ from: AlertStateMachine, _ branches: [Int?],
        to alertState: AlertStateMachine,
        _ m: inout MutableSpan<Int64>
    ) {
        let words = old.words.span
        for (i, branch) in branches.enumerated() {
            guard let branch else { continue }
            for word in 0..<BranchState.wordCount {
                m[alertState.branch(branch).slot + word] = words[from.branch(i).slot + word]
            }
        }
        let phase = from.phase(words)
        if phase == .idle { return }
        for (i, branch) in branches.enumerated() where from.stands(on: i, words) {
            if let branch { alertState.setStands(on: branch, &m) }
        }
        // Of two rules' alerts that are one now, the more certain one stays, with the higher
        // severity of both.
        alertState.setSeverity(max(alertState.severity(m.span), from.severity(words)), &m)
        if alertState.phase(m.span).rawValue >= phase.rawValue { return }
        alertState.setPhase(phase, &m)
        alertState.setOnset(from.onset(words), &m)
        // An alert whose branch is gone stays open, on the first branch.
        let reason = from.reason(words)
        alertState.setReason((branches.indices.contains(reason) ? branches[reason] : nil) ?? 0, &m)
        alertState.setStands(on: alertState.reason(m.span), &m)
    }
}
