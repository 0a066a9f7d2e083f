import Encoding
import LiftModel

/// A formula of the rule language as a tree, for the tests that hold the engine to the definition.
struct Formula: Equatable, CustomStringConvertible {
    enum Sort { case condition, point, number }
    enum Operator: String, CaseIterable {
        // Conditions
        case signal, named, compare, not, and, or, implies, held, once, since, latched, notFollowed,
            known, possibly
        case previous, count, countWhere, age, silent
        // Points
        case rise, fall, changes, changesNumber, pointAnd, pointOr, then
        // Numbers
        case number, add, minimum, maximum, delta, previousNumber, today, usual

        var sort: Sort {
            switch self {
            case .rise, .fall, .changes, .changesNumber, .pointAnd, .pointOr, .then: .point
            case .number, .add, .minimum, .maximum, .delta, .previousNumber, .today, .usual: .number
            default: .condition
            }
        }
    }
    var op: Operator
    var parts: [Formula] = []
    /// The window in steps; `high` nil is "since the start".
    var low = 0
    var high: Int?
    /// A constant, or the index of a signal.
    var constant = 0

    var sort: Sort { op.sort }

    static let signals = ["p", "q", "r"]
    static let numbers = ["x", "y"]
    static let comparisons = ["<", "<=", "==", "!=", ">", ">="]

    // MARK: Text

    var description: String { text(step: .seconds(1)) }

    /// The text in the rule language, with steps of this length.
    func text(step: Duration) -> String {
        func part(_ i: Int) -> String { parts[i].text(step: step) }
        func time(_ steps: Int) -> String { (step * steps).written }
        var window: String {
            if let high { return low == 0 ? ", \(time(high))" : ", \(time(low))..\(time(high))" }
            return low == 0 ? "" : ", \(time(low)).."
        }
        let d = high ?? 0
        switch op {
        case .signal: return Self.signals[constant]
        case .named: return constant % 2 == 0 ? "e == red" : "e == \"blue\""
        case .compare: return "(\(part(0)) \(Self.comparisons[low]) \(constant))"
        case .not: return "not (\(part(0)))"
        case .and, .pointAnd: return "(\(part(0)) and \(part(1)))"
        case .or, .pointOr: return "(\(part(0)) or \(part(1)))"
        case .implies: return "(\(part(0)) implies \(part(1)))"
        case .held: return "held(\(part(0))\(window))"
        case .once: return "once(\(part(0))\(window))"
        case .since: return "since(\(part(0)), \(part(1))\(window))"
        case .latched: return "latched(\(part(0)), \(part(1)))"
        case .notFollowed: return "not_followed(\(part(0)), \(part(1)), \(time(d)))"
        case .known: return "known(\(part(0)))"
        case .possibly: return "possibly(\(part(0)))"
        case .previous, .previousNumber: return "previous(\(part(0)))"
        case .count: return "(count(\(part(0)), \(time(d))) \(Self.comparisons[low]) \(constant))"
        case .countWhere:
            return
                "(count(\(part(0)), \(time(d)), \(part(1))) \(Self.comparisons[low]) \(constant))"
        case .today: return "today(\(part(0)))"
        case .usual: return "usual(\(part(0)), \(d)d)"
        case .age: return "(age(\(Self.numbers[constant])) \(low == 0 ? ">=" : "<") \(time(d)))"
        case .silent: return "silent(\(time(d)))"
        case .rise: return "rise(\(part(0)))"
        case .fall: return "fall(\(part(0)))"
        case .changes, .changesNumber: return "changes(\(part(0)))"
        case .then: return "then(\(part(0)), \(part(1)), \(time(d)))"
        case .number: return Self.numbers[constant]
        case .add: return "(\(part(0)) + \(part(1)))"
        case .minimum: return "min(\(part(0)), \(time(d)))"
        case .maximum: return "max(\(part(0)), \(time(d)))"
        case .delta: return "delta(\(part(0)), \(time(d)))"
        }
    }

    // MARK: Chance

    static func random(_ sort: Sort, depth: Int, _ random: inout SplitMix64) -> Formula {
        func int(_ range: ClosedRange<Int>) -> Int { Int.random(in: range, using: &random) }
        let candidates: [Operator] =
            switch sort {
            case .condition where depth == 0: [.signal, .signal, .signal, .named]
            case .number where depth == 0: [.number]
            case .point where depth == 0: [.rise, .fall, .changes, .changesNumber]
            default:
                Operator.allCases.filter { $0.sort == sort }
                    + (sort == .condition ? [.held, .once, .since] : [])
            }
        var formula = Formula(op: candidates.randomElement(using: &random)!)
        let depth = max(0, depth - 1)
        func condition() -> Formula { .random(.condition, depth: depth, &random) }
        func point() -> Formula { .random(.point, depth: depth, &random) }
        func number() -> Formula { .random(.number, depth: depth, &random) }
        func event() -> Formula { int(0...2) == 0 ? point() : condition() }
        switch formula.op {
        case .signal: formula.constant = int(0...2)
        case .named: formula.constant = int(0...1)
        case .compare:
            formula.parts = [number()]
            formula.low = int(0...5)
            formula.constant = int(0...4)
        case .not, .known, .possibly, .previous, .rise, .fall, .changes:
            formula.parts = [condition()]
        case .and, .or, .implies: formula.parts = [condition(), condition()]
        case .held: formula.parts = [condition()]
        case .once: formula.parts = [event()]
        case .since: formula.parts = [condition(), event()]
        case .latched, .notFollowed, .then: formula.parts = [event(), event()]
        case .count:
            formula.parts = [point()]
            formula.low = int(0...5)
            formula.constant = int(0...4)
        case .countWhere:
            formula.parts = [point(), number()]
            formula.low = int(0...5)
            formula.constant = int(0...4)
        case .today, .usual: formula.parts = [point()]
        case .age:
            formula.low = int(0...1)
            formula.constant = int(0...1)
        case .silent: break
        case .changesNumber, .minimum, .maximum, .delta, .previousNumber: formula.parts = [number()]
        case .pointAnd: formula.parts = [point(), condition()]
        case .pointOr: formula.parts = [point(), point()]
        case .number: formula.constant = int(0...1)
        case .add:
            // Equal parts are one node in the engine, and two in the definition.
            formula.parts = [number()]
            formula.parts.append(int(0...2) == 0 ? formula.parts[0] : number())
        }
        formula.chooseWindow(&random)
        return formula
    }

    private mutating func chooseWindow(_ random: inout SplitMix64) {
        func int(_ range: ClosedRange<Int>) -> Int { Int.random(in: range, using: &random) }
        switch op {
        case .held, .once, .since:
            let ofPoints = parts.last?.sort == .point
            switch int(0...4) {
            case 0: high = nil
            case 1: low = int(0...4)
            case 2: high = int(ofPoints ? 1...6 : 0...6)
            default:
                low = int(0...5)
                high = low + int(ofPoints ? 1...4 : 0...4)
            }
        case .notFollowed, .then: high = int(1...5)
        case .count, .countWhere, .minimum, .maximum, .delta, .age, .silent: high = int(1...6)
        case .usual: high = int(1...4)
        default: break
        }
    }

    // MARK: Smaller ones

    /// Formulas of the same sort that are a little simpler.
    var simpler: [Formula] {
        var result = parts.filter { $0.sort == sort }
        if sort == .condition, op != .signal { result.append(Formula(op: .signal)) }
        if sort == .number, op != .number { result.append(Formula(op: .number)) }
        for i in parts.indices {
            for part in parts[i].simpler {
                var copy = self
                copy.parts[i] = part
                result.append(copy)
            }
        }
        if let high, high > max(low, 1), ![.compare].contains(op) {
            var copy = self
            copy.high = high - 1
            result.append(copy)
        }
        if [.held, .once, .since].contains(op), low > 0 {
            var copy = self
            copy.low -= 1
            result.append(copy)
        }
        return result
    }
}

/// A trace of the formulas' signals: the values sent at each step, if any.
struct FormulaTrace {
    enum Value: Equatable {
        case flag(Bool)
        case number(Int)
        case name(String)
        case unknown
    }
    struct Row {
        var step: Int
        var samples: [(signal: String, value: Value)]
    }
    /// In the order of their steps; the first at step 0. Of two at one step the later counts.
    var rows: [Row]
    var steps: Int

    static func random(_ random: inout SplitMix64) -> FormulaTrace {
        func int(_ range: ClosedRange<Int>) -> Int { Int.random(in: range, using: &random) }
        func value(_ signal: String) -> Value {
            if int(0...6) == 0 { return .unknown }
            if Formula.signals.contains(signal) { return .flag(Bool.random(using: &random)) }
            return Formula.numbers.contains(signal)
                ? .number(int(0...3)) : .name(["red", "blue", "green"][int(0...2)])
        }
        let steps = int(4...16)
        let density = int(1...4)
        let all = Formula.signals + Formula.numbers + ["e"]
        var rows: [Row] = []
        for step in 0...steps where step == 0 || int(0...3) < density {
            for _ in 0...(int(0...9) == 0 ? 1 : 0) {
                var samples: [(signal: String, value: Value)] = []
                for signal in all where int(0...(step == 0 ? 8 : 1)) != 0 {
                    samples.append((signal, value(signal)))
                }
                rows.append(Row(step: step, samples: samples))
            }
        }
        return FormulaTrace(rows: rows, steps: steps)
    }

    /// The value of a signal from each step on.
    func values(_ signal: String) -> [Value] {
        var now = Value.unknown
        return (0...steps).map { step in
            for row in rows where row.step == step {
                for (name, value) in row.samples where name == signal { now = value }
            }
            return now
        }
    }

    var simpler: [FormulaTrace] {
        var result: [FormulaTrace] = []
        for i in rows.indices where rows[i].step > 0 || rows.count(where: { $0.step == 0 }) > 1 {
            var copy = self
            copy.rows.remove(at: i)
            result.append(copy)
        }
        for i in rows.indices {
            for j in rows[i].samples.indices {
                var copy = self
                copy.rows[i].samples.remove(at: j)
                result.append(copy)
            }
        }
        return result
    }
}
