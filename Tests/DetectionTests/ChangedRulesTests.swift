import Testing

@testable import Monitoring

/// Changes of rules while lifts are watched.
@Suite struct ChangedRulesTests {
    @Test func changingOneRuleLeavesTheOthersHoldAlone() throws {
        let other =
            "\n  - { rule: other, kind: other, when: moving, for: 30s, title: { en: o, zh: o } }"
        var building = try Building(rules: Building.rule() + other)
        building.stop(at: 1)
        building.advance(to: 9)
        try building.adopt(Building.rule() + other.replacingFirst("30s", "40s"))
        building.advance(to: 12)
        #expect(building.revisions == ["1 stands raised 11.0"])
    }

    @Test(arguments: [("keep", 11.0), ("restart", 19.0)])
    func aChangedRuleSaysWhatBecomesOfItsHold(_ policy: String, _ time: Double) throws {
        var building = try Building(rules: Building.rule())
        building.stop(at: 1)
        building.advance(to: 9)
        try building.adopt(Building.rule("severity: minor\n    when_changed: \(policy)"))
        building.send(at: 9)
        building.advance(to: 25)
        #expect(building.revisions == ["1 stands raised \(time)"])
    }

    @Test func anAlertOfARuleThatIsGoneIsCleared() throws {
        var building = try Building(rules: Building.rule())
        building.stop(at: 1)
        building.advance(to: 12)
        try building.adopt("rules: [{ rule: o, kind: o, when: moving, title: { en: o, zh: o } }]")
        #expect(building.alerts.last?.reason == "rule_removed")
        #expect(building.detector.openAlerts.isEmpty)
    }

    @Test func aWindowThatWasFillingGoesOnThroughAReload() throws {
        let text = Building.rule(when: "count(rise(moving), 1h) >= 3", hold: "0s")
        var building = try Building(rules: text)
        for second in 0..<4 {
            building.send(at: Double(second)) { $0.set(.moving, second % 2 == 1) }
        }
        try building.adopt(
            text + "\n  - { rule: new, kind: new, when: moving, title: { en: o, zh: o } }")
        building.send(at: 4) { $0.set(.moving, false) }
        building.send(at: 5) { $0.set(.moving, true) }
        #expect(building.revisions.contains("1 stands raised 5.0"))
        #expect(building.revisions.contains { $0.hasPrefix("1 new raised") })
    }

    /// The version of a rule counts the names of its definitions; the memory of a node does not.
    @Test func aRenamedDefinitionKeepsItsMemoryTheHoldAndTheOpenAlert() throws {
        let text = """
            let:
              old: count(rise(moving), 1h) >= 2
            rules:
              - { rule: open, kind: open, when: 'latched(old, in_door_zone)', title: { en: o, zh: o } }
              - { rule: held, kind: held, when: old and not moving, for: 30s, title: { en: h, zh: h } }
            """
        var building = try Building(rules: text)
        for second in 0..<5 {
            building.send(at: Double(second)) { $0.set(.moving, second % 2 == 1) }
        }
        #expect(building.revisions == ["1 open raised 3.0"])
        building.advance(to: 20)
        try building.adopt(text.replacing("old", with: "renamed"))
        building.send(at: 25)
        building.advance(to: 40)
        #expect(building.revisions == ["1 open raised 3.0", "1 held raised 34.0"])
    }

    @Test func whatARuleBeforeAnotherNamesFirstLeavesTheOthersMemoryAlone() throws {
        let held =
            "  - { rule: h, kind: h, when: 'held(not moving and not in_door_zone, 30s)', title: { en: h, zh: h } }"
        var building = try Building(rules: "rules:\n" + held)
        building.stop(at: 1)
        building.advance(to: 20)
        try building.adopt(
            "rules:\n  - { rule: a, kind: a, when: in_door_zone, title: { en: a, zh: a } }\n" + held
        )
        building.send(at: 25)
        building.advance(to: 32)
        #expect(building.revisions == ["1 h raised 31.0"])
    }
}
