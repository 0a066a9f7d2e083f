import Foundation
import LiftModel
import Testing

@testable import Gateway
@testable import GatewayCore
@testable import Journal

/// `hoistway status` of the real daemon: cases that once looked healthy and were not.
@Suite(.serialized) struct StatusTruthTests {
    private func rows(_ site: Site, _ verdict: String = "failed") -> [String: String] {
        var rows: [String: String] = [:]
        for check in site.status["checks"] as? [[String: Any]] ?? []
        where check["verdict"] as? String == verdict {
            if let subject = check["subject"] as? String {
                rows[subject] = check["found"] as? String
            }
        }
        return rows
    }

    @Test func aLiftInAnotherTimeZoneIsARow() throws {
        let site = try Site(parameters: quick, lifts: ["1", "2", "3"])
        try site.startDaemon()
        #expect(site.wait { site.isDrained }, "\(site.account)")
        // The profile reads local times of +08:00; one adapter's times are eight hours later still.
        // Of the two others one would suffice where this box's clock is synchronised.
        for (lift, hours) in [("1", 16.0), ("2", 8), ("3", 8)] {
            let stamp = Instant(seconds: Date().timeIntervalSince1970 + hours * 3600).rfc3339
                .prefix(19)
            site.send(
                lift,
                state(
                    1, zone: true, closed: false, occupied: false,
                    extra: ",\"Time_Stamps\":\"\(stamp)\""))
        }
        #expect(
            site.wait { rows(site)["lift_clocks"]?.contains("1 is 8 h 0 min ahead") == true },
            "\(site.status["checks"] ?? "")")
    }

    @Test func aMessageOfALiftThatIsNotRegisteredIsARow() throws {
        let site = try Site(parameters: quick)
        try site.startDaemon()
        #expect(site.wait { site.isDrained }, "\(site.account)")
        site.send("9", state(1))
        #expect(
            site.wait { rows(site)["unregistered"]?.contains("lifts/9/state (1)") == true },
            "\(rows(site))")
        #expect(try site.run(["status"]).status == 6)
    }

    @Test func whatOnlyARestartTakesUpIsARowUntilThen() throws {
        let site = try Site(parameters: quick)
        try site.startDaemon()
        #expect(site.wait { site.isDrained }, "\(site.account)")
        #expect(rows(site)["configuration"] == nil)
        try site.rewriteConfiguration {
            $0.replacingOccurrences(of: "lifts: [", with: "lifts: [\"3\", ")
        }
        site.reload()
        #expect(
            site.wait { rows(site)["configuration"]?.contains("applies this: lifts") == true },
            "\(site.account)")
        site.reload()
        site.wait(2) { false }
        #expect(rows(site)["configuration"] != nil, "it stays until the restart")
        site.stopDaemon()
        try site.startDaemon()
        #expect(site.wait { site.isDrained && rows(site)["configuration"] == nil }, "\(rows(site))")
    }

    @Test(arguments: [
        ("broker: {", "broker: { username: me,", "broker"),
        ("centre: {", "centre: { backlog_rate: 7,", "centre"),
        ("commit_wait: 200ms", "commit_wait: 300ms", "commit_wait"),
        ("id: test", "id: other", "site"),
        ("state_folder: state", "state_folder: other", "state_folder"),
    ])
    func eachChangeForARestartIsNamed(_ old: String, _ new: String, _ name: String) throws {
        let folder = NSTemporaryDirectory() + "hoistway-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let text = """
            site: { id: test }
            broker: { url: "mqtt://127.0.0.1:1883" }
            centre: { url: "mqtt://127.0.0.1:1884" }
            state_folder: state
            commit_wait: 200ms
            profiles: [p.yaml]
            lifts: [A1]
            """
        func read(_ text: String) throws -> Configuration {
            try text.write(toFile: folder + "/hoistway.yaml", atomically: true, encoding: .utf8)
            return try Configuration(file: folder + "/hoistway.yaml")
        }
        try "a: 1".write(toFile: folder + "/p.yaml", atomically: true, encoding: .utf8)
        let before = try read(text)
        #expect(try read(text + "\nparameters: { x: 1 }").changesForARestart(since: before) == [])
        #expect(
            try read(text.replacingOccurrences(of: old, with: new)).changesForARestart(
                since: before) == [name])
        try "a: 2".write(toFile: folder + "/p.yaml", atomically: true, encoding: .utf8)
        #expect(try read(text).changesForARestart(since: before) == ["profiles"])
    }

    @Test func aJournalThatWasSetAsideIsARowWhileItsFileStandsThere() throws {
        let site = try Site(parameters: quick)
        try site.startDaemon()
        #expect(site.wait { site.isDrained }, "\(site.account)")
        site.stopDaemon()
        let journal = site.folder + "/state/journal.db"
        try Data(repeating: 0x55, count: 40_000).write(to: URL(fileURLWithPath: journal))
        try site.startDaemon()
        #expect(
            site.wait {
                rows(site)["journal"]?.contains("it was damaged, and was set aside") == true
            },
            "\(site.account)")
        #expect(
            site.log.contains("the journal is damaged (") && site.log.contains("It was moved to"),
            "\(site.account)")
        site.stopDaemon()
        try site.startDaemon()
        #expect(
            site.wait { site.isDrained && rows(site)["journal"] != nil },
            "a restart does not forget it")
        for file in try FileManager.default.contentsOfDirectory(atPath: site.folder + "/state")
        where file.hasPrefix("journal.db.damaged-") {
            try FileManager.default.removeItem(atPath: site.folder + "/state/" + file)
        }
        #expect(site.wait { rows(site)["journal"] == nil }, "moving the file away removes the row")
    }

    @Test func theNameOfAFileThatWasSetAsideHasItsTime() {
        let found = Journal.timeOfSettingAside(
            "journal.db.damaged-20260301T080000250", of: "journal.db")
        #expect(found == Instant(rfc3339: "2026-03-01T08:00:00.250Z"))
        for other in [
            "journal.db", "journal.db.damaged-20260301T080000250-wal", "journal.db.damaged-x",
        ] {
            #expect(Journal.timeOfSettingAside(other, of: "journal.db") == nil)
        }
        let aside = SetAsideJournal(file: "f", at: Instant(seconds: 1_000_000))
        #expect(aside.shown(at: Instant(seconds: 1_000_000 + 6 * 86_400)) != nil)
        #expect(aside.shown(at: Instant(seconds: 1_000_000 + 8 * 86_400)) == nil)
    }

    @Test func strangersWhoInventTopicsAreBoundedAndForgotten() {
        var bad = BadInput()
        for count in 0..<1000 {
            let topic = Array("lifts/\(count)/state".utf8)
            bad.noteRefused(
                "unknown_lift", topic: topic.span, payload: topic.span,
                arrival: Instant(seconds: Double(count) / 10),
                "")
        }
        #expect(bad.unregisteredTopics(at: Instant(seconds: 100)).count == BadInput.maxTopics)
        #expect(bad.unregisteredTopics(at: Instant(seconds: 100)).last?.topic == "lifts/999/state")
        #expect(
            bad.unregisteredTopics(at: Instant(seconds: 800)).isEmpty,
            "who is quiet has been dealt with")
    }
}
