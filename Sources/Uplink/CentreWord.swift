import Elevator
import FoundationEssentials

/// What a person at the centre says about an alert (EN 81-28; entrapment.md "After it").
public struct CentreWord: Sendable, Equatable, Decodable {
    public enum Word: String, Sendable, CaseIterable, Decodable {
        /// A person has taken it on.
        case accepted
        /// A person knows that people are in the car.
        case verified
        case dispatched
        case arrived
        /// The people are out.
        case released
        /// Dealt with, and nobody is trapped.
        case endOfAlarm = "end_of_alarm"
        /// Nothing was there.
        case judgedFalse = "judged_false"
    }

    public var word: Word
    public var alertID: String
    public var by: String
    /// How many people are, or were, in the car.
    public var people: Int?
    /// How they are, and how that is known: of `verified`.
    public var condition: String?
    public var knownBy: Statement.KnownBy?
    public var reason: String?
    /// The centre's own name for this word: the answer repeats it.
    public var wordID: String?

    enum CodingKeys: String, CodingKey {
        case word, by, people, condition, reason
        case alertID = "alert_id"
        case knownBy = "known_by"
        case wordID = "word_id"
    }

    /// What is wrong with it, nil for a word that can be followed.
    var mistake: String? {
        func isText(_ text: String, upTo most: Int) -> Bool {
            !text.isEmpty && text.count <= most
                && text.unicodeScalars.allSatisfy { $0.value >= 32 && !(127...159 ~= $0.value) }
        }
        if !isText(alertID, upTo: 100) { return "\"alert_id\": expected the id of an alert" }
        if !isText(by, upTo: 200) { return "\"by\": expected who says so" }
        if let people, !(0...1000 ~= people) { return "\"people\": expected 0 to 1000" }
        if word == .verified {
            if knownBy == nil { return "\"known_by\": expected voice, camera or on_site" }
            if people == 0 { return "\"people\": expected 1 or more; 'judged_false' says that nobody is there" }
        }
        if let condition, !isText(condition, upTo: 1000) { return "\"condition\": expected a line of text" }
        if let reason, !isText(reason, upTo: 1000) { return "\"reason\": expected a line of text" }
        if word == .judgedFalse, reason == nil { return "\"reason\": expected what was found instead" }
        if let wordID, !isText(wordID, upTo: 100) { return "\"word_id\": expected a short line of text" }
        return nil
    }
}
