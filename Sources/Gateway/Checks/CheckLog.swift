import LiftModel
import Logging

/// Says in the log what `hoistway status` says, when a check turns wrong and when it is right
/// again: who reads only the log must not find it green while a lift is not watched.
///
/// At most one line a minute for each check, and none for a state that does not last: the first
/// connections of a start take their time.
struct CheckLog {
    static let settling = Duration.seconds(5)
    static let pause = Duration.seconds(60)
    /// What finds these logs them itself, at once and with the same sentence.
    private static let loggedElsewhere = Set(
        [
            Check.Subject.broker, .subscriptions, .rules, .configuration, .routes, .signing,
            .selfTest,
        ].map(\.rawValue))

    private struct State {
        /// As the log has it; in the beginning all is well.
        var isWrong = false
        var loggedAt: MonotonicTime?
        /// Since when the check has differed from what the log has.
        var differsSince: MonotonicTime?
    }
    private var states: [String: State] = [:]

    /// The lines to log now.
    mutating func lines(_ checks: [StatusSnapshot.CheckRow], at now: MonotonicTime) -> [(
        level: Logger.Level, text: String
    )] {
        checks.compactMap { check in
            // What is not known now is neither wrong nor right again.
            if check.verdict == Check.Verdict.unknown.rawValue
                || Self.loggedElsewhere.contains(check.subject)
            {
                return nil
            }
            let isWrong = check.verdict == Check.Verdict.failed.rawValue
            var state = states[check.subject] ?? State()
            defer { states[check.subject] = state }
            guard isWrong != state.isWrong else {
                state.differsSince = nil
                return nil
            }
            let since = state.differsSince ?? now
            state.differsSince = since
            guard now - since >= Self.settling,
                state.loggedAt.map({ now - $0 >= Self.pause }) ?? true
            else { return nil }
            state = State(isWrong: isWrong, loggedAt: now)
            return isWrong
                ? (.warning, check.line)
                : (.notice, "\(check.title): all is well again (\(check.found))")
        }
    }
}

extension StatusSnapshot.CheckRow {
    /// The row as one line.
    var line: String {
        let sentences = finding.split(separator: "\n").map {
            $0 + ($0.last.map { ".?".contains($0) } == true ? "" : ".")
        }
        return "\(title): \(sentences.joined(separator: " "))" + (advice.map { " " + $0 } ?? "")
    }
}
