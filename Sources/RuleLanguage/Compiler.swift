import LiftModel
import PositionedYAML
import RuleEngine

/// Checks the types of expressions and turns them into nodes.
package struct Compiler {
    enum ValueType: Equatable {
        case boolean
        /// True at instants only; allowed inside `once`, `count`, `since` and similar functions.
        case point
        case number(unit: String)
        case enumeration([String])
        case codes

        var name: String {
            switch self {
            case .boolean: "a condition"
            case .point: "a point in time (rise, fall, changes, then)"
            case .number(let unit): unit.isEmpty ? "a number" : "a number in \(unit)"
            case .enumeration(let names): "one of " + names.joined(separator: ", ")
            case .codes: "a set of codes"
            }
        }
    }
    struct Typed {
        var operand: Operand
        var type: ValueType
    }

    package let signals: SignalTable
    let parameters: [String: ParameterValue]
    let lets: [String: Expression]
    let rings: RingSizes
    package private(set) var nodes: [Node] = []
    /// See `Program.identities`.
    private(set) var identities: [UInt64] = []
    private var index: [Node: Int] = [:]
    private var pending: Set<String> = []
    /// Each `let` is compiled once, since several may name the same one.
    private var compiledLets: [String: Typed] = [:]
    /// 0, or the rule whose `clear` is being compiled.
    private var scope: Int32 = 0
    private var scopeName = ""
    private let signalIndex: [String: Int]

    package init(
        signals: SignalTable, parameters: [String: ParameterValue], lets: [String: Expression],
        rings: RingSizes = RingSizes()
    ) {
        self.signals = signals
        self.parameters = parameters
        self.lets = lets
        self.rings = rings
        signalIndex = Dictionary(
            signals.entries.enumerated().map { ($0.element.name, $0.offset) },
            uniquingKeysWith: { first, _ in first })
    }

    package mutating func condition(_ expression: Expression) throws(ExpressionError) -> Operand {
        let typed = try compile(expression)
        try expect(
            typed, .boolean, expression,
            typed.type == .point ? "Inside once(…, 10s) a point becomes a condition." : "")
        return typed.operand
    }

    /// Compiles what belongs to a rule's open alert: the memory of its operators starts when the
    /// alert is raised.
    mutating func scoped<Result>(
        to rule: Int, named name: String, _ body: (inout Compiler) throws(ExpressionError) -> Result
    ) throws(ExpressionError) -> Result {
        scope = Int32(rule + 1)
        scopeName = name
        defer { scope = 0 }
        return try body(&self)
    }

    /// Checks that names resolve and types fit, whatever the type of the whole.
    mutating func bind(_ expression: Expression) throws(ExpressionError) {
        _ = try compile(expression)
    }

    // MARK: Nodes

    mutating func add(_ draft: Node) -> Operand {
        var node = draft
        let operands = [node.a, node.b].filter { $0 != .none }
        let usesScope = operands.contains { nodes[$0.node].scope != 0 }
        node.scope = node.remembers || usesScope ? scope : 0
        if let known = index[node] { return Operand(known) }
        nodes.append(node)
        identities.append(identity(of: node))
        index[node] = nodes.count - 1
        return Operand(nodes.count - 1)
    }

    private func identity(of node: Node) -> UInt64 {
        var hash = Fingerprint()
        for part in [
            UInt64(node.operation.rawValue), UInt64(node.comparison.rawValue),
            node.ofPoints ? 1 : 0, node.constant,
            UInt64(bitPattern: node.low), UInt64(bitPattern: node.high),
            UInt64(bitPattern: Int64(node.capacity)),
        ] { hash.add(part) }
        var operands = [node.a, node.b].map {
            $0 == .none ? 0 : identities[$0.node] ^ ($0.isNegated ? UInt64.max : 0)
        }
        // The order of the two operands depends on what was compiled before; the meaning does not.
        if node.operation == .and || node.operation == .either { operands.sort() }
        for operand in operands { hash.add(operand) }
        switch node.operation {
        case .signal, .signalIsKnown, .signalNumber, .codesAny, .codesAll, .age:
            hash.add(signals.entries[Int(node.signal)].name)
        default: break
        }
        if node.scope != 0 { hash.add(scopeName) }
        return hash.value
    }

    func constant(of operand: Operand) -> Kleene? {
        let node = nodes[operand.node]
        guard node.operation == .constant, let value = Kleene(rawValue: UInt8(node.constant)) else {
            return nil
        }
        return operand.isNegated ? !value : value
    }

    /// Whether it is never unknown. Then "surely" and "possibly" are the same.
    func isDefinite(_ operand: Operand) -> Bool {
        let node = nodes[operand.node]
        switch node.operation {
        case .rise, .numberChanges, .surely, .isHeard, .signalIsKnown, .silent: return true
        case .constant: return node.constant != UInt64(Kleene.unknown.rawValue)
        case .and, .either: return isDefinite(node.a) && isDefinite(node.b)
        default: return false
        }
    }

    mutating func constant(_ value: Kleene) -> Operand {
        // False is the negation of true, so that both are one node.
        if value == .false { return !constant(.true) }
        return add(Node(operation: .constant, constant: UInt64(value.rawValue)))
    }

    mutating func and(_ a: Operand, _ b: Operand, ofPoints: Bool = false) -> Operand {
        switch (constant(of: a), constant(of: b)) {
        case (.false, _), (_, .true): return a
        case (.true, _), (_, .false): return b
        default: break
        }
        if a == b { return a }
        let (first, second) = a.code < b.code ? (a, b) : (b, a)
        return add(Node(operation: .and, a: first, b: second, ofPoints: ofPoints))
    }
    mutating func or(_ a: Operand, _ b: Operand) -> Operand { !and(!a, !b) }
    /// True where it is true, false where it is false or unknown.
    mutating func surely(_ a: Operand) -> Operand {
        if let constant = constant(of: a) { return self.constant(Kleene(constant == .true)) }
        return add(Node(operation: .surely, a: a))
    }
    mutating func possibly(_ a: Operand) -> Operand { !surely(!a) }
    mutating func rise(_ a: Operand) -> Operand { add(Node(operation: .rise, a: a)) }
    mutating func number(_ value: Double) -> Operand {
        add(Node(operation: .numberConstant, constant: value.bitPattern))
    }

    // MARK: Types

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
            message:
                "this is \(typed.type.name), expected \(type.name).\(hint.isEmpty ? "" : " " + hint)"
        )
    }

    mutating func compile(_ expression: Expression) throws(ExpressionError) -> Typed {
        switch expression.form {
        case .name(let name): return try compile(name: name, expression)
        case .number(let value): return Typed(operand: number(value), type: .number(unit: ""))
        case .duration(let duration):
            return Typed(operand: number(duration.inSeconds), type: .number(unit: "s"))
        case .window, .text, .set:
            throw ExpressionError(
                offset: expression.offset,
                message: "a value cannot stand alone here; compare a signal with it")
        case .not(let operand):
            return Typed(operand: !(try condition(operand: operand)), type: .boolean)
        case .and(let l, let r): return try connect(l, r, isAnd: true)
        case .or(let l, let r): return try connect(l, r, isAnd: false)
        case .implies(let l, let r):
            let left = try condition(operand: l)
            return Typed(operand: or(!left, try condition(operand: r)), type: .boolean)
        case .compare(let comparison, let l, let r):
            return try compare(comparison, l, r, expression)
        case .arithmetic(let operation, let l, let r): return try calculate(operation, l, r)
        case .member(let element, let set): return try member(element, set)
        case .call(let name, let arguments): return try call(name, arguments, expression)
        }
    }

    mutating func condition(operand: Expression) throws(ExpressionError) -> Operand {
        let typed = try compile(operand)
        try expect(typed, .boolean, operand)
        return typed.operand
    }

    mutating func compile(name: String, _ expression: Expression) throws(ExpressionError) -> Typed {
        if name == "true" || name == "false" {
            return Typed(operand: constant(Kleene(name == "true")), type: .boolean)
        }
        if name == "unknown" { return Typed(operand: constant(.unknown), type: .boolean) }
        if name == "heard" { return Typed(operand: add(Node(operation: .isHeard)), type: .boolean) }
        if let definition = lets[name] {
            if let known = compiledLets[name] { return known }
            guard pending.insert(name).inserted else {
                throw ExpressionError(
                    offset: expression.offset, message: "'\(name)' is defined by itself")
            }
            if pending.count > ExpressionParser.maximumDepth {
                pending.remove(name)
                throw ExpressionError(
                    offset: expression.offset,
                    message:
                        "more than \(ExpressionParser.maximumDepth) 'let's depend on each other, one on the next"
                )
            }
            // The memory of a `let` belongs to the lift, not to an alert, since all rules share it.
            let outer = scope
            scope = 0
            defer {
                pending.remove(name)
                scope = outer
            }
            do {
                let typed = try compile(definition)
                compiledLets[name] = typed
                return typed
            } catch {
                // Only the innermost part with the mistake is named.
                let isNamed = error.message.hasPrefix("in 'let")
                throw ExpressionError(
                    offset: expression.offset,
                    message: isNamed ? error.message : "in 'let \(name)': \(error.message)")
            }
        }
        if let parameter = parameters[name] {
            switch parameter {
            case .number(let value): return Typed(operand: number(value), type: .number(unit: ""))
            case .duration(let duration):
                return Typed(operand: number(duration.inSeconds), type: .number(unit: "s"))
            }
        }
        if let signal = signalIndex[name] { return leaf(signal) }
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

    func signal(named name: String) -> Int? { signalIndex[name] }

    mutating func leaf(_ signal: Int) -> Typed {
        let entry = signals.entries[signal]
        let index = UInt8(signal)
        switch entry.type {
        case .boolean:
            return Typed(
                operand: entry.isProvided
                    ? add(Node(operation: .signal, signal: index)) : constant(.unknown),
                type: .boolean)
        case .number(let unit):
            return Typed(
                operand: add(Node(operation: .signalNumber, signal: index)),
                type: .number(unit: unit))
        case .enumeration(let names):
            return Typed(
                operand: add(Node(operation: .signalNumber, signal: index, constant: 1)),
                type: .enumeration(names))
        case .codes:
            return Typed(operand: add(Node(operation: .signalIsKnown, signal: index)), type: .codes)
        }
    }

    private mutating func connect(_ l: Expression, _ r: Expression, isAnd: Bool)
        throws(ExpressionError) -> Typed
    {
        let left = try compile(l)
        let right = try compile(r)
        for (typed, operand) in [(left, l), (right, r)] where typed.type != .point {
            try expect(typed, .boolean, operand)
        }
        let points = [left, right].filter { $0.type == .point }.count
        if points == 0 {
            let operand = isAnd ? and(left.operand, right.operand) : or(left.operand, right.operand)
            return Typed(operand: operand, type: .boolean)
        }
        if isAnd {
            return Typed(operand: and(left.operand, right.operand, ofPoints: true), type: .point)
        }
        if points == 1 {
            throw ExpressionError(
                offset: r.offset,
                message: "'or' cannot join a point in time and a condition; use once(point, 10s)")
        }
        return Typed(operand: either(left.operand, right.operand), type: .point)
    }

    mutating func either(_ a: Operand, _ b: Operand) -> Operand {
        add(Node(operation: .either, a: a, b: b))
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

    mutating func combine(_ parts: [Operand], isAny: Bool) -> Operand {
        guard var result = parts.first else { return constant(.unknown) }
        for part in parts.dropFirst() { result = isAny ? or(result, part) : and(result, part) }
        return result
    }
}

extension Expression {
    /// The name or quoted text, if the expression is one.
    package var nameOrText: String? {
        switch form {
        case .name(let text), .text(let text): text
        default: nil
        }
    }
}

extension Expression.Comparison {
    /// The comparison with its sides exchanged.
    var flipped: Self {
        switch self {
        case .equal, .notEqual: self
        case .less: .greater
        case .lessOrEqual: .greaterOrEqual
        case .greater: .less
        case .greaterOrEqual: .lessOrEqual
        }
    }
}

/// A value that a site can set without changing a rule.
public enum ParameterValue: Equatable, Sendable {
    case duration(Duration)
    case number(Double)
}

func nearest(_ name: String, _ candidates: some Sequence<String>) -> String {
    suggestion(for: name, among: candidates)
}
