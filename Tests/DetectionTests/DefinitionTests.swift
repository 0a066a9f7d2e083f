import Elevator
import Testing

@testable import Detection

/// Holds the streaming evaluator to the definition, evaluated over the whole trace: slow and obviously right.
@Suite struct DefinitionTests {
    /// A formula over the Boolean signals p and q, with whole-second windows.
    indirect enum Formula: CustomStringConvertible {
        case p, q
        case not(Formula)
        case and(Formula, Formula)
        case or(Formula, Formula)
        case held(Formula, Int)
        case once(Formula, Int)
        case since(Formula, Formula)

        var description: String {
            switch self {
            case .p: "p"
            case .q: "q"
            case .not(let a): "not (\(a))"
            case .and(let a, let b): "((\(a)) and (\(b)))"
            case .or(let a, let b): "((\(a)) or (\(b)))"
            case .held(let a, let d): "held(\(a), \(d)s)"
            case .once(let a, let d): "once(\(a), \(d)s)"
            case .since(let a, let b): "since(\(a), \(b))"
            }
        }

        static func random(depth: Int, _ random: inout some RandomNumberGenerator) -> Formula {
            if depth == 0 { return Bool.random(using: &random) ? .p : .q }
            func sub() -> Formula { .random(depth: depth - 1, &random) }
            switch Int.random(in: 0..<8, using: &random) {
            case 0: return .p
            case 1: return .not(sub())
            case 2: return .and(sub(), sub())
            case 3: return .or(sub(), sub())
            case 4, 5: return .held(sub(), Int.random(in: 1...6, using: &random))
            case 6: return .once(sub(), Int.random(in: 1...6, using: &random))
            default: return .since(sub(), sub())
            }
        }

        /// The definition on a grid of quarter seconds, where every change falls on whole ones: −1 false, 0 unknown, 1 true.
        func value(at t: Int, _ trace: (p: [Int], q: [Int]), _ memo: inout [String: [Int: Int]]) -> Int {
            let key = description
            if let known = memo[key]?[t] { return known }
            let result: Int
            switch self {
            case .p: result = trace.p[t]
            case .q: result = trace.q[t]
            case .not(let a): result = -a.value(at: t, trace, &memo)
            case .and(let a, let b): result = min(a.value(at: t, trace, &memo), b.value(at: t, trace, &memo))
            case .or(let a, let b): result = max(a.value(at: t, trace, &memo), b.value(at: t, trace, &memo))
            case .once(let a, let d):
                // (t − d, t] reaches into the cell that begins at t − d; before the first row the past is unknown.
                var best = t - 4 * d < 0 ? 0 : -1
                for s in max(0, t - 4 * d)...t { best = max(best, a.value(at: s, trace, &memo)) }
                result = best
            case .held(let a, let d):
                var worst = t - 4 * d < 0 ? 0 : 1
                for s in max(0, t - 4 * d)...t { worst = min(worst, a.value(at: s, trace, &memo)) }
                result = worst
            case .since(let a, let b):
                // b now; or b at some moment of an earlier cell, and a on the rest of that cell and up to t; or, before the
                // record, nobody knows.
                var best = b.value(at: t, trace, &memo)
                var chain = a.value(at: t, trace, &memo)
                for s in stride(from: t - 1, through: 0, by: -1) {
                    chain = min(chain, a.value(at: s, trace, &memo))
                    best = max(best, min(chain, b.value(at: s, trace, &memo)))
                }
                result = max(best, min(chain, 0))
            }
            memo[key, default: [:]][t] = result
            return result
        }
    }

    @Test func theStreamAgreesWithTheDefinitionOnRandomFormulas() throws {
        let seed = UInt64.random(in: 0...UInt64.max)
        var random = SeededGenerator(seed: seed)
        for round in 0..<3000 {
            let formula = Formula.random(depth: 3, &random)
            let seconds = 14
            var p: [Int] = []
            var q: [Int] = []
            for _ in 0...seconds {
                p.append(
                    Int.random(in: 0..<3, using: &random) == 0 || p.isEmpty
                        ? Int.random(in: -1...1, using: &random) : p[p.count - 1])
                q.append(
                    Int.random(in: 0..<3, using: &random) == 0 || q.isEmpty
                        ? Int.random(in: -1...1, using: &random) : q[q.count - 1])
            }
            func value(_ x: Int) -> ExpressionTrace.Value { x == 0 ? .unknown : .boolean(x == 1) }
            let rows = (0...seconds).map {
                ExpressionTrace.Row(
                    time: Instant(seconds: Double($0)), values: [("p", value(p[$0])), ("q", value(q[$0]))])
            }
            // A signal that is unknown throughout has no type in the trace; the formula then may not name it.
            guard p.contains(where: { $0 != 0 }), q.contains(where: { $0 != 0 }) else { continue }
            let found = try ExpressionTrace(rows.shuffled(using: &random)).verdicts(
                of: formula.description, history: .unknown)
            let fine = (p: (0...seconds * 4).map { p[$0 / 4] }, q: (0...seconds * 4).map { q[$0 / 4] })
            var memo: [String: [Int: Int]] = [:]
            for t in 0...seconds * 4 {
                let expected = formula.value(at: t, fine, &memo)
                let time = Instant(seconds: Double(t) / 4)
                let streamed = found.last { $0.time <= time }?.value
                let verdict = streamed == nil ? 0 : streamed == true ? 1 : -1
                guard verdict == expected else {
                    Issue.record(
                        "seed \(seed), round \(round): \(formula) at \(time.seconds) is \(expected) by definition, \(verdict) streamed; p \(p), q \(q)"
                    )
                    return
                }
            }
        }
    }
}

/// SplitMix64, so that a printed seed repeats a failure.
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64
    init(seed: UInt64) { state = seed }
    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}
