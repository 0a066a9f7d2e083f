import Elevator
import Encoding

/// For what a lift's timers wait, though somebody listens: the rest of a burst of words that a link held back, or the first word
/// after a gap. What these tell of had happened before the timers were due.
struct CatchUp: Sendable, Equatable {
    /// A word this much older than its arrival was held back by a link.
    static let heldBack = Duration.seconds(5).nanoseconds
    /// So long after one the next word of a burst is waited for.
    static let burstPause = Duration.seconds(2).nanoseconds
    /// So long after we listen again the first word of a lift is waited for at most: less than it may be silent before it is
    /// suspected of being so.
    static let longestFirstWordPause = Duration.seconds(15).nanoseconds

    /// Timers wait until then; time of arrival.
    private(set) var until = LiftMemory.beforeAll
    /// Nothing has been heard of the lift since we listen again.
    var awaitsFirstWord = false
    /// The last word of the burst: how old it was when it came, and when that was.
    private var age: Int64 = 0
    private var arrival = LiftMemory.beforeAll

    init() {}

    func isWaiting(at now: Int64) -> Bool { until > now }

    /// A word came that was said so long ago.
    mutating func note(age: Int64, arrival: Int64) {
        // It is the first word that was waited for, or as new as words are: it ends what was waited for.
        if awaitsFirstWord || age <= Self.heldBack { until = LiftMemory.beforeAll }
        guard age > Self.heldBack else { return }
        // A burst makes up for lost time. A clock that stands still, or a link that is always slow, never does: nothing waits for these.
        if arrival < until, self.age &- age < arrival &- self.arrival { return }
        (until, self.age, self.arrival) = (arrival + Self.burstPause, age, arrival)
    }

    /// Somebody listens again, and the lift has said nothing yet. It is waited for as long as nobody listened, and no shorter than it was
    /// still to be waited for before: little happens in half a second, and a gateway that restarts every few seconds has to notice a
    /// silence, too.
    mutating func awaitFirstWord(after gap: ClosedRange<Int64>) {
        let before = isWaiting(at: gap.lowerBound) ? until - gap.lowerBound : 0
        let pause = min(max(before, gap.upperBound - gap.lowerBound), Self.longestFirstWordPause)
        (until, awaitsFirstWord) = (gap.upperBound + pause, true)
    }

    func write(to writer: inout ByteWriter) {
        for number in [until, age, arrival] { writer.write(number) }
        writer.write(awaitsFirstWord)
    }

    init(from reader: inout ByteReader) throws(MalformedBytes) {
        until = try reader.read()
        age = try reader.read()
        arrival = try reader.read()
        awaitsFirstWord = try reader.readFlag()
    }
}
