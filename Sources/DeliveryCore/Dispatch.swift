// What a route to a centre decides.
//
// This module guarantees that a decision depends on nothing but the journal's queue and what the
// route has reported: no thread, no connection and no clock is reached from here, so that any order
// of events can be tried in a test or a simulation. Each file holds one state with the function
// that changes it: `Dispatch` the events in flight, `Publications` those without an
// acknowledgement, `RequestSlot` and `FailureCause` the requests over HTTPS.

import Journal
import LiftModel

/// Decides which events one route sends next. Every route has its own, whatever its transport.
///
/// The order: the most urgent lane first, strictly. In a lane, new rows go before the backlog,
/// which are the rows that waited when the connection came. One lift's events keep their order: the
/// backlog of a lift goes before its new rows.
///
/// An event that failed by itself, while the centre takes others, is isolated: it is sent again
/// alone and when nothing else waits, so that an event that the centre cannot process blocks no
/// other.
///
/// Limits: the window follows the centre's receipts, so that a slow centre is not sent every event
/// twice; the backlog leaves at a rate. Entrapments wait for neither.
package struct Dispatch {
    /// Limits of the window: events in flight, without a receipt.
    private static let smallestWindow = 8
    private static let largestWindow = 1000
    private static let maxEntrapments = 500
    /// After so long without a receipt, the rows that wait count as backlog.
    private static let silence = Duration.seconds(60)

    private let settings: Settings
    private var inFlight: [String: InFlight] = [:]
    /// Events whose only copies so far were sent from memory, without a sequence number.
    private var sentFromMemory: Set<String> = []
    /// The attempts of pending events on earlier connections; emptied when it gets long.
    private var earlierAttempts: [String: Int] = [:]
    private var window = 32
    private var narrowedAt: MonotonicTime = .boot
    private var lastReceiptAt: MonotonicTime = .boot
    /// Row ids up to this one are the backlog.
    private var backlogEnd = RowID.beforeFirst
    /// The end of the backlog could not be read when the connection was established.
    private var mustReadBacklogEnd = false
    private var backlogCursor = [RowID](repeating: .beforeFirst, count: Lane.allCases.count)
    private var newRowsCursor = [RowID](repeating: .beforeFirst, count: Lane.allCases.count)
    private var requeueCount: Int64?
    /// A token bucket: each event of the backlog takes a token, except an entrapment.
    private var backlogTokens = 0.0
    private var tokensAt: MonotonicTime = .boot

    package init(_ settings: Settings) { self.settings = settings }

    /// A connection is established: the rows that wait now are the backlog.
    /// - Parameter lastRowID: nil where the journal cannot be read now. No row is sent before it
    ///   can.
    package mutating func startConnection(lastRowID: RowID?, now: MonotonicTime) {
        if earlierAttempts.count > 4 * Self.largestWindow { earlierAttempts.removeAll() }
        for (id, event) in inFlight where !event.isIsolated { earlierAttempts[id] = event.attempts }
        inFlight = inFlight.filter(\.value.isIsolated)
        lastReceiptAt = now
        tokensAt = now
        if injected(.forgetsTheQueueOnAConnection) { return }
        if let lastRowID { setBacklogEnd(lastRowID) } else { mustReadBacklogEnd = true }
    }

    private mutating func setBacklogEnd(_ rowID: RowID) {
        mustReadBacklogEnd = false
        backlogEnd = rowID
        for lane in Lane.allCases {
            backlogCursor[lane.rawValue] = .beforeFirst
            // A later route has no backlog: it sends every overdue row.
            newRowsCursor[lane.rawValue] = settings.routeIndex == 0 ? rowID : .beforeFirst
        }
    }

    // MARK: Choosing events

    /// The events to send now, in this order. They count as in flight from now on.
    /// - Parameters:
    ///   - unjournalled: events that are in memory only; they go first.
    ///   - time: on the gateway's time line.
    ///   - lanes: the lanes that may be sent now.
    ///   - limit: at most so many.
    package mutating func next(
        from journal: Journal, unjournalled: [OutboundEvent] = [], now: MonotonicTime,
        time: Instant,
        lanes: [Lane] = Lane.allCases, limit: Int = .max
    ) throws(JournalError) -> [Transmission] {
        replenish(now)
        // Events that were sent from memory are journalled now, and are sent again from their
        // queue.
        if unjournalled.isEmpty, inFlight.values.contains(where: { $0.rowID == nil }) {
            inFlight = inFlight.filter { $0.value.rowID != nil }
        }
        var transmissions: [Transmission] = []
        for event in unjournalled where lanes.contains(event.lane) && transmissions.count < limit {
            if let sent = inFlight[event.id], !sent.isDue(at: now) { continue }
            add(Journal.OutboxRow(unjournalled: event, created: time), now, &transmissions)
        }
        do throws(JournalError) {
            if mustReadBacklogEnd { setBacklogEnd(try journal.lastRowID()) }
            try rewindAfterRequeue(journal)
            let urgent = settings.routeIndex == 0 ? [] : try immediate(from: journal)
            for lane in lanes {
                try resend(lane, from: journal, now, limit, &transmissions)
                if settings.routeIndex == 0 {
                    try sendNew(lane, from: journal, now, limit, &transmissions)
                    try sendBacklog(lane, from: journal, now, limit, &transmissions)
                } else {
                    try sendOverdue(lane, urgent, from: journal, now, time, limit, &transmissions)
                }
            }
            if transmissions.isEmpty {
                try sendIsolated(of: lanes, from: journal, now, &transmissions)
            }
        } catch {
            // What is in memory, or was read before, leaves: no later revision overtakes it.
            let drops = injected(.dropsEventsOfAFailedRead)
            for sent in transmissions where drops { drop(sent.row.eventID) }
            let hasTaken = !transmissions.isEmpty && !injected(.keepsEventsOfAFailedRead)
            if unjournalled.isEmpty, !hasTaken || drops { throw error }
        }
        return transmissions
    }

    /// Reads the queue again after dead letters were put back: their row ids may be below a cursor.
    private mutating func rewindAfterRequeue(_ journal: Journal) throws(JournalError) {
        let present = try journal.requeueCount()
        if let requeueCount, present != requeueCount {
            setBacklogEnd(newRowsCursor.max() ?? .beforeFirst)
        }
        requeueCount = present
    }

    private mutating func resend(
        _ lane: Lane, from journal: Journal, _ now: MonotonicTime, _ limit: Int,
        _ transmissions: inout [Transmission]
    ) throws(JournalError) {
        let due = inFlight.compactMap { id, event in
            event.lane == lane && event.isDue(at: now) && !event.isIsolated
                ? event.rowID.map { (id, rowID: $0) } : nil
        }.sorted { $0.rowID < $1.rowID }
        if !due.isEmpty, now - narrowedAt >= settings.resendAfter {
            window = max(Self.smallestWindow, window / 2)
            narrowedAt = now
        }
        if injected(.neverSendsAgain) { return }
        for (id, _) in due where transmissions.count < limit {
            guard let row = try journal.pendingRow(for: settings.centre, event: id) else {
                // Another route has delivered it, or it was evicted.
                inFlight[id] = nil
                continue
            }
            add(row, now, &transmissions)
        }
    }

    /// Sends the most urgent isolated event that is due, alone.
    private mutating func sendIsolated(
        of lanes: [Lane], from journal: Journal, _ now: MonotonicTime,
        _ transmissions: inout [Transmission]
    ) throws(JournalError) {
        for lane in lanes {
            let due = inFlight.compactMap { id, event in
                event.isIsolated && event.lane == lane && event.isDue(at: now)
                    ? event.dueAt.map { (id: id, dueAt: $0) } : nil
            }
            for (id, _) in due.sorted(by: { ($0.dueAt, $0.id) < ($1.dueAt, $1.id) }) {
                guard let row = try journal.pendingRow(for: settings.centre, event: id) else {
                    inFlight[id] = nil
                    continue
                }
                return add(row, now, &transmissions)
            }
        }
    }

    private mutating func sendNew(
        _ lane: Lane, from journal: Journal, _ now: MonotonicTime, _ limit: Int,
        _ transmissions: inout [Transmission]
    ) throws(JournalError) {
        let count = room(lane, limit - transmissions.count)
        guard count > 0 else { return }
        let rows = try journal.pending(
            for: settings.centre, in: lane, after: newRowsCursor[lane.rawValue], limit: count)
        var withBacklogSent: Set<String> = []
        for row in rows {
            if backlogEnd > .beforeFirst, !injected(.sendsANewRowBeforeTheBacklogOfItsLift),
                withBacklogSent.insert(row.lift).inserted
            {
                let earlier = try journal.pending(
                    for: settings.centre, in: lane, of: row.lift,
                    after: backlogCursor[lane.rawValue],
                    through: backlogEnd, limit: Self.largestWindow + Self.maxEntrapments)
                for row in earlier where inFlight[row.eventID] == nil {
                    // The window is full: the new row of this lift waits for the next turn.
                    guard room(lane, limit - transmissions.count) > 0 else { return }
                    add(row, now, &transmissions)
                }
            }
            guard room(lane, limit - transmissions.count) > 0 else { return }
            add(row, now, &transmissions)
            newRowsCursor[lane.rawValue] = row.id ?? newRowsCursor[lane.rawValue]
        }
    }

    private mutating func sendBacklog(
        _ lane: Lane, from journal: Journal, _ now: MonotonicTime, _ limit: Int,
        _ transmissions: inout [Transmission]
    ) throws(JournalError) {
        guard backlogCursor[lane.rawValue] < backlogEnd else { return }
        var count = room(lane, limit - transmissions.count)
        if lane != .entrapment { count = min(count, Int(backlogTokens)) }
        guard count > 0 else { return }
        let rows = try journal.pending(
            for: settings.centre, in: lane, after: backlogCursor[lane.rawValue],
            through: backlogEnd, limit: count)
        for row in rows {
            backlogCursor[lane.rawValue] = row.id ?? backlogCursor[lane.rawValue]
            guard inFlight[row.eventID] == nil else { continue }
            add(row, now, &transmissions)
            if lane != .entrapment { backlogTokens -= 1 }
        }
        if rows.count < count || injected(.endsTheBacklogEarly) {
            backlogCursor[lane.rawValue] = backlogEnd
        }
    }

    /// A later route sends the rows that have waited too long for a receipt, and those that it may
    /// send at once.
    private mutating func sendOverdue(
        _ lane: Lane, _ urgent: [Journal.OutboxRow], from journal: Journal, _ now: MonotonicTime,
        _ time: Instant, _ limit: Int, _ transmissions: inout [Transmission]
    ) throws(JournalError) {
        var rows: [Journal.OutboxRow] = []
        if let wait = settings.fallbackAfter[lane], !injected(.neverFallsBack) {
            let count = max(0, room(lane, limit - transmissions.count))
            rows = try journal.pending(
                for: settings.centre, in: lane, after: newRowsCursor[lane.rawValue],
                created: time - wait * settings.routeIndex, limit: count)
            if let last = rows.last?.id { newRowsCursor[lane.rawValue] = last }
        }
        for row in rows where inFlight[row.eventID] == nil { add(row, now, &transmissions) }
        for row in urgent
        where row.lane == lane && inFlight[row.eventID] == nil && transmissions.count < limit {
            add(row, now, &transmissions)
        }
    }

    /// The rows that a later route may send at once. What their lifts still wait for goes before
    /// them: a reminder does not overtake the alert that it is about.
    private func immediate(from journal: Journal) throws(JournalError) -> [Journal.OutboxRow] {
        let marked = try journal.pending(
            for: settings.centre, immediateFor: settings.routeIndex, limit: Self.maxEntrapments)
        if injected(.sendsAReminderBeforeItsAlert) { return marked }
        var rows: [Journal.OutboxRow] = []
        var done: Set<String> = []
        // One query a lift and lane, through its last marked row.
        for row in marked.reversed() where inFlight[row.eventID] == nil {
            guard let id = row.id, done.insert("\(row.lane) \(row.lift)").inserted else { continue }
            rows += try journal.pending(
                for: settings.centre, in: row.lane, of: row.lift, after: .beforeFirst, through: id,
                limit: Self.maxEntrapments)
        }
        return rows
    }

    private mutating func add(
        _ row: Journal.OutboxRow, _ now: MonotonicTime, _ transmissions: inout [Transmission]
    ) {
        let attempt =
            (inFlight[row.eventID]?.attempts ?? earlierAttempts.removeValue(forKey: row.eventID)
                ?? 0) + 1
        inFlight[row.eventID] = InFlight(
            rowID: row.id, lane: row.lane, dueAt: now + settings.resendAfter,
            attempts: attempt,
            isIsolated: inFlight[row.eventID]?.isIsolated ?? false)
        if row.id == nil {
            sentFromMemory.insert(row.eventID)
        } else if !sentFromMemory.isEmpty {
            sentFromMemory.remove(row.eventID)
        }
        transmissions.append(Transmission(row: row, attempt: attempt))
    }

    /// The free part of the window. Entrapments have their own: a window full of faults without a
    /// receipt does not delay one.
    private func room(_ lane: Lane, _ limit: Int) -> Int {
        if lane == .entrapment {
            return min(
                limit,
                Self.maxEntrapments
                    - inFlight.values.count { $0.lane == .entrapment && !$0.isIsolated })
        }
        return min(limit, window - inFlight.values.count { !$0.isIsolated })
    }

    private mutating func replenish(_ now: MonotonicTime) {
        let passed = Double((now - tokensAt).nanoseconds)
        backlogTokens = min(
            max(settings.backlogRate, 1), backlogTokens + settings.backlogRate * passed / 1e9)
        tokensAt = now
    }

    /// Whether an event of these lanes is in flight, or waits to be sent again.
    package func hasInFlight(of lanes: [Lane]) -> Bool {
        inFlight.values.contains { lanes.contains($0.lane) }
    }

    // MARK: Receipts and failures

    /// Records the receipts for events.
    /// - Returns: the ids of events that were not in flight on this connection.
    /// - Throws: `JournalError` where the last row is needed and cannot be read; nothing is
    ///   recorded then.
    package mutating func recordReceipts(
        _ ids: [String], lastRowID: () throws(JournalError) -> RowID, now: MonotonicTime
    ) throws(JournalError) -> [String] {
        // The centre was silent for long while its broker was connected: the rows that have waited
        // are a backlog.
        var backlogEnd: RowID?
        if now - lastReceiptAt > Self.silence, settings.routeIndex == 0,
            ids.contains(where: { inFlight[$0] != nil })
        {
            backlogEnd = try lastRowID()
        }
        var unmatched: [String] = []
        for id in ids {
            earlierAttempts[id] = nil
            guard let event = inFlight.removeValue(forKey: id) else {
                unmatched.append(id)
                continue
            }
            if event.attempts == 1 { window = min(Self.largestWindow, window + 1) }
        }
        if unmatched.count < ids.count {
            if let backlogEnd { setBacklogEnd(backlogEnd) }
            lastReceiptAt = now
        }
        return unmatched
    }

    /// Sends events again at a time.
    package mutating func postpone(_ ids: [String], until time: MonotonicTime) {
        for id in ids { inFlight[id]?.dueAt = time }
    }

    /// Sends events again only when `postpone` says so: they are in a request whose answer comes.
    package mutating func awaitAnswer(for ids: [String]) {
        for id in ids { inFlight[id]?.dueAt = nil }
    }

    /// Isolates an event that failed by itself, and sends it again at a time.
    package mutating func isolate(_ id: String, until time: MonotonicTime) {
        inFlight[id]?.isIsolated = true
        inFlight[id]?.dueAt = time
    }

    /// The failures were the centre's, and not an event's: isolated events are sent in their order
    /// again.
    package mutating func endIsolation(now: MonotonicTime) {
        for (id, event) in inFlight where event.isIsolated {
            inFlight[id]?.isIsolated = false
            inFlight[id]?.dueAt = now
        }
    }

    /// Whether every copy of the event was sent from memory, before it was journalled.
    package func isFromMemory(_ id: String) -> Bool { sentFromMemory.contains(id) }

    package func attempts(of id: String) -> Int { inFlight[id]?.attempts ?? 0 }

    /// Forgets an event: it is delivered, or refused.
    package mutating func drop(_ id: String) {
        inFlight[id] = nil
        sentFromMemory.remove(id)
        earlierAttempts[id] = nil
    }
}
