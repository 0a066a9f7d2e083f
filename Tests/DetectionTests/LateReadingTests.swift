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
            // Each row may come after the next one or two, which are at most two seconds later.
            for i in order.indices.dropLast(2) where Int.random(in: 0...3, using: &random) == 0 {
                guard order[i + 2] == i + 2, trace.rows[i + 2].step - trace.rows[order[i]].step <= 2 else { continue }
                order.insert(order.remove(at: i + 2), at: i)
            }
            for i in order.indices.dropLast() where Int.random(in: 0...2, using: &random) == 0 {
                if trace.rows[order[i + 1]].step - trace.rows[order[i]].step <= 2 { order.swapAt(i, i + 1) }
            }
            // Timers run between the words; the first word comes at once, long after the start, or shortly before midnight.
            let advances = order.map { _ in Int.random(in: 0...3, using: &random) }
            let start = [0, 8, 79_992].randomElement(using: &random)!
            let inOrder = try Self.run(trace, Array(trace.rows.indices), rules, advances, from: start)
            let late = try Self.run(trace, order, rules, advances, from: start)
            guard inOrder == late else {
                Issue.record("seed \(seed), round \(round): \(text)\n\(trace.rows)\norder \(order)")
                return
            }
        }
    }

    /// The lift's memory after all is said, but for the deadline, which may be early.
    /// - Parameter advances: by place, how many seconds before the newest word time is told; 3: it is not.
    private static func run(
        _ trace: FormulaTrace, _ order: [Int], _ rules: RuleSet, _ advances: [Int], from start: Int
    ) throws -> [Int64] {
        var building = try Building(rules: rules, provides: Set(Signal.allCases))
        var newest = 0.0
        for (place, i) in order.enumerated() {
            let row = trace.rows[i]
            let newestBefore = newest
            newest = max(newest, Double(row.step + start))
            if advances[place] < 3 {
                let told = max(newestBefore, newest - Double(advances[place]))
                building.detector.advance(to: Building.start + .nanoseconds(Int64(told * 1e9)))
            }
            var reading = Reading()
            set(row.words, in: &reading)
            reading.sequence = Int64(i + 1)
            reading.deviceTime = Building.start + .seconds(row.step + start)
            building.detector.fold(
                reading, lift: 0, key: UInt64(i + 1), vendorCode: nil,
                arrival: Building.start + .nanoseconds(Int64(newest * 1e9)))
        }
        building.detector.advance(to: Building.start + .seconds(trace.steps + start + 30))
        var words = building.detector.tracks[0].memory.words
        words[LiftLayout.deadline] = 0
        building.detector.tracks[0].memory.timerWasLast = false
        words[LiftLayout.flags] = building.detector.tracks[0].memory.words[LiftLayout.flags]
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
