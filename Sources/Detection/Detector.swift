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
    private var deadlines = DeadlineQueue()
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

    // MARK: The fold

    /// What was last heard of the lift is old, and its next word is waited for: until that comes its time stands still.
    func isFrozen(_ index: Int, at now: Int64) -> Bool {
        isListening
            ? tracks[index].catchUp.isWaiting(at: now)
            : tracks[index].memory.isHeard && tracks[index].memory.lastHeard <= deafSince
    }

    /// Its timers run with the gateway's time.
    func isOnTime(_ index: Int, at now: Int64) -> Bool { isListening && !isFrozen(index, at: now) }

    /// Puts an input at its place on the lift's time line: at the end, or in the past by rolling back.
    mutating func place(_ input: LiftTrack.Input, _ index: Int, arrival: Int64) {
        var input = input
        let isFrozen = isFrozen(index, at: arrival)
        if !isFrozen { placeOrders(index, upTo: input.time) }
        let reached = max(tracks[index].memory.time, tracks[index].inputs.last?.time ?? LiftMemory.beforeAll)
        // A last will, say, must not make happen what the lift's own next word may refute.
        if isFrozen, !input.reading.isSignOfLife { input.time = reached }
        // What was due at the very time of an input is judged together with it, also when the timer was there first.
        let isOvertaken = input.time < reached || input.time == reached && tracks[index].memory.timerWasLast
        let isOutOfOrder = input.isBefore(tracks[index].latestReading, tracks[index].latestSequence)
        let isLate = (isOvertaken || isOutOfOrder) && !input.reading.isBaseline
        let isFirstWord = tracks[index].catchUp.awaitsFirstWord && input.reading.isSignOfLife
        if isListening, input.reading.isSignOfLife, !input.reading.isBaseline {
            tracks[index].catchUp.note(age: arrival - input.time, arrival: arrival)
        }
        let hasPlace = tracks[index].older.precedes(input) && tracks[index].inputs.count < LiftTrack.maximumInputs
        // What a link held back counts from the last change of an alert on: timers that changed none have said nothing.
        let isHeldBack =
            isLate && !isOutOfOrder && tracks[index].catchUp.isWaiting(at: arrival) && hasPlace
            && tracks[index].lastChange < reached && (tracks[index].inputs.last?.time ?? .min) <= input.time
        if isHeldBack { input.time = max(input.time, tracks[index].lastChange + 1) }
        let canRollBack = isLate && hasPlace && (isHeldBack || reached - input.time <= lateness)
        if isLate, !canRollBack, isOutOfOrder { return takeHistory(input, index, at: reached, arrival: arrival) }
        if canRollBack {
            tracks[index].counters.rolledBack += 1
            // The next word of the burst is behind this one: no timer runs between them.
            rollBack(input, index, to: isHeldBack ? input.time : nil, arrival: arrival)
        } else {
            // In the lift's own order, though timers have run past it: it counts from where the lift has got to.
            input.time = max(input.time, reached)
            tracks[index].record(input, lateness: lateness)
            let before = LiftUse.Moment(tracks[index].memory)
            var sink = TransitionSink()
            follow(input, index, &sink)
            tracks[index].use.count(from: before, to: LiftUse.Moment(tracks[index].memory))
            tell(sink, index, refoldedFrom: nil)
        }
        // Not beyond the gap: what was due in it must not be judged without this word.
        if isFirstWord { tracks[index].barrier() }
        if isFrozen, input.reading.isSignOfLife { placeOrders(index, upTo: input.time) }
    }

    private mutating func follow(_ input: borrowing LiftTrack.Input, _ index: Int, _ sink: inout TransitionSink) {
        // Until the first word after nobody listened the lift was not observed: its silence says nothing, and what was last heard of
        // it, minutes ago perhaps, is not held to have gone on. The word is judged first.
        let (time, isSignOfLife) = (input.time, input.reading.isSignOfLife)
        let isUnobserved =
            !isListening && time > deafSince && tracks[index].memory.lastHeard <= deafSince
            && tracks[index].memory.isHeard
        if isUnobserved, isSignOfLife {
            let gap = time - deafSince
            tracks[index].memory.lastHeard += gap
            programs[tracks[index].program].crossGap(gap, until: time, &tracks[index].memory)
        }
        // What is due at the very time of the input is judged together with it.
        if !isUnobserved, !tracks[index].catchUp.awaitsFirstWord { runTimers(index, before: input.time, &sink) }
        if isSignOfLife { tracks[index].catchUp.noteWord() }
        if !input.isOrder {
            if input.saidAt > tracks[index].latestReading { tracks[index].latestSequence = 0 }
            tracks[index].latestReading = max(tracks[index].latestReading, input.saidAt)
            tracks[index].latestSequence = max(tracks[index].latestSequence, input.reading.sequence)
        }
        tracks[index].horizon = max(tracks[index].horizon, input.time)
        let program = tracks[index].program
        programs[program].apply(input, &tracks[index].memory, &agendas[program])
        step(index, at: input.time, isBaseline: input.reading.isBaseline, &sink)
        if isSignOfLife {
            let occupancy = programs[program].occupancy(tracks[index].memory)
            tracks[index].lastKnown.note(tracks[index].memory, occupancy, at: time)
        }
        if !tracks[index].judgements.isEmpty { lookForNewEvidence(index, at: time, &sink) }
        deadlines.note(index, tracks[index].deadline)
    }

    private mutating func runTimers(_ index: Int, before time: Int64, _ sink: inout TransitionSink) {
        // Terminates: a step collects every timer due by its time, and sets none but later ones; `+ 1` guards that.
        while tracks[index].memory.deadline < time {
            let due = max(tracks[index].memory.deadline, tracks[index].memory.time)
            step(index, at: due, &sink)
            tracks[index].memory.timerWasLast = true
            if tracks[index].memory.deadline <= due { tracks[index].memory.deadline = due + 1 }
        }
    }

    private mutating func runTimers(_ index: Int, to time: Int64, _ sink: inout TransitionSink) {
        runTimers(index, before: time == .max ? time : time + 1, &sink)
    }

    mutating func step(_ index: Int, at time: Int64, isBaseline: Bool = false, _ sink: inout TransitionSink) {
        let context = StepContext(
            time: time, isBaseline: isBaseline, isListening: isListening,
            isAccepted: tracks[index].ledger.hasAcceptedEntrapment)
        tracks[index].memory.timerWasLast = false
        let program = tracks[index].program
        programs[program].step(&tracks[index].memory, &agendas[program], context, &sink)
        if probe?.lift == index { probe?.look(programs[program], tracks[index].memory) }
    }

    mutating func step(_ index: Int, at time: Int64) {
        var sink = TransitionSink()
        step(index, at: time, &sink)
        deadlines.note(index, tracks[index].deadline)
        tell(sink, index, refoldedFrom: nil)
    }

    /// Goes back to before a late reading and folds everything since again.
    /// - Parameter end: how far timers run again; nil: as far as they had.
    private mutating func rollBack(_ late: LiftTrack.Input, _ index: Int, to end: Int64?, arrival: Int64) {
        let reached =
            end
            ?? max(tracks[index].horizon, tracks[index].memory.time, isOnTime(index, at: arrival) ? horizon : .min)
        tracks[index].horizon = min(tracks[index].horizon, reached)
        let place =
            tracks[index].inputs.lastIndex { !late.isBefore($0.saidAt, $0.reading.sequence) }.map { $0 + 1 } ?? 0
        tracks[index].inputs.insert(late, at: place)
        let isAfterNewer = place >= tracks[index].countBeforeNewer && tracks[index].newer.precedes(late)
        if place < tracks[index].countBeforeNewer { tracks[index].countBeforeNewer += 1 }
        tracks[index].goBack(toNewer: isAfterNewer)
        let start = tracks[index].memory.time
        var sink = TransitionSink()
        for position in (isAfterNewer ? tracks[index].countBeforeNewer : 0)..<tracks[index].inputs.count {
            if !isAfterNewer, position == tracks[index].countBeforeNewer {
                tracks[index].takeNewer()
            }
            // Words that had to wait for timers stand later than they were said; time never goes back.
            var input = tracks[index].inputs[position]
            input.time = max(input.time, tracks[index].memory.time)
            follow(input, index, &sink)
        }
        if isListening { runTimers(index, to: reached, &sink) }
        deadlines.note(index, tracks[index].deadline)
        tell(sink, index, refoldedFrom: start, at: arrival)
    }

    mutating func tell(
        _ sink: TransitionSink, _ index: Int, refoldedFrom start: Int64?, at now: Int64? = nil
    ) {
        if let change = sink.transitions.last { tracks[index].lastChange = max(tracks[index].lastChange, change.time) }
        if sink.transitions.isEmpty && (start == nil || tracks[index].ledger.entries.isEmpty) { return }
        let program = programs[tracks[index].program]
        let memory = tracks[index].memory
        let transitions = explained(sink.transitions, program.rules)
        tracks[index].ledger.forgetEnded(before: tracks[index].older.memory.time - 4 * lateness)
        let told = alerts.count
        tracks[index].ledger.tell(
            transitions, refoldedFrom: start, rules: program.rules, lift: tracks[index].lift.id,
            now: now ?? memory.time, vendorCode: tracks[index].writtenVendorCode,
            evidence: { program.evidence(memory.words.span) }, life: { program.openLife($0, memory) }, &alerts)
        complete(alertsFrom: told, index)
        let time = now ?? transitions.last?.time ?? memory.time
        noticeIncidents(index, at: time)
        noticeRescuers(index, at: time)
        if !transitions.isEmpty { acceptanceDue = min(acceptanceDue, nextReminder(index)) }
    }
}

extension Program {
    /// A rule's open alert, as the rules' memory has it.
    func openLife(_ rule: Int, _ memory: borrowing LiftMemory) -> AlertLedger.OpenLife? {
        let life = life(rule)
        let words = memory.words.span
        let phase = life.phase(words)
        if phase == .idle { return nil }
        return AlertLedger.OpenLife(
            branch: life.reason(words), onset: life.onset(words),
            state: phase == .suspected ? .suspected : rules[rule].definition.finalState,
            severity: life.severity(words))
    }

    /// What the holds in progress make of time in which nobody observed the lift.
    func crossGap(_ gap: Int64, until end: Int64, _ memory: inout LiftMemory) {
        var m = memory.words.mutableSpan
        for (index, rule) in rules.enumerated() {
            let life = life(index)
            let isOpen = life.isOpen(m)
            // What is confirmed has no hold to run.
            if life.phase(m.span) == .final { continue }
            let policy = rule.definition.gap
            for i in rule.branches.indices {
                let own = life.branch(i)
                guard own.whenSince(m.span) != LiftMemory.never || isOpen && life.stands(on: i, m.span) else {
                    continue
                }
                own.setUnobserved(own.unobserved(m.span) &+ gap, &m)
                if policy == .continue { continue }
                // The rule's timer may now be early: it looks, and sets it anew.
                let since = isOpen ? own.escalatingSince(m.span) : own.whenSince(m.span)
                if since == LiftMemory.never { continue }
                let moved = policy == .restart ? end : since &+ gap
                if isOpen { own.setEscalatingSince(moved, &m) } else { own.setWhenSince(moved, &m) }
            }
        }
    }
}

extension LiftTrack {
    mutating func noteVendorCode(_ bytes: Span<UInt8>) {
        var same = bytes.count == vendorCode.count
        for i in 0..<min(bytes.count, vendorCode.count) where bytes[i] != vendorCode[i] { same = false }
        if same { return }
        vendorCode.removeAll(keepingCapacity: true)
        for i in 0..<min(bytes.count, 64) { vendorCode.append(bytes[i]) }
    }

    var writtenVendorCode: String? { vendorCode.isEmpty ? nil : String(decoding: vendorCode, as: UTF8.self) }
}
