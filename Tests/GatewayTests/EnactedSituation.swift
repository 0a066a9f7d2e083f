import Detection
import Elevator

@testable import hoistway_sim

/// A row of the decision table enacted on the simulator's physical car: a passenger boards (or nobody), the car runs, something
/// brings it into the situation, and what its panel sees is published.
struct EnactedSituation {
    typealias Situation = DecisionTable.Situation

    let publications: [Publication]
    let truth: [TruthRow]
    /// When the car came into the situation, and when the watch ended.
    let event: Double
    let end: Double
    /// Shut and disabled at the end, whoever is inside.
    let isStuckShut: Bool

    static let start = 1_772_420_000.0
    private static let watch = 300.0

    /// - Parameter people: in the car; where the sensor is missing only the physics knows.
    /// - Returns: nil where no physical car can be in the situation.
    init?(_ s: Situation, people: Int) throws {
        guard Self.canHappen(s, people: people) else { return nil }
        let lift = SimulatedLift(
            number: 0, scenario: try Self.scenario(hasSensor: s.occupied != .unknown), seed: 1, start: Self.start,
            incidents: [])
        lift.panel.mode = Self.number(of: s.mode)
        lift.openDoors()
        if people > 0 { lift.board(people) }
        lift.closeDoors()
        let target = (lift.car.floor + 4) % lift.floors
        if s.isMoving {
            event = s.isAlive ? Self.runOn(lift, to: target, s) : Self.diesInRun(lift, to: target, s)
        } else {
            event = Self.stop(lift, at: target, s)
        }
        if !s.isAlive {
            lift.isSpeaking = false
            lift.wait(15)
            lift.publishLastWill()
        }
        lift.wait(max(0, event + Self.watch - lift.time))
        end = lift.time
        isStuckShut = lift.car.isStuckShut
        lift.publishState()
        publications = lift.publications
        truth = lift.truth
    }

    private static func canHappen(_ s: Situation, people: Int) -> Bool {
        // The panel always knows its zone and its contact.
        if s.zone == .unknown || s.door == .unknown { return false }
        if s.occupied == .yes && people == 0 || s.occupied == .no && people > 0 { return false }
        // Nobody there, nobody presses.
        if s.buttonPressed && people == 0 { return false }
        if s.isMoving {
            // A run that lasts is one between floors with its doors shut, in a mode that runs, with something to drive it.
            if s.zone == .yes || s.door != .locked || s.mode == .stopService { return false }
            if !s.hasMains && s.mode != .emergencyPower { return false }
        }
        return true
    }

    private static func scenario(hasSensor: Bool) throws -> Scenario {
        let text = """
            scenario: table
            lifts: 1
            duration: 1h
            heartbeat: 5s
            occupancy_missing: \(hasSensor ? 0 : 1)
            occupancy_stuck: 0
            open_limit_missing: 0
            load_missing: \(hasSensor ? 0 : 1)
            clock_offset: 0
            """
        return try Scenario(file: "table.yaml", bytes: Array(text.utf8))
    }

    /// The panel's number of a mode, GB/T 24476-2017.
    private static func number(of mode: ServiceMode?) -> Int {
        switch mode {
        case .stopService: 0
        case .normal: 1
        case .inspection: 2
        case .fireRecall: 3
        case .firefighter: 4
        case .emergencyPower: 5
        case .earthquake: 6
        case nil: 7
        }
    }

    /// An honest journey, and more of them.
    private static func runOn(_ lift: SimulatedLift, to target: Int, _ s: Situation) -> Double {
        if !s.hasMains { lift.setCodes(["41"]) }
        let event = lift.time
        lift.run(to: target, during: s.buttonPressed ? { lift.pressButton() } : nil)
        lift.wait(0.6)
        lift.openDoors()
        lift.alight()
        lift.closeDoors()
        while lift.time < event + watch { lift.trip() }
        return event
    }

    /// The power goes in mid-run: the last word is that it runs.
    private static func diesInRun(_ lift: SimulatedLift, to target: Int, _ s: Situation) -> Double {
        if !s.hasMains { lift.setCodes(["41"]) }
        lift.run(to: target, stopAfter: 0.5)
        if s.buttonPressed { lift.pressButton() }
        lift.isSpeaking = false
        let event = lift.time
        lift.car.isDisabled = true
        lift.car.isMoving = false
        lift.car.metresOffLevel = 1.2
        lift.publishState()
        lift.postpone("entrapment", to: lift.silenceShows, place: "silence")
        return event
    }

    private static func stop(_ lift: SimulatedLift, at target: Int, _ s: Situation) -> Double {
        let isOffLevel = s.zone == .no
        lift.run(to: target, stopAfter: isOffLevel ? 0.5 : 1)
        if isOffLevel { lift.car.metresOffLevel = 1.2 }
        lift.car.doorGap = s.door == .locked ? 0 : s.door == .notClosed ? 0.05 : 1
        // Off level and without mains it cannot go on; who presses in a shut car waits for a door that does not open.
        lift.car.isDisabled = isOffLevel || !s.hasMains
        let event = lift.time
        lift.stop()
        if !s.hasMains { lift.setCodes(["41"]) }
        lift.wait(5)
        if s.buttonPressed {
            lift.car.isDisabled = lift.car.isDisabled || s.door != .fullyOpen
            lift.pressButton()
        }
        if !s.isAlive { lift.car.isDisabled = true }
        lift.isSpeaking = s.isAlive
        lift.publishState()
        return event
    }
}
