import Testing

@testable import Monitoring

/// What suppresses an alert, when it must have been active, and for how long it suppresses.
@Suite struct SuppressorTests {
    @Test func inspectionMutesOnlyWhenItWasThereBefore() throws {
        let rules = Building.stuck.replacingFirst(
            "    escalates",
            "    unless: [{ name: inspection, when: mode == inspection, active: before_onset, at_most: 1h }]\n    escalates"
        )
        var before = try Building(rules: rules)
        before.send(at: 0) {
            $0.set(.mode, case: 2)
            $0.set(.moving, true)
            $0.set(.inDoorZone, false)
            $0.set(.occupied, true)
        }
        before.send(at: 5) { $0.set(.moving, false) }
        for second in stride(from: 10.0, to: 100, by: 10) { before.send(at: second) }
        #expect(before.revisions == ["1 entrapment.off_level suppressed 15.0"])
        // The cap: an inspection flag that is left on does not suppress for ever.
        for second in stride(from: 100.0, to: 3700, by: 10) { before.send(at: second) }
        #expect(before.revisions.dropFirst().first == "1 entrapment.off_level suspected 3600.0")

        var after = try Building(rules: rules)
        after.send(at: 5) { $0.stopsBetweenFloors() }
        after.send(at: 8) { $0.set(.mode, case: 2) }
        after.advance(to: 16)
        #expect(after.revisions == ["1 entrapment.off_level suspected 15.0"])
    }

    @Test func aSuppressorThatComesInTheSameMessageWasNotThereBefore() throws {
        let text = Building.rule(
            "unless: [{ name: inspection, when: mode == inspection, active: before_onset, at_most: 1h }]"
        )
        var building = try Building(rules: text)
        building.send(at: 0) {
            $0.stopsBetweenFloors()
            $0.set(.moving, true)
        }
        building.send(at: 5) {
            $0.set(.moving, false)
            $0.set(.mode, case: 2)
        }
        building.advance(to: 16)
        #expect(building.revisions == ["1 stands raised 15.0"])
    }

    @Test func aCoolDownGoesOnMuting() throws {
        let text = Building.rule(
            "unless: [{ name: inspection, when: mode == inspection, cool_down: 60s, at_most: 1h }]")
        var building = try Building(rules: text)
        building.send(at: 0) {
            $0.stopsBetweenFloors()
            $0.set(.mode, case: 2)
            $0.set(.moving, true)
        }
        building.send(at: 10) { $0.set(.mode, case: 1) }
        building.send(at: 12) { $0.set(.moving, false) }
        for second in stride(from: 20.0, to: 100, by: 10) { building.send(at: second) }
        #expect(building.revisions == ["1 stands suppressed 22.0", "1 stands raised 70.0"])
    }

    @Test func aCoolDownMutesNothingThatBeginsInIt() throws {
        let text = Building.rule(
            "unless: [{ name: inspection, when: mode == inspection, active: before_onset, cool_down: 60s, at_most: 1h }]"
        )
        for (stopsAt, expected) in [
            (5.0, ["1 stands suppressed 15.0", "1 stands raised 70.0"]),
            (12.0, ["1 stands raised 22.0"]),
        ] {
            var building = try Building(rules: text)
            building.send(at: 0) {
                $0.stopsBetweenFloors()
                $0.set(.mode, case: 2)
                $0.set(.moving, true)
            }
            if stopsAt < 10 { building.send(at: stopsAt) { $0.set(.moving, false) } }
            building.send(at: 10) { $0.set(.mode, case: 1) }
            if stopsAt > 10 { building.send(at: stopsAt) { $0.set(.moving, false) } }
            for second in stride(from: 20.0, to: 100, by: 10) { building.send(at: second) }
            #expect(building.revisions == expected, "it stopped at \(stopsAt) s")
        }
    }
}
