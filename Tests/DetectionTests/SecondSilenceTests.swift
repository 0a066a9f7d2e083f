import LiftModel
import Testing

@testable import Monitoring

/// A lift with an occupant falls silent, sends messages for a while, and falls silent again.
@Suite struct SecondSilenceTests {
    /// Occupied and running at 0; a message every five seconds from 50 to 90.
    private func betweenSilences(
        occupied: Bool?, isOpen: Bool = false, losesMains: Bool = false
    ) throws -> Building {
        var building = try Building.shipped()
        building.send(at: 0) {
            $0.stopsBetweenFloors()
            $0.set(.moving, true)
            $0.set(.occupied, true)
        }
        for second in stride(from: 50.0, through: 90, by: 5) {
            building.send(at: second) {
                $0.set(.moving, false)
                $0.set(.inDoorZone, true)
                $0.set(.frontLocked, !isOpen)
                $0.set(.frontFullyOpen, isOpen)
                if losesMains, second == 90 { $0.set(.codes, bits: FaultCode.mainPowerLost.bit) }
                if let occupied {
                    $0.set(.occupied, occupied)
                } else {
                    $0.setUnknown(Signal.occupied.rawValue)
                }
            }
        }
        #expect(building.aboutPeople == ["suspected 30.0"])
        return building
    }

    @Test func whoHasNotBeenSeenToLeaveIsNotForgotten() throws {
        var building = try betweenSilences(occupied: false)
        building.advance(to: 430)
        // Only time is evidence: after five minutes of the second silence the centre is asked to
        // call the building.
        #expect(building.aboutPeople == ["suspected 30.0", "suspected 420.0"])
        #expect(
            building.alerts.filter { $0.reason == "silence_unresolved" }.count == 1,
            "\(building.revisions)")
    }

    @Test func whoHasNotBeenSeenToLeaveIsTrappedWhereMainsWereLost() throws {
        var building = try betweenSilences(occupied: false, losesMains: true)
        building.advance(to: 300)
        // A minute after suspicion and evidence have come together.
        #expect(
            building.aboutPeople.first == "suspected 30.0"
                && building.aboutPeople.last == "confirmed 150.0")
    }

    @Test func behindADoorThatStoodOpenAtALandingNobodyIsTrapped() throws {
        var building = try betweenSilences(occupied: nil, isOpen: true)
        building.advance(to: 300)
        #expect(building.aboutPeople == ["suspected 30.0"])
    }

    @Test func whoIsSeenAfterItIsJudgedAnew() throws {
        var building = try betweenSilences(occupied: nil, isOpen: true)
        for second in stride(from: 130.0, through: 300, by: 5) {
            building.send(at: second) {
                $0.set(.frontLocked, true)
                $0.set(.frontFullyOpen, false)
                $0.set(.occupied, true)
                $0.setUnknown(Signal.inDoorZone.rawValue)
                $0.set(.codes, bits: FaultCode.mainPowerLost.bit)
            }
        }
        #expect(building.aboutPeople.first == "suspected 30.0")
        #expect(building.aboutPeople.last == "confirmed 190.0", "\(building.revisions)")
    }
}

extension Building {
    /// Alerts about people in a car, without reminders.
    fileprivate var aboutPeople: [String] {
        alerts.filter { $0.isEntrapment && $0.reason != Alert.notAccepted }.map {
            "\($0.state.rawValue) \(($0.time - Self.start).inSeconds)"
        }
    }
}
