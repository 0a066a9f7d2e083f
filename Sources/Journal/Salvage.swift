import Encoding

/// What could be saved from a damaged journal.
public struct Salvage: Sendable, Equatable {
    public var batches = 0
    public var alerts = 0
    public var owed = 0
    /// Records that were found and were not what had been written.
    public var refused = 0
    /// Places at which the file could not be read on.
    public var gaps = 0
    public var hasSnapshot = false
}

extension Journal {
    /// Takes what can be read and is sound out of a damaged journal into a new one. The damaged file is left as it is.
    ///
    /// A table is read from its beginning up to the damage, and from its end down to it.
    /// - Throws: `JournalError` when the new journal cannot be written.
    public static func salvage(_ damaged: String, into path: String) throws(JournalError) -> Salvage {
        try salvage(damaged, into: try Journal(path))
    }

    static func salvage(_ damaged: String, into journal: Journal) throws(JournalError) -> Salvage {
        var report = Salvage()
        let source: Database
        do throws(JournalError) {
            source = try Database(damaged, readOnly: true)
            _ = try source.scalar("SELECT count(*) FROM sqlite_schema")
        } catch {
            report.gaps += 1
            return report
        }
        let target = journal.database
        try target.transaction { () throws(JournalError) in
            try saveBatches(source, target, &report)
            try saveAlerts(source, target, &report)
            try saveOutbox(source, target, &report)
            try saveRest(source, target, &report)
        }
        try journal.readNumbers()
        return report
    }

    /// Visits the rows of a table with a whole-number key upwards to the first that cannot be read, then downwards.
    /// - Returns: how many places could not be read: 0 or 1.
    private static func visit(
        _ source: Database, _ columns: String, of table: String, by key: String, _ take: (Database.Row) -> Void
    ) -> Int {
        var last = Int64.min
        do throws(JournalError) {
            try source.run("SELECT \(columns) FROM \(table) ORDER BY \(key)") {
                last = $0.integer(0)
                take($0)
            }
            return 0
        } catch {
            try? source.run("SELECT \(columns) FROM \(table) WHERE \(key) > ? ORDER BY \(key) DESC", .integer(last)) {
                take($0)
            }
            return 1
        }
    }

    private static func saveBatches(_ source: Database, _ target: Database, _ report: inout Salvage)
        throws(JournalError)
    {
        var failure: JournalError?
        let gaps = visit(source, "seq, segment, now, control, readings, hash", of: "batch", by: "seq") { row in
            let control = row.isNull(3) ? nil : row.text(3)
            let readings = row.blob(4)
            let hash = RecordHash.batch(
                sequence: row.integer(0), segment: row.integer(1), now: row.integer(2), control: control, readings)
            guard row.isNull(5) || row.integer(5) == hash else {
                report.refused += 1
                return
            }
            do throws(JournalError) {
                try target.run(
                    "INSERT OR IGNORE INTO batch(seq, segment, now, control, readings, hash) VALUES(?, ?, ?, ?, ?, ?)",
                    .integer(row.integer(0)), .integer(row.integer(1)), .integer(row.integer(2)),
                    control.map { .text($0) } ?? .null, .blob(readings), .integer(hash))
                report.batches += 1
            } catch { failure = error }
        }
        report.gaps += gaps
        if let failure { throw failure }
        report.refused += try dropUnreadable(target)
    }

    /// A batch refers to those before it in its segment: without one of them it says nothing.
    private static func dropUnreadable(_ target: Database) throws(JournalError) -> Int {
        var codec = ReadingsCodec()
        var (segment, last): (Int64, Int64) = (-1, -1)
        var isBroken = false
        var unreadable: [Int64] = []
        try target.run("SELECT seq, segment, readings FROM batch ORDER BY seq") { row in
            if row.integer(1) != segment {
                codec.beginSegment()
                segment = row.integer(1)
                isBroken = false
            } else if row.integer(0) != last + 1 {
                isBroken = true
            }
            last = row.integer(0)
            if !isBroken, (try? codec.decode(row.blob(2))) == nil { isBroken = true }
            if isBroken { unreadable.append(last) }
        }
        for sequence in unreadable { try target.run("DELETE FROM batch WHERE seq = ?", .integer(sequence)) }
        return unreadable.count
    }

    private static func saveAlerts(_ source: Database, _ target: Database, _ report: inout Salvage) throws(JournalError)
    {
        var failure: JournalError?
        let columns = "place, alert_id, revision, lift, kind, state, at, body, chain"
        let gaps = visit(source, columns, of: "alert", by: "place") { row in
            do throws(JournalError) {
                try target.run(
                    """
                    INSERT OR IGNORE INTO alert(place, alert_id, revision, lift, kind, state, at, body, chain)
                    VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?)
                    """, .integer(row.integer(0)), .text(row.text(1)), .integer(row.integer(2)), .text(row.text(3)),
                    .text(row.text(4)), .text(row.text(5)), .integer(row.integer(6)), .blob(row.blob(7)),
                    .blob(row.blob(8)))
                report.alerts += 1
            } catch { failure = error }
        }
        report.gaps += gaps
        if let failure { throw failure }
    }

    private static func saveOutbox(_ source: Database, _ target: Database, _ report: inout Salvage) throws(JournalError)
    {
        var failure: JournalError?
        let gaps = visit(source, "id, event_id, lane, lift, body, created, number", of: "outbox", by: "id") { row in
            do throws(JournalError) {
                try target.run(
                    """
                    INSERT OR IGNORE INTO outbox(id, event_id, lane, lift, body, created, number) VALUES(?, ?, ?, ?, ?, ?, ?)
                    """, .integer(row.integer(0)), .text(row.text(1)), .integer(row.integer(2)), .text(row.text(3)),
                    .blob(row.blob(4)), .integer(row.integer(5)), .integer(row.integer(6)))
                report.owed += 1
            } catch { failure = error }
        }
        report.gaps += gaps
        if let failure { throw failure }
    }

    private static func attempt(_ report: inout Salvage, _ read: () throws(JournalError) -> Void) {
        do throws(JournalError) { try read() } catch { report.gaps += 1 }
    }

    private static func saveRest(_ source: Database, _ target: Database, _ report: inout Salvage) throws(JournalError) {
        var numbers: [(lift: String, lane: Int64, last: Int64)] = []
        var counts: [(name: String, value: Int64)] = []
        var snapshot: (through: Int64, state: [UInt8], hash: Int64)?
        attempt(&report) { () throws(JournalError) in
            try source.run("SELECT lift, lane, last FROM numbering") {
                numbers.append(($0.text(0), $0.integer(1), $0.integer(2)))
            }
        }
        attempt(&report) { () throws(JournalError) in
            try source.run("SELECT name, value FROM counter") { counts.append(($0.text(0), $0.integer(1))) }
        }
        attempt(&report) { () throws(JournalError) in
            try source.run("SELECT seq, state, hash FROM snapshot") {
                let hash = RecordHash.snapshot(through: $0.integer(0), $0.blob(1))
                if $0.isNull(2) || $0.integer(2) == hash { snapshot = ($0.integer(0), $0.blob(1), hash) }
            }
        }
        for number in numbers {
            try target.run(
                "INSERT OR REPLACE INTO numbering VALUES(?, ?, ?)", .text(number.lift), .integer(number.lane),
                .integer(number.last))
        }
        for count in counts {
            try target.run("INSERT OR REPLACE INTO counter VALUES(?, ?)", .text(count.name), .integer(count.value))
        }
        guard let snapshot else { return }
        report.hasSnapshot = true
        try target.run(
            "INSERT OR REPLACE INTO snapshot(id, seq, state, hash) VALUES(1, ?, ?, ?)", .integer(snapshot.through),
            .blob(snapshot.state), .integer(snapshot.hash))
    }
}
