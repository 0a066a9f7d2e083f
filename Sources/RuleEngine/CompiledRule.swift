import LiftModel

/// A rule compiled for one kind of lift: its conditions as operands, and what an alert says of it.
/// A class, so that the hot path passes a reference around.
package final class CompiledRule: Sendable {
    package struct Grade: Sendable {
        var condition: Operand
        var severity: Severity

        package init(condition: Operand, severity: Severity) {
            self.condition = condition
            self.severity = severity
        }
    }
    /// What happens to a hold in progress when the rule's own text is changed. Open alerts stay
    /// open in any case.
    package enum HoldPolicy: String, CaseIterable, Sendable {
        case keep
        case restart
    }
    /// The time around an alert for which its evidence is wanted.
    package struct EvidenceWindow: Sendable {
        package var before: Duration
        package var after: Duration

        package init(before: Duration, after: Duration) {
            self.before = before
            self.after = after
        }
    }
    /// What a rule's text says of its alert, whatever the kind of lift.
    package struct Head: Sendable {
        package var name: String
        /// A fingerprint of everything that decides the rule's verdict.
        package var version: String
        package var kind: String
        package var severity: Severity
        package var title: Title
        package var gap: GapPolicy
        package var whenChanged: HoldPolicy
        package var evidenceWindow: EvidenceWindow

        package init(
            name: String, version: String, kind: String, severity: Severity, title: Title,
            gap: GapPolicy,
            whenChanged: HoldPolicy, evidenceWindow: EvidenceWindow
        ) {
            self.name = name
            self.version = version
            self.kind = kind
            self.severity = severity
            self.title = title
            self.gap = gap
            self.whenChanged = whenChanged
            self.evidenceWindow = evidenceWindow
        }
    }

    /// The same of a branch. It is no part of `CompiledBranch`, which the hot path copies.
    package struct BranchHead: Sendable {
        /// The titles of the alert while the branch is its reason; nil: the rule's.
        package var title: Title?
        package var confirmedTitle: Title?
        /// The rule of an earlier version whose open alerts and holds this branch takes over.
        package var formerly: String?

        package init(title: Title?, confirmedTitle: Title?, formerly: String?) {
            self.title = title
            self.confirmedTitle = confirmedTitle
            self.formerly = formerly
        }
    }

    package let head: Head
    /// One for each of `branches`.
    package let branchHeads: [BranchHead]
    package let branches: [CompiledBranch]
    /// The rules whose open alert inhibits this one, and below (`yielders`) the rules that this one
    /// inhibits.
    let yieldsTo: [Int]
    let clear: Operand
    let presume: Operand?
    let grades: [Grade]
    /// Nodes whose memory starts when this rule's alert is raised.
    let scoped: [Int]
    let yielders: [Int]
    /// The state of an alert that is more than a suspicion.
    package let finalState: AlertState

    /// The most branches of a rule, and suppressors of a branch, for which an alert's state has
    /// bits.
    package static let maximumBranches = AlertStateMachine.maximumBranches
    package static let maximumSuppressors = BranchState.maximumSuppressors

    package init(
        _ head: Head, _ branchHeads: [BranchHead], branches: [CompiledBranch], yieldsTo: [Int],
        yielders: [Int],
        clear: Operand, presume: Operand?, grades: [Grade], scoped: [Int]
    ) {
        self.head = head
        self.branchHeads = branchHeads
        self.branches = branches
        self.yieldsTo = yieldsTo
        self.yielders = yielders
        self.clear = clear
        self.presume = presume
        self.grades = grades
        self.scoped = scoped
        finalState = branches.contains { $0.stage != .raised } ? .confirmed : .raised
    }

    var conditions: [Operand] {
        [clear] + branches.flatMap(\.conditions) + grades.map(\.condition)
            + [presume].compactMap { $0 }
    }

    /// The title of the alert while this branch is its reason.
    package func title(_ branch: Int, _ state: AlertState) -> Title {
        let own = branchHeads[branch]
        if state != .confirmed || branches[branch].stage == .confirmed {
            return own.title ?? head.title
        }
        return own.confirmedTitle ?? head.title
    }
}

/// One branch of a rule, compiled.
package struct CompiledBranch: Sendable {
    package struct Suppressor: Sendable {
        var condition: Operand
        /// What must have held when the branch's own condition began; nil: the suppressor may come
        /// at any time. With a cool-down, it suppresses what began before its end, and nothing that
        /// begins in the cool-down.
        var precedingOnset: Operand?
        /// It suppresses a suspicion that is at most this old.
        var reachesBack: Int64?
        var name: String

        package init(
            condition: Operand, precedingOnset: Operand?, reachesBack: Int64?, name: String
        ) {
            self.condition = condition
            self.precedingOnset = precedingOnset
            self.reachesBack = reachesBack
            self.name = name
        }
    }
    package struct Escalation: Sendable {
        /// Nanoseconds; nil: not by time.
        package let hold: Int64?
        /// While this is true, the hold does not run.
        let unless: Operand?
        /// When this is true, the alert is confirmed at once.
        let when: Operand?
        let because: String

        package init(hold: Int64?, unless: Operand?, when: Operand?, because: String) {
            self.hold = hold
            self.unless = unless
            self.when = when
            self.because = because
        }
    }
    package let name: String
    package let when: Operand
    /// Nanoseconds.
    package let hold: Int64
    /// The stage in which this branch raises an alert.
    package let stage: AlertState
    package var addsUpUntil: Operand?
    package var suppressors: [Suppressor] = []
    package var escalation: Escalation?
    package var revise: Operand?

    package init(name: String, when: Operand, hold: Int64, stage: AlertState) {
        self.name = name
        self.when = when
        self.hold = hold
        self.stage = stage
    }

    var conditions: [Operand] {
        [when] + suppressors.map(\.condition) + suppressors.compactMap(\.precedingOnset)
            + [addsUpUntil, revise, escalation?.unless, escalation?.when].compactMap { $0 }
    }
}
