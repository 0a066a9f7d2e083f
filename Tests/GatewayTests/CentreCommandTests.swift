import Foundation
import Testing

@testable import Contract
@testable import Gateway
@testable import hoistway_sim

/// Operator actions on an entrapment, from a centre and from the command line, through the real
/// daemon.
@Suite(.serialized) struct CentreCommandTests {
    /// Only a person can confirm this alert.
    private static let rules = """
        rules:
          - rule: stuck
            kind: entrapment
            severity: critical
            when: not moving and not in_door_zone
            for: 1s
            because: off_level
            escalates: { to: confirmed, for: 1h }
            clear: in_door_zone
            title: { en: stuck, zh: 困人 }
        """

    @Test func acceptedAndVerifiedGoTheWholeWay() throws {
        let site = try Site(rules: Self.rules)
        try site.startDaemon()
        #expect(site.wait { site.isDrained })
        site.send("1", state(1, moving: 1))
        site.send("1", state(2, occupied: false))
        #expect(site.wait { site.alertStates.contains("entrapment suspected") }, "\(site.account)")
        let id = String(try #require(site.received.keys.first?.prefix(36)))
        site.sendCommand(#"{"word":"accepted","alert_id":"\#(id)","by":"李伟","word_id":"1"}"#)
        #expect(
            site.wait { site.retained("state")?.contains(#""accepted_by":"李伟 (centre)""#) == true },
            "\(site.account)")
        #expect(!site.alertStates.contains("entrapment confirmed"))
        let command = [
            "incident", "verify", id, "--known-by", "on_site", "--people", "2", "--by", "Li",
            "--config",
            site.folder + "/hoistway.yaml",
        ]
        let verified = try Site.run(command)
        #expect(
            verified.status == 0 && verified.output.contains("2 people in the car, verified by Li"))
        #expect(site.wait { site.alertStates.contains("entrapment confirmed") }, "\(site.account)")
        let alert = try #require(
            site.eventData("alert").last { $0["reason"] as? String == "verified" })
        let statement = alert["statement"] as? [String: Any]
        #expect(statement?["known_by"] as? String == "on_site" && statement?["people"] as? Int == 2)
        #expect(
            alert["occupancy"] as? String == "yes"
                && alert["occupancy_source"] as? String == "person")
        #expect(
            (alert["disbelieved"] as? [String: Any])?["compartments.main.occupied"] as? Bool
                == false)
        let status = try Site.run(["status", "--config", site.folder + "/hoistway.yaml"]).output
        #expect(
            status.contains("entrapment confirmed") && status.contains("  李伟 (centre)"), "\(status)"
        )
        // The doors are open before the rescuer reports.
        site.send("1", state(3, zone: true, closed: false, occupied: false))
        #expect(site.wait { site.alertStates.contains("entrapment cleared") }, "\(site.account)")
        site.sendCommand(
            #"{"word":"end_of_alarm","alert_id":"\#(id)","by":"李伟","people":2,"word_id":"2"}"#)
        #expect(site.wait { site.eventData("word").count == 2 }, "\(site.account)")
        #expect(site.eventData("word")[1]["followed"] as? Bool == true)
    }

    @Test func aCommandIdOfAnotherCommandIsRefusedAndARepeatIsAnsweredOnce() throws {
        let site = try Site(rules: Self.rules)
        try site.startDaemon()
        #expect(site.wait { site.isDrained })
        for lift in ["1", "2"] { site.trap(lift) }
        #expect(site.wait { site.eventData("alert").count == 2 }, "\(site.account)")
        let ids = site.eventData("alert").compactMap { $0["alert_id"] as? String }
        let first = #"{"word":"accepted","alert_id":"\#(ids[0])","by":"Li","word_id":"1"}"#
        let others = [
            #"{"word":"accepted","alert_id":"\#(ids[1])","by":"Li","word_id":"1"}"#,
            #"{"word":"end_of_alarm","alert_id":"\#(ids[0])","by":"Li","word_id":"1"}"#,
        ]
        site.sendCommand(first)
        #expect(site.wait { site.eventData("word").count == 1 }, "\(site.account)")
        for command in [first] + others + [first] + others { site.sendCommand(command) }
        #expect(site.wait { site.eventData("word").count == 3 }, "\(site.account)")
        site.killDaemon()
        try site.startDaemon()
        #expect(site.wait { site.isDrained })
        for command in [first] + others { site.sendCommand(command) }
        site.sendCommand(#"{"word":"accepted","alert_id":"\#(ids[1])","by":"Li","word_id":"2"}"#)
        #expect(
            site.wait { site.eventData("word").contains { $0["word_id"] as? String == "2" } },
            "\(site.account)")
        var seen: Set<String> = []
        let answers = site.events.filter {
            $0["type"] as? String == "org.hoistway.word.v1"
                && seen.insert($0["id"] as? String ?? "").inserted
        }.compactMap { $0["data"] as? [String: Any] }
        #expect(
            answers.map { $0["followed"] as? Bool } == [true, false, false, true], "\(answers)")
        #expect(
            (answers[1]["problem"] as? String)?.contains("was used for another command before")
                == true)
        #expect(
            answers[1]["alert_id"] as? String == ids[1]
                && answers[2]["alert_id"] as? String == ids[0])
        #expect(!site.alertStates.contains("entrapment cleared"))
    }

    @Test func whatCannotBeReadIsAnsweredWithWhatWasWrong() throws {
        let site = try Site(rules: Self.rules)
        try site.startDaemon()
        #expect(site.wait { site.isDrained })
        site.sendCommand(#"{"word":"shout","alert_id":"a","by":"Li","word_id":"7"}"#)
        site.publish("hoistway/v1/test/word", "accepted")
        site.publish("hoistway/v1/test/receipt", "stored")
        #expect(site.wait { site.eventData("word").count == 2 }, "\(site.account)")
        let answers = site.eventData("word")
        #expect(answers.allSatisfy { $0["followed"] as? Bool == false })
        #expect(answers[0]["word_id"] as? String == "7" && answers[0]["alert_id"] as? String == "a")
        #expect((answers[0]["problem"] as? String)?.contains("shout") == true)
        #expect(
            (answers[1]["problem"] as? String)?.hasPrefix("not JSON: expected") == true,
            "\(answers)")
        #expect(
            site.log.contains(
                "centre: a command with the word_id '7' about alert 'a' is refused: \"word\": found \"shout\""
            ),
            "\(site.account)")
        #expect(
            site.log.contains("centre: an answer that cannot be followed: not JSON"),
            "\(site.account)")
        var check = try StreamCheck(contract: Site.root + "/docs/contract")
        for event in site.events where event["type"] as? String == "org.hoistway.word.v1" {
            check.take(Array(try JSONSerialization.data(withJSONObject: event)))
        }
        #expect(check.breaches == [])
    }

    @Test func whereTheCentresKeyIsPinnedOnlySignedCommandsAreFollowed() throws {
        let site = try Site(
            rules: Self.rules,
            centres:
                "centre: { url: \"mqtt://127.0.0.1:PORT\", command_key: state/command.pem.pub }"
        )
        let key = site.folder + "/state/command.pem"
        try FileManager.default.createDirectory(
            atPath: site.folder + "/state", withIntermediateDirectories: true)
        _ = try Signer(keyFile: key)
        try site.startDaemon()
        #expect(site.wait { site.isDrained }, "\(site.account)")
        site.trap()
        #expect(site.wait { !site.eventData("alert").isEmpty }, "\(site.account)")
        let alert = try #require(site.eventData("alert")[0]["alert_id"] as? String)
        func command(_ kind: String, _ id: String) -> String {
            #"{"word":"\#(kind)","alert_id":"\#(alert)","by":"Li","word_id":"\#(id)","site":"test","time":"\#(Date.now.ISO8601Format())"}"#
        }
        let signed = try #require(
            Signature.sign(Array(command("accepted", "1").utf8), privateKeyFile: key))
        site.sendCommand(command("end_of_alarm", "2"))
        site.sendCommand(#"{"jws":"\#(signed)"}"#)
        #expect(site.wait { site.eventData("word").count == 2 }, "\(site.account)")
        // A signed command may be repeated by anyone.
        site.sendCommand(#"{"jws":"\#(signed)"}"#)
        site.sendCommand(#"{"jws":"\#(signed.dropLast(3))AAA"}"#)
        #expect(site.wait { site.eventData("word").count == 3 }, "\(site.account)")
        let followed = site.eventData("word").filter { $0["followed"] as? Bool == true }
        #expect(
            followed.count == 1 && followed[0]["word_id"] as? String == "1",
            "\(site.eventData("word"))")
        #expect(!site.alertStates.contains("entrapment cleared"))
    }

    /// A client that may publish receipts may not end an alarm by one.
    @Test func commandsAreTakenOnTheirTopicOnlyAndAnsweredOnTheOther() throws {
        let site = try Site(rules: Self.rules)
        try site.startDaemon()
        #expect(site.wait { site.isDrained })
        site.answersReceipts = false
        site.trap()
        #expect(site.wait { !site.eventData("alert").isEmpty }, "\(site.account)")
        let alert = try #require(site.eventData("alert")[0]["alert_id"] as? String)
        let command = #"{"word":"end_of_alarm","alert_id":"\#(alert)","by":"Li","word_id":"1"}"#
        site.publish("hoistway/v1/test/receipt", #"{"words":[\#(command)]}"#)
        #expect(site.wait { site.eventData("word").count == 1 }, "\(site.account)")
        let answer = site.eventData("word")[0]
        #expect(answer["followed"] as? Bool == false && answer["word_id"] as? String == "1")
        #expect(
            answer["problem"] as? String
                == "commands are not taken on hoistway/v1/test/receipt; publish them on hoistway/v1/test/word"
        )
        site.publish("hoistway/v1/test/word", #"{"ids":["\#(alert)/1"]}"#)
        #expect(
            site.wait {
                site.log.contains("receipts and refusals are not taken on hoistway/v1/test/word")
            },
            "\(site.account)")
        #expect(
            site.status("centre", "receipts") == 0
                && !site.alertStates.contains("entrapment cleared"))
    }

    /// mosquitto drops a message that is longer than the requested packet size, without a report.
    @Test(arguments: [
        (
            300_000,
            "a command with the word_id '1' about alert 'a' is refused: no alert 'a' is open here"
        ),
        (1_200_000, "bytes or more, expected fewer than 1048576"),
    ])
    func aLongAnswerIsReadOrRefusedWithTheLimitAndNeverSilentlyLost(
        _ bytes: Int, _ expected: String
    ) throws {
        let head =
            #"{"words":[{"word":"arrived","alert_id":"a","by":"Li","word_id":"1"}],"padding":""#
        let answer = head + String(repeating: "x", count: bytes) + "\"}"
        let port = try FreePort.find()
        let site = try Site(
            rules: Self.rules, centres: "centre: { url: \"mqtt://127.0.0.1:\(port)\" }")
        // As another user it could not read its files below a folder that only root may enter.
        let settings =
            "listener \(port) 127.0.0.1\nallow_anonymous true\n"
            + (getuid() == 0 ? "user root\n" : "")
        try settings.write(toFile: site.folder + "/centre.conf", atomically: true, encoding: .utf8)
        let broker = try ChildProcess(
            ["/usr/sbin/mosquitto", "-c", site.folder + "/centre.conf"],
            log: site.folder + "/centre-broker.log")
        defer { broker.end() }
        try site.startDaemon()
        #expect(
            site.wait { site.log.contains("connected to mqtt://127.0.0.1:\(port)") },
            "\(site.account)")
        let file = site.folder + "/answer.json"
        try answer.write(toFile: file, atomically: true, encoding: .utf8)
        let publisher = try ChildProcess(
            [
                "mosquitto_pub", "-V", "5", "-p", "\(port)", "-q", "1", "-t",
                "hoistway/v1/test/word", "-f", file,
            ], log: site.folder + "/publisher.log")
        while publisher.isRunning { usleep(10_000) }
        #expect(site.wait { site.log.contains(expected) }, "\(site.account)")
    }

    @Test(arguments: [
        (
            ["incident", "judge-false", "5c09435c", "--reason", "  ", "--by", "Li"],
            "--reason: found a text in which nothing"
        ),
        (
            ["incident", "judge-false", "5c09435c", "--reason", "no\u{200B}body", "--by", "Li"],
            "U+200B at position 3"
        ),
        (
            ["incident", "accept", "5c09435c", "--by", "\u{200B}"],
            "--by: found the control or invisible character U+200B"
        ),
        (
            ["maintenance", "1", "--until", "2h", "--reason", " ", "--by", "Li"],
            "--reason: found a text in which nothing"
        ),
        (
            [
                "incident", "verify", "5c09435c", "--known-by", "voice", "--condition", "\u{202E}x",
                "--by", "Li",
            ],
            "--condition: found"
        ),
    ])
    func aTextInWhichNothingCanBeSeenIsRefusedByTheCommand(_ command: [String], _ expected: String)
        throws
    {
        let refused = try Site.run(command)
        #expect(refused.status == 64 && refused.output.contains(expected), "\(refused)")
    }

    @Test func aVerificationOfNobodyIsRefusedByTheCommand() throws {
        let refused = try Site.run([
            "incident", "verify", "5c09435c", "--known-by", "voice", "--people", "0", "--by", "Li",
        ])
        #expect(
            refused.status != 0 && refused.output.contains("judge-false says that nobody is there"))
    }
}
