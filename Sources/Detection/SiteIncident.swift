import Elevator

/// One rule's alerts on several lifts of the site, taken as one incident: an area's power cut is one for the centre to see,
/// and explains why its lifts fall silent. What is about people is never explained away (`RuleDefinition.checkSuppressors`).
struct SiteIncident: Sendable {
    let definition: RuleDefinition.Across
    /// Lifts on which the rule's alert is open, and since when.
    var affected: [Int: Int64] = [:]
    /// Lifts on which another rule's alert is open that counts, too (`with`).
    var companions: [Int: Int64] = [:]
    var alert: SiteAlert

    /// The lift is one of those that make it.
    func counts(_ lift: Int) -> Bool { affected[lift] != nil || companions[lift] != nil }

    /// So many lifts began together that it is one incident.
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
    /// Sets up what the rules say about several lifts; keeps what is open under a rule that still says so.
    mutating func prepareIncidents(at now: Instant? = nil) {
        let before = incidents
        incidents = [:]
        for rule in rules.rules {
            guard let across = rule.across else { continue }
            var incident = SiteIncident(
                definition: across,
                alert: SiteAlert(origin, kind: across.kind, severity: across.severity, title: across.title))
            if let old = before[rule.name] {
                (incident.affected, incident.companions, incident.alert) = (old.affected, old.companions, old.alert)
            }
            incidents[rule.name] = incident
        }
        for (name, var old) in before.sorted(by: { $0.key < $1.key }) where incidents[name] == nil {
            let alert = now.flatMap { old.alert.clear(at: $0, because: AlertReason.ruleRemoved.rawValue) }
            if let alert { alerts.append(alert) }
        }
    }

    /// What an open incident explains is told as suppressed by it.
    func explained(_ transitions: [Transition], _ rules: [CompiledRule]) -> [Transition] {
        if incidents.isEmpty { return transitions }
        return transitions.map { transition in
            guard transition.begins, transition.state != .suppressed,
                let incident = explanation(of: rules[transition.rule].definition.name)
            else { return transition }
            var muted = transition
            muted.state = .suppressed
            muted.reason = incident
            return muted
        }
    }

    private func explanation(of rule: String) -> String? {
        incidents.filter { $0.value.alert.isOpen && $0.value.definition.explains.contains(rule) }.map(\.key).min()
    }

    /// Counts a lift in or out after its alerts have changed, and raises or clears the site's own alert.
    mutating func noticeIncidents(_ index: Int, at time: Int64) {
        for name in incidents.keys.sorted() {
            guard var incident = incidents[name] else { continue }
            let before = (incident.affected[index], incident.companions[index])
            count(index, in: &incident, name)
            guard (incident.affected[index], incident.companions[index]) != before else { continue }
            incidents[name] = incident
            decide(name, at: time)
        }
        tellSite(index, at: time)
    }

    /// Counts all lifts anew, and raises or clears: lifts may be gone that were counted, and the rule may ask for others.
    mutating func alignIncidents(at time: Int64) {
        for name in incidents.keys.sorted() {
            guard var incident = incidents[name] else { continue }
            (incident.affected, incident.companions) = ([:], [:])
            for index in tracks.indices { count(index, in: &incident, name) }
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
            let alert = incident.alert.clear(at: now, because: name)
            incidents[name] = incident
            guard let alert else { return }
            alerts.append(alert)
            tellUnexplained(incident.definition.explains, at: time)
        }
    }

    private func count(_ index: Int, in incident: inout SiteIncident, _ name: String) {
        let ledger = tracks[index].ledger
        incident.affected[index] =
            ledger.openIndex(name).map { ledger.entries[$0].onset } ?? explainedOnset(index, by: incident, name)
        incident.companions[index] =
            incident.definition.with.compactMap { ledger.openIndex($0) }.map { ledger.entries[$0].onset }.min()
    }

    /// A lift on which the rule's alert would be open, had the incident not explained it, makes the incident like the others.
    private func explainedOnset(_ index: Int, by incident: SiteIncident, _ name: String) -> Int64? {
        guard incident.alert.isOpen, incident.definition.explains.contains(name) else { return nil }
        let program = programs[tracks[index].program]
        return program.rules.firstIndex { $0.definition.name == name }
            .flatMap { program.openLife($0, tracks[index].memory) }?.onset
    }

    /// What the incident had explained and is still so needs an explanation of its own now.
    private mutating func tellUnexplained(_ rules: [String], at time: Int64) {
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
                let told = alerts.count
                tracks[index].ledger.tell(
                    [transition], refoldedFrom: nil, rules: program.rules, lift: tracks[index].lift.id, now: time,
                    vendorCode: tracks[index].writtenVendorCode, evidence: { [] }, life: { _ in nil }, &alerts)
                complete(alertsFrom: told, index)
            }
        }
    }
}
