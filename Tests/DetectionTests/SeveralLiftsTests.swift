import Elevator
import PositionedYAML
import Testing

@testable import Detection

/// What several lifts of a site say together.
@Suite struct SeveralLiftsTests {
    private let area = """
        rules:
          - rule: power
            kind: power_loss
            when: '"41" in codes'
            title: { en: p, zh: p }
            across: { lifts: 2, kind: area_power_loss, severity: critical, explains: [silent], title: { en: a, zh: a } }
          - { rule: silent, kind: controller_silent, when: heard and silent(30s), title: { en: s, zh: s } }
          - { rule: trapped, kind: entrapment.silence, when: heard and silent(20s) and possibly(last(any(compartments.occupied))), title: { en: t, zh: t } }
        """

    @Test func aPowerCutIsOneIncidentAndExplainsSilenceButNobodyTrapped() throws {
        var building = try Building(lifts: 3, rules: area)
        for lift in 1...3 {
            building.say(lift, at: 1) {
                $0.stopsBetweenFloors()
                $0.set(.occupied, lift == 2)
                $0.set(.codes, bits: FaultCode.mainPowerLost.bit)
            }
        }
        building.advance(to: 40)
        #expect(building.told.filter { $0.contains("area_power_loss") } == ["site area_power_loss raised 1.0"])
        #expect(building.told.contains("2 entrapment.silence raised 21.0"))
        #expect(!building.told.contains { $0.contains("controller_silent raised") })
        #expect(building.told.count { $0.contains("controller_silent suppressed") } == 3)
        // Power comes back on two of them, and they speak: the third is silent for a reason of its own.
        for lift in 1...2 { building.say(lift, at: 50) { $0.set(.codes, bits: 0) } }
        #expect(building.told.contains("site area_power_loss cleared 50.0"))
        #expect(building.told.last == "3 controller_silent raised 50.0")
    }

    @Test func anAreasRemindersComeAsOne() throws {
        let rules = area.replacingFirst("kind: entrapment.silence,", "kind: entrapment, stage: confirmed,")
        var building = try Building(lifts: 4, rules: rules)
        for lift in 1...4 {
            building.say(lift, at: Double(lift)) {
                $0.stopsBetweenFloors()
                $0.set(.occupied, true)
                $0.set(.codes, bits: lift < 4 ? FaultCode.mainPowerLost.bit : 0)
            }
        }
        for second in stride(from: 20.0, through: 400, by: 20) { building.advance(to: second) }
        let reminders = building.alerts.filter { $0.reason == Alert.notAccepted }
        let ids = Dictionary(
            building.alerts.filter(\.isEntrapment).map { ($0.lift, $0.id) }, uniquingKeysWith: { first, _ in first })
        // The fourth lift has its mains: it is none of the area's.
        try #require(reminders.map(\.lift) == ["1", "4", "1", "4"])
        #expect(reminders.map(\.alsoNotAccepted.count) == [2, 0, 2, 0])
        #expect(Set(reminders[0].alsoNotAccepted) == Set(["2", "3"].compactMap { ids[$0] }))
        // Whoever accepts one alert has not accepted the others.
        try building.order(.accepted(alert: #require(ids["1"]), by: "Li"))
        for second in stride(from: 420.0, through: 580, by: 20) { building.advance(to: second) }
        let last = building.alerts.last { $0.reason == Alert.notAccepted && $0.lift != "4" }
        #expect(last?.lift == "2" && last?.alsoNotAccepted.first == ids["3"])
    }

    @Test func nothingExplainsAPersonAway() {
        let text = area.replacingFirst("explains: [silent]", "explains: [trapped]")
        let error = #expect(throws: InvalidFiles.self) { try Building(lifts: 2, rules: text) }
        #expect(error?.description.contains("about people") == true)
    }

    @Test(arguments: [0.25, 1, 7, 200])
    func howOftenTimeIsToldChangesNothing(_ step: Double) throws {
        func told(_ step: Double) throws -> [String] {
            var building = try Building(lifts: 3, rules: area)
            for lift in 1...3 {
                building.say(lift, at: Double(lift) / 4) {
                    $0.stopsBetweenFloors()
                    $0.set(.occupied, lift == 2)
                    $0.set(.codes, bits: lift == 3 ? 0 : FaultCode.mainPowerLost.bit)
                }
            }
            try building.order(
                .maintenance(lift: "3", until: Building.start + .seconds(40), by: "Li", reason: "door"))
            for time in stride(from: 1.0, through: 200, by: step) { building.advance(to: time) }
            building.advance(to: 200)
            return building.told + building.alerts.map(\.id)
        }
        #expect(try told(step) == told(0.5))
    }
}
