import Elevator
import PositionedYAML

/// What happens to a building's messages between its lifts and the gateway. Data: `Simulator/catalogue/networks.yaml`.
struct NetworkProfile: Sendable {
    var name: String
    /// Seconds.
    var delay: ClosedRange<Double>
    /// Shares of messages that are lost, come twice, or overtaken by later ones; and how late those are, in seconds.
    var lost: Double
    var doubled: Double
    var late: Double
    var lateBy: Double
    /// The broker repeats its last twenty messages this often, in seconds.
    var redeliveryEvery: Double
    /// A lift's link is away this often and this long; what was said meanwhile comes in a burst.
    var outageEvery: Double
    var outage: ClosedRange<Double>

    init(_ name: String, _ node: YAMLNode, _ diagnostics: Diagnostics) {
        self.name = name
        var reader = YAMLReader(node, diagnostics)
        delay = reader.durations("delay") ?? 0.003...0.03
        outage = reader.durations("outage") ?? 5...60
        lost = reader.share("lost") ?? 0
        doubled = reader.share("doubled") ?? 0
        late = reader.share("late") ?? 0
        lateBy = reader.duration("late_by")?.inSeconds ?? 1.8
        redeliveryEvery = reader.longer("redelivery_every") ?? .infinity
        outageEvery = reader.longer("outage_every") ?? .infinity
        reader.finish()
    }
}

/// A building's network at work.
struct Network {
    let profile: NetworkProfile
    private var random: Random
    /// Seconds since the run's start: from when until when each lift's link is away, when it goes next, and when its last word
    /// arrived.
    private var awayFrom: [Double]
    private var awayUntil: [Double]
    private var nextOutage: [Double]
    private var lastArrival: [Double]
    /// Until when what is said is not kept.
    private var lostUntil: [Double]
    /// The last words, in a ring; `oldest` is overwritten next.
    private var recent: [Word] = []
    private var oldest = 0
    private var nextRedelivery: Double
    /// Words on their way by their places in `shelves`, which are used again.
    private var underWay = Heap<Double, Int32>()
    private var shelves: [Word] = []
    private var free: [Int32] = []
    private(set) var counts = NetworkCounts()

    init(_ profile: NetworkProfile, lifts: Int, random: Random) {
        self.profile = profile
        self.random = random
        awayFrom = Array(repeating: 0, count: lifts)
        awayUntil = awayFrom
        lastArrival = awayUntil
        nextOutage = awayUntil
        lostUntil = awayUntil
        nextRedelivery = profile.redeliveryEvery
        for lift in 0..<lifts { nextOutage[lift] = self.random.exponential(rate: 1 / profile.outageEvery) }
    }

    /// Takes a word on its way.
    /// - Returns: the outage of its link that delays it.
    mutating func carry(_ word: Word) -> ClosedRange<Double>? {
        if profile.lost > 0, random.chance(profile.lost) {
            counts.lost += 1
            return nil
        }
        var outage: ClosedRange<Double>?
        var arrival = word.time + random.uniform(profile.delay)
        while word.time >= nextOutage[word.lift] {
            awayFrom[word.lift] = nextOutage[word.lift]
            awayUntil[word.lift] = nextOutage[word.lift] + random.uniform(profile.outage)
            nextOutage[word.lift] = awayUntil[word.lift] + random.exponential(rate: 1 / profile.outageEvery)
        }
        if word.time < awayUntil[word.lift] {
            arrival = max(arrival, awayUntil[word.lift])
            outage = awayFrom[word.lift]...awayUntil[word.lift]
            if word.time < lostUntil[word.lift] {
                counts.lost += 1
                return outage
            }
            counts.delayed += 1
        }
        if profile.late > 0, random.chance(profile.late) {
            arrival += random.uniform(0.2, max(0.2, profile.lateBy))
            counts.delayed += 1
        } else {
            // One lift's words travel on one connection, in order, except those that go astray.
            arrival = max(arrival, lastArrival[word.lift])
            lastArrival[word.lift] = arrival
        }
        send(word, arrival)
        if profile.doubled > 0, random.chance(profile.doubled) {
            send(word, arrival + random.uniform(0.001, 1.5))
            counts.doubled += 1
        }
        guard profile.redeliveryEvery < .infinity else { return outage }
        if recent.count < 20 {
            recent.append(word)
        } else {
            recent[oldest] = word
            oldest = (oldest + 1) % recent.count
        }
        // The broker repeats what it believes to be unacknowledged.
        if word.time >= nextRedelivery {
            for place in recent.indices { send(recent[(oldest + place) % recent.count], arrival + 0.5) }
            counts.doubled += recent.count
            nextRedelivery += profile.redeliveryEvery
        }
        return outage
    }

    /// A lift's link is away.
    mutating func cut(_ lift: Int, _ outage: ClosedRange<Double>, losing isLost: Bool) {
        if isLost { lostUntil[lift] = max(lostUntil[lift], outage.upperBound) }
        awayFrom[lift] = outage.lowerBound
        awayUntil[lift] = max(awayUntil[lift], outage.upperBound)
    }

    private mutating func send(_ word: Word, _ arrival: Double) {
        if let place = free.popLast() {
            shelves[Int(place)] = word
            underWay.push(arrival, place)
        } else {
            shelves.append(word)
            underWay.push(arrival, Int32(shelves.count - 1))
        }
    }

    var nextArrival: Double? { underWay.firstKey }

    /// The word that arrives next; there must be one.
    mutating func deliver() -> Word {
        guard let (_, place) = underWay.pop() else { preconditionFailure("nothing is under way") }
        free.append(place)
        return shelves[Int(place)]
    }
}

/// What networks did to messages.
package struct NetworkCounts: Sendable {
    package var lost = 0
    package var doubled = 0
    package var delayed = 0

    static func + (a: NetworkCounts, b: NetworkCounts) -> NetworkCounts {
        NetworkCounts(lost: a.lost + b.lost, doubled: a.doubled + b.doubled, delayed: a.delayed + b.delayed)
    }
}
