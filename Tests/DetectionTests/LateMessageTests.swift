import LiftModel
import Testing

@testable import Monitoring

/// Messages that are late, duplicate, or out of order.
@Suite struct LateMessageTests {
    @Test func aLateReadingRevisesAndNeverWithdraws() throws {
        var building = try Building(rules: Building.stuck)
        building.send(at: 1) { $0.stopsBetweenFloors() }
        building.advance(to: 11.5)
        // It had reached the zone half a second before the end of the hold, and reported it late.
        building.send(at: 10.5, arriving: 11.6) { $0.set(.inDoorZone, true) }
        #expect(
            building.revisions == [
                "1 entrapment.off_level suspected 11.0", "1 entrapment.off_level cleared 11.6",
            ])
        #expect(building.alerts.last?.reason == "revised")
        #expect(building.alerts[0].id == building.alerts[1].id)
    }

    @Test func aReadingWithinTheLatenessIsJudgedAtItsTime() throws {
        // The same messages in order, and with one of them late, give the same alerts.
        func run(_ late: Bool) throws -> [String] {
            var building = try Building(rules: Building.stuck)
            building.send(at: 0) {
                $0.stopsBetweenFloors()
                $0.set(.moving, true)
            }
            if !late { building.send(at: 5, sequence: 2) { $0.set(.moving, false) } }
            building.send(at: 6, sequence: 3) {
                $0.set(.moving, false)
                $0.set(.floor, number: 3)
            }
            if late { building.send(at: 5, arriving: 6.5, sequence: 2) { $0.set(.moving, false) } }
            building.advance(to: 80)
            return building.revisions
        }
        #expect(try run(true) == run(false))
        #expect(try run(true).first == "1 entrapment.off_level suspected 15.0")
    }

    @Test func aLateMessageChangesNeitherAnEndedAlertNorTheNextOne() throws {
        let rules = """
            rules:
              - { rule: r, kind: calm, when: not moving, for: 2s, title: { en: r, zh: r } }
            """
        var building = try Building(rules: rules)
        for (second, moving) in [(0.0, true), (1, false), (5, true), (6, false)] {
            building.send(at: second) { $0.set(.moving, moving) }
        }
        building.advance(to: 8.2)
        let expected = ["1 calm raised 3.0", "1 calm cleared 5.0", "1 calm raised 8.0"]
        #expect(building.revisions == expected)
        building.send(at: 7.5, arriving: 8.5) { $0.set(.floor, number: 3) }
        #expect(building.detector.view(0).counters.rolledBack > 0)
        #expect(building.revisions == expected, "the clearing of the first is not the second's")
    }

    @Test func aTimerThatFiredAtTheTimeOfALaterMessageIsJudgedWithIt() throws {
        let rules = """
            rules:
              - { rule: r, kind: calm, when: 'held(not moving, 10s)', title: { en: r, zh: r } }
            """
        var building = try Building(rules: rules)
        building.send(at: 0) { $0.set(.moving, true) }
        building.send(at: 5) { $0.set(.moving, false) }
        building.advance(to: 15.5)
        #expect(building.revisions == ["1 calm raised 15.0"], "nothing has refuted it so far")
        building.send(at: 15, arriving: 16) { $0.set(.moving, true) }
        #expect(
            building.revisions.last == "1 calm cleared 16.0",
            "it moved at the very end of the window: \(building.revisions)")
        #expect(building.alerts.last?.reason == "revised")
    }

    @Test func anAlertReportedAsClearedThatIsNotContinues() throws {
        var building = try Building(rules: Building.stuck)
        building.send(at: 1) { $0.stopsBetweenFloors() }
        building.send(at: 20) {
            $0.set(.inDoorZone, true)
            $0.set(.frontFullyOpen, true)
        }
        building.advance(to: 23.2)
        #expect(building.revisions.last == "1 entrapment.off_level cleared 23.0")
        // A second earlier a person had pushed the car on and shut the door again.
        building.send(at: 22, arriving: 23.5) {
            $0.set(.inDoorZone, false)
            $0.set(.frontFullyOpen, false)
        }
        #expect(building.revisions.last == "1 entrapment.off_level suspected 23.5")
        #expect(Set(building.alerts.map(\.id)).count == 1, "it is the same alert")
        #expect(building.alerts.last?.revision == 3)
        building.advance(to: 85)
        #expect(building.revisions.last?.hasPrefix("1 entrapment.off_level confirmed") == true)
    }

    @Test func aTooLateReadingIsCountedAndIsNoSignOfLife() throws {
        var building = try Building(rules: Building.stuck)
        building.send(at: 0) {
            $0.stopsBetweenFloors()
            $0.set(.moving, true)
        }
        building.send(at: 20)
        building.send(at: 12, arriving: 21)
        #expect(building.detector.view(0).counters.historical == 1)
        #expect(building.detector.view(0).lastSignOfLife == Building.start + .seconds(20))
    }

    /// The release of the button overtook its press. Here among queued messages, where no clock
    /// shows how late it is.
    @Test(arguments: [(3.0, true), (30, true), (31, false)])
    func aPressOfTheAlarmButtonThatComesTooLateForItsTimeStillCounts(behind: Double, counts: Bool)
        throws
    {
        var building = try Building(rules: Building.called)
        building.send(at: 0) { $0.setPressed(false) }
        building.stopObserving()
        building.send(at: 20 + behind, arriving: 60) { $0.set(.floor, number: 3) }
        building.send(at: 20, arriving: 60) {
            $0.set(.floor, number: 2)
            $0.setPressed(true)
        }
        #expect(building.detector.view(0).counters.historical == 1)
        building.startObserving(at: 61)
        building.advance(to: 110)
        let time = 20 + behind
        #expect(
            building.revisions
                == (counts
                    ? ["1 car_alarm_call raised \(time)", "1 car_alarm_call cleared \(time + 10)"]
                    : ["1 car_alarm_call raised 20.0", "1 car_alarm_call cleared 20.0"]),
            "an older press is historical")
        #expect(
            building.detector.view(0).signals.contains {
                $0.signal == "floor" && $0.value == .number(3)
            },
            "the rest of the message is history")
    }

    @Test func aLatePressIsReportedOnceThoughItComesTwice() throws {
        var building = try Building(rules: Building.called)
        building.send(at: 0) { $0.setPressed(false) }
        building.send(at: 30)
        building.send(at: 20, arriving: 31) { $0.setPressed(true) }
        building.send(at: 20, arriving: 50, repeating: true)
        building.advance(to: 90)
        #expect(
            building.revisions == ["1 car_alarm_call raised 30.0", "1 car_alarm_call cleared 40.0"])
    }

    @Test func aLateMessageOfAButtonThatIsStillPressedEndsNothing() throws {
        var building = try Building(rules: Building.called)
        building.send(at: 20) { $0.setPressed(true) }
        building.send(at: 24)
        building.send(at: 20.5, arriving: 25)
        building.advance(to: 50)
        #expect(building.revisions == ["1 car_alarm_call raised 20.0"])
    }

    @Test func aLatePressKeepsItsTimeWhenAnotherLateMessageRollsBack() throws {
        var building = try Building(rules: Building.called)
        building.send(at: 0) { $0.setPressed(false) }
        building.send(at: 30)
        building.send(at: 20, arriving: 30.2) { $0.setPressed(true) }
        let before = building.detector.view(0).counters.rolledBack
        building.send(at: 29, arriving: 30.4) { $0.setPressed(false) }
        #expect(building.detector.view(0).counters.rolledBack == before + 1)
        building.advance(to: 90)
        #expect(
            building.revisions == ["1 car_alarm_call raised 30.0", "1 car_alarm_call cleared 40.0"])
    }

    @Test func aSlowDeviceClockLosesNoMessage() throws {
        var building = try Building(rules: Building.stuck)
        for second in 0..<40 {
            building.send(at: Double(second) - 4, arriving: Double(second)) {
                $0.set(.moving, second % 2 == 0)
            }
        }
        #expect(building.detector.view(0).counters.historical == 0)
    }

    /// A late "it runs" of a device whose clock is ahead undid the newer "it stands", until the
    /// next report.
    @Test func anOvertakenMessageOfAClockThatIsAheadUndoesNothing() throws {
        var building = try Building(rules: Building.stuck)
        building.send(at: 0.8, arriving: 0.02) {
            $0.stopsBetweenFloors()
            $0.set(.moving, true)
        }
        building.send(at: 5.8, arriving: 5.02, sequence: 3) { $0.set(.moving, false) }
        building.send(at: 5.8, arriving: 6, sequence: 2) { $0.set(.moving, true) }
        building.advance(to: 15.1)
        #expect(building.revisions.last == "1 entrapment.off_level suspected 15.02")
    }

    @Test func messagesOfOneTimeAreOrderedByTheDevicesCount() throws {
        var building = try Building(rules: Building.stuck)
        building.send(at: 1, sequence: 2) { $0.stopsBetweenFloors() }
        building.send(at: 1, arriving: 1.2, sequence: 1) { $0.set(.inDoorZone, true) }
        building.advance(to: 12)
        #expect(building.revisions == ["1 entrapment.off_level suspected 11.0"])
    }

    @Test func aDuplicateChangesNothing() throws {
        var building = try Building(rules: Building.stuck)
        building.send(at: 1) { $0.stopsBetweenFloors() }
        building.send(at: 1, repeating: true)
        #expect(building.detector.view(0).counters.duplicates == 1)
        building.advance(to: 12)
        #expect(building.revisions == ["1 entrapment.off_level suspected 11.0"])
    }

    @Test func aDeviceThatCountsAnewAfterAPauseMayRepeatItself() throws {
        var building = try Building(rules: Building.stuck)
        func send(_ second: Int, _ sequence: Int64, moving: Bool) {
            var reading = Reading()
            reading.stopsBetweenFloors()
            reading.set(.moving, moving)
            reading.sequence = sequence
            building.detector.apply(
                reading, lift: 0, key: UInt64(sequence), vendorCode: nil,
                arrival: Building.start + .seconds(second))
        }
        for (second, sequence) in [(1, 1), (2, 2), (3, 3)] as [(Int, Int64)] {
            send(second, sequence, moving: sequence != 2)
        }
        send(4, 2, moving: false)
        #expect(
            building.detector.view(0).counters.duplicates == 1,
            "a double within the lateness is one")
        send(20, 1, moving: true)
        send(21, 2, moving: false)
        building.advance(to: 40)
        #expect(building.detector.view(0).counters.duplicates == 1)
        #expect(
            building.revisions.first == "1 entrapment.off_level suspected 31.0",
            "\(building.revisions)")
    }
}
