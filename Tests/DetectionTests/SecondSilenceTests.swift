import Elevator
import Testing

@testable import Detection

/// A lift that fell silent with somebody in it is heard again for a while, and is silent again.
@Suite struct SecondSilenceTests {
    /// Occupied and running at 0; heard again every five seconds from 50 to 90.
    private func heardInBetween(
        occupied: Bool?, isOpen: Bool = false, losesMains: Bool = false
    ) throws -> Building {
        var building = try Building.shipped()
        building.say(at: 0) {
            $0.stopsBetweenFloors()
            $0.set(.moving, true)
            $0.set(.occupied, true)
        }
        for second in stride(from: 50.0, through: 90, by: 5) {
            building.say(at: second) {
                $0.set(.moving, false)
                $0.set(.inDoorZone, true)
                $0.set(.frontLocked, !isOpen)
                $0.set(.frontFullyOpen, isOpen)
                if losesMains, second == 90 { $0.set(.codes, bits: FaultCode.mainPowerLost.bit) }
                if let occupied { $0.set(.occupied, occupied) } else { $0.setUnknown(Signal.occupied.rawValue) }
            }
        }
        #expect(building.aboutPeople == ["suspected 30.0"])
        return building
    }

    @Test func whoHasNotBeenSeenToLeaveIsNotForgotten() throws {
        var building = try heardInBetween(occupied: false)
        building.advance(to: 430)
        // Nothing but time speaks for it: after five minutes of the second silence a call to the building is asked for.
        #expect(building.aboutPeople == ["suspected 30.0", "suspected 420.0"])
        #expect(building.alerts.filter { $0.reason == "silence_unresolved" }.count == 1, "\(building.told)")
    }

    @Test func whoHasNotBeenSeenToLeaveIsTrappedWhereMainsWereLost() throws {
        var building = try heardInBetween(occupied: false, losesMains: true)
        building.advance(to: 300)
        // A minute after the suspicion and what speaks for it have come together.
        #expect(building.aboutPeople.first == "suspected 30.0" && building.aboutPeople.last == "confirmed 150.0")
    }

    @Test func behindADoorThatStoodOpenAtALandingNobodyIsTrapped() throws {
        var building = try heardInBetween(occupied: nil, isOpen: true)
        building.advance(to: 300)
        #expect(building.aboutPeople == ["suspected 30.0"])
    }

    @Test func whoIsSeenAfterItIsJudgedAnew() throws {
        var building = try heardInBetween(occupied: nil, isOpen: true)
        for second in stride(from: 130.0, through: 300, by: 5) {
            building.say(at: second) {
                $0.set(.frontLocked, true)
                $0.set(.frontFullyOpen, false)
                $0.set(.occupied, true)
                $0.setUnknown(Signal.inDoorZone.rawValue)
                $0.set(.codes, bits: FaultCode.mainPowerLost.bit)
            }
        }
        #expect(building.aboutPeople.first == "suspected 30.0")
        #expect(building.aboutPeople.last == "confirmed 190.0", "\(building.told)")
    }
}

extension Building {
    /// What was told of people in a car, apart from reminders.
    fileprivate var aboutPeople: [String] {
        alerts.filter { $0.isEntrapment && $0.reason != Alert.notAccepted }.map {
            "\($0.state.rawValue) \(($0.time - Self.start).inSeconds)"
        }
    }
}
