import Dispatch
import Synchronization

/// Does pieces of work on several threads; who is free takes the next.
enum Workers {
    /// - Parameter work: takes the number of the piece.
    static func run<Result: Sendable>(
        pieces: Int, threads: Int, _ work: @Sendable (Int) throws -> Result, into sum: inout Result,
        _ add: (inout Result, Result) -> Void
    ) throws {
        let next = Atomic(0)
        let results = Mutex<[Result]>([])
        let failure = Mutex<(any Error)?>(nil)
        DispatchQueue.concurrentPerform(iterations: threads) { _ in
            while failure.withLock({ $0 == nil }) {
                let piece = next.add(1, ordering: .relaxed).oldValue
                guard piece < pieces else { return }
                do {
                    let result = try work(piece)
                    results.withLock { $0.append(result) }
                } catch { failure.withLock { $0 = error } }
            }
        }
        if let error = failure.withLock({ $0 }) { throw error }
        for result in results.withLock({ $0 }) { add(&sum, result) }
    }
}
