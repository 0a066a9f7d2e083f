import FoundationEssentials

/// A JSON value of any type in a centre's answer. So an error message names the mistake in the
/// contract's terms, and not in the decoder's.
enum AnswerValue: Decodable, Equatable {
    case nothing
    case flag(Bool)
    case number(Double)
    case text(String)
    case list([AnswerValue])
    case object([String: AnswerValue])
    /// Nested deeper than any answer: not decoded.
    case deep
    /// A number outside the range of Double, or a text with a broken escape.
    case unreadable

    /// {"words": [{…}]} needs 3.
    private static let deepest = 6

    init?(_ json: [UInt8]) {
        do { self = try JSONDecoder().decode(AnswerValue.self, from: Data(json)) } catch { return nil }
    }

    init(from decoder: any Decoder) throws {
        guard decoder.codingPath.count < Self.deepest else {
            self = .deep
            return
        }
        let container = try decoder.singleValueContainer()
        // A decoder cannot ask for the type: one after the other is tried.
        if let text = try? container.decode(String.self) {
            self = .text(text)
        } else if let members = try? container.decode([String: AnswerValue].self) {
            self = .object(members)
        } else if let items = try? container.decode([AnswerValue].self) {
            self = .list(items)
        } else if container.decodeNil() {
            self = .nothing
        } else if let flag = try? container.decode(Bool.self) {
            self = .flag(flag)
        } else if let number = try? container.decode(Double.self) {
            self = .number(number)
        } else {
            self = .unreadable
        }
    }

    /// The value in an error message.
    var summary: String {
        switch self {
        case .nothing: "null"
        case .flag(let flag): flag ? "true" : "false"
        case .number(let number): "the number \(Int(exactly: number).map(String.init) ?? String(number))"
        case .text(let text): "\"\(printable(text, upTo: 60))\""
        case .list: "a list"
        case .object: "an object"
        case .deep: "something nested deeply"
        case .unreadable: "a number that is too large, or a text with a broken escape"
        }
    }

    var text: String? { if case .text(let text) = self { text } else { nil } }
}
