import LiftModel
import Testing

@testable import Monitoring

/// Messages behind newer ones are history. Those of a clock that was set back, or of a device whose
/// sequence begins again, are not.
@Suite struct HistoryTests {
    /// A car with an occupant stands between floors, and reports it every 10 s from second 4000 on.
    private func trapped(_ change: (inout Building, Int) throws -> Void) throws -> Building {
        var building = try Building(rules: Building.stuck)
        for step in 0..<20 {
            let second = Double(4000 + 10 * step)
            building.send(at: second, sequence: Int64(400 + 2 * step)) { $0.setTrapped() }
            try change(&building, step)
        }
        return building
    }

    /// The revisions without reminders.
    private func transitions(_ building: Building) -> [String] {
        zip(building.revisions, building.alerts).filter { $1.reason != Alert.notAccepted }.map(\.0)
    }

    @Test(arguments: [45, 600, 3600, 1_728_000] as [Double], [1.5, 0.01] as [Double])
    func whatAnAdapterBufferedEndsNothing(age: Double, pace: Double) throws {
        let building = try trapped { building, step in
            for number in 0..<5 {
                let arrival = Double(4000 + 10 * step) + pace * Double(number + 1)
                building.send(
                    at: 4000 - age + Double(10 * step + 2 * number), arriving: arrival,
                    sequence: Int64(5 * step + number + 1)
                ) { $0.setReleased() }
            }
        }
        #expect(
            transitions(building) == [
                "1 entrapment.off_level suspected 4010.0", "1 entrapment.off_level confirmed 4070.0",
            ])
        #expect(building.detector.view(0).counters.historical == 100)
    }

    /// An adapter that numbers what it sends gives old messages new numbers.
    @Test func anOldMessageIsOldThoughItsNumberIsNew() throws {
        let building = try trapped { building, step in
            building.send(at: 400 + Double(step), arriving: Double(4003 + 10 * step), sequence: Int64(401 + 2 * step)) {
                $0.setReleased()
            }
        }
        #expect(transitions(building).count == 2)
        #expect(building.detector.view(0).counters.historical == 20)
    }

    @Test func bufferedMessagesOfAnEntrapmentRaiseNothingOfALiftInOrder() throws {
        var building = try Building(rules: Building.stuck)
        for second in 4000..<4200 {
            if second % 10 == 0 { building.send(at: Double(second)) { $0.setReleased() } }
            if second % 10 != 9 {
                building.send(at: Double(second * 10 - 39_000), arriving: Double(second) + 0.5) { $0.setTrapped() }
            }
        }
        #expect(building.revisions == [])
        #expect(building.detector.view(0).lastSignOfLife == Building.start + .seconds(4190), "no sign of life")
    }

    @Test(arguments: [25.0, 60, 3600, 50_000, 900_000_000])
    func aClockThatIsSetBackIsFollowed(step: Double) throws {
        var building = try Building(rules: Building.stuck)
        for second in stride(from: 0.0, through: 90, by: 10) {
            let back = second >= 50 ? step : 0
            building.send(at: second - back, arriving: second) {
                if second >= 60 { $0.setTrapped() } else { $0.setReleased() }
            }
        }
        building.advance(to: 90)
        #expect(building.revisions.map { $0.split(separator: " ")[2] } == ["suspected"])
        let raised = building.alerts.first.map { ($0.time - Building.start).inSeconds } ?? .infinity
        #expect(70...80 ~= raised, "at most a report late: \(building.revisions)")
        #expect(building.detector.view(0).lastSignOfLife == Building.start + .seconds(90))
    }

    /// The clock's battery is dead: after a restart it stands still at one time.
    @Test func aClockThatIsSetBackAndStandsIsJudgedOnArrival() throws {
        var building = try Building(rules: Building.stuck)
        for second in stride(from: 0.0, through: 100, by: 10) {
            building.send(at: second >= 50 ? -86_400 : second, arriving: second) {
                if second >= 80 { $0.setTrapped() } else { $0.setReleased() }
            }
        }
        building.advance(to: 100)
        #expect(building.revisions == ["1 entrapment.off_level suspected 90.0"])
    }

    // MARK: By sequence number alone

    private func count(
        _ building: inout Building, _ sequence: Int64, at second: Double, _ change: (inout Reading) -> Void
    ) {
        var reading = Reading()
        change(&reading)
        reading.sequence = sequence
        building.advance(to: second)
        building.detector.apply(reading, lift: 0, key: UInt64(sequence), vendorCode: nil, arrival: building.now)
        building.advance(to: second)
    }

    @Test func withoutTimesAnOldNumberIsHistory() throws {
        var building = try Building(rules: Building.stuck)
        for step in 0..<20 {
            let second = Double(10 * step)
            count(&building, Int64(400 + step), at: second) { $0.setTrapped() }
            for number in 0..<4 { count(&building, Int64(4 * step + number + 1), at: second + 2) { $0.setReleased() } }
        }
        #expect(
            transitions(building) == ["1 entrapment.off_level suspected 10.0", "1 entrapment.off_level confirmed 70.0"])
    }

    /// Within the 15 s in which its numbers might be old ones, or at once after a pause.
    @Test(arguments: [10.0, 40])
    func aDeviceThatCountsAnewIsHeard(pause: Double) throws {
        var building = try Building(rules: Building.stuck)
        for step in 0..<5 { count(&building, Int64(400 + step), at: Double(10 * step)) { $0.setReleased() } }
        for step in 0..<6 {
            count(&building, Int64(1 + step), at: 40 + pause + Double(10 * step)) { $0.setTrapped() }
        }
        #expect(building.revisions.map { $0.split(separator: " ")[2] } == ["suspected"], "\(building.revisions)")
    }

    @Test func aDeviceThatCountsAnewWhileItsTimeGoesOnIsHeardAtOnce() throws {
        var building = try Building(rules: Building.stuck)
        building.send(at: 0, sequence: 400) { $0.setReleased() }
        building.send(at: 1, sequence: 1) { $0.setTrapped() }
        building.advance(to: 12)
        #expect(building.revisions == ["1 entrapment.off_level suspected 11.0"])
    }

    // MARK: Presses

    @Test func aPressOfLongAgoIsToldAsHistoryAndOnce() throws {
        var building = try Building(rules: Building.called)
        building.send(at: 4000) { $0.setPressed(false) }
        for second in 0..<5 {
            building.send(at: Double(400 + 10 * second), arriving: Double(4001 + second)) { $0.setPressed(true) }
        }
        building.send(at: 450, arriving: 4006) { $0.setPressed(false) }
        building.send(at: 500, arriving: 4007) { $0.setPressed(true) }
        building.advance(to: 4100)
        #expect(
            building.revisions
                == [400, 500].flatMap { ["1 car_alarm_call raised \($0).0", "1 car_alarm_call cleared \($0).0"] })
        #expect(building.alerts.filter { $0.state == .cleared }.map(\.reason) == ["historical", "historical"])
        #expect(Set(building.alerts.map(\.id)).count == 2)
    }

    /// A clock is set back by an hour. The button is pressed before that is certain, fifteen
    /// seconds later: the press is a present one.
    @Test func aPressWhileAClockIsSetBackCounts() throws {
        var building = try Building.shipped()
        for second in 0..<60 {
            let isSetBack = second >= 30
            building.send(
                at: Double(second) - (isSetBack ? 3600 : 0), arriving: Double(second), sequence: Int64(second + 1)
            ) {
                $0.stopsBetweenFloors()
                $0.set(.moving, false)
                $0.set(.inDoorZone, true)
                $0.set(.frontLocked, true)
                $0.set(.occupied, true)
                if second == 35 { $0.codesRaised = FaultCode.carAlarmButton.bit }
                if second == 36 { ($0.codesRaised, $0.codesEnded) = (0, FaultCode.carAlarmButton.bit) }
            }
        }
        let calls = building.alerts.filter { $0.kind == Alert.carAlarmCall && $0.state == .raised }
        #expect(calls.contains { $0.onset >= Building.start + .seconds(35) }, "\(building.revisions)")
        building.advance(to: 100)
        #expect(building.alerts.contains { $0.kind == "entrapment" }, "\(building.revisions)")
    }

    /// An adapter that buffers what it has also sent.
    @Test func aPressThatWasToldIsNotToldAgainAsHistory() throws {
        var building = try Building(rules: Building.called)
        building.send(at: 0) { $0.setPressed(true) }
        building.send(at: 10) { $0.setPressed(false) }
        building.send(at: 100)
        building.send(at: 0, arriving: 101) { $0.setPressed(true) }
        building.advance(to: 200)
        #expect(building.revisions == ["1 car_alarm_call raised 0.0", "1 car_alarm_call cleared 20.0"])
    }
}

/// Equal bytes: a repeat of the latest state is a sign of life, a duplicate of an older message has
/// no effect.
@Suite struct RepeatTests {
    private func lastSignOfLife(_ building: Building) -> Double {
        building.detector.view(0).lastSignOfLife.map { ($0 - Building.start).inSeconds } ?? .infinity
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
            building.send(at: 0, arriving: Double(10 * step), sequence: Int64(step + 1)) { $0.setReleased() }
        }
        #expect(lastSignOfLife(building) == 190)
        #expect(building.revisions == [], "a stamp of the last change is no clock that stands still")
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
    @Test func aLateMessageFindsItsPlaceBeforeARepeat() throws {
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
        for second in stride(from: 10.0, through: 60, by: 10) { building.receive(quiet, at: second) }
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
            building.revisions.count == 2 && building.revisions[1].hasPrefix("1 device_clock_stands_still cleared 79"))
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
            building.revisions.map { $0.split(separator: " ")[2] } == ["suspected", "cleared"], "\(building.revisions)")
        building.advance(to: minute + 301)
        #expect(building.revisions.last == "1 entrapment.off_level suspected \(minute + 300)")
    }
}

extension Reading {
    fileprivate mutating func setTrapped() {
        stopsBetweenFloors()
        set(.occupied, true)
    }
    /// The door is open at a landing, and the car is empty.
    fileprivate mutating func setReleased() {
        stopsBetweenFloors()
        set(.inDoorZone, true)
        set(.frontLocked, false)
        set(.frontFullyOpen, true)
        set(.occupied, false)
    }
}

extension Building {
    /// Sends a reading; the same bytes can be sent again.
    fileprivate mutating func message(at seconds: Double, _ change: (inout Reading) -> Void) -> (Reading, UInt64) {
        var reading = Reading()
        change(&reading)
        reading.deviceTime = Self.start + .nanoseconds(Int64(seconds * 1e9))
        receive((reading, 77), at: seconds)
        return (reading, 77)
    }

    fileprivate mutating func receive(_ message: (reading: Reading, key: UInt64), at seconds: Double) {
        advance(to: seconds)
        detector.apply(message.reading, lift: 0, key: message.key, vendorCode: nil, arrival: now)
        advance(to: seconds)
    }
}
