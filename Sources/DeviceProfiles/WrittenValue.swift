import Encoding

/// A value regardless of its spelling: `1`, `1.0` and `"1"` are one number, `true` and `"true"` one
/// Boolean.
///
/// For a map or a Boolean, 1 and true are one value, and so are 0 and false, unless the map lists
/// them separately.
enum WrittenValue: Equatable, Sendable {
    case text
    case number(Double)
    case boolean(Bool)

    /// Longer numbers count as text: two of them may be equal as floating point.
    private static let mostDigits = 15

    /// The value of a JSON token; escapes of a text must be resolved.
    init(_ kind: JSONToken.Kind, _ bytes: Span<UInt8>, _ start: Int, _ end: Int) {
        switch kind {
        case .true: self = .boolean(true)
        case .false: self = .boolean(false)
        case .number, .string:
            if Self.isNumber(bytes, start, end), end - start <= Self.mostDigits,
                let number = DecimalText.double(bytes, start, end)
            {
                self = .number(number)
            } else if kind == .string, Self.isText(bytes, start, end, "true") {
                self = .boolean(true)
            } else if kind == .string, Self.isText(bytes, start, end, "false") {
                self = .boolean(false)
            } else {
                self = .text
            }
        default: self = .text
        }
    }

    /// The value of a key of a map.
    init(key: [UInt8]) { self.init(.string, key.span, 0, key.count) }

    /// The value as a flag: true for true and 1, false for false and 0.
    var flag: Bool? {
        switch self {
        case .boolean(let flag): flag
        case .number(1): true
        case .number(0): false
        default: nil
        }
    }

    /// The other spelling of a flag.
    var twin: WrittenValue? {
        switch self {
        case .boolean(let flag): .number(flag ? 1 : 0)
        case .number(1): .boolean(true)
        case .number(0): .boolean(false)
        default: nil
        }
    }

    /// Whether the text is a number as in JSON. A text with a leading zero ("01") is none.
    static func isNumber(_ bytes: Span<UInt8>, _ start: Int, _ end: Int) -> Bool {
        var i = start
        func digits() -> Int {
            let first = i
            while i < end, bytes[i] &- 48 < 10 { i += 1 }
            return i - first
        }
        if i < end, bytes[i] == UInt8(ascii: "-") { i += 1 }
        let first = i
        let whole = digits()
        if whole == 0 || whole > 1 && bytes[first] == 48 { return false }
        if i < end, bytes[i] == UInt8(ascii: ".") {
            i += 1
            if digits() == 0 { return false }
        }
        if i < end, bytes[i] | 0x20 == UInt8(ascii: "e") {
            i += 1
            if i < end, bytes[i] == UInt8(ascii: "+") || bytes[i] == UInt8(ascii: "-") { i += 1 }
            if digits() == 0 { return false }
        }
        return i == end
    }

    /// Whether the bytes are `text`, in capitals or not: Python writes "True".
    private static func isText(_ bytes: Span<UInt8>, _ start: Int, _ end: Int, _ text: StaticString)
        -> Bool
    {
        guard end - start == text.utf8CodeUnitCount else { return false }
        for i in start..<end where bytes[i] | 0x20 != text.utf8Start[i - start] { return false }
        return true
    }
}
