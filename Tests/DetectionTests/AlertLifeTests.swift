import LiftModel
import Testing

@testable import Monitoring

/// The states of one alert: raised after its hold, more severe, over, raised again.
@Suite struct AlertLifeTests {
    @Test func aHoldFiresAtItsDeadlineWithoutInput() throws {
        var building = try Building(rules: Building.stuck)
        building.send(at: 1) { $0.stopsBetweenFloors() }
        building.advance(to: 10.9)
        #expect(building.revisions == [])
        for second in stride(from: 11.0, through: 80, by: 7) { building.send(at: second) }
        #expect(
            building.revisions == [
                "1 entrapment.off_level suspected 11.0", "1 entrapment.off_level confirmed 71.0",
            ])
    }

    @Test func unknownOccupancyCountsAsOccupied() throws {
        var building = try Building(rules: Building.stuck)
        building.send(at: 1) {
            $0.stopsBetweenFloors()
            $0.setUnknown(Signal.occupied.rawValue)
        }
        building.advance(to: 12)
        #expect(building.revisions == ["1 entrapment.off_level suspected 11.0"])
    }

    @Test func aMessageThatRefutesInTimeStopsTheHold() throws {
        var building = try Building(rules: Building.stuck)
        building.send(at: 1) { $0.stopsBetweenFloors() }
        building.send(at: 9) { $0.set(.inDoorZone, true) }
        building.advance(to: 59)
        #expect(building.revisions == [])
    }

    @Test func anOpenAlertBecomesMoreSevereAndNeverLess() throws {
        let text = Building.rule(
            "severity: major\n    grades: [{ severity: emergency, when: mode == fire_recall }]")
        var building = try Building(rules: text)
        building.stop(at: 1)
        building.advance(to: 12)
        building.send(at: 13) { $0.set(.mode, case: 3) }
        building.send(at: 14) { $0.set(.mode, case: 1) }
        #expect(building.alerts.map(\.severity) == [.major, .emergency])
        #expect(building.alerts[1].revision == 2 && building.alerts[1].state == .raised)
        #expect(building.alerts[1].reason == "severity")
    }

    @Test func anAlertThatIsOverIsRaisedAgainOnlyAfterItsWholeHold() throws {
        var building = try Building(rules: Building.rule("clear: in_door_zone"))
        building.stop(at: 1)
        building.send(at: 15) { $0.set(.inDoorZone, true) }
        building.send(at: 16) { $0.set(.inDoorZone, false) }
        building.advance(to: 24.9)
        #expect(building.revisions == ["1 stands raised 11.0", "1 stands cleared 15.0"])
        building.advance(to: 30)
        #expect(building.revisions.last == "1 stands raised 25.0")
        #expect(building.alerts[0].id != building.alerts[2].id)
    }

    @Test func theSameEventHasTheSameIdEverywhere() throws {
        var ids: Set<String> = []
        for _ in 0..<2 {
            var building = try Building(rules: Building.stuck)
            building.send(at: 1) { $0.stopsBetweenFloors() }
            building.advance(to: 12)
            ids.formUnion(building.alerts.map(\.id))
        }
        #expect(ids.count == 1)
    }
}
