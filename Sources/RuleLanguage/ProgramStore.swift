import RuleEngine
import Synchronization

/// The compiled programs of a rule set, one for each kind of lift. A process with many buildings
/// does not compile them for each.
final class ProgramStore: Sendable {
    private let known = Mutex<[LiftKind: Program]>([:])

    func program(
        for kind: LiftKind, compile: () throws(ExpressionError) -> Program
    ) throws(ExpressionError) -> Program {
        if let program = known.withLock({ $0[kind] }) { return program }
        let program = try compile()
        known.withLock { $0[kind] = program }
        return program
    }
}
