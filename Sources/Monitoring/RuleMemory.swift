import RuleEngine
import RuleLanguage

/// The memory that a rule set needs for one lift.
public struct RuleMemory: Sendable, Equatable {
    /// Operators after equal sub-expressions are shared.
    public var nodes: Int
    /// Bytes of a lift's memory: signals, verdicts, windows, timers, alert states.
    public var state: Int
    /// The most bytes for rolling back late readings: two checkpoints and the readings since.
    public var lateness: Int
}

extension RuleSet {
    /// - Throws: `ExpressionError` when the rules cannot be compiled for this kind of lift.
    public func memory(for kind: LiftKind) throws(ExpressionError) -> RuleMemory {
        let program = try program(for: kind)
        let state = program.memorySize
        return RuleMemory(
            nodes: program.nodeCount, state: state,
            lateness: 2 * state + LiftState.maximumInputs
                * Swift.MemoryLayout<LiftState.Input>.stride)
    }
}
