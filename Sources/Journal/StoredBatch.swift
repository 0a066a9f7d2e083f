import Encoding
import LiftModel

/// Batches read back: for a replay, for redeliveries, and for the times of a start.
extension Journal {
    /// A batch read back.
    public struct StoredBatch: Sendable {
        public var sequence: Int64
        public var now: Instant
        public var control: String?
        public var messages: [JournalledMessage]
    }

    /// Visits the batches after a sequence number in order, one in memory at a time.
    public func forEachBatch(after sequence: Int64, _ visit: (StoredBatch) -> Void)
        throws(JournalError)
    {
        // Column `place` is the index in the segment: this is the segment's first batch.
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
                    damage =
                        damage
                        ?? self.damage(
                            "reading batch \(row.integer(0))", "its segment has no beginning")
                }
            }
            if damage != nil { return }
            let (readings, control) = (row.blob(4), row.isNull(3) ? nil : row.text(3))
            let hash = RecordHash.batch(
                sequence: row.integer(0), segment: segment, indexInSegment: row.integer(6),
                now: row.integer(2),
                control: control, readings)
            guard row.isNull(5) || row.integer(5) == hash else {
                damage =
                    damage
                    ?? self.damage(
                        "reading batch \(row.integer(0))", "its hash differs from what was written")
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

    /// Visits the batches with the last committed messages, oldest first, one in memory at a time.
    /// The broker may redeliver these messages, as their acknowledgement may be lost.
    /// - Parameter count: at least so many messages, where there are so many.
    public func forEachBatch(
        holdingTheLast count: Int, _ visit: (StoredBatch) -> Void
    ) throws(JournalError) {
        // The quieter the site, the more batches have no messages; 8192 of them are looked at.
        let first = try database.scalar(
            """
            SELECT min(seq) FROM (SELECT seq, sum(messages) OVER (ORDER BY seq DESC) - messages AS newer
                FROM (SELECT seq, messages FROM batch ORDER BY seq DESC LIMIT 8192)) WHERE newer < ?
            """, .integer(Int64(count)))
        if let first { try forEachBatch(after: first - 1, visit) }
    }

    /// The `now` of the last batch.
    public func lastTime() throws(JournalError) -> Instant? {
        guard let last = try database.scalar("SELECT now FROM batch ORDER BY seq DESC LIMIT 1")
        else { return nil }
        // The years 1970 to 2200. No hash is checked before this.
        guard 0..<7_258_118_400_000_000_000 ~= last else {
            throw damage("reading the last batch", "its time is not one that was written")
        }
        return Instant(nanoseconds: last)
    }

    /// The times of the last batch up to a time, and of the first one after it.
    /// - Returns: nil where either is missing.
    public func gap(around time: Instant) throws(JournalError) -> ClosedRange<Instant>? {
        guard var low = try database.scalar("SELECT min(seq) FROM batch"),
            var high = try database.scalar("SELECT max(seq) FROM batch")
        else { return nil }
        func batch(_ condition: String, _ sequence: Int64) throws(JournalError) -> (
            sequence: Int64, now: Int64
        )? {
            var found: (Int64, Int64)?
            try database.run(
                "SELECT seq, now FROM batch WHERE seq \(condition) LIMIT 1", .integer(sequence)
            ) {
                found = ($0.integer(0), $0.integer(1))
            }
            return found
        }
        // A binary search for the first batch after the time: times grow with the sequence numbers,
        // and a full store is gigabytes.
        while low < high {
            let middle = low + (high - low) / 2
            guard let found = try batch(">= ? ORDER BY seq", middle) else { return nil }
            if found.now > time.nanoseconds { high = middle } else { low = found.sequence + 1 }
        }
        guard let next = try batch(">= ? ORDER BY seq", low), next.now > time.nanoseconds,
            let last = try batch("< ? ORDER BY seq DESC", next.sequence),
            last.now <= time.nanoseconds
        else { return nil }
        return Instant(nanoseconds: last.now)...Instant(nanoseconds: next.now)
    }

    /// The time from which a restart replays: the snapshot's; without a snapshot the first batch's;
    /// nil in an empty journal.
    public func replayStart() throws(JournalError) -> Instant? {
        let ofSnapshot = try database.scalar(
            "SELECT now FROM batch WHERE seq <= (SELECT seq FROM snapshot) ORDER BY seq DESC LIMIT 1"
        )
        if let ofSnapshot { return Instant(nanoseconds: ofSnapshot) }
        return try database.scalar("SELECT now FROM batch ORDER BY seq LIMIT 1").map {
            Instant(nanoseconds: $0)
        }
    }
}
