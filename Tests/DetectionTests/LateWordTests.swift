import Elevator
import Testing

@testable import Detection

/// Words that come late, twice, or after a younger one.
@Suite struct LateWordTests {
    @Test func aLateReadingRevisesAndNeverWithdraws() throws {
        var building = try Building(rules: Building.stuck)
        building.say(at: 1) { $0.stopsBetweenFloors() }
        building.advance(to: 11.5)
        // It had reached the zone half a second before the hold was over, and said so late.
        building.say(at: 10.5, arriving: 11.6) { $0.set(.inDoorZone, true) }
        #expect(building.told == ["1 entrapment.off_level suspected 11.0", "1 entrapment.off_level cleared 11.6"])
        #expect(building.alerts.last?.reason == "revised")
        #expect(building.alerts[0].id == building.alerts[1].id)
    }

    @Test func aLateReadingWithinTheLatenessIsJudgedInItsPlace() throws {
        // The same words in order and with one of them late give the same alerts.
        func run(_ late: Bool) throws -> [String] {
            var building = try Building(rules: Building.stuck)
            building.say(at: 0) {
                $0.stopsBetweenFloors()
                $0.set(.moving, true)
            }
            if !late { building.say(at: 5, sequence: 2) { $0.set(.moving, false) } }
            building.say(at: 6, sequence: 3) {
                $0.set(.moving, false)
                $0.set(.floor, number: 3)
            }
            if late { building.say(at: 5, arriving: 6.5, sequence: 2) { $0.set(.moving, false) } }
            building.advance(to: 80)
            return building.told
        }
        #expect(try run(true) == run(false))
        #expect(try run(true).first == "1 entrapment.off_level suspected 15.0")
    }

    @Test func aLateWordChangesNothingOfAnAlertThatEndedAndOneThatFollowedIt() throws {
        let rules = """
            rules:
              - { rule: r, kind: calm, when: not moving, for: 2s, title: { en: r, zh: r } }
            """
        var building = try Building(rules: rules)
        for (second, moving) in [(0.0, true), (1, false), (5, true), (6, false)] {
            building.say(at: second) { $0.set(.moving, moving) }
        }
        building.advance(to: 8.2)
        let told = ["1 calm raised 3.0", "1 calm cleared 5.0", "1 calm raised 8.0"]
        #expect(building.told == told)
        building.say(at: 7.5, arriving: 8.5) { $0.set(.floor, number: 3) }
        #expect(building.detector.view(0).counters.rolledBack > 0)
        #expect(building.told == told, "the clearing of the first is not the second's")
    }

    @Test func aTimerThatFiredAtTheVeryTimeOfALaterWordIsJudgedWithIt() throws {
        let rules = """
            rules:
              - { rule: r, kind: calm, when: 'held(not moving, 10s)', title: { en: r, zh: r } }
            """
        var building = try Building(rules: rules)
        building.say(at: 0) { $0.set(.moving, true) }
        building.say(at: 5) { $0.set(.moving, false) }
        building.advance(to: 15.5)
        #expect(building.told == ["1 calm raised 15.0"], "nothing spoke against it so far")
        building.say(at: 15, arriving: 16) { $0.set(.moving, true) }
        #expect(building.told.last == "1 calm cleared 16.0", "it moved at the very end of the window: \(building.told)")
        #expect(building.alerts.last?.reason == "revised")
    }

    @Test func anAlertToldAsOverThatIsNotGoesOn() throws {
        var building = try Building(rules: Building.stuck)
        building.say(at: 1) { $0.stopsBetweenFloors() }
        building.say(at: 20) {
            $0.set(.inDoorZone, true)
            $0.set(.frontFullyOpen, true)
        }
        building.advance(to: 23.2)
        #expect(building.told.last == "1 entrapment.off_level cleared 23.0")
        // A second before, the door had been shut again by somebody who pushed the car on.
        building.say(at: 22, arriving: 23.5) {
            $0.set(.inDoorZone, false)
            $0.set(.frontFullyOpen, false)
        }
        #expect(building.told.last == "1 entrapment.off_level suspected 23.5")
        #expect(Set(building.alerts.map(\.id)).count == 1, "it is the same alert")
        #expect(building.alerts.last?.revision == 3)
        building.advance(to: 85)
        #expect(building.told.last?.hasPrefix("1 entrapment.off_level confirmed") == true)
    }

    @Test func aTooLateReadingIsCountedAndIsNoSignOfLife() throws {
        var building = try Building(rules: Building.stuck)
        building.say(at: 0) {
            $0.stopsBetweenFloors()
            $0.set(.moving, true)
        }
        building.say(at: 20)
        building.say(at: 12, arriving: 21)
        #expect(building.detector.view(0).counters.tooLate == 1)
        #expect(building.detector.view(0).lastHeard == Building.start + .seconds(20))
    }

    /// The button's press was overtaken by its own end. Here among words that waited, where no clock tells how late it is.
    @Test(arguments: [(3.0, true), (30, true), (31, false)])
    func aPressOfTheAlarmButtonThatComesTooLateForItsPlaceStillCounts(behind: Double, counts: Bool) throws {
        var building = try Building(rules: Building.called)
        building.say(at: 0) { $0.saysPressed(false) }
        building.stopListening()
        building.say(at: 20 + behind, arriving: 60) { $0.set(.floor, number: 3) }
        building.say(at: 20, arriving: 60) {
            $0.set(.floor, number: 2)
            $0.saysPressed(true)
        }
        #expect(building.detector.view(0).counters.tooLate == 1)
        building.startListening(at: 61)
        building.advance(to: 110)
        let time = 20 + behind
        #expect(
            building.told
                == (counts
                    ? ["1 car_alarm_call raised \(time)", "1 car_alarm_call cleared \(time + 10)"]
                    : ["1 car_alarm_call raised 20.0", "1 car_alarm_call cleared 20.0"]),
            "an older press is told as history")
        #expect(
            building.detector.view(0).signals.contains { $0.signal == "floor" && $0.value == .number(3) },
            "the rest of the word is of the past")
    }

    @Test func aLatePressIsToldOnceThoughItComesTwice() throws {
        var building = try Building(rules: Building.called)
        building.say(at: 0) { $0.saysPressed(false) }
        building.say(at: 30)
        building.say(at: 20, arriving: 31) { $0.saysPressed(true) }
        building.say(at: 20, arriving: 50, repeating: true)
        building.advance(to: 90)
        #expect(building.told == ["1 car_alarm_call raised 30.0", "1 car_alarm_call cleared 40.0"])
    }

    @Test func aLateWordOfAButtonThatIsStillPressedEndsNothing() throws {
        var building = try Building(rules: Building.called)
        building.say(at: 20) { $0.saysPressed(true) }
        building.say(at: 24)
        building.say(at: 20.5, arriving: 25)
        building.advance(to: 50)
        #expect(building.told == ["1 car_alarm_call raised 20.0"])
    }

    @Test func aLatePressKeepsItsPlaceWhenAnotherLateWordRollsBack() throws {
        var building = try Building(rules: Building.called)
        building.say(at: 0) { $0.saysPressed(false) }
        building.say(at: 30)
        building.say(at: 20, arriving: 30.2) { $0.saysPressed(true) }
        let before = building.detector.view(0).counters.rolledBack
        building.say(at: 29, arriving: 30.4) { $0.saysPressed(false) }
        #expect(building.detector.view(0).counters.rolledBack == before + 1)
        building.advance(to: 90)
        #expect(building.told == ["1 car_alarm_call raised 30.0", "1 car_alarm_call cleared 40.0"])
    }

    @Test func aSlowDeviceClockLosesNoWord() throws {
        var building = try Building(rules: Building.stuck)
        for second in 0..<40 {
            building.say(at: Double(second) - 4, arriving: Double(second)) { $0.set(.moving, second % 2 == 0) }
        }
        #expect(building.detector.view(0).counters.tooLate == 0)
    }

    /// A late "it runs" of a device whose clock is ahead undid the newer "it stands", until the next report.
    @Test func anOvertakenWordOfAClockThatIsAheadUndoesNothing() throws {
        var building = try Building(rules: Building.stuck)
        building.say(at: 0.8, arriving: 0.02) {
            $0.stopsBetweenFloors()
            $0.set(.moving, true)
        }
        building.say(at: 5.8, arriving: 5.02, sequence: 3) { $0.set(.moving, false) }
        building.say(at: 5.8, arriving: 6, sequence: 2) { $0.set(.moving, true) }
        building.advance(to: 15.1)
        #expect(building.told.last == "1 entrapment.off_level suspected 15.02")
    }

    @Test func messagesOfOneTimeAreOrderedByTheDevicesCount() throws {
        var building = try Building(rules: Building.stuck)
        building.say(at: 1, sequence: 2) { $0.stopsBetweenFloors() }
        building.say(at: 1, arriving: 1.2, sequence: 1) { $0.set(.inDoorZone, true) }
        building.advance(to: 12)
        #expect(building.told == ["1 entrapment.off_level suspected 11.0"])
    }

    @Test func aDuplicateChangesNothing() throws {
        var building = try Building(rules: Building.stuck)
        building.say(at: 1) { $0.stopsBetweenFloors() }
        building.say(at: 1, repeating: true)
        #expect(building.detector.view(0).counters.duplicates == 1)
        building.advance(to: 12)
        #expect(building.told == ["1 entrapment.off_level suspected 11.0"])
    }

    @Test func aDeviceThatCountsAnewAfterAPauseMayRepeatItself() throws {
        var building = try Building(rules: Building.stuck)
        func say(_ second: Int, _ sequence: Int64, moving: Bool) {
            var reading = Reading()
            reading.stopsBetweenFloors()
            reading.set(.moving, moving)
            reading.sequence = sequence
            building.detector.fold(
                reading, lift: 0, key: UInt64(sequence), vendorCode: nil, arrival: Building.start + .seconds(second))
        }
        for (second, sequence) in [(1, 1), (2, 2), (3, 3)] as [(Int, Int64)] {
            say(second, sequence, moving: sequence != 2)
        }
        say(4, 2, moving: false)
        #expect(building.detector.view(0).counters.duplicates == 1, "a double within the lateness is one")
        say(20, 1, moving: true)
        say(21, 2, moving: false)
        building.advance(to: 40)
        #expect(building.detector.view(0).counters.duplicates == 1)
        #expect(building.told.first == "1 entrapment.off_level suspected 31.0", "\(building.told)")
    }
}
