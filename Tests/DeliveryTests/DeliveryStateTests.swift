import Journal
import LiftModel
import Testing

@testable import Delivery

/// Events that the routes send from memory while the disk does not take them. The tests set the
/// time.
@Suite struct DeliveryStateTests {
    private let delivery = DeliveryState(routes: [])

    private func event(_ id: String, _ lane: Lane = .fault) -> OutboundEvent {
        OutboundEvent(id: id, type: "alert", lane: lane, subject: "1", body: [])
    }
    private func sentFromMemory(at seconds: Double) -> [String] {
        delivery.unjournalled(for: "city", lanes: Set(Lane.allCases), at: .init(seconds: seconds))
            .map(
                \.id)
    }

    @Test func whileACommitHangsEventsAreSentFromMemoryTheMostUrgentFirst() {
        delivery.commitStarted(with: [event("door"), event("trapped", .entrapment)], at: .boot)
        #expect(sentFromMemory(at: 0.9) == [])
        #expect(sentFromMemory(at: 1) == ["trapped", "door"])
        delivery.commitSucceeded()
        #expect(sentFromMemory(at: 2) == [])
    }

    @Test func anEventThatACentreHasStoredIsNotSentFromMemoryAgainThoughTheCommitFails() {
        delivery.commitStarted(with: [event("a"), event("b")], at: .boot)
        #expect(
            delivery.recordStored(["a"], by: "city", at: .boot) == ["a"],
            "it was not sent from memory yet")
        #expect(delivery.recordStored(["a"], by: "city", at: .init(seconds: 1)) == [])
        delivery.commitFailed()
        delivery.sendFromMemory([event("a"), event("b"), event("c")])
        #expect(sentFromMemory(at: 1) == ["b", "c"])
        #expect(
            delivery.unjournalled(for: "keeper", lanes: [.fault], at: .boot).count == 3,
            "another centre has not")
    }
}
