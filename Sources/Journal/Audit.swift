import Encoding

/// The result of a check of every record of a journal.
public struct JournalAudit: Sendable {
    public var batches = 0
    public var messages = 0
    public var alerts = 0
    /// Events that some centre has not stored yet.
    public var pending = 0
    /// Records that an older version wrote without a hash.
    public var unchecked = 0
    /// The first hundred problems.
    public private(set) var problems: [String] = []
    public private(set) var problemCount = 0
    public var isSound: Bool { problemCount == 0 }

    mutating func report(_ problem: String) {
        problemCount += 1
        if problems.count < 100 { problems.append(problem) }
    }
}

extension Journal {
    /// Reads every record and checks its hash, its sequence number, and the chain. One record is in
    /// memory at a time.
    public func audit() -> JournalAudit {
        var audit = JournalAudit()
        attempt("the pages", &audit) { audit throws(JournalError) in
            var lines: [String] = []
            try database.run("PRAGMA integrity_check(20)") { lines.append($0.text(0)) }
            for line in lines where line != "ok" { audit.report("pages: \(line)") }
        }
        attempt("the batches", &audit) { audit throws(JournalError) in try auditBatches(&audit) }
        attempt("the snapshot", &audit) { audit throws(JournalError) in try auditSnapshot(&audit) }
        attempt("the alerts", &audit) { audit throws(JournalError) in try auditAlerts(&audit) }
        attempt("the counts", &audit) { audit throws(JournalError) in
            // The quotas use these counts. One statement for each: the gateway may write meanwhile.
            for (table, column, counted) in [
                ("batch", "readings", "seq <= through"), ("alert", "body", "true"),
                ("outbox", "body", "true"),
            ] {
                try database.run(
                    """
                    SELECT rows, bytes, (SELECT count(1) FROM \(table) WHERE \(counted)),
                        (SELECT CAST(total(length(\(column))) AS INTEGER) FROM \(table) WHERE \(counted))
                    FROM held WHERE class = '\(table)'
                    """
                ) { row in
                    if row.integer(0) == row.integer(2), row.integer(1) == row.integer(3) { return }
                    audit.report(
                        "counts: \(table) is counted as \(row.integer(0)) rows of \(row.integer(1)) bytes, and has \(row.integer(2)) of \(row.integer(3))"
                    )
                }
            }
        }
        attempt("the outbox", &audit) { audit throws(JournalError) in
            audit.pending = try outboxSize().count
            let unmatched =
                try database.scalar(
                    """
                    SELECT count(*) FROM outbox WHERE type = 'alert' AND NOT EXISTS (SELECT 1 FROM alert
                        WHERE alert_id = substr(event_id, 1, instr(event_id, '/') - 1)
                            AND revision = CAST(substr(event_id, instr(event_id, '/') + 1) AS INTEGER)
                            AND alert.body = outbox.body)
                    """) ?? 0
            if unmatched > 0 {
                audit.report("outbox: \(unmatched) events differ from every alert in the journal")
            }
            let miscounted =
                try database.scalar(
                    """
                    SELECT count(*) FROM outbox WHERE owing != (SELECT count(*) FROM centre JOIN owed
                        ON owed.centre = centre.name AND owed.lane = outbox.lane AND owed.id = outbox.id)
                    """) ?? 0
            if miscounted > 0 {
                audit.report("outbox: \(miscounted) events have a wrong count of delivery rows")
            }
            let missing =
                try database.scalar(
                    "SELECT count(*) FROM owed WHERE NOT EXISTS (SELECT 1 FROM outbox WHERE outbox.id = owed.id)"
                ) ?? 0
            if missing > 0 { audit.report("outbox: \(missing) delivery rows have no event") }
        }
        return audit
    }

    private func attempt(
        _ part: String, _ audit: inout JournalAudit,
        _ check: (inout JournalAudit) throws(JournalError) -> Void
    ) {
        do throws(JournalError) { try check(&audit) } catch {
            audit.report("\(part) cannot be read: \(error.message)")
        }
    }

    private func auditBatches(_ audit: inout JournalAudit) throws(JournalError) {
        var codec = ReadingsCodec()
        var segment: Int64 = -1
        var last: Int64?
        // The later batches of a segment refer to the earlier ones: after one that cannot be read,
        // none of them can.
        var isBroken = false
        try database.run(
            "SELECT seq, segment, now, control, readings, hash, place FROM batch ORDER BY seq"
        ) { row in
            let sequence = row.integer(0)
            audit.batches += 1
            if let last, sequence != last + 1 {
                audit.report(
                    "batch \(sequence) follows \(last): \(sequence - last - 1) are missing")
                isBroken = true
            }
            last = sequence
            if row.integer(1) != segment {
                codec.beginSegment()
                segment = row.integer(1)
                isBroken = row.integer(6) != 0
                if isBroken {
                    audit.report(
                        "batch \(sequence) refers to missing batches: its segment has no beginning")
                }
            }
            let readings = row.blob(4)
            let hash = RecordHash.batch(
                sequence: sequence, segment: segment, indexInSegment: row.integer(6),
                now: row.integer(2),
                control: row.isNull(3) ? nil : row.text(3), readings)
            if row.isNull(5) {
                audit.unchecked += 1
            } else if row.integer(5) != hash {
                audit.report("batch \(sequence) is not what was written: its hash differs")
                isBroken = true
            }
            if isBroken { return }
            do throws(MalformedBytes) { audit.messages += try codec.decode(readings).count } catch {
                audit.report("batch \(sequence) cannot be unpacked: \(error)")
                isBroken = true
            }
        }
    }

    private func auditSnapshot(_ audit: inout JournalAudit) throws(JournalError) {
        let last = nextSequence - 1
        try database.run("SELECT seq, state, hash FROM snapshot") { row in
            if row.isNull(2) {
                audit.unchecked += 1
            } else if row.integer(2) != RecordHash.snapshot(through: row.integer(0), row.blob(1)) {
                audit.report("the snapshot is not what was written: its hash differs")
            }
            if row.integer(0) > last {
                audit.report("the snapshot is of batch \(row.integer(0)), the last is \(last)")
            }
        }
    }

    private func auditAlerts(_ audit: inout JournalAudit) throws(JournalError) {
        var last: AlertChain.Link?
        // The eviction of delivered alerts leaves gaps, of no more alerts than it has counted.
        var missing: Int64 = 0
        var gaps: [String] = []
        try database.run("SELECT place, chain, body, alert_id, revision FROM alert ORDER BY place")
        { row in
            audit.alerts += 1
            let name = "\(row.text(3))/\(row.integer(4))"
            let link = AlertChain.Link(sequence: row.integer(0), hash: row.blob(1))
            if let before = last, link.sequence != before.sequence + 1 {
                missing += link.sequence - before.sequence - 1
                gaps.append(
                    "alert \(name), number \(link.sequence), follows number \(before.sequence)")
            } else if link.sequence == 1 || last != nil {
                if link.hash != AlertChain.hash(after: last?.hash ?? [], row.blob(2)) {
                    audit.report(
                        "alert \(name), number \(link.sequence), is not what was written: the chain breaks here"
                    )
                }
            }
            if last == nil { missing += max(0, link.sequence - 1) }
            last = link
        }
        if missing > Int64(try counters()["evicted_alerts"] ?? 0) {
            for gap in gaps { audit.report(gap) }
        }
    }
}

/// How much of each class of records a journal holds.
public struct JournalStatistics: Sendable {
    public var batches = 0
    public var readingsBytes = 0
    public var oldest: Int64?
    public var newest: Int64?
    public var alerts = 0
    public var alertBytes = 0
    /// Events that some centre has not stored yet.
    public var pending = 0
    public var pendingBytes = 0
    public var snapshotBytes = 0
    public var fileBytes = 0
    public var counters: [String: Int] = [:]
}

extension Journal {
    public func statistics() throws(JournalError) -> JournalStatistics {
        var found = JournalStatistics()
        (found.readingsBytes, found.batches) = try usage(of: "batch")
        (found.alertBytes, found.alerts) = try usage(of: "alert")
        (found.pendingBytes, found.pending) = try usage(of: "outbox")
        found.oldest = try database.scalar("SELECT now FROM batch ORDER BY seq LIMIT 1")
        found.newest = try lastTime()?.nanoseconds
        found.snapshotBytes = Int(try database.scalar("SELECT length(state) FROM snapshot") ?? 0)
        let pages = try database.scalar("PRAGMA page_count") ?? 0
        found.fileBytes = Int(pages * (try database.scalar("PRAGMA page_size") ?? 0))
        found.counters = try counters()
        return found
    }
}
