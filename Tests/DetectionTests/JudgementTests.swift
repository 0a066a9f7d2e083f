import Foundation
import LiftModel
import Testing

@testable import Monitoring

/// A condition that was judged false raises nothing while it lasts, and new evidence raises an
/// alert (entrapment.md: `judged_false`).
@Suite struct JudgementTests {
    private static let rules = """
        rules:
          - { rule: stuck, kind: entrapment, when: not moving and not in_door_zone, for: 10s, title: { en: s, zh: s } }
          - { rule: dark, kind: dark, when: '"41" in codes', for: 10s, title: { en: d, zh: d } }
        """

    private func judgeFalse(_ building: inout Building, _ kind: String) throws {
        let alert = try #require(building.alerts.last { $0.kind == kind && $0.state.isOpen })
        try building.perform(.judgedFalse(alert: alert.id, by: "Li", reason: "nothing"))
    }
    private func send(
        _ building: inout Building, from: Double, to end: Double, _ codes: FaultCode...
    ) {
        for second in stride(from: from, through: end, by: 5) {
            building.send(at: second) {
                $0.stopsBetweenFloors()
                $0.set(.codes, bits: codes.reduce(0) { $0 | $1.bit })
            }
        }
    }

    private func bothJudged() throws -> Building {
        var building = try Building(rules: Self.rules)
        building.send(at: 0) { $0.set(.moving, true) }
        send(&building, from: 1, to: 21, .mainPowerLost)
        try judgeFalse(&building, "entrapment")
        try judgeFalse(&building, "dark")
        send(&building, from: 25, to: 60, .mainPowerLost)
        #expect(building.revisions.count == 4, "the same evidence raises nothing")
        return building
    }

    @Test func twoAlertsThatAreJudgedFalseForgetNeither() throws {
        var building = try bothJudged()
        send(&building, from: 61, to: 81, .mainPowerLost, .carAlarmButton)
        #expect(
            building.revisions.suffix(2).sorted() == [
                "1 dark raised 71.0", "1 entrapment raised 71.0",
            ])
    }

    @Test func whatIsJudgedAgainIsMeasuredAgainstTheLastJudgement() throws {
        var building = try bothJudged()
        send(&building, from: 61, to: 81, .mainPowerLost, .carAlarmButton)
        try judgeFalse(&building, "entrapment")
        send(&building, from: 85, to: 120, .mainPowerLost, .carAlarmButton)
        #expect(building.revisions.count == 7, "the press was known")
        // The other judgement has not been renewed, and its alert is open.
        #expect(building.detector.openAlerts.map(\.kind) == ["dark"])
        send(&building, from: 121, to: 141, .mainPowerLost, .carAlarmButton, .safetyCircuitOpen)
        #expect(building.revisions.last == "1 entrapment raised 131.0")
    }

    @Test func bothOutliveARestart() throws {
        var building = try bothJudged()
        try building.restart()
        send(&building, from: 61, to: 81, .mainPowerLost, .carAlarmButton)
        #expect(
            building.revisions.suffix(2).sorted() == [
                "1 dark raised 71.0", "1 entrapment raised 71.0",
            ])
    }

    @Test func oneJudgementIsKeptForEachRuleHoweverOftenItIsJudged() throws {
        var building = try bothJudged()
        for round in 1...20 {
            let start = 40 + Double(round) * 40
            send(
                &building, from: start, to: start + 20, .mainPowerLost,
                round % 2 == 0 ? .safetyCircuitOpen : .doorCloseFault)
            try judgeFalse(&building, "entrapment")
            #expect(building.detector.lifts[0].judgements.count <= 2)
        }
        // The judgement ends with the condition.
        building.send(at: 900) {
            $0.set(.moving, true)
            $0.set(.codes, bits: 0)
        }
        for second in stride(from: 901.0, through: 930, by: 5) { building.send(at: second) }
        #expect(building.detector.lifts[0].judgements.isEmpty)
    }

    /// The fixture is a snapshot of format 6 with two lifts at 40 s. Both stand between floors, an
    /// alert of the first has been judged false, and rescuers have arrived at the second
    /// (Fixtures/README.md).
    @Test func aJudgementThatFormat6KeptStandsForAllRulesThatItWasAbout() throws {
        let rules = Self.rules.replacingFirst("for: 10s,", "for: 10s, yields_to: [dark],")
        var building = try Building(lifts: 2, rules: rules)
        _ = try building.detector.restore(Fixture.bytes("snapshot-6.bin"))
        #expect(building.detector.lifts[0].judgements.map(\.rule).sorted() == ["dark", "stuck"])
        #expect(building.detector.lifts[1].ledger.hasRescuers)
        send(&building, from: 41, to: 60)
        #expect(building.revisions == [])
        send(&building, from: 61, to: 81, .carAlarmButton)
        #expect(building.revisions == ["1 entrapment raised 71.0"])
    }
}

/// Snapshots of earlier versions.
enum Fixture {
    static func bytes(_ name: String) throws -> [UInt8] {
        let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .appendingPathComponent("Fixtures")
        return [UInt8](try Data(contentsOf: folder.appendingPathComponent(name)))
    }
}
