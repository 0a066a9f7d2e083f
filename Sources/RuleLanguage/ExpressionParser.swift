/// Parses the expression language. From the loosest to the tightest binding: `implies`, `or`,
/// `and`, `not`, comparison and `in`, `+ -`, `* /`.
package struct ExpressionParser {
    /// Deeper expressions are refused, so that a hostile rule file cannot exhaust the stack.
    static let maximumDepth = 100
    static let maximumTokens = 1000

    private var tokens: [Token]
    private var next = 0
    private var depth = 0

    /// - Throws: `ExpressionError` at the first token that does not fit; nothing is accepted in
    ///   part.
    package static func parse(_ text: String) throws(ExpressionError) -> Expression {
        let tokens = try Token.all(in: text)
        if tokens.count > maximumTokens {
            throw ExpressionError(
                offset: 0,
                message:
                    "has \(tokens.count) tokens; the limit is \(maximumTokens). Name parts of it with 'let'"
            )
        }
        var parser = ExpressionParser(tokens: tokens)
        let expression = try parser.implication()
        guard parser.token.kind == .end else {
            throw parser.fail("expected an operator or the end")
        }
        return expression
    }

    private init(tokens: [Token]) { self.tokens = tokens }

    private var token: Token { tokens[next] }

    private func fail(_ expectation: String) -> ExpressionError {
        ExpressionError(offset: token.offset, message: "found \(token.written), \(expectation)")
    }

    private mutating func take(symbol: String) -> Bool {
        guard token.kind == .symbol(symbol) else { return false }
        next += 1
        return true
    }

    private mutating func take(keyword: String) -> Bool {
        guard token.kind == .name(keyword) else { return false }
        next += 1
        return true
    }

    private mutating func implication() throws(ExpressionError) -> Expression {
        depth += 1
        defer { depth -= 1 }
        if depth > Self.maximumDepth {
            throw fail("but this is nested deeper than \(Self.maximumDepth) levels")
        }
        let left = try disjunction()
        let offset = token.offset
        guard take(keyword: "implies") else { return left }
        return Expression(form: .implies(left, try implication()), offset: offset)
    }

    private mutating func disjunction() throws(ExpressionError) -> Expression {
        var left = try conjunction()
        while true {
            let offset = token.offset
            guard take(keyword: "or") else { return left }
            left = Expression(form: .or(left, try conjunction()), offset: offset)
        }
    }

    private mutating func conjunction() throws(ExpressionError) -> Expression {
        var left = try negation()
        while true {
            let offset = token.offset
            guard take(keyword: "and") else { return left }
            left = Expression(form: .and(left, try negation()), offset: offset)
        }
    }

    private mutating func negation() throws(ExpressionError) -> Expression {
        let offset = token.offset
        guard take(keyword: "not") else { return try comparison() }
        depth += 1
        defer { depth -= 1 }
        if depth > Self.maximumDepth {
            throw fail("but this is nested deeper than \(Self.maximumDepth) levels")
        }
        return Expression(form: .not(try negation()), offset: offset)
    }

    private mutating func comparison() throws(ExpressionError) -> Expression {
        let left = try sum()
        let offset = token.offset
        if take(keyword: "in") {
            return Expression(form: .member(left, of: try sum()), offset: offset)
        }
        guard case .symbol(let symbol) = token.kind,
            let comparison = Expression.Comparison(rawValue: symbol)
        else {
            return left
        }
        next += 1
        return Expression(form: .compare(comparison, left, try sum()), offset: offset)
    }

    private mutating func sum() throws(ExpressionError) -> Expression {
        var left = try product()
        while case .symbol(let symbol) = token.kind, symbol == "+" || symbol == "-",
            let operation = Expression.Arithmetic(rawValue: symbol)
        {
            let offset = token.offset
            next += 1
            left = Expression(form: .arithmetic(operation, left, try product()), offset: offset)
        }
        return left
    }

    private mutating func product() throws(ExpressionError) -> Expression {
        var left = try primary()
        while case .symbol(let symbol) = token.kind, symbol == "*" || symbol == "/",
            let operation = Expression.Arithmetic(rawValue: symbol)
        {
            let offset = token.offset
            next += 1
            left = Expression(form: .arithmetic(operation, left, try primary()), offset: offset)
        }
        return left
    }

    private mutating func primary() throws(ExpressionError) -> Expression {
        let start = token
        switch start.kind {
        case .number(let number):
            next += 1
            return Expression(form: .number(number), offset: start.offset)
        case .duration(let duration):
            next += 1
            return try window(from: Expression(form: .duration(duration), offset: start.offset))
        case .text(let text):
            next += 1
            return Expression(form: .text(text), offset: start.offset)
        case .symbol("-"):
            next += 1
            guard case .number(let number) = token.kind else {
                throw fail("expected a number after '-'")
            }
            next += 1
            return Expression(form: .number(-number), offset: start.offset)
        case .symbol("("):
            next += 1
            let inner = try implication()
            guard take(symbol: ")") else { throw fail("expected ')'") }
            return inner
        case .symbol("{"):
            next += 1
            return Expression(form: .set(try list(until: "}")), offset: start.offset)
        case .name(let name) where !Self.operators.contains(name):
            next += 1
            guard take(symbol: "(") else {
                return try window(from: Expression(form: .name(name), offset: start.offset))
            }
            return Expression(form: .call(name, try list(until: ")")), offset: start.offset)
        default:
            throw fail("expected a signal, a value, '(' or a function")
        }
    }

    /// `low..high`, `low..`, or only `low`.
    private mutating func window(from low: Expression) throws(ExpressionError) -> Expression {
        guard take(symbol: "..") else { return low }
        var high: Expression?
        switch token.kind {
        case .duration(let duration):
            high = Expression(form: .duration(duration), offset: token.offset)
        case .name(let name) where !Self.operators.contains(name):
            high = Expression(form: .name(name), offset: token.offset)
        default: break
        }
        if high != nil { next += 1 }
        return Expression(form: .window(low, high), offset: low.offset)
    }

    private static let operators: Set = ["and", "or", "not", "in", "implies"]

    private mutating func list(until close: String) throws(ExpressionError) -> [Expression] {
        var items: [Expression] = []
        if take(symbol: close) { return items }
        while true {
            items.append(try implication())
            if take(symbol: close) { return items }
            guard take(symbol: ",") else { throw fail("expected ',' or '\(close)'") }
        }
    }
}
