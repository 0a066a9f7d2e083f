/// One revision of an alert: what the gateway has decided about a lift, and how sure it is.
// Over 20 properties: the members of the contract's event of an alert.
public struct Alert: Sendable, Equatable {
    /// Name-based UUID of the lift, the kind, the first onset and the count of earlier alerts. It
    /// is fixed when the alert is first journalled.
    public var id: String
    /// 1 for the first version of the alert; each later version is one more.
    public var revision: Int
    public var lift: String
    /// What the alert is about, as the rules name it: `entrapment`.
    public var kind: String
    public var state: AlertState
    public var severity: Severity
    /// The rule that decided, and the fingerprint of its text.
    public var rule: String
    public var ruleVersion: String
    /// When the condition began, as the first revision had it.
    public var onset: Instant
    /// The event time of this revision's decision.
    public var time: Instant
    /// Why this revision exists: the branch of an entrapment (`off_level`, `silence`,
    /// `alarm_button`), its end (`released`, `revised`), its suppressor (`inspection`), or an
    /// operator action (`accepted`, `verified`).
    public var reason: String
    /// The person's statement, where an operator action is the reason.
    public var statement: Statement?
    /// How long the rule waits before it raises the alert, and again before it confirms it.
    public var hold: Duration
    public var confirmationHold: Duration?
    /// Set where part of the hold fell into an outage or a restart.
    public var gap: UnobservedGap?
    /// The time whose readings show what happened: from before the onset to after the decision.
    public var evidenceWindow: ClosedRange<Instant>?
    /// The lift's signals at the decision, by name; an unknown signal is absent.
    public var evidence: [Evidence]
    /// The controller's own codes, as it wrote them, of the last message that carried any.
    public var vendorCode: String?
    public var title: Title
    /// How an entrapment began: the reason of its first revision. It stays while `reason` changes.
    public var branch: String?
    /// Whether people are in the car, as the rules take it; nil where the rules do not ask.
    public var occupancy: Occupancy?
    /// Signals that the rules do not believe; they are not in `evidence`.
    public var disbelieved: [Evidence] = []
    public var lastKnown = LastKnown()
    /// In a reminder for an area: the other entrapments there that nobody has accepted.
    public var alsoNotAccepted: [String] = []

    public init(
        id: String, revision: Int, lift: String, kind: String, state: AlertState,
        severity: Severity, rule: String,
        ruleVersion: String, onset: Instant, time: Instant, reason: String, hold: Duration,
        confirmationHold: Duration?, gap: UnobservedGap? = nil,
        evidenceWindow: ClosedRange<Instant>? = nil,
        evidence: [Evidence], vendorCode: String?, title: Title
    ) {
        self.gap = gap
        self.evidenceWindow = evidenceWindow
        self.id = id
        self.revision = revision
        self.lift = lift
        self.kind = kind
        self.state = state
        self.severity = severity
        self.rule = rule
        self.ruleVersion = ruleVersion
        self.onset = onset
        self.time = time
        self.reason = reason
        self.hold = hold
        self.confirmationHold = confirmationHold
        self.evidence = evidence
        self.vendorCode = vendorCode
        self.title = title
    }

    /// The kind of the alarm button in the car.
    public static let controllerSilent = "controller_silent"
    public static let areaSilence = "area_silence"
    public static let carAlarmCall = "car_alarm_call"
    /// The reason of a reminder: nobody has accepted the alert.
    public static let notAccepted = AlertReason.notAccepted.rawValue

    public var isEntrapment: Bool { Self.isEntrapment(kind) }
    /// Whether the kind is an entrapment, whatever its branch.
    public static func isEntrapment(_ kind: String) -> Bool {
        kind == "entrapment" || kind.hasPrefix("entrapment.")
    }

    /// Urgency of delivery: events of lane 0 are sent before all others.
    public var lane: Lane { Lane(of: kind, state, severity, revision: revision) }
}

/// Whether people are in the car, and the source of that.
public struct Occupancy: Sendable, Equatable {
    public enum Verdict: String, Sendable, CaseIterable { case yes, no, unknown }
    public enum Source: String, Sendable, CaseIterable {
        case sensor, load, person
        /// A sensor saw them behind doors that have stayed locked since, and no longer sees them.
        case seenBefore = "seen_before"
        case sensorStuck = "sensor_stuck"
        /// There is no sensor, or it has failed or sends nothing.
        case none
    }
    public var verdict: Verdict
    public var source: Source
    public init(_ verdict: Verdict, _ source: Source) {
        self.verdict = verdict
        self.source = source
    }
}

/// What a rescuer needs most when a lift is silent: each value with the last time at which it was
/// known.
public struct LastKnown: Sendable, Equatable {
    public struct Item<Value: Sendable & Equatable>: Sendable, Equatable {
        public var value: Value
        public var time: Instant
        public init(value: Value, time: Instant) {
            self.value = value
            self.time = time
        }
    }
    public var floor: Item<Double>?
    public var mode: Item<ServiceMode>?
    public var occupied: Item<Bool>?
    public init() {}
}

/// What a person at the centre or at the lift has said about an alert.
public struct Statement: Sendable, Equatable {
    /// How a person knows that people are in the car.
    public enum KnownBy: String, Sendable, CaseIterable, Decodable {
        case voice, camera
        case onSite = "on_site"
    }

    public var by: String
    /// How many people are, or were, in the car.
    public var people: Int?
    /// How the people in the car are.
    public var condition: String?
    public var knownBy: KnownBy?
    public var remark: String?
    /// The end of a maintenance window.
    public var until: Instant?
    public init(
        by: String, people: Int? = nil, condition: String? = nil, knownBy: KnownBy? = nil,
        remark: String? = nil,
        until: Instant? = nil
    ) {
        self.until = until
        self.by = by
        self.people = people
        self.condition = condition
        self.knownBy = knownBy
        self.remark = remark
    }
}

/// Where an alert stands.
public enum AlertState: String, Sendable, CaseIterable {
    case suspected
    case confirmed
    /// An alert of a kind without stages.
    case raised
    case cleared
    /// The way out was open as far as the signals show without an open-limit switch; a person
    /// closes the alert.
    case presumedReleased = "presumed_released"
    /// The rule's condition held while a suppressor was active.
    case suppressed

    /// The alert has not ended.
    public var isOpen: Bool { self == .suspected || self == .confirmed || self == .raised }
}

public enum Severity: String, Sendable, CaseIterable, Comparable {
    case info, minor, major, critical
    /// The fire service (119) is needed as well: people in a car in a fire.
    case emergency

    public static func < (a: Severity, b: Severity) -> Bool {
        (allCases.firstIndex(of: a) ?? 0) < (allCases.firstIndex(of: b) ?? 0)
    }
}

/// What a hold does with a gap in the observation: an outage of the building's broker, a restart.
public enum GapPolicy: String, Sendable, CaseIterable {
    /// The last values are taken to have lasted through the gap: its time counts.
    case `continue`
    /// The hold starts again.
    case restart
    /// The gap does not count; the hold continues with the time from before it.
    case unknown
}

/// The gap within an alert's hold, and the policy that was applied to it.
public struct UnobservedGap: Sendable, Equatable {
    public var policy: GapPolicy
    public var duration: Duration
    public init(policy: GapPolicy, duration: Duration) {
        self.policy = policy
        self.duration = duration
    }
}

/// Delivery lanes in the order of urgency.
public enum Lane: Int, Sendable, CaseIterable {
    case entrapment = 0
    case fault = 1
    case info = 2

    /// An alert that is suppressed from its first revision is for the records. An alert that was
    /// raised keeps its lane to its end.
    public init(of kind: String, _ state: AlertState, _ severity: Severity, revision: Int) {
        // An emergency concerns people, whatever its kind: the fire service is needed.
        let isUrgent =
            Alert.isEntrapment(kind) || kind == Alert.carAlarmCall || severity == .emergency
        let isRecord = state == .suppressed && revision == 1
        self = isRecord ? .info : isUrgent ? .entrapment : severity == .info ? .info : .fault
    }
}

/// The value of one signal when an alert was decided.
public struct Evidence: Sendable, Equatable {
    public enum Value: Sendable, Equatable {
        case boolean(Bool)
        case number(Double)
        case text(String)
        case codes([String])
    }
    public var signal: String
    public var value: Value
    public init(signal: String, value: Value) {
        self.signal = signal
        self.value = value
    }
}

/// An alert's sentence for a person, in the languages the rule gives.
public struct Title: Sendable, Equatable {
    public var en: String
    public var zh: String
    public init(en: String, zh: String) {
        self.en = en
        self.zh = zh
    }
}
