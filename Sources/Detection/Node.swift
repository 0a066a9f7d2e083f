/// A node's verdict, or its negation: the sign carries the "not", so that no node is spent on it.
struct Operand: Hashable, Sendable {
    let code: Int32

    init(_ node: Int) { code = Int32(node) }
    private init(code: Int32) { self.code = code }

    /// Where an operand is left out: it counts as true.
    static let none = Operand(code: .max)

    var node: Int { Int(code >= 0 ? code : ~code) }
    var isNegated: Bool { code < 0 }

    static prefix func ! (operand: Operand) -> Operand { Operand(code: ~operand.code) }
}

/// One operator of a compiled program. What its fields mean depends on the operation.
struct Node: Hashable, Sendable {
    enum Operation: UInt8, Sendable {
        // Boolean leaves
        case constant, signal, signalIsKnown, isHeard, codesAny, codesAll
        // Numbers: they are true when their value is known; but for constants it stands in the first slot
        case numberConstant, signalNumber, add, subtract, multiply, divide, lastNumber, previousNumber
        case minimum, maximum, delta, rate
        // Conditions of the present moment
        case compare, isOneOf, and, surely, last, previous
        // Points: true at an instant only
        case rise, numberChanges, either
        // Conditions over time
        case ever, since, sinceWithin, sinceBetween, latched, unanswered, count, silent, age, average
        // What came later: nodes of snapshots are told apart by these numbers.
        case absolute, countWhere, today, usual
    }
    enum Comparison: UInt8, Sendable {
        case equal, less, lessOrEqual
    }
    var operation: Operation
    /// A signal's index.
    var signal: UInt8 = 0
    /// Operators over time: `a` has to last (asks, sets), `b` is what they look for (answers, resets).
    var a = Operand.none
    var b = Operand.none
    var comparison = Comparison.equal
    /// `b` is a point; of `and`, that it is one itself; of `latched`, that a point sets and a condition resets.
    var ofPoints = false
    /// The operand is never unknown: one ring of points serves "surely" and "possibly".
    var isDefinite = false
    /// A Kleene, a Double's bits, a mask, or a count.
    var constant: UInt64 = 0
    /// The window's ends, in nanoseconds before now.
    var low: Int64 = 0
    var high: Int64 = .max
    /// 0, or 1 + the index of the rule whose open alert this node's memory belongs to.
    var scope: Int32 = 0
    /// Entries of the ring that a window over change points needs.
    var capacity: Int32 = 0
    var slot: Int32 = -1
    var timer: Int32 = -1

    /// True at an instant only: forgotten when the instant is over.
    var isPoint: Bool { [.rise, .numberChanges, .either].contains(operation) || operation == .and && ofPoints }

    /// 64-bit words of memory per lift.
    var slotCount: Int {
        let entries = Int(capacity)
        return switch operation {
        case .signalNumber, .add, .subtract, .multiply, .divide, .absolute, .lastNumber, .rise, .age: 1
        case .numberChanges, .ever, .since, .sinceWithin, .unanswered: 2
        case .previous, .previousNumber: 3
        // For each of "surely" and "possibly": the open stretch, the ring's place, and begin and end of each stretch.
        case .sinceBetween: 2 * (2 + 2 * entries)
        // Since when the past is known, and for each of "surely" and "possibly" the ring's place and the times.
        case .count: 1 + (isDefinite ? 1 : 2) * (1 + entries)
        // See SampleOperators.swift.
        case .minimum, .maximum, .delta, .rate, .average: 4 + 2 * entries
        // See CountWhere.swift, DailyCounts.swift.
        case .countWhere: 1 + (isDefinite ? 1 : 2) * PointRing.size(entries)
        case .today, .usual: 3 + entries
        default: 0
        }
    }

    /// Whether it can change without input.
    var hasTimer: Bool {
        switch operation {
        case .sinceWithin, .sinceBetween, .unanswered, .count, .silent, .age, .average, .minimum, .maximum, .delta,
            .rate, .countWhere, .today, .usual:
            true
        case .ever, .since: low > 0
        default: false
        }
    }

    /// Memory that begins anew with an alert, when the node stands in a rule's `clear`.
    var remembers: Bool {
        switch operation {
        case .lastNumber, .previousNumber, .minimum, .maximum, .delta, .rate, .last, .previous, .rise, .numberChanges,
            .ever, .since, .sinceWithin, .sinceBetween, .latched, .unanswered, .count, .age, .average, .countWhere,
            .today, .usual:
            true
        default: false
        }
    }
}
