import Elevator
import Testing

@testable import City

/// From which word on what was heard of a lift shows that somebody may be trapped: the definition in entrapment.md, not the rules.
@Suite struct TestimonyTests {
    private func heard(_ words: [(Double, (inout Panel) -> Void)]) -> Testimony {
        var testimony = Testimony()
        var panel = Panel()
        for (time, change) in words {
            change(&panel)
            testimony.hear(panel, at: time)
        }
        return testimony
    }

    @Test func betweenFloorsOneSourceSufficesAndUnknownIsOccupied() {
        for (occupied, load, shows) in [
            (true, nil, true), (nil, nil, true), (false, nil, false), (false, 20, true), (nil, 0, true),
        ] as [(Bool?, Int?, Bool)] {
            let testimony = heard([(0, { ($0.isInDoorZone, $0.isOccupied, $0.load) = (false, occupied, load) })])
            #expect(
                testimony.showsEntrapment(at: 0) == shows, "\(String(describing: occupied)) \(String(describing: load))"
            )
            #expect(testimony.couldHoldPeople == shows)
        }
    }

    @Test func nobodyLeavesThroughALockedDoor() {
        let keptStill = heard([
            (0, { ($0.isInDoorZone, $0.isMoving, $0.isOccupied) = (false, true, true) }),
            (30, { ($0.isMoving, $0.isOccupied) = (false, false) }),
        ])
        #expect(keptStill.showsEntrapment(at: 30) && keptStill.couldHoldPeople)
    }

    @Test func aLiftThatSaysNothingOfItsDoorZoneStandsBetweenFloorsByItsCode() {
        func stopped(_ code: FaultCode) -> Testimony {
            heard([(0, { ($0.isInDoorZone, $0.codes) = (nil, code.bit) })])
        }
        #expect(stopped(.stoppedOutsideUnlockingZone).showsEntrapment(at: 0))
        #expect(!stopped(.safetyCircuitOpen).showsEntrapment(at: 0), "perhaps at a landing, and nobody was seen")
        #expect(stopped(.safetyCircuitOpen).couldHoldPeople)
    }

    @Test(arguments: [(nil, nil, true), (nil, 0, true), (nil, 20, false), (false, nil, false), (true, nil, false)])
    func onlyASensorKnowsThatACarIsEmpty(_ occupied: Bool?, _ load: Int?, _ isUnknowable: Bool) {
        let testimony = heard([(0, { ($0.isOccupied, $0.load) = (occupied, load) })])
        #expect(testimony.isOccupancyUnknowable == isUnknowable)
    }

    @Test func whatRunsIsNotStuckUnlessItGetsNowhere() {
        let runs = heard([(0, { ($0.isInDoorZone, $0.isMoving, $0.isOccupied) = (false, true, true) })])
        #expect(!runs.showsEntrapment(at: 44) && runs.showsEntrapment(at: 45))
        let passes = heard([
            (0, { ($0.isInDoorZone, $0.isMoving, $0.isOccupied) = (false, true, true) }), (30, { $0.floor = 4 }),
        ])
        #expect(!passes.showsEntrapment(at: 70) && passes.showsEntrapment(at: 75))
    }

    @Test func atALandingThereMustBeAReasonAndSomebodySeen() {
        let noReason = heard([(0, { $0.isOccupied = true })])
        #expect(!noReason.showsEntrapment(at: 0))
        let fault = heard([(0, { ($0.isOccupied, $0.codes) = (true, FaultCode.doorOpenFault.bit) })])
        #expect(fault.showsEntrapment(at: 0))
        let keptStill = heard([
            (0, { $0.isOccupied = true }), (60, { ($0.isOccupied, $0.codes) = (false, FaultCode.doorOpenFault.bit) }),
        ])
        #expect(keptStill.showsEntrapment(at: 60), "seen since the doors were locked")
        let ajar = heard([
            (0, { ($0.isOccupied, $0.isLocked, $0.isFullyOpen) = (true, false, false) }),
            (5, { $0.codes = FaultCode.doorOpenFault.bit }),
        ])
        #expect(ajar.showsEntrapment(at: 5), "prised ajar is not open")
        let unlocked = heard([
            (0, { $0.isOccupied = true }), (30, { ($0.isOccupied, $0.isLocked) = (false, false) }),
            (60, { ($0.isLocked, $0.codes) = (true, FaultCode.doorOpenFault.bit) }),
        ])
        #expect(!unlocked.showsEntrapment(at: 60))
        let unknown = heard([(0, { $0.codes = FaultCode.doorOpenFault.bit })])
        #expect(!unknown.showsEntrapment(at: 0), "nobody was seen")
    }

    @Test func anInspectionMutesWhatBeginsAfterItAndNothingElse() {
        let inspect: (inout Panel) -> Void = { $0.mode = .inspection }
        let stuck: (inout Panel) -> Void = { $0.isInDoorZone = false }
        #expect(!heard([(0, inspect), (30, stuck)]).showsEntrapment(at: 30))
        #expect(heard([(0, stuck), (30, inspect)]).showsEntrapment(at: 30))
        #expect(heard([(0, inspect), (30, stuck), (60, { $0.mode = .normal })]).showsEntrapment(at: 60))
    }

    @Test func theButtonSpeaksUntilThereIsAWayOut() {
        let press: (inout Panel) -> Void = { $0.codes = FaultCode.carAlarmButton.bit }
        let release: (inout Panel) -> Void = { $0.codes = 0 }
        #expect(heard([(0, press), (2, release)]).showsEntrapment(at: 60))
        #expect(
            !heard([(0, press), (2, release), (5, { ($0.isLocked, $0.isFullyOpen) = (false, true) })]).showsEntrapment(
                at: 6))
        let open = heard([(0, { ($0.isLocked, $0.isFullyOpen) = (false, true) }), (3, press)])
        #expect(!open.showsEntrapment(at: 4) && !open.couldHoldPeople)
    }

    @Test func whatComesTwiceOrWasOvertakenIsNoSignOfLife() {
        var testimony = Testimony()
        var panel = Panel()
        panel.isOccupied = true
        let first = testimony.hear(panel, at: 10)
        let again = testimony.hear(panel, at: 10)
        panel.isOccupied = false
        let overtaken = testimony.hear(panel, at: 9)
        #expect(first && !again && !overtaken)
        #expect(testimony.couldHoldPeople, "the younger word stands")
    }
}
