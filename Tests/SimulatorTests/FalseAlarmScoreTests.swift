import Testing

@testable import City
@testable import Scoring

/// Alerts while nobody is trapped: false, cautious, or by a sensor that errs.
@Suite struct FalseAlarmScoreTests: ScoreExamples {
    @Test func anAlertThatGoesOnFalselyIsFalse() {
        let revisions = [
            revision("confirmed", at: 1070), revision("cleared", at: 2010, revision: 2),
            revision("confirmed", at: 6000, revision: 3),
            revision("confirmed", at: 6180, revision: 4),
            revision("cleared", at: 6500, revision: 5),
        ]
        let card = score([fact()], revisions)
        #expect(card.entrapment.detected == 1 && card.entrapment.falseAlarms == 1)
        #expect(card.findings.contains { $0.verdict == .falseAlarm && $0.time == 6000 })
    }

    /// A rescuer who is sent to an empty lift goes in vain, whether that could be known or not:
    /// cautious alerts are in the bound.
    @Test func nobodyTrappedMakesItFalseAlsoWhereTheCarWasInDoubt() {
        let plain = score([], [revision("confirmed", at: 500)])
        #expect(
            plain.entrapment.falseAlarms == 1 && plain.entrapment.cautious == 0 && !plain.isGood)
        let doubt = score(
            [fact("stuck_unknown", from: 400, to: 600)], [revision("confirmed", at: 500)])
        #expect(doubt.entrapment.falseAlarms == 1 && doubt.entrapment.cautious == 1)
        #expect(!doubt.isGood, "nothing had broken")
        let broken = score(
            [fact("stuck_unknown", from: 400, to: 600), fact("breakdown", from: 400, to: 400)],
            [revision("confirmed", at: 500)])
        #expect(broken.entrapment.falseAlarms == 1 && broken.isGood, "the car really was shut")
    }

    /// A sensor showed an occupant: as false as any other, and counted apart.
    @Test func falseAlertsByAnErringSensorAreCountedApart() {
        func misled(_ sensor: String, sunUntil end: Double = 0) -> Int {
            var lift = fact("lift", from: 0, to: 10_000)
            lift.sensor = sensor
            let sun = fact("nuisance.bad_sensor", from: 100, to: end)
            let score = score([lift] + (end > 0 ? [sun] : []), [revision("confirmed", at: 900)])
                .entrapment
            #expect(score.falseAlarms == 1)
            return score.misled
        }
        #expect(misled("truthful") == 0 && misled("missing") == 0)
        #expect(misled("erring") == 1 && misled("lagging") == 1)
        #expect(misled("truthful", sunUntil: 700) == 1 && misled("truthful", sunUntil: 500) == 0)
    }

    @Test func suspicionsOfNobodyAreCountedAndThoseOfASilenceApart() {
        let plain = score([], [revision("suspected", at: 500)]).entrapment
        #expect(
            plain.suspectedFalsely == 1 && plain.suspectedCautiously == 0 && plain.falseAlarms == 0)
        for doubt in ["stuck_unknown", "silent_in_use"] {
            let uncertain = score(
                [fact(doubt, from: 400, to: 600)], [revision("suspected", at: 500)]
            ).entrapment
            #expect(uncertain.suspectedFalsely == 1 && uncertain.suspectedCautiously == 1)
        }
    }

    @Test func aSilenceExcusesNoConfirmation() {
        let silence = score(
            [fact("silent_in_use", from: 400, to: 600)], [revision("confirmed", at: 500)]
        ).entrapment
        #expect(silence.falseAlarms == 1 && silence.cautious == 0)
    }

    @Test func falseOnesStandInTheStratumOfTheirLift() {
        var lift = fact("lift", from: 0, to: 10_000)
        (lift.sensor, lift.network) = ("stuck", "lossy")
        let card = score([lift], [revision("confirmed", at: 500)])
        #expect(
            card.strata(by: \.network).first?.score.falseAlarms == 1
                && card.strata(by: \.network).first?.name == "lossy")
        #expect(card.stuck.falseAlarms == 1 && card.entrapment.falseAlarms == 0)
        #expect(card.strata(by: \.cause).isEmpty)
    }
}
