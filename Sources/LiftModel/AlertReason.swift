/// Reasons of a revision that no rule file names: an end, a change, or an operator action.
///
/// All other reasons are a rule's: its branches, confirmations and suppressors. Tests compare the
/// tables of the contract with both.
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

    /// The state of a revision with this reason; nil where the reason does not decide it.
    public var state: AlertState? {
        switch self {
        case .released, .merged, .ruleRemoved, .liftRemoved, .historical, .endOfAlarm, .judgedFalse:
            .cleared
        case .doorNotLocked: .presumedReleased
        case .revised, .rulesChanged, .severity, .notAccepted, .accepted, .verified, .dispatched,
            .arrived:
            nil
        }
    }

    /// The sentence about this reason in the contract.
    public var meaning: String {
        switch self {
        case .released:
            "the rule's condition for the end is true; with a `statement`, and in any state: a person reports that the people are out"
        case .doorNotLocked:
            "the way out was open as far as the signals show; a person closes the alert"
        case .revised:
            "a late reading, or later messages, have corrected it: mostly the alert is cleared; it can also be open again"
        case .merged:
            "a change of rules has joined two alerts: the other one continues, with the operator actions of this one"
        case .ruleRemoved:
            "its rule is gone, or no longer applies to the lift: nothing watches for its end"
        case .liftRemoved: "the lift is no longer registered at this gateway: nothing watches it"
        case .rulesChanged:
            "after a restart the gateway evaluates the alert differently: the state is the present one"
        case .severity: "it has become more severe"
        case .historical:
            "a press of the alarm button that the gateway received long after the press"
        case .notAccepted: "nobody has accepted it yet"
        case .accepted: "a person has accepted it"
        case .verified: "a person knows that people are in the car: a suspected alert is confirmed"
        case .dispatched: "help is on its way"
        case .arrived: "help is at the lift"
        case .endOfAlarm: "a person has dealt with it"
        case .judgedFalse: "a person has found nothing"
        }
    }
}

/// Kinds of alerts that the gateway raises without a rule: about itself, about a lift's messages,
/// and about maintenance windows.
public enum GatewayKind: String, Sendable, CaseIterable {
    case brokerLost = "broker_lost"
    case diskFailing = "disk_failing"
    case selfTestFailed = "selftest_failed"
    /// The building's broker grants QoS 0 only: messages that arrive while the gateway is away are
    /// lost.
    case brokerQoSZero = "broker_qos_zero"
    /// Another client of the building's broker has the gateway's client id: messages to that client
    /// are lost.
    case clientIDTaken = "client_id_taken"
    case liftRefused = "lift_refused"
    case deviceClock = "device_clock_stands_still"
    case maintenance

    public var severity: Severity {
        self == .maintenance ? .info : self == .deviceClock ? .minor : .major
    }

    /// The subject of the alert is a lift; else it is the site.
    public var isOfLift: Bool { [.liftRefused, .deviceClock, .maintenance].contains(self) }

    /// The reason when the alert is raised; empty where the kind of the bad input is the reason.
    public var raised: String {
        switch self {
        case .brokerLost: "disconnected"
        case .diskFailing: "commit_failed"
        case .deviceClock: "stamps_stand_still"
        case .selfTestFailed: "failed"
        case .brokerQoSZero: "qos_0"
        case .clientIDTaken: "taken_over"
        case .maintenance: "announced"
        case .liftRefused: ""
        }
    }

    /// The reason when a person ends a maintenance window before its time.
    public static let workEnded = "ended"

    /// The reason when the alert is cleared without a person.
    public var cleared: String {
        switch self {
        case .brokerLost: "reconnected"
        case .diskFailing: "written"
        case .selfTestFailed: "passed"
        case .liftRefused: "read"
        case .deviceClock: "stamps_go_on"
        case .brokerQoSZero: "qos_1"
        case .clientIDTaken: "alone"
        case .maintenance: "over"
        }
    }
}
