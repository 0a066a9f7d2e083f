import LiftModel
import Testing

@testable import MQTT

/// The log lines of a failing connection. The test sets the time.
@Suite struct TroubleLogTests {
    @Test func eachReasonIsSaidOnceAndAgainAfterTenMinutesWithHowManyWereNot() {
        var log = TroubleLog()
        #expect(
            log.line("nothing listens on b:1.", nextIn: .milliseconds(250), at: .boot)
                == "nothing listens on b:1. Next attempt in 0.3 s.")
        log.note("its certificate has expired.", at: .boot)
        for second in 1...100 {
            #expect(
                log.line(
                    "nothing listens on b:1.", nextIn: .seconds(1), at: .boot + .seconds(second))
                    == nil)
            #expect(
                log.line(
                    "its certificate has expired.", nextIn: .seconds(1),
                    at: .boot + .seconds(second))
                    == nil)
        }
        #expect(
            log.line("nothing listens on b:1.", nextIn: .seconds(30), at: .init(seconds: 600))
                == "nothing listens on b:1. Next attempt in 30 s. 200 more attempts have failed since the last such line."
        )
        log.reset()
        #expect(
            log.line("nothing listens on b:1.", nextIn: .zero, at: .init(seconds: 600.000_000_001))
                != nil,
            "it stood meanwhile")
    }
}
