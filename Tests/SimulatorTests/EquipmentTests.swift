import Foundation
import Testing

@testable import City

/// What a car and its doors do, seen in what the lift says.
@Suite struct EquipmentTests {
    @Test func aLiftTellsEachLandingThatItPassesFromBetweenTheFloors() throws {
        let city = try SmallCity("duration: 1h\nlifts: 3\nbuildings: home_tower\ntraffic: 20", seed: 7)
        var told: [Int: [Int: [String: Any]]] = [:]
        city.live { arrival in
            guard let state = try? JSONSerialization.jsonObject(with: Data(arrival.payload)) as? [String: Any],
                let number = state["Sequence"] as? Int, state["Car_Position"] != nil
            else { return }
            told[arrival.lift, default: [:]][number] = state
        }
        #expect(told.count == 3)
        var passed = 0
        for states in told.values.map({ $0.sorted { $0.key < $1.key }.map(\.value) }) {
            for (before, after) in zip(states, states.dropFirst()) {
                let jump = abs((after["Car_Position"] as? Int ?? 0) - (before["Car_Position"] as? Int ?? 0))
                #expect(jump <= 1, "a landing was passed and not told")
                if jump == 0 { continue }
                passed += 1
                #expect(after["Car_Status"] as? Int == 1 && after["Door_Zone"] as? Bool == false)
                #expect(after["Car_Speed"] as? Double ?? 0 > 0.5, "in the middle between two floors it runs")
            }
        }
        #expect(passed > 100)
    }

    @Test func aLiftWithoutADoorZoneSensorSaysNothingOfIt() throws {
        let city = try SmallCity(
            "duration: 1h\nlifts: 20\nbuildings: { office: 1 }\nsensors: { door_zone_missing: 0.5 }")
        var (silent, telling): (Set<Int>, Set<Int>) = ([], [])
        city.live { arrival in
            let word = String(decoding: arrival.payload, as: UTF8.self)
            guard word.contains("Door_Status") else { return }
            if word.contains("\"Door_Zone\":") { telling.insert(arrival.lift) } else { silent.insert(arrival.lift) }
        }
        #expect(silent.isDisjoint(with: telling) && silent.count > 4 && telling.count > 4)
    }

    /// EN 81-20 5.12.1.1.4.
    @Test func carsStopSomeMillimetresBesideTheLanding() throws {
        let city = try SmallCity("duration: 3h\nstart_s: 1772409600\nlifts: 40\nbuildings: { office: 1 }")
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

    /// EN 81-20 5.3.6.2.2.1.1: without its light curtain a door may hold 4 J instead of 10 J, and so it is slower.
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
        /// Seconds from the full width to the lock, by how long it had not been shut.
        var (nudged, free): ([Double], [Double]) = ([], [])
        /// From the lock to the full width.
        var openings: [Double] = []
        city.live { arrival in
            let word = String(decoding: arrival.payload, as: UTF8.self)
            guard word.contains("Door_Status") else { return }
            let time = Double(arrival.time) / 1000
            var door = doors[arrival.topic] ?? Door()
            let (isShut, isOpen) = (word.contains("\"Door_Status\":true"), word.contains("\"Door_Open_Limit\":true"))
            if door.isShut, !isShut { door.opened = time }
            if !door.isOpen, isOpen, door.closing <= door.opened { openings.append(time - door.opened) }
            if door.isOpen, !isOpen { door.closing = time }
            if !door.isShut, isShut, door.closing > door.opened {
                let seconds = time - door.closing
                if door.closing - door.opened > 31 { nudged.append(seconds) }
                if door.closing - door.opened < 19 { free.append(seconds) }
            }
            (door.isShut, door.isOpen) = (isShut, isOpen)
            doors[arrival.topic] = door
        }
        #expect(openings.count > 300 && openings.allSatisfy { 1.6...2.7 ~= $0 }, "\(openings.min() ?? 0) s")
        #expect(nudged.count > 30 && free.count > 300, "\(nudged.count), \(free.count)")
        #expect(free.allSatisfy { $0 < 3.9 }, "\(free.max() ?? 0) s")
        #expect(nudged.allSatisfy { $0 > 3.9 }, "\(nudged.sorted().prefix(20)) \(nudged.count)")
    }

    /// EN 81-20 5.12.1.5.2. A rope slips, and help is there before the motor run-time limiter.
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
        city.live { arrival in
            let word = String(decoding: arrival.payload, as: UTF8.self)
            guard word.contains("Service_Mode") else { return }
            if word.contains("\"Service_Mode\":2"), let before = last[arrival.lift],
                before.contains("\"Service_Mode\":1")
            {
                #expect(word.contains("\"Car_Status\":0"), "\(word)")
                if before.contains("\"Car_Status\":1") { stops += 1 }
            }
            last[arrival.lift] = word
        }
        #expect(stops >= 20, "\(stops) were switched while they seemed to run")
    }

    /// Whoever was at work on it has other worries: the lift serves again when the power is back, and no inspection mutes for ever.
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
        city.live { arrival in
            let word = String(decoding: arrival.payload, as: UTF8.self)
            guard word.contains("Service_Mode") else { return }
            let isInspected = word.contains("\"Service_Mode\":2")
            if isInspected { inspected.insert(arrival.lift) }
            last[arrival.lift] = isInspected
        }
        #expect(inspected.count >= 3, "\(inspected.count) were under inspection")
        #expect(last.values.allSatisfy { !$0 }, "\(last)")
    }
}
