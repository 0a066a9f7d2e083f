import LiftModel

/// The syntax tree of a rule's expression, each node with its offset in the text.
package struct Expression: Equatable, Sendable {
    package indirect enum Form: Equatable, Sendable {
        case name(String)
        case number(Double)
        case duration(Duration)
        /// `3s..10s`, or `5s..` without an upper end.
        case window(Expression, Expression?)
        case text(String)
        case set([Expression])
        case not(Expression)
        case and(Expression, Expression)
        case or(Expression, Expression)
        case implies(Expression, Expression)
        case compare(Comparison, Expression, Expression)
        case arithmetic(Arithmetic, Expression, Expression)
        case member(Expression, of: Expression)
        case call(String, [Expression])
    }
    package enum Comparison: String, Sendable {
        case equal = "=="
        case notEqual = "!="
        case less = "<"
        case lessOrEqual = "<="
        case greater = ">"
        case greaterOrEqual = ">="
    }
    package enum Arithmetic: String, Sendable {
        case add = "+"
        case subtract = "-"
        case multiply = "*"
        case divide = "/"
    }

    package var form: Form
    /// The number of characters before it in the text.
    package var offset: Int
}

extension Expression {
    /// The expression's direct parts, in the order of the text.
    package var parts: [Expression] {
        switch form {
        case .name, .number, .duration, .text: []
        case .window(let low, let high): [low] + [high].compactMap { $0 }
        case .set(let items), .call(_, let items): items
        case .not(let a): [a]
        case .and(let a, let b), .or(let a, let b), .implies(let a, let b),
            .compare(_, let a, let b),
            .arithmetic(_, let a, let b), .member(let a, let b):
            [a, b]
        }
    }

    /// Visits the expression and all its parts.
    package func walk(_ visit: (Expression) -> Void) {
        visit(self)
        for part in parts { part.walk(visit) }
    }
}

/// A mistake in an expression, at a character offset of its text.
public struct ExpressionError: Error, Equatable {
    public var offset: Int
    public var message: String

    package init(offset: Int, message: String) {
        self.offset = offset
        self.message = message
    }
}

/// One lexical token.
struct Token: Equatable {
    enum Kind: Equatable {
        case name(String)
        case number(Double)
        case duration(Duration)
        case text(String)
        case symbol(String)
        case end
    }
    var kind: Kind
    var offset: Int

    var written: String {
        switch kind {
        case .name(let name): "'\(name)'"
        case .number(let number): "\(number)"
        case .duration(let duration): duration.written
        case .text(let text): "\"\(text)\""
        case .symbol(let symbol): "'\(symbol)'"
        case .end: "the end"
        }
    }

    private static let pairs = ["==", "!=", "<=", ">=", ".."]
    private static let singles = ["<", ">", "(", ")", "{", "}", ",", "+", "-", "*", "/"]

    /// - Throws: `ExpressionError` at a character that begins no token.
    static func all(in expression: String) throws(ExpressionError) -> [Token] {
        let characters = Array(expression)
        // One by one: `String` of a slice of characters takes several times as long.
        func text(_ range: Range<Int>) -> String {
            characters[range].reduce(into: "") { $0.append($1) }
        }
        var tokens: [Token] = []
        var i = 0
        func isNameCharacter(_ c: Character) -> Bool { c.isLetter || c.isNumber || c == "_" }
        while i < characters.count {
            let c = characters[i]
            let start = i
            if c.isWhitespace {
                i += 1
            } else if c.isLetter || c == "_" {
                while i < characters.count,
                    isNameCharacter(characters[i])
                        || (characters[i] == "." && i + 1 < characters.count
                            && (characters[i + 1].isLetter || characters[i + 1] == "_"))
                { i += 1 }
                tokens.append(Token(kind: .name(text(start..<i)), offset: start))
            } else if c.isNumber {
                while i < characters.count,
                    isNameCharacter(characters[i])
                        || (characters[i] == "." && i + 1 < characters.count
                            && characters[i + 1].isNumber)
                { i += 1 }
                let written = text(start..<i)
                if let number = Double(written) {
                    tokens.append(Token(kind: .number(number), offset: start))
                } else if let duration = Duration(written: written) {
                    tokens.append(Token(kind: .duration(duration), offset: start))
                } else {
                    throw ExpressionError(
                        offset: start,
                        message:
                            "'\(written)' is neither a number nor a duration such as 10s, 5m or 2h")
                }
            } else if c == "\"" || c == "'" {
                i += 1
                while i < characters.count, characters[i] != c { i += 1 }
                guard i < characters.count else {
                    throw ExpressionError(offset: start, message: "this quote is not closed")
                }
                tokens.append(Token(kind: .text(text(start + 1..<i)), offset: start))
                i += 1
            } else {
                let two = text(i..<min(i + 2, characters.count))
                let symbol = Self.pairs.contains(two) ? two : String(c)
                guard Self.pairs.contains(symbol) || Self.singles.contains(symbol) else {
                    throw ExpressionError(
                        offset: start, message: "'\(c)' has no meaning in an expression")
                }
                tokens.append(Token(kind: .symbol(symbol), offset: start))
                i += symbol.count
            }
        }
        tokens.append(Token(kind: .end, offset: characters.count))
        return tokens
    }
}
