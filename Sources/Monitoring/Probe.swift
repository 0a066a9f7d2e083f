import LiftModel
import RuleEngine
import RuleLanguage

/// A part of a rule, and its value over time on one lift.
public struct ExplainedPart: Sendable {
    /// 0 for a condition of the rule itself, more for its parts.
    public var depth: Int
    public var text: String
    /// Its role in the rule: `when`, `escalates unless`, …; empty for parts.
    public var role: String
    /// The value at each time at which it changed; nil: unknown.
    public var changes: [(time: Instant, value: Bool?)] = []

    package init(depth: Int, text: String, role: String) {
        self.depth = depth
        self.text = text
        self.role = role
    }

    /// The value at a time; nil before the first.
    public func value(at time: Instant) -> Bool? { changes.last { $0.time <= time }?.value ?? nil }
}

/// Records the values of a rule's parts on one lift while a detector runs, to show why it decided
/// as it did.
struct Probe: Sendable {
    let operands: [Operand]
    var parts: [ExplainedPart]

    mutating func sample(_ program: borrowing Program, _ memory: borrowing LiftMemory) {
        let time = Instant(nanoseconds: memory.time)
        for (i, operand) in operands.enumerated() {
            let verdict = program.verdict(operand, memory)
            let value = verdict == .unknown ? nil : verdict == .true
            // A replay replaces what was recorded of its time.
            parts[i].changes.removeAll { $0.time >= time }
            if parts[i].changes.isEmpty
                || parts[i].changes[parts[i].changes.count - 1].value != value
            {
                parts[i].changes.append((time, value))
            }
        }
    }
}

extension Detector {
    /// What a lift's program was compiled for.
    package func kind(of index: LiftIndex) -> LiftKind { kinds[lifts[index].programIndex] }

    /// Lets a lift continue under a program with the same rules, and records these parts of it.
    package mutating func watch(
        _ parts: [(operand: Operand, part: ExplainedPart)], in program: Program,
        lift index: LiftIndex
    ) {
        let kind = kind(of: index)
        let migration = Migration(from: programs[lifts[index].programIndex].shape, to: program)
        lifts[index].carry(migration, isObserving: isObserving)
        lifts[index].programIndex = add(program, kind)
        var probe = Probe(operands: parts.map(\.operand), parts: parts.map(\.part))
        probe.sample(program, lifts[index].memory)
        lifts[index].probe = probe
    }

    /// The recorded parts, once the detector has run.
    public var explanation: [ExplainedPart] { lifts.lazy.compactMap(\.probe).first?.parts ?? [] }
}
