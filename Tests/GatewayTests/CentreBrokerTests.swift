import MQTT
import Testing

@testable import Delivery

/// What a centre's broker answers to publications, before any receipt is missing.
@Suite struct CentreBrokerTests {
    private let topics = CentreTopics(prefix: "hoistway/v1", site: "s")

    private func broker(_ answers: [(String, MQTTPublicationAnswer)]) -> CentreBroker {
        var broker = CentreBroker()
        broker.connectionStarted(MQTTSession())
        for (name, answer) in answers {
            let topic = topics.topic(name)
            broker.published(on: topic, isEssential: topics.isEssential(topic), answer)
        }
        return broker
    }
    private func delivers(_ broker: CentreBroker) -> Bool {
        broker.delivers(receipts: topics.receipts) { topics.isEssential($0) }
    }

    @Test func anEventThatNobodyReadsIsNoticedWithTheBrokersAnswer() {
        let unread = broker([("link", .accepted), ("alert/fault", .acceptedUnread)])
        #expect(
            unread.problems(at: .boot) == [
                "No client of the centre's broker reads hoistway/v1/s/alert/fault: the centre is not connected to it, or reads other topics. It must subscribe to this one."
            ])
        #expect(!delivers(unread))
        let back = broker([("alert/fault", .acceptedUnread), ("alert/fault", .accepted)])
        #expect(back.problems(at: .boot) == [] && delivers(back), "the centre has come back")
    }

    /// As docs/contract/centre.sh.
    @Test func aCentreThatReadsEventsOnlyIsWell() {
        let events = broker([
            ("link", .acceptedUnread), ("state", .acceptedUnread), ("heartbeat", .acceptedUnread),
        ])
        #expect(events.problems(at: .boot) == [] && delivers(events))
    }
}
