import Foundation
import Testing

@testable import Gateway
@testable import hoistway_sim

/// Faulty links between the real daemon and the centre or the building's broker.
@Suite(.serialized) struct NetworkTests {
    /// A site that reaches its centre, or the building's broker, through a proxy to the test's
    /// broker.
    private func site(proxyTo server: String = "centre") throws -> (Site, Proxy) {
        let site = try Site(parameters: quick)
        let proxy = try Proxy(to: site.port)
        try site.rewriteConfiguration {
            $0.replacingOccurrences(
                of: "\(server): { url: \"mqtt://127.0.0.1:\(site.port)\" }",
                with: "\(server): { url: \"mqtt://127.0.0.1:\(proxy.port)\" }")
        }
        return (site, proxy)
    }
    private func isConnected(_ site: Site) -> Bool {
        (site.status["centre"] as? [String: Any])?["connected"] as? Bool == true
    }

    @Test func twoSecondsOfDelayDelayAndDoNothingElse() throws {
        let (site, proxy) = try site()
        proxy.set(.delayed(2))
        try site.startDaemon()
        #expect(site.wait { site.isDrained })
        site.trap()
        #expect(
            site.wait(40) { site.alertStates.contains("entrapment confirmed") }, "\(site.account)")
        #expect(site.wait(40) { site.status("centre", "backlog") == 0 })
        #expect(
            site.received.values.allSatisfy { $0 == 1 },
            "a slow link is no reason to send twice: \(site.received)")
    }

    @Test func aLinkThatStallsAndIsCutLosesNothing() throws {
        let (site, proxy) = try site()
        try site.startDaemon()
        #expect(site.wait { site.isDrained && isConnected(site) })
        proxy.set(.stalled)
        site.trap()
        site.wait(5) { false }
        #expect(site.received.isEmpty)
        // Whatever the library believes about the old connection: the router is back with a new
        // table of connections.
        proxy.set(.gone)
        proxy.set(.fair)
        #expect(
            site.wait(45) { site.status("centre", "backlog") == 0 && site.alertStates.count >= 2 },
            "\(site.account)")
    }

    @Test func aHalfOpenLinkIsLeftByItsSilenceAlone() throws {
        let (site, proxy) = try site()
        try site.startDaemon()
        #expect(site.wait { site.isDrained && isConnected(site) })
        proxy.set(.stalled)
        site.trap()
        #expect(site.wait(25) { !isConnected(site) }, "\(site.account)")
        proxy.set(.fair)
        #expect(
            site.wait(60) { site.status("centre", "backlog") == 0 && site.alertStates.count >= 2 },
            "\(site.account)")
    }

    @Test func aCentreThatAcceptsAndNeverAnswersHoldsUpNothingAndIsTriedAgain() throws {
        let (site, proxy) = try site()
        proxy.set(.deaf)
        try site.startDaemon()
        #expect(site.wait { site.isDrained })
        site.trap()
        #expect(
            site.wait { site.status("centre", "backlog") >= 2 }, "detected and stored meanwhile")
        proxy.set(.fair)
        #expect(site.wait(40) { site.status("centre", "backlog") == 0 }, "\(site.account)")
    }

    /// libmosquitto reports "success, and more to write" for ever once it is disconnecting and the
    /// socket is closed.
    @Test func anEndWhileTheBrokerIsGoneEnds() throws {
        let (site, proxy) = try site(proxyTo: "broker")
        for _ in 0..<6 {
            try site.startDaemon()
            #expect(site.wait { site.isDrained })
            proxy.set(.gone)
            site.askDaemonToEnd()
            #expect(site.wait(10) { !site.isDaemonRunning }, "\(site.account)")
            site.stopDaemon()
            proxy.set(.fair)
        }
    }

    @Test func aClientThatDisconnectsFromABrokerThatIsGoneReturns() throws {
        let site = try Site(parameters: quick)
        let proxy = try Proxy(to: site.port)
        let ended = DispatchSemaphore(value: 0)
        let port = proxy.port
        Thread.detachNewThread {
            let wire = Wire(port: port, clientID: "leaver")
            let isConnected = wire.connect()
            #expect(isConnected)
            proxy.set(.gone)
            usleep(200_000)
            wire.leave()
            ended.signal()
        }
        #expect(ended.wait(timeout: .now() + 20) == .success)
    }

    @Test func aNameThatCannotBeLookedUpIsTriedAgain() throws {
        let site = try Site(
            parameters: quick, centres: "centre: { url: \"mqtt://no-such-host.invalid:1883\" }")
        try site.startDaemon()
        #expect(site.wait { site.isDrained })
        site.trap()
        #expect(site.wait { site.status("centre", "backlog") >= 2 }, "\(site.account)")
        #expect(site.log.components(separatedBy: "Next attempt in").count > 1)
    }

    @Test func aBuildingsBrokerThatStallsIsLeftAndOneAlertTellsOfIt() throws {
        let (site, proxy) = try site(proxyTo: "broker")
        try site.startDaemon()
        #expect(site.wait { site.isDrained })
        proxy.set(.stalled)
        #expect(
            site.wait(90) { site.alertStates.contains("broker_lost raised") }, "\(site.account)")
        #expect(
            site.alertStates == ["broker_lost raised"], "and not one alert for each silent lift")
        site.trap()
        proxy.set(.gone)
        proxy.set(.fair)
        #expect(
            site.wait(60) { site.alertStates.contains("entrapment confirmed") }, "\(site.account)")
        #expect(site.alertStates.contains("broker_lost cleared"))
    }

    /// A centre that answers no connection: a socket with a full queue.
    @Test func anEndWhileTheCentreIsABlackHoleDoesNotWaitForIt() throws {
        let hole = try BlackHole()
        defer { hole.close() }
        let site = try Site(
            parameters: quick, centres: "centre: { url: \"mqtt://127.0.0.1:\(hole.port)\" }")
        try site.startDaemon()
        #expect(site.wait { site.isDrained })
        site.wait(2) { false }
        site.askDaemonToEnd()
        #expect(site.wait(8) { !site.isDaemonRunning }, "\(site.account)")
        #expect(site.daemonOutcome == 0, "\(String(describing: site.daemonOutcome)) \(site.log)")
    }
}
