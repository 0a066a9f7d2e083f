extension StatusSnapshot {
    /// A `Check`, in which a version that reads it may not know the subject.
    package struct CheckRow: Codable, Sendable {
        package var subject: String
        package var verdict: String
        /// The finding; a sentence without its full stop.
        package var found: String
        /// The advice, where something is to be done; a whole sentence.
        package var advice: String?

        init(_ check: Check) {
            subject = check.subject.rawValue
            verdict = check.verdict.rawValue
            found = check.found
            advice = check.advice
        }

        /// The finding below the row's title, which names the broker already.
        package var finding: String {
            subject == Check.Subject.broker.rawValue ? withoutConnectionName(found) : found
        }

        /// The title of its subject.
        package var title: String { Check.Subject(rawValue: subject)?.title ?? subject }
    }

    package func checks(_ verdict: Check.Verdict) -> [CheckRow] {
        checks.filter { $0.verdict == verdict.rawValue }
    }
}
