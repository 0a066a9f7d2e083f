/// Where a JSON value stands in a message, without copying it.
package struct JSONToken {
    package enum Kind: UInt8 { case absent, null, `true`, `false`, number, string, array, object }
    package var kind = Kind.absent
    /// Bytes of the value; of a string, those between its quotes.
    package var start = 0
    package var end = 0
    package var hasEscapes = false

    package init() {}
    init(kind: Kind, start: Int, end: Int, hasEscapes: Bool = false) {
        self.kind = kind
        self.start = start
        self.end = end
        self.hasEscapes = hasEscapes
    }
}

/// A key and its value.
package struct JSONMember {
    package var key: JSONToken
    package var value: JSONToken
}

extension [JSONMember] {
    /// Takes the members of a flat object, and keeps its storage.
    package mutating func scan(_ bytes: Span<UInt8>) throws(JSONError) {
        var scanner = JSONScanner(bytes)
        try scanner.scanMembers(into: &self)
    }
}

/// Why a message is not JSON, and at which byte.
package struct JSONError: Error, Equatable {
    package var offset: Int
    package var expected: StaticString

    package static func == (a: JSONError, b: JSONError) -> Bool { a.offset == b.offset }
}

/// Checks a whole message for being JSON (RFC 8259) in one pass, and notes where the wanted fields stand.
///
/// Allocates nothing for messages without escaped keys. Held to Foundation's JSONDecoder by differential tests.
package struct JSONScanner: ~Escapable {
    /// Deeper messages are refused: nothing a lift says is nested so deep.
    static let maximumDepth = 24

    let bytes: Span<UInt8>
    package var position = 0

    @_lifetime(copy bytes)
    package init(_ bytes: Span<UInt8>) { self.bytes = bytes }

    /// Scans a message whose top is an object. Of a key that occurs twice the later value wins.
    package mutating func scan(_ set: borrowing JSONFieldSet, into tokens: inout [JSONToken]) throws(JSONError) {
        for i in tokens.indices { tokens[i] = JSONToken() }
        skipSpace()
        guard take(UInt8(ascii: "{")) else { throw fail("an object '{'") }
        skipSpace()
        var isFirst = true
        while !take(UInt8(ascii: "}")) {
            if !isFirst {
                guard take(UInt8(ascii: ",")) else { throw fail("',' or '}'") }
                skipSpace()
            }
            isFirst = false
            let key = try string()
            skipSpace()
            guard take(UInt8(ascii: ":")) else { throw fail("':'") }
            skipSpace()
            var (exact, inner) = (UInt64(0), UInt64(0))
            if key.hasEscapes {
                for i in set.fields.indices where matches(key, set.fields[i].path[0]) {
                    if set.fields[i].path.count == 1 { exact |= 1 << UInt64(i) } else { inner |= 1 << UInt64(i) }
                }
            } else {
                (exact, inner) = set.matches(bytes, key.start, key.end)
            }
            let token =
                inner == 0 ? try plain(depth: 1) : try value(set.fields, depth: 1, candidates: inner, into: &tokens)
            while exact != 0 {
                tokens[exact.trailingZeroBitCount] = token
                exact &= exact - 1
            }
            skipSpace()
        }
        skipSpace()
        if position != bytes.count { throw fail("the end of the message") }
    }

    /// Notes the members of a flat top object, whatever their keys.
    package mutating func scanMembers(into members: inout [JSONMember]) throws(JSONError) {
        members.removeAll(keepingCapacity: true)
        skipSpace()
        guard take(UInt8(ascii: "{")) else { throw fail("an object '{'") }
        skipSpace()
        while !take(UInt8(ascii: "}")) {
            if !members.isEmpty {
                guard take(UInt8(ascii: ",")) else { throw fail("',' or '}'") }
                skipSpace()
            }
            let key = try string()
            skipSpace()
            guard take(UInt8(ascii: ":")) else { throw fail("':'") }
            skipSpace()
            members.append(JSONMember(key: key, value: try plain(depth: 1)))
            skipSpace()
        }
        skipSpace()
        if position != bytes.count { throw fail("the end of the line") }
    }

    /// - Parameter candidates: bit *i*: the keys so far lead towards field *i*.
    private mutating func object(
        _ fields: [JSONField], depth: Int, candidates: UInt64, into tokens: inout [JSONToken]
    ) throws(JSONError) {
        if depth >= Self.maximumDepth { throw fail("less nesting") }
        position += 1
        skipSpace()
        if take(UInt8(ascii: "}")) { return }
        while true {
            skipSpace()
            let key = try string()
            skipSpace()
            guard take(UInt8(ascii: ":")) else { throw fail("':'") }
            skipSpace()
            var inner: UInt64 = 0
            var exact: UInt64 = 0
            var rest = candidates
            while rest != 0 {
                let i = rest.trailingZeroBitCount
                rest &= rest - 1
                guard matches(key, fields[i].path[depth]) else { continue }
                if fields[i].path.count == depth + 1 { exact |= 1 << UInt64(i) } else { inner |= 1 << UInt64(i) }
            }
            let token = try value(fields, depth: depth + 1, candidates: inner, into: &tokens)
            while exact != 0 {
                tokens[exact.trailingZeroBitCount] = token
                exact &= exact - 1
            }
            skipSpace()
            if take(UInt8(ascii: ",")) { continue }
            if take(UInt8(ascii: "}")) { return }
            throw fail("',' or '}'")
        }
    }

    /// A value in which a wanted field may stand.
    private mutating func value(
        _ fields: [JSONField], depth: Int, candidates: UInt64, into tokens: inout [JSONToken]
    ) throws(JSONError) -> JSONToken {
        guard candidates != 0, peek == UInt8(ascii: "{") else { return try plain(depth: depth) }
        let start = position
        try object(fields, depth: depth, candidates: candidates, into: &tokens)
        return JSONToken(kind: .object, start: start, end: position)
    }

    /// A value in which nothing is wanted.
    private mutating func plain(depth: Int) throws(JSONError) -> JSONToken {
        let start = position
        switch peek {
        case UInt8(ascii: "\""): return try string()
        case UInt8(ascii: "{"):
            var none: [JSONToken] = []
            try object([], depth: depth, candidates: 0, into: &none)
            return JSONToken(kind: .object, start: start, end: position)
        case UInt8(ascii: "["):
            try array(depth: depth)
            return JSONToken(kind: .array, start: start, end: position)
        case UInt8(ascii: "t"): return try word(.true, 4, endingIn: 0x6575_7274)
        case UInt8(ascii: "f"): return try word(.false, 5, endingIn: 0x6573_6C61)
        case UInt8(ascii: "n"): return try word(.null, 4, endingIn: 0x6C6C_756E)
        default: return try number()
        }
    }

    private mutating func array(depth: Int) throws(JSONError) {
        if depth >= Self.maximumDepth { throw fail("less nesting") }
        position += 1
        skipSpace()
        if take(UInt8(ascii: "]")) { return }
        while true {
            skipSpace()
            _ = try plain(depth: depth + 1)
            skipSpace()
            if take(UInt8(ascii: ",")) { continue }
            if take(UInt8(ascii: "]")) { return }
            throw fail("',' or ']'")
        }
    }

    /// - Parameter ending: the word's last four bytes as a little-endian number; the first byte has been looked at.
    private mutating func word(
        _ kind: JSONToken.Kind, _ length: Int, endingIn ending: UInt32
    ) throws(JSONError) -> JSONToken {
        let end = position + length
        // A number may be read from any bytes; the span checks its bounds.
        guard end <= bytes.count,
            UInt32(littleEndian: bytes.bytes.unsafeLoadUnaligned(fromByteOffset: end - 4, as: UInt32.self)) == ending
        else { throw fail("true, false or null") }
        defer { position = end }
        return JSONToken(kind: kind, start: position, end: end)
    }

    private mutating func number() throws(JSONError) -> JSONToken {
        let start = position
        _ = take(UInt8(ascii: "-"))
        if take(UInt8(ascii: "0")) {
        } else if digits() == 0 {
            throw fail("a value")
        }
        if take(UInt8(ascii: ".")), digits() == 0 { throw fail("a digit") }
        if take(UInt8(ascii: "e")) || take(UInt8(ascii: "E")) {
            if !take(UInt8(ascii: "+")) { _ = take(UInt8(ascii: "-")) }
            if digits() == 0 { throw fail("a digit") }
        }
        return JSONToken(kind: .number, start: start, end: position)
    }

    private mutating func digits() -> Int {
        let start = position
        while let byte = peek, byte &- 48 < 10 { position += 1 }
        return position - start
    }

    @inline(__always)
    private mutating func string() throws(JSONError) -> JSONToken {
        guard take(UInt8(ascii: "\"")) else { throw fail("a string '\"'") }
        let start = position
        skipPlainText()
        // Most strings end where their plain text does.
        if take(UInt8(ascii: "\"")) { return JSONToken(kind: .string, start: start, end: position - 1) }
        return try rest(ofStringFrom: start)
    }

    /// Passes over printable ASCII other than quote and backslash, eight bytes at a time.
    @inline(__always)
    private mutating func skipPlainText() {
        let raw = bytes.bytes
        let ones: UInt64 = 0x0101_0101_0101_0101
        let tops: UInt64 = 0x8080_8080_8080_8080
        while position + 8 <= bytes.count {
            // A number may be read from any bytes; the span checks its bounds.
            let word = UInt64(littleEndian: raw.unsafeLoadUnaligned(fromByteOffset: position, as: UInt64.self))
            let quote = word ^ (ones &* 0x22)
            let backslash = word ^ (ones &* 0x5C)
            // The top bit of each byte that is a quote, a backslash, below 0x20, or not ASCII. A byte after such a one may be
            // marked wrongly; only the first counts.
            let special =
                ((quote &- ones) & ~quote | (backslash &- ones) & ~backslash | (word &- ones &* 0x20) & ~word | word)
                & tops
            if special != 0 {
                position += special.trailingZeroBitCount >> 3
                return
            }
            position += 8
        }
        while position < bytes.count {
            let byte = bytes[position]
            guard byte >= 0x20, byte < 0x80, byte != UInt8(ascii: "\""), byte != UInt8(ascii: "\\") else { return }
            position += 1
        }
    }

    private mutating func rest(ofStringFrom start: Int) throws(JSONError) -> JSONToken {
        var hasEscapes = false
        while position < bytes.count {
            let byte = bytes[position]
            if byte == UInt8(ascii: "\"") {
                position += 1
                return JSONToken(kind: .string, start: start, end: position - 1, hasEscapes: hasEscapes)
            }
            if byte < 0x20 { throw fail("no control character in a string") }
            if byte == UInt8(ascii: "\\") {
                hasEscapes = true
                try escape()
            } else {
                try multibyte(byte)
            }
            skipPlainText()
        }
        throw fail("the string's end '\"'")
    }

    private mutating func escape() throws(JSONError) {
        position += 1
        switch peek {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"), UInt8(ascii: "b"), UInt8(ascii: "f"),
            UInt8(ascii: "n"), UInt8(ascii: "r"), UInt8(ascii: "t"):
            position += 1
        case UInt8(ascii: "u"):
            let first = try hexadecimal()
            if 0xDC00...0xDFFF ~= first { throw fail("a leading surrogate") }
            if 0xD800...0xDBFF ~= first {
                guard take(UInt8(ascii: "\\")), peek == UInt8(ascii: "u"), 0xDC00...0xDFFF ~= (try hexadecimal()) else {
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

    /// One multi-byte UTF-8 character (RFC 3629: no overlong forms, no surrogates, nothing above U+10FFFF).
    private mutating func multibyte(_ lead: UInt8) throws(JSONError) {
        let length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2
        guard lead >= 0xC2, lead <= 0xF4, position + length <= bytes.count else { throw fail("UTF-8") }
        let second = bytes[position + 1]
        let range: ClosedRange<UInt8> =
            switch lead {
            case 0xE0: 0xA0...0xBF
            case 0xED: 0x80...0x9F
            case 0xF0: 0x90...0xBF
            case 0xF4: 0x80...0x8F
            default: 0x80...0xBF
            }
        guard range.contains(second) else { throw fail("UTF-8") }
        for i in 2..<max(2, length) where bytes[position + i] & 0xC0 != 0x80 { throw fail("UTF-8") }
        position += length
    }

    private func matches(_ key: JSONToken, _ name: [UInt8]) -> Bool {
        if key.hasEscapes { return Array(unescaped(key).utf8) == name }
        guard key.end - key.start == name.count else { return false }
        for i in 0..<name.count where bytes[key.start + i] != name[i] { return false }
        return true
    }

    /// A string's text, escapes resolved. Allocates.
    package func unescaped(_ token: JSONToken) -> String {
        var text: [UInt8] = []
        unescape(token, into: &text)
        return String(decoding: text, as: UTF8.self)
    }

    /// Appends a string's bytes, escapes resolved. The string was scanned, so its escapes are sound.
    package func unescape(_ token: JSONToken, into text: inout [UInt8]) {
        var i = token.start
        while i < token.end {
            let byte = bytes[i]
            guard byte == UInt8(ascii: "\\") else {
                text.append(byte)
                i += 1
                continue
            }
            i += 2
            switch bytes[i - 1] {
            case UInt8(ascii: "b"): text.append(8)
            case UInt8(ascii: "f"): text.append(12)
            case UInt8(ascii: "n"): text.append(10)
            case UInt8(ascii: "r"): text.append(13)
            case UInt8(ascii: "t"): text.append(9)
            case UInt8(ascii: "u"):
                var units = [unit(at: i)]
                i += 4
                if 0xD800...0xDBFF ~= units[0] {
                    units.append(unit(at: i + 2))
                    i += 6
                }
                text.append(contentsOf: String(decoding: units, as: UTF16.self).utf8)
            default: text.append(bytes[i - 1])
            }
        }
    }

    private func unit(at start: Int) -> UInt16 {
        (start..<start + 4).reduce(0) { $0 << 4 | UInt16(Character(UnicodeScalar(bytes[$1])).hexDigitValue ?? 0) }
    }

    @inline(__always)
    private var peek: UInt8? {
        // The one check is enough: a position is never negative.
        position < bytes.count ? bytes[unchecked: position] : nil
    }

    @inline(__always)
    private mutating func take(_ byte: UInt8) -> Bool {
        guard peek == byte else { return false }
        position += 1
        return true
    }

    @inline(__always)
    private mutating func skipSpace() {
        while let byte = peek, byte <= 32, byte == 32 || byte == 10 || byte == 13 || byte == 9 { position += 1 }
    }

    private func fail(_ expected: StaticString) -> JSONError { JSONError(offset: position, expected: expected) }
}

extension JSONScanner {
    /// Visits the strings and numbers of an array that has been scanned already.
    package mutating func forEachScalar(until end: Int, _ visit: (JSONToken) -> Void) {
        position += 1
        while position < end {
            switch bytes[position] {
            case UInt8(ascii: "\""):
                var close = position + 1
                while bytes[close] != UInt8(ascii: "\"") { close += bytes[close] == UInt8(ascii: "\\") ? 2 : 1 }
                visit(JSONToken(kind: .string, start: position + 1, end: close))
                position = close + 1
            case UInt8(ascii: "0")...UInt8(ascii: "9"):
                var close = position
                while close < end, bytes[close] != UInt8(ascii: ","), bytes[close] != UInt8(ascii: "]"),
                    bytes[close] > 32
                {
                    close += 1
                }
                visit(JSONToken(kind: .number, start: position, end: close))
                position = close
            default: position += 1
            }
        }
    }
}
