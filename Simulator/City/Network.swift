import LiftModel
import PositionedYAML

/// How messages of a building travel from its lifts to the gateway. Data:
/// `Simulator/catalogue/networks.yaml`.
struct NetworkProfile: Sendable {
    var name: String
    /// Seconds.
    var delay: ClosedRange<Double>
    /// Shares of messages that are lost, duplicated, or overtaken by later ones; and the delay of
    /// the last, in seconds.
    var lost: Double
    var doubled: Double
    var late: Double
    var lateBy: Double
    /// The broker sends its last twenty messages again at this interval, in seconds.
    var redeliveryEvery: Double
    /// The mean time between outages of a lift's link, and their length, in seconds; meanwhile its
    /// messages wait and arrive in one burst.
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

/// A building's network in a run.
struct Network {
    let profile: NetworkProfile
    private var random: Random
    /// Seconds since the run's start, by lift: the last outage of its link, the next one, and its
    /// last arrival.
    private var downFrom: [Double]
    private var downUntil: [Double]
    private var nextOutage: [Double]
    private var lastArrival: [Double]
    /// Until when reports are lost rather than delayed.
    private var lostUntil: [Double]
    /// The last reports, in a ring; `oldest` is overwritten next.
    private var recent: [Report] = []
    private var oldest = 0
    private var nextRedelivery: Double
    /// Reports on their way, by their indices in `slots`, which are reused.
    private var inTransit = Heap<Double, Int32>()
    private var slots: [Report] = []
    private var freeSlots: [Int32] = []
    private(set) var counts = NetworkCounts()

    init(_ profile: NetworkProfile, lifts: Int, random: Random) {
        self.profile = profile
        self.random = random
        downFrom = Array(repeating: 0, count: lifts)
        downUntil = downFrom
        lastArrival = downUntil
        nextOutage = downUntil
        lostUntil = downUntil
        nextRedelivery = profile.redeliveryEvery
        for lift in 0..<lifts {
            nextOutage[lift] = self.random.exponential(rate: 1 / profile.outageEvery)
        }
    }

    /// Takes a report on its way.
    /// - Returns: the outage of the link that delays it.
    mutating func carry(_ report: Report) -> ClosedRange<Double>? {
        if profile.lost > 0, random.chance(profile.lost) {
            counts.lost += 1
            return nil
        }
        var outage: ClosedRange<Double>?
        var arrival = report.time + random.uniform(profile.delay)
        while report.time >= nextOutage[report.lift] {
            downFrom[report.lift] = nextOutage[report.lift]
            downUntil[report.lift] = nextOutage[report.lift] + random.uniform(profile.outage)
            nextOutage[report.lift] =
                downUntil[report.lift] + random.exponential(rate: 1 / profile.outageEvery)
        }
        if report.time < downUntil[report.lift] {
            arrival = max(arrival, downUntil[report.lift])
            outage = downFrom[report.lift]...downUntil[report.lift]
            if report.time < lostUntil[report.lift] {
                counts.lost += 1
                return outage
            }
            counts.delayed += 1
        }
        if profile.late > 0, random.chance(profile.late) {
            arrival += random.uniform(0.2, max(0.2, profile.lateBy))
            counts.delayed += 1
        } else {
            // One lift's messages travel on one connection, in order, except those drawn as late.
            arrival = max(arrival, lastArrival[report.lift])
            lastArrival[report.lift] = arrival
        }
        send(report, arrival)
        if profile.doubled > 0, random.chance(profile.doubled) {
            send(report, arrival + random.uniform(0.001, 1.5))
            counts.doubled += 1
        }
        guard profile.redeliveryEvery < .infinity else { return outage }
        if recent.count < 20 {
            recent.append(report)
        } else {
            recent[oldest] = report
            oldest = (oldest + 1) % recent.count
        }
        // The broker sends again the messages that it believes unacknowledged.
        if report.time >= nextRedelivery {
            for index in recent.indices {
                send(recent[(oldest + index) % recent.count], arrival + 0.5)
            }
            counts.doubled += recent.count
            nextRedelivery += profile.redeliveryEvery
        }
        return outage
    }

    /// A lift's link fails.
    mutating func cut(_ lift: Int, _ outage: ClosedRange<Double>, losing isLost: Bool) {
        if isLost { lostUntil[lift] = max(lostUntil[lift], outage.upperBound) }
        downFrom[lift] = outage.lowerBound
        downUntil[lift] = max(downUntil[lift], outage.upperBound)
    }

    private mutating func send(_ report: Report, _ arrival: Double) {
        if let slot = freeSlots.popLast() {
            slots[Int(slot)] = report
            inTransit.push(arrival, slot)
        } else {
            slots.append(report)
            inTransit.push(arrival, Int32(slots.count - 1))
        }
    }

    var nextArrival: Double? { inTransit.firstKey }

    /// The report that arrives next; there must be one.
    mutating func deliver() -> Report {
        guard let (_, slot) = inTransit.pop() else { preconditionFailure("nothing is in transit") }
        freeSlots.append(slot)
        return slots[Int(slot)]
    }
}

/// What the network did to messages.
package struct NetworkCounts: Sendable {
    package var lost = 0
    package var doubled = 0
    package var delayed = 0

    static func + (a: NetworkCounts, b: NetworkCounts) -> NetworkCounts {
        NetworkCounts(
            lost: a.lost + b.lost, doubled: a.doubled + b.doubled, delayed: a.delayed + b.delayed)
    }
}
