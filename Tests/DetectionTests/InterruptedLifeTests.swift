import Encoding
import LiftModel
import PositionedYAML
import Testing

@testable import Monitoring
@testable import RuleLanguage

/// Restarts and reloads have no effect on alerts: random rules and random events, with gaps in
/// observation.
@Suite struct InterruptedLifeTests {
    /// One event, at its second.
    private enum Event {
        case sent([(signal: String, value: FormulaTrace.Value)])
        case deaf(seconds: Int)
        case nothing
    }
    private enum Interruption: CaseIterable {
        case restart, reloadOfAnotherRule, restartUnderOtherRules
    }

    private static func rules(_ formula: String, _ gap: String, other: Int) -> String {
        """
        let:
          condition: '\(formula)'
        rules:
          - { rule: watched, kind: watched, when: condition, for: 3s, gap: \(gap), title: { en: t, zh: t } }
          - { rule: other, kind: other, when: speed > \(other), title: { en: o, zh: o } }
        """
    }

    @Test func anInterruptedLifeTellsWhatAWholeOneTells() throws {
        let seed = UInt64.random(in: 0...UInt64.max)
        var random = SplitMix64(seed: seed)
        var revisions = 0
        for round in 0..<600 {
            let trace = FormulaTrace.random(&random)
            let text = LateReadingTests.catalogued(
                Formula.random(.condition, depth: 3, &random).text(step: .seconds(1)))
            let gap = ["continue", "restart", "unknown"].randomElement(using: &random)!
            var events: [Event] = []
            for step in 0...trace.steps + 12 {
                let samples = trace.rows.filter { $0.step == step }.flatMap(\.samples)
                if Int.random(in: 0...9, using: &random) == 0 {
                    events.append(.deaf(seconds: Int.random(in: 1...8, using: &random)))
                }
                events.append(samples.isEmpty ? .nothing : .sent(samples))
            }
            let cuts = (0..<3).map { _ in Int.random(in: 0..<events.count, using: &random) }
            // Some pass midnight.
            let start = [0, 79_990.0].randomElement(using: &random)!
            let whole = try Self.play(events, [:], text, gap, from: start)
            revisions += whole.count
            for interruption in Interruption.allCases {
                let cut = Dictionary(
                    cuts.map { ($0, interruption) }, uniquingKeysWith: { a, _ in a })
                let interrupted = try Self.play(events, cut, text, gap, from: start)
                guard whole == interrupted else {
                    Issue.record(
                        "seed \(seed), round \(round), \(interruption) at \(cuts) from \(start): \(text)\n\(events)\n\(whole)\n\(interrupted)"
                    )
                    return
                }
            }
        }
        #expect(revisions > 100, "without alerts the rounds test nothing")
    }

    /// After a restart the journal's messages since the snapshot are replayed, with their own
    /// times. Some of them are late.
    @Test(arguments: [nil, 1, 100] as [Double?])
    func whatIsFoldedAfterARestartIsJudgedByTheTimesOfThen(_ restart: Double?) throws {
        var building = try Building(
            rules:
                "rules: [{ rule: r, kind: stands, when: 'held(not moving, 10s)', title: { en: s, zh: s } }]"
        )
        building.send(at: 0) { $0.set(.moving, true) }
        building.advance(to: 1)
        if let restart { try building.restart(at: restart) }
        building.send(at: 2) { $0.set(.moving, false) }
        building.send(at: 1.5, arriving: 3) { $0.set(.moving, true) }
        building.send(at: 6) { $0.set(.moving, true) }
        building.send(at: 20) { $0.set(.moving, false) }
        building.advance(to: 32)
        #expect(
            building.revisions == ["1 stands raised 30.0"],
            "it stood for four seconds, and then for ten")
    }

    private static func play(
        _ events: [Event], _ cuts: [Int: Interruption], _ text: String, _ gap: String,
        from start: Double
    ) throws -> [String] {
        var building = try fresh(1, text, gap)
        var now = start
        for (index, event) in events.enumerated() {
            switch event {
            case .sent(let samples):
                building.send(at: now) { reading in LateReadingTests.set(samples, in: &reading) }
            case .deaf(let seconds):
                building.stopObserving()
                now += Double(seconds)
                building.startObserving(at: now)
            case .nothing: building.advance(to: now)
            }
            if let interruption = cuts[index] {
                switch interruption {
                case .restart, .restartUnderOtherRules:
                    let bytes = building.detector.snapshot()
                    building.detector = try fresh(interruption == .restart ? 1 : 2, text, gap)
                        .detector
                    _ = try building.detector.restore(bytes)
                case .reloadOfAnotherRule: try building.adopt(rules(text, gap, other: 100 + index))
                }
            }
            now += 1
        }
        return building.revisions.filter { $0.contains("watched") }
    }

    private static func fresh(_ other: Int, _ text: String, _ gap: String) throws -> Building {
        try Building(
            rules: RuleSet([
                YAMLNode(parsing: Array(rules(text, gap, other: other).utf8), file: "r.yaml")
            ]),
            provides: Set(Signal.allCases))
    }
}
