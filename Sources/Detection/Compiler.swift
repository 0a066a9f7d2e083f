import Elevator
import PositionedYAML

/// Checks the types of expressions and turns them into nodes.
struct Compiler {
    enum ValueType: Equatable {
        case boolean
        /// True at instants only; allowed inside `once`, `count`, `since` and their like.
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

    let signals: SignalTable
    let parameters: [String: ParameterValue]
    let lets: [String: Expression]
    let rings: RingSizes
    private(set) var nodes: [Node] = []
    /// See `Program.identities`.
    private(set) var identities: [UInt64] = []
    private var index: [Node: Int] = [:]
    private var pending: Set<String> = []
    /// Each `let` is compiled once: they may name each other many times over.
    private var compiledLets: [String: Typed] = [:]
    /// 0, or the rule whose `clear` is being compiled.
    private var scope: Int32 = 0
    private var scopeName = ""
    private let signalIndex: [String: Int]

    init(
        signals: SignalTable, parameters: [String: ParameterValue], lets: [String: Expression],
        rings: RingSizes = RingSizes()
    ) {
        self.signals = signals
        self.parameters = parameters
        self.lets = lets
        self.rings = rings
        signalIndex = Dictionary(
            signals.entries.enumerated().map { ($0.element.name, $0.offset) }, uniquingKeysWith: { first, _ in first })
    }

    /// Compiles a condition.
    mutating func condition(_ expression: Expression) throws(ExpressionError) -> Operand {
        let typed = try compile(expression)
        try expect(
            typed, .boolean, expression, typed.type == .point ? "Inside once(…, 10s) a point becomes a condition." : "")
        return typed.operand
    }

    /// Compiles what belongs to a rule's open alert: memory of its operators begins when the alert is raised.
    mutating func scoped<Result>(
        to rule: Int, named name: String, _ body: (inout Compiler) throws(ExpressionError) -> Result
    ) throws(ExpressionError) -> Result {
        scope = Int32(rule + 1)
        scopeName = name
        defer { scope = 0 }
        return try body(&self)
    }

    /// Checks that names resolve and types fit, whatever the type of the whole.
    mutating func bind(_ expression: Expression) throws(ExpressionError) { _ = try compile(expression) }

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
            UInt64(node.operation.rawValue), UInt64(node.comparison.rawValue), node.ofPoints ? 1 : 0, node.constant,
            UInt64(bitPattern: node.low), UInt64(bitPattern: node.high), UInt64(bitPattern: Int64(node.capacity)),
        ] { hash.add(part) }
        var operands = [node.a, node.b].map {
            $0 == .none ? 0 : identities[$0.node] ^ ($0.isNegated ? UInt64.max : 0)
        }
        // Which of two equals comes first hangs on what was compiled before; what they mean does not.
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
        guard node.operation == .constant, let value = Kleene(rawValue: UInt8(node.constant)) else { return nil }
        return operand.isNegated ? !value : value
    }

    /// Whether it is never unknown, so that "surely" and "possibly" need not be told apart.
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
            message: "this is \(typed.type.name), expected \(type.name).\(hint.isEmpty ? "" : " " + hint)")
    }

    mutating func compile(_ expression: Expression) throws(ExpressionError) -> Typed {
        switch expression.form {
        case .name(let name): return try compile(name: name, expression)
        case .number(let value): return Typed(operand: number(value), type: .number(unit: ""))
        case .duration, .window, .text, .set:
            throw ExpressionError(
                offset: expression.offset, message: "a value cannot stand alone here; compare a signal with it")
        case .not(let operand): return Typed(operand: !(try condition(operand: operand)), type: .boolean)
        case .and(let l, let r): return try connect(l, r, isAnd: true)
        case .or(let l, let r): return try connect(l, r, isAnd: false)
        case .implies(let l, let r):
            let left = try condition(operand: l)
            return Typed(operand: or(!left, try condition(operand: r)), type: .boolean)
        case .compare(let comparison, let l, let r): return try compare(comparison, l, r, expression)
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
                throw ExpressionError(offset: expression.offset, message: "'\(name)' is defined by itself")
            }
            if pending.count > ExpressionParser.maximumDepth {
                pending.remove(name)
                throw ExpressionError(
                    offset: expression.offset,
                    message: "named parts stand on each other more than \(ExpressionParser.maximumDepth) deep")
            }
            // What is shared by all rules is the lift's memory, not an alert's.
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
                // The part in which the mistake stands is named, not every one on the way to it.
                let isNamed = error.message.hasPrefix("in 'let")
                throw ExpressionError(
                    offset: expression.offset, message: isNamed ? error.message : "in 'let \(name)': \(error.message)")
            }
        }
        if let parameter = parameters[name] {
            switch parameter {
            case .number(let value): return Typed(operand: number(value), type: .number(unit: ""))
            case .duration:
                throw ExpressionError(
                    offset: expression.offset, message: "'\(name)' is a duration; it may stand as a window only")
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
                operand: entry.isProvided ? add(Node(operation: .signal, signal: index)) : constant(.unknown),
                type: .boolean)
        case .number(let unit):
            return Typed(operand: add(Node(operation: .signalNumber, signal: index)), type: .number(unit: unit))
        case .enumeration(let names):
            return Typed(
                operand: add(Node(operation: .signalNumber, signal: index, constant: 1)), type: .enumeration(names))
        case .codes:
            return Typed(operand: add(Node(operation: .signalIsKnown, signal: index)), type: .codes)
        }
    }

    private mutating func connect(_ l: Expression, _ r: Expression, isAnd: Bool) throws(ExpressionError) -> Typed {
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
        if isAnd { return Typed(operand: and(left.operand, right.operand, ofPoints: true), type: .point) }
        if points == 1 {
            throw ExpressionError(
                offset: r.offset, message: "'or' cannot join a point in time and a condition; use once(point, 10s)")
        }
        return Typed(operand: either(left.operand, right.operand), type: .point)
    }

    mutating func either(_ a: Operand, _ b: Operand) -> Operand { add(Node(operation: .either, a: a, b: b)) }

    // MARK: Comparison, arithmetic, sets

    mutating func compare(
        _ comparison: Expression.Comparison, _ l: Expression, _ r: Expression, _ whole: Expression
    ) throws(ExpressionError) -> Typed {
        if case .call(let name, let arguments) = l.form, let measure = Measure(name, arguments) {
            return try compare(measure, arguments, comparison, r, l)
        }
        if case .call(let name, let arguments) = r.form, let measure = Measure(name, arguments) {
            return try compare(measure, arguments, comparison.flipped, l, r)
        }
        // `any(doors.fully_open) == true` and the like expand over the family.
        if case .call(let quantifier, let arguments) = l.form, quantifier == "any" || quantifier == "all",
            arguments.count == 1, case .name(let family) = arguments[0].form
        {
            var parts: [Operand] = []
            for member in try members(of: family, arguments[0]) {
                let name = Expression(form: .name(signals.entries[member].name), offset: l.offset)
                parts.append(try compare(comparison, name, r, whole).operand)
            }
            return Typed(operand: fold(parts, isAny: quantifier == "any"), type: .boolean)
        }
        if case .text = l.form { return try compare(comparison.flipped, r, l, whole) }
        let left = try compile(l)
        switch left.type {
        case .enumeration(let names):
            guard comparison == .equal || comparison == .notEqual else {
                throw ExpressionError(offset: whole.offset, message: "names are compared with == and != only")
            }
            let equal: Operand
            // A bare word that is a signal's name is the signal; in quotes it is a value.
            var isSignal = false
            if case .name(let name) = r.form { isSignal = signalIndex[name] != nil }
            if let word = r.word, !isSignal, names.contains(word) || lets[word] == nil {
                equal = add(Node(operation: .isOneOf, a: left.operand, constant: try mask(of: [r], names)))
            } else {
                let right = try compile(r)
                try expect(right, left.type, r)
                equal = add(Node(operation: .compare, a: left.operand, b: right.operand))
            }
            return Typed(operand: comparison == .equal ? equal : !equal, type: .boolean)
        case .boolean:
            let right = try compile(r)
            try expect(right, .boolean, r)
            guard comparison == .equal || comparison == .notEqual else {
                throw ExpressionError(offset: whole.offset, message: "conditions are compared with == and != only")
            }
            let both = and(left.operand, right.operand)
            let equal = or(both, and(!left.operand, !right.operand))
            return Typed(operand: comparison == .equal ? equal : !equal, type: .boolean)
        case .number:
            let right = try compile(r)
            guard case .number = right.type else { throw mismatch(right, left.type, r) }
            try sameUnit(left.type, right.type, r)
            return Typed(operand: compare(comparison, left.operand, right.operand), type: .boolean)
        case .codes, .point:
            throw ExpressionError(
                offset: l.offset,
                message: "\(left.type.name) cannot be compared. A code is asked for by \"04\" in codes")
        }
    }

    mutating func compare(_ comparison: Expression.Comparison, _ a: Operand, _ b: Operand) -> Operand {
        switch comparison {
        case .equal: add(Node(operation: .compare, a: a, b: b, comparison: .equal))
        case .notEqual: !add(Node(operation: .compare, a: a, b: b, comparison: .equal))
        case .less: add(Node(operation: .compare, a: a, b: b, comparison: .less))
        case .lessOrEqual: add(Node(operation: .compare, a: a, b: b, comparison: .lessOrEqual))
        case .greater: add(Node(operation: .compare, a: b, b: a, comparison: .less))
        case .greaterOrEqual: add(Node(operation: .compare, a: b, b: a, comparison: .lessOrEqual))
        }
    }

    func sameUnit(_ a: ValueType, _ b: ValueType, _ r: Expression) throws(ExpressionError) {
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
            operand: add(Node(operation: node, a: left.operand, b: right.operand)), type: .number(unit: unit))
    }

    private mutating func member(_ element: Expression, _ set: Expression) throws(ExpressionError) -> Typed {
        if case .name(let name) = set.form, let signal = signalIndex[name], signals.entries[signal].type == .codes {
            return Typed(operand: try codes(element, in: signal), type: .boolean)
        }
        guard case .set(let items) = set.form else {
            throw ExpressionError(offset: set.offset, message: "expected a set such as {inspection, normal}, or codes")
        }
        let left = try compile(element)
        switch left.type {
        case .enumeration(let names):
            return Typed(
                operand: add(Node(operation: .isOneOf, a: left.operand, constant: try mask(of: items, names))),
                type: .boolean)
        case .number:
            var result = constant(.false)
            for item in items {
                let right = try compile(item)
                guard case .number = right.type else { throw mismatch(right, left.type, item) }
                result = or(result, compare(.equal, left.operand, right.operand))
            }
            return Typed(operand: result, type: .boolean)
        default:
            throw ExpressionError(
                offset: element.offset, message: "this is \(left.type.name), expected a number or a name")
        }
    }

    private mutating func codes(_ element: Expression, in signal: Int) throws(ExpressionError) -> Operand {
        let (codes, isAll): ([Expression], Bool) =
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
        return add(Node(operation: isAll ? .codesAll : .codesAny, signal: UInt8(signal), constant: mask))
    }

    private func mask(of items: [Expression], _ names: [String]) throws(ExpressionError) -> UInt64 {
        var mask: UInt64 = 0
        for item in items {
            guard let word = item.word else {
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

    mutating func fold(_ parts: [Operand], isAny: Bool) -> Operand {
        guard var result = parts.first else { return constant(.unknown) }
        for part in parts.dropFirst() { result = isAny ? or(result, part) : and(result, part) }
        return result
    }
}

extension Expression {
    /// The name or quoted text, where the expression is one.
    var word: String? {
        switch form {
        case .name(let word), .text(let word): word
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

/// A site can set these without touching a rule.
public enum ParameterValue: Equatable, Sendable {
    case duration(Duration)
    case number(Double)
}

func nearest(_ word: String, _ candidates: some Sequence<String>) -> String { suggestion(for: word, among: candidates) }
