import Elevator
import PositionedYAML

/// A rule as its file says it, expressions parsed but not yet bound to a lift's signals.
struct RuleDefinition: Sendable {
    struct Text: Sendable {
        var expression: Expression
        var node: YAMLNode
    }
    struct Mute: Sendable {
        var name: String
        var when: Text
        /// Only what was already so when the condition began mutes (entrapment.md: inspection).
        var mustPrecedeOnset: Bool
        /// How long the suppressor may mute at the longest.
        var cap: Duration
        /// It goes on muting for this long after it has ended.
        var coolDown: Duration
        /// It also turns an open suspicion into a suppressed one, while that is no older than this.
        var reachesBack: Duration?
        /// What allows it to mute.
        var source: String?
    }
    /// A condition under which an alert is more severe.
    struct Grade: Sendable {
        var severity: Severity
        var when: Text
    }
    /// What the same alert on several lifts of a site means: one incident, which explains other alerts on them.
    struct Across: Sendable {
        var lifts: Int
        /// Their alerts began no further apart than this.
        var within: Duration?
        /// Lifts with an alert of one of these rules count, too, besides one with this rule's own.
        var with: [String]
        var kind: String
        var severity: Severity
        var explains: [String]
        var title: Title
    }
    /// What becomes of a hold in progress when the rule's own text is changed. Open alerts stay open in any case.
    enum Migration: String, CaseIterable, Sendable {
        case keep
        case restart
    }
    struct EvidenceWindow: Sendable {
        var before: Duration
        var after: Duration
    }
    struct Escalation: Sendable {
        var hold: Duration
        /// The parameter that `hold` comes from: a class of lift may have another value.
        var holdParameter: String?
        /// It is never confirmed by time.
        var isNeverByTime: Bool
        var unless: Text?
        var when: Text?
        var because: String
        /// What the alert is called once it is confirmed.
        var title: Title?
    }
    /// One way in which the alert can come about. Its name is the alert's reason. Most rules have a single one.
    struct Branch: Sendable {
        var name: String
        var when: Text
        var hold: Duration
        var holdParameter: String?
        /// The hold adds up over interruptions of `when` until this is so.
        var addsUpUntil: Text?
        var mutes: [Mute]
        /// The stage in which an alert begins that this branch raises.
        var stage: AlertState
        var escalation: Escalation?
        /// A suspicion that stands on this branch is revised when this is so.
        var revise: Text?
        var title: Title?
        /// The rule of an earlier version whose open alerts and holds this branch goes on with.
        var formerly: String?
    }
    var name: String
    var kind: String
    var severity: Severity
    var branches: [Branch]
    var yieldsTo: [String]
    var clear: Text?
    var clearHold: Duration
    var presume: Text?
    var grades: [Grade]
    var gap: GapPolicy
    var whenChanged: Migration
    var evidenceWindow: EvidenceWindow
    var across: Across?
    /// True on all other lifts of the site while this rule's alert is open on one.
    var tellsSite: Signal?
    var equipment: Set<EquipmentClass>
    var title: Title
    var examples: [RuleExample]
    /// Parameters named outside expressions: in `for` and its like.
    var parametersUsed: Set<String>
    var node: YAMLNode
}

extension RuleDefinition {
    /// Every expression of the rule.
    var texts: [Text] {
        branches.flatMap(\.texts) + [clear, presume].compactMap { $0 } + grades.map(\.when)
    }

    /// The stage in which an alert that is no mere suspicion stands.
    var finalState: AlertState { branches.contains { $0.stage != .raised } ? .confirmed : .raised }

    var mutes: [Mute] { branches.flatMap(\.mutes) }

    /// A suppressor is an attack surface: what it may mute is limited here, whatever a file says (entrapment.md).
    func checkSuppressors(among rules: [RuleDefinition], _ diagnostics: Diagnostics) {
        if kind == Alert.carAlarmCall, !mutes.isEmpty {
            diagnostics.report(mutes[0].when.node, "the alarm button is never muted; remove 'unless'")
        }
        for mute in mutes where mute.cap > Mute.longestCap {
            diagnostics.report(
                mute.when.node, "at_most: \(mute.cap.written) is longer than \(Mute.longestCap.written)")
        }
        for name in across?.explains ?? [] {
            guard let explained = rules.first(where: { $0.name == name }) else { continue }
            if explained.kind == Alert.carAlarmCall || explained.kind.hasPrefix("entrapment") {
                diagnostics.report(
                    node, "explains: '\(name)' is about people; nothing that happens to other lifts explains it away")
            }
        }
    }
}

extension RuleDefinition.Branch {
    var texts: [RuleDefinition.Text] {
        [when] + [addsUpUntil, revise, escalation?.unless, escalation?.when].compactMap { $0 } + mutes.map(\.when)
    }
}
