/// Reasons of a revision that no rule file names: how an alert ended, what changed about it, and what people said.
///
/// All others are a rule's: its branches, what confirms them, what suppresses them. The tables of the contract are held to both.
public enum AlertReason: String, Sendable, CaseIterable {
    case released
    case doorNotLocked = "door_not_locked"
    case revised
    case merged
    case ruleRemoved = "rule_removed"
    case liftRemoved = "lift_removed"
    case rulesChanged = "rules_changed"
    case severity
    case historical
    case notAccepted = "not_accepted"
    case accepted, verified, dispatched, arrived
    case endOfAlarm = "end_of_alarm"
    case judgedFalse = "judged_false"

    /// The state of a revision with this reason; nil: the alert's own, as it was or as it is seen now.
    public var state: AlertState? {
        switch self {
        case .released, .revised, .merged, .ruleRemoved, .liftRemoved, .historical, .endOfAlarm, .judgedFalse: .cleared
        case .doorNotLocked: .presumedReleased
        case .rulesChanged, .severity, .notAccepted, .accepted, .verified, .dispatched, .arrived: nil
        }
    }

    /// What it says, as the contract has it.
    public var meaning: String {
        switch self {
        case .released:
            "what its rule asks of an end is so; with a `statement`, and in any state: a person says that the people are out"
        case .doorNotLocked: "the way out was open as far as can be told; a person closes it"
        case .revised:
            "a suspicion that what was heard since takes back, or a verdict that a late reading has corrected"
        case .merged:
            "of two alerts that a change of rules has made one, the other goes on, and has what people said of this one"
        case .ruleRemoved: "its rule is gone, or no longer applies to the lift: nobody watches for its end"
        case .liftRemoved: "the lift is no longer registered at this gateway: nobody watches it"
        case .rulesChanged: "after a restart it is seen otherwise than it was told: the state is that of now"
        case .severity: "it has become more severe"
        case .historical: "a press of the alarm button that was heard of only long after it"
        case .notAccepted: "nobody has accepted it yet"
        case .accepted: "a person has taken it on"
        case .verified: "a person knows that people are in the car: what was suspected is confirmed"
        case .dispatched: "help is on its way"
        case .arrived: "help is there"
        case .endOfAlarm: "a person has dealt with it"
        case .judgedFalse: "a person has found nothing"
        }
    }
}

/// Kinds of alerts that no rule raises: the gateway tells them of itself, of a lift's messages, and of announced work.
public enum GatewayKind: String, Sendable, CaseIterable {
    case brokerLost = "broker_lost"
    case diskFailing = "disk_failing"
    case selfTestFailed = "selftest_failed"
    case liftRefused = "lift_refused"
    case deviceClock = "device_clock_stands_still"
    case maintenance

    public var severity: Severity { self == .maintenance ? .info : self == .deviceClock ? .minor : .major }

    /// The lift is its subject; else the site.
    public var isOfLift: Bool { [.liftRefused, .deviceClock, .maintenance].contains(self) }

    /// The reason when it is raised; empty: a text of the moment that says why.
    public var raised: String {
        switch self {
        case .brokerLost: "disconnected"
        case .diskFailing: "commit_failed"
        case .deviceClock: "stamps_stand_still"
        case .selfTestFailed, .liftRefused, .maintenance: ""
        }
    }

    /// The reason when it is cleared by itself.
    public var cleared: String {
        switch self {
        case .brokerLost: "reconnected"
        case .diskFailing: "written"
        case .selfTestFailed: "passed"
        case .liftRefused: "read"
        case .deviceClock: "stamps_go_on"
        case .maintenance: "over"
        }
    }
}
