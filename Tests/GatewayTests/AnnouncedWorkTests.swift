import Foundation
import LiftModel
import Platform
import Testing

@testable import Gateway
@testable import hoistway_sim

/// Maintenance windows from the command line: each takes effect, or the command gives the reason
/// why not.
@Suite(.serialized) struct AnnouncedWorkTests {
    private func announce(_ site: Site, _ lift: String, _ arguments: String...) throws -> (
        status: Int32, output: String
    ) {
        try site.run(["maintenance", lift, "--by", "Li"] + arguments)
    }
    private func begin(_ site: Site, _ lift: String, until: String = "1h", reason: String = "doors")
        throws
        -> (status: Int32, output: String)
    {
        try announce(site, lift, "--until", until, "--reason", reason)
    }
    private func maintenance(_ site: Site, _ lift: String) -> [String] {
        var seen: Set<String> = []
        return site.events.filter {
            $0["subject"] as? String == lift && seen.insert($0["id"] as? String ?? "").inserted
        }
        .compactMap { $0["data"] as? [String: Any] }
        .filter { $0["kind"] as? String == "maintenance" }
        .map {
            let statement = $0["statement"] as? [String: Any] ?? [:]
            return [$0["state"], $0["reason"], statement["by"], statement["remark"]].compactMap {
                $0 as? String
            }
            .joined(separator: " ")
        }
    }
    /// The end of the last announced window, as the centre received it.
    private func end(_ site: Site, _ lift: String) -> Instant? {
        let window = site.events.compactMap { $0["data"] as? [String: Any] }.last {
            $0["kind"] as? String == "maintenance"
        }
        return ((window?["statement"] as? [String: Any])?["until"] as? String).flatMap {
            Instant(rfc3339: $0)
        }
    }

    @Test func announcedWorkIsSentToTheCentreReplacedAndEnded() throws {
        let site = try Site(parameters: quick)
        try site.startDaemon()
        #expect(site.wait { site.isDrained }, "\(site.account)")
        let long = try begin(site, "1", until: "13h")
        #expect(long.status == 0 && long.output.contains("never longer than 12h"), "\(long.output)")
        #expect(
            site.wait { maintenance(site, "1") == ["raised announced Li doors"] }, "\(site.account)"
        )
        #expect(
            site.wait {
                ((site.status["lifts"] as? [[String: Any]])?[0]["maintenance_s"] as? Double ?? 0)
                    > 43_000
            })
        let hours =
            try #require(end(site, "1")) - Instant(nanoseconds: MonotonicClock.wallNanoseconds)
        #expect(
            hours > .seconds(43_000) && hours <= .seconds(43_200), "a window of 13 h ends after 12")
        let second = try begin(site, "1", until: "30m", reason: "ropes")
        #expect(
            second.status == 0 && second.output.contains("already, 12 h left; this replaces it"),
            "\(second.output)")
        #expect(
            site.wait { maintenance(site, "1").last == "raised announced Li ropes" },
            "\(maintenance(site, "1"))")
        #expect(try announce(site, "1", "--end").status == 0)
        #expect(site.wait { maintenance(site, "1").last == "cleared ended Li" })
        let again = try announce(site, "1", "--end")
        #expect(
            again.status == 1 && again.output.contains("no work is announced on lift '1'"),
            "\(again.output)")
    }

    @Test func workThatCannotBeAnnouncedIsRefusedWithTheReasonAndSendsNothing() throws {
        let site = try Site()
        try site.startDaemon()
        #expect(site.wait { site.isDrained }, "\(site.account)")
        for (arguments, expected) in [
            (["9", "--until", "1h", "--reason", "x"], "no lift '9' is registered here"),
            (["1", "--until", "2020-01-01T00:00:00+08:00", "--reason", "x"], "is past"),
            (["1", "--until", "tomorrow", "--reason", "x"], "expected a span such as 2h"),
            (["1", "--until", "1h"], "expected --until and --reason"),
            (["1", "--until", "1h", "--reason", "x\ncentre\nforged"], "U+000A at position 2"),
        ] {
            let refused = try site.run(["maintenance", "--by", "Li"] + arguments)
            #expect(refused.status != 0 && refused.output.contains(expected), "\(refused.output)")
        }
        site.wait(2) { false }
        #expect(site.alertStates == [])
    }

    @Test func anOpenEntrapmentIsNamedAndNotMuted() throws {
        let site = try Site(parameters: quick)
        try site.startDaemon()
        #expect(site.wait { site.isDrained }, "\(site.account)")
        site.trap()
        #expect(site.wait { site.alertStates.contains("entrapment suspected") }, "\(site.account)")
        #expect(site.wait { (site.status["incidents"] as? [Any])?.isEmpty == false })
        let announced = try begin(site, "1")
        #expect(
            announced.status == 0 && announced.output.contains("not suppressed: entrapment"),
            "\(announced.output)")
        #expect(site.wait { site.alertStates.contains("entrapment confirmed") }, "\(site.account)")
    }

    @Test func whileTheGatewayDoesNotRunTheCommandSaysSoAndTheWindowBeginsWithItsStart() throws {
        let site = try Site()
        let early = try begin(site, "1")
        #expect(early.status != 0 && early.output.contains("when it first runs"), "\(early.output)")
        try site.startDaemon()
        #expect(site.wait { site.isDrained }, "\(site.account)")
        site.stopDaemon()
        let saved = try begin(site, "1")
        #expect(
            saved.status == 7
                && saved.output.contains("The gateway is not running. The action is saved"))
        let test = try site.run(["selftest"])
        #expect(
            test.status == 1
                && test.output.contains("the gateway is not running, and no test was started"))
        try site.startDaemon()
        #expect(
            site.wait { maintenance(site, "1") == ["raised announced Li doors"] }, "\(site.account)"
        )
    }

    @Test func statusListsEveryOpenIncidentAndWhoHasAcceptedIt() throws {
        let site = try Site(parameters: quick)
        try site.startDaemon()
        #expect(site.wait { site.isDrained }, "\(site.account)")
        for lift in ["1", "2"] { site.trap(lift) }
        #expect(
            site.wait {
                site.hasAlert("confirmed", of: "1") && site.hasAlert("confirmed", of: "2")
            }, "\(site.account)")
        let id =
            try #require(
                site.events.first {
                    $0["subject"] as? String == "2"
                        && ($0["data"] as? [String: Any])?["kind"] as? String == "entrapment"
                }?["data"]
                    as? [String: Any])["alert_id"] as? String ?? ""
        #expect(try site.run(["incident", "accept", id, "--by", "Wang"]).status == 0)
        func rows() throws -> [String] {
            try site.run(["status"]).output.split(separator: "\n").map(String.init)
                .filter { $0.contains("entrapment confirmed") }
        }
        #expect(
            try site.wait {
                try rows().contains { $0.hasPrefix(id.prefix(8)) && $0.hasSuffix("  Wang") }
            })
        let found = try rows()
        #expect(found.count == 2 && found[0].hasSuffix("  nobody"), "\(found)")
    }

    @Test func announcedWorkIsJournalledAndOutlivesARestart() throws {
        let site = try Site(parameters: quick)
        try site.startDaemon()
        #expect(site.wait { site.isDrained })
        site.send("1", state(1, moving: 1))
        let arguments = ["--config", site.folder + "/hoistway.yaml", "--by", "Li"]
        let unregistered = try Site.run(
            ["maintenance", "9", "--until", "1h", "--reason", "door"] + arguments)
        #expect(
            unregistered.status == 1 && unregistered.output.contains("no lift '9'"),
            "\(unregistered.output)")
        let order = try Site.run(
            ["maintenance", "1", "--until", "1h", "--reason", "door"] + arguments)
        #expect(order.status == 0 && order.output.contains("done"), "\(order.output)")
        site.stopDaemon()
        try site.startDaemon()
        #expect(site.wait { site.isDrained })
        site.send("1", state(2))
        #expect(
            site.wait { site.alertStates.contains("entrapment suppressed") },
            "\(site.account)")
        #expect(try Site.run(["maintenance", "1", "--end"] + arguments).status == 0)
        #expect(
            site.wait { site.alertStates.contains("entrapment suspected") }, "\(site.alertStates)")
        let id = site.events.compactMap { $0["data"] as? [String: Any] }.last {
            $0["state"] as? String == "suspected"
        }
        let accept = try Site.run(
            ["incident", "accept", id?["alert_id"] as? String ?? ""] + arguments)
        #expect(accept.status == 0, "\(accept.output)")
    }
}
