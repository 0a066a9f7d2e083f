import Encoding

/// The batches of a damaged journal, as far as they can be read.
extension Journal {
    private struct SavedBatch {
        var key: (sequence: Int64, segment: Int64, indexInSegment: Int64, now: Int64)
        var control: String?
        var readings: [UInt8]
        var hash: Int64

        /// - Returns: nil for a row that differs from what was written.
        init?(_ row: Database.Row) {
            key = (row.integer(0), row.integer(1), row.integer(2), row.integer(3))
            control = row.isNull(4) ? nil : row.text(4)
            readings = row.blob(5)
            hash = RecordHash.batch(
                sequence: key.sequence, segment: key.segment, indexInSegment: key.indexInSegment,
                now: key.now,
                control: control, readings)
            if !row.isNull(6), row.integer(6) != hash { return nil }
        }
    }

    /// Saves the newest batches first, down to the damage; then the oldest, up to it.
    static func saveBatches(
        _ source: Database, _ target: Database, atMost limit: Int, _ report: inout Salvage
    ) throws(JournalError) {
        var (bytes, refused) = (0, 0)
        var (lowest, highest) = (Int64.max, Int64.min)
        var isDescending = true
        while bytes < limit {
            var chunk: [SavedBatch] = []
            var seen = 0
            var isReadable = true
            do throws(JournalError) {
                try source.run(
                    """
                    SELECT seq, segment, place, now, control, readings, hash FROM batch WHERE seq > ? AND seq < ?
                    ORDER BY seq \(isDescending ? "DESC" : "ASC") LIMIT 256
                    """, .integer(highest), .integer(lowest)
                ) { row in
                    seen += 1
                    // Swapped pages repeat rows, in no order: following them would never end.
                    guard lowest > row.integer(0), row.integer(0) > highest else {
                        isReadable = false
                        return
                    }
                    if isDescending { lowest = row.integer(0) } else { highest = row.integer(0) }
                    if let batch = SavedBatch(row) { chunk.append(batch) } else { refused += 1 }
                }
            } catch { isReadable = false }
            do throws(JournalError) { try write(chunk, to: target) } catch {
                // The disk is full: the batches so far are saved, the rest is in the damaged file.
                break
            }
            report.batches += chunk.count
            bytes += chunk.reduce(0) { $0 + $1.readings.count }
            if isReadable, seen == 0 { break }
            if !isReadable {
                report.gaps += isDescending ? 1 : 0
                if !isDescending { break }
                isDescending = false
            }
        }
        report.refused += refused
        let unreadable = try dropUnreadable(target)
        try target.run(
            """
            UPDATE held SET (bytes, rows, through) = (SELECT total(length(readings)), count(*), ifnull(max(seq), 0) FROM batch)
            WHERE class = 'batch'
            """)
        report.refused += unreadable
        report.batches -= unreadable
    }

    private static func write(_ batches: [SavedBatch], to target: Database) throws(JournalError) {
        try target.transaction { () throws(JournalError) in
            for batch in batches {
                try target.run(
                    """
                    INSERT OR IGNORE INTO batch(seq, segment, place, now, control, readings, hash)
                    VALUES(?, ?, ?, ?, ?, ?, ?)
                    """, .integer(batch.key.sequence), .integer(batch.key.segment),
                    .integer(batch.key.indexInSegment), .integer(batch.key.now),
                    batch.control.map { .text($0) } ?? .null, .blob(batch.readings),
                    .integer(batch.hash))
            }
        }
    }

    /// Deletes batches that cannot be decoded: each refers to those before it in its segment.
    /// - Returns: how many.
    private static func dropUnreadable(_ target: Database) throws(JournalError) -> Int {
        var codec = ReadingsCodec()
        var (segment, last): (Int64, Int64) = (-1, -1)
        var isBroken = false
        var unreadable: [Int64] = []
        try target.run("SELECT seq, segment, readings, place FROM batch ORDER BY seq") { row in
            if row.integer(1) != segment {
                codec.beginSegment()
                segment = row.integer(1)
                isBroken = row.integer(3) != 0
            } else if row.integer(0) != last + 1 {
                isBroken = true
            }
            last = row.integer(0)
            // Why it cannot be decoded does not matter: it is counted and deleted.
            if !isBroken, (try? codec.decode(row.blob(2))) == nil { isBroken = true }
            if isBroken { unreadable.append(last) }
        }
        for sequence in unreadable {
            try target.run("DELETE FROM batch WHERE seq = ?", .integer(sequence))
        }
        return unreadable.count
    }
}
