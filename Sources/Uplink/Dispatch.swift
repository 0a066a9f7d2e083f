import Elevator
import Journal

/// Decides what one route sends next. Every route to every centre has its own, whatever its transport.
///
/// The order: the most urgent lane first, strictly. In a lane what is new goes before the backlog, which is what waited when the
/// connection came; but never one lift's events out of their order: a lift with news takes its own backlog along, before it.
///
/// An event that came to nothing by itself, while others are taken, is suspect: it goes again alone, when nothing else waits, so that
/// what a centre cannot digest holds up nothing.
///
/// Bounds: as many events without a receipt as the centre has shown that it keeps up with, so that a slow one is not sent
/// everything twice; the backlog at a rate that leaves room. Entrapments wait for neither.
///
/// Holds no clock and does no I/O but reading the journal: time is given.
struct Dispatch {
    struct Terms: Sendable {
        var centre: String
        /// The place of this route among those to its centre; the first is 0.
        var step = 0
        /// How long an event waits for its receipt before each later route takes it, too; a lane that is missing never goes there.
        var fallbackAfter: [Lane: Duration] = [.entrapment: .seconds(30)]
        /// Events of the backlog a second.
        var backlogRate = 500.0
        /// An event without a receipt is sent again after this.
        var resendAfter = Duration.seconds(10)
    }

    struct Sending {
        var row: Journal.OutboxRow
        /// 1 for the first copy since the gateway started.
        var attempt: Int
    }

    private struct UnderWay {
        var place: Int64
        var lane: Lane
        var dueAt: Int64
        var attempts: Int
        var isSuspect = false
    }

    /// Events under way without a receipt: the least and the most.
    private static let narrowest = 8
    private static let widest = 1000
    private static let mostEntrapments = 500
    /// A centre that has said nothing for this long comes back to a backlog.
    private static let silence = Duration.seconds(60)

    private let terms: Terms
    private var underWay: [String: UnderWay] = [:]
    /// How often what is owed has been sent before the connection was lost; forgotten when it gets long.
    private var sentBefore: [String: Int] = [:]
    private var window = 32
    private var narrowedAt: Int64 = 0
    private var settledAt: Int64 = 0
    /// Rows up to this one are the backlog.
    private var boundary: Int64 = 0
    private var backlogCursor = [Int64](repeating: 0, count: Lane.allCases.count)
    private var newsCursor = [Int64](repeating: 0, count: Lane.allCases.count)
    private var returns: Int64?
    private var allowance = 0.0
    private var allowanceAt: Int64 = 0

    init(_ terms: Terms) { self.terms = terms }

    /// The connection is there: what waits now is the backlog.
    mutating func begin(lastPlace: Int64, now: Int64) {
        if sentBefore.count > 4 * Self.widest { sentBefore.removeAll() }
        for (id, sending) in underWay where !sending.isSuspect { sentBefore[id] = sending.attempts }
        underWay = underWay.filter(\.value.isSuspect)
        settledAt = now
        allowanceAt = now
        divide(at: lastPlace)
    }

    private mutating func divide(at place: Int64) {
        boundary = place
        for lane in Lane.allCases {
            backlogCursor[lane.rawValue] = 0
            // A later route knows no backlog: all that is overdue is its to send.
            newsCursor[lane.rawValue] = terms.step == 0 ? place : 0
        }
    }

    // MARK: What to send

    /// What is to be sent now, in this order. It counts as under way.
    /// - Parameters:
    ///   - unjournalled: what no disk holds; it goes first.
    ///   - now: monotonic nanoseconds.
    ///   - time: on the gateway's time line.
    ///   - lanes: those that may be sent now.
    ///   - limit: at most so many.
    mutating func next(
        from journal: Journal, unjournalled: [OwedEvent] = [], now: Int64, time: Instant,
        lanes: [Lane] = Lane.allCases, limit: Int = .max
    ) throws(JournalError) -> [Sending] {
        replenish(now)
        // What went out from memory and is journalled now is found in its queue like any other.
        if unjournalled.isEmpty, underWay.values.contains(where: { $0.place == 0 }) {
            underWay = underWay.filter { $0.value.place > 0 }
        }
        var sendings: [Sending] = []
        for event in unjournalled where lanes.contains(event.lane) && sendings.count < limit {
            if let known = underWay[event.id], known.dueAt > now { continue }
            take(Journal.OutboxRow(unjournalled: event, created: time), now, &sendings)
        }
        do throws(JournalError) {
            try lookBackAtReturns(journal)
            for lane in lanes {
                try resend(lane, from: journal, now, limit, &sendings)
                if terms.step == 0 {
                    try sendNews(lane, from: journal, now, limit, &sendings)
                    try sendBacklog(lane, from: journal, now, limit, &sendings)
                } else {
                    try sendOverdue(lane, from: journal, now, time, limit, &sendings)
                }
            }
            if sendings.isEmpty { try sendSuspect(of: lanes, from: journal, now, &sendings) }
        } catch {
            // While a disk fails its journal may not even be readable; what is in memory does not wait for it.
            if unjournalled.isEmpty { throw error }
        }
        return sendings
    }

    /// What a person has put back into the queue keeps its place, which may have been passed: the queue is gone through again.
    private mutating func lookBackAtReturns(_ journal: Journal) throws(JournalError) {
        let seen = try journal.returns()
        if let returns, seen != returns { divide(at: newsCursor.max() ?? 0) }
        returns = seen
    }

    private mutating func resend(
        _ lane: Lane, from journal: Journal, _ now: Int64, _ limit: Int, _ sendings: inout [Sending]
    ) throws(JournalError) {
        let due = underWay.filter {
            $0.value.lane == lane && $0.value.place > 0 && $0.value.dueAt <= now && !$0.value.isSuspect
        }.sorted { $0.value.place < $1.value.place }
        if !due.isEmpty, now - narrowedAt >= terms.resendAfter.nanoseconds {
            window = max(Self.narrowest, window / 2)
            narrowedAt = now
        }
        for (id, _) in due where sendings.count < limit {
            guard let row = try journal.owed(to: terms.centre, event: id) else {
                // Another route has brought it there, or it had to go.
                underWay[id] = nil
                continue
            }
            take(row, now, &sendings)
        }
    }

    /// The most urgent suspect whose time has come, alone.
    private mutating func sendSuspect(
        of lanes: [Lane], from journal: Journal, _ now: Int64, _ sendings: inout [Sending]
    ) throws(JournalError) {
        for lane in lanes {
            let due = underWay.filter { $0.value.isSuspect && $0.value.lane == lane && $0.value.dueAt <= now }
            for (id, _) in due.sorted(by: { $0.value.dueAt < $1.value.dueAt }) {
                guard let row = try journal.owed(to: terms.centre, event: id) else {
                    underWay[id] = nil
                    continue
                }
                return take(row, now, &sendings)
            }
        }
    }

    private mutating func sendNews(
        _ lane: Lane, from journal: Journal, _ now: Int64, _ limit: Int, _ sendings: inout [Sending]
    ) throws(JournalError) {
        let count = room(lane, limit - sendings.count)
        guard count > 0 else { return }
        let news = try journal.owed(to: terms.centre, in: lane, after: newsCursor[lane.rawValue], limit: count)
        var backlogged: Set<String> = []
        for row in news {
            if boundary > 0, backlogged.insert(row.lift).inserted {
                let earlier = try journal.owed(
                    to: terms.centre, in: lane, of: row.lift, after: backlogCursor[lane.rawValue], through: boundary,
                    limit: Self.widest + Self.mostEntrapments)
                for row in earlier where underWay[row.eventID] == nil {
                    // More than a turn carries: the news of this lift waits for the next one.
                    guard room(lane, limit - sendings.count) > 0 else { return }
                    take(row, now, &sendings)
                }
            }
            guard room(lane, limit - sendings.count) > 0 else { return }
            take(row, now, &sendings)
            newsCursor[lane.rawValue] = row.id
        }
    }

    private mutating func sendBacklog(
        _ lane: Lane, from journal: Journal, _ now: Int64, _ limit: Int, _ sendings: inout [Sending]
    ) throws(JournalError) {
        guard backlogCursor[lane.rawValue] < boundary else { return }
        var count = room(lane, limit - sendings.count)
        if lane != .entrapment { count = min(count, Int(allowance)) }
        guard count > 0 else { return }
        let rows = try journal.owed(
            to: terms.centre, in: lane, after: backlogCursor[lane.rawValue], through: boundary, limit: count)
        for row in rows {
            backlogCursor[lane.rawValue] = row.id
            guard underWay[row.eventID] == nil else { continue }
            take(row, now, &sendings)
            if lane != .entrapment { allowance -= 1 }
        }
        if rows.count < count { backlogCursor[lane.rawValue] = boundary }
    }

    /// A later route takes what has waited too long for its receipt, and what may leave by it at once.
    private mutating func sendOverdue(
        _ lane: Lane, from journal: Journal, _ now: Int64, _ time: Instant, _ limit: Int, _ sendings: inout [Sending]
    ) throws(JournalError) {
        var rows: [Journal.OutboxRow] = []
        if let wait = terms.fallbackAfter[lane] {
            let count = room(lane, limit - sendings.count)
            guard count > 0 else { return }
            rows = try journal.owed(
                to: terms.centre, in: lane, after: newsCursor[lane.rawValue], noted: time - wait * terms.step,
                limit: count)
            if let last = rows.last { newsCursor[lane.rawValue] = last.id }
        }
        let urgent = try journal.owed(to: terms.centre, fromStep: terms.step, limit: Self.mostEntrapments)
        for row in rows where underWay[row.eventID] == nil { take(row, now, &sendings) }
        for row in urgent where row.lane == lane && underWay[row.eventID] == nil && sendings.count < limit {
            take(row, now, &sendings)
        }
    }

    private mutating func take(_ row: Journal.OutboxRow, _ now: Int64, _ sendings: inout [Sending]) {
        let attempt = (underWay[row.eventID]?.attempts ?? sentBefore.removeValue(forKey: row.eventID) ?? 0) + 1
        underWay[row.eventID] = UnderWay(
            place: row.id, lane: row.lane, dueAt: now + terms.resendAfter.nanoseconds, attempts: attempt,
            isSuspect: underWay[row.eventID]?.isSuspect ?? false)
        sendings.append(Sending(row: row, attempt: attempt))
    }

    /// A window full of faults that a slow centre has not answered does not hold up an entrapment.
    private func room(_ lane: Lane, _ limit: Int) -> Int {
        if lane == .entrapment {
            return min(
                limit, Self.mostEntrapments - underWay.values.count { $0.lane == .entrapment && !$0.isSuspect })
        }
        return min(limit, window - underWay.values.count { !$0.isSuspect })
    }

    private mutating func replenish(_ now: Int64) {
        allowance = min(
            max(terms.backlogRate, 1), allowance + terms.backlogRate * Double(now - allowanceAt) / 1e9)
        allowanceAt = now
    }

    /// When there is something to send again, at the latest; monotonic nanoseconds.
    var nextDue: Int64? { underWay.values.map(\.dueAt).min() }
    var isIdle: Bool { underWay.isEmpty }

    // MARK: What came of it

    /// The centre has stored these.
    /// - Returns: those that were never sent on this connection.
    mutating func settle(_ ids: [String], lastPlace: () -> Int64, now: Int64) -> [String] {
        var strange: [String] = []
        for id in ids {
            sentBefore[id] = nil
            guard let known = underWay.removeValue(forKey: id) else {
                strange.append(id)
                continue
            }
            if known.attempts == 1 { window = min(Self.widest, window + 1) }
        }
        if strange.count < ids.count {
            // After a long silence of a centre whose broker was there, what has waited is a backlog like any other.
            if .nanoseconds(now - settledAt) > Self.silence, terms.step == 0 { divide(at: lastPlace()) }
            settledAt = now
        }
        return strange
    }

    /// These came to nothing, and are sent again at a time.
    mutating func postpone(_ ids: [String], until time: Int64) {
        for id in ids { underWay[id]?.dueAt = time }
    }

    /// This one came to nothing by itself.
    mutating func suspect(_ id: String, until time: Int64) {
        underWay[id]?.isSuspect = true
        underWay[id]?.dueAt = time
    }

    /// It was the centre's doing: what is suspect goes again in its order.
    mutating func absolve(now: Int64) {
        for (id, sending) in underWay where sending.isSuspect {
            underWay[id]?.isSuspect = false
            underWay[id]?.dueAt = now
        }
    }

    func attempts(of id: String) -> Int { underWay[id]?.attempts ?? 0 }

    /// Nothing more is to be done about this one.
    mutating func drop(_ id: String) {
        underWay[id] = nil
        sentBefore[id] = nil
    }
}
