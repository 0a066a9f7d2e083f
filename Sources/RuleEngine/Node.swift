/// A node's verdict, or its negation. The sign stands for "not", so no node is needed for it.
package struct Operand: Hashable, Sendable {
    package let code: Int32

    package init(_ node: Int) { code = Int32(node) }
    private init(code: Int32) { self.code = code }

    /// Stands for an operand that is left out, which counts as true.
    package static let none = Operand(code: .max)

    package var node: Int { Int(code >= 0 ? code : ~code) }
    package var isNegated: Bool { code < 0 }

    package static prefix func ! (operand: Operand) -> Operand { Operand(code: ~operand.code) }
}

/// One operator of a compiled program. The meaning of its fields depends on the operation.
package struct Node: Hashable, Sendable {
    package enum Operation: UInt8, Sendable {
        // Boolean leaves
        case constant, signal, signalIsKnown, isHeard, codesAny, codesAll
        // Numbers: true when their value is known. The value is in the first slot, except for
        // constants.
        case numberConstant, signalNumber, add, subtract, multiply, divide, lastNumber,
            previousNumber
        case minimum, maximum, delta, rate
        // Conditions of the present moment
        case compare, isOneOf, and, surely, last, previous
        // Points: true at an instant only
        case rise, numberChanges, either
        // Conditions over time
        case ever, since, sinceWithin, sinceBetween, latched, unanswered, count, silent, age,
            average
        // Added later. Raw values identify nodes in snapshots, so new ones come last.
        case absolute, countWhere, today, usual
    }
    package enum Comparison: UInt8, Sendable {
        case equal, less, lessOrEqual
    }
    package var operation: Operation
    /// A signal's index.
    package var signal: UInt8 = 0
    /// Operators over time: `a` must last (asks, sets), and `b` is the operand that they look for
    /// (answers, resets).
    package var a = Operand.none
    package var b = Operand.none
    package var comparison = Comparison.equal
    /// `b` is a point; for `and`: the node itself is a point; for `latched`: a point sets and a
    /// condition resets.
    package var ofPoints = false
    /// The operand is never unknown: one ring of points serves "surely" and "possibly".
    package var isDefinite = false
    /// A Kleene, a Double's bits, a mask, or a count.
    package var constant: UInt64 = 0
    /// The window's ends, in nanoseconds before now.
    package var low: Int64 = 0
    package var high: Int64 = .max
    /// 0, or 1 + the index of the rule whose open alert this node's memory belongs to.
    package var scope: Int32 = 0
    /// Entries of the ring that a window over change points needs.
    package var capacity: Int32 = 0
    var slot: Int32 = -1
    var timer: Int32 = -1

    package init(
        operation: Operation, signal: UInt8 = 0, a: Operand = .none, b: Operand = .none,
        comparison: Comparison = .equal, ofPoints: Bool = false, constant: UInt64 = 0,
        low: Int64 = 0,
        high: Int64 = .max, capacity: Int32 = 0
    ) {
        self.operation = operation
        self.signal = signal
        self.a = a
        self.b = b
        self.comparison = comparison
        self.ofPoints = ofPoints
        self.constant = constant
        self.low = low
        self.high = high
        self.capacity = capacity
    }

    /// True at an instant only: reset when the instant is over.
    var isPoint: Bool {
        switch operation {
        case .rise, .numberChanges, .either: true
        case .and: ofPoints
        default: false
        }
    }

    /// 64-bit words of memory per lift.
    var slotCount: Int {
        let entries = Int(capacity)
        return switch operation {
        case .signalNumber, .add, .subtract, .multiply, .divide, .absolute, .lastNumber, .rise,
            .age:
            1
        case .numberChanges, .ever, .since, .sinceWithin, .unanswered: 2
        case .previous, .previousNumber: 3
        // For each of "surely" and "possibly": the open stretch, the ring's head and count, and
        // begin and end of each stretch.
        case .sinceBetween: 2 * (2 + 2 * entries)
        // Since when the past is known, and for each of "surely" and "possibly" the ring's index
        // and the times.
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
        case .sinceWithin, .sinceBetween, .unanswered, .count, .silent, .age, .average, .minimum,
            .maximum, .delta,
            .rate, .countWhere, .today, .usual:
            true
        case .ever, .since: low > 0
        default: false
        }
    }

    /// Its memory starts again with each alert if the node stands in a rule's `clear`.
    package var remembers: Bool {
        switch operation {
        case .lastNumber, .previousNumber, .minimum, .maximum, .delta, .rate, .last, .previous,
            .rise, .numberChanges,
            .ever, .since, .sinceWithin, .sinceBetween, .latched, .unanswered, .count, .age,
            .average, .countWhere,
            .today, .usual:
            true
        default: false
        }
    }
}
