import LiftModel
import Monitoring
import Testing

/// Operator actions at the centre, and reminders of missing ones (entrapment.md, "After it").
@Suite struct AcceptanceTests {
    private func trapped(confirmedAfter confirmation: String = "60s") throws -> Building {
        var building = try Building(
            rules: """
                rules:
                  - { rule: r, kind: entrapment, when: not moving and not in_door_zone, for: 10s,
                      severity: critical, because: off_level,
                      escalates: { to: confirmed, for: \(confirmation) }, clear: in_door_zone, title: { en: t, zh: t } }
                """)
        building.send(at: 0) { $0.stopsBetweenFloors() }
        return building
    }
    /// The lift reports every 20 s that nothing has changed.
    private func wait(_ building: inout Building, until end: Double) {
        let start = (building.now - Building.start).inSeconds
        for second in stride(from: start + 20, through: end, by: 20) { building.send(at: second) }
        building.advance(to: end)
    }

    /// Minutes after an entrapment was raised at which there was a reminder.
    private func reminders(_ building: Building) -> [Double] {
        building.alerts.filter { $0.reason == "not_accepted" }.map {
            ($0.time - building.alerts[0].time).inSeconds / 60
        }
    }

    @Test(arguments: ["60s", "100h"])
    func anEntrapmentThatNobodyHasAcceptedIsRemindedOfForAsLongAsItIsOpen(_ confirmation: String)
        throws
    {
        var building = try trapped(confirmedAfter: confirmation)
        wait(&building, until: 4 * 3600)
        #expect(reminders(building) == [3, 6, 9, 24, 39, 54, 69, 129, 189])
        #expect(building.alerts.map(\.revision) == Array(1...building.alerts.count))
        #expect(Set(building.alerts.map(\.id)).count == 1)
        building.send(at: 4 * 3600 + 1) { $0.set(.inDoorZone, true) }
        let count = building.alerts.count
        wait(&building, until: 8 * 3600)
        #expect(building.alerts.count == count)
    }

    @Test func acceptingEndsTheRemindersAndChangesNoStage() throws {
        var building = try trapped(confirmedAfter: "100h")
        wait(&building, until: 100)
        try building.perform(.accepted(alert: building.alerts[0].id, by: "Wang (city)"))
        #expect(building.detector.openAlerts[0].acceptedBy == "Wang (city)")
        wait(&building, until: 3000)
        #expect(
            building.alerts.map { "\($0.state) \($0.reason)" } == [
                "suspected off_level", "suspected accepted",
            ])
        #expect(building.alerts[1].statement == Statement(by: "Wang (city)"))
    }

    @Test func whoeverVerifiesThatPeopleAreInsideConfirmsAtOnce() throws {
        var building = try trapped(confirmedAfter: "100h")
        building.advance(to: 30)
        let statement = Statement(by: "Li", people: 2, condition: "one is a child", knownBy: .voice)
        try building.perform(.verified(alert: building.alerts[0].id, statement))
        #expect(building.revisions.last == "1 entrapment confirmed 30.0")
        #expect(
            building.alerts[1].reason == "verified" && building.alerts[1].statement == statement)
        // A second verification is one more revision, and no second confirmation.
        try building.perform(
            .verified(alert: building.alerts[0].id, Statement(by: "Wu", knownBy: .onSite)))
        #expect(building.alerts.map { "\($0.state) \($0.reason)" }.last == "confirmed verified")
        #expect(building.alerts.map(\.revision) == [1, 2, 3])
        wait(&building, until: 300)
        #expect(reminders(building) == [3], "nobody has accepted it")
    }

    /// A person's eyes count for more than a sensor.
    @Test func whoWasSeenInTheCarIsNotJudgedAwayByAnotherPerson() throws {
        var building = try Building(rules: Building.stuck)
        building.stop(at: 1)
        building.advance(to: 20)
        let id = try #require(building.alerts.first).id
        try building.perform(.verified(alert: id, Statement(by: "Wu", people: 2, knownBy: .camera)))
        let problem = #expect(throws: OperatorActionError.self) {
            try building.perform(.judgedFalse(alert: id, by: "Li", reason: "nobody there"))
        }
        #expect(problem?.description.contains("'released' or 'end_of_alarm'") == true)
        #expect(building.detector.openAlerts.map(\.state) == [.confirmed])
        try building.perform(.endOfAlarm(alert: id, Statement(by: "Li")))
        #expect(building.detector.openAlerts.isEmpty)
    }

    @Test func whatIsVerifiedIsOccupiedWhateverTheSensorSays() throws {
        var building = try trapped()
        building.send(at: 20) { $0.set(.occupied, false) }
        #expect(building.detector.openAlerts.count == 1)
        try building.perform(
            .verified(alert: building.alerts[0].id, Statement(by: "Li", knownBy: .camera)))
        let alert = try #require(building.alerts.last)
        #expect(alert.occupancy == Occupancy(.yes, .person))
        #expect(alert.disbelieved.map(\.signal) == ["compartments.main.occupied"])
    }

    @Test func anAcceptanceEndsWithItsAlert() throws {
        var building = try trapped()
        building.advance(to: 20)
        try building.perform(.accepted(alert: building.alerts[0].id, by: "Wang"))
        building.send(at: 30) { $0.set(.inDoorZone, true) }
        building.send(at: 40) { $0.set(.inDoorZone, false) }
        wait(&building, until: 300)
        #expect(Set(building.alerts.map(\.id)).count == 2)
        #expect(
            building.alerts.last?.reason == "not_accepted", "nobody has accepted the second one")
    }

    @Test func theReminderComesThoughNoLiftCanBeHeard() throws {
        var building = try trapped()
        wait(&building, until: 100)
        building.stopObserving()
        building.advance(to: 200)
        #expect(building.alerts.last?.reason == "not_accepted")
    }

    @Test func whatComesOutOfALongBacklogIsNotRemindedOfAtOnce() throws {
        var building = try trapped()
        building.advance(to: 15)
        building.stopObserving()
        // The centre could not learn of the alert for twenty minutes.
        building.advance(to: 1300)
        #expect(building.revisions.count == 1)
        building.advance(to: 1470)
        #expect(building.revisions.count == 1)
        building.advance(to: 1481)
        #expect(building.alerts.last?.reason == "not_accepted")
    }

    @Test func remindersAreCountedOverARestart() throws {
        var building = try trapped()
        wait(&building, until: 600)
        try building.restart()
        wait(&building, until: 3000)
        #expect(reminders(building) == [3, 6, 9, 24, 39])
    }

    @Test func eachNodeOfTheRescueIsARevisionForEverybody() throws {
        var building = try trapped()
        building.advance(to: 20)
        let id = building.alerts[0].id
        try building.perform(.accepted(alert: id, by: "Wang"))
        try building.perform(.progress(alert: id, .dispatched, Statement(by: "Wang")))
        try building.perform(
            .progress(alert: id, .released, Statement(by: "Li", people: 2, remark: "by hand")))
        try building.perform(.endOfAlarm(alert: id, Statement(by: "Li", people: 2)))
        #expect(
            building.alerts.map { "\($0.state) \($0.reason)" } == [
                "suspected off_level", "suspected accepted", "suspected dispatched",
                "suspected released",
                "cleared end_of_alarm",
            ])
        #expect(building.alerts[3].statement == Statement(by: "Li", people: 2, remark: "by hand"))
        #expect(throws: OperatorActionError.noOpenAlert(id)) {
            try building.perform(.progress(alert: id, .arrived, Statement(by: "Li")))
        }
    }

    /// The doors open before the rescuer has reported how many people came out.
    @Test func aRescuersStatementAfterTheDoorsOpenedIsReported() throws {
        var building = try trapped()
        building.advance(to: 20)
        let id = building.alerts[0].id
        try building.perform(.accepted(alert: id, by: "Wang"))
        building.send(at: 30) { $0.set(.inDoorZone, true) }
        wait(&building, until: 300)
        try building.perform(.progress(alert: id, .released, Statement(by: "Li", people: 2)))
        try building.restart()
        try building.perform(.endOfAlarm(alert: id, Statement(by: "Wang", people: 2)))
        #expect(
            building.alerts.suffix(3).map { "\($0.state) \($0.reason)" } == [
                "cleared released", "cleared released", "cleared end_of_alarm",
            ])
        #expect(building.alerts.map(\.revision) == Array(1...5))
        wait(&building, until: 400)
        #expect(throws: OperatorActionError.noOpenAlert(id)) {
            building.send(at: 420) { $0.set(.inDoorZone, false) }
            building.advance(to: 440)
            try building.perform(.endOfAlarm(alert: id, Statement(by: "Wang")))
        }
    }
}
