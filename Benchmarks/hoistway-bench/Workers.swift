import ArgumentParser
import Dispatch
import Mosquitto
import Synchronization

/// Does pieces of work on several threads; who is free takes the next.
enum Workers {
    /// - Parameters:
    ///   - deadline: when no piece is begun any more; `unfinished` is thrown then.
    ///   - kept: where pieces that are done already are found, and others left.
    ///   - unit: what a piece is called on the way.
    ///   - work: takes the number of the piece.
    static func run<Result: Sendable & Codable>(
        pieces: Int, threads: Int, deadline: Int64 = .max, kept: KeptPieces? = nil, unit: String,
        _ work: @Sendable (Int) throws -> Result, into sum: inout Result, _ add: (inout Result, Result) -> Void
    ) throws {
        let next = Atomic(0)
        let done = Atomic(0)
        // In the order of the pieces, whoever does them: lists come out the same on every run.
        let results = Mutex<[Result?]>(Array(repeating: nil, count: pieces))
        let failure = Mutex<(any Error)?>(nil)
        DispatchQueue.concurrentPerform(iterations: threads) { _ in
            while failure.withLock({ $0 == nil }) {
                let piece = next.add(1, ordering: .relaxed).oldValue
                guard piece < pieces else { return }
                do {
                    let known: Result? = try kept?.load(piece)
                    if known == nil, MonotonicClock.nanoseconds > deadline { continue }
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
            StandardError.say("\(left) of \(pieces) \(unit) are left: run it again, and it goes on")
            throw Self.unfinished
        }
        for case let result? in results.withLock({ $0 }) { add(&sum, result) }
    }

    /// EX_TEMPFAIL of sysexits.h.
    static let unfinished = ExitCode(75)
}
