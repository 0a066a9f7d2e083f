import Testing

@testable import MQTT

/// The states of a connection to a broker.
@Suite struct MQTTConnectionTests {
    private let second: Int64 = 1_000_000_000

    private func after(_ events: MQTTConnection.Event...) -> MQTTConnection {
        var connection = MQTTConnection()
        for event in events { connection.apply(event) }
        return connection
    }

    /// Connected, with both subscriptions answered.
    private var ready: MQTTConnection {
        after(
            .started(at: 0), .accepted, .awaits(1, topic: "receipt"),
            .awaits(2, topic: "word"),
            .subscribed(1), .subscribed(2))
    }

    @Test func itIsReadyOnceEverySubscriptionIsAnswered() {
        var connection = after(
            .started(at: 5), .accepted, .awaits(1, topic: "receipt"),
            .awaits(2, topic: "word"))
        #expect(connection.hasAnswered && !connection.isReady)
        connection.apply(.subscribed(7))
        #expect(
            connection.topic(awaitedBy: 1) == "receipt" && connection.topic(awaitedBy: 7) == nil)
        connection.apply(.subscribed(1))
        #expect(connection.state == .subscribing(.init(since: 5), awaited: [2: "word"]))
        connection.apply(.subscribed(2))
        #expect(connection.state == .ready && connection.isReady && !connection.isLost)
        connection.apply(.subscribed(2))
        #expect(connection.state == .ready, "an answer to nothing changes nothing")
    }

    @Test func aConnectionWithoutSubscriptionsIsAccepted() {
        #expect(after(.started(at: 0), .accepted).isAccepted && ready.isAccepted)
        #expect(!after(.started(at: 0)).isAccepted)
        #expect(!after(.started(at: 0), .accepted, .broken(nil)).isAccepted)
    }

    @Test func anAttemptIsDueAtTheStartAndAfterEachPause() {
        #expect(MQTTConnection().isDue(at: 0))
        var connection = after(.started(at: 0))
        #expect(!connection.isDue(at: 100 * second))
        connection.apply(.dropped(until: 3 * second, refusal: nil))
        #expect(!connection.isDue(at: 3 * second - 1) && connection.isDue(at: 3 * second))
        connection.apply(.dropped(until: 9 * second, refusal: nil))
        connection.apply(.pauseEnded)
        #expect(connection.isDue(at: 0), "other secrets are tried at once")
        var connected = ready
        connected.apply(.pauseEnded)
        #expect(connected.state == .ready)
    }

    @Test func silenceIsMeasuredUntilTheBrokerHasAnsweredEverything() {
        let started = after(.started(at: second))
        #expect(
            started.silence(at: 16 * second) == nil && started.silence(at: 16 * second + 1) != nil)
        #expect(!started.hasAnswered)
        let subscribing = after(.started(at: second), .accepted, .awaits(1, topic: "receipt"))
        #expect(subscribing.silence(at: 16 * second + 1) != nil && subscribing.hasAnswered)
        var busy = after(.started(at: second), .accepted, .awaits(1, topic: "lifts/+/state"))
        busy.apply(.heard(at: 100 * second))
        #expect(busy.silence(at: 115 * second) == nil, "it sends a whole window of messages first")
        #expect(busy.silence(at: 115 * second + 1) != nil && busy.silence(at: 122 * second) != nil)
        busy.apply(.heard(at: 121 * second))
        #expect(busy.silence(at: 121 * second + 1) != nil, "two minutes are enough for its answer")
        #expect(ready.silence(at: 100 * second) == nil, "publications measure it from here")
        #expect(MQTTConnection().silence(at: 100 * second) == nil)
    }

    @Test func theBrokersReasonCountsBeforeTheLibrarysGuess() {
        var connection = after(.started(at: 0), .refused("we are banned."), .broken("it hung up."))
        #expect(
            connection.endReason == "we are banned." && connection.hasAnswered && connection.isLost)
        connection.apply(.closed("it is being stopped."))
        #expect(connection.endReason == "it is being stopped.")
        connection.apply(.dropped(until: second, refusal: nil))
        #expect(
            connection.endReason == "it is being stopped.", "it is shown until the next attempt")
        #expect(
            !connection.isLost && connection.earlierEndText.isEmpty,
            "it is the reason of the last connection itself")
    }

    @Test func aConnectionThatBreaksWithoutAnAnswerHasNone() {
        let connection = after(.started(at: 0), .broken("is it a broker?"))
        #expect(
            !connection.hasAnswered && connection.endReason == "is it a broker?"
                && connection.isLost
                && !connection.isReady)
    }

    @Test func whatWasReadyStaysSoInTheTurnInWhichItEnds() {
        var connection = ready
        connection.apply(.broken(nil))
        #expect(
            connection.isReady && connection.isLost && connection.hasAnswered
                && connection.endReason == nil)
        connection.apply(.dropped(until: 0, refusal: nil))
        #expect(
            !connection.isReady && !connection.isLost && connection.hasAnswered,
            "the last connection had an answer")
        connection.apply(.started(at: 0))
        #expect(!connection.hasAnswered)
    }

    @Test func anEarlierRefusalIsToldUntilTheBrokerTakesSomething() {
        var connection = after(
            .started(at: 0), .refused("we are banned."), .dropped(until: 0, refusal: nil),
            .started(at: 1),
            .broken(nil), .dropped(until: 0, refusal: nil))
        #expect(connection.earlierEndText == " Before that: we are banned.")
        connection.apply(.started(at: 2))
        connection.apply(.dropped(until: 0, refusal: "It refuses our subscription."))
        #expect(connection.earlierEndText == " Before that: It refuses our subscription.")
        connection.apply(.delivered)
        #expect(connection.earlierEndText.isEmpty)
    }
}
