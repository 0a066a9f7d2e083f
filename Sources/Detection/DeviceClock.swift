import Elevator
import Encoding

/// Judges one lift's own time stamps, and places its words on the gateway's time line.
///
/// A constant offset (a time zone) is learned. A clock that jumps ahead is not believed: its words count at their arrival until
/// it agrees with itself again. Words older than what the lift has said since are old (an adapter brings what it had buffered), or
/// the clock was set back: which of them, their stamps tell as they come (`hasSteppedBack`).
struct DeviceClock: Sendable, Equatable {
    /// What is taken for delay and jitter rather than for an offset.
    static let tolerance = Duration.seconds(5).nanoseconds
    /// A device's word may seem to come from the future by this much: two clocks never agree to the millisecond.
    static let futureTolerance = Duration.seconds(2).nanoseconds
    /// A word this much older than its arrival comes from a clock that is wrong, not from a queue.
    static let longestBacklog = Duration.seconds(7 * 86_400).nanoseconds
    /// A wrong clock is believed again once this many words in a row agree on their offset for this long.
    static let agreeingWords = 3
    static let agreeingFor = Duration.seconds(5).nanoseconds

    /// A clock that loses time makes each of its words look late. Where none of so many, over so long, has come sooner than this, it is
    /// the clock: a link brings some of its words at once.
    static let lag = Duration.seconds(1).nanoseconds
    static let laggingWords = 5
    static let laggingFor = Duration.seconds(60).nanoseconds

    /// Old words in a row, with no newer one between, for so long are those of a clock that was set back: longer than reports are apart.
    static let stepFor = Duration.seconds(15).nanoseconds

    /// Added to the device's time; nil while the clock is not believed.
    var offset: Int64?
    private var candidate: Int64 = 0
    private var candidateSince: Int64 = 0
    private var candidateCount = 0
    /// Among words that waited in a queue: what brings a clock that has jumped to where the words before it were said.
    private var queueOffset: Int64?
    /// The least age of the words since `lagSince`, and how many they are.
    private var leastAge = Int64.max
    private var lagSince: Int64 = 0
    private var lagCount = 0
    /// Of old words in a row: how many, and the first and the last one's stamps.
    private var oldCount = 0
    private var oldStamp: Int64 = 0
    private var oldSince: Int64 = 0
    private var lastOldStamp: Int64 = 0
    private var leastExcess: Int64 = 0

    init() {}

    func write(to writer: inout ByteWriter) {
        writer.write(offset != nil)
        writer.write(offset ?? 0)
        writer.write(candidate)
        writer.write(candidateSince)
        writer.write(Int64(candidateCount))
        writer.write(queueOffset != nil)
        writer.write(queueOffset ?? 0)
        for number in [
            leastAge, lagSince, Int64(lagCount), Int64(oldCount), oldStamp, oldSince, lastOldStamp, leastExcess,
        ] {
            writer.write(number)
        }
    }

    init(from reader: inout ByteReader, format: UInt32) throws(MalformedBytes) {
        let isBelieved = try reader.readFlag()
        let written: Int64 = try reader.read()
        offset = isBelieved ? written : nil
        candidate = try reader.read()
        candidateSince = try reader.read()
        candidateCount = Int(try reader.read(Int64.self))
        guard format >= 4 else { return }
        let isQueueOff = try reader.readFlag()
        let inQueue: Int64 = try reader.read()
        queueOffset = isQueueOff ? inQueue : nil
        leastAge = try reader.read()
        lagSince = try reader.read()
        lagCount = Int(try reader.read(Int64.self))
        guard format >= 6 else { return }
        oldCount = Int(try reader.read(Int64.self))
        oldStamp = try reader.read()
        oldSince = try reader.read()
        lastOldStamp = try reader.read()
        leastExcess = try reader.read()
    }

    struct Judgement: Equatable {
        var time: Int64
        /// The device's time was not used.
        var isAbsurd: Bool
        /// The clock has a new offset from here on.
        var isNewOffset: Bool
        /// Said before what the lift has said since, by more than the lateness.
        var isOld = false
    }

    /// What a lift's other messages say of the one that is judged.
    struct Context {
        /// It may have waited in a queue (retained, or the backlog after a connect).
        var mayBeQueued: Bool
        /// When the lift's newest word was said. A link between lift and broker that was away brings old words in a burst, each said
        /// after it; a clock that has gone back tells of times before it.
        var latest: Int64
        /// By the device's own count this word is newer than that one.
        var countsOn = false
        /// Nothing had been heard of the lift for a while, or it has connected anew.
        var isAfterPause = false
        /// All its stamps are whole minutes.
        var hasWholeMinutes = false
        var lateness = DeviceClock.futureTolerance
    }

    /// A word with the newest stamp has come: those that were old before it were so.
    mutating func noteNewest() { oldCount = 0 }

    mutating func judge(device: Int64, arrival: Int64, _ context: Context) -> Judgement {
        let (mayBeQueued, latest, countsOn) = (context.mayBeQueued, context.latest, context.countsOn)
        let excess = arrival &- device
        if !mayBeQueued { queueOffset = nil }
        if offset == nil, excess >= -Self.futureTolerance,
            excess <= (mayBeQueued ? Self.longestBacklog : Self.tolerance)
        {
            offset = 0
        } else if offset == nil, !mayBeQueued {
            // The first word ever: whatever the clock says, from here on it need only be constant.
            offset = excess
            return Judgement(time: arrival, isAbsurd: false, isNewOffset: true)
        }
        if let offset, !mayBeQueued, latest > LiftMemory.beforeAll, device &+ offset < latest &- context.lateness {
            return judgeOld(device, arrival, context)
        }
        // Set back by less than has passed since: by now it says times that are new, at the same distance from their arrival.
        if oldCount > 0, !mayBeQueued, excess &- (offset ?? 0) > Self.tolerance,
            (excess &- leastExcess).magnitude <= UInt64(Self.futureTolerance)
        {
            let judged = judgeOld(device, arrival, context)
            return judged.isOld ? Judgement(time: arrival, isAbsurd: true, isNewOffset: false) : judged
        }
        oldCount = 0
        let hasGoneBack = mayBeQueued && countsOn && device &+ (offset ?? 0) < latest &- Self.tolerance
        if let offset, !hasGoneBack {
            let age = excess &- offset
            let oldest = mayBeQueued ? Self.longestBacklog : 6 * Self.tolerance
            if age >= -Self.futureTolerance, age <= oldest {
                candidateCount = 0
                // No word comes before it is said: the clock is ahead by that much. Did such words count at their arrival, one that
                // was overtaken would count after those that overtook it.
                if age < 0 { self.offset = excess }
                if !mayBeQueued, let lag = lag(age, at: arrival) { self.offset = offset &+ lag }
                return Judgement(
                    time: device &+ min(self.offset ?? offset, excess), isAbsurd: false, isNewOffset: false)
            }
        }
        if mayBeQueued {
            return Judgement(time: placeInQueue(device, arrival, latest), isAbsurd: true, isNewOffset: false)
        }
        if isSteady(excess, at: arrival) {
            offset = candidate.magnitude <= UInt64(Self.futureTolerance) ? 0 : candidate
            candidateCount = 0
            return Judgement(time: min(arrival, device &+ candidate), isAbsurd: false, isNewOffset: true)
        }
        if let offset, device &+ offset >= latest, excess &- offset > 0, excess &- offset <= Self.longestBacklog {
            return Judgement(time: device &+ offset, isAbsurd: false, isNewOffset: false)
        }
        return Judgement(time: arrival, isAbsurd: true, isNewOffset: false)
    }

    private mutating func judgeOld(_ device: Int64, _ arrival: Int64, _ context: Context) -> Judgement {
        let excess = arrival &- device
        // Nobody buffers for so long what comes first after a pause: the device was restarted, and its clock with it.
        let isRestart = context.isAfterPause && excess &- (offset ?? 0) > Self.longestBacklog
        guard hasSteppedBack(device, arrival, context.hasWholeMinutes ? 60_000_000_000 : 0) || isRestart else {
            return Judgement(
                time: device &+ (offset ?? 0), isAbsurd: false, isNewOffset: false, isOld: true)
        }
        // A clock that goes has come soonest with the least excess; one that stands has each word at its arrival.
        let isGoing = (lastOldStamp &- oldStamp) * 2 > arrival &- oldSince
        let learned = isGoing && !isRestart ? leastExcess : excess
        offset = learned.magnitude <= UInt64(Self.futureTolerance) ? 0 : learned
        (oldCount, candidateCount) = (0, 0)
        return Judgement(time: min(arrival, device &+ learned), isAbsurd: false, isNewOffset: true)
    }

    /// The old words in a row advance with their arrival, or stand, for longer than reports are apart. What was buffered comes faster
    /// than it was said, or between newer words.
    private mutating func hasSteppedBack(_ device: Int64, _ arrival: Int64, _ grain: Int64) -> Bool {
        let advance = device &- oldStamp
        if oldCount == 0 || device < lastOldStamp &- Self.futureTolerance
            || advance > arrival &- oldSince &+ Self.futureTolerance &+ grain
        {
            (oldCount, oldStamp, oldSince, leastExcess) = (0, device, arrival, arrival &- device)
        }
        oldCount += 1
        lastOldStamp = device
        leastExcess = min(leastExcess, arrival &- device)
        return oldCount >= 2 && arrival &- oldSince >= Self.stepFor
    }

    /// - Returns: by how much the clock has fallen behind, once that is sure.
    private mutating func lag(_ age: Int64, at arrival: Int64) -> Int64? {
        leastAge = min(leastAge, max(0, age))
        lagCount += 1
        guard lagCount >= Self.laggingWords, arrival &- lagSince >= Self.laggingFor else { return nil }
        defer { (leastAge, lagSince, lagCount) = (max(0, age), arrival, 1) }
        return lagSince != 0 && leastAge > Self.lag ? leastAge : nil
    }

    /// A queue keeps the order: a word was said after the one before it, by as much as its clock has gone on.
    private mutating func placeInQueue(_ device: Int64, _ arrival: Int64, _ latest: Int64) -> Int64 {
        guard latest > LiftMemory.beforeAll, latest < arrival else { return arrival }
        let place = device &+ (queueOffset ?? 0)
        // After it, and be it by a nanosecond: a device that was restarted counts from the beginning, and is not put before itself.
        if queueOffset == nil || place <= latest || place > arrival { queueOffset = latest + 1 &- device }
        return device &+ (queueOffset ?? 0)
    }

    /// Words in a row have been so much older than their arrival, or younger, for a while.
    private mutating func isSteady(_ excess: Int64, at arrival: Int64) -> Bool {
        if candidateCount == 0 || (excess &- candidate).magnitude > UInt64(Self.futureTolerance) {
            candidate = excess
            candidateSince = arrival
            candidateCount = 0
        }
        candidateCount += 1
        candidate = min(candidate, excess)
        return candidateCount >= Self.agreeingWords && arrival &- candidateSince >= Self.agreeingFor
    }
}
