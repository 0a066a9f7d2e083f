import LiftModel
import Testing

@testable import DeliveryCore

/// One request at a time, its pauses, and the events that are sent one by one.
@Suite struct RequestSlotTests {
    private let request = RequestSlot.Request(ticket: 3, events: ["a", "b"])

    @Test func oneRequestIsInFlightAtATime() {
        var slot = RequestSlot()
        #expect(slot.isFree(at: .boot) && slot.request == nil)
        slot.apply(.sent(request))
        #expect(!slot.isFree(at: .never) && slot.request == request)
        slot.apply(.pauseEnded)
        #expect(slot.request == request, "a request in flight has no pause")
        slot.apply(.finished)
        #expect(slot.isFree(at: .boot) && slot.request == nil)
    }

    @Test func aPauseEndsAtItsTimeOrWhenSecretsChange() {
        var slot = RequestSlot()
        slot.apply(.sent(request))
        slot.apply(.finished)
        slot.apply(.paused(until: .init(nanoseconds: 50)))
        #expect(!slot.isFree(at: .init(nanoseconds: 49)) && slot.isFree(at: .init(nanoseconds: 50)))
        slot.apply(.finished)
        #expect(!slot.isFree(at: .init(nanoseconds: 49)), "no request was in flight")
        slot.apply(.pauseEnded)
        #expect(slot.isFree(at: .boot))
    }

    @Test func theEventsOfABatchThatFailedAreSentOneByOne() {
        var slot = RequestSlot()
        #expect(!slot.sendsSingles)
        slot.apply(.split(2))
        slot.apply(.tookEvents)
        slot.apply(.sent(request))
        slot.apply(.finished)
        #expect(slot.sendsSingles, "one is left")
        slot.apply(.tookEvents)
        #expect(!slot.sendsSingles)
        slot.apply(.tookEvents)
        slot.apply(.split(1))
        #expect(slot.sendsSingles)
    }
}
