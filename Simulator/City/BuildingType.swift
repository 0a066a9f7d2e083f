import PositionedYAML

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
