import LiftModel
import Testing

@testable import RuleLanguage
@testable import RuleTools

/// Each clause of the rule language on a trace small enough to check by eye.
@Suite struct OperatorTests {
    @Test func logicIsKleenes() throws {
        #expect(try verdicts("p and q", "0:F,? 1:?,F 2:T,? 3:T,T") == "0:F 2:? 3:T")
        #expect(try verdicts("p or q", "0:T,? 1:F,? 2:F,F") == "0:T 1:? 2:F")
        #expect(try verdicts("not p", "0:? 1:T 2:F") == "0:? 1:F 2:T")
        #expect(try verdicts("p implies q", "0:F,? 1:T,F 2:T,T") == "0:T 1:F 2:T")
    }

    @Test func knownAndPossiblySpeakOfNotKnowing() throws {
        #expect(try verdicts("known(p)", "0:? 1:F 2:?") == "0:F 1:T 2:F")
        #expect(try verdicts("possibly(p)", "0:? 1:F 2:T") == "0:T 1:F 2:T")
        #expect(try verdicts("known(x)", "0:-,-,3 1:-,-,?") == "0:T 1:F")
    }

    @Test func lastKeepsTheValueFromBeforeItWentStale() throws {
        #expect(try verdicts("last(p)", "0:? 1:T 2:? 3:F 4:?") == "0:? 1:T 3:F")
        #expect(try verdicts("last(x) > 2", "0:-,-,3 1:-,-,? 2:-,-,1") == "0:T 2:F")
    }

    @Test func heldOverAWindowIsTrueExactlyWhenTheWindowIsFull() throws {
        #expect(try verdicts("held(p, 3s)", "0:T", until: 10) == "0:? 3:T")
        #expect(try verdicts("held(p, 3s)", "0:F 5:T 7:F 8:T", until: 20) == "0:F 11:T")
    }

    @Test func anUnknownMomentInTheWindowMakesHeldUnknown() throws {
        #expect(try verdicts("held(p, 3s)", "0:F 5:T 6:? 7:T", until: 20) == "0:F 8:? 10:T")
    }

    @Test func onceOverAWindowEndsExactlyAWindowAfter() throws {
        #expect(try verdicts("once(p, 3s)", "0:F 5:T 6:F", until: 20) == "0:? 3:F 5:T 9:F")
    }

    @Test func withACompleteHistoryNothingHappenedBeforeTheFirstRow() throws {
        #expect(try verdicts("held(p, 3s)", "0:T", until: 10, .complete) == "0:T")
        #expect(try verdicts("once(p, 3s)", "0:F 5:T 6:F", until: 20, .complete) == "0:F 5:T 9:F")
        #expect(try verdicts("once(p)", "0:F 5:T 6:F", until: 20, .complete) == "0:F 5:T")
    }

    @Test func unboundedFormsSpeakOfTheInstantsAtWhichTheOperandWasKnown() throws {
        #expect(try verdicts("once(p)", "0:? 1:F 2:? 3:T 4:F") == "0:? 1:F 3:T")
        #expect(try verdicts("held(p)", "0:? 1:T 2:? 3:F 4:T") == "0:? 1:T 3:F")
    }

    @Test func sinceNeedsItsConditionFromTheStartOn() throws {
        #expect(try verdicts("since(p, q)", "0:F,F 1:T,T 2:T,F 3:F,F 4:T,F") == "0:F 1:T 3:F")
        #expect(try verdicts("since(p, rise(q))", "0:T,F 1:T,T 2:T,F 3:F,F 4:T,F") == "0:F 1:T 3:F")
        // p was false while q was true, so nothing begins at q's end.
        #expect(try verdicts("since(p, q)", "0:F,T 5:T,F") == "0:T 5:F")
    }

    @Test func anEdgeIsSomethingSeen() throws {
        #expect(
            try verdicts("once(rise(p), 2s)", "0:F 5:T 6:F", until: 20, .complete) == "0:F 5:T 7:F")
        #expect(try verdicts("once(rise(p), 2s)", "0:? 5:T", until: 20, .complete) == "0:F")
        #expect(try verdicts("once(fall(p), 2s)", "0:T 5:F", until: 20, .complete) == "0:F 5:T 7:F")
        #expect(
            try verdicts("once(changes(x), 2s)", "0:-,-,1 5:-,-,2 6:-,-,2", until: 20, .complete)
                == "0:F 5:T 7:F")
    }

    @Test func countIsTrueAtTheNthAndForgetsThePast() throws {
        #expect(
            try verdicts("count(rise(p), 10s) >= 2", "0:F 1:T 2:F 3:T 4:F", until: 20, .complete)
                == "0:F 3:T 11:F")
        #expect(
            try verdicts("count(rise(p), 10s) >= 2", "0:F 1:T 2:F 3:T 4:F", until: 20)
                == "0:? 3:T 11:F")
        #expect(
            try verdicts("count(rise(p), 10s) < 2", "0:F 1:T 2:F 3:T 4:F", until: 20, .complete)
                == "0:T 3:F 11:T")
        #expect(
            try verdicts("count(rise(p), 10s) == 1", "0:F 1:T 2:F 3:T 4:F", until: 20, .complete)
                == "0:F 1:T 3:F 11:T 13:F")
    }

    @Test func silentBecomesTrueWithoutInput() throws {
        #expect(try verdicts("silent(3s)", "0:T 5:T", until: 20) == "0:F 3:T 5:F 8:T")
    }

    @Test func aWindowOfZeroIsNow() throws {
        #expect(try verdicts("held(p, 0s)", "0:F 1:T 2:F") == "0:F 1:T 2:F")
    }

    @Test func comparisonsTakeNumbersAndNames() throws {
        #expect(try verdicts("x >= 2 and x < 4", "0:-,-,1 1:-,-,2 2:-,-,4") == "0:F 1:T 2:F")
        #expect(try verdicts("2 * x - 1 == 3", "0:-,-,1 1:-,-,2") == "0:F 1:T")
        #expect(try verdicts("x / 0 > 1", "0:-,-,1") == "0:?")
    }

    @Test func theOrderOfASubtractionCounts() throws {
        #expect(try verdicts("x - y > 0", "0:-,-,1,2 1:-,-,2,1 2:-,-,2,2") == "0:F 1:T 2:F")
    }

    @Test func equalPrecedenceGroupsFromTheLeft() throws {
        #expect(try verdicts("10 - x - y == 5", "0:-,-,2,3 1:-,-,3,2 2:-,-,1,1") == "0:T 2:F")
        #expect(try verdicts("16 / x / y == 2", "0:-,-,4,2 1:-,-,8,1 2:-,-,1,1") == "0:T 2:F")
    }

    @Test func aDivisionByZeroIsUnknownAndNotInfinite() throws {
        #expect(try verdicts("x / y > 1", "0:-,-,4,0 1:-,-,4,2 2:-,-,0,0") == "0:? 1:T 2:?")
    }

    @Test func whatIsDividedByZeroMayBeAnything() throws {
        #expect(try verdicts("known(x / y)", "0:-,-,4,0 1:-,-,4,2 2:-,-,0,0") == "0:F 1:T 2:F")
        #expect(try verdicts("possibly(x / y > 1)", "0:-,-,-4,0 1:-,-,-4,2") == "0:T 1:F")
    }

    @Test func rowsOutOfOrderAreJudgedAsIfTheyHadComeInOrder() throws {
        #expect(try verdicts("held(p, 3s)", "5:T 0:F 7:F 8:T", until: 20) == "0:F 11:T")
    }

    @Test func pointsJoinAsConditionsDo() throws {
        #expect(
            try verdicts("once(rise(p) or rise(q), 1s)", "0:F,F 2:T,F 5:T,T", until: 9, .complete)
                == "0:F 2:T 3:F 5:T 6:F")
        #expect(
            try verdicts("count(rise(p) or fall(p), 9s) >= 2", "0:F 2:T 4:F", until: 9, .complete)
                == "0:F 4:T")
    }

    @Test func everyChangeIsAPointWhicheverWay() throws {
        #expect(
            try verdicts("once(changes(p), 1s)", "0:F 2:T 5:F 7:?", until: 9, .complete)
                == "0:F 2:T 3:F 5:T 6:F")
        #expect(
            try verdicts("changes(p, 9s) == 2", "0:F 2:T 4:F", until: 9, .complete) == "0:F 4:T")
    }

    @Test func lastOfWhatWasNeverKnownIsUnknown() throws {
        #expect(try verdicts("last(p)", "0:? 1:? 2:T 3:?") == "0:? 2:T")
        #expect(try verdicts("last(p) and q", "0:T,T 1:?,T 2:?,F") == "0:T 2:F")
    }

    @Test func previousOfANumberIsItsLastOtherValue() throws {
        #expect(
            try verdicts("previous(x) < x", "0:-,-,1 1:-,-,2 2:-,-,? 3:-,-,0") == "0:? 1:T 2:? 3:F")
    }

    @Test func previousMovesOnWithEveryChange() throws {
        #expect(
            try verdicts("previous(x) == 2", "0:-,-,1 1:-,-,2 2:-,-,3 3:-,-,4") == "0:? 1:F 2:T 3:F"
        )
        #expect(
            try verdicts("x - previous(x) == 1", "0:-,-,1 1:-,-,2 2:-,-,3 3:-,-,9") == "0:? 1:T 3:F"
        )
    }

    @Test func previousOfAConditionIsItsOpposite() throws {
        #expect(try verdicts("previous(p) and not p", "0:T 1:F 2:T 3:F") == "0:F 1:T 2:F 3:T")
    }

    // MARK: Codes

    @Test func aCodeIsAskedForAmongThoseActive() throws {
        #expect(
            try verdicts("\"04\" in p", "0:[] 1:[04] 2:[04+90] 3:[90] 4:?") == "0:F 1:T 3:F 4:?")
    }

    @Test func anyOfSeveralCodesIsEnough() throws {
        #expect(
            try verdicts("any(\"04\", \"90\") in p", "0:[] 1:[04] 2:[03] 3:[90] 4:[04+90]")
                == "0:F 1:T 2:F 3:T")
    }

    @Test func someOfSeveralCodesAreAnyAndNotAll() throws {
        let some = "any(\"04\", \"90\") in p and not all(\"04\", \"90\") in p"
        #expect(try verdicts(some, "0:[] 1:[04] 2:[04+90] 3:[90+03]") == "0:F 1:T 2:F 3:T")
    }

    @Test func allOfSeveralCodesAreNeeded() throws {
        #expect(
            try verdicts("all(\"04\", \"90\") in p", "0:[] 1:[04] 2:[04+90] 3:[03+90]")
                == "0:F 2:T 3:F")
    }

    // MARK: Values

    @Test func namesMayBeBareOrQuotedAndOnEitherSide() throws {
        #expect(try verdicts("x == open", "0:-,-,open 1:-,-,shut") == "0:T 1:F")
        #expect(try verdicts("x == \"open\"", "0:-,-,open 1:-,-,shut") == "0:T 1:F")
        #expect(try verdicts("\"open\" != x", "0:-,-,open 1:-,-,shut") == "0:F 1:T")
        #expect(
            try verdicts("x in {open, \"ajar\"}", "0:-,-,open 1:-,-,shut 2:-,-,ajar")
                == "0:T 1:F 2:T")
        #expect(try verdicts("x == y", "0:-,-,open,shut 1:-,-,shut,shut") == "0:F 1:T")
    }

    @Test func numbersMayBeAskedForInASet() throws {
        #expect(try verdicts("x in {1, 3}", "0:-,-,1 1:-,-,2 2:-,-,3 3:-,-,?") == "0:T 1:F 2:T 3:?")
    }

    @Test func everyNumberOfASetCounts() throws {
        for (i, n) in [1, 3, 5].enumerated() {
            #expect(try verdicts("x in {1, 3, 5}", "0:-,-,\(n)") == "0:T", "the \(i + 1)th")
        }
        #expect(try verdicts("x in {1, 3, 5}", "0:-,-,2") == "0:F")
    }

    @Test func aSetMayBeDenied() throws {
        #expect(try verdicts("not (x in {1, 3})", "0:-,-,1 1:-,-,2") == "0:F 1:T")
    }

    @Test func ofTwoRowsAtOneTimeTheLaterWins() throws {
        #expect(try verdicts("once(p, 5s)", "0:F 1:T 1:F", until: 20, .complete) == "0:F")
    }

    @Test func rowsBeyondTheLatenessAreLeftOutAndCounted() throws {
        var trace = try ExpressionTrace("p", lateness: .seconds(2))
        let p = try trace.column(named: "p")!
        for (second, flag) in [(0, true), (10, false), (9, true), (5, true)] as [(Int64, Bool)] {
            if trace.beginRow(second * 1_000_000_000) { try trace.add(p, flag) }
        }
        #expect(trace.lateRows == 1)
        #expect(try trace.verdicts(history: .complete).map(\.value) == [true, false])
    }

    @Test(arguments: [
        ("held(p, 3)", 8, "expected a duration"), ("p and", 5, "found the end"),
        ("p q", 2, "expected an operator or the end"),
        ("x", 0, "expected a condition"), ("p > 2", 4, "expected a condition"),
        ("once(z, 3s)", 5, "not a signal"),
        ("held(rise(p), 3s)", 5, "point in time"), ("rise(p) or q", 11, "cannot join"),
        ("3x > 2", 0, "neither a number"),
        ("count(rise(p), 3s, q) >= 2", 19, "expected a number"),
        ("count(rise(p), 3s, x) >= 16", 25, "from 0 to 15"),
        ("today(p) > 1", 6, "Write rise(condition)"),
        ("usual(rise(p), 36h) > 1", 15, "expected whole days"),
        ("usual(rise(p), 29d) > 1", 15, "from 1d to 28d"),
        ("usual(rise(p)) > 1", 0, "found 1 arguments"),
        ("hold(p, 3s)", 0, "Did you mean 'held'"),
        ("count(rise(p), 3s)", 0, "compare it with a bound"),
    ])
    func aMistakeIsReportedWithItsLocation(_ expression: String, _ offset: Int, _ fragment: String)
        throws
    {
        let error = #expect(throws: ExpressionError.self) { try verdicts(expression, "0:T,T,1") }
        #expect(error?.offset == offset)
        #expect(error?.message.contains(fragment) == true, "\(error?.message ?? "")")
    }

    @Test func hostileNestingIsRefused() {
        let deep = String(repeating: "(", count: 5000) + "p" + String(repeating: ")", count: 5000)
        #expect(throws: ExpressionError.self) { try verdicts(deep, "0:T") }
        #expect(throws: ExpressionError.self) {
            try verdicts(String(repeating: "not ", count: 5000) + "p", "0:T")
        }
    }
}
