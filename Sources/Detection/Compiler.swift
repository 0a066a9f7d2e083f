import Elevator
import PositionedYAML

/// Checks the types of expressions and turns them into nodes.
struct Compiler {
    enum ValueType: Equatable {
        case boolean
        /// True at instants only; allowed inside `once`, `count` and `since`.
        case point
        case number(unit: String)
        case enumeration([String])
        case codes

        var name: String {
            switch self {
            case .boolean: "a condition"
            case .point: "a point in time (rise, fall, changes)"
            case .number(let unit): unit.isEmpty ? "a number" : "a number in \(unit)"
            case .enumeration(let names): "one of " + names.joined(separator: ", ")
            case .codes: "a set of codes"
            }
        }
    }
    struct Typed {
        var node: Int
        var type: ValueType
    }

    let signals: SignalTable
    var parameters: [String: ParameterValue]
    var lets: [String: Expression]
    private(set) var nodes: [Node] = []
    private var index: [Node: Int] = [:]
    private var pending: Set<String> = []
    /// Each `let` is compiled once in a scope: they may name each other many times over.
    private var compiledLets: [String: Typed] = [:]
    /// 0, or the rule whose `clear` is being compiled.
    private var scope: Int32 = 0

    init(signals: SignalTable, parameters: [String: ParameterValue], lets: [String: Expression]) {
        self.signals = signals
        self.parameters = parameters
        self.lets = lets
    }

    /// Compiles a condition. With a scope, memory of its operators begins when the rule's alert is raised.
    mutating func condition(_ expression: Expression, scope: Int32 = 0) throws(ExpressionError) -> Int {
        self.scope = scope
        defer { self.scope = 0 }
        let typed = try compile(expression)
        try expect(
            typed, .boolean, expression, typed.type == .point ? "Inside once(…, 10s) a point becomes a condition." : "")
        return typed.node
    }

    mutating func addScoped(_ node: Node, scope: Int32) -> Int {
        self.scope = scope
        defer { self.scope = 0 }
        return add(node)
    }

    /// Checks that names resolve and types fit, whatever the type of the whole.
    mutating func bind(_ expression: Expression) throws(ExpressionError) { _ = try compile(expression) }

    mutating func add(_ node: Node) -> Int {
        var node = node
        let usesScope = [node.a, node.b].contains { $0 >= 0 && nodes[Int($0)].scope != 0 }
        node.scope = node.slotCount > 0 || usesScope ? scope : 0
        if let known = index[node] { return known }
        nodes.append(node)
        index[node] = nodes.count - 1
        return nodes.count - 1
    }

    private func expect(
        _ typed: Typed, _ type: ValueType, _ expression: Expression, _ hint: String = ""
    ) throws(ExpressionError) {
        if typed.type != type { throw mismatch(typed, type, expression, hint) }
    }

    private func mismatch(
        _ typed: Typed, _ type: ValueType, _ expression: Expression, _ hint: String = ""
    ) -> ExpressionError {
        ExpressionError(
            offset: expression.offset,
            message: "this is \(typed.type.name), expected \(type.name).\(hint.isEmpty ? "" : " " + hint)")
    }

    private mutating func compile(_ expression: Expression) throws(ExpressionError) -> Typed {
        switch expression.form {
        case .name(let name): return try compile(name: name, expression)
        case .number(let number):
            return Typed(
                node: add(Node(operation: .numberConstant, constant: number.bitPattern)), type: .number(unit: ""))
        case .duration, .text, .set:
            throw ExpressionError(
                offset: expression.offset, message: "a value cannot stand alone here; compare a signal with it")
        case .not(let operand):
            let typed = try compile(operand)
            try expect(typed, .boolean, operand)
            return Typed(node: add(Node(operation: .not, a: Int32(typed.node))), type: .boolean)
        case .and(let l, let r): return try connect(.and, l, r)
        case .or(let l, let r): return try connect(.or, l, r)
        case .implies(let l, let r):
            let left = try condition(operand: l)
            let right = try condition(operand: r)
            let notLeft = add(Node(operation: .not, a: Int32(left)))
            return Typed(node: add(Node(operation: .or, a: Int32(notLeft), b: Int32(right))), type: .boolean)
        case .compare(let comparison, let l, let r): return try compare(comparison, l, r, expression)
        case .arithmetic(let operation, let l, let r): return try calculate(operation, l, r)
        case .member(let element, let set): return try member(element, set, expression)
        case .call(let name, let arguments): return try call(name, arguments, expression)
        }
    }

    private mutating func condition(operand: Expression) throws(ExpressionError) -> Int {
        let typed = try compile(operand)
        try expect(typed, .boolean, operand)
        return typed.node
    }

    private mutating func compile(name: String, _ expression: Expression) throws(ExpressionError) -> Typed {
        if name == "true" || name == "false" {
            return Typed(node: constant(Kleene(name == "true")), type: .boolean)
        }
        if name == "heard" { return Typed(node: add(Node(operation: .isHeard)), type: .boolean) }
        if let definition = lets[name] {
            if let known = compiledLets[name + "/\(scope)"] { return known }
            guard pending.insert(name).inserted else {
                throw ExpressionError(offset: expression.offset, message: "'\(name)' is defined by itself")
            }
            defer { pending.remove(name) }
            do {
                let typed = try compile(definition)
                compiledLets[name + "/\(scope)"] = typed
                return typed
            } catch {
                throw ExpressionError(offset: expression.offset, message: "in 'let \(name)': \(error.message)")
            }
        }
        if let parameter = parameters[name] {
            switch parameter {
            case .number(let number):
                return Typed(
                    node: add(Node(operation: .numberConstant, constant: number.bitPattern)), type: .number(unit: ""))
            case .duration:
                throw ExpressionError(
                    offset: expression.offset, message: "'\(name)' is a duration; it may stand as a window only")
            }
        }
        if let signal = signals.index(of: name) { return leaf(signal) }
        if !signals.members(of: name).isEmpty {
            throw ExpressionError(
                offset: expression.offset,
                message: "'\(name)' is a family of signals; write any(\(name)) or all(\(name))")
        }
        let known = signals.entries.map(\.name) + lets.keys + parameters.keys
        throw ExpressionError(
            offset: expression.offset,
            message: "'\(name)' is not a signal, a 'let' or a parameter.\(nearest(name, known))")
    }

    private mutating func leaf(_ signal: Int) -> Typed {
        let entry = signals.entries[signal]
        switch entry.type {
        case .boolean:
            return Typed(
                node: entry.isProvided
                    ? add(Node(operation: .signal, constant: UInt64(signal))) : constant(.unknown),
                type: .boolean)
        case .number(let unit):
            return Typed(node: add(Node(operation: .signalNumber, constant: UInt64(signal))), type: .number(unit: unit))
        case .enumeration(let names):
            return Typed(
                node: add(Node(operation: .signalNumber, comparison: 1, constant: UInt64(signal))),
                type: .enumeration(names))
        case .codes:
            return Typed(node: add(Node(operation: .signalIsKnown, constant: UInt64(signal))), type: .codes)
        }
    }

    private mutating func constant(_ value: Kleene) -> Int {
        add(Node(operation: .constant, constant: UInt64(value.rawValue)))
    }

    private mutating func connect(
        _ operation: Node.Operation, _ l: Expression, _ r: Expression
    ) throws(ExpressionError) -> Typed {
        let left = try compile(l)
        let right = try compile(r)
        for (typed, operand) in [(left, l), (right, r)] where typed.type != .point {
            try expect(typed, .boolean, operand)
        }
        let points = [left, right].filter { $0.type == .point }.count
        if operation == .or, points == 1 {
            throw ExpressionError(
                offset: r.offset, message: "'or' cannot join a point in time and a condition; use once(point, 10s)")
        }
        return Typed(
            node: add(Node(operation: operation, a: Int32(left.node), b: Int32(right.node))),
            type: points > 0 ? .point : .boolean)
    }

    private mutating func compare(
        _ comparison: Expression.Comparison, _ l: Expression, _ r: Expression, _ whole: Expression
    ) throws(ExpressionError) -> Typed {
        if case .call("count", let arguments) = l.form { return try count(arguments, comparison, r, l) }
        // `any(doors.fully_open) == true` and the like expand over the family.
        if case .call(let quantifier, let arguments) = l.form, quantifier == "any" || quantifier == "all",
            arguments.count == 1, case .name(let family) = arguments[0].form
        {
            let members = try self.members(of: family, arguments[0])
            let parts = try mapThrowing(members) { (m: inout Compiler, member: Int) throws(ExpressionError) in
                let name = Expression(form: .name(m.signals.entries[member].name), offset: l.offset)
                return try m.compare(comparison, name, r, whole).node
            }
            return fold(quantifier == "any" ? .or : .and, parts)
        }
        let left = try compile(l)
        switch left.type {
        case .enumeration(let names):
            guard comparison == .equal || comparison == .notEqual else {
                throw ExpressionError(offset: whole.offset, message: "names are compared with == and != only")
            }
            let node = add(Node(operation: .isOneOf, a: Int32(left.node), constant: try mask(of: [r], names)))
            return Typed(node: comparison == .equal ? node : add(Node(operation: .not, a: Int32(node))), type: .boolean)
        case .boolean:
            let right = try compile(r)
            try expect(right, .boolean, r)
            guard comparison == .equal || comparison == .notEqual else {
                throw ExpressionError(offset: whole.offset, message: "conditions are compared with == and != only")
            }
            let both = add(Node(operation: .and, a: Int32(left.node), b: Int32(right.node)))
            let notLeft = add(Node(operation: .not, a: Int32(left.node)))
            let notRight = add(Node(operation: .not, a: Int32(right.node)))
            let neither = add(Node(operation: .and, a: Int32(notLeft), b: Int32(notRight)))
            let equal = add(Node(operation: .or, a: Int32(both), b: Int32(neither)))
            return Typed(
                node: comparison == .equal ? equal : add(Node(operation: .not, a: Int32(equal))), type: .boolean)
        case .number:
            let right = try compile(r)
            guard case .number = right.type else { throw mismatch(right, left.type, r) }
            try sameUnit(left.type, right.type, r)
            return Typed(
                node: add(
                    Node(
                        operation: .compare, a: Int32(left.node), b: Int32(right.node),
                        comparison: Self.code(of: comparison))),
                type: .boolean)
        case .codes, .point:
            throw ExpressionError(
                offset: l.offset,
                message: "\(left.type.name) cannot be compared. A code is asked for by \"04\" in codes")
        }
    }

    static func code(of comparison: Expression.Comparison) -> UInt8 {
        switch comparison {
        case .equal: 0
        case .notEqual: 1
        case .less: 2
        case .lessOrEqual: 3
        case .greater: 4
        case .greaterOrEqual: 5
        }
    }

    private func sameUnit(_ a: ValueType, _ b: ValueType, _ r: Expression) throws(ExpressionError) {
        if case .number(let x) = a, case .number(let y) = b, x != y, !x.isEmpty, !y.isEmpty {
            throw ExpressionError(offset: r.offset, message: "this is in \(y), expected \(x)")
        }
    }

    private mutating func calculate(
        _ operation: Expression.Arithmetic, _ l: Expression, _ r: Expression
    ) throws(ExpressionError) -> Typed {
        let left = try compile(l)
        let right = try compile(r)
        guard case .number(let x) = left.type else { throw mismatch(left, .number(unit: ""), l) }
        guard case .number(let y) = right.type else { throw mismatch(right, .number(unit: ""), r) }
        if operation == .add || operation == .subtract { try sameUnit(left.type, right.type, r) }
        let node: Node.Operation =
            switch operation {
            case .add: .add
            case .subtract: .subtract
            case .multiply: .multiply
            case .divide: .divide
            }
        let unit = operation == .divide && x == y ? "" : x.isEmpty ? y : x
        return Typed(
            node: add(Node(operation: node, a: Int32(left.node), b: Int32(right.node))), type: .number(unit: unit))
    }

    private mutating func member(
        _ element: Expression, _ set: Expression, _ whole: Expression
    ) throws(ExpressionError) -> Typed {
        if case .name(let name) = set.form, let signal = signals.index(of: name), signals.entries[signal].type == .codes
        {
            let (codes, all): ([Expression], Bool) =
                switch element.form {
                case .call("any", let codes): (codes, false)
                case .call("all", let codes): (codes, true)
                default: ([element], false)
                }
            var mask: UInt64 = 0
            for code in codes {
                guard case .text(let text) = code.form, let code = FaultCode(rawValue: text) else {
                    throw ExpressionError(
                        offset: code.offset, message: "expected a code of GB/T 24476-2017 in quotes, such as \"04\"")
                }
                mask |= code.bit
            }
            return Typed(
                node: add(Node(operation: all ? .codesAll : .codesAny, comparison: UInt8(signal), constant: mask)),
                type: .boolean)
        }
        guard case .set(let items) = set.form else {
            throw ExpressionError(offset: set.offset, message: "expected a set such as {inspection, normal}, or codes")
        }
        let left = try compile(element)
        guard case .enumeration(let names) = left.type else {
            throw ExpressionError(
                offset: element.offset, message: "this is \(left.type.name), expected a signal with named values")
        }
        return Typed(
            node: add(Node(operation: .isOneOf, a: Int32(left.node), constant: try mask(of: items, names))),
            type: .boolean)
    }

    private func mask(of items: [Expression], _ names: [String]) throws(ExpressionError) -> UInt64 {
        var mask: UInt64 = 0
        for item in items {
            let word: String
            switch item.form {
            case .name(let name): word = name
            case .text(let text): word = text
            default:
                throw ExpressionError(
                    offset: item.offset, message: "expected a name, one of \(names.joined(separator: ", "))")
            }
            guard let index = names.firstIndex(of: word) else {
                throw ExpressionError(
                    offset: item.offset, message: "'\(word)' is not a value here.\(nearest(word, names))")
            }
            mask |= 1 << UInt64(index)
        }
        return mask
    }

    private func members(of family: String, _ expression: Expression) throws(ExpressionError) -> [Int] {
        let members = signals.members(of: family)
        if members.isEmpty {
            throw ExpressionError(
                offset: expression.offset,
                message:
                    "'\(family)' is not a family of signals. Expected doors.locked, doors.fully_open, compartments.occupied or compartments.load"
            )
        }
        return members.filter { signals.entries[$0].isProvided }
    }

    private mutating func fold(_ operation: Node.Operation, _ parts: [Int]) -> Typed {
        guard var result = parts.first else { return Typed(node: constant(.unknown), type: .boolean) }
        for part in parts.dropFirst() {
            result = add(Node(operation: operation, a: Int32(result), b: Int32(part)))
        }
        return Typed(node: result, type: .boolean)
    }

    private mutating func mapThrowing(
        _ items: [Int], _ transform: (inout Compiler, Int) throws(ExpressionError) -> Int
    ) throws(ExpressionError) -> [Int] {
        var result: [Int] = []
        for item in items { result.append(try transform(&self, item)) }
        return result
    }

    /// A duration written out, or a parameter's.
    func duration(_ expression: Expression) throws(ExpressionError) -> Duration {
        switch expression.form {
        case .duration(let duration): return duration
        case .name(let name):
            if case .duration(let duration) = parameters[name] { return duration }
        default: break
        }
        throw ExpressionError(
            offset: expression.offset, message: "expected a duration such as 10s, or a parameter that is one")
    }

    private mutating func count(
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

    private mutating func call(
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

    private mutating func overTime(_ name: String, _ arguments: [Expression]) throws(ExpressionError) -> Typed {
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

/// A site can set these without touching a rule.
public enum ParameterValue: Equatable, Sendable {
    case duration(Duration)
    case number(Double)
}

func nearest(_ word: String, _ candidates: some Sequence<String>) -> String { suggestion(for: word, among: candidates) }
