import Testing

@testable import Gateway

/// What a self-test says beside whether it passed.
@Suite struct SelfTestTextTests {
    @Test func aSelfTestThatTheBrokerEndedSaysTheCauseThatStatusHas() {
        let ended = "the building's broker ended the self-test"
        #expect(
            SelfTest.brokerProblem(ended, "b:1883 speaks TLS only. Write mqtts:// in the url.")
                == "the building's broker cannot be used: b:1883 speaks TLS only. Write mqtts:// in the url"
        )
        #expect(SelfTest.brokerProblem(ended, nil) == ended)
        #expect(SelfTest.brokerProblem(nil, "it is away.") == nil)
    }

    @Test func aDoubtfulReceiptIsNamedWithItsCentre() {
        #expect(
            SelfTest.doubted("city", "The centre answers so.")
                == "it is in doubt whether city has stored it. The centre answers so")
    }

    @Test func aSelfTestThatPassedSaysHowManyLiftsAreNotHeard() throws {
        let gateway = try FilledGateway()
        defer { gateway.remove() }
        var snapshot = gateway.snapshot
        snapshot.checks = [
            StatusSnapshot.CheckRow(.failed(.liftsHeard, "no message from 1 for 3 min"))
        ]
        for index in snapshot.lifts.indices { snapshot.lifts[index].maintenanceSeconds = nil }
        (snapshot.lifts[0].lastWordSeconds, snapshot.lifts[1].lastWordSeconds) = (180, 2)
        snapshot.lifts[2].lastWordSeconds = nil
        #expect(
            snapshot.unheardLifts?.hasPrefix(
                "2 of 3 lifts are not heard; the test uses a topic of its own") == true)
        snapshot.checks = [StatusSnapshot.CheckRow(.ok(.liftsHeard, "3 of 3"))]
        #expect(snapshot.unheardLifts == nil)
    }
}
