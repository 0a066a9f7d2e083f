import CSQLite
import Encoding
import LiftModel

/// The durable store: the messages of the lifts, the alerts, the outbox, and the state from which a
/// restart continues.
///
/// Invariants, each with a test:
/// 1. A batch is there whole or not at all: its messages, alerts and outbox rows are one
///    transaction.
/// 2. `commit` returns after the fsync (WAL, `synchronous=EXTRA`, asserted on opening). Only then
///    are the messages acknowledged to the broker.
/// 3. An outbox row leaves by a receipt for its `alert_id/revision`, or by `enforce` when the
///    outbox is beyond its quota. An eviction is counted, and a loss is reported to the centres.
/// 4. A snapshot names the last batch it contains; batches after it are never evicted before the
///    next snapshot.
/// 5. Every record carries a sequence number and a hash of its own: `audit` finds records that were
///    changed, lost or swapped, whatever the file system did to the pages. Alerts are a chain: each
///    link is the SHA-256 of the link before it and the alert's body.
/// 6. A sequence number, of batches, of alerts, or of a lift's events in a lane, is used once.
///
/// `Schema` describes the layout. Is not: a complete archive. Readings beyond their quota are
/// evicted, oldest first.
///
/// Confined to one thread. Each thread opens its own.
public final class Journal {
    let database: Database
    private var codec = ReadingsCodec()
    private var segment: Int64 = 0
    private var batchesInSegment = ReadingsCodec.batchesPerSegment
    private(set) var nextSequence: Int64 = 1
    /// Batches that came since the table `held` was brought up to date.
    private(set) var uncounted = Uncounted()
    /// Every commit fails with this error: the journal is in memory, in place of one whose disk
    /// takes no writes.
    public var refusal: JournalError?
    public var path: String { database.path }
    /// The last batch's; 0 where there has been none.
    public var lastSequence: Int64 { nextSequence - 1 }
    /// Whether the open file is still the one at its path: a person may have removed it.
    public var isAtItsPath: Bool { FileIdentity(of: path) == identity }
    private let identity: FileIdentity?
    /// The row id of the gateway's present run; 0 before `beginRun`.
    var run: Int64 = 0

    /// Opens the journal, creating it where there is none.
    /// - Throws: `JournalError`, also for a file of another product or a newer format, which is
    ///   left untouched.
    public convenience init(_ path: String, readOnly: Bool = false) throws(JournalError) {
        try self.init(path, readOnly: readOnly, fileSystem: nil)
    }

    /// Opens a journal for a command that writes to it. Does not create one.
    public convenience init(existing path: String) throws(JournalError) {
        try self.init(path, mayCreate: false, fileSystem: nil, durability: .synced)
    }

    /// Opens the journal for a route. A receipt need not be on disk when the call returns, which
    /// spares the flash a sync: after a power cut that takes it back, the event is sent once more
    /// under the same id.
    public convenience init(forDelivery path: String) throws(JournalError) {
        try self.init(forDelivery: path, fileSystem: nil)
    }

    /// - Parameter fileSystem: SQLite's name of a file system, for tests.
    package convenience init(forDelivery path: String, fileSystem: String?) throws(JournalError) {
        try self.init(path, fileSystem: fileSystem, durability: .withTheNext)
    }

    /// - Parameter fileSystem: SQLite's name of a file system, for tests.
    package convenience init(_ path: String, readOnly: Bool = false, fileSystem: String?)
        throws(JournalError)
    {
        try self.init(path, readOnly: readOnly, fileSystem: fileSystem, durability: .synced)
    }

    init(
        _ path: String, readOnly: Bool = false, mayCreate: Bool = true, fileSystem: String?,
        durability: Database.Durability
    ) throws(JournalError) {
        database = try Database(
            path, readOnly: readOnly, mayCreate: mayCreate, fileSystem: fileSystem,
            durability: durability)
        identity = FileIdentity(of: path)
        try Schema.prepare(database, readOnly: readOnly)
        // A sequence number is used once, even if all batches up to the snapshot's are evicted.
        let last = max(
            try database.scalar("SELECT max(seq) FROM batch") ?? 0,
            try database.scalar("SELECT max(seq) FROM snapshot") ?? 0)
        nextSequence = last + 1
        segment = (try database.scalar("SELECT segment FROM batch ORDER BY seq DESC LIMIT 1") ?? 0)
        do throws(JournalError) { uncounted = try Uncounted(of: database) } catch {
            // A reader may read what is sound.
            if !readOnly { throw error }
        }
    }

    // MARK: Batches

    /// What one turn of the loop makes durable.
    public struct Batch {
        public var now: Instant
        public var messages: [JournalledMessage] = []
        /// Connection events and operator actions, each with its time.
        public var control: String?
        public var alerts: [(alert: Alert, body: [UInt8])] = []
        /// Events for the centres that are not alerts.
        public var events: [OutboundEvent] = []
        public var counters: [(name: String, increment: Int)] = []
        public var stamp = ClockStamp()
        /// The centre commands that this batch answers.
        public var answeredCommands: [AnsweredCommand] = []
        /// The state after this batch, where the next start must not replay it.
        public var snapshot: [UInt8]?
        public init(now: Instant) { self.now = now }
    }

    /// Makes a batch durable: all of it or, when this throws, nothing.
    @discardableResult
    public func commit(_ batch: Batch) throws(JournalError) -> Int64 {
        if let refusal { throw refusal }
        if batchesInSegment >= ReadingsCodec.batchesPerSegment {
            codec.beginSegment()
            segment += 1
            batchesInSegment = 0
        }
        let blob = codec.encode(batch.messages)
        let snapshot = batch.snapshot.map { Zstandard.compress($0) }
        let sequence = nextSequence
        let indexInSegment = batchesInSegment
        do throws(JournalError) {
            try database.transaction { () throws(JournalError) in
                if indexInSegment == 0 { try recordCounts() }
                let hash = RecordHash.batch(
                    sequence: sequence, segment: segment, indexInSegment: Int64(indexInSegment),
                    now: batch.now.nanoseconds, control: batch.control, blob)
                try database.run(
                    """
                    INSERT INTO batch(seq, segment, place, now, control, readings, hash, messages)
                    VALUES(?, ?, ?, ?, ?, ?, ?, ?)
                    """, .integer(sequence), .integer(segment), .integer(Int64(indexInSegment)),
                    .integer(batch.now.nanoseconds), batch.control.map { .text($0) } ?? .null,
                    .blob(blob),
                    .integer(hash), .integer(Int64(batch.messages.count)))
                for (alert, body) in batch.alerts { try insert(alert, body, batch) }
                for event in batch.events { try enqueue(event, created: batch.now, batch.stamp) }
                try recordAnswered(batch.answeredCommands)
                for (name, increment) in batch.counters { try count(name, increment) }
                if let snapshot { try write(snapshot: snapshot, through: sequence) }
            }
        } catch {
            // The codec refers to payloads that are not in the file: the next batch starts a
            // segment.
            if !injected(.refersToPayloadsOfAFailedCommit) {
                batchesInSegment = ReadingsCodec.batchesPerSegment
            }
            throw error
        }
        nextSequence += 1
        batchesInSegment += 1
        if indexInSegment == 0 { uncounted = Uncounted() }
        uncounted.bytes += blob.count
        uncounted.rows += 1
        uncounted.messages += batch.messages.count
        return sequence
    }

    /// Batches and messages that `held` and the counter do not include yet: those of the last
    /// segment. So a commit writes the batch's own row only.
    struct Uncounted {
        var (bytes, rows, messages) = (0, 0, 0)
        init() {}

        init(of database: Database) throws(JournalError) {
            var found = Uncounted()
            try database.run(
                """
                SELECT total(length(readings)), count(*), total(messages) FROM batch
                WHERE seq > (SELECT through FROM held WHERE class = 'batch')
                """
            ) {
                (found.bytes, found.rows, found.messages) = (
                    Int($0.integer(0)), Int($0.integer(1)), Int($0.integer(2))
                )
            }
            self = found
        }
    }

    /// Adds `uncounted` to `held` and the counter, within a transaction. The caller empties
    /// `uncounted` after its commit.
    private func recordCounts() throws(JournalError) {
        if uncounted.rows == 0 { return }
        try database.run(
            "UPDATE held SET bytes = bytes + ?, rows = rows + ?, through = ? WHERE class = 'batch'",
            .integer(Int64(uncounted.bytes)), .integer(Int64(uncounted.rows)),
            .integer(nextSequence - 1))
        try count("messages", uncounted.messages)
    }

    private func insert(_ alert: Alert, _ body: [UInt8], _ batch: Batch) throws(JournalError) {
        // A revision that is raised again, as after a restart under other parameters, is the same
        // one.
        if try contains(alert) { return }
        let link = try AlertChain.append(body, in: database)
        try database.run(
            """
            INSERT INTO alert(alert_id, revision, lift, kind, state, at, body, place, chain) VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?)
            """, .text(alert.id), .integer(Int64(alert.revision)), .text(alert.lift),
            .text(alert.kind),
            .text(alert.state.rawValue), .integer(alert.time.nanoseconds), .blob(body),
            .integer(link.sequence),
            .blob(link.hash))
        try enqueue(OutboundEvent(alert, body), created: batch.now, batch.stamp)
    }

    /// Whether this revision of the alert is journalled.
    public func contains(_ alert: Alert) throws(JournalError) -> Bool {
        try database.scalar(
            "SELECT count(*) FROM alert WHERE alert_id = ? AND revision = ?", .text(alert.id),
            .integer(Int64(alert.revision))) ?? 0 > 0
    }

    func count(_ name: String, _ increment: Int) throws(JournalError) {
        try database.run(
            "INSERT INTO counter VALUES(?1, ?2) ON CONFLICT(name) DO UPDATE SET value = value + ?2",
            .text(name),
            .integer(Int64(increment)))
    }

    /// Stores a number under a name.
    public func set(_ name: String, _ value: Int64) throws(JournalError) {
        try database.run(
            "INSERT INTO counter VALUES(?1, ?2) ON CONFLICT(name) DO UPDATE SET value = ?2",
            .text(name),
            .integer(value))
    }

    public func counters() throws(JournalError) -> [String: Int] {
        var found: [String: Int] = [:]
        try database.run("SELECT name, value FROM counter") {
            found[$0.text(0)] = Int($0.integer(1))
        }
        found["messages", default: 0] += uncounted.messages
        return found
    }

    // MARK: Snapshot and quota

    public func saveSnapshot(_ state: [UInt8], through sequence: Int64) throws(JournalError) {
        let packed = Zstandard.compress(state)
        try database.transaction { () throws(JournalError) in
            try write(snapshot: packed, through: sequence)
        }
    }

    private func write(snapshot packed: [UInt8], through sequence: Int64) throws(JournalError) {
        try database.run(
            """
            INSERT INTO snapshot(id, seq, state, hash) VALUES(1, ?1, ?2, ?3)
            ON CONFLICT(id) DO UPDATE SET seq = ?1, state = ?2, hash = ?3
            """, .integer(sequence), .blob(packed),
            .integer(RecordHash.snapshot(through: sequence, packed)))
    }

    public func snapshot() throws(JournalError) -> (state: [UInt8], through: Int64)? {
        var found: ([UInt8], Int64)?
        var isSound = true
        try database.run("SELECT state, seq, hash FROM snapshot") {
            found = ($0.blob(0), $0.integer(1))
            isSound =
                $0.isNull(2)
                || $0.integer(2) == RecordHash.snapshot(through: $0.integer(1), $0.blob(0))
        }
        guard let (packed, sequence) = found else { return nil }
        if !isSound {
            throw damage("reading the snapshot", "its hash differs from what was written")
        }
        do throws(MalformedBytes) {
            return (try Zstandard.decompress(packed), sequence)
        } catch {
            throw damage("reading the snapshot", error.description)
        }
    }

    func damage(_ doing: String, _ message: String) -> JournalError {
        JournalError(path: database.path, doing: doing, code: SQLITE_CORRUPT, message: message)
    }

    /// Evicts whole segments of readings, oldest first, until the rest fits. Keeps the batches
    /// after the snapshot: a restart replays them.
    /// - Parameter most: at most so many segments.
    /// - Returns: the number of evicted batches.
    public func evictReadings(beyond quota: Int, atMost most: Int = .max) throws(JournalError)
        -> Int
    {
        let through = try database.scalar("SELECT seq FROM snapshot") ?? 0
        var (evicted, segments) = (0, 0)
        while true {
            guard segments < most, try usage(of: "batch").bytes > quota,
                let oldest = try database.scalar("SELECT segment FROM batch ORDER BY seq LIMIT 1"),
                let last = try lastBatch(ofFirst: oldest),
                last <= through || injected(.evictsWhatARestartReplays)
            else { return evicted }
            let before = try usage(of: "batch").rows
            segments += 1
            let isUncounted =
                last > (try database.scalar("SELECT through FROM held WHERE class = 'batch'") ?? 0)
            try database.transaction { () throws(JournalError) in
                if isUncounted { try recordCounts() }
                try database.run("DELETE FROM batch WHERE seq <= ?", .integer(last))
            }
            if isUncounted { uncounted = Uncounted() }
            // The next batch must refer to no evicted one: it starts a segment.
            if oldest == segment { batchesInSegment = ReadingsCodec.batchesPerSegment }
            evicted += before - (try usage(of: "batch").rows)
        }
    }

    /// The last batch of the oldest segment. Searched by the primary key: a full store is
    /// gigabytes.
    private func lastBatch(ofFirst segment: Int64) throws(JournalError) -> Int64? {
        let next = try database.scalar(
            "SELECT seq FROM batch WHERE segment <> ? ORDER BY seq LIMIT 1", .integer(segment))
        if let next {
            return try database.scalar(
                "SELECT seq FROM batch WHERE seq < ? ORDER BY seq DESC LIMIT 1", .integer(next))
        }
        return try database.scalar("SELECT max(seq) FROM batch")
    }
}
