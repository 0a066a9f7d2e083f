import CSQLite

/// The journal's layout (`application_id` "HWAY", `user_version` = format): docs/format/journal.md has
/// its tables and columns, and what each upgrade does.
///
/// A journal of an older format is upgraded in one transaction when it is opened. Records of format
/// 1 keep NULL for a hash, which `audit` counts as unchecked.
enum Schema {
    static let format: Int64 = 4
    private static let applicationID: Int64 = 0x4857_4159

    /// Creates a new journal, or upgrades an older one to the present format.
    /// - Throws: `JournalError`, also for a file of another product or of a newer format, which is
    ///   left untouched.
    static func prepare(_ database: Database, readOnly: Bool) throws(JournalError) {
        let id = try database.scalar("PRAGMA application_id") ?? 0
        let version = try database.scalar("PRAGMA user_version") ?? 0
        let isEmpty = try database.scalar("SELECT count(1) FROM sqlite_schema") == 0
        if id == 0, version == 0, isEmpty, !readOnly { return try create(database) }
        if id == 0, version == 0, isEmpty {
            var error = refusal(database, "is empty: no gateway has stored anything in it yet")
            error.isOfEmptyFile = true
            throw error
        }
        guard id == applicationID else { throw refusal(database, "is not a Hoistway journal") }
        guard version <= format else {
            throw refusal(database, "has format \(version), this version knows up to \(format)")
        }
        if version == format { return }
        guard !readOnly else {
            throw refusal(
                database,
                "has format \(version). The gateway brings its own to \(format) when it starts; of a copy make a readable one: hoistway journal salvage --file COPY --into NEW"
            )
        }
        do throws(JournalError) {
            try database.transaction { () throws(JournalError) in
                if version == 1 { try upgradeFromFirst(database) }
                if version <= 2 { for sql in additionsOfThird { try database.execute(sql) } }
                for sql in changesOfFourth + ["PRAGMA user_version=\(format)"] {
                    try database.execute(sql)
                }
            }
        } catch  where error.isOfContent {
            // A journal that cannot be upgraded is quarantined and salvaged like a damaged one.
            throw JournalError(
                path: error.path, doing: error.doing, code: SQLITE_CORRUPT,
                message: "cannot be brought from format \(version) to \(format): \(error.message)")
        }
    }

    private static func refusal(_ database: Database, _ message: String) -> JournalError {
        JournalError(path: database.path, doing: "opening", code: 0, message: message)
    }

    private static func create(_ database: Database) throws(JournalError) {
        try database.transaction { () throws(JournalError) in
            for sql in [
                "PRAGMA application_id=\(applicationID)", "PRAGMA user_version=\(format)",
                """
                CREATE TABLE batch(seq INTEGER PRIMARY KEY, segment INTEGER NOT NULL, now INTEGER NOT NULL,
                    control TEXT, readings BLOB NOT NULL, hash INTEGER, place INTEGER NOT NULL DEFAULT 0)
                """,
                """
                CREATE TABLE alert(alert_id TEXT NOT NULL, revision INTEGER NOT NULL, lift TEXT NOT NULL, kind TEXT NOT NULL,
                    state TEXT NOT NULL, at INTEGER NOT NULL, body BLOB NOT NULL, place INTEGER, chain BLOB,
                    PRIMARY KEY(alert_id, revision)) WITHOUT ROWID
                """,
                """
                CREATE TABLE outbox(id INTEGER PRIMARY KEY AUTOINCREMENT, event_id TEXT NOT NULL UNIQUE, lane INTEGER NOT NULL,
                    lift TEXT NOT NULL, body BLOB NOT NULL, created INTEGER NOT NULL, number INTEGER NOT NULL DEFAULT 0)
                """,
                "CREATE INDEX outbox_lane ON outbox(lane, id)",
                """
                CREATE TABLE snapshot(id INTEGER PRIMARY KEY CHECK(id = 1), seq INTEGER NOT NULL, state BLOB NOT NULL,
                    hash INTEGER)
                """,
                "CREATE TABLE counter(name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID",
            ] + additionsOfSecond + additionsOfThird + changesOfFourth { try database.execute(sql) }
        }
    }

    /// Additions of format 2 that change no table of format 1.
    private static let additionsOfSecond =
        [
            "CREATE UNIQUE INDEX alert_place ON alert(place)",
            """
            CREATE TABLE numbering(lift TEXT NOT NULL, lane INTEGER NOT NULL, last INTEGER NOT NULL, PRIMARY KEY(lift, lane))
                WITHOUT ROWID
            """,
            // Finds the revisions of one alert: its id is a UUID of 36 characters.
            "CREATE INDEX outbox_alert ON outbox(substr(event_id, 1, 36), id)",
            "CREATE TABLE held(class TEXT PRIMARY KEY, bytes INTEGER NOT NULL, rows INTEGER NOT NULL) WITHOUT ROWID",
            "INSERT INTO held SELECT 'batch', total(length(readings)), count(*) FROM batch",
            "INSERT INTO held SELECT 'alert', total(length(body)), count(*) FROM alert",
            "INSERT INTO held SELECT 'outbox', total(length(body)), count(*) FROM outbox",
        ]
        + counting("batch", "readings") + counting("alert", "body") + counting("outbox", "body")

    /// Triggers that update `held`.
    private static func counting(_ table: String, _ column: String) -> [String] {
        [
            """
            CREATE TRIGGER \(table)_in AFTER INSERT ON \(table) BEGIN
                UPDATE held SET bytes = bytes + length(new.\(column)), rows = rows + 1 WHERE class = '\(table)'; END
            """,
            """
            CREATE TRIGGER \(table)_out AFTER DELETE ON \(table) BEGIN
                UPDATE held SET bytes = bytes - length(old.\(column)), rows = rows - 1 WHERE class = '\(table)'; END
            """,
        ]
    }

    /// Additions of format 3: several centres, each with its own queue.
    ///
    /// Triggers ensure that an event exists as long as it has a delivery row, and no longer.
    private static let additionsOfThird = [
        "ALTER TABLE outbox ADD COLUMN type TEXT NOT NULL DEFAULT 'alert'",
        "ALTER TABLE outbox ADD COLUMN owing INTEGER NOT NULL DEFAULT 1",
        "ALTER TABLE outbox ADD COLUMN run INTEGER NOT NULL DEFAULT 0",
        "ALTER TABLE outbox ADD COLUMN monotonic INTEGER NOT NULL DEFAULT 0",
        "ALTER TABLE outbox ADD COLUMN quality TEXT NOT NULL DEFAULT ''",
        "CREATE TABLE word(centre TEXT NOT NULL, id TEXT NOT NULL, at INTEGER NOT NULL, PRIMARY KEY(centre, id)) WITHOUT ROWID",
        "CREATE TABLE run(id INTEGER PRIMARY KEY, boot TEXT NOT NULL, correction INTEGER NOT NULL DEFAULT 0)",
        "CREATE TABLE centre(name TEXT PRIMARY KEY, lanes INTEGER NOT NULL) WITHOUT ROWID",
        "INSERT INTO centre VALUES('\(Recipient.theOnly.name)', \(Recipient.theOnly.bits))",
        """
        CREATE TABLE owed(centre TEXT NOT NULL, lane INTEGER NOT NULL, id INTEGER NOT NULL, lift TEXT NOT NULL,
            created INTEGER NOT NULL, step INTEGER NOT NULL, PRIMARY KEY(centre, lane, id)) WITHOUT ROWID
        """,
        "CREATE INDEX owed_lift ON owed(centre, lane, lift, id)",
        "CREATE INDEX owed_step ON owed(centre, step, id) WHERE step > 0",
        "INSERT INTO owed SELECT name, lane, id, lift, created, 0 FROM outbox, centre",
        """
        CREATE TRIGGER outbox_gone AFTER DELETE ON outbox BEGIN
            DELETE FROM owed WHERE centre IN (SELECT name FROM centre) AND lane = old.lane AND id = old.id; END
        """,
        """
        CREATE TRIGGER owed_gone AFTER DELETE ON owed BEGIN
            UPDATE outbox SET owing = owing - 1 WHERE id = old.id;
            DELETE FROM outbox WHERE id = old.id AND owing <= 0; END
        """,
        """
        CREATE TABLE dead_letter(centre TEXT NOT NULL, event_id TEXT NOT NULL, type TEXT NOT NULL, lane INTEGER NOT NULL,
            lift TEXT NOT NULL, body BLOB NOT NULL, created INTEGER NOT NULL, number INTEGER NOT NULL, run INTEGER NOT NULL,
            monotonic INTEGER NOT NULL, quality TEXT NOT NULL, reason TEXT NOT NULL, at INTEGER NOT NULL,
            PRIMARY KEY(centre, event_id)) WITHOUT ROWID
        """,
    ]

    /// Changes of format 4: alerts are stored in the order in which they are written, and not in
    /// that of their random ids; a commit of a batch writes the batch's own row only.
    private static let changesOfFourth =
        [
            "ALTER TABLE batch ADD COLUMN messages INTEGER NOT NULL DEFAULT 0",
            "ALTER TABLE run ADD COLUMN anchor INTEGER",
            "ALTER TABLE held ADD COLUMN through INTEGER NOT NULL DEFAULT 0",
            "UPDATE held SET through = (SELECT ifnull(max(seq), 0) FROM batch) WHERE class = 'batch'",
            "DROP TRIGGER batch_in", "DROP TRIGGER batch_out",
            """
            CREATE TRIGGER batch_out AFTER DELETE ON batch WHEN old.seq <= (SELECT through FROM held WHERE class = 'batch') BEGIN
                UPDATE held SET bytes = bytes - length(old.readings), rows = rows - 1 WHERE class = 'batch'; END
            """,
            // The unique index over event_id finds an alert's revisions as well.
            "DROP INDEX outbox_alert",
            "DROP TRIGGER alert_in", "DROP TRIGGER alert_out",
            "ALTER TABLE alert RENAME TO alert_of_third",
            """
            CREATE TABLE alert(place INTEGER PRIMARY KEY, alert_id TEXT NOT NULL, revision INTEGER NOT NULL, lift TEXT NOT NULL,
                kind TEXT NOT NULL, state TEXT NOT NULL, at INTEGER NOT NULL, body BLOB NOT NULL, chain BLOB)
            """,
            """
            INSERT INTO alert SELECT place, alert_id, revision, lift, kind, state, at, body, chain FROM alert_of_third
            WHERE place IS NOT NULL ORDER BY place
            """,
            "DROP TABLE alert_of_third",
            "CREATE UNIQUE INDEX alert_revision ON alert(alert_id, revision, state)",
        ] + counting("alert", "body")

    private static func upgradeFromFirst(_ database: Database) throws(JournalError) {
        for sql in [
            "ALTER TABLE batch ADD COLUMN place INTEGER NOT NULL DEFAULT 0",
            // Segments are evicted as a whole, so the first batch that is left was the segment's
            // first.
            """
            UPDATE batch SET place = seq - (SELECT min(seq) FROM batch AS other WHERE other.segment = batch.segment)
            """,
            "ALTER TABLE batch ADD COLUMN hash INTEGER",
            "ALTER TABLE snapshot ADD COLUMN hash INTEGER",
            "ALTER TABLE alert ADD COLUMN place INTEGER", "ALTER TABLE alert ADD COLUMN chain BLOB",
            "ALTER TABLE outbox ADD COLUMN number INTEGER NOT NULL DEFAULT 0",
        ] + additionsOfSecond { try database.execute(sql) }
        // The chain starts with the alerts that are left, in the order of their times.
        var keys: [(id: String, revision: Int64, body: [UInt8])] = []
        try database.run(
            "SELECT alert_id, revision, body FROM alert ORDER BY at, alert_id, revision"
        ) {
            keys.append(($0.text(0), $0.integer(1), $0.blob(2)))
        }
        for key in keys {
            let link = try AlertChain.append(key.body, in: database)
            try database.run(
                "UPDATE alert SET place = ?, chain = ? WHERE alert_id = ? AND revision = ?",
                .integer(link.sequence),
                .blob(link.hash), .text(key.id), .integer(key.revision))
        }
    }
}
