import Testing

@testable import Detection

/// What mutes an alert, when it has to have been there, and for how long.
@Suite struct SuppressorTests {
    @Test func inspectionMutesOnlyWhenItWasThereBefore() throws {
        let rules = Building.stuck.replacingFirst(
            "    escalates",
            "    unless: [{ name: inspection, when: mode == inspection, active: before_onset, at_most: 1h }]\n    escalates"
        )
        var before = try Building(rules: rules)
        before.say(at: 0) {
            $0.set(.mode, case: 2)
            $0.set(.moving, true)
            $0.set(.inDoorZone, false)
            $0.set(.occupied, true)
        }
        before.say(at: 5) { $0.set(.moving, false) }
        for second in stride(from: 10.0, to: 100, by: 10) { before.say(at: second) }
        #expect(before.told == ["1 entrapment.off_level suppressed 15.0"])
        // The cap: an inspection flag left on does not mute for ever.
        for second in stride(from: 100.0, to: 3700, by: 10) { before.say(at: second) }
        #expect(before.told.dropFirst().first == "1 entrapment.off_level suspected 3600.0")

        var after = try Building(rules: rules)
        after.say(at: 5) { $0.stopsBetweenFloors() }
        after.say(at: 8) { $0.set(.mode, case: 2) }
        after.advance(to: 16)
        #expect(after.told == ["1 entrapment.off_level suspected 15.0"])
    }

    @Test func aSuppressorThatComesInTheSameMessageWasNotThereBefore() throws {
        let text = Building.rule(
            "unless: [{ name: inspection, when: mode == inspection, active: before_onset, at_most: 1h }]")
        var building = try Building(rules: text)
        building.say(at: 0) {
            $0.stopsBetweenFloors()
            $0.set(.moving, true)
        }
        building.say(at: 5) {
            $0.set(.moving, false)
            $0.set(.mode, case: 2)
        }
        building.advance(to: 16)
        #expect(building.told == ["1 stands raised 15.0"])
    }

    @Test func aCoolDownGoesOnMuting() throws {
        let text = Building.rule(
            "unless: [{ name: inspection, when: mode == inspection, cool_down: 60s, at_most: 1h }]")
        var building = try Building(rules: text)
        building.say(at: 0) {
            $0.stopsBetweenFloors()
            $0.set(.mode, case: 2)
            $0.set(.moving, true)
        }
        building.say(at: 10) { $0.set(.mode, case: 1) }
        building.say(at: 12) { $0.set(.moving, false) }
        for second in stride(from: 20.0, to: 100, by: 10) { building.say(at: second) }
        #expect(building.told == ["1 stands suppressed 22.0", "1 stands raised 70.0"])
    }

    @Test func aCoolDownMutesNothingThatBeginsInIt() throws {
        let text = Building.rule(
            "unless: [{ name: inspection, when: mode == inspection, active: before_onset, cool_down: 60s, at_most: 1h }]"
        )
        for (stopsAt, told) in [
            (5.0, ["1 stands suppressed 15.0", "1 stands raised 70.0"]), (12.0, ["1 stands raised 22.0"]),
        ] {
            var building = try Building(rules: text)
            building.say(at: 0) {
                $0.stopsBetweenFloors()
                $0.set(.mode, case: 2)
                $0.set(.moving, true)
            }
            if stopsAt < 10 { building.say(at: stopsAt) { $0.set(.moving, false) } }
            building.say(at: 10) { $0.set(.mode, case: 1) }
            if stopsAt > 10 { building.say(at: stopsAt) { $0.set(.moving, false) } }
            for second in stride(from: 20.0, to: 100, by: 10) { building.say(at: second) }
            #expect(building.told == told, "it stopped at \(stopsAt) s")
        }
    }
}
