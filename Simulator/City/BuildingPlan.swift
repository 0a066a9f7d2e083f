/// One building of a city, as drawn by chance.
package struct BuildingPlan: Sendable {
    package var number: Int
    package var firstLift: Int
    package var lifts: Int
    var shaft: Shaft
    var ratedLoads: [Double]
    var traffic: Traffic
    var network: NetworkProfile

    /// The buildings of a scenario's city.
    package static func draw(_ scenario: Scenario, seed: UInt64) -> [BuildingPlan] {
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
                    shaft: Shaft(
                        floors: random.integer(type.floors), floorHeight: type.floorHeight),
                    ratedLoads: type.ratedLoads, traffic: traffic, network: network))
            first += lifts
        }
        return plans
    }
}
