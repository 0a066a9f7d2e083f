import Elevator

/// Somebody who is told: the city's centre, the maintenance company, the property. Each is owed every event of its lanes until
/// it says itself that it has stored it.
public struct Addressee: Sendable, Equatable {
    public var name: String
    public var lanes: Set<Lane>
    public init(_ name: String, lanes: Set<Lane> = Set(Lane.allCases)) {
        self.name = name
        self.lanes = lanes
    }

    /// Where a site names no centre of several.
    public static let theOnly = Addressee("centre")

    var bits: Int { lanes.reduce(0) { $0 | 1 << $1.rawValue } }
}

/// What is to be told, beside the alerts, which `Journal.Batch` holds apart.
public struct OwedEvent: Sendable {
    public var id: String
    /// The last part of its CloudEvents type before the version: `alert`, `evicted`, `word`.
    public var type: String
    public var lane: Lane
    /// The lift, or the site where it speaks of the gateway.
    public var subject: String
    public var body: [UInt8]
    /// The first of a centre's routes that need not wait for those before it.
    public var step: Int

    public init(id: String, type: String, lane: Lane, subject: String, body: [UInt8], step: Int = 0) {
        self.id = id
        self.type = type
        self.lane = lane
        self.subject = subject
        self.body = body
        self.step = step
    }

    /// What is told of an alert. That nobody has accepted it leaves by every route at once.
    public init(_ alert: Alert, _ body: [UInt8]) {
        self.init(
            id: "\(alert.id)/\(alert.revision)", type: "alert", lane: alert.lane, subject: alert.lift, body: body,
            step: alert.reason == Alert.notAccepted ? .max : 0)
    }
}

/// What the centres are owed: each event until each centre has said that it has stored it.
extension Journal {
    /// One event that one centre is owed.
    public struct OutboxRow: Sendable {
        /// Counts up in the order of events; 0 for what no journal holds.
        public var id: Int64
        public var eventID: String
        public var type: String
        public var lane: Lane
        public var lift: String
        public var body: [UInt8]
        public var created: Instant
        /// Counts up by one with each event of this lift in this lane; 0 where an older version wrote it.
        public var number: Int64
        public var step: Int
        /// The run of the gateway that noted it, by its place in the journal; 0 where it is not known.
        public var run: Int64
        public var stamp: ClockStamp

        /// Of an event that no journal holds yet.
        package init(unjournalled event: OwedEvent, created: Instant) {
            (id, number, run, stamp) = (0, 0, 0, ClockStamp())
            (eventID, type, lane, lift) = (event.id, event.type, event.lane, event.subject)
            (body, step, self.created) = (event.body, event.step, created)
        }

        static let columns =
            "id, event_id, type, outbox.lane, outbox.lift, body, outbox.created, number, step, run, monotonic, quality"

        init(_ row: Database.Row) {
            id = row.integer(0)
            eventID = row.text(1)
            type = row.text(2)
            lane = Lane(rawValue: Int(row.integer(3))) ?? .fault
            lift = row.text(4)
            body = row.blob(5)
            created = Instant(nanoseconds: row.integer(6))
            number = row.integer(7)
            step = Int(row.integer(8))
            run = row.integer(9)
            stamp = ClockStamp(monotonic: row.integer(10), quality: row.text(11))
        }
    }

    // MARK: Who is told

    /// Says who is to be told what from now on. What a centre that is gone was owed goes to those that are new, as when one has
    /// only got another name; where none is new, nobody is owed it any more.
    /// - Returns: events that nobody is owed any more.
    @discardableResult
    public func address(to addressees: [Addressee]) throws(JournalError) -> Int {
        var known: [String] = []
        try database.run("SELECT name FROM centre") { known.append($0.text(0)) }
        let gone = known.filter { name in !addressees.contains { $0.name == name } }
        let new = addressees.filter { !known.contains($0.name) }
        let before = try held("outbox").rows
        try database.transaction { () throws(JournalError) in
            for addressee in addressees {
                try database.run(
                    "INSERT INTO centre VALUES(?1, ?2) ON CONFLICT(name) DO UPDATE SET lanes = ?2",
                    .text(addressee.name), .integer(Int64(addressee.bits)))
            }
            for name in gone {
                for heir in new {
                    try database.run(
                        """
                        INSERT OR IGNORE INTO owed SELECT ?1, lane, id, lift, created, 0 FROM owed
                        WHERE centre = ?2 AND (?3 >> lane) & 1
                        """, .text(heir.name), .text(name), .integer(Int64(heir.bits)))
                }
                if !new.isEmpty {
                    // Several heirs, or one more: what is owing is counted anew.
                    try database.run(Self.countOwing)
                }
                try database.run("DELETE FROM owed WHERE centre = ?", .text(name))
                try database.run("DELETE FROM centre WHERE name = ?", .text(name))
            }
        }
        return before - (try held("outbox").rows)
    }

    static let countOwing = """
        UPDATE outbox SET owing = (SELECT count(*) FROM centre JOIN owed
            ON owed.centre = centre.name AND owed.lane = outbox.lane AND owed.id = outbox.id)
        """

    /// A counter's name: what has no number yet begins above its value.
    private static let numberingFloor = "numbering_floor"

    /// Some numbers that were given are not known any more: what has none here begins above all that may have been given.
    /// - Parameter wall: nanoseconds since 1970; more events than seconds nobody has had.
    public func skipNumbers(wall: Int64) throws(JournalError) {
        let known = try database.scalar("SELECT max(last) FROM numbering") ?? 0
        try set(Self.numberingFloor, max(known + 1_000_000, wall / 1_000_000_000))
    }

    /// Notes what the centres are owed, under the next number of its lift and lane.
    func owe(_ event: OwedEvent, created: Instant, _ stamp: ClockStamp) throws(JournalError) {
        let lane = Database.Value.integer(Int64(event.lane.rawValue))
        // Told twice it is one: a number taken for the second would look like one that is missing.
        guard try database.scalar("SELECT 1 FROM outbox WHERE event_id = ?", .text(event.id)) == nil else { return }
        try database.run(
            """
            INSERT INTO numbering(lift, lane, last)
            VALUES(?1, ?2, 1 + ifnull((SELECT value FROM counter WHERE name = '\(Self.numberingFloor)'), 0))
            ON CONFLICT(lift, lane) DO UPDATE SET last = last + 1
            """, .text(event.subject), lane)
        try database.run(
            """
            INSERT INTO outbox(event_id, type, lane, lift, body, created, run, monotonic, quality, number, owing)
            SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9,
                (SELECT last FROM numbering WHERE lift = ?4 AND lane = ?3), count(*)
            FROM centre WHERE (lanes >> ?3) & 1 HAVING count(*) > 0
            """, .text(event.id), .text(event.type), lane, .text(event.subject), .blob(event.body),
            .integer(created.nanoseconds), .integer(run), .integer(stamp.monotonic), .text(stamp.quality))
        guard try database.scalar("SELECT changes()") ?? 0 > 0 else { return }
        try database.run(
            """
            INSERT INTO owed(centre, lane, id, lift, created, step)
            SELECT name, ?1, last_insert_rowid(), ?2, ?3, ?4 FROM centre WHERE (lanes >> ?1) & 1
            """, lane, .text(event.subject), .integer(created.nanoseconds), .integer(Int64(event.step)))
    }

    /// What anybody is owed, the most urgent first.
    public func owedEvents(limit: Int) throws(JournalError) -> [OwedEvent] {
        var events: [OwedEvent] = []
        try database.run(
            """
            SELECT event_id, type, lane, lift, body, (SELECT max(step) FROM owed WHERE owed.id = outbox.id AND owed.lane = outbox.lane)
            FROM outbox ORDER BY lane, id LIMIT ?
            """, .integer(Int64(limit))
        ) {
            events.append(
                OwedEvent(
                    id: $0.text(0), type: $0.text(1), lane: Lane(rawValue: Int($0.integer(2))) ?? .fault,
                    subject: $0.text(3), body: $0.blob(4), step: Int($0.integer(5))))
        }
        return events
    }

    // MARK: What to send next

    /// What a centre is owed in a lane after a place in the queue, oldest first.
    /// - Parameters:
    ///   - place: the row last taken; 0 for the beginning.
    ///   - last: the last place to look at.
    ///   - before: only what was noted at this time or earlier.
    public func owed(
        to centre: String, in lane: Lane, after place: Int64, through last: Int64 = .max,
        noted before: Instant = Instant(nanoseconds: .max), limit: Int
    ) throws(JournalError) -> [OutboxRow] {
        var rows: [OutboxRow] = []
        try database.run(
            """
            SELECT \(OutboxRow.columns) FROM owed JOIN outbox USING(id)
            WHERE centre = ? AND owed.lane = ? AND id > ? AND id <= ? AND owed.created <= ? ORDER BY id LIMIT ?
            """, .text(centre), .integer(Int64(lane.rawValue)), .integer(place), .integer(last),
            .integer(before.nanoseconds), .integer(Int64(limit))
        ) { rows.append(OutboxRow($0)) }
        return rows
    }

    /// What a centre is owed of one lift in a lane, between two places of the queue.
    public func owed(
        to centre: String, in lane: Lane, of lift: String, after place: Int64, through last: Int64, limit: Int
    ) throws(JournalError) -> [OutboxRow] {
        var rows: [OutboxRow] = []
        try database.run(
            """
            SELECT \(OutboxRow.columns) FROM owed INDEXED BY owed_lift JOIN outbox USING(id)
            WHERE centre = ? AND owed.lane = ? AND owed.lift = ? AND id > ? AND id <= ? ORDER BY id LIMIT ?
            """, .text(centre), .integer(Int64(lane.rawValue)), .text(lift), .integer(place), .integer(last),
            .integer(Int64(limit))
        ) { rows.append(OutboxRow($0)) }
        return rows
    }

    /// What may leave by a later route at once.
    public func owed(to centre: String, fromStep step: Int, limit: Int) throws(JournalError) -> [OutboxRow] {
        var rows: [OutboxRow] = []
        try database.run(
            """
            SELECT \(OutboxRow.columns) FROM owed INDEXED BY owed_step JOIN outbox USING(id)
            WHERE centre = ? AND step >= ? AND step > 0 ORDER BY id LIMIT ?
            """, .text(centre), .integer(Int64(step)), .integer(Int64(limit))
        ) { rows.append(OutboxRow($0)) }
        return rows
    }

    /// The row of an event that a centre is still owed.
    public func owed(to centre: String, event: String) throws(JournalError) -> OutboxRow? {
        var found: OutboxRow?
        try database.run(
            """
            SELECT \(OutboxRow.columns) FROM outbox JOIN owed USING(id)
            WHERE event_id = ? AND centre = ? AND owed.lane = outbox.lane
            """, .text(event), .text(centre)
        ) { found = OutboxRow($0) }
        return found
    }

    /// The last place in a centre's queue, over all lanes.
    public func lastPlace() throws(JournalError) -> Int64 {
        try database.scalar("SELECT max(id) FROM outbox") ?? 0
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

    // MARK: What came of it

    /// Takes what a centre has stored out of its queue.
    /// - Returns: how many events that were.
    public func receipt(_ eventIDs: [String], from centre: String) throws(JournalError) -> Int {
        // A receipt that comes twice writes nothing.
        var known = false
        for id in eventIDs where !known { known = try owed(to: centre, event: id) != nil }
        guard known else { return 0 }
        return try database.transaction { () throws(JournalError) in
            var removed = 0
            for id in eventIDs { removed += try remove(id, of: centre) }
            try count("receipts", removed)
            return removed
        }
    }

    private func remove(_ eventID: String, of centre: String) throws(JournalError) -> Int {
        var place: (id: Int64, lane: Int64)?
        try database.run("SELECT id, lane FROM outbox WHERE event_id = ?", .text(eventID)) {
            place = ($0.integer(0), $0.integer(1))
        }
        guard let place else { return 0 }
        try database.run(
            "DELETE FROM owed WHERE centre = ? AND lane = ? AND id = ?", .text(centre), .integer(place.lane),
            .integer(place.id))
        return Int(try database.scalar("SELECT changes()") ?? 0)
    }

    /// How many events are owed to anybody, and since when.
    public func owed() throws(JournalError) -> (count: Int, oldest: Instant?) {
        let oldest = try database.scalar("SELECT created FROM outbox ORDER BY id LIMIT 1")
        return (try held("outbox").rows, oldest.map { Instant(nanoseconds: $0) })
    }

    /// How many events of each lane a centre is owed.
    public func depth(of centre: String) throws(JournalError) -> [Lane: Int] {
        var depth: [Lane: Int] = [:]
        try database.run("SELECT lane, count(*) FROM owed WHERE centre = ? GROUP BY lane", .text(centre)) {
            depth[Lane(rawValue: Int($0.integer(0))) ?? .fault] = Int($0.integer(1))
        }
        return depth
    }
}
