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

        /// In the lift's own order: by time, and at one time as the device counted.
        func isBefore(_ otherTime: Int64, _ otherSequence: Int64) -> Bool {
            saidAt < otherTime || saidAt == otherTime && reading.sequence != 0 && reading.sequence < otherSequence
        }
    }
    /// The state before some time, to which a late reading rolls back.
    struct Checkpoint: Sendable {
        var memory: LiftMemory
        var latestReading: Int64
        var latestSequence: Int64
    }

    let lift: Lift
    let program: Int
    var memory: LiftMemory
    /// Event time of the newest reading, and its device's count.
    var latestReading: Int64
    var latestSequence: Int64 = 0
    /// How far timers have run.
    var horizon: Int64
    /// `older` lies at least the allowed lateness back (once the lift has been heard that long), `newer` less.
    var older: Checkpoint
    var newer: Checkpoint
    /// Inputs since `older`, in event-time order; the first `countBeforeNewer` of them came before `newer`.
    var inputs: [Input] = []
    var countBeforeNewer = 0
    var clock = DeviceClock()
    /// The duplicate keys of the last words: a ring.
    var recentKeys: [UInt64] = Array(repeating: 0, count: LiftTrack.rememberedKeys)
    var nextKey = 0
    var vendorCode: [UInt8] = []
    var ledger = AlertLedger()
    var counters = LiftCounters()

    /// Words whose duplicates are recognised. At 10 messages a second this is the lateness and more.
    static let rememberedKeys = 32
    /// More inputs than this within the lateness shorten it: memory is bounded.
    static let maximumInputs = 64

    init(lift: Lift, program index: Int, _ program: Program, start: Int64, history: History) {
        self.lift = lift
        self.program = index
        memory = LiftMemory(program, start: start, history: history)
        if let speed = lift.ratedSpeed {
            memory.signals[Signal.ratedSpeed.rawValue] = speed.bitPattern
            memory.known |= 1 << UInt64(Signal.ratedSpeed.rawValue)
        }
        latestReading = LiftMemory.beforeAll
        horizon = start
        older = Checkpoint(memory: memory, latestReading: latestReading, latestSequence: 0)
        newer = older
        inputs.reserveCapacity(16)
    }

    mutating func isDuplicate(_ key: UInt64) -> Bool {
        if recentKeys.contains(key) { return true }
        recentKeys[nextKey] = key
        nextKey = (nextKey + 1) % Self.rememberedKeys
        return false
    }

    /// Moves the way back on, and notes the input.
    mutating func record(_ input: Input, lateness: Int64) {
        if input.time - newer.memory.time > lateness || inputs.count >= Self.maximumInputs { advanceCheckpoints() }
        inputs.append(input)
    }

    private mutating func advanceCheckpoints() {
        swap(&older, &newer)
        newer.memory.copy(memory)
        newer.latestReading = latestReading
        newer.latestSequence = latestSequence
        inputs.removeFirst(countBeforeNewer)
        countBeforeNewer = inputs.count
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

    /// Applies what a reading says to the signals.
    /// - Returns: whether anything changed that a rule could see.
    mutating func apply(_ input: Input) -> Bool {
        let reading = input.reading
        var changed = false
        var rest = reading.mentioned
        while rest != 0 {
            let index = rest.trailingZeroBitCount
            let bit: UInt64 = 1 << UInt64(index)
            rest &= rest - 1
            if reading.known & bit == 0 {
                if memory.known & bit != 0 { changed = true }
                memory.known &= ~bit
            } else {
                let bits = reading.bits(index)
                if memory.known & bit == 0 || memory.signals[index] != bits { changed = true }
                memory.known |= bit
                memory.signals[index] = bits
            }
        }
        if reading.codesRaised | reading.codesEnded != 0 {
            let index = Signal.codes.rawValue
            let bit: UInt64 = 1 << UInt64(index)
            let before = memory.known & bit != 0 ? memory.signals[index] : 0
            let after = before & ~reading.codesEnded | reading.codesRaised
            if memory.known & bit == 0 || before != after { changed = true }
            memory.known |= bit
            memory.signals[index] = after
        }
        return changed
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
}
