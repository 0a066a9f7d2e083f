import LiftModel
import RuleEngine
import RuleLanguage

/// Follows all lifts of a site and decides which alerts they have: a pure function of readings,
/// operator actions and time.
///
/// The module guarantees: the same inputs give the same alerts, byte for byte, in the daemon, after
/// a crash, and in a replay; an alert that was raised keeps its id, and its revisions count up; and
/// memory for a lift is bounded, however its messages come. It keeps this by having no clock, no
/// I/O and no random number: every time comes with an input. Each message is given its place in the
/// lift's own order (History.swift), a late one by going back to a checkpoint
/// (LiftEvaluation.swift). What a centre has received is not taken back: `AlertLedger` revises it.
public struct Detector: Sendable {
    /// A reading that is late by up to this much is put in its place; a later one is history.
    public static let standardLateness = Duration.seconds(2)

    public internal(set) var rules: RuleSet
    /// The site and journal that alert ids are made from.
    public private(set) var origin: AlertOrigin
    var site: String { origin.site }
    let lateness: Int64
    var programs = Table<ProgramIndex, Program>()
    /// What each program was compiled for; `agendas` marks its nodes and rules to evaluate.
    var kinds = Table<ProgramIndex, LiftKind>()
    var agendas = Table<ProgramIndex, Agenda>()
    var lifts = Table<LiftIndex, LiftState>()
    private var liftIndex: [String: LiftIndex] = [:]
    /// The earliest end of an announced maintenance window.
    var maintenanceEnds = LiftMemory.never
    /// When the next reminder of an entrapment that nobody has accepted is due.
    var acceptanceDue = LiftMemory.never
    /// Incidents of several lifts, by rule.
    var incidents: [String: SiteIncident] = [:]
    /// Open alerts that are signals of all other lifts.
    var siteSignals: Set<SiteSignalSource> = []
    /// The gateway receives messages, and has read the backlog after a connect: timers run.
    public internal(set) var isObserving: Bool
    /// Messages wait unread behind a stall of the gateway, so no timer runs ahead of them. This is
    /// no gap: they will be read.
    public internal(set) var isBehind = false
    /// When the last gap in observation began, or the start.
    var deafSince: Int64
    var deadlines = DeadlineQueue()
    /// Timers have run up to here.
    var horizon: Int64
    var alerts: [Alert] = []

    /// - Parameter origin: alerts of the whole site name it instead of a lift.
    public init(
        rules: RuleSet, origin: AlertOrigin = AlertOrigin(site: "site"), start: Instant,
        isObserving: Bool,
        lateness: Duration = Detector.standardLateness
    ) {
        self.rules = rules
        self.origin = origin
        self.lateness = lateness.nanoseconds
        self.isObserving = isObserving
        deafSince = start.nanoseconds
        horizon = start.nanoseconds
        prepareIncidents()
    }

    // MARK: Lifts

    public var liftCount: Int { lifts.count }
    public var liftIndices: Range<LiftIndex> { lifts.indices }
    public func index(of lift: String) -> LiftIndex? { liftIndex[lift] }
    public func lift(_ index: LiftIndex) -> Lift { lifts[index].lift }

    /// Starts to follow a lift. A lift that is followed already keeps its memory.
    /// - Throws: `ExpressionError` when the rules cannot be compiled for its kind.
    @discardableResult
    public mutating func add(_ lift: Lift, kind: LiftKind, at start: Instant)
        throws(ExpressionError) -> LiftIndex
    {
        if let known = liftIndex[lift.id] { return known }
        let program = try program(for: kind)
        var liftState = LiftState(
            lift: lift, program: program, programs[program], start: start.nanoseconds,
            siteSignals: activeSiteSignals)
        liftState.nameAlerts(after: origin)
        let index = lifts.append(liftState)
        liftIndex[lift.id] = index
        deadlines.note(index, liftState.memory.deadline)
        return index
    }

    private mutating func program(for kind: LiftKind) throws(ExpressionError) -> ProgramIndex {
        if let known = kinds.firstIndex(of: kind) { return known }
        return add(try rules.program(for: kind), kind)
    }

    /// Adds a program for a kind of lift.
    mutating func add(_ program: Program, _ kind: LiftKind) -> ProgramIndex {
        kinds.append(kind)
        agendas.append(Agenda(program))
        return programs.append(program)
    }

    /// The ids of further alerts are made from this origin; open alerts keep their ids.
    public mutating func nameAlerts(after origin: AlertOrigin) {
        self.origin = origin
        for index in lifts.indices { lifts[index].nameAlerts(after: origin) }
        for rule in incidents.keys { incidents[rule]?.alert.origin = origin }
    }

    // MARK: Input

    /// Applies one reading of a lift.
    /// - Parameters:
    ///   - key: equal for a publisher's duplicates of one message; 0 when they cannot be
    ///     recognised.
    ///   - arrival: the gateway's time at which the message was read.
    public mutating func apply(
        _ reading: Reading, lift index: LiftIndex, key: UInt64, vendorCode: Span<UInt8>?,
        arrival: Instant
    ) {
        let now = arrival.nanoseconds
        switch lifts[index].take(
            reading, key: key, vendorCode: vendorCode, at: now, gatewayTime)
        {
        case .duplicate: return
        case .history(let input, let reached):
            return recordHistory(input, index, at: reached, arrival: now)
        case .repetition(let input): insert(input, index, arrival: now)
        case .new(let input, let isNewest, let hasClockStepped):
            insert(input, index, arrival: now)
            if hasClockStepped { applyPressAfterClockStep(index, arrival: now) }
            if isNewest {
                lifts[index].order.note(reading, key: key, time: input.time, at: now)
            }
        }
        if let alert = lifts[index].updateClockAlert(at: now, origin) { alerts.append(alert) }
        // Of an alert that is raised late. A replay would give a later evaluation another time.
        if injected(.remindsAtTheNextEvaluation) { return }
        while acceptanceDue <= now { remind(at: now) }
    }

    /// Time passes. Deadlines up to now expire, unless messages may still wait to be read.
    public mutating func advance(to now: Instant) {
        guard isObserving, !isBehind else {
            // A reminder does not depend on messages of lifts.
            while acceptanceDue <= now.nanoseconds { remind(at: now.nanoseconds) }
            return
        }
        horizon = max(horizon, now.nanoseconds)
        // In the order of their times over all lifts. Incidents of several lifts must not depend on
        // how often this is called.
        while true {
            if maintenanceEnds <= min(now.nanoseconds, deadlines.earliest) {
                endMaintenance(by: maintenanceEnds)
                continue
            }
            if acceptanceDue <= min(now.nanoseconds, deadlines.earliest) {
                remind(at: now.nanoseconds)
                continue
            }
            guard let (index, due) = deadlines.next(dueBy: now.nanoseconds) else { return }
            if lifts[index].isOnTime(at: due, gatewayTime) {
                lifts[index].catchUp.endWait()
                applyPendingSignals(index, upTo: due)
                runTimers(index, to: due)
            }
            deadlines.note(index, lifts[index].deadline)
        }
    }

    /// Time passes until a message that comes now. A timer that is due at the same time is
    /// evaluated together with it.
    public mutating func advance(before now: Instant) {
        advance(to: Instant(nanoseconds: now.nanoseconds - 1))
    }

    /// The connection was lost, or is about to be closed: from now on silence counts for nothing,
    /// and timers wait.
    public mutating func stopObserving(at now: Instant) {
        guard isObserving else { return }
        advance(to: now)
        isObserving = false
        isBehind = false
        deafSince = now.nanoseconds
        for index in lifts.indices {
            // A lift in catch-up still waits: the rest of its messages comes with the backlog.
            if !lifts[index].catchUp.isWaiting(at: now.nanoseconds) {
                step(index, at: max(now.nanoseconds, lifts[index].memory.time))
            }
            lifts[index].barrier()
        }
    }

    /// Connected, subscribed, and the backlog is read: timers run again. The gap counts as silence
    /// of no lift.
    public mutating func startObserving(at now: Instant) {
        if isBehind {
            isBehind = false
            return advance(to: now)
        }
        guard !isObserving else { return }
        isObserving = true
        for index in lifts.indices {
            let program = lifts[index].programIndex
            lifts[index].endGap(deafSince, now.nanoseconds, programs[program])
            agendas[program].markSilences(of: programs[program])
            step(index, at: lifts[index].memory.time)
            lifts[index].barrier()
            if !lifts[index].isFrozen(at: now.nanoseconds, gatewayTime) {
                applyPendingSignals(index, upTo: now.nanoseconds)
            }
        }
        advance(to: now)
    }

    /// From now until `startObserving` timers wait for messages that have been sent and not read
    /// yet.
    public mutating func waitForUnreadMessages() { isBehind = isObserving }

    mutating func forgetDeadlines() {
        deadlines = DeadlineQueue()
        for index in lifts.indices { deadlines.note(index, lifts[index].deadline) }
    }

    /// No verdict changes without input before this time; nil when none ever will.
    public var deadline: Instant? {
        guard isObserving, !isBehind else { return nil }
        let earliest = min(
            deadlines.isEmpty ? LiftMemory.never : deadlines.earliest, acceptanceDue,
            maintenanceEnds)
        return earliest == LiftMemory.never ? nil : Instant(nanoseconds: earliest)
    }

    /// The alerts decided since the last call, in order.
    public mutating func takeAlerts() -> [Alert] {
        if alerts.isEmpty { return [] }
        defer { alerts = [] }
        return alerts
    }
}
