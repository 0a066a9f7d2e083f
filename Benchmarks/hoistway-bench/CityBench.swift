import ArgumentParser
import City
import LiftModel
import Platform
import Scoring

/// A city, generated, decoded and judged in one process: each building with a gateway of its own.
struct CityBench: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "city",
        abstract:
            "A simulated city, each building judged by a gateway of its own, in this process: score and speed.",
        discussion:
            "Exit code 4 when an entrapment was missed or lost, or one was confirmed without cause."
    )

    @Argument(help: "A scenario of the library by its name, or a scenario file.") var scenario =
        "day"
    @Option(help: "How many lifts, instead of the scenario's number.") var lifts: Int?
    @Option(help: "How long, instead of the scenario's duration: 20m, 24h.") var duration: String?
    @Option(help: "Cities, each from a seed of its own: --seed and those that follow.") var runs = 1
    @OptionGroup var judged: JudgedOptions
    @OptionGroup var work: WorkOptions
    @Option(
        help:
            "The centre's answer to a suspicion: silent, accepts, or accepts_as_verified (a gateway that confirms it then)."
    )
    var centre = CentreHabit.silent.rawValue
    @Flag(help: "Generate only, without a gateway.") var generateOnly = false
    @Flag(help: "Also print each wrong result.") var list = false
    @Flag(help: "The score as JSON.") var json = false
    @Flag(help: "The false results, as tables for docs/detection.md.") var markdown = false

    func validate() throws { if runs < 1 { throw ValidationError("--runs: expected 1 or more") } }

    func run() throws {
        var scenario = try CityFiles.scenario(
            scenario, library: "Simulator", profiles: "Devices/profiles")
        if let lifts {
            guard 1...200_000 ~= lifts else {
                throw ValidationError("--lifts: expected a number from 1 to 200000")
            }
            scenario.lifts = lifts
        }
        if let duration {
            guard let span = Duration(written: duration), span > .zero else {
                throw ValidationError("--duration: expected 20m, 24h, at most a year")
            }
            scenario.duration = span.inSeconds
        }
        guard let centre = CentreHabit(rawValue: centre) else {
            let habits = CentreHabit.allCases.map(\.rawValue).joined(separator: ", ")
            throw ValidationError("--centre: expected one of \(habits)")
        }
        let bench = try Bench(rules: judged.rules, centre: centre)
        let (city, seed, isGeneratedOnly) = (scenario, judged.seed, generateOnly)
        if work.keep != nil, !isGeneratedOnly { return try runKept(bench, city) }
        let plans = (0..<runs).flatMap { run in
            BuildingPlan.draw(city, seed: seed &+ UInt64(run)).map {
                (plan: $0, seed: seed &+ UInt64(run))
            }
        }
        let began = (cpu: cpuSeconds(), wall: MonotonicClock.now)
        var outcome = JudgedSite.Outcome()
        try Workers.run(
            pieces: plans.count, threads: work.threads, deadline: work.deadline, unit: "buildings",
            { piece in
                let (plan, seed) = plans[piece]
                return isGeneratedOnly
                    ? JudgedSite.generate(plan, city, seed: seed)
                    : try bench.judge(plan, city, seed: seed)
            }, into: &outcome, +=)
        let cpu = cpuSeconds() - began.cpu
        let wall = (MonotonicClock.now - began.wall).inSeconds
        report(outcome, cpu: cpu, wall: wall, buildings: plans.count, of: city)
        if !isGeneratedOnly, !outcome.card.isGood { throw ExitCode(4) }
    }

    /// Stores one line for each city, or, of a hundred and more, one for ten cities.
    private func runKept(_ bench: Bench, _ city: Scenario) throws {
        let (size, seed, runs) = (runs < 100 ? 1 : 10, judged.seed, runs)
        var outcome = JudgedSite.Outcome()
        // The number of cities affects the last piece only.
        let question =
            "\(city), seed \(seed), rules \(bench.version), \(size), \(runs % size), \(centre)"
        try Workers.run(
            pieces: (runs + size - 1) / size, threads: work.threads, deadline: work.deadline,
            kept: try work.kept("\(city.name), cities a piece: \(size)", question), unit: "pieces",
            { piece in
                var sum = JudgedSite.Outcome()
                for run in piece * size..<min(runs, piece * size + size) {
                    sum += try bench.judge(city, seed: seed &+ UInt64(run))
                }
                return sum.abridged
            }, into: &outcome, +=)
        report(outcome, cpu: 0, wall: 0, buildings: 0, of: city)
        if !outcome.card.isGood { throw ExitCode(4) }
    }

    private func report(
        _ outcome: JudgedSite.Outcome, cpu: Double, wall: Double, buildings: Int, of city: Scenario
    ) {
        if json { return print(outcome.card.json) }
        if markdown { return print(Markdown.life(scenario, outcome.card)) }
        if !generateOnly { print(outcome.card.table) }
        if list { for finding in outcome.card.findings { print(finding.line) } }
        printRow("readings", "\(outcome.messages)", "\(outcome.refused) refused")
        // Stored results do not have their time.
        if wall == 0 { return }
        printRow("buildings, lifts", "\(buildings), \(city.lifts * runs)")
        printRow(
            "per CPU second", "\(written(Double(outcome.messages) / cpu / 1e6, 3)) M",
            "\(written(cpu)) s")
        printRow(
            "per second of this machine", "\(written(Double(outcome.messages) / wall / 1e6, 3)) M",
            "\(written(wall)) s"
        )
        printRow("times as fast as life", written(city.duration * Double(runs) / wall, 1))
    }
}
