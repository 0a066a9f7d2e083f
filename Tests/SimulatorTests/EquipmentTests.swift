import Foundation
import Testing

@testable import City

/// The movement of a car and its doors, as the lift's messages show it.
@Suite struct EquipmentTests {
    @Test func aLiftTellsEachLandingThatItPassesFromBetweenTheFloors() throws {
        let city = try SmallCity(
            "duration: 1h\nlifts: 3\nbuildings: home_tower\ntraffic: 20", seed: 7)
        var published: [Int: [Int: [String: Any]]] = [:]
        city.simulate { arrival in
            guard
                let state = try? JSONSerialization.jsonObject(with: Data(arrival.payload))
                    as? [String: Any],
                let number = state["Sequence"] as? Int, state["Car_Position"] != nil
            else { return }
            published[arrival.lift, default: [:]][number] = state
        }
        #expect(published.count == 3)
        var passed = 0
        for states in published.values.map({ $0.sorted { $0.key < $1.key }.map(\.value) }) {
            for (before, after) in zip(states, states.dropFirst()) {
                let jump = abs(
                    (after["Car_Position"] as? Int ?? 0) - (before["Car_Position"] as? Int ?? 0))
                #expect(jump <= 1, "a landing was passed and not reported")
                if jump == 0 { continue }
                passed += 1
                #expect(after["Car_Status"] as? Int == 1 && after["Door_Zone"] as? Bool == false)
                #expect(
                    after["Car_Speed"] as? Double ?? 0 > 0.5,
                    "in the middle between two floors it runs")
            }
        }
        #expect(passed > 100)
    }

    @Test func aLiftWithoutADoorZoneSensorSaysNothingOfIt() throws {
        let city = try SmallCity(
            "duration: 1h\nlifts: 20\nbuildings: { office: 1 }\nsensors: { door_zone_missing: 0.5 }"
        )
        var (silent, telling): (Set<Int>, Set<Int>) = ([], [])
        city.simulate { arrival in
            let text = String(decoding: arrival.payload, as: UTF8.self)
            guard text.contains("Door_Status") else { return }
            if text.contains("\"Door_Zone\":") {
                telling.insert(arrival.lift)
            } else {
                silent.insert(arrival.lift)
            }
        }
        #expect(silent.isDisjoint(with: telling) && silent.count > 4 && telling.count > 4)
    }

    /// EN 81-20 5.12.1.1.4.
    @Test func carsStopSomeMillimetresBesideTheLanding() throws {
        let city = try SmallCity(
            "duration: 3h\nstart_s: 1772409600\nlifts: 40\nbuildings: { office: 1 }")
        var millimetres: [Double] = []
        for plan in BuildingPlan.draw(city.scenario, seed: 1) {
            let building = Building(plan, city.scenario, seed: 1)
            building.advance(to: city.scenario.duration) { _, _, _, _, _ in }
            for lift in building.lifts where lift.phase == .idle {
                millimetres.append(building.shaft.metresOffLevel(at: lift.car.height) * 1000)
            }
        }
        #expect(millimetres.count > 20)
        #expect(millimetres.allSatisfy { $0 <= 10.001 }, "\(millimetres)")
        #expect(millimetres.count { $0 > 2 } > millimetres.count / 2, "\(millimetres)")
    }

    /// EN 81-20 5.3.6.2.2.1.1: without its light curtain a door may have 4 J instead of 10 J, so it
    /// is slower.
    @Test func aDoorThatIsHeldForLongIsNudgedShut() throws {
        let city = try SmallCity(
            """
            duration: 4h
            start_s: 1772409600
            lifts: 8
            buildings: { office: 1 }
            traffic: 3
            networks: wired
            devices: [{ profile: gbt24476-json }]
            sensors: { open_limit_missing: 0 }
            nuisances: { held_doors: 20000 }
            """)
        struct Door { var (opened, closing, isShut, isOpen) = (0.0, 0.0, true, false) }
        var doors: [[UInt8]: Door] = [:]
        /// Seconds from the full width to the lock, by the time for which the door had not been
        /// shut.
        var (nudged, free): ([Double], [Double]) = ([], [])
        /// From the lock to the full width.
        var openings: [Double] = []
        city.simulate { arrival in
            let text = String(decoding: arrival.payload, as: UTF8.self)
            guard text.contains("Door_Status") else { return }
            let time = Double(arrival.time) / 1000
            var door = doors[arrival.topic] ?? Door()
            let (isShut, isOpen) = (
                text.contains("\"Door_Status\":true"), text.contains("\"Door_Open_Limit\":true")
            )
            if door.isShut, !isShut { door.opened = time }
            if !door.isOpen, isOpen, door.closing <= door.opened {
                openings.append(time - door.opened)
            }
            if door.isOpen, !isOpen { door.closing = time }
            if !door.isShut, isShut, door.closing > door.opened {
                let seconds = time - door.closing
                if door.closing - door.opened > 31 { nudged.append(seconds) }
                if door.closing - door.opened < 19 { free.append(seconds) }
            }
            (door.isShut, door.isOpen) = (isShut, isOpen)
            doors[arrival.topic] = door
        }
        #expect(
            openings.count > 300 && openings.allSatisfy { 1.6...2.7 ~= $0 },
            "\(openings.min() ?? 0) s")
        #expect(nudged.count > 30 && free.count > 300, "\(nudged.count), \(free.count)")
        #expect(free.allSatisfy { $0 < 3.9 }, "\(free.max() ?? 0) s")
        #expect(nudged.allSatisfy { $0 > 3.9 }, "\(nudged.sorted().prefix(20)) \(nudged.count)")
    }

    /// EN 81-20 5.12.1.5.2. A rope slips, and help comes before the motor run-time limiter trips.
    @Test func whatIsSwitchedToInspectionStops() throws {
        let city = try SmallCity(
            """
            start_s: 1772409600
            duration: 1h
            lifts: 10
            buildings: { office: 1 }
            failures: { per_lift_year: 100000, only: [rope_slips] }
            rescue: { arrival: 20s, release: 1m, call_out: 20s, repair: 1m }
            """)
        var last: [Int: String] = [:]
        var stops = 0
        city.simulate { arrival in
            let text = String(decoding: arrival.payload, as: UTF8.self)
            guard text.contains("Service_Mode") else { return }
            if text.contains("\"Service_Mode\":2"), let before = last[arrival.lift],
                before.contains("\"Service_Mode\":1")
            {
                #expect(text.contains("\"Car_Status\":0"), "\(text)")
                if before.contains("\"Car_Status\":1") { stops += 1 }
            }
            last[arrival.lift] = text
        }
        #expect(stops >= 20, "\(stops) were switched while they seemed to run")
    }

    /// The fitter's inspection ends with the power cut: the lift serves again afterwards.
    @Test func aPowerCutEndsAnInspection() throws {
        let city = try SmallCity(
            """
            start_s: 1772409600
            duration: 3h
            lifts: 6
            batteries: 0
            events:
              - { at: 10m, what: maintenance, for: 1m }
              - { at: 12m, what: power_cut, for: 5m }
            """)
        var inspected: Set<Int> = []
        var last: [Int: Bool] = [:]
        city.simulate { arrival in
            let text = String(decoding: arrival.payload, as: UTF8.self)
            guard text.contains("Service_Mode") else { return }
            let isInspected = text.contains("\"Service_Mode\":2")
            if isInspected { inspected.insert(arrival.lift) }
            last[arrival.lift] = isInspected
        }
        #expect(inspected.count >= 3, "\(inspected.count) were under inspection")
        #expect(last.values.allSatisfy { !$0 }, "\(last)")
    }
}
