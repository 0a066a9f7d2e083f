import ArgumentParser
import City
import Scoring

/// The causes of simulated entrapments, compared with those that rescue hotlines report.
struct Causes: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract:
            "Entrapments by the class of their cause, compared with those that rescue hotlines published.",
        discussion:
            "Exit code 4 when a class lies further from the published shares than a twentieth of all entrapments."
    )

    @Option(help: "Days of 800 lifts, each from a seed of its own.") var days = 6
    @OptionGroup var work: WorkOptions

    func validate() throws { if days < 1 { throw ValidationError("--days: expected 1 or more") } }

    /// Shares of all entrapments: Huai'an in August 2023, Rizhao in 2020, Nanjing in 2015 (which
    /// does not count control apart).
    private static let published: [(group: Cause.Group, shares: [Double])] = [
        (.external, [0.356, 0.319, 0.332]), (.human, [0.347, 0.314, 0.225]),
        (.door, [0.122, 0.116, 0.161]),
        (.control, [0.114]),
    ]
    private static let nearness = 0.05

    func run() throws {
        let scenario = try CityFiles.scenario(
            "causes", library: "Simulator", profiles: "Devices/profiles")
        let catalogue = try CityFiles.catalogue(library: "Simulator", profiles: "Devices/profiles")
        let groups = Dictionary(
            catalogue.causes.map { ($0.name, $0.group) }, uniquingKeysWith: { first, _ in first })
        var days: [[String: Int]] = []
        try Workers.run(
            pieces: self.days, threads: work.threads, deadline: work.deadline,
            kept: try work.kept("\(scenario.name), a day a piece", "\(scenario)"), unit: "days",
            { [Self.entrapments(of: scenario, seed: UnobservedFleet.firstSeed + UInt64($0))] },
            into: &days, +=)
        var counts: [Cause.Group: Int] = [:]
        for (cause, count) in days.joined() { counts[groups[cause] ?? .other, default: 0] += count }
        let all = Double(counts.values.reduce(0, +))
        var isNear = true
        let rows = Self.published.map { group, shares in
            let share = Double(counts[group] ?? 0) / all
            let (low, high) = (shares.min() ?? 0, shares.max() ?? 1)
            let off = max(low - share, share - high, 0)
            if off > Self.nearness { isNear = false }
            return [
                group.rawValue, shares.map { written($0 * 100, 1) }.joined(separator: ", "),
                written(share * 100, 1),
                off == 0 ? "within them" : "\(written(off * 100, 1)) off",
            ]
        }
        print(
            Markdown.table(
                ["class, % of \(Int(all)) entrapments", "published", "simulated", ""], rows))
        if !isNear { throw ExitCode(4) }
    }

    private static func entrapments(of scenario: Scenario, seed: UInt64) -> [String: Int] {
        UnobservedFleet.truth(of: scenario, seed: seed).filter { $0.kind == "entrapment" }
            .reduce(into: [:]) { $0[$1.cause ?? "", default: 0] += 1 }
    }
}
