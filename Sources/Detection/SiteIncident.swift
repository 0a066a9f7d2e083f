import Elevator

/// One rule's alerts on several lifts of the site, taken as one incident: an area's power cut is one for the centre to see,
/// and explains why its lifts fall silent. What is about people is never explained away (`RuleDefinition.checkSuppressors`).
struct SiteIncident: Sendable {
    let rule: String
    let lifts: Int
    let explains: Set<String>
    /// Lifts on which the rule's alert is open.
    var affected: Set<Int> = []
    var alert: SiteAlert
}

extension Detector {
    /// Sets up what the rules say about several lifts; keeps what is open under a rule that still says so.
    mutating func prepareIncidents(at now: Instant? = nil) {
        let before = incidents
        incidents = [:]
        for rule in rules.rules {
            guard let across = rule.across else { continue }
            var incident = SiteIncident(
                rule: rule.name, lifts: across.lifts, explains: Set(across.explains),
                alert: SiteAlert(site: site, kind: across.kind, severity: across.severity, title: across.title))
            if let old = before[rule.name] { (incident.affected, incident.alert) = (old.affected, old.alert) }
            incidents[rule.name] = incident
        }
        for (name, var old) in before.sorted(by: { $0.key < $1.key }) where incidents[name] == nil {
            if let now, let alert = old.alert.clear(at: now, because: "rule_removed") { alerts.append(alert) }
        }
    }

    /// What an open incident explains is told as suppressed by it.
    func explained(_ transitions: [Transition], _ rules: [CompiledRule]) -> [Transition] {
        if incidents.isEmpty { return transitions }
        return transitions.map { transition in
            guard transition.begins,
                let incident = explanation(of: rules[transition.rule].definition.name)
            else { return transition }
            var muted = transition
            muted.state = .suppressed
            muted.reason = incident
            return muted
        }
    }

    private func explanation(of rule: String) -> String? {
        incidents.values.filter { $0.alert.isOpen && $0.explains.contains(rule) }.map(\.rule).min()
    }

    /// Counts a lift in or out after its alerts have changed, and raises or clears the site's own alert.
    mutating func noticeIncidents(_ index: Int, at time: Int64) {
        for (name, var incident) in incidents.sorted(by: { $0.key < $1.key }) {
            let isOpen = tracks[index].ledger.openIndex(name) != nil
            guard isOpen != incident.affected.contains(index) else { continue }
            if isOpen { incident.affected.insert(index) } else { incident.affected.remove(index) }
            let now = Instant(nanoseconds: time)
            if incident.affected.count >= incident.lifts {
                if let alert = incident.alert.raise(onset: now, at: now, hold: .zero, because: name) {
                    alerts.append(alert)
                }
                incidents[name] = incident
            } else {
                let alert = incident.alert.clear(at: now, because: name)
                incidents[name] = incident
                if let alert {
                    alerts.append(alert)
                    tellUnexplained(incident.explains, at: time)
                }
            }
        }
    }

    /// After a restart the lifts are counted without raising anything again.
    mutating func countIn(_ index: Int) {
        for name in incidents.keys where tracks[index].ledger.openIndex(name) != nil {
            incidents[name]?.affected.insert(index)
        }
    }

    /// What the incident had explained and is still so needs an explanation of its own now.
    private mutating func tellUnexplained(_ rules: Set<String>, at time: Int64) {
        for index in tracks.indices {
            let program = programs[tracks[index].program]
            let memory = tracks[index].memory
            for (place, rule) in program.rules.enumerated()
            where rules.contains(rule.definition.name) && explanation(of: rule.definition.name) == nil {
                guard let life = program.openLife(place, memory),
                    tracks[index].ledger.openIndex(rule.definition.name) == nil
                else { continue }
                let transition = Transition(
                    rule: place, branch: life.branch, state: life.state, severity: life.severity, begins: true,
                    time: max(time, memory.time), onset: life.onset, reason: rule.branches[life.branch].name,
                    unobserved: 0,
                    evidence: program.evidence(memory.words.span))
                tracks[index].ledger.tell(
                    [transition], refoldedFrom: nil, rules: program.rules, lift: tracks[index].lift.id, now: time,
                    vendorCode: tracks[index].writtenVendorCode, evidence: { [] }, life: { _ in nil }, &alerts)
            }
        }
    }
}
