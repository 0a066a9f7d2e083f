/// What a message may have in it and still count: the field that is touched is unknown, the rest is read, and each is counted by name.
///
/// These five and no others; each has been met on real adapters. Whatever else is not JSON (RFC 8259) is refused (`JSONFlaw`).
package struct JSONBlemishes: OptionSet, Sendable {
    package var rawValue: UInt8
    package init(rawValue: UInt8) { self.rawValue = rawValue }

    /// NUL bytes after the end: a C buffer sent with its terminator.
    package static let trailingNUL = JSONBlemishes(rawValue: 1 << 0)
    /// A UTF-8 byte order mark before the beginning.
    package static let byteOrderMark = JSONBlemishes(rawValue: 1 << 1)
    /// `NaN`, `Infinity` or `-Infinity` for a value: a failed sensor in Python, JavaScript or C.
    package static let notANumber = JSONBlemishes(rawValue: 1 << 2)
    /// Bytes within a string that are no UTF-8: a remark in GBK.
    package static let notUTF8 = JSONBlemishes(rawValue: 1 << 3)
    /// A tab, a line's end or another control character within a string, not escaped.
    package static let controlCharacter = JSONBlemishes(rawValue: 1 << 4)

    /// Each with the name under which it is counted, and what it is.
    package static let all: [(blemish: JSONBlemishes, name: String, explanation: String)] = [
        (.trailingNUL, "trailing_nul", "a NUL byte after its end"),
        (.byteOrderMark, "byte_order_mark", "a byte order mark before its beginning"),
        (.notANumber, "not_a_number", "NaN or Infinity for a value; that value is unknown"),
        (.notUTF8, "not_utf8", "a string that is not UTF-8 (is it GBK?); that value is unknown"),
        (.controlCharacter, "control_character", "a control character within a string; that value is unknown"),
    ]
}

extension JSONScanner {
    mutating func skipByteOrderMark() {
        guard isTolerant, bytes.count >= 3, bytes[0] == 0xEF, bytes[1] == 0xBB, bytes[2] == 0xBF else { return }
        position = 3
        blemishes.insert(.byteOrderMark)
    }

    /// NULs up to the end; a message that goes on behind one is none of ours.
    mutating func skipTrailingNULs() {
        guard isTolerant, position < bytes.count else { return }
        for i in position..<bytes.count where bytes[i] != 0 { return }
        position = bytes.count
        blemishes.insert(.trailingNUL)
    }

    /// `NaN`, `Infinity` or, the minus being taken, `-Infinity`.
    mutating func notANumber(from start: Int) throws(JSONError) -> JSONToken {
        let word: StaticString = peek == UInt8(ascii: "N") ? "NaN" : "Infinity"
        guard position + word.utf8CodeUnitCount <= bytes.count else { throw fail("a value") }
        for i in 0..<word.utf8CodeUnitCount where bytes[position + i] != word.utf8Start[i] { throw fail("a value") }
        position += word.utf8CodeUnitCount
        blemishes.insert(.notANumber)
        return JSONToken(kind: .spoiled, start: start, end: position)
    }
}

extension JSONScanner {
    /// The next item of an array, or nil at its end. The array was scanned before, and `position` stands on its bracket or behind an item.
    package mutating func nextItem() -> JSONToken? {
        if peek == UInt8(ascii: "]") { return nil }
        position += 1
        skipSpace()
        if peek == nil || peek == UInt8(ascii: "]") { return nil }
        return nextValue()
    }

    /// Stands on the bracket of a message's object, for its members.
    package mutating func skipToObject() {
        skipByteOrderMark()
        skipSpace()
    }

    /// The next member of an object, likewise.
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
        } catch { return nil }  // what was scanned before is sound
    }

    private mutating func nextValue() -> JSONToken? {
        do throws(JSONError) {
            let value = try plain(depth: 1)
            skipSpace()
            return value
        } catch { return nil }  // what was scanned before is sound
    }
}
