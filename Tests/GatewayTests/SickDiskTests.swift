import Foundation
import Testing

@testable import Gateway
@testable import Journal

/// Disks that take nothing: full, read-only, without a page. The real daemon.
@Suite(.serialized) struct SickDiskTests {
    /// A site whose state is on a disk of its own.
    private func site(megabytes: Int = 20) throws -> (Site, Tmpfs) {
        let site = try Site(parameters: quick)
        let disk = try Tmpfs(megabytes: megabytes, at: site.folder + "/disk")
        try site.rewriteConfiguration {
            $0.replacingOccurrences(of: "state_folder: state", with: "state_folder: disk/state")
        }
        try site.startDaemon()
        #expect(site.wait { site.isDrained })
        return (site, disk)
    }

    @Test(.enabled(if: Tmpfs.isAllowed)) func aStartOnAReadOnlyDiskWatchesTellsFromMemoryAndGoesOnWithTheJournal()
        throws
    {
        let (site, disk) = try site()
        site.trap("1")
        #expect(site.wait { site.isTold("confirmed", of: "1") })
        site.stopDaemon()
        disk.makeReadOnly()
        // Longer than a lift may be silent: nobody was there to hear it.
        site.wait(14) { false }
        try site.startDaemon()
        #expect(site.wait { site.isDrained && site.log.contains("The disk takes no file") }, "\(site.log)")
        site.trap("2")
        #expect(site.wait { site.isTold("confirmed", of: "2") }, "\(site.told) \(site.log)")
        #expect(site.wait { site.told.contains("disk_failing raised") }, "\(site.told)")
        #expect(
            site.wait { site.retained("state")?.contains("\"may_hold_people\":[\"1\",\"2\"]") == true },
            "the past is known")
        disk.makeWritable()
        #expect(site.wait(25) { site.log.contains("the disk takes files again") && site.isDrained }, "\(site.log)")
        for lift in ["1", "2"] { site.say(lift, state(9, zone: true, closed: false, occupied: false)) }
        #expect(
            site.wait { site.isTold("cleared", of: "1") && site.isTold("cleared", of: "2") },
            "\(site.told) \(site.log)")
        #expect(site.wait { site.told.contains("disk_failing cleared") && site.status("centre", "backlog") == 0 })
        #expect(site.told.count { $0 == "entrapment confirmed" } == 2, "nobody is told under a second id")
        #expect(
            !site.said("alert").contains { $0["reason"] as? String == "silence" }
                && !site.told.contains { $0.hasPrefix("controller_silent") }, "\(site.told)")
        site.stopDaemon()
        let listed = try Site.run([
            "journal", "list", "--format", "json", "--file", site.folder + "/disk/state/journal.db",
        ])
        #expect(
            listed.output.split(separator: "\n").count { $0.contains("\"subject\":\"2\"") } == 3,
            "what went out from memory is in the journal: \(listed.output)")
        let verified = try Site.run(["journal", "verify", "--file", site.folder + "/disk/state/journal.db"])
        #expect(verified.status == 0, "\(verified.output)")
    }

    @Test(.enabled(if: Tmpfs.isAllowed)) func aStartOnADiskWithoutASinglePageAndWithoutBallastWatches() throws {
        let (site, disk) = try site()
        site.trap("2")
        #expect(site.wait { site.isTold("confirmed", of: "2") }, "\(site.log)")
        site.stopDaemon()
        #expect(!FileManager.default.fileExists(atPath: site.folder + "/disk/state/ballast"), "too small for ballast")
        disk.fill()
        try site.startDaemon()
        #expect(site.wait { site.isDrained && site.log.contains("The disk takes no file") }, "\(site.log)")
        site.trap("1")
        #expect(site.wait { site.isTold("confirmed", of: "1") }, "\(site.told) \(site.log)")
        #expect(
            site.wait { site.retained("state")?.contains("\"may_hold_people\":[\"1\",\"2\"]") == true },
            "the past is known")
        #expect(site.wait { site.told.contains("disk_failing raised") }, "\(site.told)")
        disk.empty()
        #expect(site.wait(30) { site.told.contains("disk_failing cleared") }, "\(site.log)")
        #expect(site.wait(20) { site.isDrained && site.status("centre", "backlog") == 0 }, "\(site.log)")
        #expect(site.told.count { $0 == "entrapment confirmed" } == 2, "nobody is told under a second id")
    }

    @Test func onAFullDiskAlertsGoOutFromMemoryAndItHealsByItself() throws {
        let site = try Site(parameters: quick)
        try site.startDaemon()
        #expect(site.wait { site.isDrained })
        site.say("1", state(1, moving: 1))
        #expect(site.wait { site.status("counters", "messages") == 1 })
        try site.limitFiles(to: 40_000)
        site.say("1", state(2))
        #expect(site.wait { site.log.contains("Until it can be written alerts go out from memory") }, "\(site.log)")
        // The word that says so is not durable and not acknowledged; what it means goes out all the same.
        try site.limitFiles(to: nil)
        #expect(site.wait { site.told.contains("entrapment confirmed") }, "\(site.told) \(site.log)")
        #expect(site.wait { site.log.contains("the journal can be written again") })
        #expect(site.wait { site.status("centre", "backlog") == 0 }, "\(site.status)")
        try site.limitFiles(to: 40_000)
        site.say("1", state(3, codes: "[\"90\"]"))
        #expect(
            site.wait { site.told.contains("car_alarm_call raised") },
            "with the disk still full: \(site.told) \(site.log)")
        #expect(site.wait { site.status("counters", "commit_failures") > 0 })
        site.trap("2")
        #expect(
            site.wait { site.isTold("confirmed", of: "2") },
            "watched on, with the disk still full: \(site.told) \(site.log)"
        )
        #expect(site.wait { site.told.contains("disk_failing raised") }, "\(site.told)")
        #expect(
            site.wait { site.retained("state")?.contains("\"lift\":\"2\"") == true }, "the state knows what was told")
        #expect(!site.told.contains { $0.hasPrefix("broker_lost") } && site.isDrained, "the building is heard")
        try site.limitFiles(to: nil)
        #expect(site.wait { site.told.contains("disk_failing cleared") }, "\(site.log)")
        #expect(site.wait { site.status("centre", "backlog") == 0 && site.isDrained }, "\(site.status)")
        site.stopDaemon()
        let verified = try Site.run(["journal", "verify", "--file", site.folder + "/state/journal.db"])
        #expect(verified.status == 0, "\(verified.output)")
        let listed = try Site.run(["journal", "list", "--file", site.folder + "/state/journal.db"])
        #expect(
            listed.output.contains("car_alarm_call") && listed.output.contains("0 not yet stored"), "\(listed.output)")
    }

    @Test func aStartOnAFullDiskWatchesAndTellsFromMemory() throws {
        let site = try Site(parameters: quick)
        try site.startDaemon()
        #expect(site.wait { site.isDrained })
        for sequence in 1...30 {
            site.say("2", state(sequence, moving: 1))
            site.wait(0.25) { false }
        }
        // The log is left as it is: the next start has to write behind its end.
        site.killDaemon()
        try site.startDaemon(fileLimit: 34_000)
        #expect(site.wait { site.log.contains("Until it can be written alerts go out from memory") }, "\(site.log)")
        #expect(site.isDaemonRunning, "\(site.log)")
        try site.limitFiles(to: nil)
        #expect(site.wait { site.isDrained }, "\(site.log)")
        site.trap()
        #expect(site.wait { site.told.contains("entrapment confirmed") }, "\(site.log)")
        #expect(site.wait { site.status("centre", "backlog") == 0 }, "\(site.status)")
    }

    /// A disk so full that SQLite cannot open the journal. Where nobody may mount one, this is not tried.
    @Test(.enabled(if: Tmpfs.isAllowed)) func aStartOnADiskWithoutASinglePageRuns() throws {
        let site = try Site(parameters: quick)
        let disk = try Tmpfs(megabytes: 80, at: site.folder + "/disk")
        try site.rewriteConfiguration {
            $0.replacingOccurrences(of: "state_folder: state", with: "state_folder: disk/state")
        }
        try site.startDaemon()
        #expect(site.wait { site.isDrained })
        site.stopDaemon()
        disk.fill()
        try site.startDaemon()
        #expect(site.wait { site.isDrained && site.log.contains("is given away") }, "\(site.log)")
        site.trap()
        #expect(site.wait { site.told.contains("entrapment confirmed") }, "\(site.log)")
        site.stopDaemon()
    }

    @Test func whatIsKeptFreeForAFullDiskIsTakenOnceAndGivenOnce() throws {
        let folder = NSTemporaryDirectory() + "hoistway-ballast-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let ballast = Ballast(in: folder)
        #expect(!ballast.drop(), "nothing was taken")
        ballast.load()
        ballast.load()
        var facts = stat()
        #expect(
            stat(folder + "/ballast", &facts) == 0 && Int(facts.st_blocks) * 512 >= Ballast.bytes, "room, and no hole")
        #expect(ballast.drop() && !ballast.drop())
    }

    @Test(.enabled(if: Tmpfs.isAllowed)) func aCopyOnAReadOnlyDiskIsReadAndOneWithItsLogIsRefusedWithTheReason() throws
    {
        let site = try Site(parameters: quick)
        let disk = try Tmpfs(megabytes: 20, at: site.folder + "/disk")
        try site.startDaemon()
        #expect(site.wait { site.isDrained })
        site.trap()
        #expect(site.wait { site.told.contains("entrapment confirmed") }, "\(site.log)")
        let journal = site.folder + "/state/journal.db"
        let (whole, partly) = (site.folder + "/disk/a 100%? 梯.db", site.folder + "/disk/partly.db")
        for end in ["", "-wal"] { try FileManager.default.copyItem(atPath: journal + end, toPath: partly + end) }
        site.stopDaemon()
        try FileManager.default.copyItem(atPath: journal, toPath: whole)
        disk.makeReadOnly()
        #expect(try Site.run(["journal", "list", "--file", whole]).output.contains("entrapment"))
        let refused = try Site.run(["journal", "list", "--file", partly])
        #expect(refused.status == 1 && refused.output.contains("copy both into a folder"), "\(refused)")
    }
}
