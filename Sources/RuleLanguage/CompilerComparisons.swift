import LiftModel
import RuleEngine

/// Comparison, arithmetic and sets.
extension Compiler {
    // Over 60 lines: one case a pair of types.
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
        if case .call(let quantifier, let arguments) = l.form,
            quantifier == "any" || quantifier == "all",
            arguments.count == 1, case .name(let family) = arguments[0].form
        {
            var parts: [Operand] = []
            for member in try members(of: family, arguments[0]) {
                let name = Expression(form: .name(signals.entries[member].name), offset: l.offset)
                parts.append(try compare(comparison, name, r, whole).operand)
            }
            return Typed(operand: combine(parts, isAny: quantifier == "any"), type: .boolean)
        }
        if case .text = l.form { return try compare(comparison.flipped, r, l, whole) }
        let left = try compile(l)
        switch left.type {
        case .enumeration(let names):
            guard comparison == .equal || comparison == .notEqual else {
                throw ExpressionError(
                    offset: whole.offset, message: "names are compared with == and != only")
            }
            let equal: Operand
            // A name without quotes that is a signal's name means the signal; in quotes it is a
            // value.
            var isSignal = false
            if case .name(let name) = r.form { isSignal = signal(named: name) != nil }
            if let text = r.nameOrText, !isSignal, names.contains(text) || lets[text] == nil {
                equal = add(
                    Node(operation: .isOneOf, a: left.operand, constant: try mask(of: [r], names)))
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
                throw ExpressionError(
                    offset: whole.offset, message: "conditions are compared with == and != only")
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
                message:
                    "\(left.type.name) cannot be compared. A code is asked for by \"04\" in codes")
        }
    }

    mutating func compare(_ comparison: Expression.Comparison, _ a: Operand, _ b: Operand)
        -> Operand
    {
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
            operand: add(Node(operation: node, a: left.operand, b: right.operand)),
            type: .number(unit: unit))
    }

    mutating func member(_ element: Expression, _ set: Expression) throws(ExpressionError) -> Typed
    {
        if case .name(let name) = set.form, let signal = signal(named: name),
            signals.entries[signal].type == .codes
        {
            return Typed(operand: try codes(element, in: signal), type: .boolean)
        }
        guard case .set(let items) = set.form else {
            throw ExpressionError(
                offset: set.offset, message: "expected a set such as {inspection, normal}, or codes"
            )
        }
        let left = try compile(element)
        switch left.type {
        case .enumeration(let names):
            return Typed(
                operand: add(
                    Node(operation: .isOneOf, a: left.operand, constant: try mask(of: items, names))
                ),
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
                offset: element.offset,
                message: "this is \(left.type.name), expected a number or a name")
        }
    }

    private mutating func codes(_ element: Expression, in signal: Int) throws(ExpressionError)
        -> Operand
    {
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
                    offset: code.offset,
                    message: "expected a code of GB/T 24476-2017 in quotes, such as \"04\"")
            }
            mask |= code.bit
        }
        return add(
            Node(operation: isAll ? .codesAll : .codesAny, signal: UInt8(signal), constant: mask))
    }

    private func mask(of items: [Expression], _ names: [String]) throws(ExpressionError) -> UInt64 {
        var mask: UInt64 = 0
        for item in items {
            guard let text = item.nameOrText else {
                throw ExpressionError(
                    offset: item.offset,
                    message: "expected a name, one of \(names.joined(separator: ", "))")
            }
            guard let index = names.firstIndex(of: text) else {
                throw ExpressionError(
                    offset: item.offset,
                    message: "'\(text)' is not a value here.\(nearest(text, names))")
            }
            mask |= 1 << UInt64(index)
        }
        return mask
    }
}
