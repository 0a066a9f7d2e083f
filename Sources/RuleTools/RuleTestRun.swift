import LiftModel
import Monitoring
import PositionedYAML
import RuleLanguage

// The module guarantees: what a tool shows of a rule is what the gateway decides, because each tool
// runs the gateway's own code on it (a `Detector` with one lift, the compiler's nodes, the engine);
// and nothing here changes a decision, because no other module that decides imports it.

extension RuleExample {
    /// Any start will do; a round one keeps failures readable.
    static let start = Instant(nanoseconds: 1_000_000_000_000_000_000)
}

public struct ExampleResult: Sendable {
    public var rule: String
    public var example: String
    /// nil: passed.
    public var failure: String?
    public var file: String
    public var line: Int
}

/// The transitions of a rule that its tests have shown.
public struct RuleCoverage: Sendable {
    public var rule: String
    public var seen: Set<String> = []
    public var possible: [String]
    public var missing: [String] { possible.filter { !seen.contains($0) } }
}

/// The results and the coverage of all tests of a rule set.
public struct RuleTestReport: Sendable {
    public var results: [ExampleResult] = []
    public var coverage: [RuleCoverage] = []
    public var failed: [ExampleResult] { results.filter { $0.failure != nil } }
}

extension RuleSet {
    /// Runs each rule's examples, and the tests of separate files, against the whole set.
    public func runTests(_ files: [YAMLNode] = []) throws(InvalidFiles) -> RuleTestReport {
        var report = RuleTestReport()
        var seen: [String: Set<String>] = [:]
        for rule in rules {
            for example in rule.examples {
                let alerts = try run(example, equipment: equipment(of: rule), &seen)
                let found = alerts.filter { $0.rule == rule.name }.map {
                    RuleExample.Verdict(
                        time: $0.time - RuleExample.start,
                        state: "\($0.state.rawValue) \($0.reason)")
                }
                report.results.append(
                    result(example, of: rule.name, expected: example.expected, found: found))
            }
        }
        for file in files { try run(file, &report, &seen) }
        for rule in rules {
            report.coverage.append(
                RuleCoverage(
                    rule: rule.name, seen: seen[rule.name] ?? [],
                    possible: Self.transitions(of: rule)))
        }
        return report
    }

    private func equipment(of rule: RuleDefinition) -> EquipmentClass {
        rule.equipment.contains(.traction) ? .traction : rule.equipment.first ?? .traction
    }

    /// The transitions that a rule can make, by its text.
    private static func transitions(of rule: RuleDefinition) -> [String] {
        var all: [String] = []
        for branch in rule.branches {
            all.append(
                rule.branches.count == 1
                    ? branch.stage.rawValue : "\(branch.stage.rawValue) (\(branch.name))")
            if let escalation = branch.escalation {
                if !escalation.isNeverByTime { all.append("confirmed (\(branch.name))") }
                if escalation.when != nil { all.append("confirmed (\(escalation.because))") }
            }
            if branch.revise != nil { all.append("revised") }
            all += branch.suppressors.map { "suppressed (\($0.name))" }
        }
        all.append("cleared")
        if rule.presume != nil { all.append("presumed_released") }
        if !rule.grades.isEmpty { all.append("severity") }
        return all.enumerated().filter { all.firstIndex(of: $0.element) == $0.offset }.map(
            \.element)
    }

    private func note(_ alert: Alert, _ seen: inout [String: Set<String>]) {
        guard let rule = rules.first(where: { $0.name == alert.rule }) else { return }
        let isNamed =
            alert.state == .suppressed || alert.state == .suspected && rule.branches.count > 1
            || alert.state == .confirmed
                && (rule.branches.count > 1 || rule.branches[0].escalation != nil)
        let name =
            alert.reason == AlertReason.revised.rawValue
            ? "revised"
            : isNamed ? "\(alert.state.rawValue) (\(alert.reason))" : alert.state.rawValue
        seen[alert.rule, default: []].insert(name)
        if alert.severity > rule.severity { seen[alert.rule, default: []].insert("severity") }
    }

    private func result(
        _ example: RuleExample, of rule: String, expected: [RuleExample.Verdict],
        found: [RuleExample.Verdict]
    ) -> ExampleResult {
        func list(_ verdicts: [RuleExample.Verdict]) -> String {
            verdicts.isEmpty
                ? "nothing"
                : verdicts.map { "\($0.state) at \($0.time.written)" }.joined(separator: ", ")
        }
        let isMet =
            found.count == expected.count && zip(expected, found).allSatisfy { $0.matches($1) }
        return ExampleResult(
            rule: rule, example: example.name,
            failure: isMet ? nil : "expected \(list(expected)); found \(list(found))",
            file: example.node.file, line: example.node.line)
    }

    /// Sends one example's messages to a lift, and returns the alerts.
    private func run(
        _ example: RuleExample, equipment: EquipmentClass, _ seen: inout [String: Set<String>]
    ) throws(InvalidFiles) -> [Alert] {
        let start = RuleExample.start
        var detector = Detector(rules: self, start: start, isObserving: true)
        let diagnostics = Diagnostics()
        // The example's lift has the signals that the example names, and no others.
        let named = example.messages.flatMap {
            $0.signals.compactMap { Signal(name: $0.key.text ?? "") }
        }
        let kind = LiftKind(provides: Set(named), staleAfter: .seconds(60), equipment: equipment)
        do throws(ExpressionError) {
            try detector.add(Lift(id: "example", equipmentClass: equipment), kind: kind, at: start)
        } catch { diagnostics.report(example.node, error.message) }
        var alerts: [Alert] = []
        var key: UInt64 = 0
        var reading = Reading()
        var next = 0
        var time = Duration.zero
        while time <= example.until {
            // One message at its time, or the heartbeat, whichever comes first.
            let due =
                next < example.messages.count
                ? example.messages[next].time : example.until + .seconds(1)
            time =
                next == 0
                ? due : min(due, time + (example.heartbeat ?? example.until + .seconds(1)))
            if time > example.until { break }
            detector.advance(before: start + time)
            if time == due {
                for (name, value) in example.messages[next].signals {
                    reading.setWritten(name, value, diagnostics)
                }
                next += 1
            }
            let lastSent = next > 0 ? example.messages[next - 1].time : .zero
            if example.silentFrom.map({ time < $0 || lastSent >= $0 }) ?? true {
                key += 1
                reading.deviceTime = start + time
                detector.apply(reading, lift: 0, key: key, vendorCode: nil, arrival: start + time)
            }
            alerts += detector.takeAlerts()
        }
        detector.advance(to: start + example.until)
        alerts += detector.takeAlerts()
        if !diagnostics.isEmpty { throw InvalidFiles(diagnostics.all) }
        // A missing acceptance is no decision of a rule.
        alerts.removeAll { $0.reason == Alert.notAccepted }
        for alert in alerts { note(alert, &seen) }
        return alerts
    }

    /// Runs a file of tests: series in shorthand, and the expected alerts of any rule.
    private func run(
        _ file: YAMLNode, _ report: inout RuleTestReport, _ seen: inout [String: Set<String>]
    ) throws(InvalidFiles) {
        let diagnostics = Diagnostics()
        var reader = YAMLReader(file, diagnostics)
        _ = reader.text("title")
        let kinds = Set(rules.map(\.kind))
        let tests = reader.items("tests").compactMap { RuleSeries($0, kinds: kinds, diagnostics) }
        reader.finish()
        if !diagnostics.isEmpty { throw InvalidFiles(diagnostics.all) }
        for test in tests {
            let alerts = try run(test.example, equipment: test.equipment, &seen)
            let found = alerts.filter { alert in
                test.kinds.isEmpty || test.kinds.contains(alert.kind)
            }
            func verdict(_ kind: String, _ state: String, _ time: Duration) -> RuleExample.Verdict {
                RuleExample.Verdict(time: time, state: "\(kind) \(state)")
            }
            report.results.append(
                result(
                    test.example, of: "-", expected: test.expected,
                    found: found.map {
                        verdict($0.kind, $0.state.rawValue, $0.time - RuleExample.start)
                    }))
        }
    }
}

extension Reading {
    /// Sets a signal as a rule's author writes it.
    fileprivate mutating func setWritten(
        _ name: YAMLNode, _ value: YAMLNode, _ diagnostics: Diagnostics
    ) {
        guard let signal = Signal(name: name.text ?? "") else {
            diagnostics.report(
                name,
                "'\(name.text ?? "")' is not a signal.\(suggestion(for: name.text ?? "", among: Signal.allCases.map(\.name)))"
            )
            return
        }
        let text = value.text ?? "unknown"
        if text == "unknown", signal != .codes { return setUnknown(signal.rawValue) }
        switch signal.type {
        case .boolean:
            if let flag = Bool(text) { return set(signal, flag) }
        case .number:
            if let number = Double(text) { return set(signal, number: number) }
        case .enumeration(let names):
            if let index = names.firstIndex(of: text) { return set(signal, case: index) }
        case .codes:
            guard case .sequence(let items) = value.content else { break }
            return set(
                signal.rawValue,
                bits: items.reduce(0) { $0 | (FaultCode(rawValue: $1.text ?? "")?.bit ?? 0) })
        }
        diagnostics.report(value, "found \(value.summary), which is no value of \(signal.name)")
    }
}
