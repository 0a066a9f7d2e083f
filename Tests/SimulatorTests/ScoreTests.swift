import Testing

@testable import City
@testable import Scoring

/// What counts as found, as missed, as false, with one lift and a few seconds.
@Suite struct ScoreTests: ScoreExamples {
    /// A rule that does not wait must report a button that was pressed for an instant. A rule that
    /// waits need not.
    @Test(arguments: [(0.0, 1, 0), (10, 0, 1)])
    func theShortestPressMustBeDetected(_ hold: Double, _ missed: Int, _ brief: Int) throws {
        let press = fact("car_alarm_call", from: 100, decidable: 100, to: 100.5)
        let card = score([press], [], holds: ["car_alarm_call": hold])
        let score = try #require(card.kinds["car_alarm_call"])
        #expect(score.missed == missed && score.brief == brief)
    }

    @Test(arguments: [
        (1070.0, 1, 0), (1072.0, 1, 0), (1073.0, 0, 1), (1180.0, 0, 1), (1181.0, 0, 0),
    ])
    func confirmedWithinItsHoldsIsInTimeAndLaterIsLate(_ time: Double, _ inTime: Int, _ late: Int) {
        let card = score(
            [fact()],
            [
                revision("suspected", at: 1010), revision("confirmed", at: time, revision: 2),
                revision("cleared", at: 2010, revision: 3),
            ])
        #expect(card.entrapment.inTime == inTime && card.entrapment.late == late)
        #expect(card.entrapment.missed == 1 - inTime - late)
        #expect(card.isGood == (inTime + late == 1))
    }

    @Test func anAlertAfterTheReleaseIsNotEvenLate() {
        let card = score([fact(to: 1075)], [revision("confirmed", at: 1076)])
        #expect(card.entrapment.missed == 1 && card.entrapment.late == 0)
    }

    @Test func onlyAnEntrapmentMayBeLate() {
        var door = revision("raised", at: 1073)
        door.kind = "door_open_fault"
        #expect(score([fact("door_open_fault")], [door]).kinds["door_open_fault"]?.missed == 1)
    }

    /// An entrapment that entrapment.md never confirms must be suspected, in time, and no more.
    @Test(arguments: [(1020.0, 0, 0), (1021, 1, 0), (1179, 1, 0), (1181, 0, 1)])
    func whatThePageLeavesASuspicionIsHeldToThat(_ time: Double, _ late: Int, _ missed: Int) {
        let card = score(
            [suspectable()],
            [revision("suspected", at: time), revision("cleared", at: 2010, revision: 2)])
        let score = card.entrapment
        #expect(score.suspectable == 1 && score.expected == 0 && score.missed == 0)
        #expect(
            score.suspicionExpected == 1 && score.suspicionLate == late
                && score.suspicionMissed == missed)
        #expect(card.isGood == (missed == 0))
        #expect(card.findings.contains { $0.verdict == .unsuspected } == (missed == 1))
    }

    @Test func whatIsConfirmedThoughThePageSuspectsOnlyIsShown() {
        let revisions = [
            revision("suspected", at: 1018), revision("confirmed", at: 1078, revision: 2),
        ]
        let score = score([suspectable()], revisions).entrapment
        #expect(score.suspectable == 1 && score.confirmedAnyway == 1 && score.falseAlarms == 0)
        #expect(self.score([fact()], revisions).entrapment.suspectable == 0)
    }

    /// A silence that was suspected before people were trapped in it counts for them.
    @Test func aSuspicionOfBeforeCountsWhileItIsOpen() {
        #expect(
            score([suspectable()], [revision("suspected", at: 900)]).entrapment.suspicionInTime == 1
        )
        let ended = [revision("suspected", at: 900), revision("cleared", at: 950, revision: 2)]
        #expect(score([suspectable()], ended).entrapment.suspicionMissed == 1)
    }

    @Test func theSentenceOfARunSaysWhatHadToBeDetectedAndThatItWas() {
        #expect(
            score([], []).entrapment.recallSentence
                == "None had to be suspected, none had to be confirmed.")
        let one = score([suspectable()], [revision("suspected", at: 1020)])
        #expect(
            one.isGood
                && one.entrapment.recallSentence
                    == "The only one that had to be suspected was, none had to be confirmed."
        )
        let both = score(
            [fact(), suspectable(from: 5000, to: 6000)],
            [
                revision("suspected", at: 1010), revision("confirmed", at: 1070, revision: 2),
                revision("cleared", at: 2000, revision: 3),
                revision("suspected", at: 5020, id: "b"),
            ])
        #expect(
            both.entrapment.recallSentence
                == "All 2 that had to be suspected were, the only one that had to be confirmed was."
        )
    }

    @Test func suspectedAloneIsMissed() {
        let card = score([fact()], [revision("suspected", at: 1010)])
        #expect(card.entrapment.missed == 1 && card.entrapment.suspectedOnly == 1)
    }

    @Test func whatNoGatewayListenedToComesOnTop() {
        let gaps = [1005.0...1020, 1030...1050]
        let late = [revision("confirmed", at: 1100)]
        #expect(score([fact()], late).entrapment.late == 1)
        #expect(score([fact()], late, deaf: gaps).entrapment.inTime == 1)
        let missed = [revision("confirmed", at: 1210)]
        #expect(score([fact()], missed).entrapment.missed == 1)
        #expect(score([fact()], missed, deaf: gaps).entrapment.late == 1)
    }

    /// A door fault that begins and ends while no message of the lift arrives requires no alert,
    /// and an alert afterwards is not false.
    @Test func whatHappensDuringALinkOutageIsDetectedAtItsEnd() {
        var door = revision("raised", at: 1052)
        door.kind = "door_close_fault"
        let fault = fact("door_close_fault", from: 1000, to: 1020)
        let missed = score([fault], [door], holds: ["door_close_fault": 2])
        #expect(
            missed.kinds["door_close_fault"]?.missed == 1
                && missed.kinds["door_close_fault"]?.falseAlarms == 1)
        let away = score(
            [fault, fact("link_away", from: 990, to: 1050)], [door], holds: ["door_close_fault": 2])
        #expect(
            away.kinds["door_close_fault"]?.raisedAnyway == 1
                && away.kinds["door_close_fault"]?.falseAlarms == 0)
    }

    /// An alert that is still open from an earlier event is neither a detection nor, until it has
    /// ended, a miss.
    @Test func anAlertOfBeforeCountsApartWhileItIsOpen() {
        let before = fact(from: 100, decidable: 100, to: 900)
        let stays = [revision("confirmed", at: 170), revision("cleared", at: 2010, revision: 2)]
        let carried = score([before, fact()], stays).entrapment
        #expect(
            carried.detected == 1 && carried.carried == 1 && carried.expected == 1
                && carried.missed == 0)
        let ends = [revision("confirmed", at: 170), revision("cleared", at: 1003, revision: 2)]
        let card = score([before, fact()], ends)
        #expect(card.entrapment.detected == 1 && card.entrapment.missed == 1)
    }

    /// An alert that ends within the grace before the people were out has not ended early, so
    /// nothing is missed either.
    @Test(arguments: [(1071.5, 1), (1069.5, 0)])
    func anAlertOfBeforeMayEndWithThePeoplesWayOut(_ ended: Double, _ carried: Int) {
        let before = fact(from: 100, decidable: 100, to: 900)
        let revisions = [
            revision("confirmed", at: 170), revision("cleared", at: ended, revision: 2),
        ]
        let card = score([before, fact(to: 1072.2)], revisions)
        #expect(card.entrapment.carried == carried && card.entrapment.missed == 1 - carried)
    }

    /// A silence that was over before its rule's hold, in a run in which every other one was
    /// suppressed.
    @Test func suppressedAlertsTellTheirHoldsToo() {
        var revision = revision("suppressed", at: 5000)
        (revision.kind, revision.holds) = ("controller_silent", 48)
        let silence = fact("controller_silent", from: 1000, decidable: 1012, to: 1038)
        #expect(score([silence], [revision]).kinds["controller_silent"]?.brief == 1)
        #expect(score([silence], []).kinds["controller_silent"]?.missed == 1)
    }

    /// The holds that an alert states do not count: entrapments are judged by entrapment.md, or by
    /// shorter holds of a site.
    @Test func aLongerHoldLooksNoBetter() {
        func slow(at time: Double, _ holds: Double) -> AlertRevision {
            var revision = revision("confirmed", at: time)
            revision.holds = holds
            return revision
        }
        #expect(score([fact()], [slow(at: 1500, 600)]).entrapment.missed == 1)
        #expect(score([fact()], [slow(at: 1170, 170)]).entrapment.late == 1)
        var holds = EntrapmentHolds()
        (holds.offLevel, holds.confirmation) = (5, 10)
        #expect(
            score([fact()], [slow(at: 1017, 15)], entrapmentHolds: holds).entrapment.inTime == 1)
        #expect(score([fact()], [slow(at: 1018, 15)], entrapmentHolds: holds).entrapment.late == 1)
    }

    /// Raised or not: otherwise a raised alert would count, and a missing one would be excused.
    @Test func whatMustBeDetectedIsDecidedWithoutTheAlerts() {
        for revisions in [[], [revision("confirmed", at: 1055)]] {
            let brief = score([fact(to: 1060)], revisions).entrapment
            #expect(
                brief.brief == 1 && brief.expected == 0 && brief.raisedAnyway == revisions.count)
            let unshown = score([fact(decidable: nil)], revisions).entrapment
            #expect(
                unshown.unknowable == 1 && unshown.expected == 0
                    && unshown.raisedAnyway == revisions.count)
            #expect(brief.falseAlarms == 0 && unshown.falseAlarms == 0)
        }
    }

    /// It stands for the end of its hold, and was recorded when the backlog had been read.
    @Test func whatIsSaidLaterThanItStandsForIsLate() {
        var revision = revision("confirmed", at: 1070)
        #expect(score([fact()], [revision]).entrapment.inTime == 1)
        revision.recorded = 1100
        let card = score([fact()], [revision]).entrapment
        #expect(card.inTime == 0 && card.late == 1 && card.raisedAfter == [100])
    }

    @Test func theLifeOfAnAlertIsWatched() {
        let early = score(
            [fact()], [revision("confirmed", at: 1070), revision("cleared", at: 1500, revision: 2)])
        #expect(early.entrapment.clearedEarly == 1)
        #expect(score([fact()], [revision("confirmed", at: 1070)]).entrapment.neverCleared == 1)
    }

    /// A suspicion that ends while people are inside has also ended early.
    @Test func aSuspicionMayEndEarly() {
        let revisions = [
            revision("suspected", at: 1018), revision("cleared", at: 1500, revision: 2),
        ]
        #expect(score([suspectable()], revisions).entrapment.clearedEarly == 1)
    }

    /// One incident is one alert: a second one is one too many, also a mere suspicion.
    @Test(arguments: ["confirmed", "suspected"])
    func aSecondAlertForOneIncidentIsDoubled(_ state: String) {
        let twice = score(
            [fact()], [revision("confirmed", at: 1070), revision(state, at: 1080, id: "b")])
        #expect(twice.entrapment.doubled == 1)
        let again = [
            revision("confirmed", at: 1070), revision("cleared", at: 1100, revision: 2),
            revision(state, at: 1200, id: "b"),
        ]
        #expect(score([fact()], again).entrapment.doubled == 1)
    }

    /// An alert that begins after a presumption of release is a new one.
    @Test func afterAPresumptionOfReleaseASecondAlertIsNone() {
        let revisions = [
            revision("confirmed", at: 1070), revision("presumed_released", at: 1100, revision: 2),
            revision("confirmed", at: 1200, id: "b"),
        ]
        #expect(score([fact()], revisions).entrapment.doubled == 0)
    }

    /// A suspicion that was suppressed has ended: a later alert is no second one.
    @Test func aSuspicionThatWasSuppressedIsOver() {
        let revisions = [
            revision("suspected", at: 500), revision("suppressed", at: 520, revision: 2),
            revision("suspected", at: 1018, id: "b"),
            revision("confirmed", at: 1078, id: "b", revision: 2),
        ]
        #expect(score([fact()], revisions).entrapment.doubled == 0)
        #expect(score([fact()], [revision("suppressed", at: 1010)]).unique == 0, "it is left out")
    }

    /// The branches of an entrapment are one kind, whatever their names.
    @Test(arguments: ["entrapment", "entrapment", "entrapment"])
    func theBranchesOfAnEntrapmentAreOneKind(_ kind: String) {
        let alert = AlertRevision(
            alertID: "a", revision: 1, lift: "1", kind: kind, state: "confirmed", time: 1070,
            holds: 600)
        #expect(score([fact()], [alert]).entrapment.detected == 1)
    }

    @Test func aRevisionThatNeverCameIsLostAndADoubleIsCountedOnce() {
        let card = score(
            [fact()],
            [
                revision("confirmed", at: 1070, revision: 2),
                revision("confirmed", at: 1070, revision: 2),
            ])
        #expect(card.lost == 1 && card.unique == 1 && card.received == 2)
    }

    @Test func cardsOfBuildingsAddUp() {
        var sum = score([fact()], [])
        sum += score([fact()], [revision("confirmed", at: 1070)])
        #expect(
            sum.entrapment.happened == 2 && sum.entrapment.missed == 1 && sum.findings.count == 2)
        #expect(sum.strata.values.reduce(0) { $0 + $1.happened } == 2)
    }
}
