import LiftModel

/// The bytes that each class of records may use in the journal. Each class has its own limit: a
/// flood of one takes no room from another.
public struct Quota: Sendable, Equatable {
    /// The messages of the lifts.
    public var readings: Int
    /// Alerts, of which those that every centre has stored can be evicted.
    public var alerts: Int
    /// Events that some centre has not stored yet.
    public var outbox: Int

    public init(readings: Int, alerts: Int = 256 << 20, outbox: Int = 256 << 20) {
        self.readings = readings
        self.alerts = alerts
        self.outbox = outbox
    }

    /// The quota for a small disk: the classes together use at most half of the room, and the
    /// readings are cut most, as old readings are worth less than alerts.
    /// - Parameter room: free bytes of the disk, and those that the journal uses already.
    public func fitted(into room: Int) -> Quota {
        let share = room / 2
        guard readings + alerts + outbox > share else { return self }
        let most = max(share / 8, 1 << 20)
        var fitted = self
        fitted.alerts = min(alerts, most)
        fitted.outbox = min(outbox, most)
        fitted.readings = max(1 << 20, min(readings, share - fitted.alerts - fitted.outbox))
        return fitted
    }
}

/// The records that were evicted.
public struct Eviction: Sendable, Equatable {
    public var readingBatches = 0
    public var alerts = 0
    /// Undelivered revisions that a later undelivered revision of the same alert supersedes.
    public var coalesced = 0
    /// Undelivered events by lane. They are lost, and the loss is reported to the centres.
    public var undelivered: [Lane: Int] = [:]
    /// How many of those were dead letters.
    public var deadLetters = 0
    /// More readings are beyond their quota than are evicted at once.
    public var isUnfinished = false
    public var isEmpty: Bool { self == Eviction() }
}

extension Journal {
    /// The newest alerts stay whatever the quota: a restart recognises the alerts that its replay
    /// raises again, and the chain continues. Open alerts stay, too: a restart continues them.
    static let retainedAlerts = 1000
    /// Each segment of readings is a synced transaction, for which the loop waits.
    private static let maxSegmentsAtOnce = 8

    /// The bytes and rows of a class: `batch`, `alert` or `outbox`.
    func usage(of name: String) throws(JournalError) -> (bytes: Int, rows: Int) {
        var found = (bytes: 0, rows: 0)
        try database.run("SELECT bytes, rows FROM held WHERE class = ?", .text(name)) {
            found = (Int($0.integer(0)), Int($0.integer(1)))
        }
        if name == "batch" { found = (found.bytes + uncounted.bytes, found.rows + uncounted.rows) }
        return found
    }

    /// Evicts what is beyond the quotas, the least important first, and of that the oldest. Costs
    /// three queries when nothing is. Alerts and events are evicted in one transaction, together
    /// with the event that reports the loss.
    ///
    /// The order: readings; alerts that every centre has stored; superseded revisions of the
    /// outbox; then its lane info, then faults, and entrapments last.
    /// - Parameter event: the event that reports a loss to the centres.
    public func enforce(
        _ quota: Quota,
        reporting event: (Eviction) -> (OutboundEvent, at: Instant, ClockStamp)? = { _ in nil }
    ) throws(JournalError) -> Eviction {
        var eviction = Eviction()
        if try usage(of: "batch").bytes > quota.readings {
            eviction.readingBatches = try evictReadings(
                beyond: quota.readings, atMost: Self.maxSegmentsAtOnce)
            // Where no batch could be evicted, a restart still needs them: trying again before the
            // next snapshot is useless.
            let left = try usage(of: "batch").bytes
            eviction.isUnfinished = eviction.readingBatches > 0 && left > quota.readings
        }
        let (outboxBytes, alertBytes) = (
            try usage(of: "outbox").bytes, try usage(of: "alert").bytes
        )
        let surplus = try surplusDeadLetters()
        guard
            outboxBytes > quota.outbox || alertBytes > quota.alerts || surplus > 0
                || !eviction.isEmpty
        else {
            return eviction
        }
        return try database.transaction { () throws(JournalError) in
            var eviction = eviction
            if outboxBytes > quota.outbox { try evictFromOutbox(quota.outbox, &eviction) }
            if surplus > 0 { try evictDeadLetters(surplus, &eviction) }
            if try usage(of: "alert").bytes > quota.alerts {
                eviction.alerts = try evictDeliveredAlerts(quota.alerts)
            }
            let undelivered = eviction.undelivered.values.reduce(0, +)
            for (name, value) in [
                ("evicted_batches", eviction.readingBatches), ("evicted_alerts", eviction.alerts),
                ("coalesced_events", eviction.coalesced), ("evicted_undelivered", undelivered),
            ] where value > 0 { try count(name, value) }
            if undelivered + eviction.coalesced > 0, !injected(.reportsNoEviction),
                let (event, time, stamp) = event(eviction)
            {
                try enqueue(event, created: time, stamp)
            }
            return eviction
        }
    }

    private func evictDeliveredAlerts(_ quota: Int) throws(JournalError) -> Int {
        let before = try usage(of: "alert").rows
        // Down to nine tenths of the quota, so that not every commit has to evict.
        while try usage(of: "alert").bytes > quota / 10 * 9 {
            let rows = try usage(of: "alert").rows
            try database.run(
                """
                DELETE FROM alert WHERE place IN (SELECT place FROM alert
                    WHERE place <= (SELECT max(place) FROM alert) - ?
                        AND NOT EXISTS (SELECT 1 FROM outbox WHERE event_id = alert_id || '/' || revision)
                        AND NOT (\(Self.isOpenAlert))
                    ORDER BY place LIMIT 500)
                """, .integer(Int64(Self.retainedAlerts)))
            if try usage(of: "alert").rows == rows { break }
        }
        return before - (try usage(of: "alert").rows)
    }

    private func evictFromOutbox(_ quota: Int, _ eviction: inout Eviction) throws(JournalError) {
        let goal = quota / 10 * 9
        for lane in [Lane.info, .fault, .entrapment] {
            if try usage(of: "outbox").bytes <= goal { return }
            let rows = try usage(of: "outbox").rows
            try database.run(
                """
                DELETE FROM outbox WHERE lane = ? AND EXISTS (SELECT 1 FROM outbox AS later
                    WHERE later.event_id > substr(outbox.event_id, 1, 36) || '/'
                        AND later.event_id < substr(outbox.event_id, 1, 36) || '0'
                        AND CAST(substr(later.event_id, 38) AS INTEGER) > CAST(substr(outbox.event_id, 38) AS INTEGER))
                """, .integer(Int64(lane.rawValue)))
            eviction.coalesced += rows - (try usage(of: "outbox").rows)
            if lane == .info { continue }
            // The info lane is evicted before a last revision of the fault lane is lost, and the
            // fault lane before one of the entrapment lane.
            try evict(lane == .fault ? .info : .fault, downTo: goal, &eviction)
        }
        try evict(.entrapment, downTo: goal, &eviction)
    }

    private func evict(_ lane: Lane, downTo goal: Int, _ eviction: inout Eviction)
        throws(JournalError)
    {
        while try usage(of: "outbox").bytes > goal {
            let rows = try usage(of: "outbox").rows
            try database.run(
                "DELETE FROM outbox WHERE id IN (SELECT id FROM outbox WHERE lane = ? ORDER BY id LIMIT 100)",
                .integer(Int64(lane.rawValue)))
            let evicted = rows - (try usage(of: "outbox").rows)
            if evicted == 0 { return }
            eviction.undelivered[lane, default: 0] += evicted
        }
    }

    /// On a full disk: evicts some of the oldest readings whatever their quota. New records then
    /// use their pages.
    public func makeRoom() throws(JournalError) {
        try database.execute("PRAGMA wal_checkpoint(RESTART)")
        let bytes = try usage(of: "batch").bytes
        _ = try evictReadings(beyond: bytes / 4 * 3, atMost: 8)
        try database.execute("PRAGMA wal_checkpoint(RESTART)")
    }
}
