import Foundation
import Testing

@testable import Gateway
@testable import Journal
@testable import hoistway_sim

/// Disks that take nothing, or hold something else than what was written: the real daemon on a small disk of its own.
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

    private func isTold(_ site: Site, _ state: String, of lift: String) -> Bool {
        site.events.contains {
            $0["subject"] as? String == lift && ($0["data"] as? [String: Any])?["state"] as? String == state
        }
    }

    @Test(.enabled(if: Tmpfs.isAllowed)) func aStartOnAReadOnlyDiskWatchesTellsFromMemoryAndGoesOnWithTheJournal()
        throws
    {
        let (site, disk) = try site()
        site.trap("1")
        #expect(site.wait { isTold(site, "confirmed", of: "1") })
        site.stopDaemon()
        disk.makeReadOnly()
        // Longer than a lift may be silent: nobody was there to hear it.
        site.wait(14) { false }
        try site.startDaemon()
        #expect(site.wait { site.isDrained && site.log.contains("The disk takes no file") }, "\(site.log)")
        site.trap("2")
        #expect(site.wait { isTold(site, "confirmed", of: "2") }, "\(site.told) \(site.log)")
        #expect(site.wait { site.told.contains("disk_failing raised") }, "\(site.told)")
        #expect(
            site.wait { site.retained("state")?.contains("\"may_hold_people\":[\"1\",\"2\"]") == true },
            "the past is known")
        disk.makeWritable()
        #expect(site.wait(25) { site.log.contains("the disk takes files again") && site.isDrained }, "\(site.log)")
        for lift in ["1", "2"] { site.say(lift, state(9, zone: true, closed: false, occupied: false)) }
        #expect(
            site.wait { isTold(site, "cleared", of: "1") && isTold(site, "cleared", of: "2") },
            "\(site.told) \(site.log)")
        #expect(site.wait { site.told.contains("disk_failing cleared") && site.status("centre", "backlog") == 0 })
        #expect(site.told.count { $0 == "entrapment.off_level confirmed" } == 2, "nobody is told under a second id")
        #expect(
            !site.told.contains { $0.hasPrefix("entrapment.silent") || $0.hasPrefix("controller_silent") },
            "\(site.told)")
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
        #expect(site.wait { isTold(site, "confirmed", of: "2") }, "\(site.log)")
        site.stopDaemon()
        #expect(!FileManager.default.fileExists(atPath: site.folder + "/disk/state/ballast"), "too small for ballast")
        disk.fill()
        try site.startDaemon()
        #expect(site.wait { site.isDrained && site.log.contains("The disk takes no file") }, "\(site.log)")
        site.trap("1")
        #expect(site.wait { isTold(site, "confirmed", of: "1") }, "\(site.told) \(site.log)")
        #expect(
            site.wait { site.retained("state")?.contains("\"may_hold_people\":[\"1\",\"2\"]") == true },
            "the past is known")
        #expect(site.wait { site.told.contains("disk_failing raised") }, "\(site.told)")
        disk.empty()
        #expect(site.wait(30) { site.told.contains("disk_failing cleared") }, "\(site.log)")
        #expect(site.wait(20) { site.isDrained && site.status("centre", "backlog") == 0 }, "\(site.log)")
        #expect(site.told.count { $0 == "entrapment.off_level confirmed" } == 2, "nobody is told under a second id")
    }

    @Test func aJournalThatVanishedIsToldAndItsNumbersAreNotUsedAgain() throws {
        let site = try Site(parameters: quick)
        try site.startDaemon()
        #expect(site.wait { site.isDrained })
        site.trap()
        #expect(site.wait { site.told.contains("entrapment.off_level confirmed") })
        site.stopDaemon()
        for end in ["", "-wal", "-shm"] {
            try? FileManager.default.removeItem(atPath: site.folder + "/state/journal.db" + end)
        }
        try site.startDaemon()
        #expect(
            site.wait { site.said("quarantined").first?["reason"] as? String == "it is gone, or empty" }, "\(site.log)")
        let last = try #require(site.events.last { ($0["type"] as? String)?.contains("quarantined") == true })
        #expect(last["sequence"] as? Int ?? 0 > 1_000_000)
    }

    @Test func aDamagedSnapshotCostsNoAlertItsId() throws {
        let site = try Site(parameters: quick)
        try site.startDaemon()
        #expect(site.wait { site.isDrained })
        site.trap()
        #expect(site.wait { site.told.contains("entrapment.off_level confirmed") })
        site.stopDaemon()
        let path = site.folder + "/state/journal.db"
        try Database(path).execute("UPDATE snapshot SET state = randomblob(1000)")
        for _ in 0..<2 where site.said("quarantined").isEmpty {
            try site.startDaemon()
            site.wait(8) { !site.said("quarantined").isEmpty || !site.isDaemonRunning }
        }
        #expect(site.wait { site.isDrained }, "\(site.log)")
        site.wait(5) { false }
        #expect(site.told.count { $0 == "entrapment.off_level confirmed" } == 1, "\(site.told) \(site.log)")
        #expect(site.retained("state")?.contains("entrapment.off_level") == true)
    }

    @Test func aStateFolderThatSomebodyRemovesIsMadeAnewAndWhatIsOwedGoesOn() throws {
        let site = try Site(parameters: quick)
        site.answersReceipts = false
        try site.startDaemon()
        #expect(site.wait { site.isDrained })
        site.trap("1")
        #expect(site.wait { isTold(site, "confirmed", of: "1") })
        try FileManager.default.removeItem(atPath: site.folder + "/state")
        #expect(site.wait { site.log.contains("somebody has removed") && site.isDrained }, "\(site.log)")
        site.answersReceipts = true
        site.trap("2")
        #expect(site.wait { isTold(site, "confirmed", of: "2") && !site.said("quarantined").isEmpty }, "\(site.log)")
        #expect(site.wait(25) { site.status("centre", "backlog") == 0 })
        #expect(
            site.told.count { $0 == "entrapment.off_level confirmed" } == 2, "nobody under a second id: \(site.told)")
        site.stopDaemon()
        let listed = try Site.run(["journal", "list", "--file", site.folder + "/state/journal.db"])
        #expect(listed.status == 0 && listed.output.contains("entrapment.off_level"), "\(listed.output)")
    }

    /// A centre that answers no connection: a socket whose queue of callers is full.
    @Test func anEndWhileTheCentreIsABlackHoleDoesNotWaitForIt() throws {
        let hole = try BlackHole()
        defer { hole.close() }
        let site = try Site(parameters: quick, centres: "centre: { url: \"mqtt://127.0.0.1:\(hole.port)\" }")
        try site.startDaemon()
        #expect(site.wait { site.isDrained })
        site.wait(2) { false }
        site.askDaemonToEnd()
        #expect(site.wait(8) { !site.isDaemonRunning }, "\(site.log)")
        #expect(site.daemonOutcome == 0, "\(String(describing: site.daemonOutcome)) \(site.log)")
    }
}

/// A port that neither takes nor refuses a caller.
private struct BlackHole {
    let port: Int
    private var sockets: [Int32] = []

    init() throws {
        port = try FreePort.find()
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(port).bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        func call(_ function: (Int32, UnsafePointer<sockaddr>, socklen_t) -> Int32, _ socket: Int32) {
            withUnsafePointer(to: &address) {
                $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    _ = function(socket, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
                }
            }
        }
        let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        call(bind, listener)
        guard listen(listener, 0) == 0 else { throw POSIXError(.EADDRINUSE) }
        sockets = [listener]
        for _ in 0..<4 {
            let caller = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue), 0)
            call(connect, caller)
            sockets.append(caller)
        }
    }

    func close() { for socket in sockets { Foundation.close(socket) } }
}
