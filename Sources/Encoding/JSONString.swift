/// Strings of a message: scanned and compared without a copy.
extension JSONScanner {
    @inline(__always)
    mutating func string() throws(JSONError) -> JSONToken {
        guard take(UInt8(ascii: "\"")) else { throw fail("a string '\"'") }
        let start = position
        skipPlainText()
        // Most strings end where their plain text does.
        if take(UInt8(ascii: "\"")) {
            return JSONToken(kind: .string, start: start, end: position - 1)
        }
        return try rest(ofStringFrom: start)
    }

    /// Skips printable ASCII other than quote and backslash, eight bytes at a time.
    @inline(__always)
    private mutating func skipPlainText() {
        let raw = bytes.bytes
        let ones: UInt64 = 0x0101_0101_0101_0101
        let tops: UInt64 = 0x8080_8080_8080_8080
        while position + 8 <= bytes.count {
            // A number may be read from any bytes; the span checks its bounds.
            let word = UInt64(
                littleEndian: raw.unsafeLoadUnaligned(fromByteOffset: position, as: UInt64.self))
            let quote = word ^ (ones &* 0x22)
            let backslash = word ^ (ones &* 0x5C)
            // The top bit of each byte that is a quote, a backslash, below 0x20, or not ASCII. A
            // byte after such a byte may be marked wrongly; only the first mark is used.
            let special =
                ((quote &- ones) & ~quote | (backslash &- ones) & ~backslash
                    | (word &- ones &* 0x20) & ~word | word)
                & tops
            if special != 0 {
                position += special.trailingZeroBitCount >> 3
                return
            }
            position += 8
        }
        while position < bytes.count {
            let byte = bytes[position]
            guard byte >= 0x20, byte < 0x80, byte != UInt8(ascii: "\""), byte != UInt8(ascii: "\\")
            else { return }
            position += 1
        }
    }

    private mutating func rest(ofStringFrom start: Int) throws(JSONError) -> JSONToken {
        var hasEscapes = false
        var isBlemished = false
        while position < bytes.count {
            let byte = bytes[position]
            if byte == UInt8(ascii: "\"") {
                position += 1
                return JSONToken(
                    kind: isBlemished ? .blemished : .string, start: start, end: position - 1,
                    hasEscapes: hasEscapes)
            }
            if byte < 0x20 {
                guard isTolerant else { throw fail("no control character in a string") }
                blemishes.insert(.controlCharacter)
                isBlemished = true
                position += 1
            } else if byte == UInt8(ascii: "\\") {
                hasEscapes = true
                try escape()
            } else if let length = lengthOfCharacter(byte) {
                position += length
            } else {
                guard isTolerant else { throw fail("UTF-8") }
                // A quote or a backslash after it is read as such, whatever it is in the text's own
                // encoding.
                blemishes.insert(.notUTF8)
                isBlemished = true
                position += 1
            }
            skipPlainText()
        }
        throw fail("the string's end '\"'")
    }

    private mutating func escape() throws(JSONError) {
        position += 1
        switch peek {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"), UInt8(ascii: "b"),
            UInt8(ascii: "f"),
            UInt8(ascii: "n"), UInt8(ascii: "r"), UInt8(ascii: "t"):
            position += 1
        case UInt8(ascii: "u"):
            let first = try hexadecimal()
            if 0xDC00...0xDFFF ~= first { throw fail("a leading surrogate") }
            if 0xD800...0xDBFF ~= first {
                guard take(UInt8(ascii: "\\")), peek == UInt8(ascii: "u"),
                    0xDC00...0xDFFF ~= (try hexadecimal())
                else {
                    throw fail("a trailing surrogate")
                }
            }
        default: throw fail("an escape of JSON")
        }
    }

    private mutating func hexadecimal() throws(JSONError) -> UInt32 {
        position += 1
        var value: UInt32 = 0
        for _ in 0..<4 {
            guard let byte = peek, let digit = Character(UnicodeScalar(byte)).hexDigitValue else {
                throw fail("four hexadecimal digits")
            }
            value = value << 4 | UInt32(digit)
            position += 1
        }
        return value
    }

    /// The length in bytes of the multi-byte UTF-8 character at `position` (RFC 3629: no overlong
    /// forms, no surrogates, nothing above U+10FFFF); nil where there is none.
    private func lengthOfCharacter(_ lead: UInt8) -> Int? {
        let length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2
        guard lead >= 0xC2, lead <= 0xF4, position + length <= bytes.count else { return nil }
        let second = bytes[position + 1]
        let range: ClosedRange<UInt8> =
            switch lead {
            case 0xE0: 0xA0...0xBF
            case 0xED: 0x80...0x9F
            case 0xF0: 0x90...0xBF
            case 0xF4: 0x80...0x8F
            default: 0x80...0xBF
            }
        guard range.contains(second) else { return nil }
        for i in 2..<max(2, length) where bytes[position + i] & 0xC0 != 0x80 { return nil }
        return length
    }

    // MARK: The text of a string that was scanned

    /// Whether a string's text, with its escapes resolved, equals `text`. Allocates nothing.
    package func isText(_ token: JSONToken, _ text: [UInt8]) -> Bool {
        if !token.hasEscapes {
            guard token.end - token.start == text.count else { return false }
            for i in 0..<text.count where bytes[token.start + i] != text[i] { return false }
            return true
        }
        var matched = 0
        var i = token.start
        while i < token.end {
            let next = character(at: &i)
            for byte in next {
                guard matched < text.count, text[matched] == byte else { return false }
                matched += 1
            }
        }
        return matched == text.count
    }

    /// A string's text, escapes resolved. Allocates.
    package func unescaped(_ token: JSONToken) -> String {
        var text: [UInt8] = []
        unescape(token, into: &text)
        return String(decoding: text, as: UTF8.self)
    }

    /// Appends a string's bytes, escapes resolved. The string must have been scanned, so its
    /// escapes are valid.
    package func unescape(_ token: JSONToken, into text: inout [UInt8]) {
        var i = token.start
        while i < token.end { text.append(contentsOf: character(at: &i)) }
    }

    /// The byte at `i`, or the bytes of the character that an escape there means. Moves `i` after
    /// it.
    private func character(at i: inout Int) -> UTF8.EncodedScalar {
        let byte = bytes[i]
        i += 1
        // A byte of a multi-byte character is returned unchanged.
        guard byte == UInt8(ascii: "\\") else { return UTF8.EncodedScalar(CollectionOfOne(byte)) }
        let escape = bytes[i]
        i += 1
        let scalar: UInt32
        switch escape {
        case UInt8(ascii: "b"): scalar = 8
        case UInt8(ascii: "f"): scalar = 12
        case UInt8(ascii: "n"): scalar = 10
        case UInt8(ascii: "r"): scalar = 13
        case UInt8(ascii: "t"): scalar = 9
        case UInt8(ascii: "u"):
            let first = unit(at: i)
            i += 4
            if 0xD800...0xDBFF ~= first {
                scalar = 0x10000 + (first - 0xD800) << 10 + (unit(at: i + 2) - 0xDC00)
                i += 6
            } else {
                scalar = first
            }
        default: scalar = UInt32(escape)
        }
        return UTF8.encode(Unicode.Scalar(scalar) ?? "\u{FFFD}") ?? UTF8.encodedReplacementCharacter
    }

    private func unit(at start: Int) -> UInt32 {
        var unit: UInt32 = 0
        for i in start..<start + 4 {
            unit = unit << 4 | UInt32(Character(UnicodeScalar(bytes[i])).hexDigitValue ?? 0)
        }
        return unit
    }
}
