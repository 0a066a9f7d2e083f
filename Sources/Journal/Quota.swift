import Elevator

/// How much of each class the journal may hold, in bytes. Each class is bounded by itself: a flood of one takes no room from another.
public struct Quota: Sendable, Equatable {
    /// What the lifts said: the flight recorder.
    public var readings: Int
    /// Alerts that the centre has stored.
    public var alerts: Int
    /// What the centre is owed.
    public var outbox: Int

    public init(readings: Int, alerts: Int = 256 << 20, outbox: Int = 256 << 20) {
        self.readings = readings
        self.alerts = alerts
        self.outbox = outbox
    }

    /// Readings whose seconds are past are worth less than alerts; together they leave half of the room to others.
    /// - Parameter room: bytes that are free on the disk, with those the journal holds already.
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

/// What had to go.
public struct Eviction: Sendable, Equatable {
    public var readingBatches = 0
    public var alerts = 0
    /// Undelivered revisions that a later undelivered one of the same alert says better.
    public var coalesced = 0
    /// Undelivered events by lane. That is loss, and the centre is told.
    public var undelivered: [Lane: Int] = [:]
    /// How many of those a centre had refused before.
    public var deadLetters = 0
    /// There is more beyond the readings' quota than goes at once.
    public var isUnfinished = false
    public var isEmpty: Bool { self == Eviction() }
}

extension Journal {
    /// The newest alerts stay whatever the quota: what a restart decides again is recognised by them, and the chain goes on.
    static let keptAlerts = 1000
    /// Each segment of readings is a synced transaction, and lifts wait meanwhile.
    private static let segmentsAtOnce = 8

    func held(_ name: String) throws(JournalError) -> (bytes: Int, rows: Int) {
        var found = (bytes: 0, rows: 0)
        try database.run("SELECT bytes, rows FROM held WHERE class = ?", .text(name)) {
            found = (Int($0.integer(0)), Int($0.integer(1)))
        }
        if name == "batch" { found = (found.bytes + unsettled.bytes, found.rows + unsettled.rows) }
        return found
    }

    /// Lets go what is beyond the quotas, the least important first and the oldest of it first. Costs three look-ups when nothing is.
    /// What is told and what is owed goes in one transaction, with the event that tells of it.
    ///
    /// Order: readings; alerts that the centre has stored; of what it is owed first revisions that a later one says better, then
    /// info, then faults, and entrapments last of all.
    /// - Parameter event: what the centres are told of a loss.
    public func enforce(
        _ quota: Quota, telling event: (Eviction) -> (OwedEvent, at: Instant, ClockStamp)? = { _ in nil }
    ) throws(JournalError) -> Eviction {
        var eviction = Eviction()
        if try held("batch").bytes > quota.readings {
            eviction.readingBatches = try evictReadings(beyond: quota.readings, atMost: Self.segmentsAtOnce)
            // Nothing went where a restart still needs it: the next snapshot lets it go.
            let left = try held("batch").bytes
            eviction.isUnfinished = eviction.readingBatches > 0 && left > quota.readings
        }
        let (owed, told) = (try held("outbox").bytes, try held("alert").bytes)
        let refused = try surplusDeadLetters()
        guard owed > quota.outbox || told > quota.alerts || refused > 0 || !eviction.isEmpty else { return eviction }
        return try database.transaction { () throws(JournalError) in
            var eviction = eviction
            if owed > quota.outbox { try relieveOutbox(quota.outbox, &eviction) }
            if refused > 0 { try forgetDeadLetters(refused, &eviction) }
            if try held("alert").bytes > quota.alerts { eviction.alerts = try forgetStoredAlerts(quota.alerts) }
            let undelivered = eviction.undelivered.values.reduce(0, +)
            for (name, value) in [
                ("evicted_batches", eviction.readingBatches), ("evicted_alerts", eviction.alerts),
                ("coalesced_events", eviction.coalesced), ("evicted_undelivered", undelivered),
            ] where value > 0 { try count(name, value) }
            if undelivered + eviction.coalesced > 0, let (event, time, stamp) = event(eviction) {
                try owe(event, created: time, stamp)
            }
            return eviction
        }
    }

    private func forgetStoredAlerts(_ quota: Int) throws(JournalError) -> Int {
        let before = try held("alert").rows
        // A little more than is needed, so that not every commit has to.
        while try held("alert").bytes > quota / 10 * 9 {
            let rows = try held("alert").rows
            try database.run(
                """
                DELETE FROM alert WHERE place IN (SELECT place FROM alert
                    WHERE place <= (SELECT max(place) FROM alert) - ?
                        AND NOT EXISTS (SELECT 1 FROM outbox WHERE event_id = alert_id || '/' || revision)
                    ORDER BY place LIMIT 500)
                """, .integer(Int64(Self.keptAlerts)))
            if try held("alert").rows == rows { break }
        }
        return before - (try held("alert").rows)
    }

    private func relieveOutbox(_ quota: Int, _ eviction: inout Eviction) throws(JournalError) {
        let goal = quota / 10 * 9
        for lane in [Lane.info, .fault, .entrapment] {
            if try held("outbox").bytes <= goal { return }
            let rows = try held("outbox").rows
            try database.run(
                """
                DELETE FROM outbox WHERE lane = ? AND EXISTS (SELECT 1 FROM outbox AS later
                    WHERE later.event_id > substr(outbox.event_id, 1, 36) || '/'
                        AND later.event_id < substr(outbox.event_id, 1, 36) || '0'
                        AND CAST(substr(later.event_id, 38) AS INTEGER) > CAST(substr(outbox.event_id, 38) AS INTEGER))
                """, .integer(Int64(lane.rawValue)))
            eviction.coalesced += rows - (try held("outbox").rows)
            if lane == .info { continue }
            // Before the fault lane loses what nothing else says, the info lane goes; before entrapments, the faults.
            try evict(lane == .fault ? .info : .fault, downTo: goal, &eviction)
        }
        try evict(.entrapment, downTo: goal, &eviction)
    }

    private func evict(_ lane: Lane, downTo goal: Int, _ eviction: inout Eviction) throws(JournalError) {
        while try held("outbox").bytes > goal {
            let rows = try held("outbox").rows
            try database.run(
                "DELETE FROM outbox WHERE id IN (SELECT id FROM outbox WHERE lane = ? ORDER BY id LIMIT 100)",
                .integer(Int64(lane.rawValue)))
            let gone = rows - (try held("outbox").rows)
            if gone == 0 { return }
            eviction.undelivered[lane, default: 0] += gone
        }
    }

    /// On a full disk: lets some of the oldest readings go whatever their quota, so that their pages take what comes.
    public func makeRoom() throws(JournalError) {
        try database.execute("PRAGMA wal_checkpoint(RESTART)")
        let bytes = try held("batch").bytes
        _ = try evictReadings(beyond: bytes / 4 * 3, atMost: 8)
        try database.execute("PRAGMA wal_checkpoint(RESTART)")
    }
}
