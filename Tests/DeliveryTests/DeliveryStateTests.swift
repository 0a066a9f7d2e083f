import Journal
import LiftModel
import Testing

@testable import Delivery

/// Events that the routes send from memory while the disk does not take them. The tests set the
/// time, in nanoseconds.
@Suite struct DeliveryStateTests {
    private let delivery = DeliveryState(routes: [])
    private static let second: Int64 = 1_000_000_000

    private func event(_ id: String, _ lane: Lane = .fault) -> OutboundEvent {
        OutboundEvent(id: id, type: "alert", lane: lane, subject: "1", body: [])
    }
    private func sentFromMemory(at seconds: Double) -> [String] {
        delivery.unjournalled(for: "city", lanes: Set(Lane.allCases), at: Int64(seconds * 1e9)).map(
            \.id)
    }

    @Test func whileACommitHangsEventsAreSentFromMemoryTheMostUrgentFirst() {
        delivery.commitStarted(with: [event("door"), event("trapped", .entrapment)], at: 0)
        #expect(sentFromMemory(at: 0.9) == [])
        #expect(sentFromMemory(at: 1) == ["trapped", "door"])
        delivery.commitSucceeded()
        #expect(sentFromMemory(at: 2) == [])
    }

    @Test func anEventThatACentreHasStoredIsNotSentFromMemoryAgainThoughTheCommitFails() {
        delivery.commitStarted(with: [event("a"), event("b")], at: 0)
        #expect(
            delivery.recordStored(["a"], by: "city", at: 0) == ["a"],
            "it was not sent from memory yet")
        #expect(delivery.recordStored(["a"], by: "city", at: Self.second) == [])
        delivery.commitFailed()
        delivery.sendFromMemory([event("a"), event("b"), event("c")])
        #expect(sentFromMemory(at: 1) == ["b", "c"])
        #expect(
            delivery.unjournalled(for: "keeper", lanes: [.fault], at: 0).count == 3,
            "another centre has not")
    }
}
