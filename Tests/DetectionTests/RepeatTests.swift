import LiftModel
import Testing

@testable import Monitoring
@testable import RuleLanguage

/// Equal bytes: a repeat of the latest state is a sign of life, a duplicate of an older message has
/// no effect.
@Suite struct RepeatTests {
    private func lastSignOfLife(_ building: Building) -> Double {
        building.detector.view(0).lastSignOfLife.map { ($0 - Building.start).inSeconds }
            ?? .infinity
    }

    @Test func aHeartbeatThatRepeatsTheStampOfTheLastChangeIsASignOfLife() throws {
        var building = try Building(rules: Building.rule(when: "silent(28s)", hold: "0s"))
        building.send(at: 0) { $0.setReleased() }
        for second in stride(from: 10.0, through: 300, by: 10) {
            building.send(at: 0, arriving: second, repeating: true)
        }
        #expect(building.revisions == [])
        #expect(lastSignOfLife(building) == 300)
        building.advance(to: 400)
        #expect(building.revisions == ["1 stands raised 328.0"])
    }

    /// Another field grows while the stamp is that of the last change.
    @Test func aHeartbeatThatDiffersInItsNumberOnlyIsASignOfLife() throws {
        var building = try Building(rules: Building.stuck)
        for step in 0..<20 {
            building.send(at: 0, arriving: Double(10 * step), sequence: Int64(step + 1)) {
                $0.setReleased()
            }
        }
        #expect(lastSignOfLife(building) == 190)
        #expect(
            building.revisions == [], "a stamp of the last change is no clock that stands still")
    }

    @Test func theBrokersCopyOfTheLatestStateIsNoSignOfLife() throws {
        var building = try Building(rules: Building.stuck)
        building.send(at: 0) { $0.setReleased() }
        building.send(at: 0, arriving: 20, isRetained: true, repeating: true)
        building.stopObserving()
        building.send(at: 0, arriving: 25, repeating: true)
        #expect(lastSignOfLife(building) == 0)
        #expect(building.detector.view(0).counters.duplicates == 2)
    }

    /// A broker redelivers its last messages. The older one shows that the latest state behind it
    /// does not come from the lift either.
    @Test func theLatestStateAtTheEndOfARedeliveryIsNoSignOfLife() throws {
        var building = try Building(rules: Building.stuck)
        let first = building.message(at: 0) { $0.setReleased() }
        building.send(at: 5) { $0.setTrapped() }
        building.receive(first, at: 15)
        building.send(at: 5, arriving: 15.2, repeating: true)
        #expect(lastSignOfLife(building) == 5)
        building.send(at: 5, arriving: 25, repeating: true)
        #expect(lastSignOfLife(building) == 25, "a repeat by itself, a second later or more")
    }

    @Test func aLateDuplicateOfAnOlderMessageChangesNothing() throws {
        var building = try Building(rules: Building.stuck)
        let first = building.message(at: 0) { $0.setReleased() }
        building.send(at: 5) { $0.setTrapped() }
        building.receive(first, at: 6)
        building.advance(to: 16)
        #expect(lastSignOfLife(building) == 5)
        #expect(building.revisions == ["1 entrapment.off_level suspected 15.0"])
    }

    /// Stamps of whole seconds, or of a clock that stands still.
    @Test func whatIsSoAgainUnderTheSameStampCountsAgain() throws {
        var building = try Building(rules: Building.stuck)
        let trapped = building.message(at: 0) { $0.setTrapped() }
        building.send(at: 0, arriving: 5) { $0.setReleased() }
        building.receive(trapped, at: 20)
        building.advance(to: 31)
        #expect(building.revisions == ["1 entrapment.off_level suspected 30.0"])
    }

    /// Three messages of one time: the last one comes twice, and the first one after it.
    @Test func aLateMessageIsOrderedBeforeARepeat() throws {
        var building = try Building(rules: Building.stuck)
        building.send(at: 0, sequence: 1) { $0.setReleased() }
        building.send(at: 5, sequence: 3) { $0.setTrapped() }
        building.send(at: 5, arriving: 5.1, sequence: 3, repeating: true)
        building.send(at: 5, arriving: 6.6, sequence: 2) { $0.setReleased() }
        building.advance(to: 16)
        #expect(building.revisions == ["1 entrapment.off_level suspected 15.0"])
    }

    @Test func aRepeatedStateDoesNotUndoAnEvent() throws {
        var building = try Building(rules: Building.called)
        let quiet = building.message(at: 0) { $0.setPressed(false) }
        var event = Reading()
        event.codesRaised = FaultCode.carAlarmButton.bit
        event.deviceTime = Building.start + .seconds(5)
        building.receive((event, 99), at: 5)
        for second in stride(from: 10.0, through: 60, by: 10) {
            building.receive(quiet, at: second)
        }
        #expect(building.revisions == ["1 car_alarm_call raised 5.0"])
        #expect(lastSignOfLife(building) == 60)
    }

    /// A stall of the gateway: the repeats of that time are read at once, and the lift was never
    /// silent.
    @Test func heartbeatsThatWaitedBehindAStallAreSignsOfLife() throws {
        var building = try Building(rules: Building.rule(when: "silent(28s)", hold: "0s"))
        building.send(at: 0) { $0.setReleased() }
        building.detector.waitForUnreadMessages()
        for _ in 0..<4 { building.send(at: 0, arriving: 40, repeating: true) }
        building.startObserving(at: 40.2)
        building.advance(to: 60)
        #expect(building.revisions == [])
    }

    // MARK: The clock

    @Test func aClockThatStandsStillIsReportedUntilItHasGoneForAWhile() throws {
        var building = try Building(rules: Building.stuck)
        for second in stride(from: 0.0, through: 900, by: 10) {
            building.send(at: second < 200 ? 0 : second, arriving: second) {
                $0.setReleased()
                $0.set(.floor, number: second)
            }
        }
        #expect(building.revisions.first == "1 device_clock_stands_still raised 90.0")
        #expect(
            building.revisions.count == 2
                && building.revisions[1].hasPrefix("1 device_clock_stands_still cleared 79"))
        #expect(Set(building.alerts.map(\.id)).count == 1)
        #expect(building.detector.view(0).counters.stoppedClocks == 1)
    }

    @Test func aStandingClockIsReportedOnceThroughARestart() throws {
        var building = try Building(rules: Building.stuck)
        for second in stride(from: 0.0, through: 300, by: 10) {
            building.send(at: 0, arriving: second) { $0.set(.floor, number: second) }
            if second == 150 { try building.restart(at: 150) }
        }
        #expect(building.revisions == ["1 device_clock_stands_still raised 90.0"])
        #expect(building.detector.openAlerts.map(\.kind) == ["device_clock_stands_still"])
    }

    /// The time within the minute is unknown, so the message must not count as older than it is.
    @Test func stampsOfWholeMinutesCountOnArrival() throws {
        var building = try Building(rules: Building.stuck)
        let minute = 20.0  // the building's time begins 40 s into a minute
        for second in stride(from: 0.0, through: 120, by: 60) {
            building.send(at: minute + second, arriving: minute + second + 5) { $0.setReleased() }
        }
        building.send(at: minute + 120, arriving: minute + 155) { $0.setTrapped() }
        building.send(at: minute + 180, arriving: minute + 200) { $0.setReleased() }
        building.send(at: minute + 240, arriving: minute + 290) { $0.setTrapped() }
        building.advance(to: minute + 299)
        #expect(
            building.revisions.map { $0.split(separator: " ")[2] } == ["suspected", "cleared"],
            "\(building.revisions)")
        building.advance(to: minute + 301)
        #expect(building.revisions.last == "1 entrapment.off_level suspected \(minute + 300)")
    }
}
