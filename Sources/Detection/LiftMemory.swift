/// Everything the rules remember of one lift: flat, copied without allocation, written to a snapshot as it is.
struct LiftMemory: Sendable, Equatable {
    /// Signals as they were last said, and which of them are known now.
    var signals: [UInt64]
    var known: UInt64 = 0
    /// One Kleene a node (for numeric nodes: known or not), and one number a node.
    var verdicts: [UInt8]
    var numbers: [Double]
    /// The operators' and rules' memory; `Node.slot` and `CompiledRule.slot` say where each begins.
    var slots: [Int64]
    /// The time of the last step: nothing before it can be changed without going back to a checkpoint.
    var time: Int64
    /// When the last sign of life came, moved on by the time in which nobody listened.
    var lastHeard: Int64
    var isHeard = false
    /// The lift has been silent for so long that nothing it said counts any more.
    var isStale = false
    /// The earliest time at which a verdict changes without input.
    var deadline: Int64

    static let never = Int64.max
    static let beforeAll = Int64.min / 4

    init(_ program: Program, start: Int64, history: History) {
        signals = Array(repeating: 0, count: program.signalCount)
        verdicts = Array(repeating: Kleene.unknown.rawValue, count: program.nodes.count)
        numbers = Array(repeating: 0, count: program.nodes.count)
        slots = Array(repeating: 0, count: program.slotCount)
        time = start
        lastHeard = start
        deadline = start
        for index in program.nodes.indices { program.reset(index, of: &self, at: start, history) }
        for rule in program.rules.indices { program.life(rule).reset(&self) }
    }

    /// Takes over another's contents in place.
    mutating func copy(_ other: borrowing LiftMemory) {
        known = other.known
        time = other.time
        lastHeard = other.lastHeard
        isHeard = other.isHeard
        isStale = other.isStale
        deadline = other.deadline
        for i in signals.indices { signals[i] = other.signals[i] }
        for i in verdicts.indices { verdicts[i] = other.verdicts[i] }
        for i in numbers.indices { numbers[i] = other.numbers[i] }
        for i in slots.indices { slots[i] = other.slots[i] }
    }
}

/// What is assumed of the time before the first input.
public enum History: String, Sendable, CaseIterable {
    /// It is not known: a bounded window that reaches into it is unknown unless what is known decides it.
    case unknown
    /// Nothing happened: windows are clipped to the record, `held` over nothing is true and `once` false.
    case complete
}
