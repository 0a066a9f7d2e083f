import MQTT
import Testing

@testable import Delivery

/// What a centre's broker answers to publications, before any receipt is missing.
@Suite struct CentreBrokerTests {
    private func problems(_ answers: [(String, MQTTPublicationAnswer)]) -> [String] {
        var broker = CentreBroker()
        broker.connectionStarted(MQTTSession())
        for (topic, answer) in answers { broker.published(on: topic, answer) }
        return broker.problems(at: 0)
    }

    @Test func aCentreThatReadsNothingIsNoticedWithTheFirstPublication() {
        let unread = problems([("link", .acceptedUnread), ("state", .acceptedUnread)])
        #expect(unread.count == 1 && unread[0].hasPrefix("No client of the centre's broker reads"))
        #expect(
            problems([("link", .acceptedUnread), ("alert/fault", .accepted)]) == [],
            "a centre need not read every topic")
        #expect(
            problems([("link", .acceptedUnread), ("link", .accepted)]) == [], "it has come back")
        #expect(problems([]) == [])
    }
}
