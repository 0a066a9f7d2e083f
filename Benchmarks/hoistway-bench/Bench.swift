import City
import Gateway
import GatewayCore
import LiftModel

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// The rules that are judged, and the holds by which they are judged: those of the shipped rules,
/// so that rules that wait longer look no better.
struct Bench: Sendable {
    private let data: DeviceData
    /// The version of the judged rules.
    var version: String { data.rules.version }
    private let holds: [String: Double]
    private let centre: CentreHabit

    /// - Parameter rules: a file or folder.
    init(rules: String, centre: CentreHabit = .silent) throws {
        self.centre = centre
        data = try DeviceData(profiles: ["Devices/profiles"], rules: [rules])
        let shipped = try DeviceData(profiles: ["Devices/profiles"], rules: ["Devices/rules"])
        holds = shipped.rules.holds.mapValues(\.inSeconds)
    }

    /// Judges every building of a city, one after the other.
    func judge(_ scenario: Scenario, seed: UInt64) throws -> JudgedSite.Outcome {
        var outcome = JudgedSite.Outcome()
        for plan in BuildingPlan.draw(scenario, seed: seed) {
            outcome += try judge(plan, scenario, seed: seed)
        }
        return outcome
    }

    func judge(_ plan: BuildingPlan, _ scenario: Scenario, seed: UInt64) throws
        -> JudgedSite.Outcome
    {
        var outcome = try JudgedSite(
            plan, scenario, seed: seed, data: data, holds: holds, centre: centre
        ).run()
        for index in outcome.card.findings.indices {
            outcome.card.findings[index].origin =
                "\(scenario.name), seed \(seed), building \(plan.number)"
        }
        return outcome
    }
}

enum StandardError {
    static func say(_ text: String) {
        _ = Array((text + "\n").utf8).withUnsafeBytes { write(2, $0.baseAddress, $0.count) }
    }

    /// Shows the progress in place on a terminal; in a pipe it prints nothing.
    static func progress(_ text: String) {
        guard isatty(2) == 1 else { return }
        let line =
            "\r" + text + String(repeating: " ", count: max(0, 60 - text.count))
            + (text.isEmpty ? "\r" : "")
        _ = Array(line.utf8).withUnsafeBytes { write(2, $0.baseAddress, $0.count) }
    }
}
