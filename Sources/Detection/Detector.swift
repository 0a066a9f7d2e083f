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
        public var equipment: EquipmentClass
        public init(provides: Set<Signal>, staleAfter: Duration, equipment: EquipmentClass) {
            self.provides = provides
            self.staleAfter = staleAfter
            self.equipment = equipment
        }
    }

    public let rules: RuleSet
    let lateness: Int64
    var programs: [Program] = []
    private var programIndex: [LiftKind: Int] = [:]
    var tracks: [LiftTrack] = []
    private var liftIndex: [String: Int] = [:]
    /// Words are being received and the backlog after a connect is drained: time may run without them.
    public internal(set) var isListening: Bool
    /// When listening ended, or the start.
    var deafSince: Int64
    /// No lift has a deadline before this.
    private var nextDeadline = LiftMemory.beforeAll
    private var alerts: [Alert] = []

    public init(rules: RuleSet, start: Instant, isListening: Bool, lateness: Duration = Detector.standardLateness) {
        self.rules = rules
        self.lateness = lateness.nanoseconds
        self.isListening = isListening
        deafSince = start.nanoseconds
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
        let program: Int
        if let known = programIndex[kind] {
            program = known
        } else {
            programs.append(
                try rules.program(
                    signals: SignalTable(provided: kind.provides), equipment: kind.equipment,
                    staleAfter: kind.staleAfter))
            program = programs.count - 1
            programIndex[kind] = program
        }
        tracks.append(
            LiftTrack(
                lift: lift, program: program, programs[program], start: start.nanoseconds, history: .unknown))
        liftIndex[lift.id] = tracks.count - 1
        nextDeadline = LiftMemory.beforeAll
        return tracks.count - 1
    }

    // MARK: Input

    /// Folds one lift's word in.
    /// - Parameters:
    ///   - key: equal for a publisher's duplicates of one word, 0 when it cannot be told.
    ///   - arrival: the gateway's time at which it was read.
    public mutating func fold(
        _ reading: Reading, lift index: Int, key: UInt64, vendorCode: Span<UInt8>?, arrival: Instant
    ) {
        let mayBeQueued = reading.isBaseline || !isListening
        if key != 0, tracks[index].isDuplicate(key) {
            tracks[index].counters.duplicates += 1
            return
        }
        tracks[index].counters.readings += 1
        if let vendorCode { tracks[index].noteVendorCode(vendorCode) }
        var time = arrival.nanoseconds
        if let device = reading.deviceTime {
            let judgement = tracks[index].clock.judge(
                device: device.nanoseconds, arrival: time, mayBeQueued: mayBeQueued)
            time = judgement.time
            if judgement.isAbsurd { tracks[index].counters.absurdTimes += 1 }
            if judgement.isNewOffset { tracks[index].counters.clockOffsets += 1 }
        }
        place(LiftTrack.Input(time: time, saidAt: time, reading: reading), index, arrival: arrival.nanoseconds)
    }

    /// Time passes. Deadlines up to now fire, unless words may still be waiting to be read.
    public mutating func advance(to now: Instant) {
        guard isListening, now.nanoseconds >= nextDeadline else { return }
        var next = LiftMemory.never
        for index in tracks.indices {
            if tracks[index].memory.deadline <= now.nanoseconds {
                var sink = TransitionSink()
                runTimers(index, to: now.nanoseconds, &sink)
                tell(sink, index, refoldedFrom: nil)
            }
            tracks[index].horizon = max(tracks[index].horizon, now.nanoseconds)
            next = min(next, tracks[index].memory.deadline)
        }
        nextDeadline = next
    }

    /// The connection was lost, or will be: from now on silence says nothing, and timers wait.
    public mutating func stopListening(at now: Instant) {
        guard isListening else { return }
        advance(to: now)
        isListening = false
        deafSince = now.nanoseconds
        for index in tracks.indices {
            step(index, at: max(now.nanoseconds, tracks[index].memory.time))
            tracks[index].barrier()
        }
    }

    /// Connected, subscribed, and everything that waited has been read: time runs on. The gap counts as silence for nobody.
    public mutating func startListening(at now: Instant) {
        guard !isListening else { return }
        isListening = true
        for index in tracks.indices {
            let heardMeanwhile = tracks[index].memory.lastHeard > deafSince
            let gap = now.nanoseconds - deafSince
            if heardMeanwhile {
                tracks[index].memory.lastHeard = max(tracks[index].memory.lastHeard, now.nanoseconds)
            } else if gap > 0 {
                tracks[index].memory.lastHeard += gap
            }
            // The verdicts are recomputed at the time the lift has reached, which finds its next deadline.
            step(index, at: tracks[index].memory.time)
            tracks[index].barrier()
        }
        nextDeadline = LiftMemory.beforeAll
        advance(to: now)
    }

    mutating func forgetDeadlines() { nextDeadline = LiftMemory.beforeAll }

    /// The time of the next deadline, or nil when nothing will happen without input.
    public var deadline: Instant? {
        guard isListening else { return nil }
        let next = tracks.reduce(LiftMemory.never) { min($0, $1.memory.deadline) }
        return next == LiftMemory.never ? nil : Instant(nanoseconds: next)
    }

    /// The alerts decided since the last call, in order.
    public mutating func takeAlerts() -> [Alert] {
        if alerts.isEmpty { return [] }
        defer { alerts = [] }
        return alerts
    }

    // MARK: The fold

    /// Puts an input at its place on the lift's time line: at the end, or in the past by rolling back.
    private mutating func place(_ input: LiftTrack.Input, _ index: Int, arrival: Int64) {
        var input = input
        let reached = max(tracks[index].memory.time, tracks[index].inputs.last?.time ?? LiftMemory.beforeAll)
        let isOutOfOrder = input.isBefore(tracks[index].latestReading, tracks[index].latestSequence)
        if input.time < reached || isOutOfOrder, !input.reading.isBaseline {
            let canRollBack =
                reached - input.time <= lateness && input.time >= tracks[index].older.memory.time
                && tracks[index].inputs.count < LiftTrack.maximumInputs
                && !input.isBefore(tracks[index].older.latestReading, tracks[index].older.latestSequence)
            if canRollBack {
                tracks[index].counters.rolledBack += 1
                return rollBack(input, index, arrival: arrival)
            }
            guard !isOutOfOrder else {
                tracks[index].counters.tooLate += 1
                return
            }
        }
        // In the lift's own order, though timers have run past it: it counts from where the lift has got to.
        input.time = max(input.time, reached)
        tracks[index].record(input, lateness: lateness)
        var sink = TransitionSink()
        follow(input, index, &sink)
        tell(sink, index, refoldedFrom: nil)
    }

    private mutating func follow(_ input: LiftTrack.Input, _ index: Int, _ sink: inout TransitionSink) {
        runTimers(index, to: input.time, &sink)
        if input.saidAt > tracks[index].latestReading { tracks[index].latestSequence = 0 }
        tracks[index].latestReading = max(tracks[index].latestReading, input.saidAt)
        tracks[index].latestSequence = max(tracks[index].latestSequence, input.reading.sequence)
        tracks[index].horizon = max(tracks[index].horizon, input.time)
        let program = tracks[index].program
        let wasHeard = tracks[index].memory.isHeard
        let quiet = input.time &- tracks[index].memory.lastHeard
        let changed = tracks[index].apply(input)
        if input.reading.isSignOfLife {
            tracks[index].memory.lastHeard = max(tracks[index].memory.lastHeard, input.time)
            tracks[index].memory.isHeard = true
            tracks[index].memory.isStale = false
        }
        // A word that changes nothing and breaks no silence changes no verdict.
        if changed || !wasHeard || quiet >= programs[program].shortestSilence {
            step(index, at: input.time, isBaseline: input.reading.isBaseline, &sink)
        }
        nextDeadline = min(nextDeadline, tracks[index].memory.deadline)
    }

    private mutating func runTimers(_ index: Int, to time: Int64, _ sink: inout TransitionSink) {
        // Terminates: each step moves the deadline beyond its own time, or the guard below does.
        while tracks[index].memory.deadline <= time {
            let due = max(tracks[index].memory.deadline, tracks[index].memory.time)
            step(index, at: due, &sink)
            if tracks[index].memory.deadline <= due { tracks[index].memory.deadline = due + 1 }
        }
    }

    private mutating func step(_ index: Int, at time: Int64, isBaseline: Bool = false, _ sink: inout TransitionSink) {
        let context = StepContext(time: time, isBaseline: isBaseline, isListening: isListening)
        programs[tracks[index].program].step(&tracks[index].memory, context, &sink)
    }

    private mutating func step(_ index: Int, at time: Int64) {
        var sink = TransitionSink()
        step(index, at: time, &sink)
        tell(sink, index, refoldedFrom: nil)
    }

    /// Goes back to before a late reading and folds everything since again.
    private mutating func rollBack(_ late: LiftTrack.Input, _ index: Int, arrival: Int64) {
        let horizon = tracks[index].horizon
        let place =
            tracks[index].inputs.lastIndex { !late.isBefore($0.saidAt, $0.reading.sequence) }.map { $0 + 1 } ?? 0
        tracks[index].inputs.insert(late, at: place)
        if place < tracks[index].countBeforeNewer { tracks[index].countBeforeNewer += 1 }
        let start = tracks[index].older.memory.time
        tracks[index].memory.copy(tracks[index].older.memory)
        tracks[index].latestReading = tracks[index].older.latestReading
        tracks[index].latestSequence = tracks[index].older.latestSequence
        var sink = TransitionSink()
        for position in 0..<tracks[index].inputs.count {
            if position == tracks[index].countBeforeNewer, tracks[index].countBeforeNewer > 0 {
                tracks[index].newer.memory.copy(tracks[index].memory)
                tracks[index].newer.latestReading = tracks[index].latestReading
                tracks[index].newer.latestSequence = tracks[index].latestSequence
            }
            follow(tracks[index].inputs[position], index, &sink)
        }
        if isListening { runTimers(index, to: horizon, &sink) }
        nextDeadline = min(nextDeadline, tracks[index].memory.deadline)
        tell(sink, index, refoldedFrom: start, at: arrival)
    }

    private mutating func tell(
        _ sink: TransitionSink, _ index: Int, refoldedFrom start: Int64?, at now: Int64? = nil
    ) {
        if sink.transitions.isEmpty && (start == nil || tracks[index].ledger.entries.isEmpty) { return }
        let program = programs[tracks[index].program]
        let memory = tracks[index].memory
        let vendorCode =
            tracks[index].vendorCode.isEmpty ? nil : String(decoding: tracks[index].vendorCode, as: UTF8.self)
        tracks[index].ledger.forgetEnded(before: tracks[index].older.memory.time - 4 * lateness)
        tracks[index].ledger.tell(
            sink.transitions, refoldedFrom: start, rules: program.rules, lift: tracks[index].lift.id,
            now: now ?? memory.time, vendorCode: vendorCode, evidence: { program.evidence(memory) },
            life: { index in
                let life = program.life(index)
                guard life.isOpen(memory) else { return nil }
                let isSuspected = life.phase(memory) == .suspected
                let final: AlertState =
                    program.rules[index].escalation == nil ? program.rules[index].definition.stage : .confirmed
                return (life.onset(memory), isSuspected ? .suspected : final)
            }, &alerts)
    }
}

extension LiftTrack {
    fileprivate mutating func noteVendorCode(_ bytes: Span<UInt8>) {
        var same = bytes.count == vendorCode.count
        for i in 0..<min(bytes.count, vendorCode.count) where bytes[i] != vendorCode[i] { same = false }
        if same { return }
        vendorCode.removeAll(keepingCapacity: true)
        for i in 0..<min(bytes.count, 64) { vendorCode.append(bytes[i]) }
    }
}
