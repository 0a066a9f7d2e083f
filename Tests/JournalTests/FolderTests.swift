import Foundation
import Testing

@testable import Journal

/// A folder whose owner puts hostile files into it; the numbers are those of `Folder`.
@Suite struct FolderTests {
    private let path = NSTemporaryDirectory() + "hoistway-folder-\(UUID().uuidString)"
    private let outside = NSTemporaryDirectory() + "hoistway-outside-\(UUID().uuidString)"
    private static let isRoot = getuid() == 0
    private static let nobody: uid_t = 65534

    init() throws {
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        try Data("another's".utf8).write(to: URL(fileURLWithPath: outside))
    }

    private func isUntouched() throws -> Bool {
        try String(contentsOfFile: outside, encoding: .utf8) == "another's"
    }

    @Test func invariant1ALinkInAFilesPlaceIsReplacedAndNotFollowed() throws {
        symlink(outside, path + "/status.json")
        try Folder(path).replace("status.json", with: Array("ours".utf8))
        #expect(try isUntouched())
        #expect(try Folder(path).contents("status.json", upTo: 100) == Array("ours".utf8))
    }

    @Test func invariant1ALinkIsNeitherReadNorSearched() throws {
        symlink(outside, path + "/answer")
        symlink(NSTemporaryDirectory(), path + "/orders")
        #expect(throws: Folder.Problem.self) { _ = try Folder(path).contents("answer", upTo: 100) }
        #expect(throws: Folder.Problem.self) { _ = try Folder(path).subfolder("orders") }
        try Folder(path).remove("answer")
        #expect(try isUntouched())
    }

    @Test func invariant2ANewFileIsMadeOnlyWhereNothingStands() throws {
        symlink(outside + "-absent", path + "/new")
        #expect(throws: Folder.Problem.self) { _ = try Folder(path).create("new", mode: 0o640) }
        #expect(!FileManager.default.fileExists(atPath: outside + "-absent"))
    }

    @Test func invariant2NobodyCanPrepareTheNameUnderWhichAFileIsWritten() throws {
        symlink(outside, path + "/a.new")
        symlink(outside, path + "/.a.new")
        try Folder(path).replace("a", with: [1])
        #expect(try isUntouched())
        #expect(Set(try Folder(path).names()) == ["a", "a.new", ".a.new"])
    }

    @Test(.enabled(if: isRoot)) func invariant2WhatRootWritesBelongsToTheFoldersOwner() throws {
        chown(path, Self.nobody, Self.nobody)
        try Folder(path).replace("a", with: [1])
        var facts = stat()
        #expect(stat(path + "/a", &facts) == 0)
        #expect(facts.st_uid == Self.nobody && facts.st_gid == Self.nobody)
    }

    @Test func invariant3WhatIsNoPlainFileOrTooLongIsNotRead() throws {
        mkfifo(path + "/fifo", 0o600)
        link(outside, path + "/second-name")
        try Folder(path).replace("long", with: [UInt8](repeating: 0, count: 101))
        for name in ["fifo", "second-name", "long"] {
            #expect(throws: Folder.Problem.self) { _ = try Folder(path).contents(name, upTo: 100) }
        }
        #expect(try Folder(path).contents("absent", upTo: 100) == nil)
    }

    @Test func whatAKilledProcessLeftBehindGoesAndWhatIsBeingWrittenStays() throws {
        try Folder(path).replace(".a.1x.new", with: [])
        try Folder(path).replace(".b.1x.new", with: [])
        try FileManager.default.setAttributes(
            [.modificationDate: Date(timeIntervalSinceNow: -3600)],
            ofItemAtPath: path + "/.a.1x.new")
        try Folder(path).removeLeftovers()
        #expect(try Folder(path).names() == [".b.1x.new"])
    }

    // MARK: The journal

    @Test(.enabled(if: isRoot)) func rootReadsAndWritesNoJournalThroughALink() throws {
        _ = try Journal(outside + ".db")
        symlink(outside + ".db", path + "/journal.db")
        symlink(outside + "-absent", path + "/new.db")
        for isReading in [true, false] {
            #expect(throws: JournalError.self) {
                _ = try Journal(path + "/journal.db", readOnly: isReading)
            }
            #expect(throws: JournalError.self) {
                _ = try Journal(path + "/new.db", readOnly: isReading)
            }
        }
        #expect(!FileManager.default.fileExists(atPath: outside + "-absent"))
        #expect(throws: Never.self) { _ = try Journal(outside + ".db", readOnly: true) }
    }

    @Test(.enabled(if: isRoot)) func rootFollowsNoLinkBesideAJournal() throws {
        for suffix in ["-wal", "-shm", "-journal"] {
            let journal = path + "/\(suffix).db"
            _ = try Journal(journal)
            for beside in ["-wal", "-shm", "-journal"] { unlink(journal + beside) }
            symlink(outside, journal + suffix)
            for isReading in [true, false] {
                // SQLite decides whether it can be opened.
                _ = try? Journal(journal, readOnly: isReading)
                _ = try? Journal.salvage(journal, into: path + "/\(suffix)-\(isReading).db")
                #expect(try isUntouched(), "\(suffix)")
            }
        }
    }

    @Test(.enabled(if: isRoot)) func whatRootMakesBesideTheServicesJournalBelongsToTheService()
        throws
    {
        let journal = path + "/journal.db"
        _ = try Journal(journal)
        for name in ["", "-wal", "-shm"] { chown(journal + name, Self.nobody, Self.nobody) }
        chown(path, Self.nobody, Self.nobody)
        for beside in ["-wal", "-shm"] { unlink(journal + beside) }
        let opened = try Journal(existing: journal)
        _ = try opened.requeue(nil)
        try withExtendedLifetime(opened) {
            for name in try Folder(path).names() {
                var facts = stat()
                #expect(
                    stat(path + "/" + name, &facts) == 0 && facts.st_uid == Self.nobody, "\(name)")
            }
        }
    }

    @Test func aCommandThatWritesMakesNoJournal() throws {
        #expect(throws: JournalError.self) { _ = try Journal(existing: path + "/absent.db") }
        #expect(!FileManager.default.fileExists(atPath: path + "/absent.db"))
    }
}
