import Encoding
import LiftModel

extension TopicMapping {
    /// The values that the profile expects, for an error message.
    func expectation(of reader: UnexpectedValue.Reader) -> String {
        switch reader {
        case .time: return "a time (\(time?.format.rawValue ?? ""))"
        case .codes:
            return
                "a code or a list of codes; for objects the profile must name the key of the code: `item: KEY`"
        case .active: return Self.expectation(codes?.active?.map ?? [], otherwise: "true or false")
        case .signal(let index, let source):
            let signal = signals[index].signal
            let isNumber =
                signal.type != .boolean || signals[index].sources[source].threshold != nil
            return Self.expectation(
                signals[index].sources[source].map,
                otherwise: isNumber ? "a number" : "true or false")
        }
    }

    private static func expectation(_ map: [(written: [UInt8], bits: UInt64?)], otherwise: String)
        -> String
    {
        if map.isEmpty { return otherwise }
        return "one of "
            + map.map { String(decoding: $0.written, as: UTF8.self) }.joined(separator: ", ")
    }

    /// Why a message has none of this topic's fields: they may be deeper in it, or within a string.
    func unreadable(_ bytes: Span<UInt8>) -> UnreadableMessage {
        let field = fields.name(contentFields[0])
        var scanner = JSONScanner(bytes, isTolerant: true)
        scanner.skipToObject()
        while let member = scanner.nextMember() {
            let name = scanner.unescaped(member.key)
            switch member.value.kind {
            case .string:
                let text = scanner.unescaped(member.value)
                if text.first(where: { !$0.isWhitespace }) == "{" { return .wrapped(within: name) }
            case .object:
                var tokens = [JSONToken](repeating: JSONToken(), count: fields.count)
                var inner = JSONScanner(
                    bytes.extracting(member.value.start..<member.value.end), isTolerant: true)
                // The scan cannot fail: the whole message was scanned before.
                guard (try? inner.scan(fields, into: &tokens)) != nil else { continue }
                if let known = contentFields.first(where: { tokens[$0].kind != .absent }) {
                    return .nested(field: fields.name(known), within: name)
                }
            default: break
            }
        }
        return .nothingKnown(field: field)
    }
}
