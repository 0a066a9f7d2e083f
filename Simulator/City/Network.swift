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
        func seconds(_ key: String, _ usual: ClosedRange<Double>) -> ClosedRange<Double> {
            let ends = reader.items(key).compactMap { reader.duration(of: $0)?.inSeconds }
            return ends.count == 2 && ends[0] <= ends[1] ? ends[0]...ends[1] : usual
        }
        delay = seconds("delay", 0.003...0.03)
        outage = seconds("outage", 5...60)
        lost = reader.share("lost") ?? 0
        doubled = reader.share("doubled") ?? 0
        late = reader.share("late") ?? 0
        lateBy = reader.duration("late_by")?.inSeconds ?? 1.8
        redeliveryEvery = reader.duration("redelivery_every")?.inSeconds ?? .infinity
        outageEvery = reader.duration("outage_every")?.inSeconds ?? .infinity
        reader.finish()
    }
}

/// A building's network at work.
struct Network {
    /// A message on its way.
    struct Parcel {
        var lift: Int
        var channel: Dialect.Channel
        var shows: Int
        var payload: [UInt8]
    }
    let profile: NetworkProfile
    private var random: Random
    /// Seconds since the run's start: until when each lift's link is away, when it goes next, and when its last word arrived.
    private var awayUntil: [Double]
    private var nextOutage: [Double]
    private var lastArrival: [Double]
    private var recent: [Parcel] = []
    private var nextRedelivery: Double
    private(set) var underWay = Heap<Double, Parcel>()
    private(set) var counts = NetworkCounts()

    init(_ profile: NetworkProfile, lifts: Int, random: Random) {
        self.profile = profile
        self.random = random
        awayUntil = Array(repeating: 0, count: lifts)
        lastArrival = awayUntil
        nextOutage = awayUntil
        nextRedelivery = profile.redeliveryEvery
        for lift in 0..<lifts { nextOutage[lift] = self.random.exponential(rate: 1 / profile.outageEvery) }
    }

    /// Takes what was said.
    mutating func carry(_ words: Words) {
        for word in words.list { carry(word, words.bytes) }
    }

    private mutating func carry(_ word: Word, _ bytes: [UInt8]) {
        if profile.lost > 0, random.chance(profile.lost) {
            counts.lost += 1
            return
        }
        let parcel = Parcel(
            lift: word.lift, channel: word.channel, shows: word.shows,
            payload: Array(bytes[word.start..<word.start + word.count]))
        var arrival = word.time + random.uniform(profile.delay)
        while word.time >= nextOutage[word.lift] {
            awayUntil[word.lift] = nextOutage[word.lift] + random.uniform(profile.outage)
            nextOutage[word.lift] = awayUntil[word.lift] + random.exponential(rate: 1 / profile.outageEvery)
        }
        if word.time < awayUntil[word.lift] {
            arrival = max(arrival, awayUntil[word.lift])
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
        underWay.push(arrival, parcel)
        if profile.doubled > 0, random.chance(profile.doubled) {
            underWay.push(arrival + random.uniform(0.001, 1.5), parcel)
            counts.doubled += 1
        }
        guard profile.redeliveryEvery < .infinity else { return }
        recent.append(parcel)
        if recent.count > 20 { recent.removeFirst() }
        // The broker repeats what it believes to be unacknowledged.
        if word.time >= nextRedelivery {
            for old in recent { underWay.push(arrival + 0.5, old) }
            counts.doubled += recent.count
            nextRedelivery += profile.redeliveryEvery
        }
    }

    /// The next message that arrives before a moment.
    mutating func deliver(before end: Double) -> (time: Double, parcel: Parcel)? {
        guard let due = underWay.firstKey, due < end, let (time, parcel) = underWay.pop() else { return nil }
        return (time, parcel)
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
