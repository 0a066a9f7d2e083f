import Encoding
import LiftModel
import Testing

@testable import RuleEngine
@testable import RuleLanguage
@testable import RuleTools

/// Holds the streaming engine to the definition on random formulas and traces. A failure prints its
/// seed and a shrunk case.
@Suite struct DefinitionTests {
    struct Case {
        var formula: Formula
        var trace: FormulaTrace
        var history: History
        /// The length of a step: nothing may depend on whole seconds.
        var step: Duration
        /// Steps between midnight and the first.
        var origin: Int
        /// The order in which the rows arrive.
        var order: [Int]
    }

    /// Eight suites, 100,000 pairs a run.
    static let pairsPerSuite = 12_500

    @Test(arguments: 0..<8)
    func theEngineAgreesWithTheDefinition(_ suite: Int) throws {
        try hold(Self.pairsPerSuite) { Self.random(&$0) }
    }

    @Test(arguments: Formula.Operator.allCases)
    func eachOperatorAgreesWithItsDefinition(_ op: Formula.Operator) throws {
        try hold(500) { random in
            var example = Self.random(&random)
            // The operator itself is at the top, or its point or number becomes a condition.
            repeat {
                example.formula = .random(op.sort, depth: 2, &random)
            } while example.formula.op != op
            if op.sort == .point {
                example.formula = Formula(op: .once, parts: [example.formula], high: 3)
            }
            // Days are long: some must pass within the trace.
            if op == .today || op == .usual { example.step = .seconds(28_800) }
            if op.sort == .number {
                example.formula = Formula(
                    op: .compare, parts: [example.formula], low: 3, constant: 2)
            }
            return example
        }
    }

    @Test func aCountAtANumberForgetsAsItsDefinitionSays() throws {
        // Long enough for more points within the window than are remembered.
        try hold(300) { random in
            func int(_ range: ClosedRange<Int>) -> Int { Int.random(in: range, using: &random) }
            var example = Self.random(&random)
            let changes = Formula(op: .changes, parts: [Formula(op: .signal)])
            let certain = Formula(op: .signal, constant: 1)
            example.formula = Formula(
                op: .countWhere,
                parts: [
                    int(0...1) == 0 ? changes : Formula(op: .pointAnd, parts: [changes, certain]),
                    Formula(op: .number),
                ], low: int(0...5), high: int(20...60), constant: int(0...9))
            example.trace.steps = 100
            example.trace.rows = (0...100).map { step in
                var samples: [(signal: String, value: FormulaTrace.Value)] = [
                    ("p", .flag(Bool.random(using: &random)))
                ]
                samples.append(("q", int(0...15) == 0 ? .unknown : .flag(true)))
                if int(0...3) == 0 {
                    samples.append(("x", int(0...15) == 0 ? .unknown : .number(int(0...1))))
                }
                if step == 0 { samples.append(("x", .number(0))) }
                return FormulaTrace.Row(step: step, samples: samples)
            }
            example.order = Array(example.trace.rows.indices)
            return example
        }
    }

    private func hold(_ pairs: Int, _ make: (inout SplitMix64) -> Case) throws {
        let seed = UInt64.random(in: 0...UInt64.max)
        var random = SplitMix64(seed: seed)
        for round in 0..<pairs {
            let example = make(&random)
            guard let failure = Self.disagreement(example) else { continue }
            let (small, reason) = Self.shrunk(example, failure)
            Issue.record(
                """
                seed \(seed), round \(round): \(reason)
                  \(small.formula.text(step: small.step)), history \(small.history), first step \(small.origin)
                  \(small.trace.rows.map { "\($0.step): \($0.samples.map { "\($0.signal)=\($0.value)" }.joined(separator: " "))" }.joined(separator: "\n  "))
                """)
            return
        }
    }

    static func random(_ random: inout SplitMix64) -> Case {
        let formula = Formula.random(
            .condition, depth: Int.random(in: 1...4, using: &random), &random)
        let trace = FormulaTrace.random(&random)
        let steps: [Duration] = [
            .seconds(1), .milliseconds(7), .seconds(3600), .milliseconds(1500), .seconds(28_800),
        ]
        // Rows of one step keep their order: the later one counts.
        let order = trace.rows.indices.map { ($0, trace.rows[$0].step) }.shuffled(using: &random)
            .map(\.0)
        let sorted = order.map { i in trace.rows[i].step }
        var used: [Int: [Int]] = [:]
        for (i, row) in trace.rows.enumerated() { used[row.step, default: []].append(i) }
        let stable = sorted.map { step in used[step]!.removeFirst() }
        return Case(
            formula: formula, trace: trace,
            history: Bool.random(using: &random) ? .unknown : .complete,
            step: steps.randomElement(using: &random)!,
            origin: Int.random(in: 0...3, using: &random),
            order: Bool.random(using: &random) ? stable : Array(trace.rows.indices))
    }

    /// - Returns: the difference, or nil.
    static func disagreement(_ example: Case) -> String? {
        let unit = example.step.nanoseconds
        let verdicts: [VerdictChange]
        do {
            var trace = try ExpressionTrace(example.formula.text(step: example.step))
            for i in example.order {
                let row = example.trace.rows[i]
                _ = trace.beginRow(Int64(row.step + example.origin) * unit)
                for (signal, value) in row.samples {
                    guard let column = try trace.column(named: signal) else { continue }
                    switch value {
                    case .flag(let flag): try trace.add(column, flag)
                    case .number(let n): try trace.add(column, Double(n))
                    case .name(let name): try trace.add(column, text: Array(name.utf8).span)
                    case .unknown: trace.addUnknown(column)
                    }
                }
            }
            verdicts = try trace.verdicts(
                until: Instant(nanoseconds: Int64(example.trace.steps + example.origin) * unit),
                history: example.history)
        } catch {
            // A signal that is missing in the trace is no signal: no verdict to compare.
            guard let error = error as? ExpressionError else { return "refused: \(error)" }
            return error.message.contains("is not a signal") ? nil : "refused: \(error.message)"
        }
        let definition = Definition(
            trace: example.trace, isComplete: example.history == .complete, step: example.step,
            origin: example.origin)
        let expected = definition.truth(example.formula)
        var next = 0
        var now: Int? = nil
        for (step, value) in expected.enumerated() {
            while next < verdicts.count,
                verdicts[next].time.nanoseconds <= Int64(step + example.origin) * unit
            {
                if verdicts[next].time.nanoseconds % unit != 0 {
                    return "a change between steps: \(verdicts)"
                }
                now = verdicts[next].value.map { $0 ? 1 : -1 } ?? 0
                next += 1
            }
            if now != value {
                return "at step \(step) it is \(value) by definition, \(now ?? 9) streamed"
            }
        }
        return nil
    }

    /// The smallest failing case that can be reached by small steps.
    static func shrunk(_ example: Case, _ failure: String) -> (Case, String) {
        var best = (example, failure)
        var goesOn = true
        while goesOn {
            goesOn = false
            var candidates: [Case] = best.0.formula.simpler.map { formula in
                var copy = best.0
                copy.formula = formula
                return copy
            }
            candidates += best.0.trace.simpler.map { trace in
                var copy = best.0
                copy.trace = trace
                copy.order = Array(trace.rows.indices)
                return copy
            }
            for candidate in candidates {
                if let failure = disagreement(candidate) {
                    best = (candidate, failure)
                    goesOn = true
                    break
                }
            }
        }
        return best
    }

    @Test func theShrinkerFindsTheHeartOfAFailure() {
        // A formula with one wrong part shrinks to that part: here one that the engine refuses.
        var random = SplitMix64(seed: 7)
        var example = Self.random(&random)
        let wrong = Formula(
            op: .once, parts: [Formula(op: .rise, parts: [Formula(op: .signal)])], low: 2, high: 2)
        example.formula = Formula(
            op: .or, parts: [wrong, Formula(op: .not, parts: [Formula(op: .signal, constant: 1)])])
        example.trace.rows[0].samples = [("p", .flag(true)), ("q", .flag(true))]
        let failure = Self.disagreement(example)
        #expect(failure?.contains("holds no point") == true)
        let (small, reason) = Self.shrunk(example, failure ?? "")
        #expect(
            small.formula == wrong && reason.contains("holds no point"),
            "\(small.formula): \(reason)")
        #expect(small.trace.rows.count == 1)
    }
}
