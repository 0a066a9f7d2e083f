import Elevator

/// One lift as the detector follows it: its memory, the way back for late readings, and the alerts told about it.
struct LiftTrack: Sendable {
    /// A reading at its place on the time line.
    struct Input: Sendable {
        /// Where it counts: never before what timers have reached.
        var time: Int64
        /// When the device said it; tells the order of a lift's words.
        var saidAt: Int64
        var reading: Reading

        /// The gateway's own word, and none of the lift's.
        var isOrder: Bool { reading.mentioned != 0 && reading.mentioned & ~Signal.fromGateway == 0 }

        /// In the lift's own order: by time, and at one time as the device counted.
        func isBefore(_ otherTime: Int64, _ otherSequence: Int64) -> Bool {
            saidAt < otherTime || saidAt == otherTime && reading.sequence != 0 && reading.sequence < otherSequence
        }
    }
    /// What the gateway itself says of the lift, and from when on it is so.
    struct WaitingOrder: Sendable {
        var time: Int64
        var signal: Signal
        var value: Bool
    }
    /// The state before some time, to which a late reading rolls back.
    struct Checkpoint: Sendable {
        var memory: LiftMemory
        var latestReading: Int64
        var latestSequence: Int64

        /// A reading can be put in its place from here on.
        func precedes(_ input: Input) -> Bool {
            (input.time > memory.time || input.time == memory.time && !memory.timerWasLast)
                && !input.isBefore(latestReading, latestSequence)
        }
    }

    let lift: Lift
    var program: Int
    var memory: LiftMemory
    /// Event time of the newest reading, and its device's count.
    var latestReading: Int64
    var latestSequence: Int64 = 0
    /// How far timers have run.
    var horizon: Int64
    /// When the rules changed an alert last: a word held back does not undo that.
    var lastChange: Int64
    var catchUp = CatchUp()
    /// When a timer is to run next.
    var deadline: Int64 {
        memory.deadline == LiftMemory.never ? LiftMemory.never : max(memory.deadline, catchUp.until)
    }
    /// `older` lies at least the allowed lateness back (once the lift has been heard that long), `newer` less.
    var older: Checkpoint
    var newer: Checkpoint
    /// Inputs since `older`, in event-time order; the first `countBeforeNewer` of them came before `newer`.
    var inputs: [Input] = []
    var countBeforeNewer = 0
    var clock = DeviceClock()
    var order = MessageOrder()
    /// The device's clock stands still.
    var clockAlert: SiteAlert?
    /// The duplicate keys of the last words: a ring.
    var recentKeys: [UInt64] = Array(repeating: 0, count: LiftTrack.rememberedKeys)
    var nextKey = 0
    var vendorCode: [UInt8] = []
    /// Floor, mode and occupancy; not rolled back, for what is folded again is noted again.
    var lastKnown = LastKnown()
    var ledger = AlertLedger()
    var counters = LiftCounters()
    var use = LiftUse()
    /// What a person has judged false, by rule, while its condition lasts.
    var judgements: [Judgement] = []
    /// `rescuers_arrived` has been said of the lift, for an alert that is open.
    var hasRescuers = false
    /// An announced maintenance window; see `Order`.
    var maintenance: Maintenance?
    /// What the gateway itself says and waits for the lift's time to get there: what the lift said before is judged without it.
    var waitingOrders: [WaitingOrder] = []

    /// Words whose duplicates are recognised. At 10 messages a second this is the lateness and more.
    static let rememberedKeys = 32
    /// More inputs than this within the lateness shorten it: memory is bounded.
    static let maximumInputs = 64

    /// - Parameter told: signals that are so from the start: other lifts of the site have said so before.
    init(lift: Lift, program index: Int, _ program: Program, start: Int64, told: Set<Signal> = []) {
        self.lift = lift
        self.program = index
        memory = program.begin(at: start)
        for (signal, value) in Self.attributes(of: lift) {
            memory.words[LiftLayout.signals + signal.rawValue] = Int64(bitPattern: value.bitPattern)
            memory.known |= 1 << UInt64(signal.rawValue)
        }
        // Nothing of the kind is so until it is said.
        memory.known |= Signal.fromGateway
        for signal in told { memory.words[LiftLayout.signals + signal.rawValue] = 1 }
        var sink = TransitionSink()
        // What is so from the start is raised when time goes on.
        program.settleAll(&memory, StepContext(time: start, isRaising: false), &sink)
        latestReading = LiftMemory.beforeAll
        horizon = start
        lastChange = start
        older = Checkpoint(memory: memory, latestReading: latestReading, latestSequence: 0)
        newer = older
    }

    /// What the register says of a lift.
    private static func attributes(of lift: Lift) -> [(Signal, Double)] {
        let all: [(Signal, Double?)] = [
            (.ratedSpeed, lift.ratedSpeed), (.bottomFloor, lift.floors.map { Double($0.lowerBound) }),
            (.topFloor, lift.floors.map { Double($0.upperBound) }),
        ]
        return all.compactMap { signal, value in value.map { (signal, $0) } }
    }

    /// How often the controller has been seen to start.
    var controllerStarts: Double {
        Double(bitPattern: UInt64(bitPattern: memory.words[LiftLayout.signals + Signal.controllerStarts.rawValue]))
    }

    /// The register as a reading: after a restart it may say something else than it did.
    var registerReading: Reading {
        var reading = Reading()
        reading.isSignOfLife = false
        reading.isBaseline = true
        for (signal, value) in Self.attributes(of: lift) { reading.set(signal, number: value) }
        return reading
    }

    /// The device counts from the beginning again: it may say the very words that it said then, and they are no doubles.
    mutating func beginCount() {
        for i in recentKeys.indices { recentKeys[i] = 0 }
        order.forgetCount()
        latestSequence = 0
    }

    /// The key of one of the last words; else it is one from now on.
    mutating func isKnown(_ key: UInt64) -> Bool {
        if recentKeys.contains(key) { return true }
        recentKeys[nextKey] = key
        nextKey = (nextKey + 1) % Self.rememberedKeys
        return false
    }

    /// Moves the way back on, and notes the input.
    mutating func record(_ input: Input, lateness: Int64) {
        // A checkpoint costs a copy of the memory, a longer way back costs a late reading more: three times the lateness.
        if input.time - newer.memory.time > 3 * lateness || inputs.count >= Self.maximumInputs { advanceCheckpoints() }
        inputs.append(input)
    }

    private mutating func advanceCheckpoints() {
        swap(&older, &newer)
        takeNewer()
        inputs.removeFirst(countBeforeNewer)
        countBeforeNewer = inputs.count
    }

    /// The newer checkpoint is the present state.
    mutating func takeNewer() {
        newer.memory.copy(memory)
        newer.latestReading = latestReading
        newer.latestSequence = latestSequence
    }

    /// The present state is that of a checkpoint.
    mutating func goBack(toNewer isNewer: Bool) {
        memory.copy(isNewer ? newer.memory : older.memory)
        latestReading = isNewer ? newer.latestReading : older.latestReading
        latestSequence = isNewer ? newer.latestSequence : older.latestSequence
    }

    /// Forgets the way back: what comes now is not rolled back beyond this point.
    mutating func barrier() {
        older.memory.copy(memory)
        older.latestReading = latestReading
        older.latestSequence = latestSequence
        newer = older
        inputs.removeAll(keepingCapacity: true)
        countBeforeNewer = 0
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

extension Program {
    /// Applies what a reading says to the signals, and marks what has to look at it.
    func apply(_ input: borrowing LiftTrack.Input, _ memory: inout LiftMemory, _ agenda: inout Agenda) {
        var m = memory.words.mutableSpan
        var marks = agenda.words.mutableSpan
        var known = UInt64(bitPattern: m[LiftLayout.known])
        // A complete message without the rated speed leaves the register's as it is.
        var rest = input.reading.mentioned & (input.reading.known | ~Signal.attributes)
        while rest != 0 {
            let index = rest.trailingZeroBitCount
            let bit: UInt64 = 1 << UInt64(index)
            rest &= rest - 1
            for place in ageReaders.range(index) {
                m[Int(nodes[ageReaders[place]].slot)] = input.time
                Self.mark(Int32(ageReaders[place]), &marks)
            }
            if input.reading.known & bit == 0 {
                if known & bit != 0 { markReaders(index, &marks) }
                known &= ~bit
            } else {
                let bits = Int64(bitPattern: input.reading.bits(index))
                if known & bit != 0, m[LiftLayout.signals + index] == bits { continue }
                known |= bit
                m[LiftLayout.signals + index] = bits
                markReaders(index, &marks)
            }
        }
        if input.reading.codesRaised | input.reading.codesEnded != 0 {
            let index = Signal.codes.rawValue
            let bit: UInt64 = 1 << UInt64(index)
            let before = known & bit != 0 ? UInt64(bitPattern: m[LiftLayout.signals + index]) : 0
            let after = before & ~input.reading.codesEnded | input.reading.codesRaised
            if known & bit == 0 || before != after { markReaders(index, &marks) }
            known |= bit
            m[LiftLayout.signals + index] = Int64(bitPattern: after)
        }
        m[LiftLayout.known] = Int64(bitPattern: known)
        if !input.reading.isSignOfLife { return }
        m[LiftLayout.lastHeard] = max(m[LiftLayout.lastHeard], input.time)
        let flags = m[LiftLayout.flags]
        m[LiftLayout.flags] = flags & ~LiftMemory.Flags.stale | LiftMemory.Flags.heard
        if flags & LiftMemory.Flags.heard == 0 { Self.mark(heardReaders, &marks) }
        if flags & LiftMemory.Flags.stale != 0 { Self.mark(lasts, &marks) }
        for node in silences where surely(Operand(Int(node)), m) { Self.mark(node, &marks) }
        if m[layout.timers] == LiftMemory.never {
            m[layout.timers] = m[LiftLayout.lastHeard] &+ staleAfter
            m[LiftLayout.deadline] = min(m[LiftLayout.deadline], m[layout.timers])
        }
    }

    @inline(__always)
    private static func mark(_ index: Int32, _ marks: inout MutableSpan<UInt64>) {
        marks[Int(index) >> 6] |= 1 << UInt64(index & 63)
    }
    private static func mark(_ indices: [Int32], _ marks: inout MutableSpan<UInt64>) {
        for index in indices { mark(index, &marks) }
    }
}

/// What was odd about one lift's messages; shown by `hoistway status`.
public struct LiftCounters: Sendable, Equatable {
    public var readings = 0
    public var duplicates = 0
    public var rolledBack = 0
    public var tooLate = 0
    public var absurdTimes = 0
    public var clockOffsets = 0
    public var standingClocks = 0

    init() {}

    /// In the order of their declaration, as a snapshot holds them.
    var all: [Int] { [readings, duplicates, rolledBack, tooLate, absurdTimes, clockOffsets, standingClocks] }

    init(_ all: [Int]) {
        readings = all[0]
        duplicates = all[1]
        rolledBack = all[2]
        tooLate = all[3]
        absurdTimes = all[4]
        clockOffsets = all[5]
        standingClocks = all[6]
    }
}
