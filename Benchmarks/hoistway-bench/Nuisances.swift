import ArgumentParser
import City
import Scoring

/// Precision where it is hardest: lifts in good order, everything that looks as if people were trapped, and every kind of sensor.
struct NuisanceBench: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "nuisances",
        abstract: "What is raised though nobody is trapped, for each kind of occupancy sensor.")

    @Option(help: "Days of a hundred lifts, for each sensor.") var days = 1
    @Option(help: "What chance draws from.") var seed: UInt64 = 1
    @Option(help: "Threads.") var threads = 2
    @Option(help: "The rules, a file or folder.") var rules = "Devices/rules"
    @Option(help: "A folder in which what is done is kept, so that a run that was broken off goes on.") var keep:
        String?
    @Flag(help: "Also say each case in which something is wrong.") var list = false

    func run() throws {
        let bench = try Bench(rules: rules)
        let base = try CityFiles.scenario("nuisances", library: "Simulator", profiles: "Devices/profiles")
        var rows: [(String, ScoreCard)] = []
        for sensor in OccupancySensor.allCases {
            let scenario = base.narrowed(to: sensor)
            let plans = (0..<days).flatMap { day in
                BuildingPlan.draw(scenario, seed: seed &+ UInt64(day)).map { (plan: $0, seed: seed &+ UInt64(day)) }
            }
            var outcome = JudgedSite.Outcome()
            try Workers.run(
                pieces: plans.count, threads: threads,
                kept: try keep.map { try KeptPieces(folder: "\($0)/\(sensor.rawValue)") },
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
