import LiftModel
import Testing

@testable import Monitoring
@testable import RuleLanguage

/// Extremes, means and rates over a window, on tables of moments.
@Suite struct WindowNumberTests {
    @Test func theSmallestOfTheWindowAndNotTheLargest() throws {
        #expect(
            try verdicts("min(x, 3s) < 2", "0:-,-,5 4:-,-,1 5:-,-,7", until: 20)
                == "0:? 3:F 4:T 8:F")
        #expect(
            try verdicts("max(x, 3s) > 6", "0:-,-,5 4:-,-,1 5:-,-,7 6:-,-,1", until: 20)
                == "0:? 3:F 5:T 9:F")
    }

    @Test func minAndMaxLookOverTheWindow() throws {
        #expect(
            try verdicts("max(x, 3s) >= 5", "0:-,-,1 1:-,-,5 2:-,-,2", until: 20, .complete)
                == "0:F 1:T 5:F")
        #expect(
            try verdicts("min(x, 3s) <= 1", "0:-,-,4 1:-,-,1 2:-,-,3", until: 20, .complete)
                == "0:F 1:T 5:F")
        #expect(try verdicts("max(x, 3s) >= 5", "0:-,-,6", until: 20) == "0:? 3:T")
    }

    @Test func anExtremeIsKnownOnlyOfAWindowThatIs() throws {
        #expect(
            try verdicts("known(max(x, 3s))", "0:-,-,6 5:-,-,? 7:-,-,6", until: 20)
                == "0:F 3:T 5:F 10:T")
        #expect(
            try verdicts("known(min(x, 3s))", "0:-,-,6 5:-,-,? 7:-,-,6", until: 20, .complete)
                == "0:T 5:F 10:T")
    }

    @Test func anEarlierExtremeComesBackWhenTheLaterIsOut() throws {
        #expect(
            try verdicts("max(x, 4s) == 3", "0:-,-,5 1:-,-,3 2:-,-,4 3:-,-,1", until: 20, .complete)
                == "0:F")
        #expect(
            try verdicts("max(x, 4s) == 4", "0:-,-,5 1:-,-,3 2:-,-,4 3:-,-,1", until: 20, .complete)
                == "0:F 5:T 7:F")
    }

    @Test func deltaIsNowMinusThen() throws {
        #expect(
            try verdicts("delta(x, 3s) >= 2", "0:-,-,1 2:-,-,3", until: 20, .complete)
                == "0:F 2:T 5:F")
        #expect(try verdicts("delta(x, 3s) >= 2", "0:-,-,1 2:-,-,3", until: 20) == "0:? 3:T 5:F")
        #expect(try verdicts("delta(x, 3s) == 0", "0:-,-,1", until: 20, .complete) == "0:T")
    }

    @Test func rateIsThatPerSecond() throws {
        #expect(
            try verdicts("rate(x, 4s) >= 0.5", "0:-,-,1 2:-,-,3", until: 20, .complete)
                == "0:F 2:T 6:F")
        #expect(try verdicts("rate(x, 4s) < 0", "0:-,-,3 2:-,-,1", until: 20) == "0:? 4:T 6:F")
    }

    @Test func aRateIsItsDeltaDividedByTheWindow() throws {
        #expect(
            try verdicts("rate(x, 4s) == 0.5", "0:-,-,1 2:-,-,3", until: 20, .complete)
                == "0:F 2:T 6:F")
        #expect(
            try verdicts(
                "rate(x, 4s) * 4 == delta(x, 4s)", "0:-,-,1 2:-,-,3 3:-,-,8", until: 20, .complete)
                == "0:T")
    }

    @Test func aShortWindowMakesASteepRate() throws {
        #expect(
            try verdicts("rate(x, 500ms) == 4", "0:-,-,1 2:-,-,3", until: 9, .complete)
                == "0:F 2:T 2.5:F")
    }

    @Test func aFallingRateIsNegative() throws {
        #expect(
            try verdicts("rate(x, 2s) == -1", "0:-,-,3 2:-,-,1", until: 9, .complete)
                == "0:F 2:T 4:F")
    }

    @Test func aMeanThatIsExactlyTheLimitIsNotBelowIt() throws {
        #expect(try verdicts("avg(x, 2s) < 5", "0:-,-,5", until: 9, .complete) == "0:F")
        #expect(try verdicts("avg(x, 2s) >= 5", "0:-,-,5", until: 9, .complete) == "0:T")
    }

    @Test func aMeanThatIsExactlyTheLimitIsNotAboveItEither() throws {
        #expect(try verdicts("avg(x, 2s) > 5", "0:-,-,5", until: 9, .complete) == "0:F")
        #expect(
            try verdicts("avg(x, 2s) < 5", "0:-,-,0 1:-,-,10", until: 9, .complete) == "0:T 2:F")
    }

    @Test func aRateOfAnUnknownIsUnknown() throws {
        #expect(
            try verdicts("known(rate(x, 2s))", "0:-,-,1 5:-,-,? 6:-,-,1", until: 20)
                == "0:F 2:T 5:F 6:T 7:F 8:T")
    }

    @Test func theMeanCrossesItsLimitBetweenInputs() throws {
        // From 0 to 10 over a window of 10 s: above 5 after five seconds and a nanosecond.
        #expect(
            try verdicts("avg(x, 10s) > 5", "0:-,-,0 10:-,-,10", until: 40, .complete)
                == "0:F 15.000000001:T")
        #expect(
            try verdicts("avg(x, 10s) >= 5", "0:-,-,0 10:-,-,10", until: 40, .complete)
                == "0:F 15:T")
        #expect(
            try verdicts("avg(x, 10s) < 5", "0:-,-,0 10:-,-,10 20:-,-,0", until: 40, .complete)
                == "0:T 15:F 25.000000001:T")
    }

    @Test func theMeanOfAClippedWindowIsOverWhatThereIs() throws {
        #expect(try verdicts("avg(x, 10s) > 2", "0:-,-,3", until: 20, .complete) == "0:T")
        #expect(try verdicts("avg(x, 10s) > 2", "0:-,-,3", until: 20) == "0:? 10:T")
    }

    @Test func theMeanIsUnknownWhilePartOfItsWindowIs() throws {
        #expect(
            try verdicts("avg(x, 2s) > 2", "0:-,-,3 5:-,-,? 6:-,-,3", until: 20)
                == "0:? 2:T 5:? 8:T")
    }
}
