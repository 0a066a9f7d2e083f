import LiftModel

/// An event that a centre has refused for good. It is out of the queue, so that it blocks no other
/// event, and stored, so that a person can inspect it and put it back.
public struct DeadLetter: Sendable {
    public var centre: String
    public var eventID: String
    public var lift: String
    public var lane: Lane
    public var reason: String
    public var refused: Instant
    public var body: [UInt8]
}

extension Journal {
    /// More are evicted: a centre that refuses every event must not fill the disk.
    static let maxDeadLetters = 10_000

    /// Moves an event that a centre has refused from its queue to the dead letters, with the
    /// centre's reason.
    public func setAside(
        _ eventID: String, refusedBy centre: String, because reason: String, at now: Instant
    )
        throws(JournalError)
    {
        try database.transaction { () throws(JournalError) in
            try database.run(
                """
                INSERT OR REPLACE INTO dead_letter(centre, event_id, type, lane, lift, body, created, number, run, monotonic,
                    quality, reason, at)
                SELECT owed.centre, event_id, type, outbox.lane, outbox.lift, body, outbox.created, number, run, monotonic,
                    quality, ?3, ?4
                FROM outbox JOIN owed USING(id) WHERE event_id = ?1 AND centre = ?2 AND owed.lane = outbox.lane
                """, .text(eventID), .text(centre), .text(reason), .integer(now.nanoseconds))
            try database.run(
                """
                DELETE FROM owed WHERE centre = ?2 AND lane = (SELECT lane FROM outbox WHERE event_id = ?1)
                    AND id = (SELECT id FROM outbox WHERE event_id = ?1)
                """, .text(eventID), .text(centre))
            try count("refused_events", 1)
            let surplus = try deadLetterCount() - Self.maxDeadLetters
            if surplus > 0 { try set(Self.surplus, Int64(surplus)) }
        }
    }

    /// A counter's name: dead letters above the maximum. The next `enforce` evicts them and reports
    /// it.
    private static let surplus = "surplus_dead_letters"

    func surplusDeadLetters() throws(JournalError) -> Int {
        Int(
            try database.scalar("SELECT value FROM counter WHERE name = ?", .text(Self.surplus))
                ?? 0)
    }

    /// Evicts dead letters within a transaction: the least urgent first, and of them the oldest.
    func evictDeadLetters(_ count: Int, _ eviction: inout Eviction) throws(JournalError) {
        let chosen =
            "(SELECT centre, event_id FROM dead_letter ORDER BY lane DESC, at LIMIT \(count))"
        try database.run(
            "SELECT lane, count(*) FROM dead_letter WHERE (centre, event_id) IN \(chosen) GROUP BY lane"
        ) {
            eviction.undelivered[Lane(rawValue: Int($0.integer(0))) ?? .fault, default: 0] += Int(
                $0.integer(1))
        }
        try database.run("DELETE FROM dead_letter WHERE (centre, event_id) IN \(chosen)")
        try set(Self.surplus, 0)
        eviction.deadLetters = count
    }

    /// The centre's reason; nil for an event that it has not refused.
    public func refusal(of eventID: String, by centre: String) throws(JournalError) -> String? {
        try database.text(
            "SELECT reason FROM dead_letter WHERE centre = ? AND event_id = ?", .text(centre),
            .text(eventID))
    }

    private static let requeued = "refused_events_sent_again"

    /// Grows when dead letters return to a queue. Their row ids may be below a route's cursor.
    public func requeueCount() throws(JournalError) -> Int64 {
        try database.scalar("SELECT value FROM counter WHERE name = ?", .text(Self.requeued)) ?? 0
    }

    public func deadLetterCount() throws(JournalError) -> Int {
        Int(try database.scalar("SELECT count(1) FROM dead_letter") ?? 0)
    }

    /// The oldest first.
    public func deadLetters(of centre: String? = nil) throws(JournalError) -> [DeadLetter] {
        var found: [DeadLetter] = []
        try database.run(
            """
            SELECT centre, event_id, lift, lane, reason, at, body FROM dead_letter
            WHERE ?1 IS NULL OR centre = ?1 ORDER BY at
            """, centre.map { .text($0) } ?? .null
        ) {
            found.append(
                DeadLetter(
                    centre: $0.text(0), eventID: $0.text(1), lift: $0.text(2),
                    lane: Lane(rawValue: Int($0.integer(3))) ?? .fault, reason: $0.text(4),
                    refused: Instant(nanoseconds: $0.integer(5)), body: $0.blob(6)))
        }
        return found
    }

    /// Puts dead letters back into the queues, under the sequence numbers they had.
    /// - Parameter eventID: one event, or nil for all.
    /// - Returns: how many.
    public func requeue(_ eventID: String? = nil) throws(JournalError) -> Int {
        try database.transaction { () throws(JournalError) in
            var letters: [(centre: String, event: String)] = []
            try database.run(
                """
                SELECT centre, event_id FROM dead_letter
                WHERE (?1 IS NULL OR event_id = ?1) AND centre IN (SELECT name FROM centre) ORDER BY created, number
                """,
                eventID.map { .text($0) } ?? .null
            ) { letters.append(($0.text(0), $0.text(1))) }
            for (centre, event) in letters {
                try database.run(
                    """
                    INSERT INTO outbox(event_id, type, lane, lift, body, created, number, run, monotonic, quality, owing)
                    SELECT event_id, type, lane, lift, body, created, number, run, monotonic, quality, 1 FROM dead_letter
                    WHERE centre = ?1 AND event_id = ?2 ON CONFLICT(event_id) DO UPDATE SET owing = owing + 1
                    """, .text(centre), .text(event))
                try database.run(
                    """
                    INSERT OR IGNORE INTO owed(centre, lane, id, lift, created, step)
                    SELECT ?1, lane, id, lift, created, 0 FROM outbox WHERE event_id = ?2
                    """, .text(centre), .text(event))
                try database.run(
                    "DELETE FROM dead_letter WHERE centre = ? AND event_id = ?", .text(centre),
                    .text(event))
            }
            if !letters.isEmpty {
                try database.run(Self.recountPending)
                try count(Self.requeued, letters.count)
            }
            return letters.count
        }
    }
}
