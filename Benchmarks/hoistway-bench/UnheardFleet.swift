import City

/// A simulated fleet that no gateway listens to: what happens to its lifts and to the people in them.
enum UnheardFleet {
    /// The catalogue's shares were chosen with the seeds below it: held to published figures are cities that it has not seen.
    static let firstSeed: UInt64 = 1001

    /// Seconds for which an entrapment lasts until somebody has to come; before, the lift has opened by itself.
    private static let leastEntrapment = 60.0

    /// The whole truth of a run, without entrapments that were over by themselves.
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
