import Foundation
import LiftModel
import Testing

@testable import Journal

/// Journals of older formats: they are brought up to date or saved, and lose nothing.
@Suite struct FormatTests {
    private let folder: String
    private var path: String { folder + "/journal.db" }

    init() throws {
        folder = FileManager.default.temporaryDirectory.path + "/hoistway-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    }

    /// Writes the journal of an older version.
    private func load(_ name: String) throws {
        let fixture = #filePath.replacingOccurrences(
            of: "FormatTests.swift", with: "Fixtures/\(name).sql")
        try Database(path).execute(try String(contentsOfFile: fixture, encoding: .utf8))
    }

    @Test func aJournalOfTheFirstFormatIsBroughtUpToDateAndLosesNothing() throws {
        try load("format-1")
        let journal = try Journal(path)
        var messages = 0
        try journal.forEachBatch(after: 0) { messages += $0.messages.count }
        #expect(messages == 38)
        #expect(try journal.outbox(limit: 10).count == 1)
        #expect(try journal.alerts().count == 3)
        #expect(try journal.snapshot() != nil)
        let before = journal.audit()
        #expect(before.isSound && before.unchecked == 14, "\(before.problems), \(before.unchecked)")
        try journal.fill(batches: 3)
        let after = journal.audit()
        #expect(after.isSound && after.alerts == 6, "\(after.problems)")
    }

    @Test func aJournalOfTheSecondFormatIsPendingForTodaysCentres() throws {
        try load("format-2")
        let journal = try Journal(path)
        #expect(try journal.outbox(limit: 10).count == 1)
        #expect(journal.audit().isSound, "\(journal.audit().problems)")
        #expect(try journal.setRecipients([Recipient("city"), Recipient("keeper")]) == 0)
        for centre in ["city", "keeper"] {
            #expect(
                try journal.pending(for: centre, in: .entrapment, after: .beforeFirst, limit: 10)
                    .count == 1)
        }
        #expect(journal.audit().isSound, "\(journal.audit().problems)")
    }

    @Test func aJournalOfTheThirdFormatKeepsItsAlertsQueuesAndCounts() throws {
        try load("format-3")
        let journal = try Journal(path)
        #expect(journal.audit().isSound, "\(journal.audit().problems)")
        let found = try journal.statistics()
        #expect(
            found.alerts == 7 && found.batches == 18 && found.readingsBytes == 2455
                && found.pending == 5)
        #expect(try journal.counters()["messages"] == 41)
        #expect(
            try journal.pending(for: "city", in: .entrapment, after: .beforeFirst, limit: 10).count
                == 3)
        #expect(
            try journal.pending(for: "keeper", in: .fault, after: .beforeFirst, limit: 10).isEmpty)
        var batch = Journal.Batch(now: Instant(nanoseconds: 1_795_298_600_000_000_000))
        batch.alerts = [(Alert.example("after"), Array("{}".utf8))]
        try journal.commit(batch)
        #expect(journal.audit().isSound, "\(journal.audit().problems)")
        #expect(try journal.statistics().batches == 19)
    }

    @Test(arguments: [("format-2", 1), ("format-3", 5)])
    func aCopyOfAnOlderFormatIsSaved(_ name: String, _ pending: Int) throws {
        try load(name)
        let saved = try Journal.salvage(path, into: folder + "/saved.db")
        #expect(saved.pending == pending && saved.gaps == 0 && saved.batches > 10, "\(saved)")
        let journal = try Journal(folder + "/saved.db")
        #expect(journal.audit().isSound, "\(journal.audit().problems)")
        #expect(try journal.statistics().pending == pending)
    }

    @Test func eachLiftsEventsAreCountedInEachLane() throws {
        let journal = try Journal(path)
        var batch = Journal.Batch(now: Instant(nanoseconds: 1))
        batch.alerts = [
            Alert.example("a", lift: "1"), Alert.example("b", lift: "2"),
            Alert.example("c", lift: "1"),
            Alert.example("d", lift: "1", kind: "door_open_fault"),
            Alert.example("a", 2, lift: "1"),
        ].map { ($0, Array("{}".utf8)) }
        try journal.commit(batch)
        _ = try journal.receipt(["a/1", "c/1"], from: "centre")
        var later = Journal.Batch(now: Instant(nanoseconds: 2))
        later.alerts = [(Alert.example("e", lift: "1"), Array("{}".utf8))]
        try journal.commit(later)
        let numbers = Dictionary(
            uniqueKeysWithValues: try journal.outbox(limit: 10).map { ($0.eventID, $0.sequence) })
        #expect(
            numbers == ["b/1": 1, "d/1": 1, "a/2": 3, "e/1": 4],
            "a number is used once, delivered or not")
    }

    @Test func thePageOfTheFormatNamesEveryTableAndColumn() throws {
        let page = try String(
            contentsOfFile: #filePath.replacingOccurrences(
                of: "Tests/JournalTests/FormatTests.swift", with: "docs/format/journal.md"),
            encoding: .utf8)
        #expect(page.contains("`user_version` \(Schema.format)."))
        let named = Set(page.split(separator: "`").map(String.init))
        let database = try Journal(path).database
        var columns: [String: [String]] = [:]
        try database.run(
            """
            SELECT owner.name, part.name FROM sqlite_schema AS owner, pragma_table_info(owner.name) AS part
            WHERE owner.type = 'table' AND owner.name NOT LIKE 'sqlite%'
            """
        ) { columns[$0.text(0), default: []].append($0.text(1)) }
        #expect(columns.count == 12)
        for (table, columns) in columns {
            #expect(named.contains(table), "table \(table)")
            for column in columns { #expect(named.contains(column), "\(table).\(column)") }
        }
        // Every heading that names a table names one that is there.
        for heading in page.split(separator: "\n") where heading.hasPrefix("### `") {
            let table = String(heading.split(separator: "`")[1])
            #expect(columns[table] != nil, "\(table)")
        }
    }
}
