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

    func expect(
        _ typed: Typed, _ type: ValueType, _ expression: Expression, _ hint: String = ""
    ) throws(ExpressionError) {
        if typed.type != type { throw mismatch(typed, type, expression, hint) }
    }

    func mismatch(
        _ typed: Typed, _ type: ValueType, _ expression: Expression, _ hint: String = ""
    ) -> ExpressionError {
        ExpressionError(
            offset: expression.offset,
            message: "this is \(typed.type.name), expected \(type.name).\(hint.isEmpty ? "" : " " + hint)")
    }

    mutating func compile(_ expression: Expression) throws(ExpressionError) -> Typed {
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

    mutating func condition(operand: Expression) throws(ExpressionError) -> Int {
        let typed = try compile(operand)
        try expect(typed, .boolean, operand)
        return typed.node
    }

    mutating func compile(name: String, _ expression: Expression) throws(ExpressionError) -> Typed {
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

    mutating func leaf(_ signal: Int) -> Typed {
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

    mutating func constant(_ value: Kleene) -> Int {
        add(Node(operation: .constant, constant: UInt64(value.rawValue)))
    }

    mutating func connect(
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

    mutating func compare(
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

    func sameUnit(_ a: ValueType, _ b: ValueType, _ r: Expression) throws(ExpressionError) {
        if case .number(let x) = a, case .number(let y) = b, x != y, !x.isEmpty, !y.isEmpty {
            throw ExpressionError(offset: r.offset, message: "this is in \(y), expected \(x)")
        }
    }

    mutating func calculate(
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

    mutating func member(
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

    func mask(of items: [Expression], _ names: [String]) throws(ExpressionError) -> UInt64 {
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

    func members(of family: String, _ expression: Expression) throws(ExpressionError) -> [Int] {
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

    mutating func fold(_ operation: Node.Operation, _ parts: [Int]) -> Typed {
        guard var result = parts.first else { return Typed(node: constant(.unknown), type: .boolean) }
        for part in parts.dropFirst() {
            result = add(Node(operation: operation, a: Int32(result), b: Int32(part)))
        }
        return Typed(node: result, type: .boolean)
    }

    mutating func mapThrowing(
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
}

/// A site can set these without touching a rule.
public enum ParameterValue: Equatable, Sendable {
    case duration(Duration)
    case number(Double)
}

func nearest(_ word: String, _ candidates: some Sequence<String>) -> String { suggestion(for: word, among: candidates) }
