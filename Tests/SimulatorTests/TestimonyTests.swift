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
            #expect(testimony.couldHoldPeople(at: 12) == shows)
        }
    }

    @Test func nobodyLeavesThroughALockedDoor() {
        let keptStill = heard([
            (0, { ($0.isInDoorZone, $0.isMoving, $0.isOccupied) = (false, true, true) }),
            (30, { ($0.isMoving, $0.isOccupied) = (false, false) }),
        ])
        #expect(keptStill.showsEntrapment(at: 30) && keptStill.couldHoldPeople(at: 42))
    }

    @Test func aLiftThatSaysNothingOfItsDoorZoneStandsBetweenFloorsByItsCode() {
        func stopped(_ code: FaultCode) -> Testimony {
            heard([(0, { ($0.isInDoorZone, $0.codes) = (nil, code.bit) })])
        }
        #expect(stopped(.stoppedOutsideUnlockingZone).showsEntrapment(at: 0))
        #expect(!stopped(.safetyCircuitOpen).showsEntrapment(at: 0), "perhaps at a landing, and nobody was seen")
        #expect(stopped(.safetyCircuitOpen).couldHoldPeople(at: 12))
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
        let unknown = heard([(0, { $0.codes = FaultCode.safetyCircuitOpen.bit })])
        #expect(!unknown.showsEntrapment(at: 0), "nobody was seen")
    }

    @Test func anInspectionMutesWhatBeginsAfterItAndNothingElse() {
        let inspect: (inout Panel) -> Void = { $0.mode = .inspection }
        let stuck: (inout Panel) -> Void = { $0.isInDoorZone = false }
        #expect(!heard([(0, inspect), (30, stuck)]).showsEntrapment(at: 30))
        #expect(heard([(0, stuck), (30, inspect)]).showsEntrapment(at: 30), "no door was unlocked")
        #expect(heard([(0, inspect), (30, stuck), (60, { $0.mode = .normal })]).showsEntrapment(at: 60))
    }

    /// A fitter opens the landing door by its key, and then switches.
    @Test func anInspectionReachesBackOverTheDoorThatWasOpenedByKey() {
        let opened: (inout Panel) -> Void = { ($0.isInDoorZone, $0.isLocked) = (false, false) }
        let inspect: (inout Panel) -> Void = { $0.mode = .inspection }
        #expect(!heard([(0, opened), (30, inspect)]).showsEntrapment(at: 30))
        #expect(heard([(0, opened), (140, inspect)]).showsEntrapment(at: 140), "two minutes at most")
        let press: (inout Panel) -> Void = { $0.codes = FaultCode.carAlarmButton.bit }
        #expect(heard([(0, opened), (10, press), (30, inspect)]).showsEntrapment(at: 30))
    }

    @Test func aSwitchThatStopsASeenRiderMutesNothingUntilTheCarHasMovedUnderIt() {
        let ride: (inout Panel) -> Void = { ($0.isInDoorZone, $0.isMoving, $0.isOccupied) = (false, true, true) }
        let stop: (inout Panel) -> Void = { ($0.mode, $0.isMoving) = (.inspection, false) }
        #expect(heard([(0, ride), (9, stop)]).showsEntrapment(at: 9))
        let moves = heard([(0, ride), (9, stop), (20, { $0.isMoving = true }), (30, { $0.isMoving = false })])
        #expect(!moves.showsEntrapment(at: 30))
    }

    @Test func theButtonSpeaksUntilThereIsAWayOut() {
        let press: (inout Panel) -> Void = { $0.codes = FaultCode.carAlarmButton.bit }
        let release: (inout Panel) -> Void = { $0.codes = 0 }
        #expect(heard([(0, press), (2, release)]).showsEntrapment(at: 60))
        #expect(
            !heard([(0, press), (2, release), (5, { ($0.isLocked, $0.isFullyOpen) = (false, true) })]).showsEntrapment(
                at: 6))
        let open = heard([(0, { ($0.isLocked, $0.isFullyOpen) = (false, true) }), (3, press)])
        #expect(!open.showsEntrapment(at: 4) && !open.couldHoldPeople(at: 16))
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
        #expect(testimony.couldHoldPeople(at: 22), "the younger word stands")
    }
}

/// What of it entrapment.md confirms, and what it leaves a suspicion.
@Suite struct ConfirmabilityTests {
    private func heard(_ words: [(Double, (inout Panel) -> Void)]) -> Testimony {
        var testimony = Testimony()
        var panel = Panel()
        for (time, change) in words {
            change(&panel)
            testimony.hear(panel, at: time)
        }
        return testimony
    }
    private let running: (inout Panel) -> Void = {
        ($0.isInDoorZone, $0.isMoving, $0.isOccupied) = (false, true, true)
    }

    @Test func betweenFloorsTimeIsEvidence() {
        let shown = heard([(0, { $0.isInDoorZone = false })]).shown(at: 0)
        #expect(shown == Shown(branches: [.offLevel], confirmations: [.offLevel]))
    }

    @Test func aSilenceIsConfirmedByLostMainsOrACarThatStoodBetweenFloorsOnly() {
        let ride = heard([(0, running)])
        #expect(ride.shownBySilence(at: 12, isCorroborated: false) == Shown(branches: [.silence]))
        #expect(ride.shownBySilence(at: 12, isCorroborated: true).confirmations == [.corroboratedSilence])
        let mains = heard([(0, running), (5, { $0.codes = FaultCode.mainPowerLost.bit })])
        #expect(mains.shownBySilence(at: 17, isCorroborated: false).confirmations == [.corroboratedSilence])
        for (last, isConfirmed) in [(14.0, false), (16, true)] {
            let stood = heard([(0, running), (5, { $0.isMoving = false }), (last, { $0.speed = 0 })])
            let shown = stood.shownBySilence(at: last + 12, isCorroborated: false)
            #expect(shown.branches == [.silence] && shown.confirmations.isEmpty == !isConfirmed)
        }
        let press = heard([(0, running), (5, { $0.codes = FaultCode.carAlarmButton.bit })])
        #expect(press.shownBySilence(at: 17, isCorroborated: false).confirmations == [.callInSilence])
    }

    @Test func aSilenceOfAParkedLiftShowsNothing() {
        let parked = heard([(0, { $0.isOccupied = false }), (5, { $0.isOccupied = nil })])
        #expect(parked.couldHoldPeople(at: 30) && !parked.couldHoldPeople(at: 66))
        let left = heard([
            (0, { $0.isMoving = true }), (10, { ($0.isMoving, $0.isLocked, $0.isFullyOpen) = (false, false, true) }),
            (20, { ($0.isLocked, $0.isFullyOpen) = (true, false) }),
        ])
        #expect(!left.couldHoldPeople(at: 32), "whoever rode has had a way out")
        let coded = heard([(0, { $0.codes = FaultCode.doorOpenFault.bit })])
        #expect(coded.couldHoldPeople(at: 100))
    }

    @Test func switchedOffIsConfirmedOnASensorThatIsProvenOrOnTwo() {
        let off: (inout Panel) -> Void = { $0.codes = FaultCode.outOfService.bit }
        let unproven = heard([(0, { $0.isOccupied = true }), (60, off)]).shown(at: 60)
        #expect(unproven == Shown(branches: [.atLevel]))
        let twice = heard([(0, { ($0.isOccupied, $0.load) = (true, 8) }), (60, off)]).shown(at: 60)
        #expect(twice.confirmations == [.atLevel])
        let open: (inout Panel) -> Void = { ($0.isLocked, $0.isFullyOpen) = (false, true) }
        let proven = heard([
            (0, open), (2, { $0.isOccupied = true }), (4, { $0.isOccupied = false }), (6, { $0.isOccupied = true }),
            (8, { ($0.isLocked, $0.isFullyOpen) = (true, false) }), (60, off),
        ])
        #expect(proven.shown(at: 60).confirmations == [.atLevel])
        let outOfStep = heard([
            (0, open), (2, { $0.isOccupied = true }), (4, { $0.isOccupied = false }), (6, { $0.isOccupied = true }),
            (8, { ($0.isLocked, $0.isFullyOpen) = (true, false) }), (50, { $0.isOccupied = false }),
            (55, { $0.isOccupied = true }), (60, off),
        ])
        #expect(outOfStep.shown(at: 60) == Shown(branches: [.atLevel]))
    }

    @Test func aDoorThatDidNotOpenBeforeNobodyKnowsWhomIsASuspicion() {
        let shown = heard([(0, { $0.codes = FaultCode.doorOpenFault.bit })]).shown(at: 0)
        #expect(shown == Shown(branches: [.doorOpenFault]))
    }

    @Test func shutInAfterARunWithoutACodeIsASuspicion() {
        let shown = heard([
            (0, { ($0.isMoving, $0.isInDoorZone, $0.isOccupied, $0.load) = (true, false, true, 8) }),
            (20, { ($0.isMoving, $0.isInDoorZone) = (false, true) }),
        ]).shown(at: 20)
        #expect(shown == Shown(branches: [.shutIn]))
    }

    @Test func theButtonAtALandingWaitsWhereThereIsNoOtherReason() {
        let press: (inout Panel) -> Void = { $0.codes |= FaultCode.carAlarmButton.bit }
        let release: (inout Panel) -> Void = { $0.codes &= ~FaultCode.carAlarmButton.bit }
        #expect(heard([(0, press)]).shown(at: 0).confirmations == [.callAlone])
        #expect(heard([(0, press), (2, release), (12, press)]).shown(at: 12).confirmations == [.secondCall])
        let fault = heard([(0, { $0.codes = FaultCode.safetyCircuitOpen.bit }), (5, press)])
        #expect(fault.shown(at: 5).confirmations == [.call])
        let ajar: (inout Panel) -> Void = { ($0.isLocked, $0.isFullyOpen, $0.isOccupied) = (false, nil, true) }
        #expect(heard([(0, ajar), (5, press)]).shown(at: 5) == Shown(), "unlocked, it may stand open")
        let forced = heard([
            (
                0,
                {
                    ajar(&$0)
                    $0.codes = FaultCode.safetyCircuitOpen.bit
                }
            ), (5, press),
        ]).shown(at: 5)
        #expect(forced.confirmations.contains(.callAjar))
    }

    @Test func aReasonIsRememberedForTwoMinutesAndDiesWithAWayOut() {
        let fault: (inout Panel) -> Void = { ($0.isOccupied, $0.codes) = (true, FaultCode.safetyCircuitOpen.bit) }
        let over: (inout Panel) -> Void = { $0.codes = 0 }
        #expect(heard([(0, fault), (10, over), (100, over)]).shown(at: 100).branches == [.atLevel])
        #expect(heard([(0, fault), (10, over), (131, over)]).shown(at: 131) == Shown())
        let open: (inout Panel) -> Void = { ($0.isLocked, $0.isFullyOpen) = (false, true) }
        let shut: (inout Panel) -> Void = { ($0.isLocked, $0.isFullyOpen) = (true, false) }
        #expect(heard([(0, fault), (10, over), (20, open), (30, shut)]).shown(at: 30) == Shown())
    }

    @Test func aDeadControllerBehindALiveAdapterIsConfirmed() {
        let dead: (inout Panel) -> Void = { $0.blindness = .controllerDead }
        let ride = heard([(0, running), (5, dead), (34, dead)])
        #expect(ride.shown(at: 34) == Shown())
        let later = heard([(0, running), (5, dead), (35, dead)])
        #expect(later.shown(at: 35) == Shown(branches: [.adapterOnly], confirmations: [.adapterOnly]))
        let starting = heard([(0, running), (5, { $0.blindness = .adapterStarting }), (60, { $0.speed = 0 })])
        #expect(starting.shown(at: 60) == Shown(), "an adapter that has just started")
    }

    /// What was shown for a moment only is not owed; what was shown for long enough is, whatever is said then.
    @Test func theTruthTakesNoteOfWhatIsShownForLongEnough() {
        let off = Shown(branches: [.offLevel], confirmations: [.offLevel])
        var row = TruthRow(kind: "entrapment", lift: "1", start: 0, decidable: nil, end: 500)
        row.follow(off, at: 5)
        row.follow(Shown(), at: 12)
        #expect(row.suspicionDue() == nil && row.confirmationDue() == nil)
        row.follow(off, at: 20)
        row.follow(Shown(), at: 40)
        #expect(row.suspicionDue() == 30 && row.confirmationDue() == nil, "suspected, and over before it is confirmed")
        row.follow(off, at: 50)
        row.follow(Shown(branches: [.offLevel, .alarmButton], confirmations: [.offLevel, .call]), at: 60)
        #expect(row.suspicionDue() == 30 && row.confirmationDue() == 70, "the press is sooner than time")
    }
}
