import LiftModel
import Testing

@testable import City

/// From which report on the messages of a lift show that people may be trapped: the definition in
/// entrapment.md, not the rules.
@Suite struct EntrapmentOracleTests {
    private func oracle(after reports: [(Double, (inout Panel) -> Void)]) -> EntrapmentOracle {
        var oracle = EntrapmentOracle()
        var panel = Panel()
        for (time, change) in reports {
            change(&panel)
            oracle.receive(panel, at: time)
        }
        return oracle
    }

    @Test func betweenFloorsOneSourceSufficesAndUnknownIsOccupied() {
        for (occupied, load, shows) in [
            (true, nil, true), (nil, nil, true), (false, nil, false), (false, 20, true),
            (nil, 0, true),
        ] as [(Bool?, Int?, Bool)] {
            let oracle = oracle(after: [
                (0, { ($0.isInDoorZone, $0.isOccupied, $0.load) = (false, occupied, load) })
            ])
            #expect(
                oracle.showsEntrapment(at: 0) == shows,
                "\(String(describing: occupied)) \(String(describing: load))"
            )
            #expect(oracle.couldHoldPeople(at: 12) == shows)
        }
    }

    @Test func nobodyLeavesThroughALockedDoor() {
        let keptStill = oracle(after: [
            (0, { ($0.isInDoorZone, $0.isMoving, $0.isOccupied) = (false, true, true) }),
            (30, { ($0.isMoving, $0.isOccupied) = (false, false) }),
        ])
        #expect(keptStill.showsEntrapment(at: 30) && keptStill.couldHoldPeople(at: 42))
    }

    @Test func aLiftThatSaysNothingOfItsDoorZoneStandsBetweenFloorsByItsCode() {
        func stopped(_ code: FaultCode) -> EntrapmentOracle {
            oracle(after: [(0, { ($0.isInDoorZone, $0.codes) = (nil, code.bit) })])
        }
        #expect(stopped(.stoppedOutsideUnlockingZone).showsEntrapment(at: 0))
        #expect(
            !stopped(.safetyCircuitOpen).showsEntrapment(at: 0),
            "perhaps at a landing, and no occupant was detected")
        #expect(stopped(.safetyCircuitOpen).couldHoldPeople(at: 12))
    }

    @Test(arguments: [
        (nil, nil, true), (nil, 0, true), (nil, 20, false), (false, nil, false), (true, nil, false),
    ])
    func onlyASensorKnowsThatACarIsEmpty(_ occupied: Bool?, _ load: Int?, _ isUnknowable: Bool) {
        let oracle = oracle(after: [(0, { ($0.isOccupied, $0.load) = (occupied, load) })])
        #expect(oracle.isOccupancyUnknown == isUnknowable)
    }

    @Test func whatRunsIsNotStuckUnlessItGetsNowhere() {
        let runs = oracle(after: [
            (0, { ($0.isInDoorZone, $0.isMoving, $0.isOccupied) = (false, true, true) })
        ])
        #expect(!runs.showsEntrapment(at: 44) && runs.showsEntrapment(at: 45))
        let passes = oracle(after: [
            (0, { ($0.isInDoorZone, $0.isMoving, $0.isOccupied) = (false, true, true) }),
            (30, { $0.floor = 4 }),
        ])
        #expect(!passes.showsEntrapment(at: 70) && passes.showsEntrapment(at: 75))
    }

    @Test func atALandingThereMustBeAReasonAndSomebodySeen() {
        let noReason = oracle(after: [(0, { $0.isOccupied = true })])
        #expect(!noReason.showsEntrapment(at: 0))
        let fault = oracle(after: [
            (0, { ($0.isOccupied, $0.codes) = (true, FaultCode.doorOpenFault.bit) })
        ])
        #expect(fault.showsEntrapment(at: 0))
        let keptStill = oracle(after: [
            (0, { $0.isOccupied = true }),
            (60, { ($0.isOccupied, $0.codes) = (false, FaultCode.doorOpenFault.bit) }),
        ])
        #expect(keptStill.showsEntrapment(at: 60), "detected since the doors were locked")
        let ajar = oracle(after: [
            (0, { ($0.isOccupied, $0.isLocked, $0.isFullyOpen) = (true, false, false) }),
            (5, { $0.codes = FaultCode.doorOpenFault.bit }),
        ])
        #expect(ajar.showsEntrapment(at: 5), "prised ajar is not open")
        let unlocked = oracle(after: [
            (0, { $0.isOccupied = true }), (30, { ($0.isOccupied, $0.isLocked) = (false, false) }),
            (60, { ($0.isLocked, $0.codes) = (true, FaultCode.doorOpenFault.bit) }),
        ])
        #expect(!unlocked.showsEntrapment(at: 60))
        let unknown = oracle(after: [(0, { $0.codes = FaultCode.safetyCircuitOpen.bit })])
        #expect(!unknown.showsEntrapment(at: 0), "no occupant was detected")
    }

    @Test func anInspectionMutesWhatBeginsAfterItAndNothingElse() {
        let inspect: (inout Panel) -> Void = { $0.mode = .inspection }
        let stuck: (inout Panel) -> Void = { $0.isInDoorZone = false }
        #expect(!oracle(after: [(0, inspect), (30, stuck)]).showsEntrapment(at: 30))
        #expect(
            oracle(after: [(0, stuck), (30, inspect)]).showsEntrapment(at: 30),
            "no door was unlocked")
        #expect(
            oracle(after: [(0, inspect), (30, stuck), (60, { $0.mode = .normal })]).showsEntrapment(
                at: 60))
    }

    /// A fitter opens the landing door by its key, and then switches to inspection.
    @Test func anInspectionReachesBackOverTheDoorThatWasOpenedByKey() {
        let opened: (inout Panel) -> Void = { ($0.isInDoorZone, $0.isLocked) = (false, false) }
        let inspect: (inout Panel) -> Void = { $0.mode = .inspection }
        #expect(!oracle(after: [(0, opened), (30, inspect)]).showsEntrapment(at: 30))
        #expect(
            oracle(after: [(0, opened), (140, inspect)]).showsEntrapment(at: 140),
            "two minutes at most")
        let press: (inout Panel) -> Void = { $0.codes = FaultCode.carAlarmButton.bit }
        #expect(oracle(after: [(0, opened), (10, press), (30, inspect)]).showsEntrapment(at: 30))
    }

    @Test func aSwitchThatStopsASeenRiderMutesNothingUntilTheCarHasMovedUnderIt() {
        let ride: (inout Panel) -> Void = {
            ($0.isInDoorZone, $0.isMoving, $0.isOccupied) = (false, true, true)
        }
        let stop: (inout Panel) -> Void = { ($0.mode, $0.isMoving) = (.inspection, false) }
        #expect(oracle(after: [(0, ride), (9, stop)]).showsEntrapment(at: 9))
        let moves = oracle(after: [
            (0, ride), (9, stop), (20, { $0.isMoving = true }), (30, { $0.isMoving = false }),
        ])
        #expect(!moves.showsEntrapment(at: 30))
    }

    @Test func theButtonSpeaksUntilThereIsAWayOut() {
        let press: (inout Panel) -> Void = { $0.codes = FaultCode.carAlarmButton.bit }
        let release: (inout Panel) -> Void = { $0.codes = 0 }
        #expect(oracle(after: [(0, press), (2, release)]).showsEntrapment(at: 60))
        #expect(
            !oracle(after: [
                (0, press), (2, release), (5, { ($0.isLocked, $0.isFullyOpen) = (false, true) }),
            ])
            .showsEntrapment(
                at: 6))
        let open = oracle(after: [
            (0, { ($0.isLocked, $0.isFullyOpen) = (false, true) }), (3, press),
        ])
        #expect(!open.showsEntrapment(at: 4) && !open.couldHoldPeople(at: 16))
    }

    @Test func whatComesTwiceOrWasOvertakenIsNoSignOfLife() {
        var oracle = EntrapmentOracle()
        var panel = Panel()
        panel.isOccupied = true
        let first = oracle.receive(panel, at: 10)
        let again = oracle.receive(panel, at: 10)
        panel.isOccupied = false
        let overtaken = oracle.receive(panel, at: 9)
        #expect(first && !again && !overtaken)
        #expect(oracle.couldHoldPeople(at: 22), "the newer report counts")
    }
}

/// What entrapment.md confirms, and what it leaves a suspicion.
@Suite struct ConfirmabilityTests {
    private func oracle(after reports: [(Double, (inout Panel) -> Void)]) -> EntrapmentOracle {
        var oracle = EntrapmentOracle()
        var panel = Panel()
        for (time, change) in reports {
            change(&panel)
            oracle.receive(panel, at: time)
        }
        return oracle
    }
    private let running: (inout Panel) -> Void = {
        ($0.isInDoorZone, $0.isMoving, $0.isOccupied) = (false, true, true)
    }

    @Test func betweenFloorsTimeIsEvidence() {
        let evidence = oracle(after: [(0, { $0.isInDoorZone = false })]).evidence(at: 0)
        #expect(evidence == EntrapmentEvidence(branches: [.offLevel], confirmations: [.offLevel]))
    }

    @Test func aSilenceIsConfirmedByLostMainsOrACarThatStoodBetweenFloorsOnly() {
        let ride = oracle(after: [(0, running)])
        #expect(
            ride.evidenceOfSilence(at: 12, isCorroborated: false)
                == EntrapmentEvidence(branches: [.silence]))
        #expect(
            ride.evidenceOfSilence(at: 12, isCorroborated: true).confirmations == [
                .corroboratedSilence
            ])
        let mains = oracle(after: [(0, running), (5, { $0.codes = FaultCode.mainPowerLost.bit })])
        #expect(
            mains.evidenceOfSilence(at: 17, isCorroborated: false).confirmations == [
                .corroboratedSilence
            ])
        for (last, isConfirmed) in [(14.0, false), (16, true)] {
            let stood = oracle(after: [
                (0, running), (5, { $0.isMoving = false }), (last, { $0.speed = 0 }),
            ])
            let evidence = stood.evidenceOfSilence(at: last + 12, isCorroborated: false)
            #expect(
                evidence.branches == [.silence] && evidence.confirmations.isEmpty == !isConfirmed)
        }
        let press = oracle(after: [(0, running), (5, { $0.codes = FaultCode.carAlarmButton.bit })])
        #expect(
            press.evidenceOfSilence(at: 17, isCorroborated: false).confirmations == [.callInSilence]
        )
    }

    @Test func aSilenceOfAParkedLiftShowsNothing() {
        let parked = oracle(after: [(0, { $0.isOccupied = false }), (5, { $0.isOccupied = nil })])
        #expect(parked.couldHoldPeople(at: 30) && !parked.couldHoldPeople(at: 66))
        let left = oracle(after: [
            (0, { $0.isMoving = true }),
            (10, { ($0.isMoving, $0.isLocked, $0.isFullyOpen) = (false, false, true) }),
            (20, { ($0.isLocked, $0.isFullyOpen) = (true, false) }),
        ])
        #expect(!left.couldHoldPeople(at: 32), "the passengers have had a way out")
        let coded = oracle(after: [(0, { $0.codes = FaultCode.doorOpenFault.bit })])
        #expect(coded.couldHoldPeople(at: 100))
    }

    @Test func switchedOffIsConfirmedOnASensorThatIsProvenOrOnTwo() {
        let off: (inout Panel) -> Void = { $0.codes = FaultCode.outOfService.bit }
        let unproven = oracle(after: [(0, { $0.isOccupied = true }), (60, off)]).evidence(at: 60)
        #expect(unproven == EntrapmentEvidence(branches: [.atLevel]))
        let twice = oracle(after: [(0, { ($0.isOccupied, $0.load) = (true, 8) }), (60, off)])
            .evidence(at: 60)
        #expect(twice.confirmations == [.atLevel])
        let open: (inout Panel) -> Void = { ($0.isLocked, $0.isFullyOpen) = (false, true) }
        let proven = oracle(after: [
            (0, open), (2, { $0.isOccupied = true }), (4, { $0.isOccupied = false }),
            (6, { $0.isOccupied = true }),
            (8, { ($0.isLocked, $0.isFullyOpen) = (true, false) }), (60, off),
        ])
        #expect(proven.evidence(at: 60).confirmations == [.atLevel])
        let outOfStep = oracle(after: [
            (0, open), (2, { $0.isOccupied = true }), (4, { $0.isOccupied = false }),
            (6, { $0.isOccupied = true }),
            (8, { ($0.isLocked, $0.isFullyOpen) = (true, false) }), (50, { $0.isOccupied = false }),
            (55, { $0.isOccupied = true }), (60, off),
        ])
        #expect(outOfStep.evidence(at: 60) == EntrapmentEvidence(branches: [.atLevel]))
    }

    @Test func aDoorThatDidNotOpenBeforeNobodyKnowsWhomIsASuspicion() {
        let evidence = oracle(after: [(0, { $0.codes = FaultCode.doorOpenFault.bit })]).evidence(
            at: 0)
        #expect(evidence == EntrapmentEvidence(branches: [.doorOpenFault]))
    }

    @Test func shutInAfterARunWithoutACodeIsASuspicion() {
        let evidence = oracle(after: [
            (
                0,
                { ($0.isMoving, $0.isInDoorZone, $0.isOccupied, $0.load) = (true, false, true, 8) }
            ),
            (20, { ($0.isMoving, $0.isInDoorZone) = (false, true) }),
        ]).evidence(at: 20)
        #expect(evidence == EntrapmentEvidence(branches: [.shutIn]))
    }

    @Test func theButtonAtALandingWaitsWhereThereIsNoOtherReason() {
        let press: (inout Panel) -> Void = { $0.codes |= FaultCode.carAlarmButton.bit }
        let release: (inout Panel) -> Void = { $0.codes &= ~FaultCode.carAlarmButton.bit }
        #expect(oracle(after: [(0, press)]).evidence(at: 0).confirmations == [.callAlone])
        #expect(
            oracle(after: [(0, press), (2, release), (12, press)]).evidence(at: 12).confirmations
                == [.secondCall])
        let fault = oracle(after: [(0, { $0.codes = FaultCode.safetyCircuitOpen.bit }), (5, press)])
        #expect(fault.evidence(at: 5).confirmations == [.call])
        let ajar: (inout Panel) -> Void = {
            ($0.isLocked, $0.isFullyOpen, $0.isOccupied) = (false, nil, true)
        }
        #expect(
            oracle(after: [(0, ajar), (5, press)]).evidence(at: 5) == EntrapmentEvidence(),
            "unlocked, it may stand open")
        let forced = oracle(after: [
            (
                0,
                {
                    ajar(&$0)
                    $0.codes = FaultCode.safetyCircuitOpen.bit
                }
            ), (5, press),
        ]).evidence(at: 5)
        #expect(forced.confirmations.contains(.callAjar))
    }

    @Test func aReasonIsRememberedForTwoMinutesAndDiesWithAWayOut() {
        let fault: (inout Panel) -> Void = {
            ($0.isOccupied, $0.codes) = (true, FaultCode.safetyCircuitOpen.bit)
        }
        let over: (inout Panel) -> Void = { $0.codes = 0 }
        #expect(
            oracle(after: [(0, fault), (10, over), (100, over)]).evidence(at: 100).branches == [
                .atLevel
            ])
        #expect(
            oracle(after: [(0, fault), (10, over), (131, over)]).evidence(at: 131)
                == EntrapmentEvidence())
        let open: (inout Panel) -> Void = { ($0.isLocked, $0.isFullyOpen) = (false, true) }
        let shut: (inout Panel) -> Void = { ($0.isLocked, $0.isFullyOpen) = (true, false) }
        #expect(
            oracle(after: [(0, fault), (10, over), (20, open), (30, shut)]).evidence(at: 30)
                == EntrapmentEvidence())
    }

    @Test func aDeadControllerBehindALiveAdapterIsConfirmed() {
        let dead: (inout Panel) -> Void = { $0.controllerLoss = .controllerDead }
        let ride = oracle(after: [(0, running), (5, dead), (34, dead)])
        #expect(ride.evidence(at: 34) == EntrapmentEvidence())
        let later = oracle(after: [(0, running), (5, dead), (35, dead)])
        #expect(
            later.evidence(at: 35)
                == EntrapmentEvidence(branches: [.adapterOnly], confirmations: [.adapterOnly]))
        let starting = oracle(after: [
            (0, running), (5, { $0.controllerLoss = .adapterStarting }), (60, { $0.speed = 0 }),
        ])
        #expect(
            starting.evidence(at: 60) == EntrapmentEvidence(), "an adapter that has just started")
    }

    /// Evidence that is withdrawn soon requires no alert. Evidence that lasted requires one,
    /// whatever follows.
    @Test func theTruthTakesNoteOfWhatIsShownForLongEnough() {
        let off = EntrapmentEvidence(branches: [.offLevel], confirmations: [.offLevel])
        var row = TruthRow(kind: "entrapment", lift: "1", start: 0, decidable: nil, end: 500)
        row.apply(off, at: 5)
        row.apply(EntrapmentEvidence(), at: 12)
        #expect(row.suspicionDue() == nil && row.confirmationDue() == nil)
        row.apply(off, at: 13)
        row.apply(EntrapmentEvidence(), at: 24.9)
        #expect(
            row.suspicionDue() == nil,
            "ten seconds, but a report sent within them may still be on its way")
        row.apply(off, at: 20)
        row.apply(EntrapmentEvidence(), at: 40)
        #expect(
            row.suspicionDue() == 30 && row.confirmationDue() == nil,
            "suspected, and over before it is confirmed")
        row.apply(off, at: 50)
        row.apply(
            EntrapmentEvidence(
                branches: [.offLevel, .alarmButton], confirmations: [.offLevel, .call]), at: 60)
        #expect(
            row.suspicionDue() == 30 && row.confirmationDue() == 70,
            "the press is due before the time off level")
    }
}
