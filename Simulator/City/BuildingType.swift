import PositionedYAML

/// A kind of building, and the use of its lifts.
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
            let numbers = reader.items(key).compactMap { $0.text.flatMap { Int($0) } }
            if numbers.count == 2, numbers[0] <= numbers[1], limits.contains(numbers[0]),
                limits.contains(numbers[1])
            {
                return numbers[0]...numbers[1]
            }
            diagnostics.report(
                node,
                "\(key): expected two whole numbers from \(limits.lowerBound) to \(limits.upperBound), the lesser first"
            )
            return limits.lowerBound...limits.lowerBound
        }
        name = key.text ?? ""
        floors = range("floors", within: 2...60)
        lifts = range("lifts", within: 1...16)
        floorHeight = reader.number("floor_height_m", in: 2...20) ?? 3
        ratedLoads = reader.items("rated_loads_kg").compactMap { item in
            reader.number(of: item).map { reader.check($0, in: 100...20_000, at: item) }
        }
        if ratedLoads.isEmpty { ratedLoads = [1000] }
        var hours = reader.items("hours").compactMap { reader.weight(of: $0) }
        if hours.count != 24 || !hours.contains(where: { $0 > 0 }) {
            diagnostics.report(
                node,
                "hours: expected 24 numbers, the weight of each hour of the day, not all of them 0")
            hours = Array(repeating: 1, count: 24)
        }
        let mean = hours.reduce(0, +) / 24
        var directions = Array(repeating: (incoming: 0.4, outgoing: 0.4, between: 0.2), count: 24)
        for item in reader.items("directions") {
            var reader = YAMLReader(item, diagnostics)
            let from = reader.integer("from_hour", in: 0...23) ?? 0
            let to = reader.integer("to_hour", in: 0...24) ?? 24
            let shares = reader.items("in_out_between").compactMap { reader.weight(of: $0) }
            if shares.count == 3, shares.contains(where: { $0 > 0 }), from < to {
                for hour in from..<to { directions[hour] = (shares[0], shares[1], shares[2]) }
            } else {
                diagnostics.report(
                    item,
                    "expected from_hour before to_hour, and three weights in in_out_between, not all of them 0"
                )
            }
            reader.finish()
        }
        traffic = Traffic(
            journeysPerLiftDay: reader.number("journeys_per_lift_day", in: 0...20_000) ?? 200,
            hours: hours.map { $0 / mean }, directions: directions)
        reader.finish()
    }
}
