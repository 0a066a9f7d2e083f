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
        let base = try CityFiles.scenario("nuisances", library: "Simulator", profiles: "Devices/profiles")
        let seed = judged.seed
        var rows: [(String, ScoreCard)] = []
        for sensor in OccupancySensor.allCases {
            let scenario = base.narrowed(to: sensor)
            let plans = (0..<days).flatMap { day in
                BuildingPlan.draw(scenario, seed: seed &+ UInt64(day)).map { (plan: $0, seed: seed &+ UInt64(day)) }
            }
            var outcome = JudgedSite.Outcome()
            try Workers.run(
                pieces: plans.count, threads: work.threads,
                kept: try work.kept("\(scenario), seed \(seed), rules \(bench.version)", part: sensor.rawValue),
                unit: "buildings, sensor \(sensor.rawValue)",
                { try bench.judge(plans[$0].plan, scenario, seed: plans[$0].seed) }, into: &outcome, +=)
            rows.append((sensor.rawValue, outcome.card))
        }
        print(Markdown.precision(rows))
        if list {
            for finding in rows.flatMap(\.1.findings) where finding.kind.hasPrefix("entrapment") { print(finding.line) }
        }
    }
}
