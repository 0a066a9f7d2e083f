import LiftModel
import RuleLanguage
import RuleTools

/// The contract's page of kinds: the alerts of the rules, and what a receiver does with each state
/// and each severity.
enum KindsPage {
    static func markdown(_ rules: RuleSet) -> String {
        let states = AlertState.allCases.map { state in
            "| `\(state.rawValue)` | \(state.isOpen ? "yes" : "no") | \(state.meaning) | \(state.demand) |"
        }
        let severities = Severity.allCases.reversed().map { "| `\($0.rawValue)` | \($0.meaning) |" }
        let page =
            [
                "", "## States", "",
                "Open alerts stand in the site's `open_alerts`.", "",
                "| state | open | what it says | what it asks for |", "|---|---|---|---|",
            ] + states
            + ["", "## Severities", "", "| severity | what it says |", "|---|---|"] + severities
        return KindTable(rules).markdown() + page.joined(separator: "\n") + "\n"
    }
}

extension AlertState {
    fileprivate var meaning: String {
        switch self {
        case .suspected: "people may be trapped: there is one sign of it"
        case .confirmed:
            "people are trapped: two independent signs, a press of the button, a person's statement, or time where time is evidence"
        case .raised: "a kind without stages has happened"
        case .cleared: "it is over; `reason` says how"
        case .presumedReleased: "as far as is known, the way out was open"
        case .suppressed: "the condition held, and what `reason` names explains it"
        }
    }

    fileprivate var demand: String {
        switch self {
        case .suspected: "a look: call the car or the building, or use the camera"
        case .confirmed: "send people"
        case .raised: "what its severity asks for"
        case .cleared: "nothing; `end_of_alarm` where a person has accepted it"
        case .presumedReleased: "a person makes sure and closes it (`end_of_alarm`)"
        case .suppressed: "nothing; it is for the records"
        }
    }
}

extension Severity {
    fileprivate var meaning: String {
        switch self {
        case .emergency: "the fire service is needed as well"
        case .critical: "people are in danger or locked in: act at once"
        case .major: "the lift does not serve, or is not watched: act today"
        case .minor: "something wears or fails: at the next visit"
        case .info: "for the records"
        }
    }
}
