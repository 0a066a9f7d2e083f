import Encoding
import LiftModel
import RuleEngine

/// Decides which time a message of one lift counts at, from the lift's own time stamps.
///
/// A constant offset (a time zone) is learned. A clock that jumps ahead is not believed: its
/// messages count at their arrival until it agrees with itself again. Messages older than the
/// newest one are history (an adapter sends what it had buffered), or the clock was set back. Their
/// further stamps decide which (`hasSteppedBack`).
struct DeviceClock: Sendable, Equatable {
    /// Differences up to this count as delay and jitter, not as an offset.
    static let tolerance = Duration.seconds(5).nanoseconds
    /// A device's time may be ahead of the arrival by this much: two clocks never agree to the
    /// millisecond.
    static let futureTolerance = Duration.seconds(2).nanoseconds
    /// A message this much older than its arrival comes from a wrong clock, not from a queue.
    static let longestBacklog = Duration.seconds(7 * 86_400).nanoseconds
    /// A wrong clock is believed again once this many messages in a row agree on their offset for
    /// this long.
    static let agreeingReadings = 3
    static let agreeingFor = Duration.seconds(5).nanoseconds

    /// A clock that loses time makes each message look late. If none of `laggingReadings` over
    /// `laggingFor` is younger than `lag`, the clock is behind: a link delivers some messages at
    /// once.
    static let lag = Duration.seconds(1).nanoseconds
    static let laggingReadings = 5
    static let laggingFor = Duration.seconds(60).nanoseconds

    /// Old messages in a row for this long, without a newer one, are those of a clock that was set
    /// back. This is longer than the interval of reports.
    static let stepFor = Duration.seconds(15).nanoseconds

    /// Added to the device's time; nil while the clock is not believed.
    var offset: Int64?
    private var candidate: Int64 = 0
    private var candidateSince: Int64 = 0
    private var candidateCount = 0
    /// In a queue: the offset that puts a clock that has jumped right after the message before.
    private var queueOffset: Int64?
    /// The least age of the messages since `lagSince`, and their number.
    private var leastAge = Int64.max
    private var lagSince: Int64 = 0
    private var lagCount = 0
    /// Of old messages in a row: their number, and the first and the last stamp.
    private var oldCount = 0
    private var oldStamp: Int64 = 0
    private var oldSince: Int64 = 0
    private var lastOldStamp: Int64 = 0
    private var leastApparentAge: Int64 = 0

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
            leastAge, lagSince, Int64(lagCount), Int64(oldCount), oldStamp, oldSince, lastOldStamp,
            leastApparentAge,
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
        leastApparentAge = try reader.read()
    }

    struct Assessment: Equatable {
        var time: Int64
        /// The device's time was not used.
        var isImplausible: Bool
        /// The clock has a new offset from here on.
        var isNewOffset: Bool
        /// Older than the lift's newest message, by more than the lateness.
        var isOld = false
    }

    /// Facts about the lift's other messages.
    struct Context {
        /// The message may have waited in a queue (retained, or the backlog after a connect).
        var mayBeQueued: Bool
        /// The time of the lift's newest message. A link between lift and broker that was away
        /// delivers old messages in a burst, each later than this; a clock that was set back gives
        /// earlier times.
        var latest: Int64
        /// By the device's sequence number the message is newer than that one.
        var isNewerBySequence = false
        /// The lift was silent for a while, or it has connected anew.
        var isAfterPause = false
        /// All stamps of the lift are whole minutes.
        var hasWholeMinutes = false
        var lateness = DeviceClock.futureTolerance
    }

    /// A message with the newest stamp has come: the old messages before it really were old.
    mutating func noteNewest() { oldCount = 0 }

    // Over 60 lines: what a clock may do, in the order of precedence.
    mutating func assess(device: Int64, arrival: Int64, _ context: Context) -> Assessment {
        let (mayBeQueued, latest, isNewerBySequence) = (
            context.mayBeQueued, context.latest, context.isNewerBySequence
        )
        let apparentAge = arrival &- device
        if !mayBeQueued { queueOffset = nil }
        if offset == nil, apparentAge >= -Self.futureTolerance,
            apparentAge <= (mayBeQueued ? Self.longestBacklog : Self.tolerance)
        {
            offset = 0
        } else if offset == nil, !mayBeQueued {
            // The first message ever: whatever the clock shows, from here on its offset need only
            // be constant.
            offset = apparentAge
            return Assessment(time: arrival, isImplausible: false, isNewOffset: true)
        }
        if let offset, !mayBeQueued, latest > LiftMemory.beforeAll,
            device &+ offset < latest &- context.lateness
        {
            return assessOld(device, arrival, context)
        }
        // The clock was set back by less than the time since. Its stamps are new again, with the
        // same distance from their arrival.
        if oldCount > 0, !mayBeQueued, apparentAge &- (offset ?? 0) > Self.tolerance,
            (apparentAge &- leastApparentAge).magnitude <= UInt64(Self.futureTolerance)
        {
            let assessment = assessOld(device, arrival, context)
            return assessment.isOld
                ? Assessment(time: arrival, isImplausible: true, isNewOffset: false) : assessment
        }
        oldCount = 0
        let hasGoneBack =
            mayBeQueued && isNewerBySequence && device &+ (offset ?? 0) < latest &- Self.tolerance
        if let offset, !hasGoneBack {
            let age = apparentAge &- offset
            let oldest = mayBeQueued ? Self.longestBacklog : 6 * Self.tolerance
            if age >= -Self.futureTolerance, age <= oldest {
                candidateCount = 0
                // No message arrives before it is sent, so the clock is ahead by that much. If such
                // messages counted at their arrival, an overtaken one would count after those that
                // overtook it.
                if age < 0 { self.offset = apparentAge }
                if !mayBeQueued, let lag = lag(age, at: arrival) { self.offset = offset &+ lag }
                return Assessment(
                    time: device &+ min(self.offset ?? offset, apparentAge), isImplausible: false,
                    isNewOffset: false)
            }
        }
        if mayBeQueued {
            return Assessment(
                time: timeInQueue(device, arrival, latest), isImplausible: true, isNewOffset: false)
        }
        if isSteady(apparentAge, at: arrival) {
            offset = candidate.magnitude <= UInt64(Self.futureTolerance) ? 0 : candidate
            candidateCount = 0
            return Assessment(
                time: min(arrival, device &+ candidate), isImplausible: false, isNewOffset: true)
        }
        if let offset, device &+ offset >= latest, apparentAge &- offset > 0,
            apparentAge &- offset <= Self.longestBacklog
        {
            return Assessment(time: device &+ offset, isImplausible: false, isNewOffset: false)
        }
        return Assessment(time: arrival, isImplausible: true, isNewOffset: false)
    }

    private mutating func assessOld(_ device: Int64, _ arrival: Int64, _ context: Context)
        -> Assessment
    {
        let apparentAge = arrival &- device
        // No adapter buffers for that long what comes first after a pause: the device was
        // restarted, and its clock with it.
        let isRestart = context.isAfterPause && apparentAge &- (offset ?? 0) > Self.longestBacklog
        guard
            hasSteppedBack(device, arrival, context.hasWholeMinutes ? 60_000_000_000 : 0)
                || isRestart
        else {
            return Assessment(
                time: device &+ (offset ?? 0), isImplausible: false, isNewOffset: false, isOld: true
            )
        }
        // Of a running clock the least apparent age is the offset. Of a clock that stands still
        // each message counts at its arrival.
        let isGoing = (lastOldStamp &- oldStamp) * 2 > arrival &- oldSince
        let learned = isGoing && !isRestart ? leastApparentAge : apparentAge
        offset = learned.magnitude <= UInt64(Self.futureTolerance) ? 0 : learned
        (oldCount, candidateCount) = (0, 0)
        return Assessment(
            time: min(arrival, device &+ learned), isImplausible: false, isNewOffset: true)
    }

    /// Whether the old messages in a row advance with their arrival, or stand still, for longer
    /// than the interval of reports. Buffered messages come faster than they were sent, or between
    /// newer ones.
    private mutating func hasSteppedBack(_ device: Int64, _ arrival: Int64, _ grain: Int64) -> Bool
    {
        let advance = device &- oldStamp
        if oldCount == 0 || device < lastOldStamp &- Self.futureTolerance
            || advance > arrival &- oldSince &+ Self.futureTolerance &+ grain
        {
            (oldCount, oldStamp, oldSince, leastApparentAge) = (
                0, device, arrival, arrival &- device
            )
        }
        oldCount += 1
        lastOldStamp = device
        leastApparentAge = min(leastApparentAge, arrival &- device)
        return oldCount >= 2 && arrival &- oldSince >= Self.stepFor
    }

    /// - Returns: by how much the clock is behind, once this is certain.
    private mutating func lag(_ age: Int64, at arrival: Int64) -> Int64? {
        leastAge = min(leastAge, max(0, age))
        lagCount += 1
        guard lagCount >= Self.laggingReadings, arrival &- lagSince >= Self.laggingFor else {
            return nil
        }
        defer { (leastAge, lagSince, lagCount) = (max(0, age), arrival, 1) }
        return lagSince != 0 && leastAge > Self.lag ? leastAge : nil
    }

    /// A queue keeps the order: a message counts later than the one before it by as much as its
    /// clock has advanced.
    private mutating func timeInQueue(_ device: Int64, _ arrival: Int64, _ latest: Int64) -> Int64 {
        guard latest > LiftMemory.beforeAll, latest < arrival else { return arrival }
        let time = device &+ (queueOffset ?? 0)
        // At least one nanosecond later: the clock of a restarted device begins again, and its
        // messages must not count before earlier ones.
        if queueOffset == nil || time <= latest || time > arrival {
            queueOffset = latest + 1 &- device
        }
        return device &+ (queueOffset ?? 0)
    }

    /// Messages in a row have had the same apparent age for a while.
    private mutating func isSteady(_ apparentAge: Int64, at arrival: Int64) -> Bool {
        if candidateCount == 0
            || (apparentAge &- candidate).magnitude > UInt64(Self.futureTolerance)
        {
            candidate = apparentAge
            candidateSince = arrival
            candidateCount = 0
        }
        candidateCount += 1
        candidate = min(candidate, apparentAge)
        return candidateCount >= Self.agreeingReadings
            && arrival &- candidateSince >= Self.agreeingFor
    }
}
