import Foundation
import Testing

@testable import Gateway
@testable import Journal
@testable import hoistway_sim

/// Disks that take nothing: full, read-only, without a free page, or hanging. With the real daemon.
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

    @Test(.enabled(if: Tmpfs.isAllowed))
    func aStartOnAReadOnlyDiskWatchesTellsFromMemoryAndGoesOnWithTheJournal()
        throws
    {
        let (site, disk) = try site()
        site.trap("1")
        #expect(site.wait { site.hasAlert("confirmed", of: "1") })
        site.stopDaemon()
        disk.makeReadOnly()
        // Longer than a lift may be silent, in which the gateway did not observe.
        site.wait(14) { false }
        try site.startDaemon()
        #expect(
            site.wait { site.isDrained && site.log.contains("Nothing is stored on disk") },
            "\(site.account)")
        site.trap("2")
        #expect(site.wait { site.hasAlert("confirmed", of: "2") }, "\(site.account)")
        #expect(
            site.wait { site.alertStates.contains("disk_failing raised") }, "\(site.alertStates)")
        #expect(
            site.wait {
                site.retained("state")?.contains("\"may_hold_people\":[\"1\",\"2\"]") == true
            },
            "the past is known")
        disk.makeWritable()
        #expect(
            site.wait(25) { site.log.contains("the disk takes files again") && site.isDrained },
            "\(site.account)")
        for lift in ["1", "2"] {
            site.send(lift, state(9, zone: true, closed: false, occupied: false))
        }
        #expect(
            site.wait { site.hasAlert("cleared", of: "1") && site.hasAlert("cleared", of: "2") },
            "\(site.account)")
        #expect(
            site.wait {
                site.alertStates.contains("disk_failing cleared")
                    && site.status("centre", "backlog") == 0
            })
        #expect(
            site.alertStates.count { $0 == "entrapment confirmed" } == 2, "no alert has a second id"
        )
        #expect(
            !site.eventData("alert").contains { $0["reason"] as? String == "silence" }
                && !site.alertStates.contains { $0.hasPrefix("controller_silent") },
            "\(site.alertStates)")
        site.stopDaemon()
        let listed = try Site.run([
            "journal", "list", "--format", "json", "--file", site.folder + "/disk/state/journal.db",
        ])
        #expect(
            listed.output.split(separator: "\n").count { $0.contains("\"subject\":\"2\"") } == 3,
            "what went out from memory is in the journal: \(listed.output)")
        let verified = try Site.run([
            "journal", "verify", "--file", site.folder + "/disk/state/journal.db",
        ])
        #expect(verified.status == 0, "\(verified.output)")
    }

    @Test(.enabled(if: Tmpfs.isAllowed))
    func aStartOnADiskWithoutASinglePageAndWithoutBallastWatches() throws {
        let (site, disk) = try site()
        site.trap("2")
        #expect(site.wait { site.hasAlert("confirmed", of: "2") }, "\(site.account)")
        site.stopDaemon()
        #expect(
            !FileManager.default.fileExists(atPath: site.folder + "/disk/state/ballast"),
            "too small for ballast")
        disk.fill()
        try site.startDaemon()
        #expect(
            site.wait { site.isDrained && site.log.contains("Nothing is stored on disk") },
            "\(site.account)")
        site.trap("1")
        #expect(site.wait { site.hasAlert("confirmed", of: "1") }, "\(site.account)")
        #expect(
            site.wait {
                site.retained("state")?.contains("\"may_hold_people\":[\"1\",\"2\"]") == true
            },
            "the past is known")
        #expect(
            site.wait { site.alertStates.contains("disk_failing raised") }, "\(site.alertStates)")
        disk.empty()
        #expect(
            site.wait(30) { site.alertStates.contains("disk_failing cleared") }, "\(site.account)")
        #expect(
            site.wait(20) { site.isDrained && site.status("centre", "backlog") == 0 },
            "\(site.account)")
        #expect(
            site.alertStates.count { $0 == "entrapment confirmed" } == 2, "no alert has a second id"
        )
    }

    @Test func onAFullDiskAlertsGoOutFromMemoryAndItHealsByItself() throws {
        let site = try Site(parameters: quick)
        try site.startDaemon()
        #expect(site.wait { site.isDrained })
        site.send("1", state(1, moving: 1))
        #expect(site.wait { site.status("counters", "messages") == 1 })
        try site.limitFiles(to: 40_000)
        site.send("1", state(2))
        #expect(
            site.wait { site.log.contains("Until it can be written alerts go out from memory") },
            "\(site.account)")
        // The message is not durable and not acknowledged; its alert is sent all the same.
        try site.limitFiles(to: nil)
        #expect(site.wait { site.alertStates.contains("entrapment confirmed") }, "\(site.account)")
        #expect(site.wait { site.log.contains("the journal can be written again") })
        #expect(site.wait { site.status("centre", "backlog") == 0 }, "\(site.status)")
        try site.limitFiles(to: 40_000)
        site.send("1", state(3, codes: "[\"90\"]"))
        #expect(
            site.wait { site.alertStates.contains("car_alarm_call raised") },
            "with the disk still full: \(site.account)")
        #expect(site.wait { site.status("counters", "commit_failures") > 0 })
        site.trap("2")
        #expect(
            site.wait { site.hasAlert("confirmed", of: "2") },
            "watched on, with the disk still full: \(site.account)"
        )
        #expect(
            site.wait { site.alertStates.contains("disk_failing raised") }, "\(site.alertStates)")
        #expect(
            site.wait { site.retained("state")?.contains("\"lift\":\"2\"") == true },
            "the state has the raised alert")
        #expect(
            !site.alertStates.contains { $0.hasPrefix("broker_lost") } && site.isDrained,
            "the building is observed")
        try site.limitFiles(to: nil)
        #expect(site.wait { site.alertStates.contains("disk_failing cleared") }, "\(site.account)")
        #expect(
            site.wait { site.status("centre", "backlog") == 0 && site.isDrained }, "\(site.status)")
        site.stopDaemon()
        let verified = try Site.run([
            "journal", "verify", "--file", site.folder + "/state/journal.db",
        ])
        #expect(verified.status == 0, "\(verified.output)")
        let listed = try Site.run(["journal", "list", "--file", site.folder + "/state/journal.db"])
        #expect(
            listed.output.contains("car_alarm_call")
                && listed.output.contains("0 events not stored"),
            "\(listed.output)")
    }

    @Test(.enabled(if: HangingDisk.isAllowed))
    func aSyncThatHangsHoldsUpNoAlertAndItsNumberFollows() throws {
        let site = try Site(parameters: quick)
        let disk = try HangingDisk(in: site.folder)
        defer { disk.goOn() }
        try site.startDaemon(environment: disk.environment)
        #expect(site.wait { site.isDrained })
        site.answersReceipts = false
        site.send("2", state(1, codes: "[\"90\"]"))
        #expect(site.wait { site.alertStates == ["car_alarm_call raised"] }, "\(site.account)")
        let first = try #require(site.received.keys.first)
        disk.hang()
        site.send("1", state(1, codes: "[\"90\"]"))
        site.wait(0.3) { false }
        // The route that records the receipt must not wait for the disk.
        site.publish("hoistway/v1/test/receipt", "{\"id\":\"\(first)\"}")
        site.answersReceipts = true
        #expect(
            site.wait(5) { site.hasAlert("raised", of: "1") },
            "the disk still hangs: \(site.account)")
        let id = try #require(
            site.events.first { $0["subject"] as? String == "1" }?["id"] as? String)
        var copies: [[String: Any]] { site.events.filter { $0["id"] as? String == id } }
        #expect(copies.allSatisfy { $0["sequence"] == nil }, "no number before it is journalled")
        // A centre that has stored the event does not receive it again from memory.
        site.wait(12) { false }
        #expect(copies.count == 1 && site.isDaemonRunning, "\(copies.count) copies")
        disk.goOn()
        #expect(
            site.wait { copies.contains { $0["sequence"] as? Int == 1 } },
            "the number follows: \(site.log)")
        #expect(
            site.wait { site.status("centre", "backlog") == 0 && site.isDrained }, "\(site.status)")
        site.send("1", state(2, moving: 1))
        site.trap("1", from: 3)
        #expect(site.wait { site.hasAlert("confirmed", of: "1") }, "\(site.account)")
        site.stopDaemon()
        var check = try StreamCheck(contract: Site.root + "/docs/contract")
        for event in site.events { check.take(try JSONSerialization.data(withJSONObject: event)) }
        #expect(check.breaches.isEmpty, "\(check.breaches)")
        let verified = try Site.run([
            "journal", "verify", "--file", site.folder + "/state/journal.db",
        ])
        #expect(verified.status == 0, "\(verified.output)")
    }

    @Test func aStartOnAFullDiskWatchesAndTellsFromMemory() throws {
        let site = try Site(parameters: quick)
        try site.startDaemon()
        #expect(site.wait { site.isDrained })
        for sequence in 1...30 {
            site.send("2", state(sequence, moving: 1))
            site.wait(0.25) { false }
        }
        // The write-ahead log is left as it is: the next start appends to it.
        site.killDaemon()
        try site.startDaemon(fileLimit: 34_000)
        #expect(
            site.wait { site.log.contains("Until it can be written alerts go out from memory") },
            "\(site.account)")
        #expect(site.isDaemonRunning, "\(site.account)")
        try site.limitFiles(to: nil)
        #expect(site.wait { site.isDrained }, "\(site.account)")
        site.trap()
        #expect(site.wait { site.alertStates.contains("entrapment confirmed") }, "\(site.account)")
        #expect(site.wait { site.status("centre", "backlog") == 0 }, "\(site.status)")
    }

    /// A disk so full that SQLite cannot open the journal. Skipped where no disk can be mounted.
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
        #expect(
            site.wait { site.isDrained && site.log.contains("The reserved disk space is freed") },
            "\(site.account)")
        site.trap()
        #expect(site.wait { site.alertStates.contains("entrapment confirmed") }, "\(site.account)")
        site.stopDaemon()
    }

    @Test(.enabled(if: Tmpfs.isAllowed))
    func aFirstStartOnAFullDiskHasLostNeitherAKeyNorAJournal() throws {
        let site = try Site(parameters: quick)
        let disk = try Tmpfs(megabytes: 3, at: site.folder + "/disk")
        try site.rewriteConfiguration {
            $0.replacingOccurrences(of: "state_folder: state", with: "state_folder: disk/state")
        }
        disk.fill()
        // The second start finds what the first one could make.
        for _ in 1...2 {
            site.stopDaemon()
            try site.startDaemon()
            #expect(
                site.wait { site.isDrained && site.log.contains("Nothing is stored on disk") },
                "\(site.account)")
        }
        #expect(site.log.contains("There has been no key yet"), "\(site.log)")
        disk.empty()
        #expect(
            site.wait(30) {
                site.log.contains("journal.db is new: at the first start the disk took no journal")
                    && site.isDrained
            }, "\(site.account)")
        for wrong in [
            "is not a Hoistway journal", "Put the key back", "was lost",
            "signing-key.pem was missing",
            "state of the last run cannot be read",
        ] {
            #expect(!site.log.contains(wrong), "\(wrong): \(site.log)")
        }
        let status = try site.run(["status"])
        #expect(!status.output.contains("missing or empty"), "\(status.output)")
        #expect(site.eventData("quarantined").isEmpty, "\(site.events)")
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
            stat(folder + "/ballast", &facts) == 0 && Int(facts.st_blocks) * 512 >= Ballast.bytes,
            "room, and no hole")
        #expect(ballast.drop() && !ballast.drop())
    }

    @Test(.enabled(if: Tmpfs.isAllowed))
    func aCopyOnAReadOnlyDiskIsReadAndOneWithItsLogIsRefusedWithTheReason() throws {
        let site = try Site(parameters: quick)
        let disk = try Tmpfs(megabytes: 20, at: site.folder + "/disk")
        try site.startDaemon()
        #expect(site.wait { site.isDrained })
        site.trap()
        #expect(site.wait { site.alertStates.contains("entrapment confirmed") }, "\(site.account)")
        let journal = site.folder + "/state/journal.db"
        let (whole, partly) = (site.folder + "/disk/a 100%? 梯.db", site.folder + "/disk/partly.db")
        for end in ["", "-wal"] {
            try FileManager.default.copyItem(atPath: journal + end, toPath: partly + end)
        }
        site.stopDaemon()
        try FileManager.default.copyItem(atPath: journal, toPath: whole)
        disk.makeReadOnly()
        #expect(try Site.run(["journal", "list", "--file", whole]).output.contains("entrapment"))
        let refused = try Site.run(["journal", "list", "--file", partly])
        #expect(
            refused.status == 1 && refused.output.contains("copy both into a folder"), "\(refused)")
    }
}
