import Encoding
import LiftModel
import PositionedYAML
import Testing

@testable import Monitoring
@testable import RuleEngine
@testable import RuleLanguage

/// Readings out of order have the same result as in order: the engine's whole memory is compared,
/// for random rules.
@Suite struct LateReadingTests {
    private static let names = [
        "p": Signal.moving, "q": .inDoorZone, "r": .doorOpenDemand, "x": .floor, "y": .load,
        "e": .direction,
    ]

    @Test func lateReadingsWithinTheLatenessLeaveNoTrace() throws {
        let seed = UInt64.random(in: 0...UInt64.max)
        var random = SplitMix64(seed: seed)
        for round in 0..<1500 {
            let trace = FormulaTrace.random(&random)
            let text = Self.catalogued(
                Formula.random(.condition, depth: 3, &random).text(step: .seconds(1)))
            let rules = try RuleSet([
                YAMLNode(
                    parsing: Array(
                        "rules: [{ rule: r, kind: k, when: '\(text)', for: 2s, title: { en: t, zh: t } }]"
                            .utf8),
                    file: "r.yaml")
            ])
            var order = Array(trace.rows.indices)
            // Each row may come after the next one or two, which are at most two seconds later.
            for i in order.indices.dropLast(2) where Int.random(in: 0...3, using: &random) == 0 {
                guard order[i + 2] == i + 2, trace.rows[i + 2].step - trace.rows[order[i]].step <= 2
                else { continue }
                order.insert(order.remove(at: i + 2), at: i)
            }
            for i in order.indices.dropLast() where Int.random(in: 0...2, using: &random) == 0 {
                if trace.rows[order[i + 1]].step - trace.rows[order[i]].step <= 2 {
                    order.swapAt(i, i + 1)
                }
            }
            // Timers run between the messages. The first message comes at once, long after the
            // start, or shortly before midnight.
            let advances = order.map { _ in Int.random(in: 0...3, using: &random) }
            let start = [0, 8, 79_992].randomElement(using: &random)!
            let inOrder = try Self.run(
                trace, Array(trace.rows.indices), rules, advances, from: start)
            let late = try Self.run(trace, order, rules, advances, from: start)
            guard inOrder == late else {
                Issue.record("seed \(seed), round \(round): \(text)\n\(trace.rows)\norder \(order)")
                return
            }
        }
    }

    /// The lift's memory after the whole trace, except for the deadline, which may be early.
    /// - Parameter advances: for each message, by how many seconds the detector's time stays behind
    ///   the newest message; 3: it is not advanced.
    private static func run(
        _ trace: FormulaTrace, _ order: [Int], _ rules: RuleSet, _ advances: [Int], from start: Int
    ) throws -> [Int64] {
        var building = try Building(rules: rules, provides: Set(Signal.allCases))
        var newest = 0.0
        for (position, i) in order.enumerated() {
            let row = trace.rows[i]
            let newestBefore = newest
            newest = max(newest, Double(row.step + start))
            if advances[position] < 3 {
                let time = max(newestBefore, newest - Double(advances[position]))
                building.detector.advance(to: Building.start + .nanoseconds(Int64(time * 1e9)))
            }
            var reading = Reading()
            set(row.samples, in: &reading)
            reading.sequence = Int64(i + 1)
            reading.deviceTime = Building.start + .seconds(row.step + start)
            building.detector.apply(
                reading, lift: 0, key: UInt64(i + 1), vendorCode: nil,
                arrival: Building.start + .nanoseconds(Int64(newest * 1e9)))
        }
        building.detector.advance(to: Building.start + .seconds(trace.steps + start + 30))
        var words = building.detector.lifts[0].memory.words
        words[LiftLayout.deadline] = 0
        building.detector.lifts[0].memory.timerWasLast = false
        words[LiftLayout.flags] = building.detector.lifts[0].memory.words[LiftLayout.flags]
        return words
    }

    /// Sets the values of a formula's trace, with the catalogue's names.
    static func set(
        _ samples: [(signal: String, value: FormulaTrace.Value)], in reading: inout Reading
    ) {
        for (name, value) in samples {
            let signal = names[name]!
            switch value {
            case .flag(let flag): reading.set(signal, flag)
            case .number(let n): reading.set(signal, number: Double(n))
            case .name(let name): reading.set(signal, case: ["red": 1, "blue": 2][name] ?? 0)
            case .unknown: reading.setUnknown(signal.rawValue)
            }
        }
    }

    /// The formula with the catalogue's names instead of its own.
    static func catalogued(_ text: String) -> String {
        var result = ""
        var name = ""
        func flush() {
            result += names[name]?.name ?? ["red": "up", "blue": "down"][name] ?? name
            name = ""
        }
        for character in text {
            if character.isLetter || character.isNumber || character == "_" {
                name.append(character)
            } else {
                flush()
                result.append(character)
            }
        }
        flush()
        return result
    }
}
