/// Any JSON, for values without a type of their own: a centre's answer, a published schema, a
/// received message.
package enum JSONValue: Decodable, Equatable, Sendable {
    case nothing
    case flag(Bool)
    case number(Double)
    case text(String)
    case list([JSONValue])
    case object([String: JSONValue])
    /// Nested deeper than `deepest`: not decoded.
    case deep
    /// A number outside the range of Double, or a text with a broken escape.
    case unreadable

    /// Deeper than every form and schema here; a stranger's JSON must not fill the stack.
    package static let deepest = 32

    package init(from decoder: any Decoder) throws {
        guard decoder.codingPath.count < Self.deepest else {
            self = .deep
            return
        }
        let container = try decoder.singleValueContainer()
        if let text = container.value(String.self) {
            self = .text(text)
        } else if let members = container.value([String: JSONValue].self) {
            self = .object(members)
        } else if let items = container.value([JSONValue].self) {
            self = .list(items)
        } else if container.decodeNil() {
            self = .nothing
        } else if let flag = container.value(Bool.self) {
            self = .flag(flag)
        } else if let number = container.value(Double.self) {
            self = .number(number)
        } else {
            self = .unreadable
        }
    }

    package subscript(_ key: String) -> JSONValue? {
        if case .object(let members) = self { members[key] } else { nil }
    }
    package var text: String? { if case .text(let text) = self { text } else { nil } }
    package var number: Double? { if case .number(let number) = self { number } else { nil } }
    package var flag: Bool? { if case .flag(let flag) = self { flag } else { nil } }
    package var items: [JSONValue] { if case .list(let items) = self { items } else { [] } }
    package var members: [String: JSONValue] {
        if case .object(let members) = self { members } else { [:] }
    }

    /// Whether every part of it was decoded.
    package var isWhole: Bool {
        switch self {
        case .nothing, .flag, .number, .text: true
        case .list(let items): items.allSatisfy(\.isWhole)
        case .object(let members): members.values.allSatisfy(\.isWhole)
        case .deep, .unreadable: false
        }
    }
}

extension SingleValueDecodingContainer {
    /// - Returns: nil where the value has another type.
    fileprivate func value<Value: Decodable>(_ type: Value.Type) -> Value? {
        // A decoder cannot be asked which type a value has: one after the other is tried.
        try? decode(type)
    }
}
