import LiftModel
import Testing

@testable import MQTT

/// The states of a connection to a broker.
@Suite struct MQTTConnectionTests {

    private func after(_ events: MQTTConnection.Event...) -> MQTTConnection {
        var connection = MQTTConnection()
        for event in events { connection.apply(event) }
        return connection
    }

    /// Connected, with both subscriptions answered.
    private var ready: MQTTConnection {
        after(
            .started(at: .boot), .accepted, .awaits(1, topic: "receipt"),
            .awaits(2, topic: "word"),
            .subscribed(1), .subscribed(2))
    }

    @Test func itIsReadyOnceEverySubscriptionIsAnswered() {
        var connection = after(
            .started(at: .init(nanoseconds: 5)), .accepted, .awaits(1, topic: "receipt"),
            .awaits(2, topic: "word"))
        #expect(connection.hasAnswered && !connection.isReady)
        connection.apply(.subscribed(7))
        #expect(
            connection.topic(awaitedBy: 1) == "receipt" && connection.topic(awaitedBy: 7) == nil)
        connection.apply(.subscribed(1))
        #expect(
            connection.state
                == .subscribing(.init(since: .init(nanoseconds: 5)), awaited: [2: "word"]))
        connection.apply(.subscribed(2))
        #expect(connection.state == .ready && connection.isReady && !connection.isLost)
        connection.apply(.subscribed(2))
        #expect(connection.state == .ready, "an answer to nothing changes nothing")
    }

    @Test func aConnectionWithoutSubscriptionsIsAccepted() {
        #expect(after(.started(at: .boot), .accepted).isAccepted && ready.isAccepted)
        #expect(!after(.started(at: .boot)).isAccepted)
        #expect(!after(.started(at: .boot), .accepted, .broken(nil)).isAccepted)
    }

    @Test func anAttemptIsDueAtTheStartAndAfterEachPause() {
        #expect(MQTTConnection().isDue(at: .boot))
        var connection = after(.started(at: .boot))
        #expect(!connection.isDue(at: .init(seconds: 100)))
        connection.apply(.dropped(until: .init(seconds: 3), refusal: nil))
        #expect(
            !connection.isDue(at: .init(seconds: 2.999_999_999))
                && connection.isDue(at: .init(seconds: 3)))
        connection.apply(.dropped(until: .init(seconds: 9), refusal: nil))
        connection.apply(.pauseEnded)
        #expect(connection.isDue(at: .boot), "other secrets are tried at once")
        var connected = ready
        connected.apply(.pauseEnded)
        #expect(connected.state == .ready)
    }

    @Test func silenceIsMeasuredUntilTheBrokerHasAnsweredEverything() {
        let started = after(.started(at: .init(seconds: 1)))
        #expect(
            started.silence(at: .init(seconds: 16)) == nil
                && started.silence(at: .init(seconds: 16.000_000_001)) != nil)
        #expect(!started.hasAnswered)
        let subscribing = after(
            .started(at: .init(seconds: 1)), .accepted, .awaits(1, topic: "receipt"))
        #expect(
            subscribing.silence(at: .init(seconds: 16.000_000_001)) != nil
                && subscribing.hasAnswered)
        var busy = after(
            .started(at: .init(seconds: 1)), .accepted, .awaits(1, topic: "lifts/+/state"))
        busy.apply(.heard(at: .init(seconds: 100)))
        #expect(
            busy.silence(at: .init(seconds: 115)) == nil,
            "it sends a whole window of messages first")
        #expect(
            busy.silence(at: .init(seconds: 115.000_000_001)) != nil
                && busy.silence(at: .init(seconds: 122)) != nil)
        busy.apply(.heard(at: .init(seconds: 121)))
        #expect(
            busy.silence(at: .init(seconds: 121.000_000_001)) != nil,
            "two minutes are enough for its answer")
        #expect(ready.silence(at: .init(seconds: 100)) == nil, "publications measure it from here")
        #expect(MQTTConnection().silence(at: .init(seconds: 100)) == nil)
    }

    @Test func theBrokersReasonCountsBeforeTheLibrarysGuess() {
        var connection = after(
            .started(at: .boot), .refused("we are banned."), .broken("it hung up."))
        #expect(
            connection.endReason == "we are banned." && connection.hasAnswered && connection.isLost)
        connection.apply(.closed("it is being stopped."))
        #expect(connection.endReason == "it is being stopped.")
        connection.apply(.dropped(until: .init(seconds: 1), refusal: nil))
        #expect(
            connection.endReason == "it is being stopped.", "it is shown until the next attempt")
        #expect(
            !connection.isLost && connection.earlierEndText.isEmpty,
            "it is the reason of the last connection itself")
    }

    @Test func aConnectionThatBreaksWithoutAnAnswerHasNone() {
        let connection = after(.started(at: .boot), .broken("is it a broker?"))
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
        connection.apply(.dropped(until: .boot, refusal: nil))
        #expect(
            !connection.isReady && !connection.isLost && connection.hasAnswered,
            "the last connection had an answer")
        connection.apply(.started(at: .boot))
        #expect(!connection.hasAnswered)
    }

    @Test func anEarlierRefusalIsToldUntilTheBrokerTakesSomething() {
        var connection = after(
            .started(at: .boot), .refused("we are banned."), .dropped(until: .boot, refusal: nil),
            .started(at: .init(nanoseconds: 1)),
            .broken(nil), .dropped(until: .boot, refusal: nil))
        #expect(connection.earlierEndText == " Before that: we are banned.")
        connection.apply(.started(at: .init(nanoseconds: 2)))
        connection.apply(.dropped(until: .boot, refusal: "It refuses our subscription."))
        #expect(connection.earlierEndText == " Before that: It refuses our subscription.")
        connection.apply(.delivered)
        #expect(connection.earlierEndText.isEmpty)
    }
}
