import Elevator

/// A city: its buildings, the networks between lifts and gateways, and the truth about all of it.
///
/// The same scenario and seed give the same messages and the same truth on every machine, however it is run: at once, in real
/// time, or a building at a time.
package final class City {
    /// A message as it arrives at a gateway.
    package struct Arrival {
        /// Milliseconds since the run's start.
        package var time: Int64
        package var building: Int
        package var lift: Int
        package var topic: [UInt8]
        package var payload: [UInt8]
        /// What brokers keep for those who come later.
        package var isRetained: Bool
    }

    package let scenario: Scenario
    package let buildings: [Building]
    private var networks: [Network]
    private var now = 0.0
    /// How far one step goes, seconds: short for many lifts, so that little waits in memory.
    private let step: Double

    /// - Parameter only: these buildings and no others; each is what it would be among all.
    package init(_ scenario: Scenario, seed: UInt64, only chosen: Range<Int>? = nil) {
        self.scenario = scenario
        let plans = Self.plans(scenario, seed: seed)
        buildings = (chosen.map { Array(plans[$0.clamped(to: 0..<plans.count)]) } ?? plans).map {
            Building($0, scenario, seed: seed)
        }
        networks = buildings.map {
            Network(
                $0.plan.network, lifts: $0.plan.lifts,
                random: Random(seed: seed, stream: UInt64($0.plan.number) << 8 | 3))
        }
        let lifts = buildings.reduce(0) { $0 + $1.plan.lifts }
        step = max(0.25, min(60, 20_000 / Double(max(1, lifts))))
    }

    /// How many buildings a scenario's city has.
    package static func buildingCount(_ scenario: Scenario, seed: UInt64) -> Int { plans(scenario, seed: seed).count }

    private static func plans(_ scenario: Scenario, seed: UInt64) -> [BuildingPlan] {
        var random = Random(seed: seed, stream: 0xC17)
        var plans: [BuildingPlan] = []
        var first = 0
        while first < scenario.lifts {
            let type = scenario.buildings[random.pick(scenario.buildings.map(\.share))].type
            let network = scenario.networks[random.pick(scenario.networks.map(\.share))].network
            let lifts = min(random.integer(type.lifts), scenario.lifts - first)
            var traffic = type.traffic
            traffic.journeysPerLiftDay *= scenario.traffic
            plans.append(
                BuildingPlan(
                    number: plans.count, firstLift: first, lifts: lifts,
                    shaft: Shaft(floors: random.integer(type.floors), floorHeight: type.floorHeight),
                    ratedLoads: type.ratedLoads, traffic: traffic, network: network))
            first += lifts
        }
        return plans
    }

    /// Lets the city live on for a little, and hands over what arrives, in the order of time.
    /// - Returns: false when the run is over.
    package func advance(_ deliver: (Arrival) -> Void) -> Bool {
        guard now < scenario.duration else { return false }
        now = min(scenario.duration, now + step)
        var arrivals: [(time: Double, order: Int, building: Int, parcel: Network.Parcel)] = []
        for (index, building) in buildings.enumerated() {
            building.advance(to: now)
            networks[index].carry(building.words)
            building.words.removeAll()
            while let (time, parcel) = networks[index].deliver(before: now) {
                arrivals.append((time, arrivals.count, index, parcel))
            }
        }
        if buildings.count > 1 { arrivals.sort { ($0.time, $0.order) < ($1.time, $1.order) } }
        for (time, _, index, parcel) in arrivals {
            let building = buildings[index]
            building.heard(parcel, at: time)
            deliver(
                Arrival(
                    time: Int64((time * 1000).rounded()), building: building.plan.number,
                    lift: building.plan.firstLift + parcel.lift,
                    topic: building.lifts[parcel.lift].voice.pen.topics[Int(parcel.channel.rawValue)],
                    payload: parcel.payload, isRetained: parcel.channel != .event))
        }
        return true
    }

    package var networkCounts: NetworkCounts { networks.reduce(NetworkCounts()) { $0 + $1.counts } }

    /// What happened, once the run is over.
    package var truth: [TruthRow] {
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
    fileprivate func heard(_ parcel: Network.Parcel, at time: Double) {
        let moment = scenario.startSeconds + time
        if parcel.shows >= 0, truth[parcel.shows].decidable == nil { truth[parcel.shows].decidable = moment }
    }
}
