import Contract
import Encoding
import Foundation
import Journal
import LiftModel
import Testing

@testable import Gateway
@testable import GatewayCore
@testable import hoistway_sim

extension Site {
    /// A lift's fault that lasts long enough for its rule.
    func fault(_ lift: String, _ sequence: Int = 1) {
        send(lift, state(sequence, zone: true, codes: "[\"02\"]"))
    }
}

/// Routes and centres with the real daemon: which centre receives what by which route, and the
/// commands that come back.
@Suite(.serialized) struct RoutesTests {
    /// A site with a suspected and delivered entrapment in lift 1, and the alert's id.
    private func suspectedSite() throws -> (Site, String) {
        let site = try Site(parameters: quick)
        try site.startDaemon()
        #expect(site.wait { site.isDrained })
        site.trap()
        #expect(site.wait { site.alertStates.contains("entrapment suspected") })
        return (site, String(try #require(site.received.keys.first?.prefix(36))))
    }

    // MARK: Several routes, several centres

    @Test func anEventLongerThanTheCentresBrokerTakesHoldsUpNoOther() throws {
        let site = try Site(parameters: quick, brokerSettings: "max_packet_size 4000")
        try site.rewriteConfiguration {
            $0.replacingOccurrences(
                of: "lifts: [\"1\", \"2\"]",
                with:
                    "lifts: [\"1\", { id: \"2\", place: \"\(String(repeating: "far ", count: 1500))\" }]"
            )
        }
        try site.startDaemon()
        #expect(site.wait { site.isDrained })
        site.fault("2")
        #expect(site.wait { site.log.contains("cannot be sent") }, "\(site.account)")
        site.trap()
        #expect(site.wait { site.alertStates.contains("entrapment confirmed") }, "\(site.account)")
        #expect(
            site.status("centre", "connect_failures") == 0,
            "the link is not to blame: \(site.status)")
        let refused = try Site.run([
            "journal", "refused", "--file", site.folder + "/state/journal.db",
        ])
        #expect(refused.output.contains("max_packet_size"), "\(refused.output)")
    }

    @Test func anEntrapmentWithoutAReceiptGoesByTheNextRouteAndAFaultDoesNot() throws {
        let second = try HTTPCentre()
        let site = try Site(
            parameters: quick,
            centres: """
                centre:
                  routes: [{ url: "mqtt://127.0.0.1:PORT" }, { url: "\(second.url)" }]
                  fallback: { entrapment: 2s, fault: 10m }
                """)
        site.answersReceipts = false
        try site.startDaemon()
        #expect(site.wait { site.isDrained })
        let began = Date().timeIntervalSince1970
        site.trap()
        site.fault("2")
        #expect(
            site.wait { second.alertStates.contains("entrapment suspected") },
            "\(second.alertStates) \(site.log)")
        let arrived = try #require(second.eventRequests.first?.at)
        #expect(arrived - began >= 3, "the rule's hold and the fallback's two seconds")
        #expect(site.wait { site.alertStates.contains { $0.hasPrefix("door_close_fault") } })
        #expect(!second.alertStates.contains { $0.hasPrefix("door_close_fault") })
    }

    @Test func anEntrapmentThatNobodyAcceptsLeavesByEveryRouteThoughItWasStored() throws {
        let second = try HTTPCentre()
        let site = try Site(
            parameters: quick + ", accept_within: 4s",
            centres:
                "centre: { routes: [{ url: \"mqtt://127.0.0.1:PORT\" }, { url: \"\(second.url)\" }] }"
        )
        try site.startDaemon()
        #expect(site.wait { site.isDrained })
        site.trap()
        #expect(
            site.wait {
                second.eventRequests.contains {
                    String(decoding: $0.body, as: UTF8.self).contains("not_accepted")
                }
            })
        #expect(!second.alertStates.contains("entrapment suspected"), "that one had its receipt")
        #expect(site.received.values.allSatisfy { $0 == 1 })
    }

    @Test func threeCentresReceiveOneEventIndependently() throws {
        let (keeper, owner) = (
            try HTTPCentre(), try HTTPCentre { _ in HTTPCentre.Answer(status: 500) }
        )
        let site = try Site(
            parameters: quick,
            centres: """
                centres:
                  - { name: city, url: "mqtt://127.0.0.1:PORT" }
                  - { name: keeper, url: "\(keeper.url)", lanes: [entrapment] }
                  - { name: owner, url: "\(owner.url)" }
                """)
        try site.startDaemon()
        #expect(site.wait { site.isDrained })
        site.trap()
        site.fault("2")
        #expect(
            site.wait {
                keeper.alertStates.count >= 2
                    && site.alertStates.contains { $0.hasPrefix("door_close_fault") }
            })
        #expect(
            !keeper.alertStates.contains { $0.hasPrefix("door_close_fault") },
            "it wants entrapments only")
        #expect(
            site.wait { site.status("centre", "backlog") > 0 },
            "the owner's centre is down, and all its events are pending")
        owner.now { _ in HTTPCentre.Answer() }
        #expect(site.wait(40) { site.status("centre", "backlog") == 0 }, "\(site.status)")
        #expect(Set(owner.alertStates).isSuperset(of: keeper.alertStates))
    }

    // MARK: Centre commands

    @Test func aPersonsCommandIsFollowedOnceAnsweredAndSentToEveryCentre() throws {
        let (site, alert) = try suspectedSite()
        let accepted = #"{"word":"accepted","alert_id":"\#(alert)","by":"李伟","word_id":"1"}"#
        site.sendCommand(accepted)
        #expect(site.wait { site.eventData("word").count == 1 }, "\(site.account)")
        site.sendCommand(accepted)
        site.sendCommand(
            #"{"word":"released","alert_id":"\#(alert)","by":"李伟","people":3,"word_id":"2"}"#)
        site.sendCommand(
            #"{"word":"end_of_alarm","alert_id":"\#(alert)","by":"李伟","people":3,"word_id":"3"}"#)
        site.sendCommand(#"{"word":"accepted","alert_id":"nobody","by":"李伟","word_id":"4"}"#)
        #expect(
            site.wait { site.eventData("word").count == 4 }, "\(site.eventData("word")) \(site.log)"
        )
        #expect(
            site.eventData("word").map { $0["followed"] as? Bool } == [true, true, true, false])
        #expect(site.eventData("word")[3]["problem"] as? String == "no alert 'nobody' is open here")
        let reasons = site.eventData("alert").compactMap { $0["reason"] as? String }
        #expect(reasons.filter { $0 == "accepted" }.count == 1)
        let released =
            site.eventData("alert").first { $0["reason"] as? String == "released" }?["statement"]
            as? [String: Any]
        #expect(released?["by"] as? String == "李伟 (centre)" && released?["people"] as? Int == 3)
        // Sent again after a restart, as by a centre that has not received the answer.
        site.stopDaemon()
        site.sendCommand(accepted)
        try site.startDaemon()
        #expect(site.wait { site.isDrained })
        site.sendCommand(#"{"word":"arrived","alert_id":"nobody","by":"李伟","word_id":"5"}"#)
        #expect(site.wait { site.eventData("word").contains { $0["word_id"] as? String == "5" } })
        #expect(site.eventData("word").filter { $0["word_id"] as? String == "1" }.count == 1)
        #expect(site.alertStates.contains("entrapment cleared"))
    }

    @Test func anExportedJournalReplaysToTheSameAlertsWithOperatorActions() throws {
        let (site, id) = try suspectedSite()
        for kind in ["accepted", "arrived", "end_of_alarm"] {
            site.sendCommand(
                #"{"word":"\#(kind)","alert_id":"\#(id)","by":"Li","word_id":"\#(kind)"}"#)
        }
        #expect(
            site.wait {
                site.eventData("word").count == 3 && site.alertStates.contains("entrapment cleared")
            },
            "\(site.account)")
        site.stopDaemon()
        let journal = site.folder + "/state/journal.db"
        func ids(_ output: String) -> Set<String> {
            Set(output.split(separator: "\n").compactMap { JSONValue(Array($0.utf8))?["id"]?.text })
        }
        let listed = ids(
            try Site.run(["journal", "list", "--format", "json", "--file", journal]).output)
        let exported = try Site.run(["journal", "export", "--file", journal])
        // Its standard error is in the same file here.
        let trace = exported.output.split(separator: "\n").filter { $0.hasPrefix("{") }.joined(
            separator: "\n")
        try trace.write(toFile: site.folder + "/trace.ndjson", atomically: true, encoding: .utf8)
        let replay = [
            "replay", site.folder + "/trace.ndjson", "--config", site.folder + "/hoistway.yaml",
        ]
        let replayed = try Site.run(replay + ["--identity", site.journalIdentity])
        #expect(listed.count >= 4 && ids(replayed.output) == listed, "\(listed) \(replayed.output)")
        // Under other ids the commands are about no alert.
        #expect(try Site.run(replay).output.contains("--identity"))
    }

    @Test func aFloodOfCommandsDelaysNoAcceptanceForLong() throws {
        let (site, id) = try suspectedSite()
        for n in 0..<300 {
            site.sendCommand(#"{"word":"arrived","alert_id":"nobody","by":"X","word_id":"x\#(n)"}"#)
        }
        site.sendCommand(#"{"word":"accepted","alert_id":"\#(id)","by":"Li","word_id":"real"}"#)
        #expect(
            site.wait(10) {
                site.eventData("word").contains { $0["word_id"] as? String == "real" }
            },
            "\(site.log.suffix(3000))")
    }

    @Test func whatIsNoAnswerIsCountedAndSaidAndNothingWorse() throws {
        let site = try Site(parameters: quick)
        try site.startDaemon()
        #expect(site.wait { site.isDrained })
        for junk in [
            "", "null", "[]", "{}", "\u{0}", #"{"words":[{"word":"accepted"}]}"#,
            String(repeating: "[", count: 5000),
        ] {
            site.publish("hoistway/v1/test/word", junk)
            site.publish("hoistway/v1/test/receipt", junk)
        }
        #expect(site.wait { site.status("centre", "unmatched_receipts") >= 14 }, "\(site.status)")
        site.trap()
        #expect(site.wait { site.alertStates.contains("entrapment suspected") })
    }

    // MARK: Self-test

    @Test func theSelfTestTravelsTheWholeWayAndTouchesNoLift() throws {
        let site = try Site(parameters: quick)
        try site.startDaemon()
        #expect(site.wait { site.isDrained })
        try ActionInbox(stateFolder: site.folder + "/state").requestSelfTest()
        #expect(site.wait(40) { site.eventData("selftest").count == 1 }, "\(site.account)")
        let result = site.eventData("selftest")[0]
        #expect(result["passed"] as? Bool == true, "\(result)")
        let tests = site.eventData("alert")
        #expect(!tests.isEmpty && tests.allSatisfy { $0["test"] as? Bool == true })
        #expect(tests.last?["state"] as? String == "cleared", "the virtual lift's doors opened")
        #expect(site.retained("state")?.contains("hoistway-selftest") == false)
        #expect(site.wait { site.status("counters", "messages") > 0 })
        let bad = (site.status["bad_input"] as? [String: Any])?["counts"] as? [String: Any]
        #expect(bad?.isEmpty == true)
    }

    @Test func aSelfTestThatARestartCutsOffLeavesNothingOpen() throws {
        let site = try Site(parameters: quick)
        try site.startDaemon()
        #expect(site.wait { site.isDrained })
        site.answersReceipts = false
        try ActionInbox(stateFolder: site.folder + "/state").requestSelfTest()
        #expect(
            site.wait(20) { site.eventData("alert").contains { $0["test"] as? Bool == true } },
            "\(site.account)")
        site.stopDaemon()
        site.answersReceipts = true
        try site.startDaemon()
        #expect(
            site.wait {
                site.eventData("alert").contains {
                    $0["test"] as? Bool == true && $0["state"] as? String == "cleared"
                }
            },
            "\(site.account)")
        let ids = Set(site.eventData("alert").compactMap { $0["alert_id"] as? String })
        #expect(ids.count == 1)
    }

    @Test func aCentreHasNoCommandsForAlertsThatItDoesNotReceive() throws {
        let keeper = try HTTPCentre()
        let site = try Site(
            parameters: quick,
            centres: """
                centres:
                  - { name: city, url: "mqtt://127.0.0.1:PORT" }
                  - { name: keeper, url: "\(keeper.url)", lanes: [fault] }
                """)
        try site.startDaemon()
        #expect(site.wait { site.isDrained })
        site.trap()
        #expect(site.wait { site.alertStates.contains("entrapment suspected") })
        let alert = try #require(site.received.keys.first?.prefix(36))
        keeper.now { _ in
            HTTPCentre.Answer(
                status: 200,
                body:
                    #"{"words":[{"word":"end_of_alarm","alert_id":"\#(alert)","by":"K","word_id":"1"}]}"#
            )
        }
        #expect(site.wait(30) { site.eventData("word").count == 1 }, "\(site.account)")
        #expect(site.eventData("word")[0]["followed"] as? Bool == false)
        #expect(!site.alertStates.contains("entrapment cleared"))
    }

    @Test func aFailedSelfTestIsSentByEveryRouteAtOnce() {
        var report = SelfTest.Report(started: Instant(nanoseconds: 0))
        report.ended = 150
        report.problem = "no receipt from city in 150s"
        let event = OutboundEvent.selfTest(
            report, site: AlertEvent.Site(id: "s"), at: Instant(nanoseconds: 1))
        #expect(event.lastImmediateRoute == .max && event.lane == .fault)
        report.problem = nil
        #expect(
            OutboundEvent.selfTest(
                report, site: AlertEvent.Site(id: "s"), at: Instant(nanoseconds: 1)
            )
            .lastImmediateRoute == 0)
    }
}
