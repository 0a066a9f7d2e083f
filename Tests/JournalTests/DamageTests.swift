import CSQLite
import Encoding
import Foundation
import LiftModel
import Testing

@testable import Journal

/// A damaged journal: the damage is found and reported, and the gateway starts in spite of it.
@Suite struct DamageTests {
    private let folder: String
    private var path: String { folder + "/journal.db" }

    init() throws {
        folder = FileManager.default.temporaryDirectory.path + "/hoistway-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    }

    // MARK: Finding it

    @Test func anUntouchedJournalIsSound() throws {
        let journal = try Journal(path)
        try journal.fill(batches: 30)
        let audit = journal.audit()
        #expect(audit.isSound && audit.unchecked == 0, "\(audit.problems)")
        #expect(
            audit.batches == 30 && audit.messages == 90 && audit.alerts == 30 && audit.pending == 30
        )
    }

    @Test(arguments: [
        (
            "UPDATE batch SET readings = (SELECT readings FROM batch WHERE seq = 3) WHERE seq = 4",
            "batch 4"
        ),
        ("UPDATE batch SET control = 'drained' WHERE seq = 5", "batch 5"),
        ("UPDATE batch SET now = now + 1 WHERE seq = 5", "batch 5"),
        ("DELETE FROM batch WHERE seq = 6", "batch 7 follows 5"),
        ("UPDATE alert SET body = X'7B7D' WHERE place = 4", "alert alert-3/1, number 4"),
        ("DELETE FROM alert WHERE place = 4", "number 5, follows number 3"),
        (
            "UPDATE alert SET place = -place WHERE place IN (4, 5)",
            "number -4, is not what was written"
        ),
        ("UPDATE alert SET chain = NULL WHERE place = 4", "alert alert-3/1, number 4"),
        ("UPDATE snapshot SET state = X'00'", "the snapshot is not what was written"),
        ("UPDATE snapshot SET seq = 99", "the snapshot is not what was written"),
        ("UPDATE outbox SET body = X'7B7D' WHERE id = 2", "outbox: 1 events"),
    ])
    func whatWasChangedIsFoundAndNamed(_ change: String, _ fragment: String) throws {
        let journal = try Journal(path)
        try journal.fill(batches: 10)
        try Database(path).execute(change)
        let audit = journal.audit()
        #expect(audit.problems.contains { $0.contains(fragment) }, "\(change): \(audit.problems)")
    }

    @Test func aSegmentWithoutItsBeginningSaysNothingRatherThanSomethingElse() throws {
        do { try Journal(path).fill(batches: 20) }
        let journal = try Journal(path)
        try journal.fill(batches: 20, from: 20)
        // The second run has started a segment of its own. The first segment loses its beginning.
        try Database(path).execute("DELETE FROM batch WHERE seq <= 5")
        #expect(journal.audit().problems.contains { $0.contains("no beginning") })
        let error = #expect(throws: JournalError.self) {
            try journal.forEachBatch(after: 0) { _ in }
        }
        #expect(error?.isDamage == true)
        let saved = try Journal.salvage(path, into: folder + "/saved.db")
        #expect(saved.batches == 20 && saved.refused == 15, "\(saved)")
        var messages = 0
        try Journal(folder + "/saved.db").forEachBatch(after: 0) { messages += $0.messages.count }
        #expect(messages == 60)
    }

    @Test func whatASalvageHasNoTimeForIsTheOldest() throws {
        do { try Journal(path).fill(batches: 100) }
        do { try Journal(path).fill(batches: 300, from: 100) }
        let saved = try Journal.salvage(path, into: folder + "/saved.db", readings: 1)
        // Only whole segments can be decoded: of the last 256 batches, those from a segment's first
        // on.
        let found = try Journal(folder + "/saved.db")
        #expect(
            saved.batches == found.audit().batches && saved.alerts == 400 && saved.pending == 400,
            "\(saved)")
        #expect(
            found.audit().problems.allSatisfy { $0.contains("the last is") },
            "\(found.audit().problems)")
    }

    @Test func aChangedReadingIsRefusedWhenItIsReadBack() throws {
        let journal = try Journal(path)
        try journal.fill(batches: 10)
        try Database(path).execute(
            "UPDATE batch SET readings = (SELECT readings FROM batch WHERE seq = 3) WHERE seq = 4")
        let error = #expect(throws: JournalError.self) {
            try journal.forEachBatch(after: 0) { _ in }
        }
        #expect(error?.isDamage == true)
    }

    // MARK: Surviving it

    @Test func aSnapshotThatIsNotWhatWasWrittenIsRefused() throws {
        do {
            let journal = try Journal(path)
            try journal.fill(batches: 3)
            try journal.saveSnapshot([1, 2, 3], through: 3)
        }
        try Database(path).execute("UPDATE snapshot SET seq = 2")
        #expect(throws: JournalError.self) { try Journal(path).snapshot() }
    }

    @Test func aFileThatIsNoDatabaseIsSetAsideAndTheJournalBeginsAnew() throws {
        try Data(repeating: 0, count: 40_000).write(to: URL(fileURLWithPath: path))
        let (journal, damage) = try Journal.openOrReplace(
            path, now: Instant(nanoseconds: 1_000_000_000))
        let aside = try #require(damage?.file)
        #expect(FileManager.default.contents(atPath: aside)?.count == 40_000, "nothing is deleted")
        try journal.fill(batches: 2)
        #expect(journal.audit().isSound)
    }

    @Test func anotherProductsFileIsRefusedAndLeftWhereItIs() throws {
        try Database(path).execute("CREATE TABLE theirs(x)")
        #expect(throws: JournalError.self) {
            try Journal.openOrReplace(path, now: Instant(nanoseconds: 0))
        }
        #expect(
            try FileManager.default.contentsOfDirectory(atPath: folder).filter {
                $0.contains("damaged")
            } == [])
    }

    @Test func whateverPageIsDestroyedTheJournalOpensAndInventsNothing() throws {
        let seed = UInt64.random(in: 0...UInt64.max)
        var random = SplitMix64(seed: seed)
        do { try Journal(path).fill(batches: 200) }
        let whole = try #require(FileManager.default.contents(atPath: path))
        let (pages, rounds) = (whole.count / 1024, 60)
        var saved = 0
        for round in 0..<rounds {
            let file = folder + "/damaged-\(round).db"
            var bytes = whole
            // Spread over the file, with another offset in each run.
            let page = (round * pages + Int.random(in: 0..<pages, using: &random)) / rounds
            for i in page * 1024..<(page + 1) * 1024 {
                bytes[i] = UInt8.random(in: 0...255, using: &random)
            }
            try bytes.write(to: URL(fileURLWithPath: file))
            Journal.markDamaged(file)
            let (journal, damage) = try Journal.openOrReplace(
                file, now: Instant(nanoseconds: Int64(round)))
            let found = try #require(damage).saved
            let audit = journal.audit()
            // Records may be missing; none may differ from what was written.
            let otherProblems = audit.problems.filter {
                !$0.contains("follows") && !$0.contains("the last is") && !$0.contains("outbox")
            }
            #expect(otherProblems == [], "seed \(seed), page \(page)")
            #expect(
                try journal.outbox(limit: 1000).allSatisfy { row in
                    row.body == Array("{\"n\":\(row.eventID.dropFirst(6).dropLast(2))}".utf8)
                })
            saved += found.batches
            try journal.fill(batches: 1, from: 1000)
        }
        #expect(
            saved > rounds * 100,
            "on average more than half of the batches are saved: \(saved / rounds) of 200")
    }

    @Test func anEventThatALostPageCutIsNotSent() throws {
        // Bodies that need an overflow page.
        do {
            let journal = try Journal(path)
            for n in 1...40 {
                var batch = Journal.Batch(now: Instant(nanoseconds: Int64(n)))
                let text = String(repeating: "long ", count: 250)
                batch.events = [
                    OutboundEvent(
                        id: "event-\(n)", type: "word", lane: .fault, subject: "1",
                        body: Array("{\"n\":\"\(text)\"}".utf8))
                ]
                try journal.commit(batch)
            }
        }
        let whole = try #require(FileManager.default.contents(atPath: path)).count
        for share in [6, 7, 8, 9] {
            let file = folder + "/short-\(share).db"
            try FileManager.default.copyItem(atPath: path, toPath: file)
            #expect(truncate(file, whole / 10 * share) == 0)
            let (journal, damage) = try Journal.openOrReplace(
                file, now: Instant(nanoseconds: Int64(share)))
            #expect(damage != nil)
            let rows = try journal.outbox(limit: 100)
            #expect(
                rows.allSatisfy {
                    $0.body.last == UInt8(ascii: "}") && !$0.body.contains(0) && $0.type == "word"
                })
            #expect(!rows.isEmpty, "\(share)0% of the file")
        }
    }

    @Test func numbersThatCannotBeReadAreNotUsedAgain() throws {
        do { try Journal(path).fill(batches: 50) }
        let root =
            try Database(path).scalar("SELECT rootpage FROM sqlite_schema WHERE name = 'numbering'")
            ?? 0
        let file = try FileHandle(forWritingTo: URL(fileURLWithPath: path))
        try file.seek(toOffset: UInt64(root - 1) * 1024)
        try file.write(contentsOf: Data(repeating: 0xA5, count: 1024))
        try file.close()
        Journal.markDamaged(path)
        let (journal, _) = try Journal.openOrReplace(path, now: Instant(nanoseconds: 0))
        let before = try journal.outbox(limit: 1000).compactMap(\.sequence).max() ?? 0
        try journal.fill(batches: 1, from: 1000)
        #expect(before >= 50)
        #expect(try journal.outbox(limit: 1000).compactMap(\.sequence).max() ?? 0 > 1_000_000)
    }

    @Test func aTableThatIsGoneIsDamage() throws {
        do { try Journal(path).fill(batches: 20) }
        try Database(path).execute("DROP TABLE batch")
        let (journal, damage) = try Journal.openOrReplace(path, now: Instant(nanoseconds: 0))
        #expect(damage?.saved.pending == 20 && damage?.saved.alerts == 20)
        try journal.fill(batches: 1, from: 1000)
    }

    @Test func aJournalThatLostItsEndIsSavedToThere() throws {
        do { try Journal(path).fill(batches: 200) }
        let whole = try #require(FileManager.default.contents(atPath: path)).count
        #expect(truncate(path, whole - 5000) == 0)
        Journal.markDamaged(path)
        let (journal, damage) = try Journal.openOrReplace(path, now: Instant(nanoseconds: 0))
        let found = try #require(damage)
        #expect(found.saved.batches > 100 && found.saved.alerts > 100, "\(found.saved)")
        #expect(
            FileManager.default.contents(atPath: found.file)?.count == whole - 5000,
            "the damaged one is as it was")
        #expect(try journal.outbox(limit: 1000).count > 100)
    }

    @Test func aPowerCutWhileItIsReplacedLeavesOneOrTheOther() throws {
        do { try Journal(path).fill(batches: 5) }
        // Between the two renames: the damaged file is moved, and the new one does not have its
        // name yet.
        try FileManager.default.moveItem(atPath: path, toPath: path + ".new")
        let (journal, damage) = try Journal.openOrReplace(path, now: Instant(nanoseconds: 0))
        #expect(damage == nil)
        #expect(journal.audit().batches == 5)
    }
}
