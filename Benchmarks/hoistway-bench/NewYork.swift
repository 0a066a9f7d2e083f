import ArgumentParser
import City
import LiftModel
import Scoring

/// The simulated city compared with a counted one.
struct NewYork: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "new-york",
        abstract:
            "Years of the New York subway's 359 lifts, simulated: outages, entrapments, bad lifts, compared with the published ones.",
        discussion:
            "Exit code 4 when a published figure lies outside of nine tenths of the simulated years."
    )

    @Option(help: "Years, each from a seed of its own.") var seeds = 200
    @OptionGroup var work: WorkOptions

    func validate() throws { if seeds < 1 { throw ValidationError("--seeds: expected 1 or more") } }

    func run() throws {
        let scenario = try CityFiles.scenario(
            "new-york", library: "Simulator", profiles: "Devices/profiles")
        var years: [FleetYear] = []
        try Workers.run(
            pieces: seeds, threads: work.threads, deadline: work.deadline,
            kept: try work.kept("\(scenario.name), a year a piece", "\(scenario)"), unit: "years",
            { [FleetYear(of: scenario, seed: UnobservedFleet.firstSeed + UInt64($0))] },
            into: &years, +=)
        let figures = Self.figures.map {
            Figure(name: $0.name, published: $0.published, years: years.map($0.measure))
        }
        print(
            Markdown.table(
                ["359 lifts, a year", "published", "simulated: mean", "5%", "95%", ""],
                figures.map(\.row)))
        if !figures.allSatisfy(\.isBracketed) { throw ExitCode(4) }
    }

    private static let figures:
        [(name: String, published: Double, measure: @Sendable (FleetYear) -> Double)] = [
            ("outages a lift", 16.5, { $0.outages.mean }),
            ("their variance over the lifts", 212, { $0.outages.variance }),
            ("entrapments a lift", 3.25, { $0.entrapments.mean }),
            ("their variance over the lifts", 13.5, { $0.entrapments.variance }),
            (
                "entrapments of the worst tenth of the lifts", 0.36,
                { $0.entrapments.shareOfWorstTenth }
            ),
            ("lifts without any entrapment", 0.27, { $0.entrapments.shareOfNone }),
            ("outages that trap people", 0.197, { $0.entrapments.mean / $0.outages.mean }),
        ]
}

/// A published figure beside those of the simulated years.
private struct Figure {
    let name: String
    let published: Double
    let mean: Double
    /// The 5% and 95% quantiles.
    let (low, high): (Double, Double)

    init(name: String, published: Double, years: [Double]) {
        self.name = name
        self.published = published
        mean = years.reduce(0, +) / Double(years.count)
        let sorted = years.sorted()
        func at(_ share: Double) -> Double {
            sorted[min(sorted.count - 1, Int(share * Double(sorted.count)))]
        }
        (low, high) = (at(0.05), at(0.95))
    }

    var isBracketed: Bool { low <= published && published <= high }

    var row: [String] {
        [name, "\(published)"] + [mean, low, high].map { written($0, 3) }
            + [isBracketed ? "brackets it" : "\(written((mean / published - 1) * 100, 0))% off"]
    }
}

/// What happened to each lift of a fleet in a year.
struct FleetYear: Sendable, Codable {
    /// A count of each lift.
    struct Counts: Sendable, Codable {
        var counts: [Double]
        var mean: Double { counts.reduce(0, +) / Double(counts.count) }
        var variance: Double {
            counts.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(counts.count - 1)
        }
        var shareOfWorstTenth: Double {
            let worst = counts.sorted(by: >).prefix(counts.count / 10).reduce(0, +)
            return worst / max(1, counts.reduce(0, +))
        }
        var shareOfNone: Double { Double(counts.count { $0 == 0 }) / Double(counts.count) }
    }
    var outages: Counts
    var entrapments: Counts

    init(of scenario: Scenario, seed: UInt64) {
        var outages: [String: Double] = [:]
        var entrapments: [String: Double] = [:]
        for fact in UnobservedFleet.truth(of: scenario, seed: seed) {
            switch fact.kind {
            case "lift":
                outages[fact.lift, default: 0] += 0
                entrapments[fact.lift, default: 0] += 0
            case "breakdown": outages[fact.lift, default: 0] += 1
            case "entrapment": entrapments[fact.lift, default: 0] += 1
            default: break
            }
        }
        self.outages = Counts(counts: outages.sorted { $0.key < $1.key }.map(\.value))
        self.entrapments = Counts(counts: entrapments.sorted { $0.key < $1.key }.map(\.value))
    }
}
