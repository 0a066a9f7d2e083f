import ArgumentParser
import DeviceProfiles
import Gateway
import GatewayCore
import LiftModel
import Monitoring
import PositionedYAML
import RuleLanguage

/// Reloads rules while lifts send messages. The alerts of every unchanged rule must be those of a
/// run without a reload.
struct Reloads: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract:
            "Reload rules under traffic, and compare with a run without reloads. Exit code 1 on any difference."
    )

    @Option(help: "Reloads, one a second.") var count = 1000
    @Option(help: "Lifts that send.") var lifts = 1000

    func run() throws {
        let rules = try DeviceData.nodes(["Devices/rules"])
        let changed = """
            rules:
              - rule: overspeed
                kind: overspeed
                when: speed > 2 * rated_speed
                title: { en: "changed", zh: "改" }
            """
        let present = try RuleSet(rules)
        let other = try RuleSet(
            rules, replacing: [YAMLNode(parsing: Array(changed.utf8), file: "changed.yaml")])
        let began = cpuSeconds()
        let quiet = try alerts([present])
        let between = cpuSeconds()
        let reloaded = try alerts([other, present])
        printRow(
            "without a reload", "\(quiet.alerts.count) alerts", "\(written(between - began)) CPU s")
        printRow(
            "with \(count) reloads", "\(reloaded.alerts.count) alerts",
            "\(written(cpuSeconds() - between)) CPU s, \(written((cpuSeconds() - 2 * between + began) / Double(count) * 1e3)) ms a reload"
        )
        guard quiet.alerts == reloaded.alerts, quiet.readings == reloaded.readings else {
            let lost = quiet.alerts.filter { !reloaded.alerts.contains($0) }
            let added = reloaded.alerts.filter { !quiet.alerts.contains($0) }
            print(
                "different: \(lost.count) lost, \(added.count) added, readings \(quiet.readings) and \(reloaded.readings)"
            )
            for line in lost.prefix(3) { print("  lost  \(line)") }
            for line in added.prefix(3) { print("  added \(line)") }
            throw ExitCode.failure
        }
        print(
            "No hold lost, no alert doubled, no reading dropped: \(quiet.readings) readings of \(lifts) lifts in both runs."
        )
    }

    /// - Parameter sets: adopted in turn, one a second. A single one is never reloaded.
    private func alerts(_ sets: [RuleSet]) throws -> (alerts: [String], readings: Int) {
        let start = Instant(nanoseconds: 1_772_323_200_000_000_000)
        let data = try DeviceData(profiles: ["Devices/profiles"], rules: ["Devices/rules"])
        let kind = Intake.kind(data.profiles[0], .traction)
        var detector = Detector(rules: sets[sets.count - 1], start: start, isObserving: true)
        for lift in 0..<lifts { try detector.add(Lift(id: "\(lift)"), kind: kind, at: start) }
        var chance = Chance(seed: 1000)
        var readings = Array(repeating: Reading(), count: lifts)
        var lines: [String] = []
        var sequence: Int64 = 0
        for second in 0..<count + 200 {
            let now = start + .seconds(second)
            // Each lift sends every ten seconds. One in a hundred of its messages is a second late.
            for lift in stride(from: second % 10, to: lifts, by: 10) {
                change(&readings[lift], &chance)
                sequence += 1
                readings[lift].sequence = sequence
                readings[lift].deviceTime = now - .milliseconds(chance.happens(1) ? 1000 : 0)
                detector.apply(
                    readings[lift], lift: LiftIndex(lift), key: UInt64(sequence), vendorCode: nil,
                    arrival: now)
            }
            detector.advance(to: now + .milliseconds(500))
            if sets.count > 1, second < count {
                try detector.adopt(sets[second % 2], at: now + .milliseconds(700))
            }
            for alert in detector.takeAlerts() where alert.rule != "overspeed" {
                lines.append(
                    "\(alert.lift) \(alert.kind) \(alert.id)/\(alert.revision) \(alert.state.rawValue) \(alert.time.rfc3339)"
                )
            }
        }
        let total = detector.liftIndices.reduce(0) {
            $0 + detector.view($1).counters.readings + detector.view($1).counters.historical
        }
        return (lines.sorted(), total)
    }

    /// A lift that runs, stops anywhere, and now and then has an occupant.
    private func change(_ reading: inout Reading, _ chance: inout Chance) {
        reading.set(.mode, case: 1)
        reading.set(
            Signal.codes.rawValue, bits: chance.happens(5) ? FaultCode.carAlarmButton.bit : 0)
        if chance.happens(30) { reading.set(.moving, chance.happens(50)) }
        if chance.happens(20) { reading.set(.inDoorZone, chance.happens(50)) }
        if chance.happens(10) { reading.set(.occupied, chance.happens(50)) }
        if chance.happens(20) { reading.set(.frontLocked, chance.happens(70)) }
        reading.set(.frontFullyOpen, chance.happens(10))
        reading.set(.floor, number: Double(chance.below(20)))
        reading.set(.speed, number: Double(chance.below(3)))
    }
}
