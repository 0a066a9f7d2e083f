import LiftModel
import Testing

@testable import Monitoring

/// What every revision says about the car besides the evidence: the last known floor, mode and
/// occupancy, and the source of the occupancy (entrapment.md, "After it").
@Suite struct LastKnownTests {
    /// An entrapment of a lift that has fallen silent, with definitions of the shipped rules.
    private static let rules = """
        parameters: { occupied_load: 5, stuck_after: 1h }
        let:
          occupancy_stuck: known(compartments.main.occupied) and not possibly(once(changes(compartments.main.occupied), stuck_after))
          occupied_by_sensor: (any(compartments.occupied) and not occupancy_stuck) or (occupancy_stuck and unknown)
          occupied_by_load: not possibly(not (any(compartments.load) > occupied_load))
          occupied: occupied_by_sensor or occupied_by_load
          possible_occupant: possibly(occupied) or latched(occupied and all(doors.locked), not all(doors.locked))
        rules:
          - { rule: silent, kind: entrapment, when: heard and silent(30s), because: silence, title: { en: t, zh: t } }
          - { rule: stands, kind: stands, when: not moving and not in_door_zone, for: 10s, title: { en: t, zh: t } }
        """

    private func building(
        rules: String = Self.rules, _ change: (inout Reading) -> Void
    ) throws -> Building {
        var building = try Building(rules: rules)
        building.send(at: 0) {
            $0.set(.mode, case: 1)
            $0.set(.floor, number: 7)
            $0.set(.moving, true)
            $0.set(.inDoorZone, false)
            $0.set(.frontLocked, true)
            change(&$0)
        }
        return building
    }

    @Test func aSilenceNamesTheFloorTheModeAndWhoWasInside() throws {
        var building = try building { $0.set(.occupied, true) }
        building.advance(to: 31)
        let silence = try #require(building.alerts.last)
        let start = Building.start
        #expect(silence.kind == "entrapment" && silence.branch == "silence")
        #expect(silence.lastKnown.floor == LastKnown.Item(value: 7, time: start))
        #expect(silence.lastKnown.mode == LastKnown.Item(value: .normal, time: start))
        #expect(silence.lastKnown.occupied == LastKnown.Item(value: true, time: start))
    }

    @Test func itIsKnownOverARestartAndAfterTheSignalsHaveGoneStale() throws {
        var building = try building { $0.set(.occupied, true) }
        building.advance(to: 10)
        try building.restart()
        building.advance(to: 200)
        try building.perform(.progress(alert: building.alerts[0].id, .arrived, Statement(by: "Li")))
        let last = try #require(building.alerts.last)
        #expect(!last.evidence.contains { $0.signal == "floor" })
        #expect(last.lastKnown.floor?.value == 7 && last.occupancy == Occupancy(.unknown, .none))
    }

    /// An adapter that is alive while its controller is dead sends "null": the floor is as old as
    /// the controller's last value.
    @Test func aFloorThatIsNoLongerSaidKeepsItsAge() throws {
        var building = try building { $0.set(.occupied, true) }
        building.send(at: 10) { $0.setUnknown(Signal.floor.rawValue) }
        building.advance(to: 60)
        #expect(
            building.alerts.last?.lastKnown.floor == LastKnown.Item(value: 7, time: Building.start))
        #expect(building.alerts.last?.lastKnown.mode?.time == Building.start + .seconds(10))
    }

    private func standing(_ change: (inout Reading) -> Void) throws -> Alert {
        var building = try building(change)
        building.send(at: 1) { $0.set(.moving, false) }
        building.advance(to: 12)
        return try #require(building.alerts.last)
    }

    @Test func aLoadSpeaksAgainstASensor() throws {
        let alert = try standing {
            $0.set(.occupied, false)
            $0.set(.load, number: 19)
        }
        #expect(alert.occupancy == Occupancy(.yes, .load))
        #expect(!alert.evidence.contains { $0.signal == "compartments.main.occupied" })
        #expect(
            alert.disbelieved == [
                Evidence(signal: "compartments.main.occupied", value: .boolean(false))
            ])
    }

    /// A centre relies on this when the building has no power.
    @Test func aCarThatItsLoadShowsToBeFullMayHoldPeople() throws {
        let full = try building {
            $0.set(.occupied, false)
            $0.set(.load, number: 19)
        }
        #expect(full.detector.liftsThatMayHoldPeople == ["1"])
        let empty = try building {
            $0.set(.occupied, false)
            $0.set(.load, number: 0)
        }
        #expect(empty.detector.liftsThatMayHoldPeople.isEmpty)
    }

    @Test func anEmptyCarIsEmpty() throws {
        let alert = try standing {
            $0.set(.occupied, false)
            $0.set(.load, number: 0)
        }
        #expect(alert.occupancy == Occupancy(.no, .sensor) && alert.disbelieved.isEmpty)
    }

    @Test func aSensorThatNeverChangesIsNotBelieved() throws {
        var building = try building { $0.set(.occupied, false) }
        for minute in 1...70 { building.send(at: Double(minute) * 60) }
        building.send(at: 4210) { $0.set(.moving, false) }
        building.advance(to: 4225)
        let alert = try #require(building.alerts.last { $0.kind == "stands" })
        #expect(alert.occupancy == Occupancy(.unknown, .sensorStuck))
        #expect(!alert.evidence.contains { $0.signal == "compartments.main.occupied" })
    }

    /// A site's own rule set may have the name of version 0.3.
    @Test(arguments: ["possible_occupant", "perhaps_inside"])
    func whoeverWasSeenBehindLockedDoorsHasNotLeft(_ name: String) throws {
        let rules = Self.rules.replacing("possible_occupant", with: name)
        var building = try building(rules: rules) { $0.set(.occupied, true) }
        building.send(at: 1) {
            $0.set(.moving, false)
            $0.set(.occupied, false)
        }
        building.advance(to: 12)
        #expect(building.alerts.last?.occupancy == Occupancy(.unknown, .seenBefore))
    }

    @Test func rulesWithoutTheseSignalsUseTheSensor() throws {
        var building = try Building(rules: Building.rule())
        building.stop(at: 1)
        building.advance(to: 12)
        #expect(building.alerts[0].occupancy == Occupancy(.yes, .sensor))
        #expect(building.alerts[0].branch == nil, "it is no entrapment")
    }
}
