import RuleEngine

/// Searches for signals with which a condition is true, and for signals with which it is false. A
/// condition that can never be true, or is always true, is a mistake of its author.
///
/// Operators over time count as free, because a window depends on the past. The search follows the
/// goal and tries several ways. That it finds nothing is no proof, so it is reported as a warning.
struct Satisfiability {
    private let nodes: [Node]
    private let signals: SignalTable
    private var random: UInt64 = 24476
    /// Values fixed in this try: numbers of signals, verdicts of free nodes.
    private var numbers: [Int: [Double]] = [:]
    private var verdicts: [Int: Bool] = [:]
    /// Whether a node could be made true, or false, in this try: shared parts are tried once.
    /// Further fixed values only narrow the choice, so neither outcome changes.
    private var outcomes: [Int: Bool] = [:]
    private var possible: [Int: [Double]] = [:]
    private static let tries = 200
    private static let maximumSteps = 50_000
    private var steps = 0

    init(_ nodes: [Node], _ signals: SignalTable) {
        self.nodes = nodes
        self.signals = signals
    }

    /// Whether some state gives the operand this value.
    mutating func canBe(_ value: Bool, _ operand: Operand) -> Bool {
        steps = 0
        for _ in 0..<Self.tries where steps < Self.maximumSteps {
            numbers = [:]
            verdicts = [:]
            outcomes = [:]
            if make(operand, value) { return true }
        }
        // An incomplete search reports nothing.
        return steps >= Self.maximumSteps
    }

    private mutating func flip() -> Bool {
        random = random &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return random >> 63 == 0
    }

    private mutating func make(_ operand: Operand, _ wanted: Bool) -> Bool {
        steps += 1
        if steps >= Self.maximumSteps { return false }
        let value = operand.isNegated ? !wanted : wanted
        let key = operand.node << 1 | (value ? 1 : 0)
        if let known = outcomes[key] { return known }
        let outcome = make(nodes[operand.node], operand, value)
        outcomes[key] = outcome
        return outcome
    }

    private mutating func make(_ node: Node, _ operand: Operand, _ value: Bool) -> Bool {
        switch node.operation {
        case .constant:
            return node.constant == UInt64((value ? Kleene.true : Kleene.false).rawValue)
        case .and:
            if value { return make(node.a, true) && make(node.b, true) }
            return flip()
                ? make(node.a, false) || make(node.b, false)
                : make(node.b, false) || make(node.a, false)
        case .either:
            if !value { return make(node.a, false) && make(node.b, false) }
            return make(flip() ? node.a : node.b, true)
        case .surely:
            // Not surely true: it is false or unknown.
            return value ? make(node.a, true) : true
        case .compare: return compare(node, value)
        case .isOneOf: return choose(node, value)
        default:
            if let settled = verdicts[operand.node] { return settled == value }
            verdicts[operand.node] = value
            return true
        }
    }

    /// A comparison of a signal with a constant narrows the signal; any other is free.
    private mutating func compare(_ node: Node, _ value: Bool) -> Bool {
        let sides = (nodes[node.a.node], nodes[node.b.node])
        let signal: Int
        let test: (Double) -> Bool
        switch (sides.0.operation, sides.1.operation) {
        case (.signalNumber, .numberConstant):
            let limit = Double(bitPattern: sides.1.constant)
            signal = node.a.node
            test = { Self.holds(node.comparison, $0, limit) == value }
        case (.numberConstant, .signalNumber):
            let limit = Double(bitPattern: sides.0.constant)
            signal = node.b.node
            test = { Self.holds(node.comparison, limit, $0) == value }
        default: return true
        }
        return narrow(signal, to: test)
    }

    private mutating func choose(_ node: Node, _ value: Bool) -> Bool {
        narrow(node.a.node) { (node.constant & (1 << UInt64($0)) != 0) == value }
    }

    /// Narrows a signal's possible numbers to those that pass.
    private mutating func narrow(_ signal: Int, to test: (Double) -> Bool) -> Bool {
        let all = possible[signal] ?? candidates(signal)
        possible[signal] = all
        let left = (numbers[signal] ?? all).filter(test)
        numbers[signal] = left
        return !left.isEmpty
    }

    /// Numbers that tell all comparisons of a signal apart; for a named value its indices.
    private func candidates(_ signal: Int) -> [Double] {
        let node = nodes[signal]
        guard node.operation == .signalNumber else { return [0] }
        if case .enumeration(let names) = signals.entries[Int(node.signal)].type {
            return names.indices.map(Double.init)
        }
        var limits: Set<Double> = [0]
        for other in nodes where other.operation == .numberConstant {
            limits.insert(Double(bitPattern: other.constant))
        }
        let sorted = limits.sorted()
        var found: [Double] = [sorted[0] - 1, sorted[sorted.count - 1] + 1]
        for (a, b) in zip(sorted, sorted.dropFirst()) { found.append((a + b) / 2) }
        return found + sorted
    }

    private static func holds(_ comparison: Node.Comparison, _ a: Double, _ b: Double) -> Bool {
        switch comparison {
        case .equal: a == b
        case .less: a < b
        case .lessOrEqual: a <= b
        }
    }
}
