import LiftModel
import RuleEngine

/// One lift as the detector follows it: its memory, the checkpoints for late readings, and its
/// alerts.
// Over 20 properties: the whole state of a lift in one place, so that it is folded without copies.
struct LiftState: Sendable {
    /// A reading with its time on the lift's time line.
    struct Input: Sendable {
        /// When it counts: never before the time that timers have reached.
        var time: Int64
        /// When the device sent it. It gives the order of a lift's messages.
        var sentAt: Int64
        var reading: Reading

        /// The input comes from the gateway, not from the lift.
        var isFromGateway: Bool {
            reading.mentioned != 0 && reading.mentioned & ~Signal.fromGateway == 0
        }

        /// In the lift's own order: by time, and at one time by sequence number.
        func isBefore(_ otherTime: Int64, _ otherSequence: Int64) -> Bool {
            sentAt < otherTime
                || sentAt == otherTime && reading.sequence != 0 && reading.sequence < otherSequence
        }
    }
    /// A change of a gateway signal (`Signal.fromGateway`) that waits for the lift's time to reach
    /// it.
    struct PendingSignal: Sendable {
        var time: Int64
        var signal: Signal
        var value: Bool
    }
    /// The state at some time, to which a late reading rolls back.
    struct Checkpoint: Sendable {
        var memory: LiftMemory
        var latestReading: Int64
        var latestSequence: Int64

        /// Whether a rollback to this checkpoint can put the reading in its place.
        func precedes(_ input: Input) -> Bool {
            (input.time > memory.time || input.time == memory.time && !memory.timerWasLast)
                && !input.isBefore(latestReading, latestSequence)
        }
    }

    let lift: Lift
    /// Its program's index in the detector.
    var programIndex: ProgramIndex
    var memory: LiftMemory
    /// The time and the sequence number of the newest reading.
    var latestReading: Int64
    var latestSequence: Int64 = 0
    /// How far timers have run.
    var horizon: Int64
    /// When the rules last changed an alert. A message that a link held back does not undo that.
    var lastChange: Int64
    var catchUp = CatchUp()
    /// When the next timer is due, or the next pending signal.
    var deadline: Int64 {
        let next = min(memory.deadline, pendingSignals.first?.time ?? LiftMemory.never)
        return next == LiftMemory.never ? LiftMemory.never : max(next, catchUp.until)
    }
    /// `older` lies at least the lateness back (once the lift has sent for that long), `newer`
    /// less.
    var older: Checkpoint
    var newer: Checkpoint
    /// Inputs since `older`, in the lift's order; the first `countBeforeNewer` of them came before
    /// `newer`.
    var inputs: [Input] = []
    var countBeforeNewer = 0
    var clock = DeviceClock()
    var order = MessageOrder()
    /// Open while the device's clock stands still.
    var clockAlert: SiteAlert?
    /// The duplicate keys of the last messages: a ring.
    var recentKeys: [UInt64] = Array(repeating: 0, count: LiftState.rememberedKeys)
    var nextKey = 0
    var vendorCode: [UInt8] = []
    /// Floor, mode and occupancy. They are not rolled back, because the replay notes them again.
    var lastKnown = LastKnown()
    var ledger = AlertLedger()
    var counters = LiftCounters()
    var use = LiftUse()
    /// False judgements by rule, while the condition lasts.
    var judgements: [Judgement] = []
    /// `rescuers_arrived` is true, for an alert that is open.
    var hasRescuers = false
    /// The announced maintenance window; see `OperatorAction`.
    var maintenance: Maintenance?
    /// Changes of gateway signals that wait for the lift's time: earlier messages of the lift are
    /// evaluated without them.
    var pendingSignals: [PendingSignal] = []
    /// Set while the parts of a rule are recorded (`explain`).
    var probe: Probe?

    /// Messages whose duplicates are recognised. At 10 messages a second they span more than the
    /// lateness.
    static let rememberedKeys = 32
    /// More inputs than this within the lateness shorten the lateness: memory is bounded.
    static let maximumInputs = 64

    /// - Parameter siteSignals: signals that other lifts of the site have set already.
    init(
        lift: Lift, program index: ProgramIndex, _ program: Program, start: Int64,
        siteSignals: Set<Signal> = []
    ) {
        self.lift = lift
        programIndex = index
        memory = program.begin(at: start)
        for (signal, value) in Self.attributes(of: lift) {
            memory.set(signal, bits: value.bitPattern)
            memory.known |= 1 << UInt64(signal.rawValue)
        }
        // Gateway signals are false until they are set.
        memory.known |= Signal.fromGateway
        for signal in siteSignals { memory.set(signal, bits: 1) }
        var sink = TransitionSink()
        // A condition that holds from the start raises its alert when time goes on.
        program.settleAll(&memory, StepContext(time: start, isRaising: false), &sink)
        latestReading = LiftMemory.beforeAll
        horizon = start
        lastChange = start
        older = Checkpoint(memory: memory, latestReading: latestReading, latestSequence: 0)
        newer = older
    }

    /// The lift's attributes in the register.
    private static func attributes(of lift: Lift) -> [(Signal, Double)] {
        let all: [(Signal, Double?)] = [
            (.ratedSpeed, lift.ratedSpeed),
            (.bottomFloor, lift.floors.map { Double($0.lowerBound) }),
            (.topFloor, lift.floors.map { Double($0.upperBound) }),
        ]
        return all.compactMap { signal, value in value.map { (signal, $0) } }
    }

    /// The ids of further alerts are made from this origin.
    mutating func nameAlerts(after origin: AlertOrigin) {
        ledger.origin = origin
        maintenance?.alert.origin = origin
        clockAlert?.origin = origin
    }

    /// A gap in observation ends. It counts as silence only of a lift that was silent before.
    /// - Parameter begin: when it began; it may be later than `end` where the clock was set.
    mutating func endGap(_ begin: Int64, _ end: Int64, _ program: borrowing Program) {
        if memory.lastSignOfLife > begin {
            memory.lastSignOfLife = max(memory.lastSignOfLife, end)
        } else if end > begin {
            cross(end - begin, until: end, program)
            if memory.hasSignOfLife { catchUp.awaitFirstReading(after: begin...end) }
        }
    }

    /// How many starts of the controller have been seen.
    var controllerStarts: Double {
        Double(bitPattern: memory.signal(Signal.controllerStarts.rawValue))
    }

    /// The register as a reading: its values may have changed over a restart.
    var registerReading: Reading {
        var reading = Reading()
        reading.isSignOfLife = false
        reading.isBaseline = true
        for (signal, value) in Self.attributes(of: lift) { reading.set(signal, number: value) }
        return reading
    }

    /// The device's sequence begins again. It may send the same messages as then, and they are no
    /// duplicates.
    mutating func resetSequence() {
        for i in recentKeys.indices { recentKeys[i] = 0 }
        order.resetSequence()
        latestSequence = 0
    }

    /// Remembers the key of a message.
    /// - Returns: whether it is the key of one of the last messages.
    mutating func recordKey(_ key: UInt64) -> Bool {
        if recentKeys.contains(key) { return true }
        recentKeys[nextKey] = key
        nextKey = (nextKey + 1) % Self.rememberedKeys
        return false
    }

    /// Adds an input, and moves the checkpoints on.
    mutating func record(_ input: Input, lateness: Int64) {
        // A checkpoint costs a copy of the memory, a longer distance makes a late reading more
        // expensive: three times the lateness.
        if input.time - newer.memory.time > 3 * lateness || inputs.count >= Self.maximumInputs {
            advanceCheckpoints()
        }
        inputs.append(input)
    }

    private mutating func advanceCheckpoints() {
        swap(&older, &newer)
        saveNewerCheckpoint()
        inputs.removeFirst(countBeforeNewer)
        countBeforeNewer = inputs.count
    }

    /// Saves the present state as the newer checkpoint.
    mutating func saveNewerCheckpoint() {
        newer.memory.copy(memory)
        newer.latestReading = latestReading
        newer.latestSequence = latestSequence
    }

    /// Restores the state of a checkpoint.
    mutating func restoreCheckpoint(newer isNewer: Bool) {
        memory.copy(isNewer ? newer.memory : older.memory)
        latestReading = isNewer ? newer.latestReading : older.latestReading
        latestSequence = isNewer ? newer.latestSequence : older.latestSequence
    }

    /// Drops the checkpoints: later inputs are not rolled back beyond this point.
    mutating func barrier() {
        older.memory.copy(memory)
        older.latestReading = latestReading
        older.latestSequence = latestSequence
        newer = older
        inputs.removeAll(keepingCapacity: true)
        countBeforeNewer = 0
    }
}

extension LiftState {
    mutating func noteVendorCode(_ bytes: Span<UInt8>) {
        var same = bytes.count == vendorCode.count
        for i in 0..<min(bytes.count, vendorCode.count) where bytes[i] != vendorCode[i] {
            same = false
        }
        if same { return }
        vendorCode.removeAll(keepingCapacity: true)
        for i in 0..<min(bytes.count, 64) { vendorCode.append(bytes[i]) }
    }

    var writtenVendorCode: String? {
        vendorCode.isEmpty ? nil : String(decoding: vendorCode, as: UTF8.self)
    }
}

/// Unusual messages of one lift; shown by `hoistway status`.
public struct LiftCounters: Sendable, Equatable {
    public var readings = 0
    public var duplicates = 0
    public var rolledBack = 0
    public var historical = 0
    public var implausibleTimes = 0
    public var clockOffsets = 0
    public var stoppedClocks = 0

    init() {}

    /// In the order of their declaration, as in a snapshot.
    var all: [Int] {
        [
            readings, duplicates, rolledBack, historical, implausibleTimes, clockOffsets,
            stoppedClocks,
        ]
    }

    init(_ all: [Int]) {
        readings = all[0]
        duplicates = all[1]
        rolledBack = all[2]
        historical = all[3]
        implausibleTimes = all[4]
        clockOffsets = all[5]
        stoppedClocks = all[6]
    }
}
