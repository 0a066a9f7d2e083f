import ArgumentParser
import City
import Gateway
import LiftModel
import Scoring

/// Recall by stratum: enough entrapments of every cause, on every quality of sensor, over every
/// network.
struct StrataBench: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "strata",
        abstract:
            "Entrapments of each cause × quality of the occupancy sensor × network, until each stratum has enough.",
        discussion:
            "Exit code 4 on lifts whose occupancy sensor is truthful or missing: when an entrapment was not even suspected, or when more than one in 500 was suspected late or not confirmed in time."
    )

    /// A lost message delays one alert now and then; rules that wait too long delay many.
    private static let lateShare = 0.002

    /// The number of missed entrapments that are listed without `--list`.
    private static let mostListed = 10

    @Option(help: "Entrapments that each stratum must have at least.") var entrapments = 1000
    @OptionGroup var judged: JudgedOptions
    @OptionGroup var work: WorkOptions
    @Option(help: "Of these causes only, comma-separated.") var causes = ""
    @Option(help: "Over these networks only, comma-separated.") var networks = ""
    @Flag(help: "Also print each entrapment that was missed or raised falsely.") var list = false
    @Flag(help: "The score as JSON.") var json = false

    func validate() throws {
        if entrapments < 1 { throw ValidationError("--entrapments: expected 1 or more") }
    }

    func run() throws {
        let bench = try Bench(rules: judged.rules)
        let base = try CityFiles.scenario(
            "all-causes", library: "Simulator", profiles: "Devices/profiles")
        let strata = try Self.strata(of: base, causes: names(causes), networks: names(networks))
        var outcome = JudgedSite.Outcome()
        let (wanted, seed, isKept) = (entrapments, judged.seed, work.keep != nil)
        try Workers.run(
            pieces: strata.count, threads: work.threads, deadline: work.deadline,
            kept: try work.kept(
                "strata of \(entrapments), a stratum a piece",
                "\(base), \(causes) \(networks), \(entrapments), seed \(seed), rules \(bench.version)"
            ),
            unit: "strata",
            {
                let outcome = try bench.gather(wanted, strata[$0], seed: seed &+ UInt64($0) << 20)
                return isKept ? outcome.abridged : outcome
            }, into: &outcome, +=)
        if json { return print(outcome.card.json) }
        print(Markdown.strata(outcome.card))
        print("")
        let missed = outcome.card.findings.filter {
            ($0.verdict == .missed || $0.verdict == .unsuspected) && $0.kind == "entrapment"
        }
        for finding in missed.prefix(list ? missed.count : Self.mostListed) {
            print("- \(finding.line)")
        }
        if !list, missed.count > Self.mostListed {
            print("- and \(missed.count - Self.mostListed) more: --list")
        }
        if list {
            for finding in outcome.card.findings
            where finding.verdict == .falseAlarm && finding.kind == "entrapment" {
                print("- \(finding.line)")
            }
        }
        print("\(outcome.messages) readings")
        let sound = outcome.card.sum { $0.sensor == "truthful" || $0.sensor == "missing" }
        // The suspicion is what the centre gets at once. A confirmation may wait for a car that
        // creeps or for a lost message.
        if sound.suspicionMissed > 0
            || Double(sound.suspicionLate) > Self.lateShare * Double(sound.suspicionExpected)
            || Double(sound.missed) > Self.lateShare * Double(sound.expected)
        {
            throw ExitCode(4)
        }
    }
}

extension StrataBench {
    private func names(_ list: String) -> [String]? {
        list.isEmpty ? nil : list.split(separator: ",").map(String.init)
    }

    private static func strata(
        of base: Scenario, causes: [String]?, networks: [String]?
    ) throws -> [Scenario] {
        let catalogue = try CityFiles.catalogue(library: "Simulator", profiles: "Devices/profiles")
        var strata: [Scenario] = []
        for cause in catalogue.causes where causes?.contains(cause.name) ?? true {
            for sensor in OccupancySensor.qualities {
                for network in catalogue.networkNames where networks?.contains(network) ?? true {
                    if let one = base.narrowed(to: cause, sensor, network: network, of: catalogue) {
                        strata.append(one)
                    }
                }
            }
        }
        return strata
    }
}

extension Bench {
    /// Judges buildings of a scenario, one after the other, until enough entrapments required an
    /// alert.
    func gather(_ wanted: Int, _ scenario: Scenario, seed: UInt64) throws -> JudgedSite.Outcome {
        var outcome = JudgedSite.Outcome()
        var run: UInt64 = 0
        // A scenario in which nobody is ever trapped is given up.
        func isEnough() -> Bool {
            let card = outcome.card
            return card.expected >= wanted
                || card.expected == 0 && (run >= 2 || card.breakdowns.values.reduce(0, +) >= 150)
        }
        while !isEnough() {
            for plan in BuildingPlan.draw(scenario, seed: seed &+ run) where !isEnough() {
                outcome += try judge(plan, scenario, seed: seed &+ run)
            }
            run += 1
        }
        return outcome
    }
}

extension ScoreCard {
    /// Entrapments that had to be suspected, those on stuck sensors included.
    var expected: Int { entrapment.suspicionExpected + stuck.suspicionExpected }
}
