import Elevator

/// What the centre has been, or will be, told about one lift. It does not roll back: a revised past revises the alerts.
///
/// Invariants:
/// 1. An id is given once, when an alert is first told; no later verdict changes or withdraws it.
/// 2. Revisions of an id count up from 1.
struct AlertLedger: Sendable, Equatable {
    struct Entry: Sendable, Equatable {
        var rule: String
        /// The branch that it stands on.
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
        /// How often the centre has been reminded that nobody has accepted it.
        var reminders = 0
        /// When it was reminded last, or could have been.
        var remindedAt = Int64.min
        /// It was told as an alert, whatever became of it: also one that a suppressor has reached back over.
        var wasRaised: Bool { state != .suppressed || revision > 1 }
        /// The person at the centre who deals with it, until that person says that it is over.
        var acceptedBy: String?
        /// Of an entrapment: the reason of its first revision.
        var branch = ""
        /// A person has said that people are in the car.
        var isVerified = false
        /// A person has said that rescuers are there.
        var hasRescuers = false
    }
    /// A rule's open alert, as the rules' memory has it.
    struct OpenLife {
        var branch: Int
        var onset: Int64
        var state: AlertState
        var severity: Severity
    }
    var origin = AlertOrigin(site: "")
    /// Open alerts, and those that ended within the lateness.
    var entries: [Entry] = []
    /// (kind, onset) of alerts told before, the newest last, to tell a repeated onset from a first one.
    var onsets: [Onset] = []

    struct Onset: Sendable, Equatable {
        var kind: String
        var onset: Int64
    }
    /// Onsets remembered per lift. A controller that boots in 1970 repeats itself within fewer than this.
    static let rememberedOnsets = 64

    /// A person deals with the lift's open entrapment: nothing suppresses a branch of it (EN 81-28).
    var hasAcceptedEntrapment: Bool {
        entries.contains { $0.acceptedBy != nil && $0.state.isOpen && Alert.isEntrapment($0.kind) }
    }

    /// Rescuers are at the lift, for an alert that is open.
    var hasRescuers: Bool { entries.contains { $0.hasRescuers && $0.state.isOpen } }

    func openIndex(_ rule: String) -> Int? { entries.firstIndex { $0.rule == rule && $0.state.isOpen } }

    /// Alerts of rules that are branches of another one now are that one's. Of two that are open one goes on: a confirmed one, and of
    /// such the one that a person has taken on, whose id the centre works with.
    mutating func rename(to rules: [CompiledRule]) {
        var isRenamed = false
        for rule in rules {
            for branch in rule.definition.branches {
                guard let former = branch.formerly else { continue }
                for i in entries.indices where entries[i].rule == former {
                    isRenamed = true
                    entries[i].rule = rule.definition.name
                    entries[i].reason = branch.name
                    entries[i].kind = rule.definition.kind
                    // A rule without stages had raised it in earnest.
                    if entries[i].state == .raised { entries[i].state = rule.definition.finalState }
                }
            }
        }
        guard isRenamed else { return }
        func rank(_ entry: Entry) -> Int {
            entry.state.isOpen ? (entry.state == .suspected ? 2 : 0) + (entry.acceptedBy == nil ? 1 : 0) : 4
        }
        entries = (0...4).flatMap { wanted in entries.filter { rank($0) == wanted } }
    }

    /// The alert that goes on takes over what people have said of one that is now the same, and how urgent that was.
    mutating func merge(_ second: Int, into first: Int) {
        let merged = entries[second]
        entries[second].acceptedBy = nil
        entries[first].acceptedBy = entries[first].acceptedBy ?? merged.acceptedBy
        entries[first].isVerified = entries[first].isVerified || merged.isVerified
        entries[first].hasRescuers = entries[first].hasRescuers || merged.hasRescuers
        entries[first].severity = max(entries[first].severity, merged.severity)
    }

    mutating func earlier(_ kind: String, _ onset: Int64) -> Int {
        let count = onsets.count { $0.kind == kind && $0.onset == onset }
        onsets.append(Onset(kind: kind, onset: onset))
        if onsets.count > Self.rememberedOnsets { onsets.removeFirst() }
        return count
    }

    mutating func forgetEnded(before time: Int64) {
        // What is presumed over, or was accepted, waits for a person who says that it is over; the last few do.
        let waiting = entries.filter { $0.state == .presumedReleased || !$0.state.isOpen && $0.acceptedBy != nil }
            .suffix(8).map(\.id)
        entries.removeAll { !$0.state.isOpen && $0.changedAt < time && !waiting.contains($0.id) }
    }

    /// Turns transitions into revisions.
    /// - Parameters:
    ///   - refoldedFrom: where the past was judged anew; nil when these transitions simply happened.
    ///   - life: a rule's open alert after the last transition, as the rules' memory has it.
    mutating func tell(
        _ transitions: [Transition], refoldedFrom start: Int64?, rules: [CompiledRule], lift: String, now: Int64,
        vendorCode: String?, evidence: () -> [Evidence], life: (Int) -> OpenLife?, _ alerts: inout [Alert]
    ) {
        var matched: Set<String> = []
        for transition in transitions {
            let rule = rules[transition.rule]
            let name = rule.definition.name
            let isRefolded = start != nil
            func tell(_ entry: Entry) {
                alerts.append(Self.alert(entry, rule, transition, lift: lift, vendorCode: vendorCode))
            }
            func change(_ open: Int) {
                // A confirmation is not taken back but by an end.
                let isStep = !(entries[open].state == .confirmed && transition.state == .suspected)
                revise(open, isStep ? transition.state : .confirmed, transition.time)
                entries[open].reason = rule.branches[transition.branch].name
                entries[open].title = rule.title(transition.branch, transition.state)
                entries[open].severity = transition.severity
                tell(entries[open])
            }
            let open = openIndex(name)
            switch transition.state {
            case _ where transition.isUpdate:
                guard let open else { continue }
                // What was told of that time has been told; whether it is still so is seen when all is judged anew.
                if !isRefolded || transition.time > entries[open].changedAt { change(open) }
            case .suppressed where !transition.begins:
                // A suppressor has reached back over a suspicion.
                if let open, entries[open].raisedAt <= transition.time { change(open) }
            case .suppressed:
                // In a past judged anew the suppression of an earlier time comes by again.
                if open != nil { continue }
                if let start,
                    entries.contains(where: { $0.rule == name && $0.state == .suppressed && $0.changedAt >= start })
                {
                    continue
                }
                tell(self.open(transition, rule, lift: lift))
            case .confirmed where !transition.begins:
                guard let open, entries[open].state == .suspected, entries[open].raisedAt <= transition.time else {
                    continue
                }
                change(open)
            case .suspected, .confirmed, .raised:
                if let open {
                    matched.insert(entries[open].id)
                } else if let start,
                    let told = entries.first(where: {
                        $0.rule == name && $0.raisedAt >= start && $0.wasRaised && !matched.contains($0.id)
                    })
                {
                    matched.insert(told.id)
                } else {
                    let entry = self.open(transition, rule, lift: lift)
                    matched.insert(entry.id)
                    tell(entry)
                }
            case .cleared, .presumedReleased:
                // In a past judged anew the end of an earlier alert comes by again while a later one is open.
                guard let open, entries[open].raisedAt <= transition.time else { continue }
                revise(open, transition.state, transition.time)
                tell(entries[open])
            }
        }
        if start != nil { revise(rules, lift: lift, now: now, vendorCode: vendorCode, evidence, life, &alerts) }
    }

    /// After the past was judged anew: what stands open here but not there is cleared as revised, and the other way round
    /// raised again.
    private mutating func revise(
        _ rules: [CompiledRule], lift: String, now: Int64, vendorCode: String?, _ evidence: () -> [Evidence],
        _ life: (Int) -> OpenLife?, _ alerts: inout [Alert]
    ) {
        for (index, rule) in rules.enumerated() {
            let told = openIndex(rule.definition.name)
            let life = life(index)
            if let told, life == nil {
                let transition = Transition(
                    rule: index, branch: 0, state: .cleared, severity: entries[told].severity, time: now,
                    onset: entries[told].onset, reason: AlertReason.revised.rawValue, unobserved: 0,
                    evidence: evidence())
                revise(told, .cleared, now)
                alerts.append(Self.alert(entries[told], rule, transition, lift: lift, vendorCode: vendorCode))
            } else if let told, let life {
                goOn(told, life, rule, index, lift: lift, now: now, vendorCode: vendorCode, evidence, &alerts)
            } else if told == nil, let life,
                Alert.isEntrapment(rule.definition.kind) || !isExplained(rule.definition.name)
            {
                // It was told as over, and is not: the same alert goes on.
                let transition = Transition(
                    rule: index, branch: life.branch, state: life.state, severity: life.severity, time: now,
                    onset: life.onset, reason: AlertReason.revised.rawValue, unobserved: 0, evidence: evidence())
                let name = rule.definition.name
                let entry: Entry
                if let ended = entries.lastIndex(where: { $0.rule == name && $0.wasRaised }) {
                    revise(ended, life.state, now)
                    entries[ended].reason = rule.branches[life.branch].name
                    entries[ended].title = rule.title(life.branch, life.state)
                    entries[ended].severity = max(entries[ended].severity, life.severity)
                    entry = entries[ended]
                } else {
                    entry = open(transition, rule, lift: lift)
                }
                alerts.append(Self.alert(entry, rule, transition, lift: lift, vendorCode: vendorCode))
            }
        }
    }

    /// After the past was judged anew an alert that is open goes on: it may be more severe, confirmed, or stand on another branch.
    private mutating func goOn(
        _ told: Int, _ life: OpenLife, _ rule: CompiledRule, _ index: Int, lift: String, now: Int64,
        vendorCode: String?, _ evidence: () -> [Evidence], _ alerts: inout [Alert]
    ) {
        let branch = rule.branches[life.branch].name
        let isConfirmed = entries[told].state == .suspected && life.state == .confirmed
        let isOther = rule.branches.count > 1 && entries[told].reason != branch && entries[told].state == life.state
        let isWorse = life.severity > entries[told].severity
        guard isConfirmed || isOther || isWorse else { return }
        let state = isConfirmed ? .confirmed : entries[told].state
        entries[told].severity = max(entries[told].severity, life.severity)
        if isConfirmed || isOther {
            entries[told].reason = branch
            entries[told].title = rule.title(life.branch, state)
        }
        revise(told, state, now)
        let transition = Transition(
            rule: index, branch: life.branch, state: state, severity: entries[told].severity, time: now,
            onset: entries[told].onset, reason: isConfirmed || isOther ? branch : AlertReason.severity.rawValue,
            unobserved: 0,
            evidence: evidence())
        alerts.append(Self.alert(entries[told], rule, transition, lift: lift, vendorCode: vendorCode))
    }

    /// The rule's latest word is that something explains it away: its alert is open and told as suppressed.
    private func isExplained(_ rule: String) -> Bool { entries.last { $0.rule == rule }?.state == .suppressed }

    private mutating func open(_ transition: Transition, _ rule: CompiledRule, lift: String) -> Entry {
        let kind = transition.state == .suppressed ? rule.definition.kind + ".suppressed" : rule.definition.kind
        let earlier = earlier(kind, transition.onset)
        let entry = Entry(
            rule: rule.definition.name, reason: rule.branches[transition.branch].name, kind: rule.definition.kind,
            title: rule.title(transition.branch, transition.state),
            id: AlertIdentity.id(origin, lift: lift, kind: kind, onset: transition.onset, earlier: earlier),
            revision: 1, state: transition.state, severity: transition.severity, onset: transition.onset,
            raisedAt: transition.time, changedAt: transition.time)
        entries.append(entry)
        return entry
    }

    private mutating func revise(_ index: Int, _ state: AlertState, _ time: Int64) {
        entries[index].revision += 1
        entries[index].state = state
        entries[index].changedAt = time
    }

    /// Ends an alert for a reason that no rule has found: a person's word, or a rule that is gone.
    mutating func close(
        _ index: Int, ruleVersion: String, reason: AlertReason, _ statement: Statement? = nil, lift: String, now: Int64,
        evidence: [Evidence], vendorCode: String?
    ) -> Alert {
        entries[index].state = .cleared
        return note(
            index, ruleVersion: ruleVersion, reason: reason, statement, lift: lift, now: now, evidence: evidence,
            vendorCode: vendorCode)
    }

    /// Tells an alert again as it stands.
    mutating func note(
        _ index: Int, ruleVersion: String, reason: AlertReason, _ statement: Statement?, lift: String, now: Int64,
        evidence: [Evidence], vendorCode: String?
    ) -> Alert {
        revise(index, entries[index].state, now)
        let entry = entries[index]
        var alert = Alert(
            id: entry.id, revision: entry.revision, lift: lift, kind: entry.kind, state: entry.state,
            severity: entry.severity, rule: entry.rule, ruleVersion: ruleVersion,
            onset: Instant(nanoseconds: entry.onset), time: Instant(nanoseconds: now), reason: reason.rawValue,
            hold: .zero,
            confirmationHold: nil, evidence: evidence, vendorCode: vendorCode, title: entry.title)
        alert.statement = statement
        return alert
    }

    private static func alert(
        _ entry: Entry, _ rule: CompiledRule, _ transition: Transition, lift: String, vendorCode: String?
    ) -> Alert {
        let definition = rule.definition
        let branch = rule.branches[transition.branch]
        let confirmationHold = branch.escalation.flatMap { $0.hold == LiftMemory.never ? nil : $0.hold }
        let onset = Instant(nanoseconds: entry.onset)
        let time = Instant(nanoseconds: transition.time)
        let gap = UnobservedGap(policy: definition.gap, duration: .nanoseconds(transition.unobserved))
        return Alert(
            id: entry.id, revision: entry.revision, lift: lift, kind: definition.kind, state: entry.state,
            severity: entry.state == .suppressed ? .info : transition.severity, rule: definition.name,
            ruleVersion: rule.version, onset: onset, time: time, reason: transition.reason,
            hold: .nanoseconds(branch.hold),
            confirmationHold: confirmationHold.map { .nanoseconds($0) }, gap: transition.unobserved > 0 ? gap : nil,
            evidenceWindow: onset - definition.evidenceWindow.before...max(onset, time)
                + definition.evidenceWindow.after,
            evidence: transition.evidence, vendorCode: vendorCode, title: entry.title)
    }
}
