import Journal
import Logging

/// Reads the journal for reports: the status, the heartbeat, the statistics, the time of the last
/// self-test.
///
/// A failure stops nothing, and counts as no value. It is logged when it begins and when its reason
/// changes, not at each turn.
final class ReportReads {
    private let log: Logger
    /// The failures that last: why, by what is not known.
    private var failures: [String: String] = [:]

    init(log: Logger) { self.log = log }

    /// - Parameter subject: what is read, as the log names it.
    /// - Returns: nil where the journal cannot be read.
    /// - Throws: `JournalError` for damage only: it ends the run.
    func read<Value>(
        _ subject: String, _ read: () throws(JournalError) -> Value
    ) throws(JournalError) -> Value? {
        do throws(JournalError) {
            let value = try read()
            if failures.removeValue(forKey: subject) != nil {
                log.notice("the journal gives \(subject) again")
            }
            return value
        } catch {
            if error.isDamage { throw error }
            if failures.updateValue(error.description, forKey: subject) != error.description {
                log.error("\(error). Not known until it can be read: \(subject)")
            }
            return nil
        }
    }

    /// Why the last read of the subject failed; nil where it succeeded.
    func problem(of subject: String) -> String? { failures[subject] }
}
