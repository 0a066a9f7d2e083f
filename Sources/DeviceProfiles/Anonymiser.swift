import Encoding
import LiftModel

/// Removes from recorded messages what identifies the lifts: only fields that a profile reads stay,
/// each lift's name becomes a number, and texts that the profile does not name become `?`. Times,
/// numbers and the controller's raw code stay.
public struct Anonymiser {
    /// Why a message was left out.
    public enum Refusal: String, Error, CaseIterable {
        case noProfile = "of no profile's topic"
        case notJSON = "not JSON"
    }
    /// Longer raw codes may be sentences or names.
    private static let longestCode = 8
    /// Longer numbers may be registration codes or telephone numbers; milliseconds since 1970 have
    /// 13 digits.
    private static let longestNumber = 13
    private let topics: [TopicMapping]
    private var tokens: [JSONToken] = []
    private var names: [String: String] = [:]
    private var json = JSONWriter()

    public init(_ profiles: [Profile]) { topics = profiles.flatMap(\.topics) }

    /// The number of lifts so far.
    public var liftCount: Int { names.count }

    /// - Throws: for a message that cannot be read, and of which nothing may stay.
    public mutating func anonymise(
        topic: String, payload: Span<UInt8>
    ) throws(Refusal) -> (topic: [UInt8], payload: [UInt8]) {
        guard let mapping = topics.first(where: { $0.pattern.lift(in: topic) != nil }),
            let lift = mapping.pattern.lift(in: topic)
        else { throw .noProfile }
        tokens = [JSONToken](repeating: JSONToken(), count: mapping.fields.count)
        var scanner = JSONScanner(payload, isTolerant: true)
        do throws(JSONError) { try scanner.scan(mapping.fields, into: &tokens) } catch {
            throw .notJSON
        }
        json.reset()
        var written: [(path: [Substring], value: [UInt8])] = []
        for field in tokens.indices where tokens[field].kind != .absent {
            let path = mapping.fields.name(field).split(separator: ".")
            written.append((path, value(field, mapping, payload)))
        }
        Self.write(written[...], depth: 0, &json)
        return (Array(mapping.pattern.topic(lift: name(lift)).utf8), json.bytes)
    }

    private mutating func name(_ lift: String) -> String {
        if let known = names[lift] { return known }
        let number = String(names.count + 1)
        let fresh = "lift-" + String(repeating: "0", count: max(0, 5 - number.count)) + number
        names[lift] = fresh
        return fresh
    }

    /// A field's value as JSON.
    private mutating func value(_ field: Int, _ mapping: TopicMapping, _ bytes: Span<UInt8>)
        -> [UInt8]
    {
        let token = tokens[field]
        func raw(_ token: JSONToken) -> [UInt8] {
            let text = bytes.extracting(token.start..<token.end).array
            return token.kind == .string ? [UInt8(ascii: "\"")] + text + [UInt8(ascii: "\"")] : text
        }
        let unreadable = Array("\"?\"".utf8)
        if field == mapping.identity, token.kind == .string || token.kind == .number {
            return Array("\"\(name(JSONScanner(bytes).unescaped(token)))\"".utf8)
        }
        switch token.kind {
        case .absent, .null: return Array("null".utf8)
        case .true: return Array("true".utf8)
        case .false: return Array("false".utf8)
        case .number: return token.end - token.start <= Self.longestNumber ? raw(token) : unreadable
        case .object, .blemished: return unreadable
        case .string:
            let isCode = field == mapping.vendorCode && Self.isCode(bytes, token)
            let isTime = field == mapping.time?.field && Self.isTime(bytes, token)
            return isCode || isTime || isKnown(token, field, mapping, bytes)
                ? raw(token) : unreadable
        case .array:
            // No profile reads objects within a list.
            guard
                !(token.start + 1..<token.end - 1).contains(where: { "{[".utf8.contains(bytes[$0]) }
                )
            else {
                return unreadable
            }
            var items: [[UInt8]] = []
            var scanner = JSONScanner(bytes, isTolerant: true)
            scanner.position = token.start
            while let item = scanner.nextItem() {
                let isShort = item.kind == .number && item.end - item.start <= Self.longestCode
                items.append(
                    isShort || isKnown(item, field, mapping, bytes) ? raw(item) : unreadable)
            }
            return [UInt8(ascii: "[")] + items.joined(separator: [UInt8(ascii: ",")]) + [
                UInt8(ascii: "]")
            ]
        }
    }

    /// Whether the profile names the value: then it identifies nobody.
    private func isKnown(
        _ token: JSONToken, _ field: Int, _ mapping: TopicMapping, _ bytes: Span<UInt8>
    ) -> Bool {
        var text: [UInt8] = []
        JSONScanner(bytes).unescape(token, into: &text)
        func hasEntry(_ range: Range<Int>) -> Bool {
            mapping.plan.entry(token.kind, text.span, 0, text.count, among: range) != nil
        }
        if field == mapping.codes?.field {
            return hasEntry(mapping.plan.codes) || hasEntry(mapping.plan.standardCodes)
        }
        if field == mapping.codes?.active?.field {
            return mapping.plan.active.isEmpty
                ? WrittenValue(token.kind, text.span, 0, text.count).flag != nil
                : hasEntry(mapping.plan.active)
        }
        // A number or a flag in quotes.
        let isPlain =
            text.count <= Self.longestNumber
            && WrittenValue(token.kind, text.span, 0, text.count) != .text
        return mapping.plan.sources.contains { source in
            source.field == field && (hasEntry(source.entries) || source.entries.isEmpty && isPlain)
        }
    }

    /// RFC 3339, with or without its offset.
    private static func isTime(_ bytes: Span<UInt8>, _ token: JSONToken) -> Bool {
        DecimalText.iso8601(bytes, token.start, token.end, offset: 0) != nil
    }

    /// At most eight letters, digits, dots, hyphens or underscores.
    private static func isCode(_ bytes: Span<UInt8>, _ token: JSONToken) -> Bool {
        token.end - token.start <= longestCode
            && (token.start..<token.end).allSatisfy {
                switch bytes[$0] {
                case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "a")...UInt8(ascii: "z"):
                    true
                case let byte: "._-".utf8.contains(byte)
                }
            }
    }

    /// Writes the fields as nested objects, as their paths require.
    private static func write(
        _ fields: ArraySlice<(path: [Substring], value: [UInt8])>, depth: Int,
        _ json: inout JSONWriter
    ) {
        json.object(depth == 0 ? nil : fields.first.map { String($0.path[depth - 1]) }) { json in
            var done: [Substring] = []
            for field in fields where !done.contains(field.path[depth]) {
                let key = field.path[depth]
                done.append(key)
                if field.path.count == depth + 1 {
                    json.put(String(key), raw: field.value[...])
                } else {
                    let inner = fields.filter { $0.path.count > depth + 1 && $0.path[depth] == key }
                    write(inner[...], depth: depth + 1, &json)
                }
            }
        }
    }
}
