import Encoding

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// The records that were saved from a damaged journal.
public struct Salvage: Sendable, Equatable {
    public var batches = 0
    public var alerts = 0
    /// Events that some centre has not stored yet.
    public var pending = 0
    /// Records that can be read but differ from what was written.
    public var refused = 0
    /// How often the file could not be read on.
    public var gaps = 0
    public var hasSnapshot = false
}

extension Journal {
    /// Copies the sound records of a damaged journal into a new one. The damaged file is left as it
    /// is.
    ///
    /// First the alerts, the outbox and the state; then the readings, the newest first, as long as
    /// there is room.
    /// - Parameters:
    ///   - readings: at most this many bytes of readings: the gateway's start must not take hours.
    /// - Throws: `JournalError` when the new journal cannot be written.
    public static func salvage(
        _ damaged: String, into path: String, readings: Int = .max
    ) throws(JournalError) -> Salvage {
        var report = Salvage()
        let journal = try Journal(path)
        let length = DamagedFile.isInUse(damaged) ? nil : DamagedFile.pad(damaged)
        defer { if let length { DamagedFile.shorten(damaged, to: length) } }
        let source: Source
        do throws(JournalError) { source = try Source(damaged) } catch {
            report.gaps += 1
            try journal.skipSequenceNumbers(wall: wallNanoseconds)
            return report
        }
        let target = journal.database
        try target.transaction { () throws(JournalError) in
            try saveAlerts(source, target, &report)
            try saveOutbox(source, target, &report)
            try saveRest(source, target, &report)
            try saveNumbers(source, journal, &report)
        }
        try saveBatches(source.database, target, atMost: readings, &report)
        return report
    }

    /// A damaged journal whose first pages can be read. A file of an older format is saved, too.
    private struct Source {
        let database: Database
        let format: Int64
        let tables: Set<String>

        /// - Throws: `JournalError` where not even the format and the names of the tables can be
        ///   read.
        init(_ path: String) throws(JournalError) {
            database = try Database(path, readOnly: true)
            format = try database.scalar("PRAGMA user_version") ?? Schema.format
            var names: Set<String> = []
            try database.run("SELECT name FROM sqlite_schema WHERE type = 'table'") {
                names.insert($0.text(0))
            }
            tables = names
        }
    }

    private static var wallNanoseconds: Int64 {
        var now = timespec()
        clock_gettime(CLOCK_REALTIME, &now)
        return Int64(now.tv_sec) * 1_000_000_000 + Int64(now.tv_nsec)
    }

    /// In a file that lost pages, a row may be there in part, and the rest of it zeros.
    private static func isWhole(_ body: [UInt8], of id: String) -> Bool {
        body.first == UInt8(ascii: "{") && body.last == UInt8(ascii: "}")
            && !body.contains { $0 < 32 }
            && !id.isEmpty && !id.utf8.contains { $0 < 32 }
    }

    /// Visits the rows of a table with an integer key downwards to the first that cannot be read,
    /// then upwards to it.
    /// - Returns: the number of gaps: 0 or 1.
    private static func visit(
        _ source: Database, _ columns: String, of table: String, by key: String,
        _ take: (Database.Row) -> Void
    ) -> Int {
        // Swapped pages repeat rows, in no order: a row out of order is skipped.
        var (last, first) = (Int64.max, Int64.min)
        do throws(JournalError) {
            try source.run("SELECT \(columns) FROM \(table) ORDER BY \(key) DESC") {
                guard $0.integer(0) < last else { return }
                last = $0.integer(0)
                take($0)
            }
            return 0
        } catch {
            // It ends at the same damage, which counts once.
            try? source.run(
                "SELECT \(columns) FROM \(table) WHERE \(key) < ? ORDER BY \(key)", .integer(last)
            ) {
                guard $0.integer(0) > first, $0.integer(0) < last else { return }
                first = $0.integer(0)
                take($0)
            }
            return 1
        }
    }

    private static func saveAlerts(_ source: Source, _ target: Database, _ report: inout Salvage)
        throws(JournalError)
    {
        var failure: JournalError?
        let columns = "place, alert_id, revision, lift, kind, state, at, body, chain"
        let gaps = visit(source.database, columns, of: "alert", by: "place") { row in
            guard isWhole(row.blob(7), of: row.text(1)), !row.text(5).isEmpty else {
                report.refused += 1
                return
            }
            do throws(JournalError) {
                try target.run(
                    """
                    INSERT OR IGNORE INTO alert(place, alert_id, revision, lift, kind, state, at, body, chain)
                    VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?)
                    """, .integer(row.integer(0)), .text(row.text(1)), .integer(row.integer(2)),
                    .text(row.text(3)),
                    .text(row.text(4)), .text(row.text(5)), .integer(row.integer(6)),
                    .blob(row.blob(7)),
                    .blob(row.blob(8)))
                report.alerts += 1
            } catch { failure = error }
        }
        report.gaps += gaps
        if let failure { throw failure }
    }

    private static func saveOutbox(_ source: Source, _ target: Database, _ report: inout Salvage)
        throws(JournalError)
    {
        var failure: JournalError?
        func attemptWrite(_ write: () throws(JournalError) -> Void) {
            do throws(JournalError) { try write() } catch { failure = error }
        }
        let number = source.format == 1 ? "0" : "number"
        let rest = source.format < 3 ? "'alert', 0, 0, ''" : "type, run, monotonic, quality"
        report.gaps += visit(
            source.database, "id, event_id, lane, lift, body, created, \(number), \(rest)",
            of: "outbox", by: "id"
        ) { row in
            guard isWhole(row.blob(4), of: row.text(1)), isWhole(row.blob(4), of: row.text(7))
            else {
                report.refused += 1
                return
            }
            attemptWrite { () throws(JournalError) in
                try target.run(
                    """
                    INSERT OR IGNORE INTO outbox(id, event_id, lane, lift, body, created, number, type, run, monotonic, quality)
                    VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
                    """, .integer(row.integer(0)), .text(row.text(1)), .integer(row.integer(2)),
                    .text(row.text(3)),
                    .blob(row.blob(4)), .integer(row.integer(5)), .integer(row.integer(6)),
                    .text(row.text(7)),
                    .integer(row.integer(8)), .integer(row.integer(9)), .text(row.text(10)))
                report.pending += 1
            }
        }
        if source.format >= 3 { try saveRecipients(source, target, &report) }
        // An event whose delivery rows are lost is enqueued for every recipient: a duplicate is
        // better than a loss.
        try target.run(
            """
            INSERT INTO owed SELECT name, lane, id, lift, created, 0 FROM outbox, centre
            WHERE NOT EXISTS (SELECT 1 FROM owed WHERE owed.id = outbox.id)
            """)
        try target.run(Journal.recountPending)
        if let failure { throw failure }
    }

    /// Saves the centres, what each still has to receive, and what was set aside for it.
    private static func saveRecipients(
        _ source: Source, _ target: Database, _ report: inout Salvage
    ) throws(JournalError) {
        try saveRuns(source, target, &report)
        var centres: [(name: String, lanes: Int64)] = []
        attempt(&report) { () throws(JournalError) in
            try source.database.run("SELECT name, lanes FROM centre") {
                centres.append(($0.text(0), $0.integer(1)))
            }
        }
        let gapsBefore = report.gaps
        var rows = deliveryRows(source, &report)
        let letters = deadLetters(source, &report)
        // A part of the queues may leave out whole centres: then every event is enqueued for all.
        if report.gaps > gapsBefore { rows.removeAll() }
        if !centres.isEmpty { try target.run("DELETE FROM centre") }
        for centre in centres {
            // A damaged page may name a centre twice: it gets the lanes of both rows.
            try target.run(
                "INSERT INTO centre VALUES(?1, ?2) ON CONFLICT(name) DO UPDATE SET lanes = lanes | ?2",
                .text(centre.name), .integer(centre.lanes))
        }
        for row in rows {
            try target.run(
                """
                INSERT OR IGNORE INTO owed(centre, lane, id, lift, created, step)
                SELECT ?1, lane, id, lift, created, ?4 FROM outbox WHERE id = ?3 AND lane = ?2
                """, .text(row.centre), .integer(row.lane), .integer(row.id), .integer(row.step))
        }
        for letter in letters {
            try target.run(
                "INSERT OR IGNORE INTO dead_letter VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                values: letter)
        }
    }

    private static func saveRuns(
        _ source: Source, _ target: Database, _ report: inout Salvage
    ) throws(JournalError) {
        var runs: [[Database.Value]] = []
        let anchor = source.format < 4 ? "NULL" : "anchor"
        attempt(&report) { () throws(JournalError) in
            try source.database.run("SELECT id, boot, correction, \(anchor) FROM run") {
                runs.append([
                    .integer($0.integer(0)), .text($0.text(1)), .integer($0.integer(2)),
                    $0.isNull(3) ? .null : .integer($0.integer(3)),
                ])
            }
        }
        for run in runs {
            try target.run(
                "INSERT OR IGNORE INTO run(id, boot, correction, anchor) VALUES(?, ?, ?, ?)",
                values: run)
        }
    }

    private static func deliveryRows(
        _ source: Source, _ report: inout Salvage
    ) -> [(centre: String, lane: Int64, id: Int64, step: Int64)] {
        var rows: [(centre: String, lane: Int64, id: Int64, step: Int64)] = []
        attempt(&report) { () throws(JournalError) in
            try source.database.run("SELECT centre, lane, id, step FROM owed") {
                rows.append(($0.text(0), $0.integer(1), $0.integer(2), $0.integer(3)))
            }
        }
        return rows
    }

    private static func deadLetters(_ source: Source, _ report: inout Salvage) -> [[Database.Value]]
    {
        var letters: [[Database.Value]] = []
        attempt(&report) { () throws(JournalError) in
            try source.database.run(
                """
                SELECT centre, event_id, type, lane, lift, body, created, number, run, monotonic, quality, reason, at
                FROM dead_letter
                """
            ) {
                letters.append([
                    .text($0.text(0)), .text($0.text(1)), .text($0.text(2)),
                    .integer($0.integer(3)),
                    .text($0.text(4)), .blob($0.blob(5)), .integer($0.integer(6)),
                    .integer($0.integer(7)),
                    .integer($0.integer(8)), .integer($0.integer(9)), .text($0.text(10)),
                    .text($0.text(11)),
                    .integer($0.integer(12)),
                ])
            }
        }
        return letters
    }

    private static func attempt(_ report: inout Salvage, _ read: () throws(JournalError) -> Void) {
        do throws(JournalError) { try read() } catch { report.gaps += 1 }
    }

    private static func saveRest(_ source: Source, _ target: Database, _ report: inout Salvage)
        throws(JournalError)
    {
        var commands: [(centre: String, id: String, at: Int64)] = []
        var counts: [(name: String, value: Int64)] = []
        var snapshot: (through: Int64, state: [UInt8], hash: Int64)?
        if source.tables.contains("word") {
            attempt(&report) { () throws(JournalError) in
                try source.database.run("SELECT centre, id, at FROM word") {
                    commands.append(($0.text(0), $0.text(1), $0.integer(2)))
                }
            }
        }
        attempt(&report) { () throws(JournalError) in
            try source.database.run("SELECT name, value FROM counter") {
                counts.append(($0.text(0), $0.integer(1)))
            }
        }
        attempt(&report) { () throws(JournalError) in
            try source.database.run("SELECT seq, state, hash FROM snapshot") {
                let hash = RecordHash.snapshot(through: $0.integer(0), $0.blob(1))
                if $0.isNull(2) || $0.integer(2) == hash {
                    snapshot = ($0.integer(0), $0.blob(1), hash)
                }
            }
        }
        for command in commands {
            try target.run(
                "INSERT OR IGNORE INTO word VALUES(?, ?, ?)", .text(command.centre),
                .text(command.id),
                .integer(command.at))
        }
        for count in counts {
            try target.run(
                "INSERT OR REPLACE INTO counter VALUES(?, ?)", .text(count.name),
                .integer(count.value))
        }
        guard let snapshot else { return }
        report.hasSnapshot = true
        try target.run(
            "INSERT OR REPLACE INTO snapshot(id, seq, state, hash) VALUES(1, ?, ?, ?)",
            .integer(snapshot.through),
            .blob(snapshot.state), .integer(snapshot.hash))
    }

    /// Saves the last sequence numbers. Where some cannot be read, the others start above every
    /// number that may have been given, as a number is used once.
    private static func saveNumbers(
        _ source: Source, _ journal: Journal, _ report: inout Salvage
    ) throws(JournalError) {
        let target = journal.database
        guard source.tables.contains("numbering") else { return }
        var numbers: [(lift: String, lane: Int64, last: Int64)] = []
        let gapsBefore = report.gaps
        attempt(&report) { () throws(JournalError) in
            try source.database.run("SELECT lift, lane, last FROM numbering") {
                numbers.append(($0.text(0), $0.integer(1), $0.integer(2)))
            }
        }
        for number in numbers {
            try target.run(
                "INSERT OR REPLACE INTO numbering VALUES(?, ?, ?)", .text(number.lift),
                .integer(number.lane),
                .integer(number.last))
        }
        if report.gaps > gapsBefore { try journal.skipSequenceNumbers(wall: wallNanoseconds) }
    }
}
