import Elevator
import Encoding
import PositionedYAML
import Testing

@testable import Detection

/// Readings out of order come to the same as in order: the engine's whole memory, for random rules.
@Suite struct LateReadingTests {
    private static let names = [
        "p": Signal.moving, "q": .inDoorZone, "r": .doorOpenDemand, "x": .floor, "y": .load, "e": .direction,
    ]

    @Test func lateReadingsWithinTheLatenessLeaveNoTrace() throws {
        let seed = UInt64.random(in: 0...UInt64.max)
        var random = SplitMix64(seed: seed)
        for round in 0..<1500 {
            let trace = FormulaTrace.random(&random)
            let text = Self.catalogued(Formula.random(.condition, depth: 3, &random).text(step: .seconds(1)))
            let rules = try RuleSet([
                YAMLNode(
                    parsing: Array(
                        "rules: [{ rule: r, kind: k, when: '\(text)', for: 2s, title: { en: t, zh: t } }]".utf8),
                    file: "r.yaml")
            ])
            var order = Array(trace.rows.indices)
            // Each row may come after the next one, which is at most two seconds later.
            for i in order.indices.dropLast() where Int.random(in: 0...2, using: &random) == 0 {
                if trace.rows[order[i + 1]].step - trace.rows[order[i]].step <= 2 { order.swapAt(i, i + 1) }
            }
            let inOrder = try Self.run(trace, Array(trace.rows.indices), rules)
            let late = try Self.run(trace, order, rules)
            guard inOrder == late else {
                Issue.record("seed \(seed), round \(round): \(text)\n\(trace.rows)\norder \(order)")
                return
            }
        }
    }

    /// The lift's memory after all is said, but for the deadline, which may be early.
    private static func run(_ trace: FormulaTrace, _ order: [Int], _ rules: RuleSet) throws -> [Int64] {
        var building = try Building(rules: rules, provides: Set(Signal.allCases))
        var newest = 0.0
        for i in order {
            let row = trace.rows[i]
            newest = max(newest, Double(row.step))
            var reading = Reading()
            set(row.words, in: &reading)
            reading.sequence = Int64(i + 1)
            reading.deviceTime = Building.start + .seconds(row.step)
            building.detector.fold(
                reading, lift: 0, key: UInt64(i + 1), vendorCode: nil,
                arrival: Building.start + .nanoseconds(Int64(newest * 1e9)))
        }
        building.detector.advance(to: Building.start + .seconds(trace.steps + 30))
        var words = building.detector.tracks[0].memory.words
        words[LiftLayout.deadline] = 0
        return words
    }

    /// Says the words of a formula's trace in the catalogue's names.
    static func set(_ words: [(signal: String, word: FormulaTrace.Word)], in reading: inout Reading) {
        for (name, word) in words {
            let signal = names[name]!
            switch word {
            case .flag(let flag): reading.set(signal, flag)
            case .number(let n): reading.set(signal, number: Double(n))
            case .name(let name): reading.set(signal, case: ["red": 1, "blue": 2][name] ?? 0)
            case .unknown: reading.setUnknown(signal.rawValue)
            }
        }
    }

    /// The formula with the catalogue's names for its own.
    static func catalogued(_ text: String) -> String {
        var result = ""
        var word = ""
        func flush() {
            result += names[word]?.name ?? ["red": "up", "blue": "down"][word] ?? word
            word = ""
        }
        for character in text {
            if character.isLetter || character.isNumber || character == "_" {
                word.append(character)
            } else {
                flush()
                result.append(character)
            }
        }
        flush()
        return result
    }
}
