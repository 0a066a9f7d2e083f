import Elevator
import Encoding
import PositionedYAML
import Testing

@testable import Detection

/// Restarts and reloads leave no trace: for random rules and random lives, with gaps in which nobody listens.
@Suite struct InterruptedLifeTests {
    /// One thing that happens at a second of the life.
    private enum Happening {
        case said([(signal: String, word: FormulaTrace.Word)])
        case deaf(seconds: Int)
        case nothing
    }
    private enum Interruption: CaseIterable { case restart, reloadOfAnotherRule, restartUnderOtherRules }

    private static func rules(_ formula: String, _ gap: String, other: Int) -> String {
        """
        let:
          word: '\(formula)'
        rules:
          - { rule: watched, kind: watched, when: word, for: 3s, gap: \(gap), title: { en: t, zh: t } }
          - { rule: other, kind: other, when: speed > \(other), title: { en: o, zh: o } }
        """
    }

    @Test func anInterruptedLifeTellsWhatAWholeOneTells() throws {
        let seed = UInt64.random(in: 0...UInt64.max)
        var random = SplitMix64(seed: seed)
        var told = 0
        for round in 0..<600 {
            let trace = FormulaTrace.random(&random)
            let text = LateReadingTests.catalogued(
                Formula.random(.condition, depth: 3, &random).text(step: .seconds(1)))
            let gap = ["continue", "restart", "unknown"].randomElement(using: &random)!
            var life: [Happening] = []
            for step in 0...trace.steps + 12 {
                let words = trace.rows.filter { $0.step == step }.flatMap(\.words)
                if Int.random(in: 0...9, using: &random) == 0 {
                    life.append(.deaf(seconds: Int.random(in: 1...8, using: &random)))
                }
                life.append(words.isEmpty ? .nothing : .said(words))
            }
            let cuts = (0..<3).map { _ in Int.random(in: 0..<life.count, using: &random) }
            // Some pass midnight.
            let start = [0, 79_990.0].randomElement(using: &random)!
            let whole = try Self.live(life, [:], text, gap, from: start)
            told += whole.count
            for interruption in Interruption.allCases {
                let cut = Dictionary(cuts.map { ($0, interruption) }, uniquingKeysWith: { a, _ in a })
                let interrupted = try Self.live(life, cut, text, gap, from: start)
                guard whole == interrupted else {
                    Issue.record(
                        "seed \(seed), round \(round), \(interruption) at \(cuts) from \(start): \(text)\n\(life)\n\(whole)\n\(interrupted)"
                    )
                    return
                }
            }
        }
        #expect(told > 100, "lives in which nothing is told test nothing")
    }

    /// What the journal holds after the snapshot is folded after the restart, with the times of then; among it words that came late.
    @Test(arguments: [nil, 1, 100] as [Double?])
    func whatIsFoldedAfterARestartIsJudgedByTheTimesOfThen(_ restart: Double?) throws {
        var building = try Building(
            rules: "rules: [{ rule: r, kind: stands, when: 'held(not moving, 10s)', title: { en: s, zh: s } }]")
        building.say(at: 0) { $0.set(.moving, true) }
        building.advance(to: 1)
        if let restart { try building.restart(at: restart) }
        building.say(at: 2) { $0.set(.moving, false) }
        building.say(at: 1.5, arriving: 3) { $0.set(.moving, true) }
        building.say(at: 6) { $0.set(.moving, true) }
        building.say(at: 20) { $0.set(.moving, false) }
        building.advance(to: 32)
        #expect(building.told == ["1 stands raised 30.0"], "it stood for four seconds, and then for ten")
    }

    private static func live(
        _ life: [Happening], _ cuts: [Int: Interruption], _ text: String, _ gap: String, from start: Double
    ) throws -> [String] {
        var building = try fresh(1, text, gap)
        var now = start
        for (place, happening) in life.enumerated() {
            switch happening {
            case .said(let words): building.say(at: now) { reading in LateReadingTests.set(words, in: &reading) }
            case .deaf(let seconds):
                building.stopListening()
                now += Double(seconds)
                building.startListening(at: now)
            case .nothing: building.advance(to: now)
            }
            if let interruption = cuts[place] {
                switch interruption {
                case .restart, .restartUnderOtherRules:
                    let bytes = building.detector.snapshot()
                    building.detector = try fresh(interruption == .restart ? 1 : 2, text, gap).detector
                    _ = try building.detector.restore(bytes)
                case .reloadOfAnotherRule: try building.adopt(rules(text, gap, other: 100 + place))
                }
            }
            now += 1
        }
        return building.told.filter { $0.contains("watched") }
    }

    private static func fresh(_ other: Int, _ text: String, _ gap: String) throws -> Building {
        try Building(
            rules: RuleSet([YAMLNode(parsing: Array(rules(text, gap, other: other).utf8), file: "r.yaml")]),
            provides: Set(Signal.allCases))
    }
}
