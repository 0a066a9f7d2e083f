import LiftModel
import Testing

@testable import Monitoring

/// Counts at a number, such as a landing, and counts by the day.
@Suite struct CountTests {
    @Test func countAtANumberCountsWhatCameWhileItWasWhatItIsNow() throws {
        #expect(
            try verdicts(
                "count(rise(p), 10s, x) >= 2",
                "0:F,-,1 1:T,-,1 2:F,-,2 3:T,-,2 4:F,-,1 5:T,-,1 6:T,-,2 7:T,-,1",
                until: 20, .complete) == "0:F 5:T 6:F 7:T 11:F")
        #expect(
            try verdicts(
                "count(rise(p), 9s, x) >= 2",
                "0:F,-,up 1:T,-,up 2:F,-,down 3:T,-,down 4:F,-,down 5:T,-,down")
                == "0:? 5:T")
        #expect(
            try verdicts(
                "count(rise(p), 9s, x) < 2", "0:F,-,1 1:T,-,1 2:F,-,1 3:T,-,1", until: 20, .complete
            )
                == "0:T 3:F 10:T")
    }

    @Test func anUnknownNumberMakesACountAtItUnknown() throws {
        #expect(
            try verdicts(
                "count(rise(p), 10s, x) >= 2", "0:F,-,1 1:T,-,1 2:F,-,1 3:T,-,? 4:F,-,1", until: 20,
                .complete)
                == "0:F 3:? 11:F", "what came at an unknown floor may have come at this one")
        #expect(
            try verdicts(
                "count(rise(p), 10s, x) >= 2", "0:F,-,? 1:T,-,? 2:F,-,? 3:T,-,?", .complete)
                == "0:?")
    }

    @Test func ofMoreThanSixteenPointsTheOldestIsForgottenAndNotDenied() throws {
        let points = (0..<17).map { "\(2 * $0 + 1):T,-,\($0 < 2 ? 1 : 2) \(2 * $0 + 2):F" }.joined(
            separator: " ")
        func over(_ n: Int) throws -> String {
            try verdicts(
                "count(rise(p), 100s, x) >= \(n)", "0:F,-,1 \(points) 40:F,-,1", until: 110,
                .complete)
        }
        #expect(try over(2) == "0:F 3:T 5:F 7:T 40:? 101:F")
        #expect(try over(1).hasSuffix("T 103:F"), "what is remembered still counts")
    }

    @Test func todayCountsFromMidnight() throws {
        let rows = "0:F 100:T 200:F 300:T 400:F 86399:T 86400:F"
        #expect(try verdicts("today(rise(p)) >= 2", rows, until: 90_000) == "0:F 300:T 86400:F")
        #expect(try verdicts("today(rise(p)) == 3", rows, until: 90_000) == "0:F 86399:T 86400:F")
        #expect(
            try verdicts("today(rise(p)) >= 2", "1000:F 1100:T 1200:F 1300:T", until: 90_000)
                == "1000:? 86400:F")
        #expect(
            try verdicts(
                "today(rise(p)) >= 2", "1000:F 1100:T 1200:F 1300:T", until: 90_000, .complete)
                == "1000:F 1300:T 86400:F")
    }

    @Test func aPointThatIsUnknownMakesItsDayUnknown() throws {
        let rows = "0:F,T 10:T,? 20:F,T 30:T,T 86410:F,T 86420:T,T"
        #expect(
            try verdicts("today(rise(p) and q) >= 1", rows, until: 90_000)
                == "0:F 10:? 86400:F 86420:T")
        #expect(
            try verdicts("usual(rise(p) and q, 2d) == 1", rows, until: 180_000) == "0:? 172800:T")
    }

    /// This many points on each day.
    private func days(_ counts: Int...) -> String {
        counts.enumerated().reduce("0:F") { rows, day in
            (0..<day.element).reduce(rows) {
                "\($0) \(day.offset * 86_400 + $1 * 100 + 10):T \(day.offset * 86_400 + $1 * 100 + 60):F"
            }
        }
    }

    @Test func usualIsTheMeanOfTheDaysBeforeThatHadAPoint() throws {
        #expect(
            try verdicts("usual(rise(p), 2d) == 3", days(2, 4, 0, 3), until: 7 * 86_400)
                == "0:? 86400:F 172800:T 259200:F 345600:T 518400:?")
        #expect(
            try verdicts("usual(rise(p), 2d) == 4.5", days(4, 5, 9), until: 200_000)
                == "0:? 86400:F 172800:T")
    }

    @Test func usualIsUnknownWhileFewerThanHalfOfItsDaysAre() throws {
        #expect(
            try verdicts("known(usual(rise(p), 3d))", days(1, 1), until: 5 * 86_400)
                == "0:F 172800:T 345600:F")
        #expect(
            try verdicts("known(usual(rise(p), 4d))", days(1, 0, 1), until: 5 * 86_400)
                == "0:F 259200:T 432000:F")
    }

    @Test func aDayMayBeComparedWithTheUsualOne() throws {
        #expect(
            try verdicts(
                "today(rise(p)) > 2 * usual(rise(p), 2d)", days(1, 2, 4), until: 3 * 86_400)
                == "0:? 86400:F 173110:T 259200:F")
    }
}
