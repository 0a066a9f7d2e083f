/// A message that says nothing usable. It is counted and kept, and it is no sign of life.
public enum UnreadableMessage: Error, CustomStringConvertible, Equatable {
    /// What it is instead of a JSON object: the kind under which it is counted, and a sentence.
    case notJSON(kind: String, explanation: String)
    case anotherLift(String)
    /// The lift names itself in this field, and this message does not.
    case nameless(field: String)
    case nothingKnown(field: String)
    /// Its content stands as text within a field.
    case wrapped(within: String)
    /// What the profile reads at the top stands one level down.
    case nested(field: String, within: String)

    /// The kind under which such messages are counted.
    public var kind: String {
        switch self {
        case .notJSON(let kind, _): kind
        case .anotherLift: "another_lift"
        case .nameless: "nameless"
        case .nothingKnown: "nothing_known"
        case .wrapped: "wrapped_in_string"
        case .nested: "nested"
        }
    }

    public var description: String {
        switch self {
        case .notJSON(_, let explanation): explanation
        case .anotherLift(let name): "speaks for another lift (\(name)) than its topic names"
        case .nameless(let field): "does not say whose word it is: expected `\(field)`, by which this lift names itself"
        case .nothingKnown(let field):
            "has none of the fields that the profile reads here: expected `\(field)`, for one"
        case .wrapped(let within):
            "has its content wrapped in a string, in the field `\(within)`: expected the object itself"
        case .nested(let field, let within):
            "has its fields within `\(within)`: expected `\(field)` at the top, or a profile that says `\(within).\(field)`"
        }
    }
}

/// A field that was not what the profile expects. Its signal is unknown; the rest of the message counts.
public struct UnreadableField: Error, CustomStringConvertible, Equatable {
    public var kind: Oddity.Kind
    public var field: String
    public var expected: String
    public var found: String
    public var description: String {
        kind == .unknownCode
            ? "field `\(field)`: the code \(found) is not named by the profile; it goes to the centre as vendor_code"
            : "field `\(field)`: expected \(expected), got \(found)"
    }
}

/// Something in a message that is not as its profile says, noted without a copy.
public struct Oddity: Sendable {
    public enum Kind: String, Sendable {
        /// Of another type than expected.
        case field
        /// A value that the field's map does not name.
        case unknownValue = "unknown_value"
        /// A code that neither the author's map names, nor the standard where the profile follows it.
        case unknownCode = "unknown_code"
    }
    /// What was read there.
    enum Reader: Sendable {
        case signal(Int, source: Int)
        case codes
        case active
        case time
    }
    public var kind: Kind
    var field: Int
    var reader: Reader
    /// Where the value stands: in the payload, or in the decoder's resolved text.
    var start: Int
    var end: Int
    var isResolved: Bool
    var isText: Bool
    /// Equal for the same value of the same field of the same topic; of another type than expected, for any value.
    public var key: UInt64
}
