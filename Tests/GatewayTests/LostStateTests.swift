import Foundation
import Testing

@testable import Gateway
@testable import Journal

/// Journals that are damaged, missing, or removed under the running daemon: found, reported, and no
/// reason to stop.
@Suite(.serialized) struct LostStateTests {
    /// A site with a confirmed and delivered entrapment in lift 1, whose gateway has ended.
    private func endedSite() throws -> Site {
        let site = try Site(parameters: quick)
        try site.startDaemon()
        #expect(site.wait { site.isDrained })
        site.trap()
        #expect(site.wait { site.alertStates.contains("entrapment confirmed") }, "\(site.account)")
        site.stopDaemon()
        return site
    }

    @Test func aDamagedJournalIsReplacedReportedAndNoReasonToStop() throws {
        let site = try Site(parameters: quick)
        try site.startDaemon()
        #expect(site.wait { site.isDrained })
        site.stopDaemon()
        let journal = site.folder + "/state/journal.db"
        let file = try FileHandle(forWritingTo: URL(fileURLWithPath: journal))
        try file.write(contentsOf: Data(repeating: 0, count: 4096))
        try file.close()
        try site.startDaemon()
        #expect(
            site.wait { site.eventData("quarantined").count == 1 }, "\(site.events) \(site.log)")
        #expect(site.wait { site.isDrained })
        site.trap()
        #expect(site.wait { site.alertStates.contains("entrapment confirmed") }, "\(site.account)")
        let aside = try FileManager.default.contentsOfDirectory(atPath: site.folder + "/state")
        #expect(aside.contains { $0.hasPrefix("journal.db.damaged-") }, "\(aside)")
        let verified = try Site.run(["journal", "verify", "--file", journal])
        #expect(verified.status == 0, "\(verified.output)")
        let exported = try Site.run(["journal", "export", "--file", journal])
        #expect(
            exported.output.contains("lifts/1/state")
                && exported.output.contains("\"event\":\"drained\""),
            "\(exported.output)")
    }

    @Test(arguments: [
        "UPDATE batch SET hash = hash + 1 WHERE seq = (SELECT max(seq) FROM batch WHERE messages > 0)",
        "UPDATE snapshot SET hash = hash + 1",
    ])
    func damageThatShowsOnlyWhenItIsReadAtAStartIsFoundAndReplaced(_ damage: String) throws {
        let site = try Site(parameters: quick)
        try site.startDaemon()
        #expect(site.wait { site.isDrained })
        site.trap()
        #expect(site.wait { site.alertStates.contains("entrapment confirmed") }, "\(site.account)")
        site.stopDaemon()
        try Database(site.folder + "/state/journal.db").execute(damage)
        // The first start may mark the file and end; systemd makes the second one at once.
        for _ in 0..<2 where site.eventData("quarantined").isEmpty {
            try site.startDaemon()
            #expect(site.wait { site.isDrained || !site.isDaemonRunning }, "\(site.account)")
            site.wait(3) { !site.eventData("quarantined").isEmpty || !site.isDaemonRunning }
        }
        #expect(site.eventData("quarantined").count == 1, "\(site.events) \(site.log)")
        #expect(site.wait { site.isDrained })
        let listed = try Site.run(["journal", "list", "--file", site.folder + "/state/journal.db"])
        #expect(listed.output.contains("entrapment"), "\(listed.output)")
    }

    @Test func damageThatOnlyARouteReadsIsReplacedAndPendingEventsAreDelivered() throws {
        let site = try Site(
            parameters: quick, centres: "centre: { url: \"mqtt://127.0.0.1:1\" }")
        try site.startDaemon()
        #expect(site.wait { site.isDrained })
        site.trap()
        #expect(site.wait { site.status("centre", "backlog") >= 2 }, "\(site.account)")
        site.stopDaemon()
        let path = site.folder + "/state/journal.db"
        let root =
            try Database(path).scalar("SELECT rootpage FROM sqlite_schema WHERE name = 'owed'") ?? 0
        let file = try FileHandle(forWritingTo: URL(fileURLWithPath: path))
        try file.seek(toOffset: UInt64(root - 1) * 1024)
        try file.write(contentsOf: Data(repeating: 0xA5, count: 1024))
        try file.close()
        try site.rewriteConfiguration {
            $0.replacingOccurrences(of: "127.0.0.1:1\"", with: "127.0.0.1:\(site.port)\"")
        }
        for _ in 0..<2 where site.eventData("quarantined").isEmpty {
            try site.startDaemon()
            site.wait(8) { !site.eventData("quarantined").isEmpty || !site.isDaemonRunning }
        }
        #expect(site.eventData("quarantined").count == 1, "\(site.account)")
        #expect(site.wait { site.alertStates.contains("entrapment confirmed") }, "\(site.account)")
    }

    @Test func aJournalThatVanishedIsReportedAndItsNumbersAreNotUsedAgain() throws {
        let site = try endedSite()
        for end in ["", "-wal", "-shm"] {
            try? FileManager.default.removeItem(atPath: site.folder + "/state/journal.db" + end)
        }
        try site.startDaemon()
        #expect(
            site.wait {
                site.eventData("quarantined").first?["reason"] as? String == "it is gone, or empty"
            },
            "\(site.account)")
        let last = try #require(
            site.events.last { ($0["type"] as? String)?.contains("quarantined") == true })
        #expect(last["sequence"] as? Int ?? 0 > 1_000_000)
    }

    @Test func aDamagedSnapshotCostsNoAlertItsId() throws {
        let site = try endedSite()
        let path = site.folder + "/state/journal.db"
        try Database(path).execute("UPDATE snapshot SET state = randomblob(1000)")
        for _ in 0..<2 where site.eventData("quarantined").isEmpty {
            try site.startDaemon()
            site.wait(8) { !site.eventData("quarantined").isEmpty || !site.isDaemonRunning }
        }
        #expect(site.wait { site.isDrained }, "\(site.account)")
        site.wait(5) { false }
        #expect(site.alertStates.count { $0 == "entrapment confirmed" } == 1, "\(site.account)")
        #expect(site.retained("state")?.contains("entrapment") == true)
    }

    @Test func aRemovedStateFolderIsMadeAnewAndPendingEventsAreStillDelivered() throws {
        let site = try Site(parameters: quick)
        site.answersReceipts = false
        try site.startDaemon()
        #expect(site.wait { site.isDrained })
        site.trap("1")
        #expect(site.wait { site.hasAlert("confirmed", of: "1") })
        try FileManager.default.removeItem(atPath: site.folder + "/state")
        #expect(
            site.wait { site.log.contains("journal.db was removed") && site.isDrained },
            "\(site.account)")
        site.answersReceipts = true
        site.trap("2")
        #expect(
            site.wait {
                site.hasAlert("confirmed", of: "2") && !site.eventData("quarantined").isEmpty
            },
            "\(site.account)")
        #expect(site.wait(25) { site.status("centre", "backlog") == 0 })
        #expect(
            site.alertStates.count { $0 == "entrapment confirmed" } == 2,
            "no alert has a second id: \(site.alertStates)")
        site.stopDaemon()
        let listed = try Site.run(["journal", "list", "--file", site.folder + "/state/journal.db"])
        #expect(listed.status == 0 && listed.output.contains("entrapment"), "\(listed.output)")
    }
}
