import Elevator
import PositionedYAML

/// What a simulated fleet goes through: traffic, sensors, network, incidents. Data, in `Simulator/scenarios`.
struct Scenario: Sendable {
    /// What can happen to a lift. What it means for people is decided by the physics.
    enum Incident: String, CaseIterable, Sendable {
        case stuckOffLevel = "stuck_off_level"
        case stuckOffLevelEmpty = "stuck_off_level_empty"
        case doorJamsShut = "door_jams_shut"
        case doorJamsAjar = "door_jams_ajar"
        case powerCutInRun = "power_cut_in_run"
        case powerCutIdle = "power_cut_idle"
        case rescueDevice = "rescue_device"
        case rescueDeviceFails = "rescue_device_fails"
        case controllerSilent = "controller_silent"
        case unintendedMovement = "unintended_movement"
        case overspeed = "overspeed"
        case buttonInOpenCar = "button_in_open_car"
        case buttonInRun = "button_in_run"
        case occupiedIdle = "occupied_idle"
        case heldDoors = "held_doors"
        case inspectionOffLevel = "inspection_off_level"
        case relevelling = "relevelling"
        case outOfServiceEmpty = "out_of_service_empty"
    }
    var name: String
    var start: Instant
    var duration: Double
    var lifts: Int
    var heartbeat: Double
    var tripsPerDay: Double
    var rescueAfter: (Double, Double)
    var duplicates: Double
    var late: Double
    var lateBy: Double
    var redeliveryEvery: Double
    var occupancyMissing: Double
    var occupancyStuck: Double
    var openLimitMissing: Double
    var loadMissing: Double
    var clockOffset: Double
    /// How often each happens in one run of `incidentLifts` lifts; at least once where it is not 0.
    var incidents: [Incident: Double]
    var incidentLifts: Double

    init(file: String, bytes: [UInt8]) throws(InvalidFiles) {
        let diagnostics = Diagnostics()
        var reader = YAMLReader(try YAMLNode(parsing: bytes, file: file), diagnostics)
        name = reader.requiredText("scenario") ?? ""
        _ = reader.text("about")
        start = Instant(seconds: max(-1, min(5e9, reader.number("start_s") ?? 1_772_380_800)))
        duration = (reader.duration("duration") ?? .seconds(86_400)).inSeconds
        lifts = reader.integer("lifts", in: 1...100_000) ?? 200
        heartbeat = (reader.duration("heartbeat") ?? .seconds(10)).inSeconds
        tripsPerDay = reader.number("trips_per_day") ?? 200
        let rescue = reader.items("rescue_after").compactMap { reader.duration(of: $0)?.inSeconds }
        rescueAfter = rescue.count == 2 ? (rescue[0], rescue[1]) : (480, 1500)
        duplicates = reader.number("duplicates") ?? 0.01
        late = reader.number("late") ?? 0.02
        lateBy = (reader.duration("late_by") ?? .milliseconds(1800)).inSeconds
        redeliveryEvery = (reader.duration("redelivery_every") ?? .seconds(3600)).inSeconds
        occupancyMissing = reader.number("occupancy_missing") ?? 0.15
        occupancyStuck = reader.number("occupancy_stuck") ?? 0.03
        openLimitMissing = reader.number("open_limit_missing") ?? 0.25
        loadMissing = reader.number("load_missing") ?? 0.4
        clockOffset = reader.number("clock_offset") ?? 0.05
        incidents = [:]
        incidentLifts = reader.number("incidents_per_lifts") ?? 200
        for (key, value) in reader.entries("incidents") {
            if let kind = reader.choice(of: key, Incident.self), let count = reader.number(of: value) {
                incidents[kind] = count
            }
        }
        reader.finish()
        for (name, isSound) in [
            ("duration must be longer than 0s", duration > 0), ("heartbeat must be at least 100ms", heartbeat >= 0.1),
            ("trips_per_day must lie between 0 and 10000", 0...10_000 ~= tripsPerDay),
            (
                "rescue_after must be two durations, the shorter first",
                rescueAfter.0 > 0 && rescueAfter.0 <= rescueAfter.1
            ),
            ("redelivery_every must be at least 1s", redeliveryEvery >= 1),
            ("start_s must lie in the years 1970 to 2100", 0...4.1e9 ~= start.seconds),
            (
                "duplicates, late, occupancy_missing, occupancy_stuck, open_limit_missing, load_missing and clock_offset are shares from 0 to 1",
                [duplicates, late, occupancyMissing, occupancyStuck, openLimitMissing, loadMissing, clockOffset]
                    .allSatisfy { 0...1 ~= $0 }
            ),
            ("incidents must not be negative", incidents.values.allSatisfy { 0...1_000_000 ~= $0 }),
            ("incidents_per_lifts must be at least 1", incidentLifts >= 1),
        ] where !isSound { diagnostics.report(reader.node, name) }
        if !diagnostics.isEmpty { throw InvalidFiles(diagnostics.all) }
    }
}
