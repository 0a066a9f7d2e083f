import Testing

@testable import DeliveryCore

/// One failure is the event's, two different ones in a row are the centre's.
@Suite struct FailureCauseTests {
    private func cause(from start: FailureCause, _ events: FailureCause.Event...) -> FailureCause {
        var cause = start
        for event in events { cause.apply(event) }
        return cause
    }

    @Test func anEventThatFailsAloneIsItsOwnCauseHoweverOftenItFails() {
        let once = cause(from: .none, .failedAlone("a"))
        #expect(once == .event("a") && once.lastFailed == "a" && !once.isCentre)
        #expect(cause(from: once, .failedAlone("a")) == .event("a"))
    }

    @Test func twoDifferentEventsInARowAreTheCentresFailure() {
        let both = cause(from: .none, .failedAlone("a"), .failedAlone("b"))
        #expect(both == .centre(last: "b") && both.isCentre)
        #expect(
            cause(from: both, .failedAlone("b")) == .centre(last: "b"),
            "until the centre takes an event")
        #expect(cause(from: both, .succeeded, .failedAlone("b")) == .event("b"))
    }

    @Test func aCentreThatDoesNotAnswerIsTheCause() {
        #expect(cause(from: .none, .centreFailed) == .centre(last: nil))
        #expect(cause(from: .event("a"), .centreFailed) == .centre(last: "a"))
        #expect(cause(from: .centre(last: "a"), .centreFailed) == .centre(last: "a"))
        #expect(cause(from: .centre(last: nil), .failedAlone("a")) == .centre(last: "a"))
    }

    @Test func aSuccessForgetsAll() {
        for start in [FailureCause.none, .event("a"), .centre(last: nil), .centre(last: "a")] {
            let after = cause(from: start, .succeeded)
            #expect(after == .none && after.lastFailed == nil && !after.isCentre)
        }
    }
}
