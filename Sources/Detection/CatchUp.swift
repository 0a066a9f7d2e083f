import Elevator
import Encoding

/// For what a lift's timers wait, though somebody listens: the rest of a burst of words that a link held back, or the first word
/// after a gap. What these tell of had happened before the timers were due.
struct CatchUp: Sendable, Equatable {
    /// A word this much older than its arrival was held back by a link.
    static let heldBack = Duration.seconds(5).nanoseconds
    /// A word held back counts no farther back than this: what was over by then is history, and what has lasted is confirmed at once.
    static let farthest = Duration.seconds(300).nanoseconds
    /// So long after one the next word of a burst is waited for: in a stall of its link no hold passes that the next word may refute. A
    /// controller that reports every 10 s has said something by then.
    static let burstPause = Duration.seconds(12).nanoseconds
    /// So long the first word of a lift is waited for after we listen again, over all the gaps since the last one: less than it may be
    /// silent before it is suspected of being so. A gateway that restarts every few seconds has to notice a silence, too.
    static let firstWordPause = Duration.seconds(15).nanoseconds

    /// Timers wait until then; time of arrival.
    private(set) var until = LiftMemory.beforeAll
    /// Nothing has been heard of the lift since we listen again.
    private(set) var awaitsFirstWord = false
    /// What is left of the pause for it.
    private var pauseLeft = Self.firstWordPause
    /// The last word of the burst: how old it was when it came, and when that was.
    private var age: Int64 = 0
    private var arrival = LiftMemory.beforeAll

    init() {}

    func isWaiting(at now: Int64) -> Bool { until > now }

    /// A word came that was said so long ago.
    mutating func note(age: Int64, arrival: Int64) {
        // It is the first word that was waited for, or a fresh one: nothing more is waited for.
        if awaitsFirstWord || age <= Self.heldBack { until = LiftMemory.beforeAll }
        guard age > Self.heldBack else { return }
        // A burst makes up for lost time. A clock that stands still, or a link that is always slow, never does: nothing waits for these.
        if arrival < until, self.age &- age < arrival &- self.arrival { return }
        (until, self.age, self.arrival) = (arrival + Self.burstPause, age, arrival)
    }

    /// Somebody listens again after a gap, and the lift has said nothing yet.
    mutating func awaitFirstWord(after gap: ClosedRange<Int64>) {
        if awaitsFirstWord { pauseLeft = max(0, until - gap.lowerBound) }
        guard pauseLeft > 0 else { return }
        (until, awaitsFirstWord) = (gap.upperBound + pauseLeft, true)
    }

    /// It said something.
    mutating func noteWord() { (awaitsFirstWord, pauseLeft) = (false, Self.firstWordPause) }

    /// Its time goes on, with a word or without.
    mutating func goOn() {
        if awaitsFirstWord { (awaitsFirstWord, pauseLeft) = (false, 0) }
    }

    func write(to writer: inout ByteWriter) {
        for number in [until, age, arrival, pauseLeft] { writer.write(number) }
        writer.write(awaitsFirstWord)
    }

    init(from reader: inout ByteReader, format: UInt32) throws(MalformedBytes) {
        until = try reader.read()
        age = try reader.read()
        arrival = try reader.read()
        if format >= 5 { pauseLeft = try reader.read() }
        awaitsFirstWord = try reader.readFlag()
    }
}
