import City
import Foundation
import InMemoryLogging
import LiftModel
import Logging
import PositionedYAML
import Testing

@testable import Gateway
@testable import GatewayCore
@testable import Journal
@testable import hoistway

/// What cannot be read is not empty, not zero and not done.
// One after the other: a test takes on another user's rights, which the whole process then has.
@Suite(.serialized) struct HiddenFailureTests {
    private let folder = "/tmp/hoistway-hidden-\(UUID().uuidString)"
    /// A link to itself: the system can open nothing there, for any user.
    private var loop: String { folder + "/loop" }

    init() throws {
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        symlink("loop", loop)
    }

    private func failure(_ body: () throws -> Void) -> String {
        do { try body() } catch { return "\(error)" }
        return "none"
    }

    @Test(.asAnotherUser) func aFolderThatMayNotBeReadIsNotAFolderWithoutFiles() throws {
        let closed = folder + "/closed"
        try FileManager.default.createDirectory(atPath: closed, withIntermediateDirectories: true)
        try "rules: []\n".write(toFile: closed + "/a.yaml", atomically: true, encoding: .utf8)
        try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: folder)
        try FileManager.default.setAttributes([.posixPermissions: 0o700], ofItemAtPath: closed)
        let user = try #require(ServiceUser(named: AnotherUser.name))
        // The whole process has the other user's rights meanwhile, so no more than this is done.
        let found = user.run { failure { _ = try Files.yamlFiles(in: closed) } }
        #expect(found?.contains("may not be read by user 'nobody'") == true, "\(found ?? "")")
        #expect(try Files.yamlFiles(in: closed).count == 1)
    }

    @Test func aPathThatCannotBeFollowedIsNotOneThatDoesNotExist() {
        let found = failure { _ = try Files.yamlFiles(in: loop) }
        #expect(found.contains("cannot be read") && !found.contains("does not exist"), "\(found)")
        #expect(
            failure { _ = try Files.yamlFiles(in: folder + "/absent") }.contains("does not exist"))
    }

    @Test func profilesThatCannotBeReadAreNoChange() {
        #expect(Configuration.profilesHash([loop]) == nil)
        #expect(Configuration.profilesHash([Site.root + "/Devices/profiles"]) != nil)
    }

    @Test func aFileInThePlaceOfTheProfilesFolderIsNotAnEmptyFolder() throws {
        let file = folder + "/file"
        try Data().write(to: URL(fileURLWithPath: file))
        #expect(failure { _ = try CityFiles.profiles(file) }.contains("cannot be read"))
        #expect(
            failure { _ = try CityFiles.profiles(folder + "/absent") }.contains("holds no profile"))
    }

    @Test func whatIsSetAsideInAFolderThatCannotBeReadIsNotKnown() throws {
        #expect(throws: Folder.Problem.self) {
            try SetAsideJournal.newest(beside: loop + "/journal.db")
        }
        #expect(try SetAsideJournal.newest(beside: folder + "/journal.db") == nil)
    }

    @Test func anActionInAFolderThatCannotBeOpenedStaysPending() throws {
        let state = folder + "/state"
        let inbox = ActionInbox(stateFolder: state)
        try inbox.prepare()
        let name = try inbox.put(.maintenanceEnds(lift: "1", by: "Li"))
        #expect(rename(state, state + "-away") == 0 && symlink("state", state) == 0)
        #expect(throws: Folder.Problem.self) { try inbox.pendingActions(upTo: 10) }
        #expect(inbox.isPending(name) && !inbox.complete(name))
        #expect(unlink(state) == 0 && rename(state + "-away", state) == 0)
        #expect(try inbox.pendingActions(upTo: 10).map(\.name) == [name])
        #expect(inbox.complete(name) && !inbox.isPending(name))
    }

    @Test func aFolderThatIsNotThereHasNothingPending() throws {
        let inbox = ActionInbox(stateFolder: folder + "/absent")
        #expect(!inbox.isPending("1") && inbox.complete("1"))
        #expect(throws: Folder.Problem.self) { try inbox.check() }
    }

    // MARK: Reports

    private func error(_ message: String, code: Int32 = 10) -> JournalError {
        JournalError(path: "journal.db", doing: "reading", code: code, message: message)
    }

    @Test func aReadThatFailsAtEachTurnIsLoggedOnceAndWhenItSucceedsAgain() throws {
        let handler = InMemoryLogHandler()
        let reads = ReportReads(log: Logger(label: "test", factory: { _ in handler }))
        let failure = error("disk I/O error")
        for _ in 0..<3 {
            let value: Int? = try reads.read("the count") { () throws(JournalError) in throw failure
            }
            #expect(value == nil)
        }
        #expect(
            handler.entries.count == 1 && "\(handler.entries[0].message)".contains("disk I/O error")
        )
        #expect(reads.problem(of: "the count")?.contains("disk I/O error") == true)
        #expect(try reads.read("the count") { 7 } == 7)
        #expect(handler.entries.count == 2 && reads.problem(of: "the count") == nil)
    }

    @Test func damageThatAReportFindsEndsTheRun() {
        let reads = ReportReads(log: Logger(label: "test", factory: { _ in InMemoryLogHandler() }))
        let damage = error("database disk image is malformed", code: 11)
        #expect(throws: JournalError.self) {
            try reads.read("the count") { () throws(JournalError) -> Int in throw damage }
        }
    }

    @Test func anAlertWhoseEventCannotBeReadIsShownWithThat() {
        let stored = Journal.StoredAlert(
            id: "a", revision: 2, lift: "1", kind: "entrapment", state: "raised",
            time: Instant(nanoseconds: 0),
            body: Array("{}".utf8), isPending: false, isRefused: false)
        let text = AlertPage(revisions: [stored]).text
        #expect(text.contains("The event of /2 cannot be read"), "\(text)")
    }
}
