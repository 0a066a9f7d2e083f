import CSQLite
import Foundation
import LiftModel
import Testing

@testable import Journal

/// A file that was made to harm its reader.
@Suite struct HostileFileTests {
    private let path = NSTemporaryDirectory() + "hoistway-hostile-\(UUID().uuidString).db"

    /// A journal with changes that the gateway does not write.
    private func make(_ statements: String...) throws {
        let journal = try Journal(path)
        try journal.commit(.init(now: Instant(seconds: 1)))
        for statement in statements { try journal.database.execute(statement) }
    }

    private static let endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)"

    @Test(arguments: [
        [
            "ALTER TABLE alert RENAME TO other",
            "CREATE VIEW alert AS \(endless) SELECT i AS place FROM n",
        ],
        ["CREATE VIEW harmless AS SELECT 1"],
        [
            "ALTER TABLE batch ADD COLUMN bomb GENERATED ALWAYS AS (length(hex(zeroblob(400000000))))"
        ],
        ["CREATE VIRTUAL TABLE t USING fts5(a)"],
    ])
    func whatIsComputedIsRefusedBeforeItIsComputed(_ statements: [String]) throws {
        try make()
        do {
            let database = try Database(path)
            for statement in statements { try database.execute(statement) }
        }
        let error = #expect(throws: JournalError.self) { _ = try Journal(path, readOnly: true) }
        #expect(
            error?.description.contains("found a computed") == true, "\(String(describing: error))")
        let saved = try Journal.salvage(path, into: path + ".new")
        #expect(saved.batches == 0 && saved.gaps == 1)
    }

    @Test func readingThatComesToNoEndIsEnded() throws {
        try make()
        let database = try Database(path, readOnly: true)
        let error = #expect(throws: JournalError.self) {
            _ = try database.scalar("\(Self.endless) SELECT count(*) FROM n")
        }
        #expect(error?.description.contains("comes to no end") == true && error?.isDamage == true)
    }

    @Test func aRecordOfHundredsOfMegabytesIsNotRead() throws {
        try make("INSERT INTO snapshot VALUES(1, 1, zeroblob(400000000), 0)")
        let journal = try Journal(path, readOnly: true)
        #expect(throws: JournalError.self) { _ = try journal.snapshot() }
        #expect(try journal.statistics().batches == 1, "the rest is")
    }

    @Test func rowsThatComeToNoEndAreNotCountedToTheirEnd() throws {
        try make()
        try tangle("dead_letter")
        let journal = try Journal(path, readOnly: true)
        let error = #expect(throws: JournalError.self) { _ = try journal.deadLetterCount() }
        #expect(
            error?.description.contains("comes to no end") == true, "\(String(describing: error))")
    }

    @Test(arguments: ["alert", "owed", "batch", "outbox", "counter"])
    func rowsThatComeToNoEndFillNeitherTheTimeNorTheMemoryOfASalvage(_ table: String) throws {
        try make()
        try tangle(table)
        let start = ContinuousClock.now
        let saved = try Journal.salvage(path, into: path + ".new")
        #expect(saved.gaps > 0 && ContinuousClock.now - start < .seconds(30), "\(saved)")
    }

    /// Links each page of a table and its indexes to the next one sixty times, over twelve levels:
    /// a file of some hundred pages with more rows than can be counted.
    private func tangle(_ table: String) throws {
        var roots: [Int] = []
        do {
            let database = try Database(path)
            try database.run(
                "SELECT rootpage FROM sqlite_schema WHERE tbl_name = ? AND rootpage > 0",
                .text(table)
            ) {
                roots.append(Int($0.integer(0)))
            }
        }
        var bytes = [UInt8](try #require(FileManager.default.contents(atPath: path)))
        func big(_ number: Int, _ count: Int) -> [UInt8] {
            (0..<count).reversed().map { UInt8(truncatingIfNeeded: number >> ($0 * 8)) }
        }
        /// https://sqlite.org/fileformat2.html, 1.6: a page of that type with these cells.
        func page(_ type: UInt8, _ cells: [[UInt8]], last child: Int?) -> [UInt8] {
            let content = cells.reduce([], +)
            let start = 1024 - content.count
            var offset = start
            var page =
                [type, 0, 0] + big(cells.count, 2) + big(start, 2) + [0]
                + (child.map { big($0, 4) } ?? [])
            for cell in cells {
                page += big(offset, 2)
                offset += cell.count
            }
            return page + [UInt8](repeating: 0, count: start - page.count) + content
        }
        for root in roots {
            let isIndex = [2, 10].contains(bytes[(root - 1) * 1024])
            let record: [UInt8] = [1, 1]
            for level in 0..<12 {
                let number = level == 0 ? root : bytes.count / 1024
                let child = bytes.count / 1024 + 1
                let cells = (1...60).map { big(child, 4) + (isIndex ? record : [UInt8($0)]) }
                let made = page(isIndex ? 2 : 5, cells, last: child)
                bytes.replaceSubrange(((number - 1) * 1024)..<(number * 1024), with: made)
                bytes += [UInt8](repeating: 0, count: 1024)
            }
            let leaf = page(isIndex ? 10 : 13, [isIndex ? record : [1, 1, 1]], last: nil)
            bytes.replaceSubrange((bytes.count - 1024)..., with: leaf)
        }
        bytes.replaceSubrange(28..<32, with: big(bytes.count / 1024, 4))
        try Data(bytes).write(to: URL(fileURLWithPath: path))
    }
}
