import Foundation
import LiftModel
import PositionedYAML
import RuleTools

@testable import City

/// Enacts a row of the decision table on the simulator's physical car: a passenger boards (or
/// none), the car runs, an event brings it into the situation, and its panel's signals are
/// published.
struct EnactedSituation {
    typealias Situation = DecisionTable.Situation

    struct Publication {
        /// Seconds since 1970.
        var time: Double
        var topic: [UInt8]
        var payload: [UInt8]
    }
    let publications: [Publication]
    let truth: [TruthRow]
    /// When the watch ended, seconds since 1970.
    let end: Double
    /// Shut and disabled at the end, with or without people.
    let isStuckShut: Bool

    static let start = 1_772_420_000.0
    private static let watch = 300.0

    /// - Parameter people: the people in the car; without a sensor only the physics knows them.
    /// - Returns: nil where no physical car can be in this situation.
    init?(_ s: Situation, people: Int) throws {
        guard Self.canHappen(s, people: people) else { return nil }
        let stage = Stage(try Self.scenario(hasSensor: s.occupied != .unknown))
        let lift = stage.lift
        lift.mode = s.mode
        stage.openDoors()
        let target = (lift.floor + 4) % stage.floors
        for _ in 0..<people { lift.car.riders.append(Passenger(destination: target, mass: 70)) }
        lift.peopleChanged()
        stage.closeDoors()
        if !s.isMoving {
            stage.stop(at: target, s)
        } else if s.isAlive {
            stage.runOn(to: target, s)
        } else {
            stage.dieInRun(to: target, s)
        }
        stage.wait(until: stage.event + Self.watch)
        end = Self.start + stage.building.now
        isStuckShut = stage.isStuckShut
        lift.updateTruth()
        publications = stage.publications
        truth = stage.building.truth
    }

    private static func canHappen(_ s: Situation, people: Int) -> Bool {
        // The panel always has its zone and its contact.
        if s.zone == .unknown || s.door == .unknown { return false }
        if s.occupied == .yes && people == 0 || s.occupied == .no && people > 0 { return false }
        // Without people no button is pressed.
        if s.buttonPressed && people == 0 { return false }
        if s.isMoving {
            // A lasting run is between floors with shut doors, in a mode that runs, with power.
            if s.zone == .yes || s.door != .locked || s.mode == .stopService { return false }
            if !s.hasMains && s.mode != .emergencyPower { return false }
        }
        return true
    }

    private static func scenario(hasSensor: Bool) throws -> Scenario {
        func file(_ path: String) throws -> YAMLNode {
            let bytes = try Data(contentsOf: URL(fileURLWithPath: "\(Site.root)/\(path)"))
            return try YAMLNode(parsing: Array(bytes), file: path)
        }
        let text = """
            scenario: table
            start_s: \(Int(start))
            lifts: 1
            duration: 1h
            traffic: 0
            devices: [{ profile: gbt24476-json, heartbeat: 5s }]
            sensors: { occupancy: { \(hasSensor ? "truthful" : "missing"): 1 }, load_missing: \(hasSensor ? 0 : 1) }
            """
        let catalogue = try Catalogue(
            buildings: file("Simulator/catalogue/buildings.yaml"),
            causes: file("Simulator/catalogue/causes.yaml"),
            networks: file("Simulator/catalogue/networks.yaml"),
            profiles: [file("Devices/profiles/gbt24476-json.yaml")])
        return try Scenario(YAMLNode(parsing: Array(text.utf8), file: "table.yaml"), catalogue)
    }
}

/// One lift of a building without traffic, moved by hand.
private final class Stage {
    private let city: City
    let building: Building
    let lift: SimulatedLift
    private(set) var publications: [EnactedSituation.Publication] = []
    /// When the situation began, in seconds since the run's start.
    var event = 0.0

    init(_ scenario: Scenario) {
        city = City(scenario, seed: 1)
        building = city.buildings[0]
        lift = building.lifts[0]
        lift.isReserved = true
        wait(6)
    }

    var floors: Int { building.shaft.floors }
    var isStuckShut: Bool {
        lift.car.isDisabled
            && !(building.shaft.isInDoorZone(lift.car.height(at: building.now))
                && lift.car.door.gap(at: building.now) >= 1)
    }

    func wait(_ seconds: Double) { wait(until: building.now + seconds) }
    func wait(until time: Double) {
        guard time > building.now else { return }
        building.advance(to: time) { time, lift, channel, payload, _ in
            publications.append(
                EnactedSituation.Publication(
                    time: EnactedSituation.start + time, topic: building.topic(lift: lift, channel),
                    payload: payload))
        }
    }

    func openDoors() {
        lift.moveDoor(to: 1, in: 2)
        wait(2.1)
        lift.publishChanges()
    }

    func closeDoors() {
        wait(1.2)
        lift.moveDoor(to: 0, in: 3)
        wait(3.1)
        lift.publishChanges()
        // The occupancy sensor reacts a moment later.
        wait(1)
    }

    /// - Parameter share: the part of the run; below 1 the car stops on the way, between floors.
    private func run(to target: Int, share: Double = 1, during: () -> Void = {}) {
        lift.run(to: target)
        guard let journey = lift.car.journey else { return }
        let duration = journey.ideal.duration
        wait(until: journey.begin + min(share, 0.5) * duration)
        during()
        if share == 1 { return wait(until: journey.begin + duration + 0.1) }
        lift.abandon()
        lift.car.journey = nil
        let landing =
            Double(building.shaft.floor(at: journey.height(at: building.now)))
            * building.shaft.floorHeight
        lift.car.height = landing + (landing > 0 ? -1.2 : 1.2)
    }

    /// One undisturbed run, and several of them.
    func runOn(to target: Int, _ s: EnactedSituation.Situation) {
        if !s.hasMains { lift.raise(.mainPowerLost) }
        event = building.now
        run(to: target, during: { if s.buttonPressed { lift.pressButton() } })
        wait(0.6)
        openDoors()
        lift.car.riders.removeAll()
        lift.peopleChanged()
        closeDoors()
        while building.now < event + 300 {
            run(to: (lift.floor + 3) % floors)
            openDoors()
            closeDoors()
            wait(5)
        }
    }

    /// The power fails during a run: the last message reports a run.
    func dieInRun(to target: Int, _ s: EnactedSituation.Situation) {
        if !s.hasMains { lift.raise(.mainPowerLost) }
        lift.run(to: target)
        wait((lift.car.journey?.ideal.duration ?? 0) / 2)
        if s.buttonPressed {
            lift.pressButton()
            wait(0.5)
        }
        event = building.now
        lift.stopReporting()
        lift.abandon()
        let height = lift.car.height(at: event)
        lift.car.journey = nil
        lift.car.height =
            Double(building.shaft.floor(at: height)) * building.shaft.floorHeight + 1.2
        lift.car.isDisabled = true
        lift.updateTruth()
    }

    func stop(at target: Int, _ s: EnactedSituation.Situation) {
        let isOffLevel = s.zone == .no
        run(to: target, share: isOffLevel ? 0.5 : 1)
        if s.door != .locked { lift.car.door = DoorMotion(to: s.door == .notClosed ? 0.05 : 1) }
        // Off level and without mains the car cannot run on. A passenger in a shut car who presses
        // waits for a door that does not open.
        lift.car.isDisabled = isOffLevel || !s.hasMains
        event = building.now
        lift.publishChanges()
        if !s.hasMains { lift.raise(.mainPowerLost) }
        wait(5)
        if s.buttonPressed {
            lift.car.isDisabled = lift.car.isDisabled || s.door != .fullyOpen
            lift.pressButton()
            wait(3)
        }
        if !s.isAlive { lift.car.isDisabled = true }
        if s.isAlive { lift.publishChanges() } else { lift.stopReporting() }
        lift.updateTruth()
    }
}
