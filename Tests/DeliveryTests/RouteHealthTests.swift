import Testing

@testable import DeliveryCore

/// A success of the site's state does not end the failure of events.
@Suite struct RouteHealthTests {
    @Test func aRouteThatTakesTheStateAndNoEventsDoesNotStand() {
        var health = RouteHealth()
        let before = health.succeeded(.state, hasEvents: false, idle: [.urgent, .bulk])
        health.failed(.urgent, hasEvents: true)
        let stateTaken = health.succeeded(.state, hasEvents: false, idle: [.bulk])
        let faultTaken = health.succeeded(.bulk, hasEvents: true, idle: [])
        let entrapmentTaken = health.succeeded(.urgent, hasEvents: true, idle: [])
        #expect([before, stateTaken, faultTaken, entrapmentTaken] == [true, false, false, true])
    }

    @Test func whatAnotherRouteHasBroughtThereFailsNoMore() {
        var health = RouteHealth()
        health.failed(.bulk, hasEvents: true)
        let isHealthy = health.succeeded(.state, hasEvents: false, idle: [.urgent, .bulk])
        #expect(isHealthy)
    }

    @Test func aStateThatIsNotTakenKeepsNoEventFromStanding() {
        var health = RouteHealth()
        health.failed(.state, hasEvents: false)
        let isHealthy = health.succeeded(.bulk, hasEvents: true, idle: [.urgent, .bulk])
        #expect(isHealthy)
    }

    @Test func aGoodAnswerToTheStateTakesBackNothingThatWasSaidOfEvents() {
        var health = RouteHealth()
        let first = health.note("a page", hasEvents: true)
        let again = health.note("a page", hasEvents: true)
        let noneForState = health.note(nil, hasEvents: false)
        #expect(
            [first, again, noneForState] == [true, false, false] && health.problems == ["a page"])
        let forState = health.note("a page", hasEvents: false)
        #expect(!forState && health.problems == ["a page"], "reported once")
        let noneForEvents = health.note(nil, hasEvents: true)
        #expect(!noneForEvents && health.problems == ["a page"], "the remark on the state remains")
        let lastForState = health.note(nil, hasEvents: false)
        #expect(!lastForState && health.problems.isEmpty)
    }
}
