import LiftModel
import PositionedYAML
import RuleEngine

/// A rule as its file writes it: expressions are parsed, but not bound to a lift's signals.
package struct RuleDefinition: Sendable {
    package struct Text: Sendable {
        package var expression: Expression
        package var node: YAMLNode
    }
    package struct Suppressor: Sendable {
        package var name: String
        package var when: Text
        /// It suppresses only if it was active before the condition began (entrapment.md:
        /// inspection).
        var mustPrecedeOnset: Bool
        /// The longest time for which it may suppress.
        package var cap: Duration
        /// It goes on suppressing for this long after its end.
        var coolDown: Duration
        /// It also turns an open suspicion into a suppressed one, if that is at most this old.
        var reachesBack: Duration?
        /// The standard or reason that permits it.
        package var source: String?
    }
    /// A condition under which an alert is more severe.
    package struct Grade: Sendable {
        package var severity: Severity
        var when: Text
    }
    /// One incident for the same alert on several lifts of a site. It explains other alerts on
    /// them.
    package struct Across: Sendable {
        package var lifts: Int
        /// Their alerts began within this time of each other.
        package var within: Duration?
        /// Lifts with an alert of one of these rules count, too, if one lift has this rule's own.
        package var with: [String]
        package var kind: String
        package var severity: Severity
        package var explains: [String]
        package var title: Title
    }
    package struct Escalation: Sendable {
        var hold: Duration
        /// The parameter of `hold`: a class of lift may have another value.
        var holdParameter: String?
        /// Time alone never confirms it.
        package var isNeverByTime: Bool
        package var unless: Text?
        package var when: Text?
        package var because: String
        /// The title of the confirmed alert.
        var title: Title?
    }
    /// One way in which the alert can begin. Its name is the alert's reason. Most rules have one
    /// branch.
    package struct Branch: Sendable {
        package var name: String
        package var when: Text
        package var hold: Duration
        var holdParameter: String?
        /// The hold adds up over interruptions of `when` until this is true.
        var addsUpUntil: Text?
        package var suppressors: [Suppressor]
        /// The stage in which this branch raises an alert.
        package var stage: AlertState
        package var escalation: Escalation?
        /// A suspicion on this branch is revised when this is true.
        package var revise: Text?
        package var title: Title?
        /// The rule of an earlier version whose open alerts and holds this branch takes over.
        var formerly: String?
    }
    package var name: String
    package var kind: String
    package var severity: Severity
    package var branches: [Branch]
    var yieldsTo: [String]
    var clear: Text?
    var clearHold: Duration
    package var presume: Text?
    package var grades: [Grade]
    var gap: GapPolicy
    var whenChanged: CompiledRule.HoldPolicy
    var evidenceWindow: CompiledRule.EvidenceWindow
    package var across: Across?
    /// True on all other lifts of the site while this rule's alert is open on one.
    package var tellsSite: Signal?
    package var equipment: Set<EquipmentClass>
    package var title: Title
    package var examples: [RuleExample]
    /// Parameters named outside expressions, such as in `for`.
    var parametersUsed: Set<String>
    package var node: YAMLNode
}

extension RuleDefinition {
    /// Every expression of the rule.
    var texts: [Text] {
        branches.flatMap(\.texts) + [clear, presume].compactMap { $0 } + grades.map(\.when)
    }

    package var suppressors: [Suppressor] { branches.flatMap(\.suppressors) }

    /// A suppressor is an attack surface, so this limits what it may suppress, whatever a file says
    /// (entrapment.md).
    func checkSuppressors(among rules: [RuleDefinition], _ diagnostics: Diagnostics) {
        if kind == Alert.carAlarmCall, !suppressors.isEmpty {
            diagnostics.report(
                suppressors[0].when.node, "the alarm call is never suppressed; remove 'unless'")
        }
        for suppressor in suppressors where suppressor.cap > Suppressor.longestCap {
            diagnostics.report(
                suppressor.when.node,
                "at_most: \(suppressor.cap.written) is longer than \(Suppressor.longestCap.written)"
            )
        }
        for name in across?.explains ?? [] {
            guard let explained = rules.first(where: { $0.name == name }) else { continue }
            if explained.kind == Alert.carAlarmCall || explained.kind.hasPrefix("entrapment") {
                diagnostics.report(
                    node,
                    "explains: '\(name)' is about people; nothing that happens to other lifts explains it away"
                )
            }
        }
    }
}

extension RuleDefinition.Branch {
    var texts: [RuleDefinition.Text] {
        [when] + [addsUpUntil, revise, escalation?.unless, escalation?.when].compactMap { $0 }
            + suppressors.map(\.when)
    }
}
