import CSQLite
import Elevator
import Encoding

/// The durable store: what lifts said, what was decided, what the centre is owed, and the state to go on from.
///
/// Invariants, each with a test:
/// 1. A batch is there whole or not at all: its messages, alerts and outbox rows are one transaction.
/// 2. `commit` returns after the fsync (WAL, `synchronous=EXTRA`, asserted on opening). Only then is the broker told.
/// 3. An outbox row leaves by a receipt for its `alert_id/revision`, or by `enforce` when the outbox is beyond its quota; the latter is
///    counted, and told where anything is lost.
/// 4. A snapshot names the last batch it contains; batches after it are never evicted before the next snapshot.
/// 5. Every record carries a sequence number and a hash of its own, whatever the file system makes of its pages: `audit` finds what
///    was changed, lost or swapped. Alerts are a chain: each link is the SHA-256 of the last one and the alert's body.
/// 6. A sequence number, of batches, of alerts, or of a lift's events in a lane, is used once.
///
/// The layout is `Schema`'s. Is not: a log of everything for ever. Readings beyond their quota go, oldest first.
///
/// Confined to one thread. Each thread opens its own.
public final class Journal {
    let database: Database
    private var codec = ReadingsCodec()
    private var segment: Int64 = 0
    private var batchesInSegment = ReadingsCodec.batchesPerSegment
    private(set) var nextSequence: Int64 = 1
    /// What came since the table `held` was brought up to date.
    private(set) var unsettled = Unsettled()
    /// Every commit is refused with this: the journal stands in for one whose disk takes nothing.
    public var refusal: JournalError?
    public var path: String { database.path }
    /// The last batch's; 0 where there has been none.
    public var lastSequence: Int64 { nextSequence - 1 }
    /// Whether the file that is open still stands under its name: somebody may have removed it.
    public var isInPlace: Bool { FileIdentity(of: path) == identity }
    private let identity: FileIdentity?
    /// The gateway's run that this is; 0 before `beginRun`.
    var run: Int64 = 0

    /// Opens the journal, creating it where there is none.
    /// - Throws: `JournalError`, also for a file of another product or a newer format, which is left untouched.
    public convenience init(_ path: String, readOnly: Bool = false) throws(JournalError) {
        try self.init(path, readOnly: readOnly, fileSystem: nil)
    }

    /// For whoever brings events to a centre. What it notes, receipts above all, need not be on disk when it returns: a receipt that a
    /// power cut takes back has the event sent once more, under the same id, and spares flash storage a sync.
    public convenience init(forDelivery path: String) throws(JournalError) {
        try self.init(path, fileSystem: nil, durability: .withTheNext)
    }

    /// - Parameter fileSystem: SQLite's name of a file system, for tests.
    package convenience init(_ path: String, readOnly: Bool = false, fileSystem: String?) throws(JournalError) {
        try self.init(path, readOnly: readOnly, fileSystem: fileSystem, durability: .synced)
    }

    init(
        _ path: String, readOnly: Bool = false, fileSystem: String?, durability: Database.Durability
    ) throws(JournalError) {
        database = try Database(path, readOnly: readOnly, fileSystem: fileSystem, durability: durability)
        identity = FileIdentity(of: path)
        try Schema.prepare(database, readOnly: readOnly)
        // A sequence is used once, though all batches up to the snapshot's may be gone.
        let last = max(
            try database.scalar("SELECT max(seq) FROM batch") ?? 0,
            try database.scalar("SELECT max(seq) FROM snapshot") ?? 0)
        nextSequence = last + 1
        segment = (try database.scalar("SELECT segment FROM batch ORDER BY seq DESC LIMIT 1") ?? 0)
        do throws(JournalError) { unsettled = try Unsettled(of: database) } catch {
            // Whoever only looks may look at what is sound.
            if !readOnly { throw error }
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
        /// What else the centres are to be told.
        public var events: [OwedEvent] = []
        public var counters: [(name: String, increment: Int)] = []
        public var stamp = ClockStamp()
        /// Words of people at a centre that this batch answers.
        public var answeredWords: [(centre: String, id: String)] = []
        /// The state after this batch, where the next start must not fold it again.
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
        let place = batchesInSegment
        do throws(JournalError) {
            try database.transaction { () throws(JournalError) in
                if place == 0 { try settle() }
                let hash = RecordHash.batch(
                    sequence: sequence, segment: segment, place: Int64(place), now: batch.now.nanoseconds,
                    control: batch.control, blob)
                try database.run(
                    """
                    INSERT INTO batch(seq, segment, place, now, control, readings, hash, messages)
                    VALUES(?, ?, ?, ?, ?, ?, ?, ?)
                    """, .integer(sequence), .integer(segment), .integer(Int64(place)), .integer(batch.now.nanoseconds),
                    batch.control.map { .text($0) } ?? .null, .blob(blob), .integer(hash),
                    .integer(Int64(batch.messages.count)))
                for (alert, body) in batch.alerts { try insert(alert, body, batch) }
                for event in batch.events { try owe(event, created: batch.now, batch.stamp) }
                try noteAnswered(batch.answeredWords, at: batch.now.nanoseconds)
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
        if place == 0 { unsettled = Unsettled() }
        unsettled.bytes += blob.count
        unsettled.rows += 1
        unsettled.messages += batch.messages.count
        return sequence
    }

    /// Batches and messages that `held` and the counter do not know of yet: those of the last segment. So a batch writes its own row only.
    struct Unsettled {
        var (bytes, rows, messages) = (0, 0, 0)
        init() {}

        init(of database: Database) throws(JournalError) {
            var found = Unsettled()
            try database.run(
                """
                SELECT total(length(readings)), count(*), total(messages) FROM batch
                WHERE seq > (SELECT through FROM held WHERE class = 'batch')
                """
            ) {
                (found.bytes, found.rows, found.messages) = (Int($0.integer(0)), Int($0.integer(1)), Int($0.integer(2)))
            }
            self = found
        }
    }

    /// Within a transaction; `unsettled` is empty once that is through.
    private func settle() throws(JournalError) {
        if unsettled.rows == 0 { return }
        try database.run(
            "UPDATE held SET bytes = bytes + ?, rows = rows + ?, through = ? WHERE class = 'batch'",
            .integer(Int64(unsettled.bytes)), .integer(Int64(unsettled.rows)), .integer(nextSequence - 1))
        try count("messages", unsettled.messages)
    }

    private func insert(_ alert: Alert, _ body: [UInt8], _ batch: Batch) throws(JournalError) {
        // An id names what it says: told again, as after a restart under other parameters, it is the same word.
        if try knows(alert) { return }
        let link = try AlertChain.append(body, in: database)
        try database.run(
            """
            INSERT INTO alert(alert_id, revision, lift, kind, state, at, body, place, chain) VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?)
            """, .text(alert.id), .integer(Int64(alert.revision)), .text(alert.lift), .text(alert.kind),
            .text(alert.state.rawValue), .integer(alert.time.nanoseconds), .blob(body), .integer(link.place),
            .blob(link.hash))
        try owe(OwedEvent(alert, body), created: batch.now, batch.stamp)
    }

    /// It holds this revision of the alert.
    public func knows(_ alert: Alert) throws(JournalError) -> Bool {
        try database.scalar(
            "SELECT count(*) FROM alert WHERE alert_id = ? AND revision = ?", .text(alert.id),
            .integer(Int64(alert.revision))) ?? 0 > 0
    }

    func count(_ name: String, _ increment: Int) throws(JournalError) {
        try database.run(
            "INSERT INTO counter VALUES(?1, ?2) ON CONFLICT(name) DO UPDATE SET value = value + ?2", .text(name),
            .integer(Int64(increment)))
    }

    /// Remembers a number under a name.
    public func set(_ name: String, _ value: Int64) throws(JournalError) {
        try database.run(
            "INSERT INTO counter VALUES(?1, ?2) ON CONFLICT(name) DO UPDATE SET value = ?2", .text(name),
            .integer(value))
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
        found["messages", default: 0] += unsettled.messages
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
            """
            INSERT INTO snapshot(id, seq, state, hash) VALUES(1, ?1, ?2, ?3)
            ON CONFLICT(id) DO UPDATE SET seq = ?1, state = ?2, hash = ?3
            """, .integer(sequence), .blob(packed), .integer(RecordHash.snapshot(through: sequence, packed)))
    }

    public func snapshot() throws(JournalError) -> (state: [UInt8], through: Int64)? {
        var found: ([UInt8], Int64)?
        var isSound = true
        try database.run("SELECT state, seq, hash FROM snapshot") {
            found = ($0.blob(0), $0.integer(1))
            isSound = $0.isNull(2) || $0.integer(2) == RecordHash.snapshot(through: $0.integer(1), $0.blob(0))
        }
        guard let (packed, sequence) = found else { return nil }
        if !isSound { throw damage("reading the snapshot", "its hash differs from what was written") }
        do throws(MalformedBytes) {
            return (try Zstandard.decompress(packed), sequence)
        } catch {
            throw damage("reading the snapshot", error.description)
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
        // Within a segment sequence numbers count up with the places.
        let first = try database.scalar(
            "SELECT seq - place FROM batch WHERE seq > ? ORDER BY seq LIMIT 1", .integer(sequence))
        guard let first else { return }
        var codec = ReadingsCodec()
        var segment: Int64 = -1
        var damage: JournalError?
        try database.run(
            "SELECT seq, segment, now, control, readings, hash, place FROM batch WHERE seq >= ? ORDER BY seq",
            .integer(first)
        ) { row in
            if row.integer(1) != segment {
                codec.beginSegment()
                segment = row.integer(1)
                if row.integer(6) != 0 {
                    damage = damage ?? self.damage("reading batch \(row.integer(0))", "its segment has no beginning")
                }
            }
            if damage != nil { return }
            let (readings, control) = (row.blob(4), row.isNull(3) ? nil : row.text(3))
            let hash = RecordHash.batch(
                sequence: row.integer(0), segment: segment, place: row.integer(6), now: row.integer(2),
                control: control,
                readings)
            guard row.isNull(5) || row.integer(5) == hash else {
                damage =
                    damage ?? self.damage("reading batch \(row.integer(0))", "its hash differs from what was written")
                return
            }
            do throws(MalformedBytes) {
                let messages = try codec.decode(readings)
                guard row.integer(0) > sequence else { return }
                visit(
                    StoredBatch(
                        sequence: row.integer(0), now: Instant(nanoseconds: row.integer(2)),
                        control: control, messages: messages))
            } catch {
                damage = damage ?? self.damage("reading batch \(row.integer(0))", error.description)
            }
        }
        if let damage { throw damage }
    }

    private func damage(_ doing: String, _ message: String) -> JournalError {
        JournalError(path: database.path, doing: doing, code: SQLITE_CORRUPT, message: message)
    }

    /// Drops whole segments of readings, oldest first, until the rest fits; never those a restart still needs.
    /// - Parameter most: so many segments at the most.
    /// - Returns: batches dropped.
    public func evictReadings(beyond quota: Int, atMost most: Int = .max) throws(JournalError) -> Int {
        let through = try database.scalar("SELECT seq FROM snapshot") ?? 0
        var (dropped, segments) = (0, 0)
        while true {
            guard segments < most, try held("batch").bytes > quota,
                let oldest = try database.scalar("SELECT segment FROM batch ORDER BY seq LIMIT 1"),
                let last = try lastBatch(ofFirst: oldest), last <= through
            else { return dropped }
            let before = try held("batch").rows
            segments += 1
            let isUnsettled =
                last > (try database.scalar("SELECT through FROM held WHERE class = 'batch'") ?? 0)
            try database.transaction { () throws(JournalError) in
                if isUnsettled { try settle() }
                try database.run("DELETE FROM batch WHERE seq <= ?", .integer(last))
            }
            if isUnsettled { unsettled = Unsettled() }
            // The next batch refers to nothing that is gone.
            if oldest == segment { batchesInSegment = ReadingsCodec.batchesPerSegment }
            dropped += before - (try held("batch").rows)
        }
    }

    /// The last batch of the oldest segment. By the primary key: a full store is gigabytes.
    private func lastBatch(ofFirst segment: Int64) throws(JournalError) -> Int64? {
        let next = try database.scalar(
            "SELECT seq FROM batch WHERE segment <> ? ORDER BY seq LIMIT 1", .integer(segment))
        if let next {
            return try database.scalar("SELECT seq FROM batch WHERE seq < ? ORDER BY seq DESC LIMIT 1", .integer(next))
        }
        return try database.scalar("SELECT max(seq) FROM batch")
    }

    /// The `now` of the last batch.
    public func lastTime() throws(JournalError) -> Instant? {
        guard let last = try database.scalar("SELECT now FROM batch ORDER BY seq DESC LIMIT 1") else { return nil }
        // Before any hash is looked at: the years 1970 to 2200.
        guard 0..<7_258_118_400_000_000_000 ~= last else {
            throw damage("reading the last batch", "its time is not one that was written")
        }
        return Instant(nanoseconds: last)
    }

    /// From when a fold begins: the snapshot's time, without one that of the first batch; nil in an empty journal.
    public func beginning() throws(JournalError) -> Instant? {
        let ofSnapshot = try database.scalar(
            "SELECT now FROM batch WHERE seq <= (SELECT seq FROM snapshot) ORDER BY seq DESC LIMIT 1")
        if let ofSnapshot { return Instant(nanoseconds: ofSnapshot) }
        return try database.scalar("SELECT now FROM batch ORDER BY seq LIMIT 1").map { Instant(nanoseconds: $0) }
    }
}
