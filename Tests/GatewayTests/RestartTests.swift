import Detection
import Elevator
import Foundation
import Mosquitto
import Testing

@testable import Gateway

/// What the centre was told before a crash, and what the gateway makes of the same past after it, under another configuration.
@Suite(.serialized) struct RestartTests {
    /// A site whose lift 1 holds somebody, confirmed and told, and whose gateway has crashed.
    private func crashedSite() throws -> Site {
        let site = try Site(parameters: quick)
        try site.startDaemon()
        #expect(site.wait { site.isDrained })
        site.trap()
        #expect(site.wait { site.told.contains("entrapment confirmed") }, "\(site.log)")
        site.killDaemon()
        return site
    }

    @Test func anAlertThatOtherRulesWouldNotHaveConfirmedIsStillEndedByItsNextRevision() throws {
        let site = try crashedSite()
        try site.rewriteConfiguration { $0.replacingOccurrences(of: "confirm_hold: 2s", with: "confirm_hold: 500s") }
        try site.startDaemon()
        #expect(site.wait { site.isDrained })
        site.say("1", state(3, zone: true, closed: false, occupied: false))
        #expect(site.wait { site.told.contains("entrapment cleared") }, "\(site.told) \(site.log)")
        let revisions = site.events.compactMap { ($0["data"] as? [String: Any])?["revision"] as? Int }
        #expect(Set(revisions) == [1, 2, 3])
    }

    @Test func anAlertThatOtherRulesWouldNotHaveRaisedIsEnded() throws {
        let site = try crashedSite()
        try site.rewriteConfiguration {
            $0.replacingOccurrences(of: "off_level_hold: 1s", with: "off_level_hold: 500s")
        }
        try site.startDaemon()
        #expect(site.wait { site.told.contains("entrapment cleared") }, "\(site.told) \(site.log)")
        #expect(site.wait { site.retained("state")?.contains("entrapment") == false })
    }

    /// What the state has decided under other rules must be kept together with what is told of it.
    @Test func aStartUnderOtherRulesThatDiesAfterItsFirstCommitOwesWhatItDecided() throws {
        let site = try crashedSite()
        try site.rewriteConfiguration {
            $0.replacingOccurrences(of: "off_level_hold: 1s", with: "off_level_hold: 500s")
        }
        try site.startDaemon(crashAt: "after_commit:1")
        #expect(site.wait { !site.isDaemonRunning }, "it was to die")
        try site.startDaemon()
        #expect(site.wait { site.told.contains("entrapment cleared") }, "\(site.told) \(site.log)")
    }

    @Test func anAlertOfALiftThatWasTakenOffTheListIsEndedOnce() throws {
        let site = try crashedSite()
        try site.rewriteConfiguration { $0.replacingOccurrences(of: "\"1\", \"2\"", with: "\"2\"") }
        for _ in 0..<2 {
            try site.startDaemon()
            #expect(site.wait { site.told.contains("entrapment cleared") && site.isDrained }, "\(site.log)")
            site.killDaemon()
        }
        #expect(site.told.count { $0 == "entrapment cleared" } == 1)
        let last = try #require(site.events.last { ($0["data"] as? [String: Any])?["state"] as? String == "cleared" })
        #expect((last["data"] as? [String: Any])?["reason"] as? String == "lift_removed")
    }

    /// Killed every few seconds it would otherwise start ever more slowly, and tell its log of every alert anew each time.
    @Test func whatWasFoldedAgainAfterACrashIsNotFoldedAThirdTime() throws {
        let site = try crashedSite()
        for starts in 2...3 {
            try site.startDaemon()
            #expect(
                site.wait { site.log.components(separatedBy: "the backlog is read").count == starts + 1 }, "\(site.log)"
            )
            if starts == 2 { site.killDaemon() }
        }
        let folded = site.log.split(separator: "\n").compactMap { line in
            line.split(separator: "folded ").dropFirst().first?.split(separator: " ").first.flatMap { Int($0) }
        }
        #expect(folded.count == 3 && folded[1] >= 2 && folded[2] == 0, "\(folded) \(site.log)")
        #expect(site.log.components(separatedBy: "entrapment confirmed").count == 2, "\(site.log)")
        #expect(
            site.wait { site.isDrained && site.status("counters", "alerts") == site.told.count },
            "\(site.told) \(site.status)")
    }

    /// Nothing else is said here that would be committed, so nothing else says for how long somebody listened.
    @Test func aSilenceIsNoticedThroughKillsOnASiteWhereNothingIsSaid() throws {
        let site = try Site(parameters: "report_overdue: 5s, controller_silent_after: 8s", lifts: ["1"])
        for life in 1...3 {
            try site.startDaemon()
            #expect(site.wait { site.isDrained })
            if life == 1 { site.say("1", state(1, zone: true, occupied: false)) }
            site.wait(6.5) { false }
            site.killDaemon()
        }
        #expect(site.told == [])
        try site.startDaemon()
        // The first word was waited for through two lives: a third of the 15 s is left.
        #expect(site.wait(10) { site.told == ["controller_silent raised"] }, "\(site.told) \(site.log)")
    }

    // MARK: Time

    @Test func aRestartInTheSameBootGoesOnWithTheSameTimeLine() {
        let lag = Int64(3 * 3600) * 1_000_000_000
        let before = GatewayClock(notBefore: nil)
        let behind = GatewayClock(notBefore: before.now - .nanoseconds(lag), line: before.anchor - lag)
        #expect(behind.anchor == before.anchor - lag, "three hours that somebody set the clock by have not passed")
        #expect(
            GatewayClock(notBefore: before.now + .seconds(60), line: before.anchor - lag).now > before.now
                + .seconds(59))
    }

    @Test func aWindowEndsWhenThePersonsClockSaysSo() {
        let until = Instant(seconds: 10_000)
        let order = Order.maintenance(lift: "1", until: until, by: "Li", reason: "ropes")
        // The line is three hours behind the wall clock.
        #expect(
            order.moved(by: .seconds(-10_800))
                == .maintenance(lift: "1", until: until - .seconds(10_800), by: "Li", reason: "ropes"))
        #expect(
            Order.maintenanceEnds(lift: "1", by: "Li").moved(by: .seconds(9)) == .maintenanceEnds(lift: "1", by: "Li"))
    }
}
