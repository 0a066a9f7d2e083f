import LiftModel
import RuleEngine

/// A measure that can only be compared with a bound, because the bound decides how much memory it
/// needs.
enum Measure {
    case count, changes, age, average

    init?(_ name: String, _ arguments: [Expression]) {
        switch name {
        case "count": self = .count
        case "changes" where arguments.count == 2: self = .changes
        case "age": self = .age
        case "avg": self = .average
        default: return nil
        }
    }
}

/// Comparisons of a count, an average or an age with a bound.
extension Compiler {
    mutating func compare(
        _ measure: Measure, _ arguments: [Expression], _ comparison: Expression.Comparison,
        _ bound: Expression,
        _ call: Expression
    ) throws(ExpressionError) -> Typed {
        switch measure {
        case .count, .changes:
            guard arguments.count == 2 || arguments.count == 3 && measure == .count else {
                throw ExpressionError(
                    offset: call.offset,
                    message: "expected count(point, window) or count(point, window, number)")
            }
            let point = measure == .count ? try point(arguments[0]) : try changes(arguments[0])
            let number = arguments.count == 3 ? try groupingNumber(arguments[2]) : Operand.none
            return try count(point, try positive(arguments[1]), where: number, comparison, bound)
        case .age: return try age(arguments, comparison, bound, call)
        case .average: return try average(arguments, comparison, bound, call)
        }
    }

    /// The number, or name, that must be the same at each point that counts.
    private mutating func groupingNumber(_ expression: Expression) throws(ExpressionError)
        -> Operand
    {
        let typed = try compile(expression)
        switch typed.type {
        case .number, .enumeration: return typed.operand
        default: throw mismatch(typed, .number(unit: ""), expression, "Such as floor.")
        }
    }

    private mutating func count(
        _ point: Operand, _ window: Int64, where number: Operand,
        _ comparison: Expression.Comparison,
        _ bound: Expression
    ) throws(ExpressionError) -> Typed {
        let limit = try compile(bound)
        let maximum = number == .none ? 1000 : RingSizes.numberedPoints - 1
        guard let n = constantNumber(limit.operand).flatMap({ Int(exactly: $0) }), 0...maximum ~= n
        else {
            throw ExpressionError(
                offset: bound.offset,
                message:
                    "expected a whole number from 0 to \(maximum): it bounds the memory of count(…)"
            )
        }
        // `count >= n` needs the last n points only. The other comparisons are expressed by it.
        func atLeast(_ n: Int, _ compiler: inout Compiler) -> Operand {
            if n <= 0 { return compiler.constant(.true) }
            var node = Node(
                operation: .count, b: point, ofPoints: true, high: window, capacity: Int32(n))
            if number != .none {
                node.operation = .countWhere
                node.a = number
                node.constant = UInt64(n)
                node.capacity = Int32(RingSizes.numberedPoints)
            }
            node.isDefinite = compiler.isDefinite(point)
            return compiler.add(node)
        }
        let operand: Operand
        switch comparison {
        case .greaterOrEqual: operand = atLeast(n, &self)
        case .greater: operand = atLeast(n + 1, &self)
        case .less: operand = !atLeast(n, &self)
        case .lessOrEqual: operand = !atLeast(n + 1, &self)
        case .equal, .notEqual:
            let equal = and(atLeast(n, &self), !atLeast(n + 1, &self))
            operand = comparison == .equal ? equal : !equal
        }
        return Typed(operand: operand, type: .boolean)
    }

    private func constantNumber(_ operand: Operand) -> Double? {
        let node = nodes[operand.node]
        return node.operation == .numberConstant ? Double(bitPattern: node.constant) : nil
    }

    private mutating func age(
        _ arguments: [Expression], _ comparison: Expression.Comparison, _ bound: Expression,
        _ call: Expression
    ) throws(ExpressionError) -> Typed {
        guard arguments.count == 1, case .name(let name) = arguments[0].form else {
            throw ExpressionError(
                offset: call.offset, message: "expected age(signal), e.g. age(floor) > 30s")
        }
        guard let signal = signal(named: name) else {
            throw ExpressionError(
                offset: arguments[0].offset,
                message: "'\(name)' is not a signal.\(nearest(name, signals.entries.map(\.name)))")
        }
        let limit = try duration(bound).nanoseconds
        // Time is in whole nanoseconds: older than d is at least d + 1.
        func atLeast(_ age: Int64, _ compiler: inout Compiler) -> Operand {
            compiler.add(Node(operation: .age, signal: UInt8(signal), high: age))
        }
        switch comparison {
        case .greaterOrEqual: return Typed(operand: atLeast(limit, &self), type: .boolean)
        case .greater: return Typed(operand: atLeast(limit + 1, &self), type: .boolean)
        case .less: return Typed(operand: !atLeast(limit, &self), type: .boolean)
        case .lessOrEqual: return Typed(operand: !atLeast(limit + 1, &self), type: .boolean)
        case .equal, .notEqual:
            throw ExpressionError(
                offset: call.offset, message: "an age is compared with < <= > >= only")
        }
    }

    private mutating func average(
        _ arguments: [Expression], _ comparison: Expression.Comparison, _ bound: Expression,
        _ call: Expression
    ) throws(ExpressionError) -> Typed {
        guard arguments.count == 2 else {
            throw ExpressionError(offset: call.offset, message: "expected avg(number, window)")
        }
        let typed = try compile(arguments[0])
        guard case .number = typed.type else {
            throw mismatch(typed, .number(unit: ""), arguments[0])
        }
        let written = try compile(bound)
        guard let limit = constantNumber(written.operand) else {
            throw ExpressionError(
                offset: bound.offset,
                message: "a mean is compared with a number that is written out")
        }
        let window = try positive(arguments[1])
        let capacity = try rings.samples(window, arguments[1])
        func isBelow(_ comparison: Node.Comparison, _ compiler: inout Compiler) -> Operand {
            compiler.add(
                Node(
                    operation: .average, a: typed.operand, comparison: comparison,
                    constant: limit.bitPattern,
                    high: window, capacity: capacity))
        }
        switch comparison {
        case .less: return Typed(operand: isBelow(.less, &self), type: .boolean)
        case .lessOrEqual: return Typed(operand: isBelow(.lessOrEqual, &self), type: .boolean)
        case .greater: return Typed(operand: !isBelow(.lessOrEqual, &self), type: .boolean)
        case .greaterOrEqual: return Typed(operand: !isBelow(.less, &self), type: .boolean)
        case .equal, .notEqual:
            throw ExpressionError(
                offset: call.offset, message: "a mean is compared with < <= > >= only")
        }
    }
}
