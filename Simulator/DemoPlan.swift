import City

/// When the demo kills the gateway, takes the centre's broker away, and changes a rule. Seconds
/// since the fleet began.
struct DemoPlan {
    var kills: [Double]
    var outages: [(from: Double, to: Double)]
    var reloads: [Double]

    /// - Parameters:
    ///   - span: how long the fleet runs, seconds.
    ///   - outage: how long the centre's broker is down each time, seconds.
    init(_ demo: Demo, span: Double, outage: Double, _ random: inout Random) {
        kills = Self.kills(demo.kills, span: span, &random)
        // One outage in the second half, or several over the whole. The last ends early enough for
        // everything to arrive.
        let starts = (0..<demo.outages).map { n in
            demo.outages == 1
                ? span * 0.55 : span * (0.05 + 0.85 * Double(n) / Double(demo.outages))
        }
        outages = outage <= 0 ? [] : starts.map { (from: $0, to: min($0 + outage, span * 0.95)) }
        reloads = (0..<demo.reloads).map { span * (0.05 + 0.9 * Double($0) / Double(demo.reloads)) }
    }

    /// Three quarters at random times; the last quarter in series of ten within 15 s, which end
    /// many starts before they are complete.
    private static func kills(_ kills: Int, span: Double, _ random: inout Random) -> [Double] {
        guard kills > 1 else { return [Double](repeating: span * 0.4, count: kills) }
        let series = kills / 40
        var times = (0..<kills - 10 * series).map { _ in random.uniform(span * 0.05, span * 0.95) }
        for _ in 0..<series {
            let start = random.uniform(span * 0.05, span * 0.95 - 15)
            times += (0..<10).map { _ in random.uniform(start, start + 15) }
        }
        return times.sorted()
    }
}
