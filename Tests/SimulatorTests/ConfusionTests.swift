import Testing

@testable import City
@testable import Scoring

@Suite struct ConfusionTests {
    private func fact(_ kind: String, _ lift: String = "1", from: Double = 100, to: Double = 200)
        -> TruthRow
    {
        TruthRow(kind: kind, lift: lift, start: from, decidable: from, end: to)
    }
    private func alert(
        _ kind: String, _ lift: String = "1", at time: Double = 150, _ state: String = "raised"
    )
        -> AlertRevision
    {
        AlertRevision(
            alertID: "\(kind)\(lift)\(time)", revision: 1, lift: lift, kind: kind, state: state,
            time: time, holds: 10)
    }
    private func confusion(_ truth: [TruthRow], _ alerts: [AlertRevision]) -> [String: [String:
        Int]]
    {
        Confusion(
            truth: truth, alerts: alerts, isJudged: ["entrapment", "door", "silent"].contains,
            grace: 5
        ).counts
    }

    @Test func anEpisodeDetectedAsItsOwnKindIsOnTheDiagonal() {
        #expect(
            confusion(
                [fact("entrapment"), fact("door")],
                [alert("entrapment", .init("1"), at: 150, "confirmed"), alert("door")])
                == ["entrapment": ["entrapment": 1], "door": ["door": 1]])
    }

    @Test func whatALiftIsFittedWithIsNothingThatHappened() {
        #expect(confusion([fact("lift")], [alert("door")]) == ["nothing": ["door": 1]])
    }

    @Test func anUndetectedEpisodeIsInTheColumnNothing() {
        #expect(
            confusion([fact("door")], [alert("door", "2")]) == [
                "door": ["nothing": 1], "nothing": ["door": 1],
            ])
        #expect(
            confusion([fact("entrapment")], [alert("entrapment", "1", at: 150, "suspected")]) == [
                "entrapment": ["nothing": 1]
            ])
    }

    @Test func oneTakenForAnotherStandsInItsRow() {
        #expect(
            confusion([fact("silent")], [alert("entrapment", "1", at: 150, "confirmed")]) == [
                "silent": ["nothing": 1, "entrapment": 1]
            ])
        #expect(
            confusion([fact("nuisance.parcel")], [alert("door")]) == [
                "nuisance.parcel": ["door": 1]
            ])
    }

    @Test func kindsThatTheTruthIsSilentAboutArePassedOver() {
        #expect(confusion([], [alert("inspection")]) == [:])
    }
}
