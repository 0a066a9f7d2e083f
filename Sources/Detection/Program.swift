import Elevator

/// A rule set compiled for one kind of lift: a flat list of nodes, operands before operators, equal sub-expressions once.
struct Program: Sendable {
    var nodes: [Node]
    var rules: [CompiledRule]
    var slotCount: Int
    /// The rules' memory stands behind the operators'.
    var firstRuleSlot: Int
    /// A lift quiet for less than this breaks no silence by its next word.
    var shortestSilence: Int64
    var signalCount: Int
    var staleMask: UInt64
    var staleAfter: Int64
    var signals: SignalTable

    /// Words of memory a rule needs (`RuleLife`).
    static let ruleSlots = 7
}

/// One operator. What its fields mean depends on the operation.
struct Node: Hashable, Sendable {
    enum Operation: UInt8, Sendable {
        // Boolean leaves
        case constant, signal, signalIsKnown, isHeard, codesAny, codesAll
        // Numeric leaves and operators
        case numberConstant, signalNumber, add, subtract, multiply, divide, lastNumber
        // Boolean operators
        case compare, isOneOf, not, and, or, known, numberIsKnown, possibly, last
        // Points: true at an instant only
        case rise, fall, numberChanges
        // Over time
        case once, held, onceWithin, heldWithin, onceEventWithin, since, count, silent
    }
    var operation: Operation
    var a: Int32 = -1
    var b: Int32 = -1
    /// Which comparison; of a code set the signal; of a number 1 if it is an enumeration's index.
    var comparison: UInt8 = 0
    /// A Kleene, a Double's bits, a mask, or a count.
    var constant: UInt64 = 0
    var window: Int64 = 0
    /// 0, or 1 + the index of the rule whose open alert this node's memory belongs to.
    var scope: Int32 = 0
    var slot: Int32 = -1

    /// 64-bit words of memory per lift.
    var slotCount: Int {
        switch operation {
        case .last, .rise, .fall, .once, .held, .since: 1
        case .lastNumber, .numberChanges, .onceWithin, .heldWithin, .onceEventWithin: 2
        case .count: 2 + Int(constant)
        default: 0
        }
    }
}

/// A rule's life, compiled: node indices and deadlines. A class, so that the hot path passes a reference around.
final class CompiledRule: Sendable {
    struct Mute: Sendable {
        var node: Int
        var mustPrecedeOnset: Bool
        var name: String
    }
    struct Escalation: Sendable {
        var hold: Int64
        /// While true the hold does not run.
        var unless: Int?
        /// When true the alert is confirmed at once.
        var when: Int?
        var because: String
    }
    let definition: RuleDefinition
    let version: String
    let when: Int
    let hold: Int64
    let mutes: [Mute]
    let escalation: Escalation?
    let yieldsTo: [Int]
    let clear: Int
    let presume: Int?
    /// Nodes whose memory begins when this rule's alert is raised.
    let scoped: [Int]

    init(
        definition: RuleDefinition, version: String, when: Int, hold: Int64, mutes: [Mute], escalation: Escalation?,
        yieldsTo: [Int], clear: Int, presume: Int?, scoped: [Int]
    ) {
        self.definition = definition
        self.version = version
        self.when = when
        self.hold = hold
        self.mutes = mutes
        self.escalation = escalation
        self.yieldsTo = yieldsTo
        self.clear = clear
        self.presume = presume
        self.scoped = scoped
    }
}
