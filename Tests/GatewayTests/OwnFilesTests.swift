import Foundation
import LiftModel
import Testing

@testable import Gateway
@testable import Journal

/// Files of the gateway that belong to root: found, reported with the command that mends them, and
/// no reason to stop watching.
@Suite(.serialized) struct OwnFilesTests {
    private static func give(_ path: String, to user: uid_t, mode: Int? = nil) throws {
        try FileManager.default.setAttributes(
            [.ownerAccountID: user, .groupOwnerAccountID: user], ofItemAtPath: path)
        if let mode {
            try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: path)
        }
    }

    @Test(.asAnotherUser)
    func aFileThatTheUserMayNotWriteIsNamedWithItsOwnerAndTheCommand() throws {
        let folder = "/tmp/hoistway-own-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let user = try #require(ServiceUser(named: "nobody"))
        func problem() -> OwnFiles.Problem? { OwnFiles(in: folder, as: user).problem }
        #expect(
            problem()?.found.contains(
                "'nobody' may not read and write \(folder), which belongs to user 'root'") == true
        )
        try Self.give(folder, to: AnotherUser.id, mode: 0o750)
        #expect(problem() == nil)
        let journal = folder + "/journal.db"
        try Data().write(to: URL(fileURLWithPath: journal))
        try Self.give(journal, to: 0, mode: 0o600)
        #expect(
            problem()?.found
                == "user 'nobody' may not read and write \(journal), which belongs to user 'root' (mode 600)"
        )
        #expect(problem()?.remedy == "As root: chown -R nobody:\(user.groupName) \(folder)")
        try Self.give(journal, to: AnotherUser.id, mode: 0o400)
        #expect(problem()?.remedy == "As root: chmod -R u+rwX \(folder)")
        try Self.give(journal, to: AnotherUser.id, mode: 0o640)
        #expect(problem() == nil)
    }

    @Test(
        .enabled(
            if: AnotherUser.canRead(BuiltProgram.path("hoistway"), NSTemporaryDirectory()),
            "only root can run it as another user, from folders which that user may enter"))
    func aJournalThatRootPutBackIsNamedAndLiftsAreWatchedUntilItIsGivenBack() throws {
        let site = try Site(parameters: quick)
        try Self.give(site.folder, to: AnotherUser.id, mode: 0o755)
        try site.startDaemon(as: AnotherUser.id)
        #expect(site.wait { site.isDrained }, "\(site.account)")
        site.stopDaemon()
        let (state, journal) = (site.folder + "/state", site.folder + "/state/journal.db")
        try Self.give(journal, to: 0, mode: 0o600)
        try site.startDaemon(as: AnotherUser.id)
        #expect(
            site.wait { site.isDrained && site.log.contains("may not read and write \(journal)") },
            "\(site.account)")
        #expect(FileManager.default.fileExists(atPath: state + "/ballast"), "no space is missing")
        site.trap()
        #expect(site.wait { site.alertStates.contains("entrapment confirmed") }, "\(site.account)")
        #expect(
            site.wait { site.alertStates.contains("disk_failing raised") }, "\(site.alertStates)")
        let status = try site.run(["status"])
        #expect(
            status.status == 6 && status.output.contains("As root: chown -R"), "\(status.output)")
        #expect(!status.output.contains("Make room"), "\(status.output)")
        site.wait(12) { false }
        #expect(
            !site.log.contains("the disk takes files again"),
            "a folder that takes files is not enough")
        try Self.give(journal, to: AnotherUser.id, mode: 0o640)
        #expect(
            site.wait(25) { site.log.contains("the disk takes files again") && site.isDrained },
            "\(site.account)")
        #expect(
            site.wait { site.alertStates.contains("disk_failing cleared") }, "\(site.alertStates)")
    }

    /// Starts a site whose journal cannot be opened, and expects one run with the true cause.
    private func expectOneRun(
        _ site: Site, as user: uid_t? = nil, finding found: String, mend: () throws -> Void
    ) throws {
        try site.startDaemon(as: user)
        #expect(site.wait { site.isDrained && site.log.contains(found) }, "\(site.account)")
        site.wait(12) { false }
        let rows = site.status["checks"] as? [[String: Any]] ?? []
        let row = rows.first { $0["subject"] as? String == "disk" } ?? [:]
        #expect((row["found"] as? String)?.contains(found) == true, "\(row)")
        #expect((row["advice"] as? String)?.contains("Make room") == false, "\(row)")
        #expect(!site.log.contains("the disk takes files again"), "the same run: \(site.log)")
        #expect(site.log.components(separatedBy: "Nothing is stored on disk").count == 2)
        let check = try site.run(["check"])
        #expect(check.status != 0 && check.output.contains(found), "\(check)")
        site.trap()
        #expect(site.wait { site.alertStates.contains("entrapment confirmed") }, "\(site.account)")
        try mend()
        #expect(
            site.wait(25) { site.log.contains("continuing with the journal") && site.isDrained },
            "\(site.account)")
    }

    @Test func aFolderInTheJournalsPlaceIsNamedAndTheGatewayStaysInOneRun() throws {
        let site = try Site(parameters: quick)
        let journal = site.folder + "/state/journal.db"
        try FileManager.default.createDirectory(
            atPath: journal, withIntermediateDirectories: true)
        try expectOneRun(
            site, finding: "\(journal) is a folder; expected the journal's file"
        ) { try FileManager.default.removeItem(atPath: journal) }
    }

    @Test(
        .enabled(
            if: AnotherUser.canRead(BuiltProgram.path("hoistway"), NSTemporaryDirectory()),
            "root follows no link; only root can run it as another user"))
    func aLinkToAFileThatIsAwayIsNamedAndTheGatewayStaysInOneRun() throws {
        let site = try Site(parameters: quick)
        let (state, away) = (site.folder + "/state", site.folder + "/usb")
        try FileManager.default.createDirectory(atPath: state, withIntermediateDirectories: true)
        let journal = state + "/journal.db"
        try FileManager.default.createSymbolicLink(
            atPath: journal, withDestinationPath: away + "/journal.db")
        for folder in [site.folder, state] {
            try Self.give(folder, to: AnotherUser.id, mode: 0o755)
        }
        try expectOneRun(
            site, as: AnotherUser.id, finding: "\(journal) is a symbolic link to \(away)/journal.db"
        ) { try FileManager.default.removeItem(atPath: journal) }
    }

    @Test func aRunDoesNotEndForAJournalThatTheNextOneCouldNotOpen() throws {
        let folder = "/tmp/hoistway-own-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let path = folder + "/journal.db"
        func problem() -> String? { JournalOpener.problemOfOpening(in: folder)?.message }
        #expect(problem() == nil, "a new one is made")
        try Database(path).execute("CREATE TABLE other(a)")
        #expect(problem() == "is not a Hoistway journal")
        try Data(repeating: 7, count: 4096).write(to: URL(fileURLWithPath: path))
        #expect(problem() == nil, "a damaged one is set aside")
        for end in ["", "-wal", "-shm"] { try? FileManager.default.removeItem(atPath: path + end) }
        _ = try Journal(path)
        #expect(problem() == nil)
        try FileManager.default.removeItem(atPath: path)
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        #expect(problem() == "unable to open database file")
    }

    @Test(.enabled(if: Tmpfs.isAllowed))
    func chmodIsAdvisedOnlyWhereTheRightsAreTheReason() throws {
        let folder = "/tmp/hoistway-own-\(UUID().uuidString)"
        let disk = try Tmpfs(megabytes: 1, at: folder)
        let journal = folder + "/journal.db"
        try Data([1]).write(to: URL(fileURLWithPath: journal))
        let files = OwnFiles(in: folder)
        #expect(files.problem == nil)
        let immutable = files.problem(journal, EPERM)
        #expect(immutable.found.contains("its rights are not the reason"))
        #expect(immutable.remedy.contains("lsattr -d \(journal)"))
        #expect(!immutable.remedy.contains("chmod -R") && !immutable.remedy.contains("chown -R"))
        try FileManager.default.setAttributes([.posixPermissions: 0o400], ofItemAtPath: journal)
        #expect(files.problem(journal, EACCES).remedy == "As root: chmod -R u+rwX \(folder)")
        disk.makeReadOnly()
        #expect(files.problem?.found == "\(folder) is on a disk that is mounted read-only")
        #expect(files.problem?.remedy.contains("mount shows") == true)
    }

    @Test func withoutAStatusFileTheLockSaysThatAGatewayRuns() throws {
        let site = try Site(parameters: quick)
        try site.startDaemon()
        #expect(site.wait { site.isDrained }, "\(site.account)")
        try FileManager.default.removeItem(atPath: site.folder + "/run")
        #expect(
            site.wait { site.log.contains("cannot write \(site.folder)/run/status.json") },
            "\(site.account)")
        let status = try site.run(["status"])
        #expect(
            status.status == 1 && status.output.contains("the gateway runs and does not write"),
            "\(status.output)")
        let began = Date()
        let test = try site.run(["selftest"])
        #expect(test.status == 1 && test.output.contains("no test was started"), "\(test.output)")
        #expect(
            Date().timeIntervalSince(began) < 60,
            "it does not wait for a result that cannot be shown")
        site.wait(3) { false }
        #expect(
            site.log.components(separatedBy: "run/status.json (").count == 2,
            "logged once: \(site.log)")
        site.stopDaemon()
        let ended = try site.run(["status"])
        #expect(ended.status == 1 && ended.output.contains("nothing runs here"), "\(ended.output)")
    }

    @Test func aSecondGatewayOnOneFolderIsNoMistakeInAFile() throws {
        let site = try Site(parameters: quick)
        try site.startDaemon()
        #expect(site.wait { site.isDrained }, "\(site.account)")
        let second = try site.run(["run"])
        #expect(
            second.status == 1
                && second.output.contains("another hoistway runs on this state folder"), "\(second)"
        )
    }
}
