import Elevator
import Encoding

/// The durable store: what lifts said, what was decided, what the centre is owed, and the state to go on from.
///
/// Invariants, each with a test:
/// 1. A batch is there whole or not at all: its messages, alerts and outbox rows are one transaction.
/// 2. `commit` returns after the fsync (WAL, `synchronous=EXTRA`, asserted on opening). Only then is the broker told.
/// 3. An outbox row leaves by a receipt for its `alert_id/revision` and in no other way.
/// 4. A snapshot names the last batch it contains; batches after it are never evicted before the next snapshot.
///
/// Layout (`application_id` "HWAY", `user_version` = format):
///
///     batch      seq, segment, now, control, readings (blob)    what was read, by batch
///     alert      alert_id, revision, lift, kind, state, at, body   every revision told
///     outbox     id, event_id, lane, lift, body, created           what the centre is owed
///     snapshot   seq, state (blob)                                 one row
///     counter    name, value
///
/// Is not: a log of everything for ever. Readings beyond their quota go, oldest first.
///
/// Confined to one thread. Each thread opens its own.
public final class Journal {
    public static let format: Int64 = 1
    private static let applicationID: Int64 = 0x4857_4159

    private let database: Database
    private var codec = ReadingsCodec()
    private var segment: Int64 = 0
    private var batchesInSegment = ReadingsCodec.batchesPerSegment
    private var nextSequence: Int64 = 1

    /// Opens the journal, creating it where there is none.
    /// - Throws: `JournalError`, also for a file of another product or a newer format, which is left untouched.
    public convenience init(_ path: String, readOnly: Bool = false) throws(JournalError) {
        try self.init(path, readOnly: readOnly, fileSystem: nil)
    }

    /// - Parameter fileSystem: SQLite's name of a file system, for tests.
    package init(_ path: String, readOnly: Bool = false, fileSystem: String?) throws(JournalError) {
        database = try Database(path, readOnly: readOnly, fileSystem: fileSystem)
        let id = try database.scalar("PRAGMA application_id") ?? 0
        let version = try database.scalar("PRAGMA user_version") ?? 0
        if id == 0, version == 0, !readOnly {
            try create()
        } else if id != Self.applicationID || version > Self.format {
            throw JournalError(
                path: path, doing: "opening", code: 0,
                message: id != Self.applicationID
                    ? "is not a Hoistway journal" : "has format \(version), this version knows up to \(Self.format)")
        }
        // A sequence is used once, though all batches up to the snapshot's may be gone.
        let last = max(
            try database.scalar("SELECT max(seq) FROM batch") ?? 0,
            try database.scalar("SELECT max(seq) FROM snapshot") ?? 0)
        nextSequence = last + 1
        segment = (try database.scalar("SELECT max(segment) FROM batch") ?? 0)
    }

    private func create() throws(JournalError) {
        try database.transaction { () throws(JournalError) in
            for sql in [
                "PRAGMA application_id=\(Self.applicationID)", "PRAGMA user_version=\(Self.format)",
                """
                CREATE TABLE batch(seq INTEGER PRIMARY KEY, segment INTEGER NOT NULL, now INTEGER NOT NULL,
                    control TEXT, readings BLOB NOT NULL)
                """,
                """
                CREATE TABLE alert(alert_id TEXT NOT NULL, revision INTEGER NOT NULL, lift TEXT NOT NULL, kind TEXT NOT NULL,
                    state TEXT NOT NULL, at INTEGER NOT NULL, body BLOB NOT NULL, PRIMARY KEY(alert_id, revision)) WITHOUT ROWID
                """,
                """
                CREATE TABLE outbox(id INTEGER PRIMARY KEY AUTOINCREMENT, event_id TEXT NOT NULL UNIQUE, lane INTEGER NOT NULL,
                    lift TEXT NOT NULL, body BLOB NOT NULL, created INTEGER NOT NULL)
                """,
                "CREATE INDEX outbox_lane ON outbox(lane, id)",
                "CREATE TABLE snapshot(id INTEGER PRIMARY KEY CHECK(id = 1), seq INTEGER NOT NULL, state BLOB NOT NULL)",
                "CREATE TABLE counter(name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID",
            ] { try database.execute(sql) }
        }
    }

    // MARK: Batches

    /// What one turn of the loop makes durable.
    public struct Batch {
        public var now: Instant
        public var messages: [JournalledMessage] = []
        /// What happened beside the messages, each with its time: to the connection, or by a person's order.
        public var control: String?
        public var alerts: [(alert: Alert, body: [UInt8])] = []
        public var counters: [(name: String, increment: Int)] = []
        /// The state after this batch, where the next start must not fold it again.
        public var snapshot: [UInt8]?
        public init(now: Instant) { self.now = now }
    }

    /// Makes a batch durable: all of it or, when this throws, nothing.
    @discardableResult
    public func commit(_ batch: Batch) throws(JournalError) -> Int64 {
        if batchesInSegment >= ReadingsCodec.batchesPerSegment {
            codec.beginSegment()
            segment += 1
            batchesInSegment = 0
        }
        let blob = codec.encode(batch.messages)
        let snapshot = batch.snapshot.map { Zstandard.compress($0) }
        let sequence = nextSequence
        do throws(JournalError) {
            try database.transaction { () throws(JournalError) in
                try database.run(
                    "INSERT INTO batch(seq, segment, now, control, readings) VALUES(?, ?, ?, ?, ?)", .integer(sequence),
                    .integer(segment), .integer(batch.now.nanoseconds), batch.control.map { .text($0) } ?? .null,
                    .blob(blob))
                for (alert, body) in batch.alerts { try insert(alert, body, created: batch.now) }
                for (name, increment) in batch.counters { try count(name, increment) }
                if let snapshot { try write(snapshot: snapshot, through: sequence) }
            }
        } catch {
            // The codec has moved on with payloads that are not in the file: begin anew with the next batch.
            batchesInSegment = ReadingsCodec.batchesPerSegment
            throw error
        }
        nextSequence += 1
        batchesInSegment += 1
        return sequence
    }

    private func insert(_ alert: Alert, _ body: [UInt8], created: Instant) throws(JournalError) {
        // An id names what it says: told again, as after a restart under other parameters, it is the same word.
        try database.run(
            "INSERT OR IGNORE INTO alert(alert_id, revision, lift, kind, state, at, body) VALUES(?, ?, ?, ?, ?, ?, ?)",
            .text(alert.id), .integer(Int64(alert.revision)), .text(alert.lift), .text(alert.kind),
            .text(alert.state.rawValue), .integer(alert.time.nanoseconds), .blob(body))
        guard try database.scalar("SELECT changes()") == 1 else { return }
        try database.run(
            "INSERT INTO outbox(event_id, lane, lift, body, created) VALUES(?, ?, ?, ?, ?)",
            .text("\(alert.id)/\(alert.revision)"), .integer(Int64(alert.lane.rawValue)), .text(alert.lift),
            .blob(body),
            .integer(created.nanoseconds))
    }

    private func count(_ name: String, _ increment: Int) throws(JournalError) {
        try database.run(
            "INSERT INTO counter VALUES(?1, ?2) ON CONFLICT(name) DO UPDATE SET value = value + ?2", .text(name),
            .integer(Int64(increment)))
    }

    /// The last messages committed, oldest first: those the broker may send again, as their acknowledgement may be lost.
    public func lastMessages(_ count: Int) throws(JournalError) -> [JournalledMessage] {
        // Walks back over whole batches; each holds at least one message or is a turn without any.
        let last = nextSequence - 1
        var from = last
        var span: Int64 = 1
        while true {
            from = max(0, last - span)
            var found: [JournalledMessage] = []
            try forEachBatch(after: from) { found += $0.messages }
            if found.count >= count || from == 0 || span >= 4096 { return found.suffix(count) }
            span *= 4
        }
    }

    public func counters() throws(JournalError) -> [String: Int] {
        var found: [String: Int] = [:]
        try database.run("SELECT name, value FROM counter") { found[$0.text(0)] = Int($0.integer(1)) }
        return found
    }

    // MARK: Going on after a restart

    public func saveSnapshot(_ state: [UInt8], through sequence: Int64) throws(JournalError) {
        let packed = Zstandard.compress(state)
        try database.transaction { () throws(JournalError) in
            try write(snapshot: packed, through: sequence)
        }
    }

    private func write(snapshot packed: [UInt8], through sequence: Int64) throws(JournalError) {
        try database.run(
            "INSERT INTO snapshot VALUES(1, ?1, ?2) ON CONFLICT(id) DO UPDATE SET seq = ?1, state = ?2",
            .integer(sequence), .blob(packed))
    }

    public func snapshot() throws(JournalError) -> (state: [UInt8], through: Int64)? {
        var found: ([UInt8], Int64)?
        try database.run("SELECT state, seq FROM snapshot") { found = ($0.blob(0), $0.integer(1)) }
        guard let (packed, sequence) = found else { return nil }
        do throws(MalformedBytes) {
            return (try Zstandard.decompress(packed), sequence)
        } catch {
            throw JournalError(path: database.path, doing: "reading the snapshot", code: 0, message: error.description)
        }
    }

    /// A batch read back.
    public struct StoredBatch: Sendable {
        public var sequence: Int64
        public var now: Instant
        public var control: String?
        public var messages: [JournalledMessage]
    }

    /// Visits the batches after a sequence number in order, one in memory at a time.
    public func forEachBatch(after sequence: Int64, _ visit: (StoredBatch) -> Void) throws(JournalError) {
        let first = try database.scalar(
            "SELECT segment FROM batch WHERE seq > ? ORDER BY seq LIMIT 1", .integer(sequence))
        guard let first else { return }
        var codec = ReadingsCodec()
        var segment: Int64 = -1
        var damage: JournalError?
        try database.run(
            "SELECT seq, segment, now, control, readings FROM batch WHERE segment >= ? ORDER BY seq", .integer(first)
        ) { row in
            if row.integer(1) != segment {
                codec.beginSegment()
                segment = row.integer(1)
            }
            do throws(MalformedBytes) {
                let messages = try codec.decode(row.blob(4))
                guard row.integer(0) > sequence else { return }
                visit(
                    StoredBatch(
                        sequence: row.integer(0), now: Instant(nanoseconds: row.integer(2)),
                        control: row.isNull(3) ? nil : row.text(3), messages: messages))
            } catch {
                damage = JournalError(
                    path: self.database.path, doing: "reading batch \(row.integer(0))", code: 0,
                    message: error.description)
            }
        }
        if let damage { throw damage }
    }

    /// Drops whole segments of readings, oldest first, until the rest fits; never those a restart still needs.
    /// - Returns: batches dropped.
    public func evictReadings(beyond quota: Int) throws(JournalError) -> Int {
        let through = try database.scalar("SELECT seq FROM snapshot") ?? 0
        var dropped = 0
        while true {
            let size = try database.scalar("SELECT total(length(readings)) FROM batch") ?? 0
            guard size > quota,
                let oldest = try database.scalar("SELECT min(segment) FROM batch"),
                let last = try database.scalar("SELECT max(seq) FROM batch WHERE segment = ?", .integer(oldest)),
                last <= through
            else { return dropped }
            try database.transaction { () throws(JournalError) in
                try database.run("DELETE FROM batch WHERE segment = ?", .integer(oldest))
            }
            // The next batch refers to nothing that is gone.
            if oldest == segment { batchesInSegment = ReadingsCodec.batchesPerSegment }
            dropped += Int(try database.scalar("SELECT changes()") ?? 0)
        }
    }

    /// The `now` of the last batch.
    public func lastTime() throws(JournalError) -> Instant? {
        try database.scalar("SELECT now FROM batch ORDER BY seq DESC LIMIT 1").map { Instant(nanoseconds: $0) }
    }

    /// From when a fold without a snapshot has to begin, nil in an empty journal.
    public func beginning() throws(JournalError) -> Instant? {
        let sql =
            try database.scalar("SELECT count(*) FROM snapshot") == 0
            ? "SELECT min(now) FROM batch" : "SELECT now FROM batch ORDER BY seq DESC LIMIT 1"
        return try database.scalar(sql).map { Instant(nanoseconds: $0) }
    }

    // MARK: The outbox

    /// What the centre has not yet said it stored.
    public struct OutboxRow: Sendable {
        public var id: Int64
        public var eventID: String
        public var lane: Lane
        public var lift: String
        public var body: [UInt8]
        public var created: Instant
    }

    /// What is owed, most urgent first, oldest first within a lane.
    public func outbox(limit: Int) throws(JournalError) -> [OutboxRow] {
        var rows: [OutboxRow] = []
        try database.run(
            "SELECT id, event_id, lane, lift, body, created FROM outbox ORDER BY lane, id LIMIT ?",
            .integer(Int64(limit))
        ) {
            rows.append(
                OutboxRow(
                    id: $0.integer(0), eventID: $0.text(1), lane: Lane(rawValue: Int($0.integer(2))) ?? .fault,
                    lift: $0.text(3), body: $0.blob(4), created: Instant(nanoseconds: $0.integer(5))))
        }
        return rows
    }

    /// A later revision of this alert is journalled and says that it is over.
    public func isOver(_ eventID: String) throws(JournalError) -> Bool {
        guard let slash = eventID.lastIndex(of: "/"), let revision = Int64(eventID[eventID.index(after: slash)...])
        else {
            return false
        }
        let found = try database.scalar(
            "SELECT count(*) FROM alert WHERE alert_id = ? AND revision > ? AND state IN ('cleared', 'presumed_released')",
            .text(String(eventID[..<slash])), .integer(revision))
        return found ?? 0 > 0
    }

    /// Takes what the centre has stored out of the outbox.
    /// - Returns: how many rows that were.
    public func receipt(_ eventIDs: [String], counting name: String) throws(JournalError) -> Int {
        try database.transaction { () throws(JournalError) in
            var removed = 0
            for id in eventIDs {
                try database.run("DELETE FROM outbox WHERE event_id = ?", .text(id))
                removed += Int(try database.scalar("SELECT changes()") ?? 0)
            }
            try count(name, eventIDs.count)
            return removed
        }
    }

    public func owed() throws(JournalError) -> (count: Int, oldest: Instant?) {
        let count = Int(try database.scalar("SELECT count(*) FROM outbox") ?? 0)
        return (count, try database.scalar("SELECT min(created) FROM outbox").map { Instant(nanoseconds: $0) })
    }

    // MARK: For people

    public struct StoredAlert: Sendable {
        public var id: String
        public var revision: Int
        public var lift: String
        public var kind: String
        public var state: String
        public var time: Instant
        public var body: [UInt8]
        /// The centre has not yet said it stored it.
        public var isOwed: Bool
    }

    /// Alerts with all their revisions, the newest last.
    public func alerts(id prefix: String = "", limit: Int = 100) throws(JournalError) -> [StoredAlert] {
        var found: [StoredAlert] = []
        try database.run(
            """
            SELECT alert_id, revision, lift, kind, state, at, body, EXISTS(SELECT 1 FROM outbox WHERE event_id = alert_id || '/' || revision)
            FROM alert WHERE alert_id >= ?1 AND substr(alert_id, 1, length(?1)) = ?1 ORDER BY at DESC, revision DESC LIMIT ?2
            """, .text(prefix), .integer(Int64(limit))
        ) {
            found.append(
                StoredAlert(
                    id: $0.text(0), revision: Int($0.integer(1)), lift: $0.text(2), kind: $0.text(3), state: $0.text(4),
                    time: Instant(nanoseconds: $0.integer(5)), body: $0.blob(6), isOwed: $0.integer(7) != 0))
        }
        return found.reversed()
    }
}
