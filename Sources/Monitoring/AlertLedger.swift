import LiftModel
import RuleEngine

/// The alerts of one lift as the centre has received them, or will receive them. The ledger does
/// not roll back: when a replay changes the past, the alerts are revised.
///
/// Invariants:
/// 1. An id is given once, when an alert is first raised; no later verdict changes or withdraws it.
/// 2. Revisions of an id count up from 1.
struct AlertLedger: Sendable, Equatable {
    struct Entry: Sendable, Equatable {
        var rule: String
        /// The branch that is the alert's reason.
        var reason: String
        var kind: String
        var title: Title
        var id: String
        var revision: Int
        var state: AlertState
        var severity: Severity
        var onset: Int64
        var raisedAt: Int64
        /// Event time of its last revision.
        var changedAt: Int64
        /// The number of reminders that nobody has accepted it.
        var reminders = 0
        /// When the last reminder was due, whether or not it was sent.
        var remindedAt = Int64.min
        /// The alert has been raised, even if a suppressor has reached back over it since.
        var wasRaised: Bool { state != .suppressed || revision > 1 }
        /// The person at the centre who has accepted it, until that person reports its end.
        var acceptedBy: String?
        /// The reason of an entrapment's first revision.
        var branch = ""
        /// A person has reported that people are in the car.
        var isVerified = false
        /// A person has reported that rescuers are at the lift.
        var hasRescuers = false
    }
    var origin = AlertOrigin(site: "")
    /// Open alerts, and those that ended within the lateness.
    var entries: [Entry] = []
    /// Kind and onset of earlier alerts, the newest last. They tell a repeated onset from a first
    /// one.
    var onsets: [Onset] = []

    struct Onset: Sendable, Equatable {
        var kind: String
        var onset: Int64
    }
    var notFound = DeliveredAlerts()

    /// Onsets remembered per lift. A controller that boots in 1970 repeats an onset within fewer
    /// than this.
    static let rememberedOnsets = 64

    /// A person has accepted the lift's open entrapment: nothing suppresses a branch of it (EN
    /// 81-28).
    var hasAcceptedEntrapment: Bool {
        entries.contains { $0.acceptedBy != nil && $0.state.isOpen && Alert.isEntrapment($0.kind) }
    }

    /// Rescuers are at the lift, for an alert that is open.
    var hasRescuers: Bool { entries.contains { $0.hasRescuers && $0.state.isOpen } }

    func openIndex(_ rule: String) -> Int? {
        entries.firstIndex { $0.rule == rule && $0.state.isOpen }
    }

    /// Alerts of a rule that has become a branch of another rule belong to that other rule.
    ///
    /// Of two open alerts one stays: a confirmed one before a suspected one, then an accepted one
    /// before others, because the centre works with its id.
    mutating func rename(to rules: [CompiledRule]) {
        var isRenamed = false
        for rule in rules {
            for (head, branch) in zip(rule.branchHeads, rule.branches) {
                guard let former = head.formerly else { continue }
                for i in entries.indices where entries[i].rule == former {
                    isRenamed = true
                    entries[i].rule = rule.head.name
                    entries[i].reason = branch.name
                    entries[i].kind = rule.head.kind
                    // A rule without stages raised it as certain.
                    if entries[i].state == .raised { entries[i].state = rule.finalState }
                }
            }
        }
        guard isRenamed else { return }
        func rank(_ entry: Entry) -> Int {
            entry.state.isOpen
                ? (entry.state == .suspected ? 2 : 0) + (entry.acceptedBy == nil ? 1 : 0) : 4
        }
        entries = (0...4).flatMap { wanted in entries.filter { rank($0) == wanted } }
    }

    /// The remaining alert takes over acceptance, verification, rescuers and the higher severity of
    /// the alert that is merged into it.
    mutating func merge(_ second: Int, into first: Int) {
        let merged = entries[second]
        entries[second].acceptedBy = nil
        entries[first].acceptedBy = entries[first].acceptedBy ?? merged.acceptedBy
        entries[first].isVerified = entries[first].isVerified || merged.isVerified
        entries[first].hasRescuers = entries[first].hasRescuers || merged.hasRescuers
        entries[first].severity = max(entries[first].severity, merged.severity)
    }

    mutating func registerOnset(_ kind: String, _ onset: Int64) -> Int {
        let count = onsets.count { $0.kind == kind && $0.onset == onset }
        onsets.append(Onset(kind: kind, onset: onset))
        if onsets.count > Self.rememberedOnsets { onsets.removeFirst() }
        return count
    }

    mutating func removeEnded(before time: Int64) {
        // A presumed release and an accepted alert wait for a person who reports the end. The last
        // eight are retained.
        let waiting = entries.filter {
            $0.state == .presumedReleased || !$0.state.isOpen && $0.acceptedBy != nil
        }
        .suffix(8).map(\.id)
        entries.removeAll { !$0.state.isOpen && $0.changedAt < time && !waiting.contains($0.id) }
        notFound.removeOld(before: time)
    }

    /// Turns transitions into revisions.
    /// - Parameters:
    ///   - replayedFrom: the start of a replay after a late reading; nil without a replay.
    ///   - openState: a rule's open alert after the last transition, as the rules' memory has it.
    // Over 60 lines: one case a state of the transition.
    mutating func apply(
        _ transitions: [Transition], replayedFrom start: Int64?, rules: [CompiledRule],
        lift: String, now: Int64,
        vendorCode: String?, evidence: () -> [Evidence], openState: (Int) -> OpenAlertState?,
        _ alerts: inout [Alert]
    ) {
        var matched: Set<String> = []
        for transition in transitions {
            let rule = rules[transition.rule]
            let name = rule.head.name
            let isReplayed = start != nil
            func emit(_ entry: Entry) {
                alerts.append(
                    Self.alert(entry, rule, transition, lift: lift, vendorCode: vendorCode))
            }
            func change(_ open: Int) {
                // Only the end of the alert takes a confirmation back.
                let isStep = !(entries[open].state == .confirmed && transition.state == .suspected)
                revise(open, isStep ? transition.state : .confirmed, transition.time)
                entries[open].reason = rule.branches[transition.branch].name
                entries[open].title = rule.title(transition.branch, transition.state)
                entries[open].severity = transition.severity
                emit(entries[open])
            }
            let open = openIndex(name)
            switch transition.state {
            case _ where transition.isUpdate:
                guard let open else { continue }
                // In a replay, revisions of that time exist already. The comparison at the end of
                // the replay finds what has changed since.
                if !isReplayed || transition.time > entries[open].changedAt { change(open) }
            case .suppressed where !transition.begins:
                // A suppressor has reached back over a suspicion.
                if let open, entries[open].raisedAt <= transition.time { change(open) }
            case .suppressed:
                // A replay repeats the suppressions of earlier times.
                if open != nil { continue }
                if let start,
                    entries.contains(where: {
                        $0.rule == name && $0.state == .suppressed && $0.changedAt >= start
                    })
                {
                    continue
                }
                emit(self.open(transition, rule, lift: lift))
            case .confirmed where !transition.begins:
                guard let open, entries[open].state == .suspected,
                    entries[open].raisedAt <= transition.time
                else {
                    continue
                }
                change(open)
            case .suspected, .confirmed, .raised:
                if let open {
                    matched.insert(entries[open].id)
                } else if let start,
                    let raised = entries.first(where: {
                        $0.rule == name && $0.raisedAt >= start && $0.wasRaised
                            && !matched.contains($0.id)
                    })
                {
                    matched.insert(raised.id)
                } else {
                    let entry = self.open(transition, rule, lift: lift)
                    matched.insert(entry.id)
                    emit(entry)
                }
            case .cleared, .presumedReleased:
                // A replay repeats the end of an earlier alert while a later one is open.
                guard let open, entries[open].raisedAt <= transition.time else { continue }
                revise(open, transition.state, transition.time)
                emit(entries[open])
            }
        }
        if start != nil {
            revise(
                rules, lift: lift, now: now, vendorCode: vendorCode, evidence, openState, &alerts)
        }
    }

    /// After a replay: an alert that is open only in the ledger is cleared as revised; one that is
    /// open only in the rules' memory is raised again.
    private mutating func revise(
        _ rules: [CompiledRule], lift: String, now: Int64, vendorCode: String?,
        _ evidence: () -> [Evidence],
        _ openState: (Int) -> OpenAlertState?, _ alerts: inout [Alert]
    ) {
        for (index, rule) in rules.enumerated() {
            let known = openIndex(rule.head.name)
            let current = openState(index)
            if let known, current == nil {
                let transition = Transition(
                    rule: index, branch: 0, state: .cleared, severity: entries[known].severity,
                    time: now,
                    onset: entries[known].onset, reason: AlertReason.revised.rawValue,
                    unobserved: 0,
                    evidence: evidence())
                revise(known, .cleared, now)
                alerts.append(
                    Self.alert(entries[known], rule, transition, lift: lift, vendorCode: vendorCode)
                )
            } else if let known, let current {
                update(
                    known, current, rule, index, lift: lift, now: now, vendorCode: vendorCode,
                    evidence, &alerts)
            } else if known == nil, let current,
                Alert.isEntrapment(rule.head.kind) || !isExplained(rule.head.name)
            {
                // The alert was cleared, and its condition still holds: the same alert is open
                // again.
                let transition = Transition(
                    rule: index, branch: current.branch, state: current.state,
                    severity: current.severity, time: now,
                    onset: current.onset, reason: AlertReason.revised.rawValue, unobserved: 0,
                    evidence: evidence())
                let name = rule.head.name
                let entry: Entry
                if let ended = entries.lastIndex(where: { $0.rule == name && $0.wasRaised }) {
                    revise(ended, current.state, now)
                    entries[ended].reason = rule.branches[current.branch].name
                    entries[ended].title = rule.title(current.branch, current.state)
                    entries[ended].severity = max(entries[ended].severity, current.severity)
                    entry = entries[ended]
                } else {
                    entry = open(transition, rule, lift: lift)
                }
                alerts.append(
                    Self.alert(entry, rule, transition, lift: lift, vendorCode: vendorCode))
            }
        }
    }

    /// After a replay, an open alert may be more severe, confirmed, or have another branch as its
    /// reason.
    private mutating func update(
        _ known: Int, _ current: OpenAlertState, _ rule: CompiledRule, _ index: Int, lift: String,
        now: Int64,
        vendorCode: String?, _ evidence: () -> [Evidence], _ alerts: inout [Alert]
    ) {
        let branch = rule.branches[current.branch].name
        let isConfirmed = entries[known].state == .suspected && current.state == .confirmed
        let isOther =
            rule.branches.count > 1 && entries[known].reason != branch
            && entries[known].state == current.state
        let isWorse = current.severity > entries[known].severity
        guard isConfirmed || isOther || isWorse else { return }
        let state = isConfirmed ? .confirmed : entries[known].state
        entries[known].severity = max(entries[known].severity, current.severity)
        if isConfirmed || isOther {
            entries[known].reason = branch
            entries[known].title = rule.title(current.branch, state)
        }
        revise(known, state, now)
        let transition = Transition(
            rule: index, branch: current.branch, state: state, severity: entries[known].severity,
            time: now,
            onset: entries[known].onset,
            reason: isConfirmed || isOther ? branch : AlertReason.severity.rawValue,
            unobserved: 0,
            evidence: evidence())
        alerts.append(
            Self.alert(entries[known], rule, transition, lift: lift, vendorCode: vendorCode))
    }

    /// The rule's newest alert is suppressed by an incident that explains it.
    private func isExplained(_ rule: String) -> Bool {
        entries.last { $0.rule == rule }?.state == .suppressed
    }

    private mutating func open(_ transition: Transition, _ rule: CompiledRule, lift: String)
        -> Entry
    {
        let kind = transition.state == .suppressed ? rule.head.kind + ".suppressed" : rule.head.kind
        let earlier = registerOnset(kind, transition.onset)
        let id = AlertIdentity.id(
            origin, lift: lift, kind: kind, onset: transition.onset, earlier: earlier)
        let entry = Entry(
            rule: rule.head.name, reason: rule.branches[transition.branch].name,
            kind: rule.head.kind,
            title: rule.title(transition.branch, transition.state),
            id: id, revision: notFound.take(id) + 1, state: transition.state,
            severity: transition.severity,
            onset: transition.onset,
            raisedAt: transition.time, changedAt: transition.time)
        entries.append(entry)
        return entry
    }

    private mutating func revise(_ index: Int, _ state: AlertState, _ time: Int64) {
        entries[index].revision += 1
        entries[index].state = state
        entries[index].changedAt = time
    }

    /// Ends an alert for a reason outside the rules: an operator action, or the removal of its
    /// rule.
    mutating func close(
        _ index: Int, ruleVersion: String, reason: AlertReason, _ statement: Statement? = nil,
        lift: String, now: Int64,
        evidence: [Evidence], vendorCode: String?
    ) -> Alert {
        entries[index].state = .cleared
        return note(
            index, ruleVersion: ruleVersion, reason: reason, statement, lift: lift, now: now,
            evidence: evidence,
            vendorCode: vendorCode)
    }

    /// Appends a revision of an alert that changes nothing but its reason and statement.
    mutating func note(
        _ index: Int, ruleVersion: String, reason: AlertReason, _ statement: Statement?,
        lift: String, now: Int64,
        evidence: [Evidence], vendorCode: String?
    ) -> Alert {
        revise(index, entries[index].state, now)
        let entry = entries[index]
        var alert = Alert(
            id: entry.id, revision: entry.revision, lift: lift, kind: entry.kind,
            state: entry.state,
            severity: entry.severity, rule: entry.rule, ruleVersion: ruleVersion,
            onset: Instant(nanoseconds: entry.onset), time: Instant(nanoseconds: now),
            reason: reason.rawValue,
            hold: .zero,
            confirmationHold: nil, evidence: evidence, vendorCode: vendorCode, title: entry.title)
        alert.statement = statement
        return alert
    }

    private static func alert(
        _ entry: Entry, _ rule: CompiledRule, _ transition: Transition, lift: String,
        vendorCode: String?
    ) -> Alert {
        let head = rule.head
        let branch = rule.branches[transition.branch]
        let confirmationHold = branch.escalation?.hold
        let onset = Instant(nanoseconds: entry.onset)
        let time = Instant(nanoseconds: transition.time)
        let gap = UnobservedGap(policy: head.gap, duration: .nanoseconds(transition.unobserved))
        return Alert(
            id: entry.id, revision: entry.revision, lift: lift, kind: head.kind, state: entry.state,
            severity: entry.state == .suppressed ? .info : transition.severity, rule: head.name,
            ruleVersion: head.version, onset: onset, time: time, reason: transition.reason,
            hold: .nanoseconds(branch.hold),
            confirmationHold: confirmationHold.map { .nanoseconds($0) },
            gap: transition.unobserved > 0 ? gap : nil,
            evidenceWindow: onset - head.evidenceWindow.before...max(onset, time)
                + head.evidenceWindow.after,
            evidence: transition.evidence, vendorCode: vendorCode, title: entry.title)
    }
}
