import LiftModel

/// A city: its buildings, the networks between lifts and gateways, and the truth about them.
///
/// The same scenario and seed give the same messages and the same truth on every machine, whether
/// the city runs at once, in real time, or a building at a time.
package final class City {
    /// A message as it arrives at a gateway.
    package struct Arrival {
        /// Milliseconds since the run's start.
        package var time: Int64
        package var building: Int
        package var lift: Int
        package var topic: [UInt8]
        package var payload: [UInt8]
        /// Published with the retain flag.
        package var hasRetainFlag: Bool
        /// The broker sends it from its store, to a gateway that is back.
        package var isRetained: Bool
    }

    package let scenario: Scenario
    package let buildings: [Building]
    /// Seconds since the run's start.
    package private(set) var now = 0.0
    /// Seconds of one step.
    private let step: Double

    /// - Parameters:
    ///   - only: these buildings and no others; each is the same as among all.
    ///   - step: seconds of one step; by default few messages wait in memory.
    package init(
        _ scenario: Scenario, seed: UInt64, only chosen: Range<Int>? = nil, step: Double? = nil
    ) {
        self.scenario = scenario
        let plans = BuildingPlan.draw(scenario, seed: seed)
        buildings = (chosen.map { Array(plans[$0.clamped(to: 0..<plans.count)]) } ?? plans).map {
            Building($0, scenario, seed: seed)
        }
        let lifts = buildings.reduce(0) { $0 + $1.plan.lifts }
        self.step = step ?? max(0.25, min(60, 20_000 / Double(max(1, lifts))))
    }

    /// Simulates one step, and hands over the messages that arrive, in the order of time.
    /// - Returns: false when the run is over.
    package func advance(_ deliver: (Arrival) -> Void) -> Bool {
        guard now < scenario.duration else { return false }
        now = min(scenario.duration, now + step)
        var arrivals: [(time: Double, order: Int, arrival: Arrival)] = []
        for building in buildings {
            let plan = building.plan
            building.advance(to: now) { time, lift, channel, payload, isRetained in
                let arrival = Arrival(
                    time: Int64((time * 1000).rounded()), building: plan.number,
                    lift: plan.firstLift + lift,
                    topic: building.topic(lift: lift, channel), payload: payload,
                    hasRetainFlag: channel.isRetained,
                    isRetained: isRetained)
                arrivals.append((time, arrivals.count, arrival))
            }
        }
        if buildings.count > 1 { arrivals.sort { ($0.time, $0.order) < ($1.time, $1.order) } }
        for (_, _, arrival) in arrivals { deliver(arrival) }
        return true
    }

    package var networkCounts: NetworkCounts {
        buildings.reduce(NetworkCounts()) { $0 + $1.networkCounts }
    }

    /// The truth so far.
    package var truth: [TruthRow] { TruthRow.of(buildings, until: now) }
}
