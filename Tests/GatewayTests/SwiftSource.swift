import Foundation

/// A source file as `swift format` leaves it: the indentation shows what belongs together.
struct SwiftSource {
    /// A function or a type.
    struct Declaration {
        var name: String
        /// From 1.
        var line: Int
        /// Lines of a function, stored properties of a type.
        var size: Int
        /// The comment before it gives the reason for its size.
        var hasReason: Bool
    }

    let path: String
    let lines: [String]
    /// Whether a line is within a string literal of several lines.
    private let isText: [Bool]

    init(path: String, _ text: String) {
        self.path = path
        var lines = text.components(separatedBy: "\n")
        if lines.last == "" { lines.removeLast() }
        self.lines = lines
        var isInText = false
        isText = lines.map { line in
            let wasInText = isInText
            if line.components(separatedBy: "\"\"\"").count % 2 == 0 { isInText.toggle() }
            return wasInText
        }
    }

    /// All sources of the package.
    static func all() throws -> [SwiftSource] {
        try ["Sources", "Simulator", "Benchmarks", "Tests"].flatMap { folder in
            let names = FileManager.default.enumerator(atPath: "\(Site.root)/\(folder)")?.compactMap
            { $0 as? String }
            return try (names ?? []).filter { $0.hasSuffix(".swift") }.sorted().map { name in
                let path = "\(folder)/\(name)"
                return SwiftSource(
                    path: path, try String(contentsOfFile: "\(Site.root)/\(path)", encoding: .utf8))
            }
        }
    }

    // MARK: Files and lines

    /// The reason for its length stands before the first declaration.
    var hasReason: Bool {
        let beginnings = [
            "//", "#", "import ", "@testable import ", "public import ", "package import ",
        ]
        let head = lines.prefix { line in
            line.isEmpty || beginnings.contains { Self.trimmed(line).hasPrefix($0) }
        }
        return head.contains { $0.hasPrefix("// Over 400 lines: ") }
    }

    /// The lines that are longer than so many columns. Those with a literal or an address, which
    /// cannot be broken, are left out.
    func longLines(beyond columns: Int) -> [Declaration] {
        lines.indices.compactMap { index in
            let line = lines[index]
            guard line.utf8.count > columns, line.count > columns, !isText[index],
                !line.contains("\""), !line.contains("://")
            else { return nil }
            return Declaration(name: "", line: index + 1, size: line.count, hasReason: false)
        }
    }

    // MARK: Functions and types

    private static let modifiers: Set = [
        "public", "package", "internal", "fileprivate", "private", "private(set)", "static",
        "class", "final",
        "override", "mutating", "nonmutating", "consuming", "borrowing", "convenience", "required",
        "nonisolated",
        "isolated", "indirect", "lazy", "unowned", "weak", "unowned(unsafe)", "unowned(safe)",
        "package(set)",
        "nonisolated(unsafe)", "fileprivate(set)",
    ]

    /// Functions with a body of several lines, initializers and subscripts among them.
    var functions: [Declaration] {
        lines.indices.compactMap { start in
            guard !isText[start], let words = words(of: start), let word = words.first,
                let kind = ["func", "init", "subscript", "deinit"].first(where: {
                    word.hasPrefix($0)
                }),
                word.dropFirst(kind.count).first?.isLetter != true, let end = end(of: start)
            else { return nil }
            let name = kind == "func" ? words.dropFirst().first.map(Self.identifier) ?? "" : kind
            return Declaration(
                name: name, line: start + 1, size: end - start + 1,
                hasReason: hasReason("// Over 60 lines: ", before: start))
        }
    }

    var types: [Declaration] {
        lines.indices.compactMap { start in
            guard !isText[start], let words = words(of: start), words.count > 1,
                ["struct", "class", "actor"].contains(words[0]), let end = end(of: start)
            else { return nil }
            let indent = Self.indent(lines[start]) + 4
            let size = (start + 1..<end).filter { !isText[$0] && Self.indent(lines[$0]) == indent }
                .reduce(0) { $0 + storedProperties(in: $1) }
            return Declaration(
                name: Self.identifier(words[1]), line: start + 1, size: size,
                hasReason: hasReason("// Over 20 properties: ", before: start))
        }
    }

    /// The words of a declaration after its attributes and modifiers; nil for another line.
    /// Where `class` is a modifier, another keyword follows.
    private func words(of index: Int) -> [String]? {
        let text = Self.trimmed(lines[index])
        // Most lines begin with another word: this spares the rest.
        guard let first = text.utf8.first, first == UInt8(ascii: "@") || 97...122 ~= first,
            !text.hasPrefix("case ")
        else { return nil }
        let words = Self.withoutAttributes(text).split(separator: " ").map(String.init)
        let keywords = ["func", "init", "var", "let", "subscript"]
        let start = words.firstIndex { $0 == "class" || !Self.modifiers.contains($0) }
        guard var start else { return nil }
        if words[start] == "class", start + 1 < words.count, keywords.contains(words[start + 1]) {
            start += 1
        }
        return Array(words[start...])
    }

    private func isStatic(_ index: Int) -> Bool {
        lines[index].split(separator: " ").prefix { $0 != "var" && $0 != "let" }
            .contains { $0 == "static" || $0 == "class" }
    }

    /// The line of the closing brace; nil for a declaration on one line or without a body.
    private func end(of start: Int) -> Int? {
        let indent = Self.indent(lines[start])
        for index in start + 1..<max(start + 1, lines.count)
        where !isText[index] && !lines[index].isEmpty {
            let text = Self.trimmed(lines[index])
            switch Self.indent(lines[index]) - indent {
            case 1...: continue
            case 0 where text.hasPrefix("}"): return index
            // The signature goes on.
            case 0 where [")", "{", "->", "where ", "throws"].contains { text.hasPrefix($0) }:
                continue
            default: return nil
            }
        }
        return nil
    }

    /// How many stored properties a line declares.
    private func storedProperties(in index: Int) -> Int {
        guard let words = words(of: index), words.count > 1, words[0] == "var" || words[0] == "let",
            !isStatic(index)
        else { return 0 }
        let text = words.dropFirst().joined(separator: " ")
        if let brace = text.firstIndex(of: "{"), !text[..<brace].contains("=") {
            let next =
                text.hasSuffix("{") && index + 1 < lines.count ? Self.trimmed(lines[index + 1]) : ""
            let body = text[brace...] + next
            // An accessor; an observer belongs to a stored property.
            if !body.contains("didSet"), !body.contains("willSet") { return 0 }
        }
        // A tuple of names declares each of them.
        if text.hasPrefix("(") { return Self.commas(in: text.dropFirst().prefix { $0 != ")" }) + 1 }
        return Self.commas(in: text.prefix { $0 != "{" }) + 1
    }

    /// Commas outside of brackets and literals.
    private static func commas(in text: Substring) -> Int {
        var (depth, count, isQuoted) = (0, 0, false)
        for character in text {
            if character == "\"" { isQuoted.toggle() }
            if isQuoted { continue }
            switch character {
            case "(", "[", "<": depth += 1
            case ")", "]", ">": depth -= 1
            case "," where depth <= 0: count += 1
            default: break
            }
        }
        return count
    }

    /// Whether the comments directly before a declaration have such a line.
    private func hasReason(_ beginning: String, before index: Int) -> Bool {
        lines[..<index].reversed().prefix {
            let text = Self.trimmed($0)
            return text.hasPrefix("//") || text.hasPrefix("@")
        }.contains { Self.trimmed($0).hasPrefix(beginning) }
    }

    private static func indent(_ line: String) -> Int {
        line.utf8.firstIndex { $0 != 32 }.map {
            line.utf8.distance(from: line.utf8.startIndex, to: $0)
        } ?? 0
    }
    private static func trimmed(_ line: String) -> Substring {
        line[(line.utf8.firstIndex { $0 != 32 } ?? line.endIndex)...]
    }
    private static func withoutAttributes(_ text: Substring) -> Substring {
        var rest = text
        while rest.hasPrefix("@") {
            var depth = 0
            let end = rest.firstIndex { character in
                if character == "(" { depth += 1 }
                if character == ")" { depth -= 1 }
                return character == " " && depth == 0
            }
            guard let end else { return "" }
            rest = rest[end...].drop { $0 == " " }
        }
        return rest
    }
    private static func identifier(_ word: String) -> String {
        String(word.prefix { $0.isLetter || $0.isNumber || $0 == "_" })
    }
}
