import ArgumentParser
import City
import Scoring

/// Precision where it is hardest: lifts in good order, every nuisance that looks like an
/// entrapment, and every kind of sensor.
struct NuisanceBench: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "nuisances",
        abstract: "Alerts while nobody is trapped, for each kind of occupancy sensor.")

    @Option(help: "Days of a hundred lifts, for each sensor.") var days = 1
    @OptionGroup var judged: JudgedOptions
    @OptionGroup var work: WorkOptions
    @Flag(help: "Also print each wrong result.") var list = false

    func validate() throws { if days < 1 { throw ValidationError("--days: expected 1 or more") } }

    func run() throws {
        let bench = try Bench(rules: judged.rules)
        let (library, profiles) = ("Simulator", "Devices/profiles")
        let base = try CityFiles.scenario("nuisances", library: library, profiles: profiles)
        let catalogue = try CityFiles.catalogue(library: library, profiles: profiles)
        var worlds = OccupancySensor.allCases.map { ($0.rawValue, base.narrowed(to: $0)) }
        let sensorCount = worlds.count
        worlds += catalogue.networkNames.compactMap { name in
            base.narrowed(toNetwork: name, of: catalogue).map { (name, $0) }
        }
        let cards = try cards(bench, worlds)
        let (sensors, networks) = (
            Array(cards.prefix(sensorCount)), Array(cards.dropFirst(sensorCount))
        )
        print(Markdown.precision(by: "occupancy sensor, over the network 'usual'", sensors))
        print("")
        print(Markdown.precision(by: "network, sensors truthful or (15%) missing", networks))
        if list {
            for finding in (sensors + networks).flatMap(\.1.findings)
            where finding.kind.hasPrefix("entrapment") {
                print(finding.line)
            }
        }
    }

    /// Each day of each world is a piece.
    private func cards(_ bench: Bench, _ worlds: [(name: String, scenario: Scenario)]) throws -> [(
        String, ScoreCard
    )] {
        let (seed, days, scenarios) = (judged.seed, days, worlds.map(\.scenario))
        var sums: [Int: JudgedSite.Outcome] = [:]
        try Workers.run(
            pieces: days * worlds.count, threads: work.threads, deadline: work.deadline,
            kept: try work.kept(
                "nuisances, a day of a world a piece",
                "\(scenarios), seed \(seed), rules \(bench.version)"),
            unit: "days",
            { piece -> [Int: JudgedSite.Outcome] in
                let (day, world) = piece.quotientAndRemainder(dividingBy: scenarios.count)
                return [
                    world: try bench.judge(scenarios[world], seed: seed &+ UInt64(day)).abridged
                ]
            }, into: &sums,
            {
                $0.merge($1) { a, b in
                    var sum = a
                    sum += b
                    return sum
                }
            })
        return worlds.enumerated().map { ($1.name, sums[$0]?.card ?? ScoreCard()) }
    }
}
