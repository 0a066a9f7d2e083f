import Elevator
import PositionedYAML

/// What scenarios choose from: types of building, causes of breakdowns, networks, and the profiles that lifts speak by.
package struct Catalogue: Sendable {
    var buildings: [(name: String, item: BuildingType)]
    package var causes: [Cause]
    var networks: [(name: String, item: NetworkProfile)]
    var dialects: [(name: String, item: Dialect)]

    /// - Parameters: the files of `Simulator/catalogue` by their names, and those of `Devices/profiles`.
    package init(buildings: YAMLNode, causes: YAMLNode, networks: YAMLNode, profiles: [YAMLNode]) throws(InvalidFiles) {
        let diagnostics = Diagnostics()
        var reader = YAMLReader(buildings, diagnostics)
        self.buildings = reader.entries("buildings").compactMap { key, node in
            BuildingType(key, node, diagnostics).map { ($0.name, $0) }
        }
        reader.finish()
        self.causes = Cause.read(causes, diagnostics)
        reader = YAMLReader(networks, diagnostics)
        self.networks = reader.entries("networks").map { key, node in
            (key.text ?? "", NetworkProfile(key.text ?? "", node, diagnostics))
        }
        reader.finish()
        dialects = []
        if !diagnostics.isEmpty { throw InvalidFiles(diagnostics.all) }
        for profile in profiles {
            let dialect = try Dialect(profile)
            dialects.append((dialect.name, dialect))
        }
    }
}

/// A kind of building, and how its lifts are used.
struct BuildingType: Sendable {
    var name: String
    var floors: ClosedRange<Int>
    /// Metres.
    var floorHeight: Double
    var lifts: ClosedRange<Int>
    /// Kilograms.
    var ratedLoads: [Double]
    var traffic: Traffic

    init?(_ key: YAMLNode, _ node: YAMLNode, _ diagnostics: Diagnostics) {
        var reader = YAMLReader(node, diagnostics)
        func range(_ key: String, within limits: ClosedRange<Int>) -> ClosedRange<Int> {
            let numbers = reader.items(key).compactMap { reader.number(of: $0) }.map { Int($0) }
            if numbers.count == 2, numbers[0] <= numbers[1], limits.contains(numbers[0]), limits.contains(numbers[1]) {
                return numbers[0]...numbers[1]
            }
            diagnostics.report(
                node, "\(key): expected two numbers from \(limits.lowerBound) to \(limits.upperBound), the lesser first"
            )
            return limits.lowerBound...limits.lowerBound
        }
        name = key.text ?? ""
        floors = range("floors", within: 2...60)
        lifts = range("lifts", within: 1...16)
        floorHeight = reader.number("floor_height_m") ?? 3
        ratedLoads = reader.items("rated_loads_kg").compactMap { reader.number(of: $0) }
        if ratedLoads.isEmpty { ratedLoads = [1000] }
        var hours = reader.items("hours").compactMap { reader.number(of: $0) }
        if hours.count != 24 {
            diagnostics.report(node, "hours: expected 24 numbers, the weight of each hour of the day")
            hours = Array(repeating: 1, count: 24)
        }
        let mean = hours.reduce(0, +) / 24
        var directions = Array(repeating: (incoming: 0.4, outgoing: 0.4, between: 0.2), count: 24)
        for item in reader.items("directions") {
            var reader = YAMLReader(item, diagnostics)
            let from = reader.integer("from_hour", in: 0...23) ?? 0
            let to = reader.integer("to_hour", in: 0...24) ?? 24
            let shares = reader.items("in_out_between").compactMap { reader.number(of: $0) }
            if shares.count == 3, from < to {
                for hour in from..<to { directions[hour] = (shares[0], shares[1], shares[2]) }
            } else {
                diagnostics.report(item, "expected from_hour before to_hour, and three numbers in in_out_between")
            }
            reader.finish()
        }
        traffic = Traffic(
            journeysPerLiftDay: reader.number("journeys_per_lift_day") ?? 200,
            hours: hours.map { mean > 0 ? $0 / mean : 1 }, directions: directions)
        reader.finish()
    }
}

/// One building of a city, as drawn.
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
                    shaft: Shaft(floors: random.integer(type.floors), floorHeight: type.floorHeight),
                    ratedLoads: type.ratedLoads, traffic: traffic, network: network))
            first += lifts
        }
        return plans
    }
}
