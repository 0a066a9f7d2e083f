import Contract
import Foundation
import LiftModel
import Monitoring
import Testing

@testable import Gateway
@testable import hoistway
@testable import hoistway_sim

/// The texts that commands print for a person.
@Suite(.serialized) struct CommandTextTests {
    private func isShort(_ text: String) -> Bool {
        text.split(separator: "\n").allSatisfy { String($0).terminalColumns <= 80 }
    }
    private func steers(_ text: String) -> Bool {
        ["\u{1B}", "\u{9B}", "\u{202E}"].contains { text.unicodeScalars.contains($0) }
    }

    @Test func aChineseCharacterTakesTwoColumnsOfATable() {
        #expect("电梯 A1".terminalColumns == 7)
        #expect("e\u{301}".terminalColumns == 1)
        #expect(column("电梯", 6) == "电梯  ")
        #expect(column("电梯电梯", 7) == "电梯…  ")
        let lines = table([["电梯", "1"], ["A", "2"]]).split(separator: "\n")
        #expect(lines == ["电梯  1", "A     2"])
        #expect(
            counted(1, "lift") == "1 lift" && counted(2, "lift") == "2 lifts"
                && counted(0, "lift") == "0 lifts")
    }

    @Test func textOfOthersCannotSteerATerminal() {
        #expect(steady("a\u{1B}[31mb\nc\u{9B}2Jd\u{202E}e\tf") == "a [31mb\nc 2Jd e f")
        #expect(column("a\u{1B}[2J", 10) == "a [2J     ")
    }

    @Test func whatAControllerSendsReachesNoTerminalRaw() throws {
        let trace = NSTemporaryDirectory() + "hostile-\(UUID().uuidString).ndjson"
        defer { try? FileManager.default.removeItem(atPath: trace) }
        let payload =
            #"{\"Sequence\":1,\"Service_Mode\":\"\\u001b[2J\\u009b3J\\u202e\",\"Car_Status\":0}"#
        try
            #"{"t": 1, "topic": "lifts/A\#u{9B}2J\#u{202E}/state", "payload": "\#(payload)", "retain": false}"#
            .write(toFile: trace, atomically: true, encoding: .utf8)
        let found = try Site.run(["replay", trace, "--format", "text"])
        #expect(found.output.contains("1 message of 1 lift"), "\(found.output)")
        #expect(found.output.contains("`Service_Mode` \" [2J 3J \""), "\(found.output)")
        #expect(!steers(found.output), "\(found.output.debugDescription)")
    }

    @Test func timesAreLocalWithTheirOffset() throws {
        for (zone, first) in [
            ("CST-8", "2026-03-01T08:00:15.000+08:00"),
            ("NST3:30", "2026-02-28T20:30:15.000-03:30"),
        ] {
            let log = NSTemporaryDirectory() + "zone-\(UUID().uuidString)"
            defer { try? FileManager.default.removeItem(atPath: log) }
            let replay = try ChildProcess(
                [
                    "/usr/bin/env", "TZ=" + zone, "HOISTWAY_DEVICES=" + Site.root + "/Devices",
                    BuiltProgram.path("hoistway"), "replay",
                    Site.root + "/docs/examples/trapped.ndjson",
                    "--format", "text",
                ], log: log)
            while replay.isRunning { usleep(10_000) }
            let output = try String(contentsOfFile: log, encoding: .utf8)
            #expect(output.contains(first), "\(output)")
        }
    }

    @Test func anOrderToAGatewayThatDoesNotRunIsSavedAndTakesEffectAtItsStart() throws {
        let site = try Site(parameters: quick)
        try site.startDaemon()
        #expect(site.wait { site.isDrained })
        site.stopDaemon()
        let maintenance = try site.run([
            "maintenance", "1", "--until", "1h", "--reason", "door", "--by", "Li",
        ])
        #expect(maintenance.status == 7)
        let saved =
            "The gateway is not running. The action is saved and takes effect at its start: "
        #expect(
            maintenance.output.hasPrefix(saved + "work on lift 1 until "), "\(maintenance.output)")
        let test = try site.run(["selftest"])
        #expect(
            test.status == 1 && test.output.contains("the gateway is not running"), "\(test.output)"
        )
        try site.startDaemon()
        #expect(site.wait { site.log.contains("operator action: ") }, "\(site.account)")
        #expect(
            !site.log.contains("self-test: a virtual lift"), "a request of the past is followed")
    }

    @Test func theJournalIsReadByAPersonAndAnAlertIsNamedByItsBeginning() throws {
        let site = try Site(parameters: quick, lifts: ["31104401062020010001"])
        try site.startDaemon()
        #expect(site.wait { site.isDrained })
        site.trap("31104401062020010001")
        #expect(site.wait { site.hasAlert("confirmed", of: "31104401062020010001") })
        let listed = try site.run(["journal", "list"])
        #expect(listed.output.contains("…20010001  entrapment  confirmed"), "\(listed.output)")
        #expect(isShort(listed.output), "\(listed.output)")
        let ids = site.events.compactMap { ($0["data"] as? [String: Any])?["alert_id"] as? String }
        let id = try #require(ids.first)
        // No command accepts such a name any more; a journal may contain it.
        _ = try ActionInbox(stateFolder: site.folder + "/state").put(
            OperatorAction.accepted(alert: id, by: "Li\u{9B}2J"))
        #expect(
            site.wait {
                site.eventData("alert").contains { $0["reason"] as? String == "accepted" }
            }, "\(site.account)")
        let shown = try site.run(["journal", "show", String(id.prefix(8)) + "/2"])
        #expect(
            shown.output.contains("entrapment confirmed  lift 31104401062020010001"),
            "\(shown.output)")
        #expect(
            shown.output.contains("People are trapped") && shown.output.contains("Li 2J says so"),
            "\(shown.output)")
        #expect(
            shown.output.contains("\(id)") && !steers(shown.output) && isShort(shown.output),
            "\(shown.output)")
        let json = try site.run(["journal", "show", id, "--format", "json"])
        #expect(
            json.output.split(separator: "\n").allSatisfy { $0.hasPrefix("{\"specversion\"") },
            "\(json.output)")
        for wrong in ["", "ffff0000-none"] {
            let unknown = try site.run(["journal", "show", wrong])
            #expect(
                unknown.status == 1 && unknown.output.contains("has no alert"), "\(unknown.output)")
        }
    }

    @Test func theVersionOfTheRulesIsWrittenInOneWay() throws {
        let site = try Site(parameters: quick)
        try site.startDaemon()
        #expect(site.wait { site.isDrained })
        let version = try #require(site.status["rules_version"] as? String)
        #expect(version.count == 16)
        #expect(site.log.contains("rules version \(version)"), "\(site.account)")
        for format in ["text", "json"] {
            let stats = try site.run(["journal", "stats", "--format", format])
            #expect(stats.output.contains(version), "\(stats.output)")
        }
        let check = try site.run(["check"])
        #expect(check.output.contains("(version \(version))"), "\(check.output)")
    }

    @Test(arguments: [
        ("10.0.0.300", "300 in it is above 255"), ("10.0.0", "is no IPv4 address"),
        ("fe80::zz", "is no IPv6 address"),
        ("a b", "expected a host name"),
    ])
    func aNameThatNoCertificateCanHaveIsRefusedInOneLine(_ name: String, _ expected: String) throws
    {
        let log = NSTemporaryDirectory() + "hoistway-\(UUID().uuidString).txt"
        defer { try? FileManager.default.removeItem(atPath: log) }
        let setup = try ChildProcess(
            [Site.root + "/systemd/hoistway-broker", "init", "--name", name], log: log)
        while setup.isRunning { usleep(5_000) }
        let output = try String(contentsOfFile: log, encoding: .utf8)
        #expect(
            setup.outcome == 64 && output.contains("found '\(name)'") && output.contains(expected),
            "\(output)")
        #expect(output.split(separator: "\n").count == 1, "\(output)")
    }
}
