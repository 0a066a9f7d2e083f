import Foundation
import Testing

@testable import Gateway
@testable import Journal

/// The real daemon with a real broker. The tests run one after the other: two cores are needed for
/// the programs.
@Suite(.serialized) struct EndToEndTests {
    @Test func aTrappedPassengerReachesTheCentreAndIsCountedOnce() throws {
        let site = try Site(parameters: quick)
        try site.startDaemon()
        #expect(site.wait { site.isDrained })
        site.trap()
        #expect(site.wait { site.alertStates.contains("entrapment confirmed") }, "\(site.account)")
        #expect(site.alertStates.prefix(2) == ["entrapment suspected", "entrapment confirmed"])
        #expect(
            site.wait {
                site.status("centre", "backlog") == 0 && site.status("centre", "receipts") >= 2
            })
        #expect(
            site.wait { site.retained("state")?.contains("entrapment") == true },
            "the retained state names the open alert")
        #expect(site.retained("state")?.contains("\"may_hold_people\":[\"1\"]") == true)
        #expect(site.received.values.allSatisfy { $0 == 1 })
    }

    @Test func killedBetweenReadAndCommitTheBrokerSendsAgainAndTheAlertExistsOnce() throws {
        let site = try Site(parameters: quick)
        try site.startDaemon()
        #expect(site.wait { site.isDrained })
        site.stopDaemon()
        try site.startDaemon(crashAt: "after_read:1")
        site.trap()
        #expect(site.wait { !site.isDaemonRunning }, "it kills itself after the read")
        #expect(site.daemonOutcome == -SIGKILL)
        try site.startDaemon()
        #expect(site.wait { site.alertStates.contains("entrapment confirmed") }, "\(site.account)")
        #expect(site.alertStates == ["entrapment suspected", "entrapment confirmed"])
        #expect(site.wait { site.status("counters", "messages") == 2 }, "\(site.status)")
    }

    @Test func killedBetweenCommitAndAcknowledgementTheRedeliveryHasNoEffectOnACount() throws {
        let rules = """
            rules:
              - rule: often
                kind: door_close_often
                when: count(rise("02" in codes), 1h) >= 3
                title: { en: often, zh: 频繁 }
            """
        let site = try Site(rules: rules)
        try site.startDaemon()
        #expect(site.wait { site.isDrained })
        var count = 0
        func close(_ fault: Bool) {
            count += 1
            site.send(
                "1", "{\"Message_Code\":\"02\",\"Active\":\(fault),\"Sequence\":\(count)}",
                on: "event")
        }
        site.send("1", state(1))
        close(true)
        close(false)
        #expect(site.wait { site.status("counters", "messages") == 3 })
        site.stopDaemon()
        try site.startDaemon(crashAt: "after_commit:3")
        #expect(site.wait { site.isDrained })
        close(true)
        #expect(
            site.wait { !site.isDaemonRunning }, "it kills itself after the commit: \(site.account)"
        )
        try site.startDaemon()
        #expect(
            site.wait { site.isDrained && site.status("counters", "redelivered") >= 1 },
            "\(site.status)")
        close(false)
        usleep(600_000)
        #expect(site.alertStates == [], "two rises, one of them delivered twice, are not three")
        close(true)
        #expect(
            site.wait { site.alertStates == ["door_close_often raised"] }, "\(site.alertStates)")
    }

    @Test func aCentreThatIsAwayGetsEverythingOnceItIsBack() throws {
        let site = try Site(parameters: quick)
        site.answersReceipts = false
        try site.startDaemon()
        #expect(site.wait { site.isDrained })
        site.trap()
        #expect(site.wait { site.alertStates.contains("entrapment confirmed") })
        site.stopDaemon()
        site.answersReceipts = true
        try site.startDaemon()
        #expect(site.wait { site.isDrained && site.status("centre", "backlog") == 0 })
        #expect(
            site.received.values.allSatisfy { $0 >= 2 },
            "without a receipt it was sent again: \(site.received)")
        #expect(site.alertStates.count == 2)
    }

    @Test func anEntrapmentDoesNotWaitForASlowCentreToAnswerForFaults() throws {
        let lifts = (1...50).map(String.init)
        let site = try Site(parameters: quick, lifts: lifts)
        site.answersReceipts = false
        try site.startDaemon()
        #expect(site.wait { site.isDrained })
        for lift in lifts { site.send(lift, state(1, zone: true, codes: "[\"02\"]")) }
        #expect(
            site.wait { site.received.count == 32 },
            "the window is full of faults without a receipt")
        site.send("1", state(2, moving: 1))
        site.send("1", state(3))
        #expect(
            site.wait(6) { site.alertStates.contains("entrapment suspected") },
            "\(site.alertStates.suffix(3))")
    }

    @Test func badInputIsCountedKeptAndNeverFatal() throws {
        let site = try Site(parameters: quick)
        try site.startDaemon()
        #expect(site.wait { site.isDrained })
        site.send("1", "this is no JSON")
        site.send("nobody", state(1))
        site.send("1", String(repeating: "x", count: 70_000))
        site.send("1", "{\"Car_Position\":\"B1\",\"Time_Stamps\":\"3026-01-01T00:00:00Z\"}")
        site.send("1", "{\"Identification_Number\":\"2\"}")
        site.send("1", "")
        #expect(
            site.wait {
                (site.status["bad_input"] as? [String: Any])?["counts"] as? [String: Int] == [
                    "plain_text": 1, "empty": 1, "unknown_lift": 1, "too_long": 1, "field": 2,
                    "another_lift": 1,
                ]
            }, "\(site.status["bad_input"] ?? "")")
        site.trap()
        #expect(site.wait { site.alertStates.contains("entrapment confirmed") })
        let lines = site.log.split(separator: "\n").count
        for _ in 0..<500 { site.send("1", "nonsense") }
        #expect(site.wait { site.status("counters", "messages") > 500 })
        #expect(
            site.log.split(separator: "\n").count < lines + 10, "bad input is no log line for each")
        let page = try Site.run(["status", "--config", site.folder + "/hoistway.yaml"])
        #expect(page.output.contains("unknown_lift 1"), "\(page.output)")
    }

    @Test func aWindowOfAlertsThatWaitedInTheBrokerIsReadInAFewCommits() throws {
        // A rule whose verdict changes with each message.
        let site = try Site(
            rules:
                "rules: [{ rule: high, kind: high, severity: major, when: floor >= 9, title: { en: high, zh: h } }]"
        )
        try site.startDaemon()
        #expect(site.wait { site.isDrained })
        site.stopDaemon()
        for sequence in 1...600 {
            site.send(
                "1",
                "{\"Sequence\":\(sequence),\"Service_Mode\":1,\"Car_Position\":\(sequence % 2 * 9)}"
            )
        }
        site.wait(1) { false }
        try site.startDaemon()
        #expect(
            site.wait { site.isDrained && site.status("counters", "alerts") == 600 },
            "\(site.account)")
        // One commit for each message would be one sync for each, which on slow flash exceeds the
        // broker's patience.
        #expect(
            site.status("counters", "commits") < 60, "\(site.status("counters", "commits")) commits"
        )
    }

    @Test func theRecordingReplaysToTheAlertsOfTheLiveRun() throws {
        let site = try Site(parameters: quick)
        let trace = site.folder + "/trace.ndjson"
        try site.startDaemon(arguments: ["--record", trace])
        #expect(site.wait { site.isDrained })
        for sequence in 1...40 {
            site.send("1", state(sequence, moving: sequence < 10 || sequence > 30 ? 1 : 0))
            site.send("2", state(sequence, moving: 1, codes: sequence % 7 == 0 ? "[\"90\"]" : "[]"))
            site.serve()
            usleep(150_000)
        }
        #expect(site.wait { site.alertStates.contains("entrapment confirmed") })
        site.stopDaemon()
        site.wait(1) { false }
        func replay() throws -> String {
            let result = try Site.run([
                "replay", trace, "--config", site.folder + "/hoistway.yaml", "--identity",
                try site.journalIdentity,
            ])
            #expect(result.status == 0, "\(result.output)")
            return result.output.split(separator: "\n").filter { $0.hasPrefix("{") }.joined(
                separator: "\n")
        }
        let first = try replay()
        #expect(try replay() == first, "byte for byte")
        func key(_ event: [String: Any]) -> String {
            let data = event["data"] as! [String: Any]
            return "\(event["id"]!) \(data["state"]!) \(data["event_s"]!)"
        }
        let replayed = try first.split(separator: "\n").map {
            key(try JSONSerialization.jsonObject(with: Data($0.utf8)) as! [String: Any])
        }
        #expect(Set(replayed) == Set(site.events.map(key)))
        #expect(replayed.count >= 3)
    }

    @Test func aLibraryErrorThatWouldBeFinalIsARetry() throws {
        let site = try Site(parameters: quick)
        let path = site.folder + "/hoistway.yaml"
        let plain = try String(contentsOfFile: path, encoding: .utf8)
        // TLS towards a port that speaks none.
        try plain.replacingOccurrences(
            of: "broker: { url: \"mqtt:", with: "broker: { url: \"mqtts:"
        ).write(
            toFile: path, atomically: true, encoding: .utf8)
        try site.startDaemon()
        #expect(
            site.wait(30) {
                ((site.status["broker"] as? [String: Any])?["failures"] as? Int ?? 0) >= 3
            },
            "\(site.account)")
        #expect(site.isDaemonRunning)
        #expect(site.log.contains("Next attempt in"))
    }

    @Test func nothingIsEverPublishedTowardsALift() throws {
        let site = try Site(parameters: quick)
        let observer = Wire(port: site.port, clientID: "observer")
        #expect(observer.connect(subscribingTo: ["#"]))
        try site.startDaemon()
        #expect(site.wait { site.isDrained })
        site.trap()
        var topics: [String] = []
        site.wait(8) {
            topics += observer.turn().map(\.topic)
            return site.alertStates.contains("entrapment confirmed")
        }
        let others = topics.filter { !$0.hasPrefix("hoistway/") && $0 != "lifts/1/state" }
        #expect(others == [])
        #expect(topics.filter { $0 == "lifts/1/state" }.count == 2, "only the lift's own messages")
    }
}

extension EndToEndTests {
    /// The client's promise: reading does not acknowledge, writing does.
    @Test func whatWasReadAndNotWrittenIsSentAgain() throws {
        let site = try Site()
        let reader = Wire(port: site.port, clientID: "reader")
        #expect(reader.connect(subscribingTo: ["probe/#"]))
        for n in 0..<50 { site.publish("probe/x", "\(n)") }
        reader.readOnly(for: 1)
        #expect(reader.mids.count == 50)
        reader.drop()
        let again = Wire(port: site.port, clientID: "reader")
        #expect(again.connect())
        for _ in 0..<50 { _ = again.turn() }
        #expect(again.mids == reader.mids, "all fifty, with their packet ids")
        again.drop()
        let third = Wire(port: site.port, clientID: "reader")
        #expect(third.connect())
        for _ in 0..<20 { _ = third.turn() }
        #expect(third.mids == [], "what was written is acknowledged")
    }

    @Test func reloadsUnderTrafficLoseNoHoldAndDoubleNothing() throws {
        func rules(_ other: Int) -> String {
            """
            rules:
              - { rule: stands, kind: stands, when: not moving, for: 4s, title: { en: s, zh: s } }
              - { rule: other, kind: other, when: floor > \(100 + other), title: { en: o, zh: o } }
            """
        }
        let site = try Site(rules: rules(0))
        try site.startDaemon()
        #expect(site.wait { site.isDrained })
        site.trap()
        for round in 1...20 {
            try rules(round).write(
                toFile: site.folder + "/rules.yaml", atomically: true, encoding: .utf8)
            site.reload()
            site.send("1", state(2 + round))
            _ = site.wait(0.1) { false }
        }
        #expect(site.wait { !site.alertStates.isEmpty }, "\(site.account)")
        #expect(site.alertStates == ["stands raised"])
        #expect(site.wait { site.status("counters", "messages") == 22 }, "\(site.status)")
        let data = site.events.first?["data"] as? [String: Any]
        let hold = (data?["event_s"] as? Double ?? 0) - (data?["onset_s"] as? Double ?? 0)
        #expect(abs(hold - 4) < 0.01, "the hold went on through every reload: \(hold)")
        #expect(site.log.contains("rules reloaded"))
        // A mistake in the file: the old rules stay in force, and the log has its location.
        try "rules: [{ rule: x }]".write(
            toFile: site.folder + "/rules.yaml", atomically: true, encoding: .utf8)
        site.reload()
        #expect(site.wait { site.log.contains("the old ones stay in force") })
        site.send("1", state(50, moving: 1))
        #expect(site.wait { site.alertStates == ["stands raised", "stands cleared"] })
    }

    @Test func whatWaitedUnreadBehindAStallIsNoSilence() throws {
        let rules = """
            rules:
              - { rule: quiet, kind: quiet, when: silent(2s), title: { en: q, zh: q } }
            """
        let lifts = (1...20).map(String.init)
        let site = try Site(rules: rules, lifts: lifts)
        try site.startDaemon()
        #expect(site.wait { site.isDrained })
        var sent = 0
        func speak(for seconds: Double) {
            let end = Date().addingTimeInterval(seconds)
            while Date() < end {
                sent += 1
                let time = Date().formatted(
                    .iso8601.year().month().day().time(includingFractionalSeconds: true))
                for lift in lifts {
                    site.send(lift, state(sent, extra: ",\"Time_Stamps\":\"\(time)Z\""))
                }
                site.serve()
                usleep(20_000)
            }
        }
        speak(for: 1)
        site.freezeDaemon()
        speak(for: 8)
        let waited = sent * lifts.count
        site.thawDaemon()
        speak(for: 3)
        #expect(waited > 1000, "more than the broker sends without an acknowledgement: \(waited)")
        // No lift falls silent until the gateway has read everything.
        #expect(
            site.wait {
                speak(for: 0.2)
                return site.isDrained
            })
        #expect(site.log.contains("waited unread"), "\(site.account)")
        #expect(site.alertStates == [], "no lift was silent")
        #expect(
            site.wait(20) { site.alertStates.count == lifts.count },
            "and now everybody is: \(site.alertStates)")
    }

    @Test func aWrongConfigurationTouchesNoJournal() throws {
        let site = try Site(parameters: quick)
        try site.startDaemon()
        #expect(site.wait { site.isDrained })
        site.stopDaemon()
        let before = try Data(contentsOf: URL(fileURLWithPath: site.folder + "/state/journal.db"))
        try site.rewriteConfiguration {
            $0.replacingOccurrences(of: "state_folder", with: "state_foldr")
        }
        try site.startDaemon()
        #expect(site.wait { !site.isDaemonRunning })
        #expect(site.daemonOutcome == 2, "\(site.account)")
        #expect(
            try Data(contentsOf: URL(fileURLWithPath: site.folder + "/state/journal.db")) == before)
    }

    @Test(arguments: [false, true]) func theBuildingsBrokerMayRestartAndForgetItsSessions(
        _ losesSessions: Bool
    ) throws {
        let site = try Site(parameters: quick)
        try site.startDaemon()
        #expect(site.wait { site.isDrained })
        site.stopBroker(losesSessions: losesSessions)
        #expect(site.wait { !site.isDrained }, "no lift is observed, and the status shows it")
        try site.startBroker()
        #expect(site.wait(30) { site.isDrained }, "\(site.account)")
        #expect(
            site.log.components(separatedBy: "session \(losesSessions ? "new" : "kept")").count
                == (losesSessions ? 3 : 2),
            "\(site.account)")
        site.trap()
        #expect(site.wait { site.alertStates.contains("entrapment confirmed") }, "\(site.account)")
    }
}
