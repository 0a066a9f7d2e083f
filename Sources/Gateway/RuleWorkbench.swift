import Contract
import DeviceProfiles
import GatewayCore
import LiftModel
import Monitoring
import PositionedYAML
import RuleLanguage
import RuleTools

/// Why an alert was raised: the parts of its rule over the time around it, from a replayed trace.
public struct AlertExplanation {
    public var alerts: [Alert]
    public var parts: [ExplainedPart]
    public var from: Instant
    public var to: Instant

    /// Replays a trace twice: to find the alert, and to record the parts of its rule on its lift.
    /// - Parameters:
    ///   - id: the alert's id or its beginning.
    /// - origin: the origin of the alert's id.
    /// - Throws: `InvalidFiles` when the trace holds no such alert, or several.
    public init(of id: String, by origin: AlertOrigin, trace: String, data: DeviceData) throws {
        var replay = Replay(data: data)
        replay.site = AlertEvent.Site(id: origin.site)
        replay.identity = origin.journal ?? AlertOrigin.replayed
        var found: [Alert] = []
        _ = try replay.run(trace) { alert, _ in if alert.id.hasPrefix(id) { found.append(alert) } }
        guard let first = found.first, !first.rule.isEmpty else {
            throw InvalidFiles([
                Diagnostic(file: trace, message: "raises no alert whose id begins with '\(id)'")
            ])
        }
        guard found.allSatisfy({ $0.id == first.id }) else {
            throw InvalidFiles([
                Diagnostic(
                    file: trace, message: "raises several alerts whose id begins with '\(id)'")
            ])
        }
        let last = found[found.count - 1]
        from = first.evidenceWindow?.lowerBound ?? first.onset
        to = last.evidenceWindow?.upperBound ?? last.time
        alerts = found
        replay.explained = (rule: first.rule, lift: first.lift, reasons: Set(found.map(\.reason)))
        parts = []
        var explanation: [ExplainedPart] = []
        replay.atEnd = { explanation = $0.detector.explanation }
        _ = try replay.run(trace) { _, _ in }
        parts = explanation
    }
}

extension Intake {
    /// Records the parts of a rule on a lift from now on.
    /// - Throws: `ExpressionError` when the rule has no such lift, or cannot be compiled.
    mutating func explain(rule: String, lift: String, reasons: Set<String>) throws(ExpressionError)
    {
        var detector = detector
        try detector.explain(rule: rule, lift: lift, reasons: reasons)
        restore(detector)
    }
}

/// The effect of other rules on a trace: which alerts appear, vanish, or come at another time.
public struct ShadowReport {
    public enum Difference: String, Sendable, CaseIterable { case appears, vanishes, moves }
    public struct Entry: Sendable {
        public var difference: Difference
        public var lift: String
        public var kind: String
        public var rule: String
        public var onset: Instant
        /// Each stage's time under the present rules and under the new ones.
        public var before: [String: Instant]
        public var after: [String: Instant]
    }
    public var entries: [Entry] = []
    public var unchanged = 0

    /// - Parameters:
    /// - present: the present profiles and rules.
    /// - proposed: rules that replace those of the same name.
    public init(trace: String, present: DeviceData, proposed: RuleSet) throws {
        let before = try Self.replayedAlerts(trace, present)
        var changed = present
        changed.rules = proposed
        let after = try Self.replayedAlerts(trace, changed)
        for (key, alert) in before {
            if let new = after[key] {
                if new.stages == alert.stages {
                    unchanged += 1
                } else {
                    entries.append(Self.entry(.moves, alert, alert.stages, new.stages))
                }
            } else {
                entries.append(Self.entry(.vanishes, alert, alert.stages, [:]))
            }
        }
        for (key, alert) in after where before[key] == nil {
            entries.append(Self.entry(.appears, alert, [:], alert.stages))
        }
        entries.sort { ($0.onset, $0.lift, $0.kind) < ($1.onset, $1.lift, $1.kind) }
    }

    /// The stages of one alert in a replay.
    private struct ReplayedAlert {
        var first: Alert
        var stages: [String: Instant] = [:]
    }

    private static func entry(
        _ difference: Difference, _ alert: ReplayedAlert, _ before: [String: Instant],
        _ after: [String: Instant]
    ) -> Entry {
        Entry(
            difference: difference, lift: alert.first.lift, kind: alert.first.kind,
            rule: alert.first.rule,
            onset: alert.first.onset, before: before, after: after)
    }

    /// The alerts by lift, kind and number: the first of a kind on a lift is compared with the
    /// first, and so on.
    private static func replayedAlerts(_ trace: String, _ data: DeviceData) throws -> [String:
        ReplayedAlert]
    {
        var byID: [String: ReplayedAlert] = [:]
        var order: [String] = []
        _ = try Replay(data: data).run(trace) { alert, _ in
            if byID[alert.id] == nil {
                byID[alert.id] = ReplayedAlert(first: alert)
                order.append(alert.id)
            }
            byID[alert.id]?.stages[alert.state.rawValue] = alert.time
        }
        var numbers: [String: Int] = [:]
        var replayedAlerts: [String: ReplayedAlert] = [:]
        for id in order {
            guard let alert = byID[id] else { continue }
            let name = "\(alert.first.lift) \(alert.first.kind)"
            numbers[name, default: 0] += 1
            replayedAlerts["\(name) \(numbers[name] ?? 0)"] = alert
        }
        return replayedAlerts
    }
}
