import Encoding
import LiftModel
import RuleEngine

/// The lift's own order of its messages, from the newest one: its sequence number, its time stamp
/// as the device wrote it, and the latest state of each topic.
///
/// It tells a repeat of the latest state from a duplicate, a restart from an old message, and a
/// clock that stands still from one that runs.
struct MessageOrder: Sendable {
    /// After a silence this long the controller may have been restarted: longer than the interval
    /// of reports.
    static let pause = Duration.seconds(15).nanoseconds
    /// A clock whose stamp stays the same for longer, while the content changes, stands still.
    /// Stamps may be whole minutes.
    static let longestStamp = Duration.seconds(90).nanoseconds
    /// A clock that was reported as standing still runs again after it has advanced for this long.
    static let runningFor = Duration.seconds(600).nanoseconds
    /// The number of topics of a device, each with a state of its own.
    private static let topics = 4
    private static let minute = Duration.seconds(60).nanoseconds

    private var stateSignals = InlineArray<4, UInt64>(repeating: 0)
    private var stateKeys = InlineArray<4, UInt64>(repeating: 0)
    private var nextState = 0
    /// The highest sequence numbers since the device's sequence began: events may have a sequence
    /// of their own.
    private var newestState: Int64 = 0
    private var newestEvent: Int64 = 0
    /// The last one of several messages in a row with a lower sequence number, and when the first
    /// one came.
    private var lastBehind: Int64 = 0
    private var behindSince: Int64 = 0
    /// The device has reported a new connection, and has sent nothing else yet.
    var isAfterBirth = false

    /// The newest time stamp as the device wrote it; `.min` before the first.
    private(set) var stamp = Int64.min
    /// The time at which its first message counts, and the arrival of that message.
    private(set) var stampTime: Int64 = 0
    private var stampArrival: Int64 = 0
    /// The content has changed under this stamp.
    private var hasChanged = false
    /// When the clock was last seen to stand still.
    private var stoodAt = Int64.min
    /// All stamps so far were whole minutes.
    private(set) var hasWholeMinutes = true
    /// The time of the last historical message with the alarm button.
    var latePress = Int64.min
    /// When the last duplicate of a message that is not its topic's latest state came. What follows
    /// within a second is a broker's redelivery. Not in a snapshot.
    var duplicateAt = Int64.min
    static let redelivery = Duration.seconds(1).nanoseconds
    /// When the last press that counted as historical came; `.min` if there is none, or if it
    /// counts as a present one by now.
    var pastPress = Int64.min

    init() {}

    // MARK: Repeats

    /// A message with the same bytes as the last one of its topic.
    func isLatestState(_ key: UInt64) -> Bool {
        for i in 0..<Self.topics where stateKeys[i] == key { return true }
        return false
    }

    // MARK: Counts

    /// By the device's sequence number another message is newer.
    func isOlderBySequence(_ reading: Reading) -> Bool {
        reading.sequence != 0 && reading.sequence < (reading.isEvent ? newestEvent : newestState)
    }

    /// A device without times, or with one stamp only, whose sequence begins again after a pause or
    /// a birth message has been restarted. It may send the same messages as then.
    func showsRestart(_ reading: Reading, isAfterPause: Bool) -> Bool {
        guard isAfterPause, isOlderBySequence(reading),
            reading.deviceTime.map({ $0.nanoseconds == stamp }) ?? true
        else {
            return false
        }
        let newest = reading.isEvent ? newestEvent : newestState
        return reading.sequence == 1 || reading.sequence + Int64(LiftState.rememberedKeys) < newest
    }

    mutating func resetSequence() { (newestState, newestEvent, behindSince) = (0, 0, 0) }

    /// A message without a time has a lower sequence number.
    /// - Returns: whether it is one of several in a row whose numbers rise for longer than the
    ///   interval of reports, with no newer message between: the device has been restarted.
    mutating func showsSequenceRestart(_ reading: Reading, at arrival: Int64) -> Bool {
        if behindSince == 0 || reading.sequence <= lastBehind { behindSince = arrival }
        lastBehind = reading.sequence
        return arrival - behindSince >= Self.pause
    }

    // MARK: Stamps

    /// When a further message with the newest stamp counts: as much later as it came later.
    func time(at arrival: Int64) -> Int64 { stampTime &+ max(0, arrival &- stampArrival) }

    /// A message with the newest stamp has come.
    mutating func noteSameStamp(changes: Bool, at arrival: Int64, lateness: Int64) {
        if changes, arrival &- stampArrival >= lateness { hasChanged = true }
    }

    /// - Parameter isFarOff: the clock is years off. The stamp of a running clock, however wrong,
    ///   stays the same for hours only while nothing changes.
    mutating func standsStill(at arrival: Int64, isFarOff: Bool) -> Bool {
        guard stamp != .min, hasChanged || isFarOff, arrival &- stampArrival >= Self.longestStamp
        else { return false }
        stoodAt = arrival
        return true
    }

    func runsAgain(at arrival: Int64) -> Bool {
        stoodAt != .min && arrival &- stoodAt >= Self.runningFor
    }
    var stoodSince: Int64 { stampTime }

    // MARK: The newest

    /// Notes a message that is newer than all before it.
    mutating func note(_ reading: Reading, key: UInt64, time: Int64, at arrival: Int64) {
        isAfterBirth = false
        behindSince = 0
        if reading.sequence != 0 {
            if reading.isEvent {
                newestEvent = reading.sequence
            } else {
                newestState = reading.sequence
            }
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
            newestState, newestEvent, lastBehind, behindSince, stamp, stampTime, stampArrival,
            stoodAt, latePress,
            pastPress,
        ] {
            writer.write(number)
        }
        for flag in [isAfterBirth, hasChanged, hasWholeMinutes] { writer.write(flag) }
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
        isAfterBirth = try reader.readFlag()
        hasChanged = try reader.readFlag()
        hasWholeMinutes = try reader.readFlag()
    }
}

extension Reading {
    /// The reading is one code that began or ended, and no state.
    var isEvent: Bool { codesRaised | codesEnded != 0 }

    /// The device, or its adapter, has connected again.
    var isBirth: Bool {
        let bit: UInt64 = 1 << UInt64(Signal.online.rawValue)
        return !isBaseline && known & bit != 0 && bits(Signal.online.rawValue) == 1
    }

    /// The reading differs from the known values.
    func changes(_ memory: borrowing LiftMemory) -> Bool {
        if isEvent { return true }
        var rest = mentioned
        while rest != 0 {
            let index = rest.trailingZeroBitCount
            let bit: UInt64 = 1 << UInt64(index)
            rest &= rest - 1
            if known & bit != memory.known & bit { return true }
            if known & bit != 0, memory.signal(index) != bits(index) { return true }
        }
        return false
    }
}
