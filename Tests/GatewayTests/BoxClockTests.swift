import Delivery
import LiftModel
import Testing

@testable import Gateway

/// A wrong clock of this box is not blamed on the lifts.
@Suite struct BoxClockTests {
    /// Lifts whose clocks differ so from this box's, beside one that sends no time.
    private func row(_ ahead: [Duration], _ change: (inout Condition) -> Void = { _ in }) -> Check {
        var condition = ConditionTests.well()
        condition.lifts = ahead.enumerated().map {
            Condition.ObservedLift(name: "\($0.offset)", silence: .zero, clockOffset: $0.element)
        }
        condition.lifts.append(Condition.ObservedLift(name: "x", silence: .zero))
        change(&condition)
        return condition.liftClocks
    }

    @Test func whereAllLiftsDifferByTheSameAmountTheyAreOneFindingWithBothCauses() {
        let hours = Duration.seconds(3 * 3600)
        let all = row([hours, hours + .seconds(2), hours + .seconds(1)])
        #expect(
            all.found
                == "all 3 lifts with a clock are 3 h 0 min ahead of this box, by the same amount"
        )
        #expect(
            all.verdict == .failed && all.advice?.hasPrefix("Check 'zone' in the profile") == true
                && all.advice?.contains("timedatectl") == true, "whole hours: a zone comes first")
        let odd = row([.seconds(700), .seconds(702)])
        #expect(odd.advice?.hasPrefix("Check this box's clock") == true, "\(odd)")
        #expect(row([hours, hours, .zero]).found == "0 is 3 h 0 min ahead, 1 is 3 h 0 min ahead")
        #expect(row([hours, hours + .seconds(600)]).found.hasPrefix("0 is 3 h 0 min ahead"))
        #expect(row([hours]).found == "0 is 3 h 0 min ahead", "one lift is no majority")
        let agreeing = row([hours, hours]) { $0.clock.centreOffset = .seconds(1) }
        #expect(agreeing.found.hasPrefix("0 is 3 h"), "the centre's clock clears this box's")
    }

    @Test func aStepOfThisBoxsClockShowsAtOnceThoughTheCentreHasSentItsTimeBefore() {
        var route = DeliveryState.RouteStatus(centre: "c", name: "c/1", url: "https://c")
        // The server's time was right by this box's clock, and then this box was set back.
        let (monotonic, right) = (MonotonicTime(seconds: 50), Instant(seconds: 1_772_409_600))
        route.serverClockLead = right - Instant(nanoseconds: monotonic.nanoseconds)
        func offset(_ wall: Instant, _ later: Duration = .zero) -> Duration? {
            StatusReport.centreOffset([route], wall: wall, monotonic: monotonic + later)
        }
        #expect(offset(right) == .zero)
        #expect(offset(right + .seconds(20), .seconds(20)) == .zero)
        #expect(offset(right - .seconds(3 * 3600)) == .seconds(3 * 3600))
        route.serverClockLead = nil
        #expect(offset(right) == nil)
        let lifts = row([.zero]) {
            $0.clock.isSynchronised = false
            $0.clock.lineOffset = .zero - .seconds(3 * 3600)
            $0.clock.centreOffset = .seconds(3 * 3600)
        }
        #expect(lifts.found == "checked once this box's clock is right")
    }
}
