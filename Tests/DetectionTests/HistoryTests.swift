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
                "1 entrapment.off_level suspected 4010.0",
                "1 entrapment.off_level confirmed 4070.0",
            ])
        #expect(building.detector.view(0).counters.historical == 100)
    }

    /// An adapter that numbers what it sends gives old messages new numbers.
    @Test func anOldMessageIsOldThoughItsNumberIsNew() throws {
        let building = try trapped { building, step in
            building.send(
                at: 400 + Double(step), arriving: Double(4003 + 10 * step),
                sequence: Int64(401 + 2 * step)
            ) {
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
                building.send(at: Double(second * 10 - 39_000), arriving: Double(second) + 0.5) {
                    $0.setTrapped()
                }
            }
        }
        #expect(building.revisions == [])
        #expect(
            building.detector.view(0).lastSignOfLife == Building.start + .seconds(4190),
            "no sign of life")
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
        _ building: inout Building, _ sequence: Int64, at second: Double,
        _ change: (inout Reading) -> Void
    ) {
        var reading = Reading()
        change(&reading)
        reading.sequence = sequence
        building.advance(to: second)
        building.detector.apply(
            reading, lift: 0, key: UInt64(sequence), vendorCode: nil, arrival: building.now)
        building.advance(to: second)
    }

    @Test func withoutTimesAnOldNumberIsHistory() throws {
        var building = try Building(rules: Building.stuck)
        for step in 0..<20 {
            let second = Double(10 * step)
            count(&building, Int64(400 + step), at: second) { $0.setTrapped() }
            for number in 0..<4 {
                count(&building, Int64(4 * step + number + 1), at: second + 2) { $0.setReleased() }
            }
        }
        #expect(
            transitions(building) == [
                "1 entrapment.off_level suspected 10.0", "1 entrapment.off_level confirmed 70.0",
            ])
    }

    /// Within the 15 s in which its numbers might be old ones, or at once after a pause.
    @Test(arguments: [10.0, 40])
    func aDeviceThatCountsAnewIsHeard(pause: Double) throws {
        var building = try Building(rules: Building.stuck)
        for step in 0..<5 {
            count(&building, Int64(400 + step), at: Double(10 * step)) { $0.setReleased() }
        }
        for step in 0..<6 {
            count(&building, Int64(1 + step), at: 40 + pause + Double(10 * step)) {
                $0.setTrapped()
            }
        }
        #expect(
            building.revisions.map { $0.split(separator: " ")[2] } == ["suspected"],
            "\(building.revisions)")
    }

    @Test func aDeviceThatCountsAnewWhileItsTimeGoesOnIsHeardAtOnce() throws {
        var building = try Building(rules: Building.stuck)
        building.send(at: 0, sequence: 400) { $0.setReleased() }
        building.send(at: 1, sequence: 1) { $0.setTrapped() }
        building.advance(to: 12)
        #expect(building.revisions == ["1 entrapment.off_level suspected 11.0"])
    }

    // MARK: Presses

    @Test func aPressOfLongAgoIsReportedOnceAndAsHistory() throws {
        var building = try Building(rules: Building.called)
        building.send(at: 4000) { $0.setPressed(false) }
        for second in 0..<5 {
            building.send(at: Double(400 + 10 * second), arriving: Double(4001 + second)) {
                $0.setPressed(true)
            }
        }
        building.send(at: 450, arriving: 4006) { $0.setPressed(false) }
        building.send(at: 500, arriving: 4007) { $0.setPressed(true) }
        building.advance(to: 4100)
        #expect(
            building.revisions
                == [400, 500].flatMap {
                    ["1 car_alarm_call raised \($0).0", "1 car_alarm_call cleared \($0).0"]
                })
        #expect(
            building.alerts.filter { $0.state == .cleared }.map(\.reason) == [
                "historical", "historical",
            ])
        #expect(Set(building.alerts.map(\.id)).count == 2)
    }

    /// A clock is set back by an hour. The button is pressed before that is certain, fifteen
    /// seconds later: the press is a present one.
    @Test func aPressWhileAClockIsSetBackCounts() throws {
        var building = try Building.shipped()
        for second in 0..<60 {
            let isSetBack = second >= 30
            building.send(
                at: Double(second) - (isSetBack ? 3600 : 0), arriving: Double(second),
                sequence: Int64(second + 1)
            ) {
                $0.stopsBetweenFloors()
                $0.set(.moving, false)
                $0.set(.inDoorZone, true)
                $0.set(.frontLocked, true)
                $0.set(.occupied, true)
                if second == 35 { $0.codesRaised = FaultCode.carAlarmButton.bit }
                if second == 36 {
                    ($0.codesRaised, $0.codesEnded) = (0, FaultCode.carAlarmButton.bit)
                }
            }
        }
        let calls = building.alerts.filter { $0.kind == Alert.carAlarmCall && $0.state == .raised }
        #expect(
            calls.contains { $0.onset >= Building.start + .seconds(35) }, "\(building.revisions)")
        building.advance(to: 100)
        #expect(building.alerts.contains { $0.kind == "entrapment" }, "\(building.revisions)")
    }

    /// An adapter that buffers what it has also sent.
    @Test func aReportedPressIsNotReportedAgainAsHistory() throws {
        var building = try Building(rules: Building.called)
        building.send(at: 0) { $0.setPressed(true) }
        building.send(at: 10) { $0.setPressed(false) }
        building.send(at: 100)
        building.send(at: 0, arriving: 101) { $0.setPressed(true) }
        building.advance(to: 200)
        #expect(
            building.revisions == ["1 car_alarm_call raised 0.0", "1 car_alarm_call cleared 20.0"])
    }
}
