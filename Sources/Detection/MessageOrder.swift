import Elevator
import Encoding

/// What one lift's newest message says of the lift's own order: its sequence number, its time stamp as the device wrote it, and each
/// topic's latest state. It tells a repeat of the latest state from a duplicate, a restart from an old message, and a clock that
/// stands still from one that goes.
struct MessageOrder: Sendable {
    /// A lift of which nothing was heard for so long may have been restarted: longer than reports are apart.
    static let pause = Duration.seconds(15).nanoseconds
    /// A clock whose stamp stays the same for longer, while the content changes, stands still: stamps may be whole minutes.
    static let longestStamp = Duration.seconds(90).nanoseconds
    /// A clock that was reported as standing goes again once its stamps have followed each other for so long.
    static let goingFor = Duration.seconds(600).nanoseconds
    /// A device may have so many topics, each with a state of its own.
    private static let topics = 4
    private static let minute = Duration.seconds(60).nanoseconds

    private var stateSignals = InlineArray<4, UInt64>(repeating: 0)
    private var stateKeys = InlineArray<4, UInt64>(repeating: 0)
    private var nextState = 0
    /// The highest sequence numbers since the device began to count: events may be counted apart from states.
    private var newestState: Int64 = 0
    private var newestEvent: Int64 = 0
    /// Of messages that are behind by their number: the last one, and when their row began.
    private var lastBehind: Int64 = 0
    private var behindSince: Int64 = 0
    /// The device has said that it is connected anew, and nothing else yet.
    var isBorn = false

    /// The newest time stamp as the device wrote it; `.min` before the first.
    private(set) var stamp = Int64.min
    /// Where its first message counts, and when that came.
    private(set) var stampTime: Int64 = 0
    private var stampArrival: Int64 = 0
    /// The content has changed under this stamp.
    private var hasChanged = false
    /// When the clock was last seen to stand still.
    private var stoodAt = Int64.min
    /// All stamps so far were whole minutes.
    private(set) var hasWholeMinutes = true
    /// The time of the last message that came too late and told of the alarm button.
    var latePress = Int64.min
    /// When a press came last that was told as one of the past; `.min` where it was none, or counts by now.
    var pastPress = Int64.min

    init() {}

    // MARK: Repeats

    /// A message equal to the last one of its topic, byte by byte.
    func isLatestState(_ key: UInt64) -> Bool {
        for i in 0..<Self.topics where stateKeys[i] == key { return true }
        return false
    }

    // MARK: Counts

    /// By the device's own count another message is newer.
    func isBehind(_ reading: Reading) -> Bool {
        reading.sequence != 0 && reading.sequence < (reading.isEvent ? newestEvent : newestState)
    }

    /// A device that gives no times, or always the same, and counts from the beginning again after a pause or a birth, has been
    /// restarted: it may say the very words that it said then.
    func startsAnew(_ reading: Reading, isAfterPause: Bool) -> Bool {
        guard isAfterPause, isBehind(reading), reading.deviceTime.map({ $0.nanoseconds == stamp }) ?? true else {
            return false
        }
        let newest = reading.isEvent ? newestEvent : newestState
        return reading.sequence == 1 || reading.sequence + Int64(LiftTrack.rememberedKeys) < newest
    }

    mutating func forgetCount() { (newestState, newestEvent, behindSince) = (0, 0, 0) }

    /// A message without a time is behind by its number.
    /// - Returns: whether it is one of a row that counts up for longer than reports are apart, with no newer one between: the device
    ///   has been restarted.
    mutating func countsUpAgain(_ reading: Reading, at arrival: Int64) -> Bool {
        if behindSince == 0 || reading.sequence <= lastBehind { behindSince = arrival }
        lastBehind = reading.sequence
        return arrival - behindSince >= Self.pause
    }

    // MARK: Stamps

    /// Where a message counts that has the newest stamp, too: as much later as it came later.
    func time(at arrival: Int64) -> Int64 { stampTime &+ max(0, arrival &- stampArrival) }

    /// A message with the newest stamp has come.
    mutating func noteSameStamp(changes: Bool, at arrival: Int64, lateness: Int64) {
        if changes, arrival &- stampArrival >= lateness { hasChanged = true }
    }

    /// - Parameter isFarOff: by a clock that goes, however wrong, a stamp stands for hours only where nothing happens; one that is years
    ///   off and stands is no such clock.
    mutating func standsStill(at arrival: Int64, isFarOff: Bool) -> Bool {
        guard stamp != .min, hasChanged || isFarOff, arrival &- stampArrival >= Self.longestStamp else { return false }
        stoodAt = arrival
        return true
    }

    func goesAgain(at arrival: Int64) -> Bool { stoodAt != .min && arrival &- stoodAt >= Self.goingFor }
    var stoodSince: Int64 { stampTime }

    // MARK: The newest

    /// A message of the lift's that is newer than all before it.
    mutating func note(_ reading: Reading, key: UInt64, time: Int64, at arrival: Int64) {
        isBorn = false
        behindSince = 0
        if reading.sequence != 0 {
            if reading.isEvent { newestEvent = reading.sequence } else { newestState = reading.sequence }
        }
        if let device = reading.deviceTime?.nanoseconds, device != stamp {
            (stamp, stampTime, stampArrival, hasChanged) = (device, time, arrival, false)
            if device % Self.minute != 0 { hasWholeMinutes = false }
        }
        if reading.isEvent || !reading.isSignOfLife { return }
        for i in 0..<Self.topics where stateSignals[i] == reading.mentioned {
            stateKeys[i] = key
            return
        }
        (stateSignals[nextState], stateKeys[nextState]) = (reading.mentioned, key)
        nextState = (nextState + 1) % Self.topics
    }

    // MARK: Snapshot

    func write(to writer: inout ByteWriter) {
        for i in 0..<Self.topics {
            writer.write(stateSignals[i])
            writer.write(stateKeys[i])
        }
        writer.write(Int64(nextState))
        for number in [
            newestState, newestEvent, lastBehind, behindSince, stamp, stampTime, stampArrival, stoodAt, latePress,
            pastPress,
        ] {
            writer.write(number)
        }
        for flag in [isBorn, hasChanged, hasWholeMinutes] { writer.write(flag) }
    }

    init(from reader: inout ByteReader, format: UInt32) throws(MalformedBytes) {
        for i in 0..<Self.topics {
            stateSignals[i] = try reader.read()
            stateKeys[i] = try reader.read()
        }
        nextState = Int(UInt64(bitPattern: try reader.read(Int64.self)) % UInt64(Self.topics))
        newestState = try reader.read()
        newestEvent = try reader.read()
        lastBehind = try reader.read()
        behindSince = try reader.read()
        stamp = try reader.read()
        stampTime = try reader.read()
        stampArrival = try reader.read()
        stoodAt = try reader.read()
        latePress = try reader.read()
        if format >= 7 { pastPress = try reader.read() }
        isBorn = try reader.readFlag()
        hasChanged = try reader.readFlag()
        hasWholeMinutes = try reader.readFlag()
    }
}

extension Reading {
    /// One code that began or ended, and no state.
    var isEvent: Bool { codesRaised | codesEnded != 0 }

    /// The device, or its adapter, has connected anew.
    var isBirth: Bool {
        let bit: UInt64 = 1 << UInt64(Signal.online.rawValue)
        return !isBaseline && known & bit != 0 && bits(Signal.online.rawValue) == 1
    }

    /// Says otherwise than what is known.
    func changes(_ memory: borrowing LiftMemory) -> Bool {
        if isEvent { return true }
        var rest = mentioned
        while rest != 0 {
            let index = rest.trailingZeroBitCount
            let bit: UInt64 = 1 << UInt64(index)
            rest &= rest - 1
            if known & bit != memory.known & bit { return true }
            if known & bit != 0, memory.words[LiftLayout.signals + index] != Int64(bitPattern: bits(index)) {
                return true
            }
        }
        return false
    }
}
