import Testing

@testable import DeliveryCore

/// The states of a connection to a centre's broker.
@Suite struct CentreLinkTests {
    private let second: Int64 = 1_000_000_000

    private func link(after events: CentreLink.Event...) -> CentreLink {
        var link = CentreLink()
        for event in events { link.apply(event) }
        return link
    }

    /// Connected, with both subscriptions answered.
    private var ready: CentreLink {
        link(
            after: .started(at: 0), .accepted, .awaits(1, topic: "receipt"),
            .awaits(2, topic: "word"),
            .subscribed(1), .subscribed(2))
    }

    @Test func itIsReadyOnceEverySubscriptionIsAnswered() {
        var link = link(
            after: .started(at: 5), .accepted, .awaits(1, topic: "receipt"),
            .awaits(2, topic: "word"))
        #expect(link.hasAnswered && !link.isReady)
        link.apply(.subscribed(7))
        #expect(link.topic(awaitedBy: 1) == "receipt" && link.topic(awaitedBy: 7) == nil)
        link.apply(.subscribed(1))
        #expect(link.state == .subscribing(since: 5, awaited: [2: "word"]))
        link.apply(.subscribed(2))
        #expect(link.state == .ready && link.isReady && !link.isLost)
        link.apply(.subscribed(2))
        #expect(link.state == .ready, "an answer to nothing changes nothing")
    }

    @Test func anAttemptIsDueAtTheStartAndAfterEachPause() {
        #expect(CentreLink().isDue(at: 0))
        var link = link(after: .started(at: 0))
        #expect(!link.isDue(at: 100 * second))
        link.apply(.dropped(until: 3 * second, refusal: nil))
        #expect(!link.isDue(at: 3 * second - 1) && link.isDue(at: 3 * second))
        link.apply(.dropped(until: 9 * second, refusal: nil))
        link.apply(.pauseEnded)
        #expect(link.isDue(at: 0), "other secrets are tried at once")
        var connected = ready
        connected.apply(.pauseEnded)
        #expect(connected.state == .ready)
    }

    @Test func silenceIsMeasuredUntilTheBrokerHasAnsweredEverything() {
        let started = link(after: .started(at: second))
        #expect(!started.isSilent(at: 16 * second) && started.isSilent(at: 16 * second + 1))
        #expect(!started.hasAnswered)
        let subscribing = link(after: .started(at: second), .accepted, .awaits(1, topic: "receipt"))
        #expect(subscribing.isSilent(at: 16 * second + 1) && subscribing.hasAnswered)
        #expect(!ready.isSilent(at: 100 * second), "publications measure it from here")
        #expect(!CentreLink().isSilent(at: 100 * second))
    }

    @Test func theBrokersReasonCountsBeforeTheLibrarysGuess() {
        var link = link(
            after: .started(at: 0), .refused("we are banned."), .broken(guess: "it hung up."))
        #expect(link.refusal == "we are banned." && link.hasAnswered && link.isLost)
        link.apply(.closed("it is being stopped."))
        #expect(link.refusal == "it is being stopped.")
        link.apply(.dropped(until: second, refusal: nil))
        #expect(link.refusal == "it is being stopped.", "it is shown until the next attempt")
        #expect(
            !link.isLost && link.earlierRefusal.isEmpty,
            "it is the reason of the last connection itself")
    }

    @Test func aConnectionThatBreaksWithoutAnAnswerHasNone() {
        let link = link(after: .started(at: 0), .broken(guess: "is it a broker?"))
        #expect(
            !link.hasAnswered && link.refusal == "is it a broker?" && link.isLost && !link.isReady)
    }

    @Test func whatWasReadyStaysSoInTheTurnInWhichItEnds() {
        var link = ready
        link.apply(.broken(guess: nil))
        #expect(link.isReady && link.isLost && link.hasAnswered && link.refusal == nil)
        link.apply(.dropped(until: 0, refusal: nil))
        #expect(
            !link.isReady && !link.isLost && link.hasAnswered, "the last connection had an answer")
        link.apply(.started(at: 0))
        #expect(!link.hasAnswered)
    }

    @Test func anEarlierRefusalIsToldUntilTheBrokerTakesSomething() {
        var link = link(
            after: .started(at: 0), .refused("we are banned."), .dropped(until: 0, refusal: nil),
            .started(at: 1),
            .broken(guess: nil), .dropped(until: 0, refusal: nil))
        #expect(link.earlierRefusal == " Before that: we are banned.")
        link.apply(.started(at: 2))
        link.apply(.dropped(until: 0, refusal: "It refuses our subscription."))
        #expect(link.earlierRefusal == " Before that: It refuses our subscription.")
        link.apply(.delivered)
        #expect(link.earlierRefusal.isEmpty)
    }

    @Test func publicationsShowWhetherTheConnectionMakesProgress() {
        var publications = Publications()
        #expect(!publications.isSilent(at: 100 * second, for: .seconds(15)), "nothing is awaited")
        publications.add(
            Publications.Publication(topic: "state", event: nil), as: 1, at: 20 * second)
        publications.add(
            Publications.Publication(topic: "alert", event: "a"), as: 2, at: 30 * second)
        #expect(!publications.isSilent(at: 35 * second, for: .seconds(15)))
        #expect(
            publications.isSilent(at: 35 * second + 1, for: .seconds(15)), "since the first one")
        let state = publications.acknowledge(1, at: 35 * second)
        #expect(state?.topic == "state" && publications.count == 1)
        #expect(
            !publications.isSilent(at: 50 * second, for: .seconds(15)),
            "a slow connection makes progress")
        #expect(publications.isSilent(at: 50 * second + 1, for: .seconds(15)))
        let unknown = publications.acknowledge(9, at: 60 * second)
        #expect(unknown == nil && publications.count == 1)
        publications.removeAll()
        #expect(publications.count == 0)
    }
}
