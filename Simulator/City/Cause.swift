import LiftModel
import PositionedYAML

/// A cause of breakdowns: a row of `Simulator/catalogue/causes.yaml`. The physics decides what it
/// means for people.
package struct Cause: Sendable {
    /// The classes in which Chinese rescue hotlines report.
    package enum Group: String, CaseIterable, Sendable {
        case external, human, door, control, other
    }
    /// The moment at which the cause strikes.
    enum Occasion: String, CaseIterable, Sendable {
        case inRun = "in_run"
        case arriving
        case doorsOpen = "doors_open"
        case closing
        case anytime
    }
    enum Effect: String, CaseIterable, Sendable {
        case safetyCircuitOpens = "safety_circuit_opens"
        case driveTrips = "drive_trips"
        case governorTrips = "governor_trips"
        case ropeSlips = "rope_slips"
        case positionLost = "position_lost"
        case doorStaysShut = "door_stays_shut"
        case doorStaysAjar = "door_stays_ajar"
        case doorWillNotClose = "door_will_not_close"
        case brakeSlips = "brake_slips"
        case zoneSensorDies = "zone_sensor_dies"
        case mainsFail = "mains_fail"
        case controllerReboots = "controller_reboots"
        /// The adapter still publishes, without motion, doors and zone.
        case controllerDies = "controller_dies"
        case adapterDies = "adapter_dies"
    }

    package var name: String
    package var group: Group
    /// The share of all breakdowns, relative to the other causes.
    package var share: Double
    var strikes: Occasion
    var effect: Effect
    var codes: [FaultCode]
    var vendorCodes: [String]
    /// The probability that it ends by itself, and after how many seconds.
    var recovery: (chance: Double, after: ClosedRange<Double>)

    package static func read(_ root: YAMLNode, _ diagnostics: Diagnostics) -> [Cause] {
        var reader = YAMLReader(root, diagnostics)
        let causes = reader.entries("causes").compactMap { Cause($0.key, $0.value, diagnostics) }
        reader.finish()
        return causes
    }

    private init?(_ key: YAMLNode, _ node: YAMLNode, _ diagnostics: Diagnostics) {
        var reader = YAMLReader(node, diagnostics)
        name = key.text ?? ""
        group = reader.choice("group", Group.self) ?? .other
        share = reader.number("share", in: 0...1e9) ?? 1
        strikes = reader.choice("strikes", Occasion.self) ?? .anytime
        guard let effect = reader.choice("effect", Effect.self) else {
            diagnostics.report(node, "the key 'effect' is missing or wrong")
            return nil
        }
        self.effect = effect
        codes = reader.items("codes").compactMap { reader.choice(of: $0, FaultCode.self) }
        vendorCodes = reader.items("vendor_codes").compactMap { reader.text(of: $0) }
        recovery = (reader.share("recovers") ?? 0, reader.durations("after") ?? 10...60)
        reader.finish()
    }
}
