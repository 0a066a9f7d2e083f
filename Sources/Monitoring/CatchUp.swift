import Encoding
import LiftModel
import RuleEngine

/// What a lift's timers wait for while the gateway observes: the rest of a burst of messages that a
/// link held back, or the first message after a gap. These messages report what happened before the
/// timers were due.
struct CatchUp: Sendable, Equatable {
    /// A message this much older than its arrival was held back by a link.
    static let heldBackAge = Duration.seconds(5).nanoseconds
    /// A message that was held back counts at most this far back. A condition that was over by then
    /// is history, and one that has lasted is confirmed at once.
    static let longestReach = Duration.seconds(300).nanoseconds
    /// How long the timers wait for the next message of a burst. While the link stalls, no hold
    /// expires that the next message may refute. A controller that reports every 10 s has sent one
    /// by then.
    static let burstWait = Duration.seconds(12).nanoseconds
    /// How long the timers wait for a lift's first message after a gap, over all gaps since its
    /// last message. It is less than the time after which a silent lift is suspected. A gateway
    /// that restarts every few seconds must notice a silence, too.
    static let firstReadingWait = Duration.seconds(15).nanoseconds

    /// Timers wait until this time of arrival.
    private(set) var until = LiftMemory.beforeAll
    /// No sign of life has come since the last gap.
    private(set) var awaitsFirstReading = false
    /// What remains of the wait for the first message.
    private var waitLeft = Self.firstReadingWait
    /// The last message of the burst: its age at its arrival, and its arrival.
    private var age: Int64 = 0
    private var arrival = LiftMemory.beforeAll

    init() {}

    func isWaiting(at now: Int64) -> Bool { until > now }

    /// A message of this age has come.
    mutating func note(age: Int64, arrival: Int64) {
        // It is the first message after a gap, or a fresh one: the wait ends.
        if awaitsFirstReading || age <= Self.heldBackAge { until = LiftMemory.beforeAll }
        guard age > Self.heldBackAge else { return }
        // The messages of a burst make up for lost time. Those of a clock that stands still, or of
        // a link that is always slow, never do, so nothing waits for them.
        if arrival < until, self.age &- age < arrival &- self.arrival { return }
        (until, self.age, self.arrival) = (arrival + Self.burstWait, age, arrival)
    }

    /// A gap has ended, and the lift has sent nothing yet.
    mutating func awaitFirstReading(after gap: ClosedRange<Int64>) {
        if awaitsFirstReading { waitLeft = max(0, until - gap.lowerBound) }
        guard waitLeft > 0 else { return }
        (until, awaitsFirstReading) = (gap.upperBound + waitLeft, true)
    }

    /// The lift has sent a sign of life.
    mutating func noteReading() { (awaitsFirstReading, waitLeft) = (false, Self.firstReadingWait) }

    /// The lift's time runs on, with a message or without one.
    mutating func endWait() {
        if awaitsFirstReading { (awaitsFirstReading, waitLeft) = (false, 0) }
    }

    func write(to writer: inout ByteWriter) {
        for number in [until, age, arrival, waitLeft] { writer.write(number) }
        writer.write(awaitsFirstReading)
    }

    init(from reader: inout ByteReader, format: UInt32) throws(MalformedBytes) {
        until = try reader.read()
        age = try reader.read()
        arrival = try reader.read()
        if format >= 5 { waitLeft = try reader.read() }
        awaitsFirstReading = try reader.readFlag()
    }
}
