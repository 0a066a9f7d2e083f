import LiftModel

/// A centre that receives events: of the city, the maintenance company, or the property.
///
/// Each recipient has a queue of its own, with every event of its lanes. Only the recipient's own
/// receipt takes an event out of its queue.
public struct Recipient: Sendable, Equatable {
    public var name: String
    public var lanes: Set<Lane>
    public init(_ name: String, lanes: Set<Lane> = Set(Lane.allCases)) {
        self.name = name
        self.lanes = lanes
    }

    /// The recipient of a site whose configuration names no centres.
    public static let theOnly = Recipient("centre")

    var bits: Int { lanes.reduce(0) { $0 | 1 << $1.rawValue } }
}

/// An event for the centres: an alert's revision, or what the gateway reports of itself.
public struct OutboundEvent: Sendable {
    public var id: String
    /// The last part of its CloudEvents type before the version: `alert`, `evicted`, `word`.
    public var type: String
    public var lane: Lane
    /// The lift; the site, where the event is about the gateway.
    public var subject: String
    public var body: [UInt8]
    /// The index of the last of a centre's routes that may send the event at once, without waiting
    /// for the routes before it.
    public var lastImmediateRoute: Int

    public init(
        id: String, type: String, lane: Lane, subject: String, body: [UInt8],
        lastImmediateRoute: Int = 0
    ) {
        self.id = id
        self.type = type
        self.lane = lane
        self.subject = subject
        self.body = body
        self.lastImmediateRoute = lastImmediateRoute
    }

    /// The event of an alert's revision. A reminder (`not_accepted`) leaves by every route at once.
    public init(_ alert: Alert, _ body: [UInt8]) {
        self.init(
            id: "\(alert.id)/\(alert.revision)", type: "alert", lane: alert.lane,
            subject: alert.lift, body: body,
            lastImmediateRoute: alert.reason == Alert.notAccepted ? .max : 0)
    }
}

extension Journal.Batch {
    /// What the centres receive of it.
    public var outboundEvents: [OutboundEvent] {
        alerts.map { OutboundEvent($0.alert, $0.body) } + events
    }
}

/// The outbox holds each event once, and a delivery row (table `owed`) for each centre that has not
/// stored the event yet.
extension Journal {
    /// One event with its delivery row for one centre.
    public struct OutboxRow: Sendable {
        /// It orders the queue; nil for an event that is not journalled.
        public var id: RowID?
        public var eventID: String
        public var type: String
        public var lane: Lane
        public var lift: String
        public var body: [UInt8]
        public var created: Instant
        /// Grows by one with each event of this lift in this lane; nil for an event that is not
        /// journalled, or was by an older version.
        public var sequence: Int64?
        /// See `OutboundEvent.lastImmediateRoute`; column `step`.
        public var lastImmediateRoute: Int
        /// The number of the gateway's run that enqueued the event; nil where it is unknown.
        public var run: Int64?
        public var stamp: ClockStamp

        /// Of an event that is not journalled yet.
        package init(unjournalled event: OutboundEvent, created: Instant) {
            stamp = ClockStamp()
            (eventID, type, lane, lift) = (event.id, event.type, event.lane, event.subject)
            (body, lastImmediateRoute, self.created) = (
                event.body, event.lastImmediateRoute, created
            )
        }

        static let columns =
            "id, event_id, type, outbox.lane, outbox.lift, body, outbox.created, number, step, run, monotonic, quality"

        init(_ row: Database.Row) {
            id = RowID(row.integer(0))
            eventID = row.text(1)
            type = row.text(2)
            lane = Lane(rawValue: Int(row.integer(3))) ?? .fault
            lift = row.text(4)
            body = row.blob(5)
            created = Instant(nanoseconds: row.integer(6))
            sequence = row.integer(7) > 0 ? row.integer(7) : nil
            lastImmediateRoute = Int(row.integer(8))
            run = row.integer(9) > 0 ? row.integer(9) : nil
            stamp = ClockStamp(
                monotonic: MonotonicTime(nanoseconds: row.integer(10)), quality: row.text(11))
        }
    }

    // MARK: Recipients

    /// Sets the recipients of events from now on.
    ///
    /// The queue of a removed recipient goes to the new ones: a centre may only have got another
    /// name. Where no recipient is new, that queue is deleted.
    /// - Returns: the number of events that no recipient's queue holds any more.
    @discardableResult
    public func setRecipients(_ recipients: [Recipient]) throws(JournalError) -> Int {
        var known: [String] = []
        try database.run("SELECT name FROM centre") { known.append($0.text(0)) }
        let removed = known.filter { name in !recipients.contains { $0.name == name } }
        let new = recipients.filter { !known.contains($0.name) }
        let before = try usage(of: "outbox").rows
        try database.transaction { () throws(JournalError) in
            for recipient in recipients {
                try database.run(
                    "INSERT INTO centre VALUES(?1, ?2) ON CONFLICT(name) DO UPDATE SET lanes = ?2",
                    .text(recipient.name), .integer(Int64(recipient.bits)))
            }
            for name in removed {
                for successor in new {
                    try database.run(
                        """
                        INSERT OR IGNORE INTO owed SELECT ?1, lane, id, lift, created, 0 FROM owed
                        WHERE centre = ?2 AND (?3 >> lane) & 1
                        """, .text(successor.name), .text(name), .integer(Int64(successor.bits)))
                }
                // Before the old queue is deleted: an event whose count is too low would go with
                // it.
                if !new.isEmpty { try database.run(Self.recountPending) }
                try database.run("DELETE FROM owed WHERE centre = ?", .text(name))
                try database.run("DELETE FROM centre WHERE name = ?", .text(name))
            }
        }
        return before - (try usage(of: "outbox").rows)
    }

    /// Counts the delivery rows of each event anew.
    static let recountPending = """
        UPDATE outbox SET owing = (SELECT count(*) FROM centre JOIN owed
            ON owed.centre = centre.name AND owed.lane = outbox.lane AND owed.id = outbox.id)
        """

    /// A counter's name: a lift and lane without a row in `numbering` starts above its value.
    private static let numberingFloor = "numbering_floor"

    /// Skips sequence numbers after a loss: some that were given are not known any more. A lift and
    /// lane without a known number starts above every number that may have been given.
    /// - Parameter wall: nanoseconds since 1970. Proof that this is above them: no lane has given
    ///   more numbers than seconds have passed since 1970.
    public func skipSequenceNumbers(wall: Int64) throws(JournalError) {
        let known = try database.scalar("SELECT max(last) FROM numbering") ?? 0
        try set(Self.numberingFloor, max(known + 1_000_000, wall / 1_000_000_000))
    }

    /// Enqueues an event for each recipient of its lane, under the next sequence number of its lift
    /// and lane.
    func enqueue(_ event: OutboundEvent, created: Instant, _ stamp: ClockStamp) throws(JournalError)
    {
        let lane = Database.Value.integer(Int64(event.lane.rawValue))
        // A second number for the same event would look to the centre like a lost event.
        guard try database.scalar("SELECT 1 FROM outbox WHERE event_id = ?", .text(event.id)) == nil
        else { return }
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
            .integer(created.nanoseconds), .integer(run), .integer(stamp.monotonic.nanoseconds),
            .text(stamp.quality))
        guard try database.scalar("SELECT changes()") ?? 0 > 0 else { return }
        try database.run(
            """
            INSERT INTO owed(centre, lane, id, lift, created, step)
            SELECT name, ?1, last_insert_rowid(), ?2, ?3, ?4 FROM centre WHERE (lanes >> ?1) & 1
            \(injected(.enqueuesForTheFirstCentreOnly) ? "LIMIT 1" : "")
            """, lane, .text(event.subject), .integer(created.nanoseconds),
            .integer(Int64(event.lastImmediateRoute)))
    }

    /// The events that some centre has not stored yet, the most urgent first.
    public func outboxEvents(limit: Int) throws(JournalError) -> [OutboundEvent] {
        var events: [OutboundEvent] = []
        try database.run(
            """
            SELECT event_id, type, lane, lift, body, (SELECT max(step) FROM owed WHERE owed.id = outbox.id AND owed.lane = outbox.lane)
            FROM outbox ORDER BY lane, id LIMIT ?
            """, .integer(Int64(limit))
        ) {
            events.append(
                OutboundEvent(
                    id: $0.text(0), type: $0.text(1),
                    lane: Lane(rawValue: Int($0.integer(2))) ?? .fault,
                    subject: $0.text(3), body: $0.blob(4), lastImmediateRoute: Int($0.integer(5))))
        }
        return events
    }

    // MARK: What to send next

    /// The pending rows of a centre in a lane, oldest first.
    /// - Parameters:
    ///   - rowID: the row last taken.
    ///   - last: the last row id to look at; nil for the end of the queue.
    ///   - before: only rows that were created at this time or earlier.
    public func pending(
        for centre: String, in lane: Lane, after rowID: RowID, through last: RowID? = nil,
        created before: Instant = Instant(nanoseconds: .max), limit: Int
    ) throws(JournalError) -> [OutboxRow] {
        var rows: [OutboxRow] = []
        try database.run(
            """
            SELECT \(OutboxRow.columns) FROM owed JOIN outbox USING(id)
            WHERE centre = ? AND owed.lane = ? AND id > ? AND id <= ? AND owed.created <= ? ORDER BY id LIMIT ?
            """, .text(centre), .integer(Int64(lane.rawValue)), .integer(rowID.number),
            .integer(last?.number ?? .max), .integer(before.nanoseconds), .integer(Int64(limit))
        ) { rows.append(OutboxRow($0)) }
        return rows
    }

    /// The pending rows of a centre in a lane that are about one lift, between two row ids.
    public func pending(
        for centre: String, in lane: Lane, of lift: String, after rowID: RowID, through last: RowID,
        limit: Int
    ) throws(JournalError) -> [OutboxRow] {
        var rows: [OutboxRow] = []
        try database.run(
            """
            SELECT \(OutboxRow.columns) FROM owed INDEXED BY owed_lift JOIN outbox USING(id)
            WHERE centre = ? AND owed.lane = ? AND owed.lift = ? AND id > ? AND id <= ? ORDER BY id LIMIT ?
            """, .text(centre), .integer(Int64(lane.rawValue)), .text(lift),
            .integer(rowID.number), .integer(last.number),
            .integer(Int64(limit))
        ) { rows.append(OutboxRow($0)) }
        return rows
    }

    /// The pending rows that a later route may send at once.
    /// - Parameter route: the route's index, 1 or more.
    public func pending(
        for centre: String, immediateFor route: Int, limit: Int
    ) throws(JournalError) -> [OutboxRow] {
        var rows: [OutboxRow] = []
        try database.run(
            """
            SELECT \(OutboxRow.columns) FROM owed INDEXED BY owed_step JOIN outbox USING(id)
            WHERE centre = ? AND step >= ? AND step > 0 ORDER BY id LIMIT ?
            """, .text(centre), .integer(Int64(route)), .integer(Int64(limit))
        ) { rows.append(OutboxRow($0)) }
        return rows
    }

    /// The pending row of an event; nil where the centre has stored it, or never was to get it.
    public func pendingRow(for centre: String, event: String) throws(JournalError) -> OutboxRow? {
        var found: OutboxRow?
        try database.run(
            """
            SELECT \(OutboxRow.columns) FROM outbox JOIN owed USING(id)
            WHERE event_id = ? AND centre = ? AND owed.lane = outbox.lane
            """, .text(event), .text(centre)
        ) { found = OutboxRow($0) }
        return found
    }

    /// The newest row id of the outbox, over all lanes.
    public func lastRowID() throws(JournalError) -> RowID {
        try database.scalar("SELECT max(id) FROM outbox").map { RowID($0) } ?? .beforeFirst
    }

    /// Whether a later revision that ends this alert is journalled.
    public func isOver(_ eventID: String) throws(JournalError) -> Bool {
        guard let slash = eventID.lastIndex(of: "/"),
            let revision = Int64(eventID[eventID.index(after: slash)...])
        else {
            return false
        }
        let found = try database.scalar(
            "SELECT count(*) FROM alert WHERE alert_id = ? AND revision > ? AND state IN ('cleared', 'presumed_released')",
            .text(String(eventID[..<slash])), .integer(revision))
        return found ?? 0 > 0
    }

    // MARK: Receipts and failures

    /// Lets a later route send an event at once, because the route before it cannot deliver it.
    /// - Parameter route: the index of the route that may send it now.
    public func passOn(_ eventID: String, for centre: String, toRoute route: Int)
        throws(JournalError)
    {
        try database.transaction { () throws(JournalError) in
            try database.run(
                """
                UPDATE owed SET step = ?1 WHERE centre = ?2 AND step < ?1 AND id = (SELECT id FROM outbox WHERE event_id = ?3)
                    AND lane = (SELECT lane FROM outbox WHERE event_id = ?3)
                """, .integer(Int64(route)), .text(centre), .text(eventID))
        }
    }

    /// Takes the events that a centre has stored out of its queue.
    /// - Returns: how many were in it.
    public func receipt(_ eventIDs: [String], from centre: String) throws(JournalError) -> Int {
        // A duplicate receipt opens no transaction.
        var isPending = false
        for id in eventIDs where !isPending {
            isPending = try pendingRow(for: centre, event: id) != nil
        }
        guard isPending else { return 0 }
        return try database.transaction { () throws(JournalError) in
            var removed = 0
            for id in eventIDs { removed += try remove(id, of: centre) }
            try count("receipts", removed)
            return removed
        }
    }

    private func remove(_ eventID: String, of centre: String) throws(JournalError) -> Int {
        var row: (id: Int64, lane: Int64)?
        try database.run("SELECT id, lane FROM outbox WHERE event_id = ?", .text(eventID)) {
            row = ($0.integer(0), $0.integer(1))
        }
        guard let row else { return 0 }
        try database.run(
            "DELETE FROM owed WHERE \(injected(.takesAReceiptForEveryCentre) ? "?1 <> ''" : "centre = ?1") AND lane = ?2 AND id = ?3",
            .text(centre),
            .integer(row.lane),
            .integer(row.id))
        return Int(try database.scalar("SELECT changes()") ?? 0)
    }

    /// How many events some centre has not stored yet, and when the oldest was created.
    public func outboxSize() throws(JournalError) -> (count: Int, oldest: Instant?) {
        let oldest = try database.scalar("SELECT created FROM outbox ORDER BY id LIMIT 1")
        return (try usage(of: "outbox").rows, oldest.map { Instant(nanoseconds: $0) })
    }

    /// How many events of each lane are pending for a centre.
    public func depth(of centre: String) throws(JournalError) -> [Lane: Int] {
        var depth: [Lane: Int] = [:]
        try database.run(
            "SELECT lane, count(*) FROM owed WHERE centre = ? GROUP BY lane", .text(centre)
        ) {
            depth[Lane(rawValue: Int($0.integer(0))) ?? .fault] = Int($0.integer(1))
        }
        return depth
    }
}
