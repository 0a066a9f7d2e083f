import Detection
import Elevator
import Testing

/// What people at the centre say, and what they have not said (entrapment.md, "After it").
@Suite struct AcceptanceTests {
    private func trapped() throws -> Building {
        var building = try Building(
            rules: """
                rules:
                  - { rule: r, kind: entrapment.x, when: not moving, for: 10s, severity: critical,
                      escalates: { to: confirmed, for: 60s }, clear: in_door_zone, title: { en: t, zh: t } }
                """)
        building.say(at: 0) { $0.stopsBetweenFloors() }
        return building
    }
    /// The lift says every 20 s that nothing has changed.
    private func wait(_ building: inout Building, until end: Double) {
        let start = (building.now - Building.start).inSeconds
        for second in stride(from: start + 20, through: end, by: 20) { building.say(at: second) }
        building.advance(to: end)
    }

    @Test func anEntrapmentThatNobodyHasAcceptedIsToldAgainThreeTimes() throws {
        var building = try trapped()
        wait(&building, until: 3000)
        #expect(
            building.told == [
                "1 entrapment.x suspected 10.0", "1 entrapment.x confirmed 70.0", "1 entrapment.x confirmed 190.0",
                "1 entrapment.x confirmed 370.0", "1 entrapment.x confirmed 550.0",
            ])
        #expect(building.alerts.map(\.reason).suffix(3) == ["not_accepted", "not_accepted", "not_accepted"])
        #expect(building.alerts.map(\.revision) == [1, 2, 3, 4, 5])
        #expect(Set(building.alerts.map(\.id)).count == 1)
    }

    @Test func acceptingEndsTheReminders() throws {
        var building = try trapped()
        wait(&building, until: 100)
        try building.order(.accepted(alert: building.alerts[0].id, by: "Wang (city)"))
        wait(&building, until: 3000)
        #expect(building.told.count == 3)
        #expect(building.alerts[2].reason == "accepted" && building.alerts[2].state == .confirmed)
        #expect(building.alerts[2].statement == Statement(by: "Wang (city)"))
    }

    @Test func theReminderComesThoughNoLiftCanBeHeard() throws {
        var building = try trapped()
        wait(&building, until: 100)
        building.stopListening()
        building.advance(to: 200)
        #expect(building.alerts.last?.reason == "not_accepted")
    }

    @Test func whatComesOutOfALongBacklogIsNotRemindedOfAtOnce() throws {
        var building = try trapped()
        building.advance(to: 15)
        building.stopListening()
        // Nobody could tell the centre anything for twenty minutes.
        building.advance(to: 1300)
        #expect(building.told.count == 1)
        building.advance(to: 1470)
        #expect(building.told.count == 1)
        building.advance(to: 1481)
        #expect(building.alerts.last?.reason == "not_accepted")
    }

    @Test func remindersAreCountedOverARestart() throws {
        var building = try trapped()
        wait(&building, until: 200)
        #expect(building.told.count == 3)
        try building.restart()
        wait(&building, until: 3000)
        #expect(building.told.count == 5)
    }

    @Test func eachNodeOfTheRescueIsARevisionForEverybody() throws {
        var building = try trapped()
        building.advance(to: 20)
        let id = building.alerts[0].id
        try building.order(.accepted(alert: id, by: "Wang"))
        try building.order(.progress(alert: id, .dispatched, Statement(by: "Wang")))
        try building.order(.progress(alert: id, .released, Statement(by: "Li", people: 2, remark: "by hand")))
        try building.order(.endOfAlarm(alert: id, Statement(by: "Li", people: 2)))
        #expect(
            building.alerts.map { "\($0.state) \($0.reason)" } == [
                "suspected held", "confirmed accepted", "confirmed dispatched", "confirmed released",
                "cleared end_of_alarm",
            ])
        #expect(building.alerts[3].statement == Statement(by: "Li", people: 2, remark: "by hand"))
        #expect(throws: OrderProblem.noOpenAlert(id)) {
            try building.order(.progress(alert: id, .arrived, Statement(by: "Li")))
        }
    }
}
