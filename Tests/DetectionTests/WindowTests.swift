import LiftModel
import Testing

@testable import Monitoring
@testable import RuleLanguage

/// Stretches, windows, last values and answers in time, on tables of moments.
@Suite struct WindowTests {
    // MARK: Windows

    @Test func aStretchOfTheConditionThatEndsForgetsWhatItHeld() throws {
        #expect(try verdicts("since(p, q)", "0:T,T 1:F,F 2:T,F", until: 20, .complete) == "0:T 1:F")
        #expect(
            try verdicts("since(p, q, 5s..)", "0:T,T 3:F,F 4:T,F", until: 20, .complete) == "0:F")
    }

    @Test func anEndedStretchForgetsWithinAWindowToo() throws {
        #expect(
            try verdicts("since(p, q, 5s)", "0:T,T 1:T,F 2:F,F 3:T,F", until: 20, .complete)
                == "0:T 2:F")
    }

    @Test func anEndedStretchForgetsPointsToo() throws {
        #expect(
            try verdicts("since(p, rise(q), 5s)", "0:T,F 1:T,T 2:F,T 3:T,T", until: 20, .complete)
                == "0:F 1:T 2:F")
    }

    @Test func theUpperEndIsHowLongAStretchIsRemembered() throws {
        #expect(
            try verdicts("once(p, 2s..9s)", "0:F 1:T 2:F", until: 20, .complete) == "0:F 3:T 11:F")
        #expect(
            try verdicts("held(p, 2s..9s)", "0:T 1:F 2:T", until: 20, .complete) == "0:T 3:F 11:T")
    }

    @Test func aWindowWithALowerEndLooksFurtherBack() throws {
        #expect(
            try verdicts("once(p, 3s..5s)", "0:F 2:T 4:F", until: 20, .complete) == "0:F 5:T 9:F")
        #expect(
            try verdicts("held(p, 3s..5s)", "0:T 10:F 12:T", until: 30, .complete)
                == "0:T 13:F 17:T")
        #expect(
            try verdicts("since(p, q, 3s..5s)", "0:T,F 2:T,T 4:T,F", until: 20, .complete)
                == "0:F 5:T 9:F")
        #expect(
            try verdicts("since(p, q, 3s..5s)", "0:T,F 2:T,T 4:T,F 6:F,F", until: 20, .complete)
                == "0:F 5:T 6:F")
    }

    @Test func aWindowWithoutAnUpperEndReachesToTheStart() throws {
        #expect(try verdicts("once(p, 5s..)", "0:F 2:T 4:F", until: 20, .complete) == "0:F 7:T")
        #expect(try verdicts("held(p, 5s..)", "0:T 4:F 6:T", until: 20, .complete) == "0:T 9:F")
        #expect(
            try verdicts("since(p, q, 5s..)", "0:T,F 2:T,T 3:T,F 12:F,F", until: 20, .complete)
                == "0:F 7:T 12:F")
    }

    @Test func aWindowThatReachesIntoThePastIsUnknownThere() throws {
        #expect(try verdicts("once(p, 3s..5s)", "0:F", until: 20) == "0:? 5:F")
        #expect(try verdicts("held(p, 3s..5s)", "0:T", until: 20) == "0:? 5:T")
        #expect(try verdicts("once(p, 5s..)", "0:F", until: 20) == "0:? 5:F")
    }

    @Test func aWindowOfOneLengthIsADelay() throws {
        #expect(
            try verdicts("once(p, 3s..3s)", "0:F 1:T 2:F 4:T", until: 20, .complete)
                == "0:F 4:T 5:F 7:T")
        #expect(try verdicts("once(p, 0s..0s)", "0:F 1:T 2:F") == "0:F 1:T 2:F")
        #expect(try verdicts("since(p, q, 0s..0s)", "0:F,T 1:T,F") == "0:T 1:F")
    }

    @Test func theWorkbenchGrowsItsWindowsAsTheyNeed() throws {
        // A hundred stretches wait in one window.
        let rows = (0..<200).map { "\($0):\($0 % 2 == 0 ? "T" : "F")" }.joined(separator: " ")
        #expect(
            try verdicts("once(p, 500s..500s)", rows, until: 600, .complete).split(separator: " ")
                .count == 102)
    }

    // MARK: Last values and ages

    @Test func previousIsTheValueBeforeTheLatestChange() throws {
        #expect(try verdicts("previous(p)", "0:T 1:F 2:T") == "0:? 1:T 2:F")
        #expect(try verdicts("previous(p)", "0:T 1:? 2:F") == "0:? 2:T")
        #expect(
            try verdicts("previous(x) == 1", "0:-,-,1 1:-,-,2 2:-,-,2 3:-,-,3") == "0:? 1:T 3:F")
    }

    @Test func previousOfAnUnchangedValueStaysUnknown() throws {
        #expect(try verdicts("known(previous(x))", "0:-,-,1 5:-,-,1 9:-,-,2") == "0:F 9:T")
    }

    @Test func ageCountsFromTheLastMessage() throws {
        #expect(try verdicts("age(p) >= 3s", "0:T 2:T 9:-", until: 20) == "0:F 5:T")
        #expect(try verdicts("age(p) < 3s", "0:T 2:T", until: 20) == "0:T 5:F")
        #expect(try verdicts("3s <= age(p)", "0:T 2:T", until: 20) == "0:F 5:T")
    }

    @Test func olderThanIsOneNanosecondMoreThanAsOldAs() throws {
        #expect(try verdicts("age(p) > 3s", "0:T", until: 20) == "0:F 3.000000001:T")
    }

    @Test func latchedStaysUntilReset() throws {
        #expect(
            try verdicts("latched(p, q)", "0:F,F 1:T,F 2:F,F 5:F,T 6:F,F", .complete)
                == "0:F 1:T 5:F")
        #expect(try verdicts("latched(p, q)", "0:F,F 1:T,F 2:F,F 5:F,T") == "0:? 1:T 5:F")
    }

    @Test func inATieThatLastsSetWins() throws {
        #expect(try verdicts("latched(p, q)", "0:T,T 2:F,T", .complete) == "0:T 2:F")
        #expect(try verdicts("latched(rise(p), q)", "0:F,F 1:T,T 2:T,F", .complete) == "0:F")
    }

    @Test func whatMayHaveSetALatchLeavesItUnknown() throws {
        #expect(
            try verdicts("latched(p, q)", "0:F,F 1:?,F 2:F,F 5:F,T", .complete) == "0:F 1:? 5:F")
    }

    // MARK: Question and answer

    @Test func notFollowedBecomesTrueByTimeAlone() throws {
        #expect(
            try verdicts("not_followed(p, q, 3s)", "0:F,F 1:T,F 8:T,T", until: 20) == "0:F 4:T 8:F")
        #expect(try verdicts("not_followed(p, q, 3s)", "0:F,F 1:T,F 3:T,T", until: 20) == "0:F")
    }

    @Test func anAnswerAtTheVeryEndOrAtOnceIsInTime() throws {
        #expect(try verdicts("not_followed(p, q, 3s)", "0:F,F 1:T,F 4:T,T", until: 20) == "0:F")
        #expect(try verdicts("not_followed(p, q, 3s)", "0:F,F 1:T,T", until: 20) == "0:F")
    }

    @Test func thenIsThePointAtWhichTheSecondComesInTime() throws {
        #expect(
            try verdicts("once(then(p, q, 3s), 2s)", "0:F,F 1:T,F 3:T,T", until: 20, .complete)
                == "0:F 3:T 5:F")
        #expect(
            try verdicts("once(then(p, q, 3s), 2s)", "0:F,F 1:T,F 5:T,T", until: 20, .complete)
                == "0:F")
    }

    @Test func exactlyInTimeIsInTime() throws {
        #expect(
            try verdicts("once(then(p, q, 3s), 2s)", "0:F,F 1:T,F 4:T,T", until: 20, .complete)
                == "0:F 4:T 6:F")
    }

    @Test func aMomentTooLateIsTooLate() throws {
        #expect(
            try verdicts("once(then(p, q, 3s), 2s)", "0:F,F 1:T,F 4.5:T,T", until: 20, .complete)
                == "0:F")
    }
}
