import ArgumentParser
import City
import Scoring

/// Precision where it is hardest: lifts in good order, everything that looks as if people were trapped, and every kind of sensor.
struct NuisanceBench: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "nuisances",
        abstract: "What is raised though nobody is trapped, for each kind of occupancy sensor.")

    @Option(help: "Days of a hundred lifts, for each sensor.") var days = 1
    @OptionGroup var judged: JudgedOptions
    @OptionGroup var work: WorkOptions
    @Flag(help: "Also say each case in which something is wrong.") var list = false

    func validate() throws { if days < 1 { throw ValidationError("--days: expected 1 or more") } }

    func run() throws {
        let bench = try Bench(rules: judged.rules)
        let (library, profiles) = ("Simulator", "Devices/profiles")
        let base = try CityFiles.scenario("nuisances", library: library, profiles: profiles)
        let catalogue = try CityFiles.catalogue(library: library, profiles: profiles)
        let sensors = try OccupancySensor.allCases.map {
            ($0.rawValue, try card(bench, base.narrowed(to: $0), $0.rawValue))
        }
        let networks = try catalogue.networkNames.compactMap { name in
            try base.narrowed(toNetwork: name, of: catalogue).map { (name, try card(bench, $0, name)) }
        }
        print(Markdown.precision(by: "occupancy sensor, over the network 'usual'", sensors))
        print("")
        print(Markdown.precision(by: "network, sensors truthful or (15%) missing", networks))
        if list {
            for finding in (sensors + networks).flatMap(\.1.findings) where finding.kind.hasPrefix("entrapment") {
                print(finding.line)
            }
        }
    }

    private func card(_ bench: Bench, _ scenario: Scenario, _ name: String) throws -> ScoreCard {
        let seed = judged.seed
        let plans = (0..<days).flatMap { day in
            BuildingPlan.draw(scenario, seed: seed &+ UInt64(day)).map { (plan: $0, seed: seed &+ UInt64(day)) }
        }
        var outcome = JudgedSite.Outcome()
        try Workers.run(
            pieces: plans.count, threads: work.threads,
            kept: try work.kept("\(scenario), seed \(seed), rules \(bench.version)", part: name),
            unit: "buildings, \(name)", { try bench.judge(plans[$0].plan, scenario, seed: plans[$0].seed) },
            into: &outcome, +=)
        return outcome.card
    }
}
