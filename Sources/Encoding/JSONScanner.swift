/// Where a JSON value is in a message, without a copy of it.
package struct JSONToken {
    package enum Kind: UInt8 {
        case absent, null, `true`, `false`, number, string, array, object
        /// A string or a number with a tolerated blemish: its value is unknown.
        case blemished
    }
    package var kind = Kind.absent
    /// The offset of the value; of a string, of the text between its quotes.
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
    /// Replaces the members by those of a flat object, in the same storage.
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

/// Checks in one pass that a message is JSON (RFC 8259), and notes where the wanted fields are.
///
/// Allocates nothing for messages without escaped keys. Differential tests compare it with
/// Foundation's JSONDecoder.
package struct JSONScanner: ~Escapable {
    /// Deeper messages are refused: no lift's message is nested so deep.
    static let maximumDepth = 24

    package let bytes: Span<UInt8>
    /// Accepts `JSONBlemishes`, and notes them.
    let isTolerant: Bool
    package var position = 0
    package internal(set) var blemishes: JSONBlemishes = []

    @_lifetime(copy bytes)
    package init(_ bytes: Span<UInt8>, isTolerant: Bool = false) {
        self.bytes = bytes
        self.isTolerant = isTolerant
    }

    /// Scans a message whose top is an object. Where a key occurs twice, the later value wins.
    package mutating func scan(_ set: borrowing JSONFieldSet, into tokens: inout [JSONToken])
        throws(JSONError)
    {
        for i in tokens.indices { tokens[i] = JSONToken() }
        skipByteOrderMark()
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
                for i in set.fields.indices where isText(key, set.fields[i].path[0]) {
                    if set.fields[i].path.count == 1 {
                        exact |= 1 << UInt64(i)
                    } else {
                        inner |= 1 << UInt64(i)
                    }
                }
            } else {
                (exact, inner) = set.matches(bytes, key.start, key.end)
            }
            let token =
                inner == 0
                ? try plain(depth: 1)
                : try value(set.fields, depth: 1, candidates: inner, into: &tokens)
            while exact != 0 {
                tokens[exact.trailingZeroBitCount] = token
                exact &= exact - 1
            }
            skipSpace()
        }
        skipSpace()
        skipTrailingNULs()
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

    /// - Parameter candidates: bit *i*: the path of field *i* begins with the keys so far.
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
                guard isText(key, fields[i].path[depth]) else { continue }
                if fields[i].path.count == depth + 1 {
                    exact |= 1 << UInt64(i)
                } else {
                    inner |= 1 << UInt64(i)
                }
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

    /// A value in which a wanted field may be.
    private mutating func value(
        _ fields: [JSONField], depth: Int, candidates: UInt64, into tokens: inout [JSONToken]
    ) throws(JSONError) -> JSONToken {
        guard candidates != 0, peek == UInt8(ascii: "{") else { return try plain(depth: depth) }
        let start = position
        try object(fields, depth: depth, candidates: candidates, into: &tokens)
        return JSONToken(kind: .object, start: start, end: position)
    }

    /// A value without a wanted field.
    mutating func plain(depth: Int) throws(JSONError) -> JSONToken {
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
        case UInt8(ascii: "t"): return try literal(.true, 4, endingIn: 0x6575_7274)
        case UInt8(ascii: "f"): return try literal(.false, 5, endingIn: 0x6573_6C61)
        case UInt8(ascii: "n"): return try literal(.null, 4, endingIn: 0x6C6C_756E)
        case UInt8(ascii: "N") where isTolerant, UInt8(ascii: "I") where isTolerant:
            return try notANumber(from: start)
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

    /// Takes `true`, `false` or `null`, whose first byte the caller has checked.
    /// - Parameter ending: the literal's last four bytes as a little-endian number.
    private mutating func literal(
        _ kind: JSONToken.Kind, _ length: Int, endingIn ending: UInt32
    ) throws(JSONError) -> JSONToken {
        let end = position + length
        // A number may be read from any bytes; the span checks its bounds.
        guard end <= bytes.count,
            UInt32(
                littleEndian: bytes.bytes.unsafeLoadUnaligned(
                    fromByteOffset: end - 4, as: UInt32.self)) == ending
        else { throw fail("true, false or null") }
        defer { position = end }
        return JSONToken(kind: kind, start: position, end: end)
    }

    private mutating func number() throws(JSONError) -> JSONToken {
        let start = position
        if take(UInt8(ascii: "-")), isTolerant, peek == UInt8(ascii: "I") {
            return try notANumber(from: start)
        }
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
    var peek: UInt8? {
        // The one check is enough: a position is never negative.
        position < bytes.count ? bytes[unchecked: position] : nil
    }

    @inline(__always)
    mutating func take(_ byte: UInt8) -> Bool {
        guard peek == byte else { return false }
        position += 1
        return true
    }

    @inline(__always)
    mutating func skipSpace() {
        while let byte = peek, byte <= 32, byte == 32 || byte == 10 || byte == 13 || byte == 9 {
            position += 1
        }
    }

    func fail(_ expected: StaticString) -> JSONError {
        JSONError(offset: position, expected: expected)
    }
}
