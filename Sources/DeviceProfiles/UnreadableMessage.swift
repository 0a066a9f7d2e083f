/// A refused message: nothing of it is used. It is counted and stored, and is no sign of life.
public enum UnreadableMessage: Error, CustomStringConvertible, Equatable {
    /// Not a JSON object: the kind under which it is counted, and an explanation.
    case notJSON(kind: String, explanation: String)
    case anotherLift(String)
    /// The lift names itself in this field, and the message does not have it.
    case nameless(field: String)
    case nothingKnown(field: String)
    /// The content is a text within a field.
    case wrapped(within: String)
    /// The profile's fields are one level deeper than the profile says.
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
        case .anotherLift(let name): "names another lift (\(name)) than its topic"
        case .nameless(let field):
            "does not name its lift: expected `\(field)`, in which this lift names itself"
        case .nothingKnown(let field):
            "has none of the fields that the profile reads here: expected for example `\(field)`"
        case .wrapped(let within):
            "has its content wrapped in a string, in the field `\(within)`: expected the object itself"
        case .nested(let field, let within):
            "has its fields within `\(within)`: expected `\(field)` at the top, or a profile that reads `\(within).\(field)`"
        }
    }
}

/// An unexpected value of a field, in words. The signal is unknown; the rest of the message is
/// used.
public struct UnreadableField: Error, CustomStringConvertible, Equatable {
    public var kind: UnexpectedValue.Kind
    public var field: String
    public var expected: String
    public var found: String
    public var description: String {
        kind == .unknownCode
            ? "field `\(field)`: the profile does not name the code \(found); the centre gets it as vendor_code"
            : "field `\(field)`: expected \(expected), got \(found)"
    }
}

/// A value in a message that its profile does not name or expect, noted without a copy.
public struct UnexpectedValue: Sendable {
    public enum Kind: String, Sendable {
        /// A value of another type than expected.
        case field
        /// A value that the field's map does not name.
        case unknownValue = "unknown_value"
        /// A code that neither the profile's map names, nor the standard where the profile follows
        /// it.
        case unknownCode = "unknown_code"
    }
    /// The part of the profile that reads the field.
    enum Reader: Sendable {
        case signal(Int, source: Int)
        case codes
        case active
        case time
    }
    public var kind: Kind
    var field: Int
    var reader: Reader
    /// Where the value is: in the payload, or in the decoder's resolved text.
    var start: Int
    var end: Int
    var isResolved: Bool
    var isText: Bool
    /// Equal for the same value of the same field of the same topic. For the kind `field`, equal
    /// for all values of the field.
    public var key: UInt64
}
