import City

/// A simulated fleet without a gateway: the truth of its lifts and passengers.
enum UnobservedFleet {
    /// The catalogue's shares were chosen with the seeds below it. The comparison with published
    /// figures uses other seeds.
    static let firstSeed: UInt64 = 1001

    /// Seconds after which an entrapment needs a rescuer. Before, the lift has opened its door by
    /// itself.
    private static let leastEntrapment = 60.0

    /// The whole truth of a run, without the entrapments that ended by themselves.
    static func truth(of scenario: Scenario, seed: UInt64) -> [TruthRow] {
        BuildingPlan.draw(scenario, seed: seed).flatMap { plan in
            let building = Building(plan, scenario, seed: seed)
            building.advance(to: scenario.duration) { _, _, _, _, _ in }
            return TruthRow.of([building]).filter {
                $0.kind != "entrapment" || $0.end - $0.start >= Self.leastEntrapment
            }
        }
    }
}
