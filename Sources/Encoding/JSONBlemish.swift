/// Defects of JSON that do not cost a message: the field concerned is unknown, the rest is read,
/// and each defect is counted by its name.
///
/// There are these five, each seen on real adapters. All other text that is not JSON (RFC 8259) is
/// refused (`JSONFlaw`).
package struct JSONBlemishes: OptionSet, Sendable {
    package var rawValue: UInt8
    package init(rawValue: UInt8) { self.rawValue = rawValue }

    /// NUL bytes after the end: an adapter sent a C buffer with its terminator.
    package static let trailingNUL = JSONBlemishes(rawValue: 1 << 0)
    /// A UTF-8 byte order mark before the beginning.
    package static let byteOrderMark = JSONBlemishes(rawValue: 1 << 1)
    /// `NaN`, `Infinity` or `-Infinity` for a value: a failed sensor in Python, JavaScript or C.
    package static let notANumber = JSONBlemishes(rawValue: 1 << 2)
    /// Bytes within a string that are no UTF-8: a remark in GBK.
    package static let notUTF8 = JSONBlemishes(rawValue: 1 << 3)
    /// A tab, a line feed or another control character within a string, not escaped.
    package static let controlCharacter = JSONBlemishes(rawValue: 1 << 4)

    /// Each with the name under which it is counted, and an explanation.
    package static let all: [(blemish: JSONBlemishes, name: String, explanation: String)] = [
        (.trailingNUL, "trailing_nul", "a NUL byte after its end"),
        (.byteOrderMark, "byte_order_mark", "a byte order mark before its beginning"),
        (.notANumber, "not_a_number", "NaN or Infinity for a value; that value is unknown"),
        (.notUTF8, "not_utf8", "a string that is not UTF-8 (is it GBK?); that value is unknown"),
        (
            .controlCharacter, "control_character",
            "a control character within a string; that value is unknown"
        ),
    ]
}

extension JSONScanner {
    mutating func skipByteOrderMark() {
        guard isTolerant, bytes.count >= 3, bytes[0] == 0xEF, bytes[1] == 0xBB, bytes[2] == 0xBF
        else { return }
        position = 3
        blemishes.insert(.byteOrderMark)
    }

    /// Takes NULs only where nothing else follows them.
    mutating func skipTrailingNULs() {
        guard isTolerant, position < bytes.count else { return }
        for i in position..<bytes.count where bytes[i] != 0 { return }
        position = bytes.count
        blemishes.insert(.trailingNUL)
    }

    /// Takes `NaN`, `Infinity`, or `-Infinity` whose minus was taken before.
    mutating func notANumber(from start: Int) throws(JSONError) -> JSONToken {
        let literal: StaticString = peek == UInt8(ascii: "N") ? "NaN" : "Infinity"
        guard position + literal.utf8CodeUnitCount <= bytes.count else { throw fail("a value") }
        for i in 0..<literal.utf8CodeUnitCount where bytes[position + i] != literal.utf8Start[i] {
            throw fail("a value")
        }
        position += literal.utf8CodeUnitCount
        blemishes.insert(.notANumber)
        return JSONToken(kind: .blemished, start: start, end: position)
    }
}

extension JSONScanner {
    /// The next item of an array, or nil at its end. The array must have been scanned before, and
    /// `position` must be that of its bracket or follow an item.
    package mutating func nextItem() -> JSONToken? {
        if peek == UInt8(ascii: "]") { return nil }
        position += 1
        skipSpace()
        if peek == nil || peek == UInt8(ascii: "]") { return nil }
        return nextValue()
    }

    /// Moves to the bracket of a message's object, so that `nextMember` can follow.
    package mutating func skipToObject() {
        skipByteOrderMark()
        skipSpace()
    }

    /// The next member of an object, or nil at its end, as in `nextItem`.
    package mutating func nextMember() -> JSONMember? {
        if peek == UInt8(ascii: "}") { return nil }
        position += 1
        skipSpace()
        guard peek == UInt8(ascii: "\"") else { return nil }
        do throws(JSONError) {
            let key = try string()
            skipSpace()
            position += 1
            skipSpace()
            return nextValue().map { JSONMember(key: key, value: $0) }
        } catch { return nil }  // cannot happen: the object or array was scanned before
    }

    private mutating func nextValue() -> JSONToken? {
        do throws(JSONError) {
            let value = try plain(depth: 1)
            skipSpace()
            return value
        } catch { return nil }  // cannot happen: the object or array was scanned before
    }
}
