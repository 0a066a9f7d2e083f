import Foundation
import LiftModel
import Monitoring
import Testing

@testable import Gateway

/// The centre's alerts before a crash, and the gateway's evaluation of the same past after it,
/// under another configuration.
@Suite(.serialized) struct RestartTests {
    /// A site with a confirmed and delivered entrapment in lift 1, whose gateway has crashed.
    private func crashedSite() throws -> Site {
        let site = try Site(parameters: quick)
        try site.startDaemon()
        #expect(site.wait { site.isDrained })
        site.trap()
        #expect(site.wait { site.alertStates.contains("entrapment confirmed") }, "\(site.account)")
        site.killDaemon()
        return site
    }

    @Test func anAlertThatOtherRulesWouldNotHaveConfirmedIsStillEndedByItsNextRevision() throws {
        let site = try crashedSite()
        try site.rewriteConfiguration {
            $0.replacingOccurrences(of: "confirm_hold: 2s", with: "confirm_hold: 500s")
        }
        try site.startDaemon()
        #expect(site.wait { site.isDrained })
        site.send("1", state(3, zone: true, closed: false, occupied: false))
        #expect(site.wait { site.alertStates.contains("entrapment cleared") }, "\(site.account)")
        let revisions = site.events.compactMap {
            ($0["data"] as? [String: Any])?["revision"] as? Int
        }
        #expect(Set(revisions) == [1, 2, 3])
    }

    @Test func anAlertThatOtherRulesWouldNotHaveRaisedIsEnded() throws {
        let site = try crashedSite()
        try site.rewriteConfiguration {
            $0.replacingOccurrences(of: "off_level_hold: 1s", with: "off_level_hold: 500s")
        }
        try site.startDaemon()
        #expect(site.wait { site.alertStates.contains("entrapment cleared") }, "\(site.account)")
        #expect(site.wait { site.retained("state")?.contains("entrapment") == false })
    }

    /// A state that was evaluated under other rules must be stored together with its alerts.
    @Test func aStartUnderOtherRulesThatDiesAfterItsFirstCommitOwesWhatItDecided() throws {
        let site = try crashedSite()
        try site.rewriteConfiguration {
            $0.replacingOccurrences(of: "off_level_hold: 1s", with: "off_level_hold: 500s")
        }
        try site.startDaemon(crashAt: "after_commit:1")
        #expect(site.wait { !site.isDaemonRunning }, "it was to die")
        try site.startDaemon()
        #expect(site.wait { site.alertStates.contains("entrapment cleared") }, "\(site.account)")
    }

    @Test func anAlertOfALiftThatWasTakenOffTheListIsEndedOnce() throws {
        let site = try crashedSite()
        try site.rewriteConfiguration { $0.replacingOccurrences(of: "\"1\", \"2\"", with: "\"2\"") }
        for _ in 0..<2 {
            try site.startDaemon()
            #expect(
                site.wait { site.alertStates.contains("entrapment cleared") && site.isDrained },
                "\(site.account)")
            site.killDaemon()
        }
        #expect(site.alertStates.count { $0 == "entrapment cleared" } == 1)
        let last = try #require(
            site.events.last { ($0["data"] as? [String: Any])?["state"] as? String == "cleared" })
        #expect((last["data"] as? [String: Any])?["reason"] as? String == "lift_removed")
    }

    /// A gateway that is killed every few seconds would otherwise start ever more slowly, and log
    /// every alert at each start.
    @Test func whatWasFoldedAgainAfterACrashIsNotFoldedAThirdTime() throws {
        let site = try crashedSite()
        for starts in 2...3 {
            try site.startDaemon()
            #expect(
                site.wait {
                    site.log.components(separatedBy: "the backlog is read").count == starts + 1
                },
                "\(site.account)"
            )
            if starts == 2 { site.killDaemon() }
        }
        let replayed = site.log.split(separator: "\n").compactMap { line in
            line.split(separator: "replayed ").dropFirst().first?.split(separator: " ").first
                .flatMap { Int($0) }
        }
        #expect(
            replayed.count == 3 && replayed[1] >= 2 && replayed[2] == 0, "\(replayed) \(site.log)")
        #expect(
            site.log.components(separatedBy: "entrapment confirmed").count == 2, "\(site.account)")
        #expect(
            site.wait {
                site.isDrained && site.status("counters", "alerts") == site.alertStates.count
            },
            "\(site.alertStates) \(site.status)")
    }

    /// No other message causes a commit here, so nothing else records how long the gateway
    /// observed.
    @Test func aSilenceIsNoticedThroughKillsOnASiteWhereNothingIsSaid() throws {
        let site = try Site(
            parameters: "report_overdue: 5s, controller_silent_after: 8s", lifts: ["1"])
        for run in 1...3 {
            try site.startDaemon()
            #expect(site.wait { site.isDrained })
            if run == 1 { site.send("1", state(1, zone: true, occupied: false)) }
            site.wait(6.5) { false }
            site.killDaemon()
        }
        #expect(site.alertStates == [])
        try site.startDaemon()
        // The first message was awaited in two runs: a third of the 15 s is left.
        #expect(
            site.wait(10) { site.alertStates == ["controller_silent raised"] }, "\(site.account)")
    }

    // MARK: Time

    @Test func aRestartInTheSameBootGoesOnWithTheSameTimeLine() {
        let lag = Int64(3 * 3600) * 1_000_000_000
        let before = GatewayClock(notBefore: nil)
        let behind = GatewayClock(
            notBefore: before.now - .nanoseconds(lag), line: before.anchor - lag)
        #expect(
            behind.anchor == before.anchor - lag,
            "the three hours of the clock's step have not passed")
        #expect(
            GatewayClock(notBefore: before.now + .seconds(60), line: before.anchor - lag).now
                > before.now
                + .seconds(59))
    }

    @Test func eventsContinueWhereAJournalsTimeLineIsAhead() {
        let before = GatewayClock(notBefore: nil)
        let ahead = before.now + .seconds(10 * 365 * 86_400)
        let clock = GatewayClock(notBefore: ahead, line: before.anchor, continuingAt: .zero)
        #expect(clock.now > ahead)
        #expect(clock.calendarNow - before.now < .seconds(60))
    }

    @Test func aWindowEndsWhenThePersonsClockSaysSo() {
        let until = Instant(seconds: 10_000)
        let order = OperatorAction.maintenance(lift: "1", until: until, by: "Li", reason: "ropes")
        // The line is three hours behind the wall clock.
        #expect(
            order.moved(by: .seconds(-10_800))
                == .maintenance(
                    lift: "1", until: until - .seconds(10_800), by: "Li", reason: "ropes"))
        #expect(
            OperatorAction.maintenanceEnds(lift: "1", by: "Li").moved(by: .seconds(9))
                == .maintenanceEnds(lift: "1", by: "Li"))
    }
}
