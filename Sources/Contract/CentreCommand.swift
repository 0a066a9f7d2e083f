import Encoding
import LiftModel

/// An operator action of a person at a centre on an alert (EN 81-28; entrapment.md "After it").
public struct CentreCommand: Sendable, Equatable {
    /// The member `word` of the command.
    public enum Kind: String, Sendable, CaseIterable {
        /// A person has taken the alert on.
        case accepted
        /// A person knows that people are in the car.
        case verified
        case dispatched
        case arrived
        /// The people are out.
        case released
        /// The alert is dealt with, and no person is trapped.
        case endOfAlarm = "end_of_alarm"
        /// A person has found nothing.
        case judgedFalse = "judged_false"
    }

    /// The longest texts of a command, in characters. docs/contract/answer.schema.json has the same
    /// limits, which a test ensures.
    public enum Limit {
        public static let by = 200
        public static let alertID = 100
        public static let commandID = 100
        public static let reason = 1000
        public static let condition = 1000
        public static let people = 1000
    }

    public var kind: Kind
    public var alertID: String
    /// The person's name.
    public var by: String
    /// How many people are, or were, in the car.
    public var people: Int?
    /// The people's condition, and how it is known: of `verified`.
    public var condition: String?
    public var knownBy: Statement.KnownBy?
    public var reason: String?
    /// The id that the centre has given the command (`word_id`): the answer repeats it.
    public var commandID: String?
    /// Of a signed command: the site that it is for, and when it was signed (RFC 3339).
    public var site: String?
    public var time: String?

    /// - Throws: `CentreAnswer.Problem` for the first mistake: what was found, and what is
    ///   expected.
    init(_ value: JSONValue) throws(CentreAnswer.Problem) {
        guard case .object(let members) = value else {
            throw CentreAnswer.Problem(
                "found \(value.summary), expected a command: {\"word\": …, \"alert_id\": …, \"by\": …}"
            )
        }
        let reader = CommandReader(members)
        kind = try reader.required("word", "one of \(Self.list(Kind.allCases))") {
            Kind(rawValue: $0)
        }
        alertID = try reader.requiredLine("alert_id", "the id of an alert", upTo: Limit.alertID)
        by = try reader.requiredLine("by", "the person's name", upTo: Limit.by)
        people = try reader.people(upTo: Limit.people)
        let ways = "voice, camera or on_site"
        knownBy = try reader.optional("known_by", ways) { Statement.KnownBy(rawValue: $0) }
        condition = try reader.line(
            "condition", "how the people in the car are", upTo: Limit.condition)
        let meaning = kind == .judgedFalse ? "what was found instead" : "a remark"
        reason = try reader.line("reason", meaning, upTo: Limit.reason)
        commandID = try reader.line(
            "word_id", "your own id for this command", upTo: Limit.commandID)
        site = try reader.optional("site", "the id of a site") { $0 }
        time = try reader.optional("time", "when this was signed") { $0 }
        if kind == .verified {
            if knownBy == nil {
                throw CommandReader.missing("known_by", "\(ways); 'verified' needs it")
            }
            if people == 0 {
                throw CentreAnswer.Problem(
                    "\"people\": found 0, expected 1 or more; if no person is in the car, send 'judged_false'"
                )
            }
        }
        if kind == .judgedFalse, reason == nil { throw CommandReader.missing("reason", meaning) }
    }

    private static func list(_ kinds: [Kind]) -> String {
        kinds.map(\.rawValue).joined(separator: ", ")
    }
}

/// Reads the members of a command; each error names what was expected.
private struct CommandReader {
    private let members: [String: JSONValue]

    init(_ members: [String: JSONValue]) { self.members = members }

    static func missing(_ key: String, _ expected: String) -> CentreAnswer.Problem {
        CentreAnswer.Problem("\"\(key)\" is missing: expected \(expected)")
    }

    private func value(_ key: String) -> JSONValue? {
        // null counts as missing.
        members[key].flatMap { $0 == .nothing ? nil : $0 }
    }

    /// A text, and the value that it means.
    func optional<Value>(
        _ key: String, _ expected: String, _ meaning: (String) -> Value?
    ) throws(CentreAnswer.Problem) -> Value? {
        guard let value = value(key) else { return nil }
        guard let found = value.text.flatMap(meaning) else {
            throw CentreAnswer.Problem("\"\(key)\": found \(value.summary), expected \(expected)")
        }
        return found
    }

    func required<Value>(
        _ key: String, _ expected: String, _ meaning: (String) -> Value?
    ) throws(CentreAnswer.Problem) -> Value {
        guard let found = try optional(key, expected, meaning) else {
            throw Self.missing(key, expected)
        }
        return found
    }

    func line(_ key: String, _ expected: String, upTo most: Int) throws(CentreAnswer.Problem)
        -> String?
    {
        let text = try optional(key, "\(expected): one line of at most \(most) characters") { $0 }
        if let text, let mistake = LineOfText.mistake(in: text, expected: expected, upTo: most) {
            throw CentreAnswer.Problem("\"\(key)\": \(mistake)")
        }
        return text
    }

    func requiredLine(_ key: String, _ expected: String, upTo most: Int) throws(CentreAnswer
        .Problem) -> String
    {
        guard let text = try line(key, expected, upTo: most) else {
            throw Self.missing(key, expected)
        }
        return text
    }

    func people(upTo most: Int) throws(CentreAnswer.Problem) -> Int? {
        guard let value = value("people") else { return nil }
        guard case .number(let number) = value, let count = Int(exactly: number), 0...most ~= count
        else {
            throw CentreAnswer.Problem(
                "\"people\": found \(value.summary), expected a whole number from 0 to \(most)")
        }
        return count
    }
}
