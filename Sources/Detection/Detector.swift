import Elevator

/// Follows all lifts of a site and decides what is wrong with them: a pure fold of words and time into alerts.
///
/// It has no clock, does no I/O and draws no random number: the same inputs give the same alerts, byte for byte, in the
/// daemon, after a crash, and in a replay.
public struct Detector: Sendable {
    /// A late reading this much behind still finds its place; a later one is counted.
    public static let standardLateness = Duration.seconds(2)

    /// What a lift's profile and class mean to the rules.
    public struct LiftKind: Hashable, Sendable {
        public var provides: Set<Signal>
        public var staleAfter: Duration
        /// A lift says something new no more often than this; it bounds the memory of windows.
        public var shortestInterval: Duration
        /// Set where a lift reports at this interval only, and not on every change.
        public var reportsEvery: Duration?
        public var equipment: EquipmentClass
        /// The lift's own limit for a run without progress; nil: the rules' parameter.
        public var runTimeLimit: Duration?
        public init(
            provides: Set<Signal>, staleAfter: Duration, shortestInterval: Duration = .milliseconds(100),
            reportsEvery: Duration? = nil, equipment: EquipmentClass, runTimeLimit: Duration? = nil
        ) {
            self.runTimeLimit = runTimeLimit
            self.reportsEvery = reportsEvery
            self.provides = provides
            self.staleAfter = staleAfter
            self.shortestInterval = shortestInterval
            self.equipment = equipment
        }
    }

    public internal(set) var rules: RuleSet
    /// Whose alerts these are.
    public private(set) var origin: AlertOrigin
    var site: String { origin.site }
    let lateness: Int64
    var programs: [Program] = []
    /// What each program was compiled for, and who has to look again in it.
    var kinds: [LiftKind] = []
    var agendas: [Agenda] = []
    var tracks: [LiftTrack] = []
    private var liftIndex: [String: Int] = [:]
    /// The first end of an announced maintenance window.
    var maintenanceEnds = LiftMemory.never
    /// When the centre is reminded next of an entrapment that nobody has accepted.
    var acceptanceDue = LiftMemory.never
    /// What several lifts have in common; by rule.
    var incidents: [String: SiteIncident] = [:]
    /// Open alerts that are signals of all other lifts.
    var siteSignals: Set<SiteSignalSource> = []
    /// Words are being received and the backlog after a connect is drained: time may run without them.
    public internal(set) var isListening: Bool
    /// Words wait unread behind a stall of our own: no timer runs ahead of them. Nothing of it is a gap; they will be read.
    public internal(set) var isWaiting = false
    /// When listening ended, or the start.
    var deafSince: Int64
    var deadlines = DeadlineQueue()
    /// Words of a lift are judged up to here by timers.
    var horizon: Int64
    var alerts: [Alert] = []
    /// Set while somebody wants to know why (`explain`).
    var probe: Probe?

    /// - Parameter origin: whose alerts these are; those of the whole site name it in a lift's place.
    public init(
        rules: RuleSet, origin: AlertOrigin = AlertOrigin(site: "site"), start: Instant, isListening: Bool,
        lateness: Duration = Detector.standardLateness
    ) {
        self.rules = rules
        self.origin = origin
        self.lateness = lateness.nanoseconds
        self.isListening = isListening
        deafSince = start.nanoseconds
        horizon = start.nanoseconds
        prepareIncidents()
    }

    // MARK: Lifts

    public var liftCount: Int { tracks.count }
    public func index(of lift: String) -> Int? { liftIndex[lift] }
    public func lift(_ index: Int) -> Lift { tracks[index].lift }

    /// Begins to follow a lift. One that is known already keeps its memory.
    /// - Throws: `ExpressionError` when the rules cannot be compiled for its kind.
    @discardableResult
    public mutating func add(_ lift: Lift, kind: LiftKind, at start: Instant) throws(ExpressionError) -> Int {
        if let known = liftIndex[lift.id] { return known }
        let program = try program(for: kind)
        tracks.append(
            LiftTrack(lift: lift, program: program, programs[program], start: start.nanoseconds, told: saidOfSite))
        tracks[tracks.count - 1].ledger.origin = origin
        liftIndex[lift.id] = tracks.count - 1
        deadlines.note(tracks.count - 1, tracks[tracks.count - 1].memory.deadline)
        return tracks.count - 1
    }

    private mutating func program(for kind: LiftKind) throws(ExpressionError) -> Int {
        if let known = kinds.firstIndex(of: kind) { return known }
        programs.append(try rules.program(for: kind))
        kinds.append(kind)
        agendas.append(Agenda(programs[programs.count - 1]))
        return programs.count - 1
    }

    /// From here on alerts are named so; what is open keeps its id.
    public mutating func nameAlerts(after origin: AlertOrigin) {
        self.origin = origin
        for index in tracks.indices {
            tracks[index].ledger.origin = origin
            tracks[index].maintenance?.alert.origin = origin
            tracks[index].clockAlert?.origin = origin
        }
        for rule in incidents.keys { incidents[rule]?.alert.origin = origin }
    }

    // MARK: Input

    /// Folds one lift's word in.
    /// - Parameters:
    ///   - key: equal for a publisher's duplicates of one word, 0 when it cannot be told.
    ///   - arrival: the gateway's time at which it was read.
    public mutating func fold(
        _ reading: Reading, lift index: Int, key: UInt64, vendorCode: Span<UInt8>?, arrival: Instant
    ) {
        let now = arrival.nanoseconds
        if reading.isBirth { tracks[index].order.isBorn = true }
        let isAfterPause =
            tracks[index].order.isBorn || now &- tracks[index].memory.lastHeard > MessageOrder.pause
        var isStart = reading.isBirth
        if tracks[index].order.startsAnew(reading, isAfterPause: isAfterPause) {
            tracks[index].beginCount()
            isStart = true
        }
        if key != 0, tracks[index].isKnown(key) {
            switch tracks[index].meaning(ofKnown: reading, key, isLive: isListening) {
            case .news: break
            case .duplicate:
                tracks[index].counters.duplicates += 1
                return
            case .signOfLife:
                tracks[index].counters.duplicates += 1
                return takeRepeat(reading, index, at: now)
            }
        }
        tracks[index].counters.readings += 1
        let offsets = tracks[index].counters.clockOffsets
        guard var input = judge(reading, index, arrival: now, isAfterPause: isAfterPause) else { return }
        if let vendorCode { tracks[index].noteVendorCode(vendorCode) }
        // Its time goes on and its count begins again: the controller has been restarted.
        if reading.deviceTime != nil, input.saidAt > tracks[index].latestReading, tracks[index].order.isBehind(reading)
        {
            tracks[index].order.forgetCount()
            isStart = true
        }
        if isStart { input.reading.set(.controllerStarts, number: tracks[index].controllerStarts + 1) }
        let isNewest =
            !tracks[index].order.isBehind(reading)
            && !input.isBefore(tracks[index].latestReading, tracks[index].latestSequence)
        place(input, index, arrival: now)
        if tracks[index].counters.clockOffsets != offsets { takePressSinceStep(index, arrival: now) }
        if isNewest { tracks[index].order.note(reading, key: key, time: input.time, at: now) }
        noticeClock(index, at: now)
    }

    /// Time passes. Deadlines up to now fire, unless words may still be waiting to be read.
    public mutating func advance(to now: Instant) {
        guard isListening, !isWaiting else {
            // What people have not done does not hang on what lifts say.
            while acceptanceDue <= now.nanoseconds { remind(at: now.nanoseconds) }
            return
        }
        horizon = max(horizon, now.nanoseconds)
        // In the order of their times over all lifts: what several have in common must not hang on how often this is called.
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
            if isOnTime(index, at: due) {
                tracks[index].catchUp.goOn()
                placeOrders(index, upTo: due)
                var sink = TransitionSink()
                runTimers(index, to: due, &sink)
                tell(sink, index, refoldedFrom: nil)
            }
            deadlines.note(index, tracks[index].deadline)
        }
    }

    /// Time passes until a word that comes now: what is due at its very time is judged together with it.
    public mutating func advance(before now: Instant) { advance(to: now + .nanoseconds(-1)) }

    /// The connection was lost, or will be: from now on silence says nothing, and timers wait.
    public mutating func stopListening(at now: Instant) {
        guard isListening else { return }
        advance(to: now)
        isListening = false
        isWaiting = false
        deafSince = now.nanoseconds
        for index in tracks.indices {
            // Who was waited for still is: the rest of its words comes with the backlog.
            if !tracks[index].catchUp.isWaiting(at: now.nanoseconds) {
                step(index, at: max(now.nanoseconds, tracks[index].memory.time))
            }
            tracks[index].barrier()
        }
    }

    /// Connected, subscribed, and everything that waited has been read: time runs on. The gap counts as silence for nobody.
    public mutating func startListening(at now: Instant) {
        if isWaiting {
            isWaiting = false
            return advance(to: now)
        }
        guard !isListening else { return }
        isListening = true
        for index in tracks.indices {
            let heardMeanwhile = tracks[index].memory.lastHeard > deafSince
            let gap = now.nanoseconds - deafSince
            if heardMeanwhile {
                tracks[index].memory.lastHeard = max(tracks[index].memory.lastHeard, now.nanoseconds)
            } else if gap > 0 {
                tracks[index].memory.lastHeard += gap
                programs[tracks[index].program].crossGap(gap, until: now.nanoseconds, &tracks[index].memory)
                if tracks[index].memory.isHeard {
                    tracks[index].catchUp.awaitFirstWord(after: deafSince...now.nanoseconds)
                }
            }
            agendas[tracks[index].program].markAll(programs[tracks[index].program].silences)
            step(index, at: tracks[index].memory.time)
            tracks[index].barrier()
            if !isFrozen(index, at: now.nanoseconds) { placeOrders(index, upTo: now.nanoseconds) }
        }
        advance(to: now)
    }

    /// From now until `startListening` timers wait for words that were said and not yet read.
    public mutating func waitForWords() { isWaiting = isListening }

    mutating func forgetDeadlines() {
        deadlines = DeadlineQueue()
        for index in tracks.indices { deadlines.note(index, tracks[index].deadline) }
    }

    /// No verdict changes without input before this; nil when none ever will.
    public var deadline: Instant? {
        guard isListening, !isWaiting else { return nil }
        let earliest = min(deadlines.isEmpty ? LiftMemory.never : deadlines.earliest, acceptanceDue, maintenanceEnds)
        return earliest == LiftMemory.never ? nil : Instant(nanoseconds: earliest)
    }

    /// The alerts decided since the last call, in order.
    public mutating func takeAlerts() -> [Alert] {
        if alerts.isEmpty { return [] }
        defer { alerts = [] }
        return alerts
    }
}
