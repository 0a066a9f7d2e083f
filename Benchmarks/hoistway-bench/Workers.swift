import ArgumentParser
import Dispatch
import LiftModel
import Platform
import Synchronization

/// Does pieces of work on several threads. A free thread takes the next piece.
enum Workers {
    /// - Parameters:
    ///   - deadline: when the last piece may start; after it `unfinished` is thrown if some are
    ///     left.
    ///   - kept: the store of finished pieces.
    ///   - unit: the name of a piece in the progress.
    ///   - work: takes the index of the piece.
    static func run<Result: Sendable & Codable>(
        pieces: Int, threads: Int, deadline: MonotonicTime = .never, kept: KeptPieces? = nil,
        unit: String,
        _ work: @Sendable (Int) throws -> Result, into sum: inout Result,
        _ add: (inout Result, Result) -> Void
    ) throws {
        let next = Atomic(0)
        let done = Atomic(0)
        // In the order of the pieces, whichever thread does them: lists are the same in every run.
        let results = Mutex<[Result?]>(Array(repeating: nil, count: pieces))
        let failure = Mutex<(any Error)?>(nil)
        DispatchQueue.concurrentPerform(iterations: threads) { _ in
            while failure.withLock({ $0 == nil }) {
                let piece = next.add(1, ordering: .relaxed).oldValue
                guard piece < pieces else { return }
                do {
                    let known: Result? = try kept?.load(piece)
                    if known == nil, MonotonicClock.now > deadline { continue }
                    let result = try known ?? work(piece)
                    if known == nil { try kept?.save(result, piece) }
                    results.withLock { $0[piece] = result }
                    let count = done.add(1, ordering: .relaxed).newValue
                    StandardError.progress("\(count) of \(pieces) \(unit)")
                } catch { failure.withLock { $0 = error } }
            }
        }
        StandardError.progress("")
        if let error = failure.withLock({ $0 }) { throw error }
        let left = results.withLock { $0.count { $0 == nil } }
        if left > 0 {
            StandardError.say("\(left) of \(pieces) \(unit) are left: run it again to continue")
            throw Self.unfinished
        }
        for case let result? in results.withLock({ $0 }) { add(&sum, result) }
    }

    /// EX_TEMPFAIL of sysexits.h.
    static let unfinished = ExitCode(75)
}
