import LiftModel
import PositionedYAML
import Testing

@testable import RuleLanguage

/// A rule set is compiled once for each kind of lift, however many lifts and buildings use it.
@Suite struct ProgramStoreTests {
    private func kind(_ change: (inout LiftKind) -> Void = { _ in }) -> LiftKind {
        var kind = LiftKind(
            provides: [.moving, .occupied], staleAfter: .seconds(60), equipment: .traction)
        change(&kind)
        return kind
    }

    @Test func copiesOfASetShareTheProgramOfAKind() throws {
        let rules = try ShippedRulesTests.load()
        let copy = rules
        #expect(try rules.program(for: kind()) === copy.program(for: kind()))
    }

    @Test(
        arguments: [
            { $0.provides.insert(.floor) }, { $0.staleAfter = .seconds(61) },
            { $0.shortestInterval = .seconds(1) },
            { $0.reportsEvery = .seconds(5) }, { $0.equipment = .goods },
        ] as [@Sendable (inout LiftKind) -> Void])
    func anotherKindHasItsOwn(_ change: @Sendable (inout LiftKind) -> Void) throws {
        let rules = try ShippedRulesTests.load()
        #expect(try rules.program(for: kind()) !== rules.program(for: kind(change)))
    }

    @Test func anotherSetHasItsOwn() throws {
        let programs = try (1...2).map { seconds in
            try RuleSet([
                YAMLNode(
                    parsing: Array(Building.rule(hold: "\(seconds)s").utf8), file: "rules.yaml")
            ])
            .program(for: kind())
        }
        #expect(programs[0] !== programs[1])
    }
}
