import Elevator

/// A building and the network between its lifts and its gateway.
package final class Site {
    package let building: Building
    @exclusivity(unchecked) private var network: Network

    /// Seconds since the run's start.
    @exclusivity(unchecked) private var now = 0.0
    /// How far it lives on before the network takes what was said, seconds: so that little waits in memory.
    private static let step = 60.0

    package init(_ plan: BuildingPlan, _ scenario: Scenario, seed: UInt64) {
        building = Building(plan, scenario, seed: seed)
        network = Network(
            plan.network, lifts: plan.lifts, random: Random(seed: seed, stream: UInt64(plan.number) << 8 | 3))
    }

    package var counts: NetworkCounts { network.counts }

    /// The topic that a lift of this building speaks on.
    package func topic(lift: Int, _ channel: Dialect.Channel) -> [UInt8] {
        building.lifts[lift].voice.pen.topics[Int(channel.rawValue)]
    }

    /// Lets the building live on, and hands over what arrives until then, in the order of time.
    /// - Parameter deliver: takes seconds since the run's start, the lift's number in the building, its channel, and the payload.
    package func advance(
        to end: Double, _ deliver: (_ time: Double, _ lift: Int, _ channel: Dialect.Channel, _ payload: [UInt8]) -> Void
    ) {
        while now < end {
            now = min(end, now + Self.step)
            building.advance(to: now)
            for word in building.words {
                // What is said later arrives later than this.
                hand(over: word.time, deliver)
                network.carry(word)
            }
            building.words.removeAll(keepingCapacity: true)
            hand(over: now, deliver)
        }
    }

    private func hand(over end: Double, _ deliver: (Double, Int, Dialect.Channel, [UInt8]) -> Void) {
        while let (time, word) = network.deliver(before: end) {
            building.heard(word.shows, at: time)
            deliver(time, word.lift, word.channel, building.lifts[word.lift].voice.pen.write(word))
        }
    }

    /// What happened, once the run is over; its first row is the run itself.
    package var truth: [TruthRow] { Self.truth(of: [building]) }

    static func truth(of buildings: [Building]) -> [TruthRow] {
        guard let scenario = buildings.first?.scenario else { return [] }
        let start = scenario.startSeconds
        let end = start + scenario.duration
        var run = TruthRow(kind: "run", lift: "", start: start, decidable: start, end: end)
        run.lifts = buildings.reduce(0) { $0 + $1.plan.lifts }
        var rows = buildings.flatMap(\.truth)
        for index in rows.indices where rows[index].end > end { rows[index].end = end }
        rows.sort { ($0.start, $0.lift, $0.kind) < ($1.start, $1.lift, $1.kind) }
        return [run] + rows
    }
}

extension Building {
    /// A word has arrived: from now on what it shows could be known.
    fileprivate func heard(_ row: Int, at time: Double) {
        if row >= 0, truth[row].decidable == nil { truth[row].decidable = scenario.startSeconds + time }
    }
}
