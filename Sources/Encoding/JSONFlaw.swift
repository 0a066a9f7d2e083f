/// Why a message is refused, as a sentence that a technician can act on.
///
/// It is made only for a message that the scanner has refused, so it need not be fast.
package struct JSONFlaw: Equatable, Sendable {
    /// The kind under which such messages are counted.
    package enum Kind: String, Sendable, CaseIterable {
        case empty
        case utf16, utf32
        case compressed
        case xml
        case wrappedInString = "wrapped_in_string"
        case array
        case bareValue = "bare_value"
        case plainText = "plain_text"
        case binary
        case singleQuotes = "single_quotes"
        case trailingComma = "trailing_comma"
        case leadingZero = "leading_zero"
        case badNumber = "bad_number"
        case pythonWord = "python_word"
        case wordWithoutQuotes = "word_without_quotes"
        case comment
        case badEscape = "bad_escape"
        case cutOff = "cut_off"
        case moreBehindItsEnd = "more_behind_its_end"
        case nestedTooDeep = "nested_too_deep"
        case notUTF8 = "text_not_utf8"
        case notJSON = "not_json"
    }
    package var kind: Kind
    /// A sentence without its subject: "is UTF-16; expected UTF-8".
    package var explanation: String

    private init(_ kind: Kind, _ explanation: String) {
        self.kind = kind
        self.explanation = explanation
    }

    private init(_ kind: Kind, _ explanation: String, at offset: Int) {
        self.init(kind, "\(explanation) (byte \(offset))")
    }

    /// - Parameters:
    ///   - error: the scanner's error for these bytes.
    ///   - blemishes: the blemishes that the scanner had tolerated before the error.
    package init(_ bytes: Span<UInt8>, _ error: JSONError, _ blemishes: JSONBlemishes) {
        self =
            Self.encoding(of: bytes) ?? Self.shape(of: bytes)
            ?? Self.mistake(
                bytes, at: min(error.offset, bytes.count), expected: "\(error.expected)", blemishes)
    }

    /// Messages in another encoding than UTF-8.
    private static func encoding(of bytes: Span<UInt8>) -> JSONFlaw? {
        func begins(_ head: [UInt8]) -> Bool {
            guard bytes.count >= head.count else { return false }
            for i in head.indices where bytes[i] != head[i] { return false }
            return true
        }
        let advice = "; expected UTF-8: set the adapter's encoding"
        if begins([0xFF, 0xFE, 0, 0]) || begins([0, 0, 0xFE, 0xFF]) || begins([0x7B, 0, 0, 0])
            || begins([0, 0, 0, 0x7B])
        {
            return JSONFlaw(.utf32, "is UTF-32" + advice)
        }
        let isWide =
            bytes.count >= 2 && (bytes[0] == 0) != (bytes[1] == 0) && (bytes[0] | bytes[1]) < 0x80
        if begins([0xFF, 0xFE]) || begins([0xFE, 0xFF]) || isWide {
            return JSONFlaw(.utf16, "is UTF-16" + advice)
        }
        if begins([0x1F, 0x8B]) || begins([0x28, 0xB5, 0x2F, 0xFD]) || begins([0x78, 0x9C])
            || begins([0x78, 0xDA])
        {
            return JSONFlaw(.compressed, "is compressed; expected plain JSON")
        }
        return nil
    }

    /// Messages whose top is not an object.
    private static func shape(of bytes: Span<UInt8>) -> JSONFlaw? {
        var first = 0
        if bytes.count >= 3, bytes[0] == 0xEF, bytes[1] == 0xBB, bytes[2] == 0xBF { first = 3 }
        while first < bytes.count, " \t\r\n".utf8.contains(bytes[first]) { first += 1 }
        guard first < bytes.count else {
            return JSONFlaw(.empty, bytes.count == 0 ? "is empty" : "holds white space only")
        }
        switch bytes[first] {
        case UInt8(ascii: "{"): return nil
        case UInt8(ascii: "["):
            guard let items = Self.count(bytes, from: first) else {
                return JSONFlaw(.array, "is an array; expected one object")
            }
            return JSONFlaw(
                .array,
                items == 1
                    ? "is an array of one; expected the object itself"
                    : "is an array of \(items); expected one object")
        case UInt8(ascii: "\""):
            var next = first + 1
            while next < bytes.count, bytes[next] <= 32 { next += 1 }
            let isObject =
                next < bytes.count
                && (bytes[next] == UInt8(ascii: "{") || bytes[next] == UInt8(ascii: "["))
            return isObject
                ? JSONFlaw(
                    .wrappedInString,
                    "is wrapped in a string: JSON within quotes; expected the object itself")
                : JSONFlaw(.bareValue, "is a bare text in quotes; expected an object '{'")
        case UInt8(ascii: "<"): return JSONFlaw(.xml, "is XML; expected JSON")
        case UInt8(ascii: "/"), UInt8(ascii: "#"):
            return JSONFlaw(.comment, "begins with a comment; JSON has none")
        default: return bare(bytes, from: first)
        }
    }

    /// A number, a text, or bytes of another form.
    private static func bare(_ bytes: Span<UInt8>, from first: Int) -> JSONFlaw {
        var isText = true
        var isNumber = true
        // 256 bytes are enough to decide, and bound the work for a flood of such messages.
        for i in first..<min(bytes.count, first + 256) {
            if bytes[i] < 9 || bytes[i] == 0x7F { isText = false }
            if !"0123456789+-.eE \r\n\t".utf8.contains(bytes[i]) { isNumber = false }
        }
        let shown = quoted(bytes, first, bytes.count)
        if isNumber {
            return JSONFlaw(.bareValue, "is the bare number \(shown); expected an object '{'")
        }
        guard isText else {
            return JSONFlaw(.binary, "is binary; expected JSON: a profile reads text")
        }
        return JSONFlaw(.plainText, "is the plain text '\(shown)'; expected an object '{'")
    }

    /// A mistake within an object.
    private static func mistake(
        _ bytes: Span<UInt8>, at offset: Int, expected: String, _ blemishes: JSONBlemishes
    ) -> JSONFlaw {
        func flaw(_ kind: Kind, _ explanation: String) -> JSONFlaw {
            JSONFlaw(kind, explanation, at: offset)
        }
        if expected == "less nesting" {
            return flaw(.nestedTooDeep, "is nested deeper than \(JSONScanner.maximumDepth) levels")
        }
        // The second byte of a GBK character may be a backslash, which escapes the quote after it.
        let isLost = blemishes.contains(.notUTF8)
        let lost = "has text that is not UTF-8 (is it GBK?) and hides where its strings end"
        guard offset < bytes.count else {
            return isLost
                ? flaw(.notUTF8, lost) : flaw(.cutOff, "is cut off: it ends in the middle")
        }
        if expected == "the end of the message" {
            return flaw(
                .moreBehindItsEnd,
                "has more text after its end: '\(quoted(bytes, offset, bytes.count))'")
        }
        if expected.contains("surrogate") || expected.contains("escape")
            || expected.contains("hexadecimal")
        {
            if isLost { return flaw(.notUTF8, lost) }
            return flaw(
                .badEscape,
                "has a backslash sequence that JSON does not know, or half of a surrogate pair (\\uD8xx alone): expected \(expected)"
            )
        }
        var before = offset - 1
        while before >= 0, bytes[before] <= 32 { before -= 1 }
        let last = before >= 0 ? bytes[before] : 0
        if let stray = strayByte(bytes, at: offset, after: last, isNext: before == offset - 1) {
            return stray
        }
        if last == UInt8(ascii: ".") || expected == "a digit" {
            return flaw(.badNumber, "has a number without digits after its point or its e")
        }
        if !isLost, let name = name(bytes, at: offset) {
            if ["True", "False", "None"].contains(name) {
                return flaw(
                    .pythonWord,
                    "has \(name), as Python writes it; expected \(name == "None" ? "null" : name.lowercased())"
                )
            }
            return flaw(.wordWithoutQuotes, "has the word \(name) without quotes")
        }
        return isLost ? flaw(.notUTF8, lost) : flaw(.notJSON, "is not JSON: expected \(expected)")
    }

    /// A byte that begins nothing in JSON.
    /// - Parameters:
    ///   - last: the last byte before it that is no white space; 0 without one.
    ///   - isNext: nothing stands between the two.
    private static func strayByte(
        _ bytes: Span<UInt8>, at offset: Int, after last: UInt8, isNext: Bool
    ) -> JSONFlaw? {
        func flaw(_ kind: Kind, _ explanation: String) -> JSONFlaw {
            JSONFlaw(kind, explanation, at: offset)
        }
        switch bytes[offset] {
        case UInt8(ascii: "}") where last == UInt8(ascii: ","),
            UInt8(ascii: "]") where last == UInt8(ascii: ","):
            return flaw(.trailingComma, "has a trailing comma")
        case UInt8(ascii: "'"):
            return flaw(
                .singleQuotes,
                "has single quotes, as Python prints a dictionary; expected double quotes")
        case UInt8(ascii: "/"), UInt8(ascii: "#"):
            return flaw(.comment, "has a comment; JSON has none")
        case UInt8(ascii: "0")...UInt8(ascii: "9") where last == UInt8(ascii: "0") && isNext:
            return flaw(.leadingZero, "has a number with a leading zero")
        case UInt8(ascii: "+"): return flaw(.badNumber, "has a number with a plus sign")
        case UInt8(ascii: "."): return flaw(.badNumber, "has a number that begins with its point")
        case UInt8(ascii: "x") where last == UInt8(ascii: "0"):
            return flaw(.badNumber, "has a hexadecimal number")
        default: return nil
        }
    }

    /// The run of letters around a byte; nil where the byte is no letter.
    private static func name(_ bytes: Span<UInt8>, at offset: Int) -> String? {
        func isLetter(_ i: Int) -> Bool {
            let byte = bytes[i]
            return byte | 0x20 >= UInt8(ascii: "a") && byte | 0x20 <= UInt8(ascii: "z")
                || byte == UInt8(ascii: "_")
        }
        guard isLetter(offset) else { return nil }
        var (start, end) = (offset, offset)
        while start > 0, isLetter(start - 1) { start -= 1 }
        while end < bytes.count, end - start < 24, isLetter(end) { end += 1 }
        return quoted(bytes, start, end)
    }

    private static func quoted(_ bytes: Span<UInt8>, _ start: Int, _ end: Int) -> String {
        String(decoding: (start..<min(end, start + 24)).map { bytes[$0] }, as: UTF8.self)
    }

    /// The number of items in a complete array; nil for another array.
    private static func count(_ bytes: Span<UInt8>, from first: Int) -> Int? {
        var scanner = JSONScanner(bytes, isTolerant: true)
        scanner.position = first
        do throws(JSONError) { _ = try scanner.plain(depth: 0) } catch { return nil }
        scanner.position = first
        var items = 0
        while scanner.nextItem() != nil { items += 1 }
        return items
    }
}
