import Elevator
import PositionedYAML

/// The functions of the rule language: how many arguments each takes, of which types, and what it becomes.
extension Compiler {
    mutating func count(
        _ arguments: [Expression], _ comparison: Expression.Comparison, _ r: Expression, _ call: Expression
    ) throws(ExpressionError) -> Typed {
        guard arguments.count == 2 else {
            throw ExpressionError(offset: call.offset, message: "expected count(point, window)")
        }
        let point = try compile(arguments[0])
        try expect(point, .point, arguments[0], "Write rise(condition).")
        let window = try duration(arguments[1])
        let bound = try compile(r)
        let limit = nodes[bound.node]
        guard limit.operation == .numberConstant, let n = Int(exactly: Double(bitPattern: limit.constant)),
            0...1000 ~= n
        else {
            throw ExpressionError(
                offset: r.offset, message: "expected a whole number from 0 to 1000: it bounds the memory of count(…)")
        }
        // `count >= n` needs the last n points only; the other comparisons are written with it.
        func atLeast(_ n: Int, _ compiler: inout Compiler) -> Int {
            n <= 0
                ? compiler.constant(.true)
                : compiler.add(
                    Node(operation: .count, a: Int32(point.node), constant: UInt64(n), window: window.nanoseconds))
        }
        func not(_ node: Int, _ compiler: inout Compiler) -> Int { compiler.add(Node(operation: .not, a: Int32(node))) }
        let node: Int
        switch comparison {
        case .greaterOrEqual: node = atLeast(n, &self)
        case .greater: node = atLeast(n + 1, &self)
        case .less: node = not(atLeast(n, &self), &self)
        case .lessOrEqual: node = not(atLeast(n + 1, &self), &self)
        case .equal, .notEqual:
            let low = atLeast(n, &self)
            let high = not(atLeast(n + 1, &self), &self)
            let equal = add(Node(operation: .and, a: Int32(low), b: Int32(high)))
            node = comparison == .equal ? equal : not(equal, &self)
        }
        return Typed(node: node, type: .boolean)
    }

    mutating func call(
        _ name: String, _ arguments: [Expression], _ whole: Expression
    ) throws(ExpressionError) -> Typed {
        func arity(_ range: ClosedRange<Int>, _ form: String) throws(ExpressionError) {
            if !range.contains(arguments.count) {
                throw ExpressionError(
                    offset: whole.offset, message: "found \(arguments.count) arguments, expected \(form)")
            }
        }
        switch name {
        case "any", "all":
            try arity(1...1, "\(name)(doors.fully_open) or another family")
            guard case .name(let family) = arguments[0].form else {
                throw ExpressionError(
                    offset: arguments[0].offset, message: "expected a family of signals, such as doors.locked")
            }
            let members = try members(of: family, arguments[0])
            if let other = members.first(where: { signals.entries[$0].type != .boolean }) {
                throw ExpressionError(
                    offset: arguments[0].offset,
                    message: "'\(signals.entries[other].name)' is a number; compare it: \(name)(\(family)) > 5")
            }
            return fold(name == "any" ? .or : .and, members.map { leaf($0).node })
        case "known":
            try arity(1...1, "known(signal or condition)")
            let typed = try compile(arguments[0])
            switch typed.type {
            case .boolean: return Typed(node: add(Node(operation: .known, a: Int32(typed.node))), type: .boolean)
            case .codes: return Typed(node: typed.node, type: .boolean)
            case .point: throw mismatch(typed, .boolean, arguments[0])
            default: return Typed(node: add(Node(operation: .numberIsKnown, a: Int32(typed.node))), type: .boolean)
            }
        case "possibly":
            try arity(1...1, "possibly(condition)")
            return Typed(
                node: add(Node(operation: .possibly, a: Int32(try condition(operand: arguments[0])))), type: .boolean)
        case "last":
            try arity(1...1, "last(signal or condition)")
            let typed = try compile(arguments[0])
            if case .boolean = typed.type {
                return Typed(node: add(Node(operation: .last, a: Int32(typed.node))), type: .boolean)
            }
            if typed.type == .codes || typed.type == .point {
                throw ExpressionError(
                    offset: arguments[0].offset,
                    message: "this is \(typed.type.name), expected a condition, e.g. last(\"04\" in codes)")
            }
            return Typed(node: add(Node(operation: .lastNumber, a: Int32(typed.node))), type: typed.type)
        case "rise", "fall":
            try arity(1...1, "\(name)(condition)")
            let operand = try condition(operand: arguments[0])
            return Typed(node: add(Node(operation: name == "rise" ? .rise : .fall, a: Int32(operand))), type: .point)
        case "changes":
            try arity(1...1, "changes(signal)")
            let typed = try compile(arguments[0])
            switch typed.type {
            case .number, .enumeration:
                return Typed(node: add(Node(operation: .numberChanges, a: Int32(typed.node))), type: .point)
            case .boolean:
                let rise = add(Node(operation: .rise, a: Int32(typed.node)))
                let fall = add(Node(operation: .fall, a: Int32(typed.node)))
                return Typed(node: add(Node(operation: .or, a: Int32(rise), b: Int32(fall))), type: .point)
            default: throw mismatch(typed, .boolean, arguments[0])
            }
        case "once", "held":
            try arity(1...2, "\(name)(condition) or \(name)(condition, 10s)")
            return try overTime(name, arguments)
        case "since":
            try arity(2...2, "since(condition, start): at some time start, and condition ever since")
            let p = try condition(operand: arguments[0])
            let q = try compile(arguments[1])
            if q.type != .point { try expect(q, .boolean, arguments[1]) }
            return Typed(node: add(Node(operation: .since, a: Int32(p), b: Int32(q.node))), type: .boolean)
        case "silent":
            try arity(1...1, "silent(30s)")
            return Typed(
                node: add(Node(operation: .silent, window: try duration(arguments[0]).nanoseconds)), type: .boolean)
        case "count":
            throw ExpressionError(
                offset: whole.offset, message: "compare the count with a number: count(point, window) >= 3")
        default:
            throw ExpressionError(
                offset: whole.offset,
                message:
                    "'\(name)' is not a function.\(nearest(name, ["any", "all", "known", "possibly", "last", "rise", "fall", "changes", "once", "held", "since", "count", "silent"]))"
            )
        }
    }

    mutating func overTime(_ name: String, _ arguments: [Expression]) throws(ExpressionError) -> Typed {
        let typed = try compile(arguments[0])
        if name == "held" { try expect(typed, .boolean, arguments[0]) }
        if typed.type != .point { try expect(typed, .boolean, arguments[0]) }
        guard arguments.count == 2 else {
            return Typed(
                node: add(Node(operation: name == "once" ? .once : .held, a: Int32(typed.node))), type: .boolean)
        }
        let window = try duration(arguments[1]).nanoseconds
        if window == 0 {
            if typed.type == .point {
                throw ExpressionError(
                    offset: arguments[1].offset, message: "a window of 0s holds no point; expected a longer one")
            }
            return typed  // once and held over [now, now] are the condition itself
        }
        let operation: Node.Operation =
            name == "held" ? .heldWithin : typed.type == .point ? .onceEventWithin : .onceWithin
        return Typed(node: add(Node(operation: operation, a: Int32(typed.node), window: window)), type: .boolean)
    }
}
