import LiftModel
import RuleEngine
import RuleLanguage

/// One rule's alerts on several lifts of the site as one incident: an area's power cut is one
/// incident for the centre, and explains why its lifts fall silent. An alert about people is never
/// explained away (`RuleDefinition.checkSuppressors`).
struct SiteIncident: Sendable {
    let definition: RuleDefinition.Across
    /// Lifts on which the rule's alert is open, with its onset.
    var affected: [LiftIndex: Int64] = [:]
    /// Lifts on which an alert of another rule is open that counts, too (`with`).
    var companions: [LiftIndex: Int64] = [:]
    var alert: SiteAlert

    /// The lift is part of the incident.
    func counts(_ lift: LiftIndex) -> Bool { affected[lift] != nil || companions[lift] != nil }

    /// Enough lifts began within the same time.
    var isReached: Bool {
        let all = companions.merging(affected) { _, own in own }
        guard let within = definition.within?.nanoseconds else {
            return !affected.isEmpty && all.count >= definition.lifts
        }
        return affected.values.contains { onset in
            all.values.count { abs($0 - onset) <= within } >= definition.lifts
        }
    }
}

extension Detector {
    /// Sets up the incidents of the rules. The incident of a rule that still has one keeps its
    /// state.
    mutating func prepareIncidents(at now: Instant? = nil) {
        let before = incidents
        incidents = [:]
        for rule in rules.rules {
            guard let across = rule.across else { continue }
            var incident = SiteIncident(
                definition: across,
                alert: SiteAlert(
                    origin, kind: across.kind, severity: across.severity, title: across.title))
            if let old = before[rule.name] {
                (incident.affected, incident.companions, incident.alert) = (
                    old.affected, old.companions, old.alert
                )
            }
            incidents[rule.name] = incident
        }
        for (name, var old) in before.sorted(by: { $0.key < $1.key }) where incidents[name] == nil {
            let alert = now.flatMap {
                old.alert.clear(at: $0, because: AlertReason.ruleRemoved.rawValue)
            }
            if let alert { alerts.append(alert) }
        }
    }

    /// Suppresses the new alerts that an open incident explains.
    func explained(_ transitions: [Transition], _ rules: [CompiledRule]) -> [Transition] {
        if incidents.isEmpty { return transitions }
        return transitions.map { transition in
            guard transition.begins, transition.state != .suppressed,
                let incident = explanation(of: rules[transition.rule].head.name)
            else { return transition }
            var suppressed = transition
            suppressed.state = .suppressed
            suppressed.reason = incident
            return suppressed
        }
    }

    private func explanation(of rule: String) -> String? {
        incidents.filter { $0.value.alert.isOpen && $0.value.definition.explains.contains(rule) }
            .map(\.key).min()
    }

    /// Counts a lift in or out after its alerts have changed, and raises or clears the site's own
    /// alert.
    mutating func updateIncidents(_ index: LiftIndex, at time: Int64) {
        for name in incidents.keys.sorted() {
            guard var incident = incidents[name] else { continue }
            let before = (incident.affected[index], incident.companions[index])
            count(index, in: &incident, name)
            guard (incident.affected[index], incident.companions[index]) != before else { continue }
            incidents[name] = incident
            decide(name, at: time)
        }
        updateSiteSignals(index, at: time)
    }

    /// Counts all lifts again, and raises or clears. Counted lifts may be gone, and the rule may
    /// need others.
    mutating func alignIncidents(at time: Int64) {
        for name in incidents.keys.sorted() {
            guard var incident = incidents[name] else { continue }
            (incident.affected, incident.companions) = ([:], [:])
            for index in lifts.indices { count(index, in: &incident, name) }
            incidents[name] = incident
            decide(name, at: time)
        }
    }

    private mutating func decide(_ name: String, at time: Int64) {
        guard var incident = incidents[name] else { return }
        let now = Instant(nanoseconds: time)
        if incident.isReached {
            let alert = incident.alert.raise(onset: now, at: now, hold: .zero, because: name)
            incidents[name] = incident
            if let alert { alerts.append(alert) }
        } else {
            let alert = incident.alert.clear(at: now, because: AlertReason.released.rawValue)
            incidents[name] = incident
            guard let alert else { return }
            alerts.append(alert)
            raiseUnexplained(incident.definition.explains, at: time)
        }
    }

    private func count(_ index: LiftIndex, in incident: inout SiteIncident, _ name: String) {
        let ledger = lifts[index].ledger
        incident.affected[index] =
            ledger.openIndex(name).map { ledger.entries[$0].onset }
            ?? explainedOnset(index, by: incident, name)
        incident.companions[index] =
            incident.definition.with.compactMap { ledger.openIndex($0) }.map {
                ledger.entries[$0].onset
            }.min()
    }

    /// A lift whose alert the incident has suppressed is part of the incident like the others.
    private func explainedOnset(_ index: LiftIndex, by incident: SiteIncident, _ name: String)
        -> Int64?
    {
        guard incident.alert.isOpen, incident.definition.explains.contains(name) else { return nil }
        let program = programs[lifts[index].programIndex]
        return program.rules.firstIndex { $0.head.name == name }
            .flatMap { program.openAlertState($0, lifts[index].memory) }?.onset
    }

    /// The incident is over. Alerts that it had suppressed and whose condition still holds are
    /// raised now.
    private mutating func raiseUnexplained(_ rules: [String], at time: Int64) {
        for index in lifts.indices {
            let program = programs[lifts[index].programIndex]
            let memory = lifts[index].memory
            for (ruleIndex, rule) in program.rules.enumerated()
            where rules.contains(rule.head.name) && explanation(of: rule.head.name) == nil {
                guard let open = program.openAlertState(ruleIndex, memory),
                    lifts[index].ledger.openIndex(rule.head.name) == nil
                else { continue }
                let transition = Transition(
                    rule: ruleIndex, branch: open.branch, state: open.state,
                    severity: open.severity, begins: true,
                    time: max(time, memory.time), onset: open.onset,
                    reason: rule.branches[open.branch].name,
                    unobserved: 0,
                    evidence: program.evidence(memory))
                let first = alerts.count
                lifts[index].ledger.apply(
                    [transition], replayedFrom: nil, rules: program.rules,
                    lift: lifts[index].lift.id, now: time,
                    vendorCode: lifts[index].writtenVendorCode, evidence: { [] },
                    openState: { _ in nil }, &alerts)
                complete(alertsFrom: first, index)
            }
        }
    }
}
