import Synchronization

/// The programs that a set of rules has been compiled to, one for each kind of lift: who judges many buildings in one process does not
/// compile them anew for each.
final class ProgramStore: Sendable {
    private let known = Mutex<[Detector.LiftKind: Program]>([:])

    func program(
        for kind: Detector.LiftKind, compile: () throws(ExpressionError) -> Program
    ) throws(ExpressionError) -> Program {
        if let program = known.withLock({ $0[kind] }) { return program }
        let program = try compile()
        known.withLock { $0[kind] = program }
        return program
    }
}
