import City

/// A wrong result, for a person who looks into it.
package struct Finding: Sendable, Codable {
    package enum Verdict: String, Sendable, Codable {
        case missed
        /// There was evidence, and it was not even suspected.
        case unsuspected
        case falseAlarm = "false"
        case doubled
        case clearedEarly = "cleared_early"
        case neverCleared = "never_cleared"
    }
    package var verdict: Verdict
    package var kind: String
    package var lift: String
    /// Seconds since 1970: the start of the fact, or the time of the alert.
    package var time: Double
    package var cause: String?
    /// The run in which it was found, where there are several.
    package var origin = ""

    /// nil where nothing is wrong.
    init?(_ score: KindScore, _ kind: String, _ lift: String, at time: Double, cause: String?) {
        if score.missed > 0 {
            verdict = .missed
        } else if score.suspicionMissed > 0 {
            verdict = .unsuspected
        } else if score.falseAlarms > 0 {
            verdict = .falseAlarm
        } else if score.doubled > 0 {
            verdict = .doubled
        } else if score.clearedEarly > 0 {
            verdict = .clearedEarly
        } else if score.neverCleared > 0 {
            verdict = .neverCleared
        } else {
            return nil
        }
        (self.kind, self.lift, self.time, self.cause) = (kind, lift, time, cause)
    }

    package var line: String {
        "\(verdict.rawValue)  \(kind)  lift \(lift)  at \(time.rounded(toDecimals: 3))\(cause.map { "  cause \($0)" } ?? "")\(origin.isEmpty ? "" : "  in \(origin)")"
    }
}
