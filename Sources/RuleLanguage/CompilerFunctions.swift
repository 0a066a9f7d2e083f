import LiftModel
import RuleEngine

/// The functions of the rule language: the number and types of their arguments, and their nodes.
extension Compiler {
    /// Functions of a number over a window. `avg` is none: it is compared with a bound
    /// (`CompilerMeasures.swift`).
    package static let sampleFunctions: [String: Node.Operation] = [
        "min": .minimum, "max": .maximum, "delta": .delta, "rate": .rate,
    ]
    static let functions = [
        "any", "all", "known", "possibly", "last", "previous", "rise", "fall", "changes", "once",
        "held", "since",
        "latched", "then", "not_followed", "count", "silent", "age", "min", "max", "avg", "delta",
        "rate", "abs",
        "today", "usual",
    ]

    // Over 60 lines: one case a function of the language.
    mutating func call(
        _ name: String, _ arguments: [Expression], _ whole: Expression
    ) throws(ExpressionError) -> Typed {
        func arity(_ range: ClosedRange<Int>, _ form: String) throws(ExpressionError) {
            if !range.contains(arguments.count) {
                throw ExpressionError(
                    offset: whole.offset,
                    message: "found \(arguments.count) arguments, expected \(form)")
            }
        }
        switch name {
        case "any", "all":
            try arity(1...1, "\(name)(doors.fully_open) or another family")
            return try quantify(name, arguments[0])
        case "known":
            try arity(1...1, "known(signal or condition)")
            let typed = try compile(arguments[0])
            switch typed.type {
            case .boolean: return condition(surely(typed.operand), or: surely(!typed.operand))
            case .codes: return Typed(operand: typed.operand, type: .boolean)
            case .point: throw mismatch(typed, .boolean, arguments[0])
            default: return Typed(operand: surely(typed.operand), type: .boolean)
            }
        case "possibly":
            try arity(1...1, "possibly(condition)")
            return Typed(operand: possibly(try condition(operand: arguments[0])), type: .boolean)
        case "last", "previous":
            try arity(1...1, "\(name)(signal or condition)")
            return try remembered(name, arguments[0])
        case "rise", "fall":
            try arity(1...1, "\(name)(condition)")
            let operand = try condition(operand: arguments[0])
            return Typed(operand: rise(name == "rise" ? operand : !operand), type: .point)
        case "changes":
            try arity(1...1, "changes(signal), or changes(signal, 1h) compared with a number")
            return Typed(operand: try changes(arguments[0]), type: .point)
        case "once", "held":
            try arity(
                1...2, "\(name)(condition), \(name)(condition, 10s) or \(name)(condition, 3s..10s)")
            let typed = try compile(arguments[0])
            if name == "held" || typed.type != .point { try expect(typed, .boolean, arguments[0]) }
            if arguments.count == 1 { return unbounded(name, typed) }
            let isHeld = name == "held"
            let window = try window(arguments[1])
            if window.high == .max { return unbounded(name, typed, low: window.low) }
            let once = try since(
                .none, Typed(operand: isHeld ? !typed.operand : typed.operand, type: typed.type),
                window, arguments[1])
            return Typed(operand: isHeld ? !once : once, type: .boolean)
        case "since":
            try arity(2...3, "since(condition, start) or since(condition, start, 10s)")
            let p = try condition(operand: arguments[0])
            let q = try compile(arguments[1])
            if q.type != .point { try expect(q, .boolean, arguments[1]) }
            let window =
                arguments.count == 3 ? try window(arguments[2]) : Window(low: 0, high: .max)
            return Typed(
                operand: try since(p, q, window, arguments[arguments.count - 1]), type: .boolean)
        case "latched":
            try arity(2...2, "latched(set, reset)")
            let set = try event(arguments[0])
            let reset = try event(arguments[1])
            // A point sets for an instant; a condition that resets still holds after it.
            return Typed(
                operand: add(
                    Node(
                        operation: .latched, a: set.operand, b: reset.operand,
                        ofPoints: set.type == .point && reset.type != .point)), type: .boolean)
        case "then":
            try arity(3...3, "then(first, second, 10s)")
            let first = Typed(operand: try arrival(arguments[0]), type: .point)
            let second = try arrival(arguments[1])
            // Time is in whole nanoseconds: one more includes what happened exactly that long ago.
            let window = Window(low: 0, high: try positive(arguments[2]) + 1)
            let before = try since(.none, first, window, arguments[2])
            return Typed(operand: and(second, before, ofPoints: true), type: .point)
        case "not_followed":
            try arity(3...3, "not_followed(question, answer, 10s)")
            let asked = try arrival(arguments[0])
            let answered = try event(arguments[1])
            return Typed(
                operand: add(
                    Node(
                        operation: .unanswered, a: asked, b: answered.operand,
                        low: try duration(arguments[2]).nanoseconds)), type: .boolean)
        case "silent":
            try arity(1...1, "silent(30s)")
            return Typed(
                operand: add(
                    Node(operation: .silent, high: try duration(arguments[0]).nanoseconds)),
                type: .boolean)
        case "abs":
            try arity(1...1, "abs(number)")
            let typed = try compile(arguments[0])
            guard case .number = typed.type else {
                throw mismatch(typed, .number(unit: ""), arguments[0])
            }
            return Typed(
                operand: add(Node(operation: .absolute, a: typed.operand)), type: typed.type)
        case "today":
            try arity(1...1, "today(point)")
            return try daily(.today, arguments[0], days: 0)
        case "usual":
            try arity(2...2, "usual(point, 14d)")
            return try daily(.usual, arguments[0], days: try days(arguments[1]))
        case "count", "avg", "age":
            let example = [
                "count": "count(point, 1h) >= 3", "avg": "avg(load, 10s) > 80",
                "age": "age(load) > 30s",
            ]
            throw ExpressionError(
                offset: whole.offset, message: "compare it with a bound: \(example[name] ?? "")")
        default:
            if let operation = Self.sampleFunctions[name] {
                try arity(2...2, "\(name)(number, 10s)")
                return try sampled(operation, arguments)
            }
            throw ExpressionError(
                offset: whole.offset,
                message: "'\(name)' is not a function.\(nearest(name, Self.functions))")
        }
    }

    private mutating func condition(_ a: Operand, or b: Operand) -> Typed {
        Typed(operand: or(a, b), type: .boolean)
    }

    /// A condition or a point.
    private mutating func event(_ expression: Expression) throws(ExpressionError) -> Typed {
        let typed = try compile(expression)
        if typed.type != .point { try expect(typed, .boolean, expression) }
        return typed
    }

    /// The point at which an event arrives: a condition arrives when it becomes true.
    private mutating func arrival(_ expression: Expression) throws(ExpressionError) -> Operand {
        let typed = try event(expression)
        return typed.type == .point ? typed.operand : rise(typed.operand)
    }

    private mutating func quantify(_ name: String, _ argument: Expression) throws(ExpressionError)
        -> Typed
    {
        guard case .name(let family) = argument.form else {
            throw ExpressionError(
                offset: argument.offset,
                message: "expected a family of signals, such as doors.locked")
        }
        let members = try members(of: family, argument)
        if let other = members.first(where: { signals.entries[$0].type != .boolean }) {
            throw ExpressionError(
                offset: argument.offset,
                message:
                    "'\(signals.entries[other].name)' is a number; compare it: \(name)(\(family)) > 5"
            )
        }
        return Typed(
            operand: combine(members.map { leaf($0).operand }, isAny: name == "any"), type: .boolean
        )
    }

    private mutating func remembered(_ name: String, _ argument: Expression) throws(ExpressionError)
        -> Typed
    {
        let typed = try compile(argument)
        if typed.type == .codes || typed.type == .point {
            throw ExpressionError(
                offset: argument.offset,
                message:
                    "this is \(typed.type.name), expected a condition, e.g. \(name)(\"04\" in codes)"
            )
        }
        let isLast = name == "last"
        if typed.type == .boolean {
            if isLast, let constant = constant(of: typed.operand) {
                return Typed(operand: self.constant(constant), type: .boolean)
            }
            return Typed(
                operand: add(Node(operation: isLast ? .last : .previous, a: typed.operand)),
                type: .boolean)
        }
        return Typed(
            operand: add(Node(operation: isLast ? .lastNumber : .previousNumber, a: typed.operand)),
            type: typed.type)
    }

    mutating func changes(_ argument: Expression) throws(ExpressionError) -> Operand {
        let typed = try compile(argument)
        switch typed.type {
        case .number, .enumeration: return add(Node(operation: .numberChanges, a: typed.operand))
        case .boolean: return either(rise(typed.operand), rise(!typed.operand))
        default: throw mismatch(typed, .boolean, argument)
        }
    }

    private mutating func sampled(
        _ operation: Node.Operation, _ arguments: [Expression]
    ) throws(ExpressionError) -> Typed {
        let typed = try compile(arguments[0])
        guard case .number(let unit) = typed.type else {
            throw mismatch(typed, .number(unit: ""), arguments[0])
        }
        let window = try positive(arguments[1])
        return Typed(
            operand: add(
                Node(
                    operation: operation, a: typed.operand, high: window,
                    capacity: try rings.samples(window, arguments[1]))),
            type: .number(unit: operation == .rate && !unit.isEmpty ? unit + "/s" : unit))
    }

    private mutating func daily(
        _ operation: Node.Operation, _ argument: Expression, days: Int32
    ) throws(ExpressionError) -> Typed {
        let point = try self.point(argument)
        return Typed(
            operand: add(Node(operation: operation, b: point, ofPoints: true, capacity: days)),
            type: .number(unit: ""))
    }

    mutating func point(_ expression: Expression) throws(ExpressionError) -> Operand {
        let typed = try compile(expression)
        try expect(typed, .point, expression, "Write rise(condition).")
        return typed.operand
    }

    private func days(_ expression: Expression) throws(ExpressionError) -> Int32 {
        let (days, rest) = try duration(expression).nanoseconds.quotientAndRemainder(
            dividingBy: 86_400_000_000_000)
        if rest != 0 || !(1...Self.maximumDays ~= days) {
            throw ExpressionError(
                offset: expression.offset,
                message:
                    "expected whole days, from 1d to \(Self.maximumDays)d: a count is remembered for each"
            )
        }
        return Int32(days)
    }
    /// Days over which a lift's usual count may be taken.
    private static let maximumDays: Int64 = 28

    // MARK: Windows

    struct Window {
        var low: Int64
        /// `.max`: since the start of the record.
        var high: Int64
    }

    private func window(_ expression: Expression) throws(ExpressionError) -> Window {
        guard case .window(let low, let high) = expression.form else {
            return Window(low: 0, high: try duration(expression).nanoseconds)
        }
        let window = Window(
            low: try duration(low).nanoseconds, high: try high.map(duration)?.nanoseconds ?? .max)
        if window.low > window.high {
            throw ExpressionError(
                offset: expression.offset, message: "the window ends before it begins")
        }
        return window
    }

    func positive(_ expression: Expression) throws(ExpressionError) -> Int64 {
        let window = try duration(expression).nanoseconds
        if window == 0 {
            throw ExpressionError(
                offset: expression.offset, message: "expected a window longer than 0s")
        }
        return window
    }

    /// `once` and `held` over the whole record, up to `low` before now.
    private mutating func unbounded(_ name: String, _ typed: Typed, low: Int64 = 0) -> Typed {
        let isHeld = name == "held"
        let ever = add(
            Node(
                operation: .ever, b: isHeld ? !typed.operand : typed.operand,
                ofPoints: typed.type == .point, low: low))
        return Typed(operand: isHeld ? !ever : ever, type: .boolean)
    }

    private mutating func since(
        _ p: Operand, _ q: Typed, _ window: Window, _ location: Expression
    ) throws(ExpressionError) -> Operand {
        let ofPoints = q.type == .point
        if ofPoints, window.low == window.high {
            throw ExpressionError(
                offset: location.offset,
                message: "a window without length holds no point; expected a longer one")
        }
        // At this very moment the window (t, t] is empty, so `p` has no effect.
        if window.high == 0 { return q.operand }
        var node = Node(operation: .sinceWithin, a: p, b: q.operand, ofPoints: ofPoints)
        node.low = window.low
        node.high = window.high
        if window.high == .max {
            node.operation = .since
        } else if window.low > 0 {
            node.operation = .sinceBetween
            node.capacity = try rings.stretches(window.low, window.high, location)
        }
        return add(node)
    }

    /// A duration that is written out, or the value of a parameter.
    func duration(_ expression: Expression) throws(ExpressionError) -> Duration {
        switch expression.form {
        case .duration(let duration): return duration
        case .name(let name):
            if case .duration(let duration) = parameters[name] { return duration }
        default: break
        }
        throw ExpressionError(
            offset: expression.offset,
            message:
                "found \(expression.text), expected a duration such as 10s, or a parameter that is one"
        )
    }
}
