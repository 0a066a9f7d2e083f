import Testing

@testable import MQTT

/// The log lines of a failing connection. The test sets the time, in nanoseconds.
@Suite struct TroubleLogTests {
    @Test func eachReasonIsSaidOnceAndAgainAfterTenMinutesWithHowManyWereNot() {
        var log = TroubleLog()
        #expect(
            log.line("nothing listens on b:1.", nextIn: .milliseconds(250), at: 0)
                == "nothing listens on b:1. Next attempt in 0.3 s.")
        log.note("its certificate has expired.", at: 0)
        for second: Int64 in 1...100 {
            #expect(
                log.line("nothing listens on b:1.", nextIn: .seconds(1), at: second * 1_000_000_000)
                    == nil)
            #expect(
                log.line(
                    "its certificate has expired.", nextIn: .seconds(1), at: second * 1_000_000_000)
                    == nil)
        }
        #expect(
            log.line("nothing listens on b:1.", nextIn: .seconds(30), at: 600_000_000_000)
                == "nothing listens on b:1. Next attempt in 30 s. 200 more attempts have failed since the last such line."
        )
        log.reset()
        #expect(
            log.line("nothing listens on b:1.", nextIn: .zero, at: 600_000_000_001) != nil,
            "it stood meanwhile")
    }
}
