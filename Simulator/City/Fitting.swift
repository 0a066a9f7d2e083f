import LiftModel

/// The equipment of a lift: its drive, its sensors, its adapter. Drawn once.
struct Fitting {
    let kinematics: Kinematics
    /// Kilograms.
    let ratedLoad: Double
    let occupancy: OccupancySensor
    /// Seconds by which a lagging sensor is late.
    let lag: Double
    let hasOpenLimit: Bool
    /// The adapter has a door zone signal.
    let hasZoneSensor: Bool
    let hasLoadCell: Bool
    let hasRescueDevice: Bool
    /// The adapter still publishes for a while when the mains are lost.
    let hasBattery: Bool
    let dialect: Dialect
    /// Seconds between the reports of a lift to which nothing happens.
    let heartbeat: Double
    /// The adapter publishes at every change; otherwise at the heartbeat only.
    let reportsChanges: Bool
    /// Seconds by which the device's clock is wrong, and how many more for each second that passes.
    let clockOffset: Double
    let clockDrift: Double
    /// Seconds for which the door may be held before it nudges.
    let nudgesAfter: Double
    /// How much more often than the average lift it breaks down.
    let frailty: Double
    /// How often each of the scenario's causes strikes it, relative to the others: a weak part
    /// fails again.
    let causeWeights: [Double]
    /// Seconds by which its adapter reports motion later than the zone.
    let motionLag: Double
    let isSwitchedOffAtNight: Bool

    init(_ building: Building, _ random: inout Random) {
        let (plan, scenario) = (building.plan, building.scenario)
        // The drive is chosen for the travel: at most 40 s over the whole height, below the motor
        // run-time limiter.
        let travel = Double(plan.shaft.floors - 1) * plan.shaft.floorHeight
        let fits = Self.drives.filter { $0.run(travel).duration <= 40 }
        kinematics =
            fits.isEmpty
            ? Self.drives[Self.drives.count - 1] : fits[random.integer(0...min(1, fits.count - 1))]
        ratedLoad = plan.ratedLoads[random.integer(0...plan.ratedLoads.count - 1)]
        let sensors = scenario.sensors
        occupancy = sensors.occupancy[random.pick(sensors.occupancy.map(\.share))].sensor
        lag = random.uniform(sensors.lag)
        let isOpenLimitThere = !random.chance(sensors.openLimitMissing)
        hasZoneSensor = !random.chance(sensors.doorZoneMissing)
        hasLoadCell = !random.chance(sensors.loadMissing)
        hasRescueDevice = random.chance(scenario.rescueDevices)
        hasBattery = random.chance(scenario.batteries)
        let device = scenario.devices[random.pick(scenario.devices.map(\.share))]
        dialect = device.dialect
        hasOpenLimit = isOpenLimitThere && device.dialect.hasField(for: .frontFullyOpen)
        heartbeat = device.heartbeat
        reportsChanges = device.reportsChanges
        clockOffset =
            random.chance(scenario.clocks.wrong)
            ? Self.wrongClocks[random.integer(0...Self.wrongClocks.count - 1)] : 0
        clockDrift = random.uniform(-1, 1) * scenario.clocks.drift
        nudgesAfter = random.uniform(20, 30)
        frailty = random.gamma(shape: scenario.failures.frailtyShape)
        let failures = scenario.failures
        causeWeights = failures.causes.map {
            $0.share * random.gamma(shape: failures.weaknessShape)
        }
        motionLag =
            sensors.motionLags > 0 && random.chance(sensors.motionLags) ? random.uniform(0.5, 5) : 0
        isSwitchedOffAtNight =
            scenario.switchedOffAtNight > 0 && random.chance(scenario.switchedOffAtNight)
    }

    /// Speed, acceleration and jerk that go together (domain figures of Peters' table).
    static let drives = [
        Kinematics(speed: 1.0, acceleration: 0.6, jerk: 1.0),
        Kinematics(speed: 1.5, acceleration: 0.7, jerk: 1.0),
        Kinematics(speed: 1.75, acceleration: 0.8, jerk: 1.0),
        Kinematics(speed: 2.0, acceleration: 0.8, jerk: 1.2),
        Kinematics(speed: 2.5, acceleration: 1.0, jerk: 1.4),
        Kinematics(speed: 4.0, acceleration: 1.1, jerk: 1.4),
        Kinematics(speed: 6.0, acceleration: 1.2, jerk: 1.5),
    ]

    /// A wrong time zone, summer time, no time at all, half a minute, a day.
    static let wrongClocks = [-8 * 3600.0, 3600, -1_772_000_000, 37, 86_400]
}

/// 注册代码: type 3110 (traction passenger), region 440106 (Tianhe), year and month, serial.
package enum RegistrationCode {
    package static func text(_ number: Int) -> String {
        let serial = String(number % 9999 + 1)
        let month = 2020 * 12 + number / 9999
        let monthText = String(month % 12 + 1)
        return "3110440106\(month / 12)" + (monthText.count < 2 ? "0" : "") + monthText
            + String(repeating: "0", count: 4 - serial.count) + serial
    }
}
