import Encoding
import FoundationEssentials

/// A value in a centre's answer. So an error message names the mistake in the contract's terms, and
/// not in the decoder's.
extension JSONValue {
    /// - Returns: nil for bytes that are not JSON.
    package init?(answer bytes: [UInt8]) {
        do { self = try JSONDecoder().decode(JSONValue.self, from: Data(bytes)) } catch {
            return nil
        }
    }

    /// The value in an error message.
    var summary: String {
        switch self {
        case .nothing: "null"
        case .flag(let flag): flag ? "true" : "false"
        case .number(let number):
            "the number \(Int(exactly: number).map(String.init) ?? String(number))"
        case .text(let text): "\"\(printable(text, upTo: 60))\""
        case .list: "a list"
        case .object: "an object"
        case .deep: "something nested deeply"
        case .unreadable: "a number that is too large, or a text with a broken escape"
        }
    }
}
