import Elevator

/// What the centre is owed: each event until the centre says that it has stored it.
extension Journal {
    /// What the centre has not yet said it stored.
    public struct OutboxRow: Sendable {
        public var id: Int64
        public var eventID: String
        public var lane: Lane
        public var lift: String
        public var body: [UInt8]
        public var created: Instant
        /// Counts up by one with each event of this lift in this lane; 0 where an older version wrote it.
        public var number: Int64

        /// Of an event that no journal holds yet.
        package init(unjournalled eventID: String, lane: Lane, lift: String, body: [UInt8], created: Instant) {
            self.init(
                id: 0, eventID: eventID, lane: lane, lift: lift, body: body, created: created, number: 0)
        }
        init(
            id: Int64, eventID: String, lane: Lane, lift: String, body: [UInt8], created: Instant, number: Int64
        ) {
            self.id = id
            self.eventID = eventID
            self.lane = lane
            self.lift = lift
            self.body = body
            self.created = created
            self.number = number
        }
    }

    /// Notes what the centre is owed, under the next number of its lift and lane.
    func owe(
        _ eventID: String, lane: Lane, lift: String, _ body: [UInt8], created: Instant
    ) throws(JournalError) {
        try database.run(
            """
            INSERT INTO numbering(lift, lane, last) VALUES(?1, ?2, 1) ON CONFLICT(lift, lane) DO UPDATE SET last = last + 1
            """, .text(lift), .integer(Int64(lane.rawValue)))
        try database.run(
            """
            INSERT INTO outbox(event_id, lane, lift, body, created, number)
            VALUES(?1, ?2, ?3, ?4, ?5, (SELECT last FROM numbering WHERE lift = ?3 AND lane = ?2))
            """, .text(eventID), .integer(Int64(lane.rawValue)), .text(lift), .blob(body), .integer(created.nanoseconds)
        )
    }

    /// What is owed, most urgent first, oldest first within a lane.
    public func outbox(limit: Int) throws(JournalError) -> [OutboxRow] {
        var rows: [OutboxRow] = []
        try database.run(
            "SELECT id, event_id, lane, lift, body, created, number FROM outbox ORDER BY lane, id LIMIT ?",
            .integer(Int64(limit))
        ) {
            rows.append(
                OutboxRow(
                    id: $0.integer(0), eventID: $0.text(1), lane: Lane(rawValue: Int($0.integer(2))) ?? .fault,
                    lift: $0.text(3), body: $0.blob(4), created: Instant(nanoseconds: $0.integer(5)),
                    number: $0.integer(6)))
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
}
