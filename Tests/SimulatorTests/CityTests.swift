import DeviceProfiles
import Elevator
import Encoding
import Foundation
import PositionedYAML
import Testing

@testable import City

@Suite struct CityTests {
    @Test func theSameSeedGivesTheSameBytes() throws {
        let city = try SmallCity(
            """
            duration: 2h
            lifts: 12
            networks: mobile
            failures: { per_lift_year: 5000 }
            """)
        func bytes(_ seed: UInt64) -> [UInt8] {
            var all: [UInt8] = []
            var other = city
            other.seed = seed
            other.live { all += $0.topic + $0.payload + Array("\($0.time)".utf8) }
            return all
        }
        let first = bytes(7)
        #expect(first.count > 100_000)
        #expect(first == bytes(7))
        #expect(first != bytes(8))
    }

    @Test func aBuildingIsTheSameAloneAndAmongOthers() throws {
        let city = try SmallCity(
            """
            duration: 1h
            lifts: 20
            networks: mobile
            failures: { per_lift_year: 5000 }
            """)
        var among: [[UInt8]] = []
        let all = city.live { if $0.building == 3 { among.append($0.payload) } }
        var alone: [[UInt8]] = []
        let one = city.live(only: 3..<4) { alone.append($0.payload) }
        #expect(!alone.isEmpty)
        #expect(among == alone)
        let lifts = Set(one.truth.map(\.lift)).subtracting([""])
        #expect(
            all.truth.filter { lifts.contains($0.lift) }.map(\.start) == one.truth.filter { $0.lift != "" }.map(\.start)
        )
    }

    /// Nothing breaks: a car runs with its doors locked, and nobody is trapped.
    @Test func aSoundCityCarriesItsPeople() throws {
        let city = try SmallCity(
            """
            duration: 24h
            lifts: 8
            buildings: { home_tower: 1, office: 1 }
            """)
        var boarded = 0
        var wasOccupied: [Int: Bool] = [:]
        let after = city.live { arrival in
            let payload = String(decoding: arrival.payload, as: UTF8.self)
            guard payload.contains("Car_Status") else { return }
            let isRunning = payload.contains("\"Car_Status\":1")
            #expect(!(isRunning && payload.contains("\"Door_Status\":false")), "\(payload)")
            let isOccupied = payload.contains("\"Passenger_Status\":true")
            if isOccupied, wasOccupied[arrival.lift] != true { boarded += 1 }
            wasOccupied[arrival.lift] = isOccupied
        }
        #expect(boarded > 800)
        #expect(after.truth.map(\.kind).filter { $0 != "lift" } == ["run"])
        // Midnight: whoever wanted to go somewhere is there, but for the last few.
        #expect(after.buildings.allSatisfy { $0.landings.reduce(0) { $0 + $1.up.count + $1.down.count } < 8 })
    }

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

    @Test(arguments: ["gbt24476-json", "interval-json"])
    func theGatewaysDecoderReadsWhatLiftsSay(_ name: String) throws {
        let diagnostics = Diagnostics()
        let profile = try #require(Profile(SmallCity.file("Devices/profiles/\(name).yaml"), diagnostics))
        var decoder = MessageDecoder(profile)
        let city = try SmallCity(
            """
            duration: 6h
            lifts: 8
            clocks: { wrong: 0.3 }
            devices: [{ profile: \(name) }]
            failures: { per_lift_year: 20000 }
            """)
        var read = 0
        var told: Set<Signal> = []
        city.live { arrival in
            let topic = String(decoding: arrival.topic, as: UTF8.self)
            guard let index = profile.topics.firstIndex(where: { $0.pattern.lift(in: topic) != nil }) else {
                Issue.record("nobody reads \(topic)")
                return
            }
            do throws(UnreadableMessage) {
                let message = try decoder.decode(arrival.payload.span, topic: index, isRetained: false, identities: [])
                #expect(message.problem == nil)
                read += 1
                told.formUnion(Signal.allCases.filter { message.reading.known & (1 << UInt64($0.rawValue)) != 0 })
            } catch { Issue.record("\(error): \(String(decoding: arrival.payload, as: UTF8.self))") }
        }
        #expect(read > 10_000)
        // What the profile can say is said; the machine's thermal contact alone is nobody's in this city.
        #expect(profile.provides.subtracting(told).isSubset(of: [.overheated]), "\(profile.provides.subtracting(told))")
    }

    /// What makes an entrapment is people in a stopped, shut car, not the name of the cause.
    @Test func anEntrapmentHasPeopleAndACause() throws {
        let city = try SmallCity(
            """
            duration: 4h
            start_s: 1772409600
            lifts: 30
            traffic: 3
            failures: { per_lift_year: 30000, evenly: true }
            rescue: { arrival: 2m, release: 1m, call_out: 1m, repair: 1m }
            """)
        let truth = city.live().truth
        let entrapments = truth.filter { $0.kind == "entrapment" }
        #expect(entrapments.count > 40)
        for row in entrapments { #expect((row.people ?? 0) > 0 && row.cause != nil && row.end > row.start, "\(row)") }
        let trapping = Set(entrapments.compactMap(\.cause))
        #expect(
            trapping.isSuperset(of: [
                "door_lock_contact", "door_operator", "vandalised_door", "drive_fault", "power_cut",
            ]))
        // A door that does not close lets everybody out.
        #expect(!trapping.contains("door_drive_worn"))
        // Not every breakdown finds somebody in the car.
        #expect(entrapments.count < truth.count { $0.kind == "breakdown" })
    }

    @Test func helpTakesAsLongAsTheScenarioSays() throws {
        let city = try SmallCity(
            """
            duration: 8h
            start_s: 1772409600
            lifts: 30
            traffic: 5
            failures: { per_lift_year: 15000, only: [water_in_pit] }
            rescue: { arrival: 12m, release: 6m }
            """)
        let lasting = city.entrapments().filter { $0.end < city.scenario.startSeconds + 28_800 - 3600 }
            .map { $0.end - $0.start }
        #expect(lasting.count > 20)
        let mean = lasting.reduce(0, +) / Double(lasting.count)
        #expect(850...1350 ~= mean, "\(mean) s")
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

    /// What a silence excuses ends with it, not when a door opens at last.
    @Test func aSilenceIsOverWhenTheLiftIsHeard() throws {
        let city = try SmallCity(
            """
            duration: 24h
            lifts: 20
            networks: bursty
            sensors: { occupancy: { missing: 1 } }
            """)
        let truth = city.live().truth
        let away = Dictionary(grouping: truth.filter { $0.kind == "link_away" }, by: \.lift)
        let silences = truth.filter { $0.kind == "silent_in_use" }
        #expect(silences.count > 50)
        for silence in silences {
            // The link is away for a minute at most, and the lift speaks every ten seconds.
            #expect(silence.end - silence.start < 75, "\(silence)")
            #expect(
                away[silence.lift]?.contains { $0.start - 11 < silence.start && silence.end < $0.end + 11 } == true,
                "\(silence)")
        }
    }

    /// It had been shown for half a minute when its lift fell silent; the last words arrive late, and change nothing of that.
    @Test func whatWasShownBeforeASilenceIsNotShownAnew() throws {
        let city = try SmallCity(
            """
            start_s: 1772409600
            duration: 30m
            lifts: 60
            networks: mobile
            traffic: 4
            rescue: { arrival: 20m }
            events:
              - { at: 10m, what: breakdown, cause: drive_fault }
              - { at: 12m, what: silence, for: 10m }
            """)
        let shown = city.entrapments().filter { $0.place == "off_level" && $0.end - $0.start > 300 }
        #expect(shown.count >= 3, "\(shown.count)")
        for row in shown { #expect((row.decidable ?? .infinity) - row.start < 30, "\(row)") }
    }

    @Test func anUnknownNameIsRefusedWithItsPlace() {
        func message(_ text: String) -> String {
            do {
                _ = try SmallCity(text)
                return "accepted"
            } catch { return "\(error)" }
        }
        #expect(
            message("buildings: { home_towr: 1 }").contains(
                "scenario.yaml:2:14: 'home_towr' is not in the catalogue. Did you mean 'home_tower'?"))
        #expect(message("failures: { only: [door_lok_contact] }").contains("Did you mean 'door_lock_contact'?"))
        #expect(message("sensors: { occupancy: { truthfull: 1 } }").contains("truthful"))
        #expect(message("lifs: 3").contains("'lifs' is not a key here. Did you mean 'lifts'?"))
        #expect(message("devices: [{ profile: acme }]").contains("no profile is named 'acme'"))
    }
}

@Suite struct ScenarioTests {
    /// Each of the library is read without a word of complaint, and its events happen to a small city of its kind.
    @Test func theLibraryRuns() throws {
        let folder = "\(SmallCity.root)/Simulator/scenarios"
        let names = try FileManager.default.contentsOfDirectory(atPath: folder).filter { $0.hasSuffix(".yaml") }
        #expect(names.count >= 14)
        for name in names {
            var scenario = try Scenario(SmallCity.file("Simulator/scenarios/\(name)"), SmallCity.catalogue())
            scenario.lifts = 6
            scenario.duration = min(scenario.duration, 1800)
            let events = scenario.events
            scenario.events = []
            func life(_ scenario: Scenario) -> [UInt8] {
                let city = City(scenario, seed: 1)
                var bytes: [UInt8] = []
                while city.advance({ bytes += $0.payload }) {}
                return bytes + city.truth.flatMap { Array("\($0)".utf8) }
            }
            let quiet = life(scenario)
            #expect(quiet.count > 1000, "\(name)")
            for var event in events {
                (event.at, event.share) = (300, 1)
                scenario.events = [event]
                let makesNoDifference = life(scenario) == quiet
                #expect(!makesNoDifference, "\(name): \(event.what)")
            }
        }
    }

    /// They go to the ground floor, let everybody out, and say why; afterwards they serve again.
    @Test func aFireRecallBringsLiftsDown() throws {
        let city = try SmallCity(
            """
            duration: 40m
            start_s: 1772409600
            lifts: 4
            buildings: home_tower
            traffic: 3
            events: [{ at: 10m, what: fire_recall, for: 10m }]
            """)
        var modes: [Int: Set<String>] = [:]
        city.live { arrival in
            let text = String(decoding: arrival.payload, as: UTF8.self)
            guard let mode = text.range(of: "\"Service_Mode\":") else { return }
            let minute = Int(arrival.time / 60_000)
            modes[minute / 10, default: []].insert(String(text[mode.upperBound...].prefix(1)))
        }
        #expect(modes[0] == ["1"] && modes[1]?.contains("3") == true && modes[3] == ["1"])
    }

    /// On its own topic it gives its neighbour's name, and on its neighbour's its own; the truth knows nothing of it.
    @Test func aLiarUsesTheNamesOfOthers() throws {
        let city = try SmallCity(
            "duration: 20m\nlifts: 3\nbuildings: shops\nevents: [{ at: 5m, what: liar, for: 10m }]", seed: 2)
        var forged = 0
        let truth = city.live { arrival in
            let topic = String(decoding: arrival.topic, as: UTF8.self)
            let text = String(decoding: arrival.payload, as: UTF8.self)
            guard topic.hasSuffix("/state"), let lift = topic.split(separator: "/").dropFirst().first else { return }
            if !text.contains("\"Identification_Number\":\"\(lift)\"") { forged += 1 }
        }.truth
        #expect(forged == 2 * 10 * 12)
        #expect(!truth.contains { $0.kind == "entrapment" })
    }

    /// Nothing breaks: whoever is stuck is so for the seconds of a power dip.
    @Test func nuisancesTrapNobodyForLong() throws {
        let city = try SmallCity(
            """
            duration: 6h
            start_s: 1772409600
            lifts: 10
            nuisances: { idle_occupied: 3000, held_doors: 3000, cleaner: 3000, parcel: 3000, moving_day: 1000, inspection: 1000, power_dip: 3000, relevelling: 3000, prank_call: 3000, bad_sensor: 3000, out_of_service: 1000 }
            """)
        let truth = city.live().truth
        let kinds = Set(truth.map(\.kind))
        for nuisance in Nuisance.allCases { #expect(kinds.contains("nuisance.\(nuisance.rawValue)"), "\(nuisance)") }
        #expect(!kinds.contains("breakdown"))
        #expect(truth.filter { $0.kind == "entrapment" }.allSatisfy { $0.end - $0.start < 40 })
    }

    /// To the device the time has leapt; to everybody else it has not.
    @Test func clocksJumpAndAreSetRightAgain() throws {
        let city = try SmallCity(
            """
            duration: 1h
            lifts: 6
            events: [{ at: 20m, what: clock_jump, for: 10m }]
            """)
        let start = city.scenario.startSeconds
        var wrong: [Int: Set<Int>] = [:]
        city.live { arrival in
            guard case let text = String(decoding: arrival.payload, as: UTF8.self),
                let field = text.range(of: "\"Time_Stamps\":\""),
                let said = Instant(rfc3339: String(text[field.upperBound...].prefix(29)))
            else { return }
            let jump = said.seconds - start - Double(arrival.time) / 1000
            let minute = Int(arrival.time / 60_000)
            if abs(jump) > 5 { wrong[arrival.lift, default: []].insert(minute) }
        }
        #expect(wrong.count == 6)
        #expect(wrong.values.allSatisfy { $0.isSubset(of: Set(20...30)) && $0.count >= 9 }, "\(wrong)")
    }

    @Test(arguments: Broker.Loss.allCases)
    func aGatewayThatWasAwayIsToldWhatTheBrokerKept(_ loss: Broker.Loss) throws {
        let text = """
            duration: 1h
            lifts: 6
            networks: wired
            """
        let city = try SmallCity(
            text + "\nevents: [{ at: 20m, what: gateway_away, for: 10m, loses: \(loss) }]")
        var heard: [(time: Int64, payload: [UInt8], isRetained: Bool)] = []
        city.live { heard.append(($0.time, $0.payload, $0.isRetained)) }
        var usual: [[UInt8]] = []
        try SmallCity(text).live { usual.append($0.payload) }
        #expect(!heard.contains { 1_200_000..<1_800_000 ~= $0.time })
        // The state and the birth of each of the six; or every word, late.
        #expect(heard.count { $0.isRetained } == (loss == .session ? 12 : 0))
        #expect((heard.count { !$0.isRetained } == usual.count) == (loss == .nothing))
        if loss == .nothing { #expect(Set(heard.map(\.payload)) == Set(usual)) }
    }

    @Test func whatHappensToTheConnectionStandsBetweenTheWords() throws {
        let scenario = try SmallCity(
            """
            duration: 1h
            events: [{ at: 20m, what: gateway_away, for: 10m }, { at: 25m, what: gateway_away, for: 5m }]
            """
        ).scenario
        var story = ConnectionStory(scenario)
        #expect(story.next(before: 1199) == nil)
        #expect(story.next(before: 1800)?.event == .disconnected)
        #expect(story.next(before: 1800)?.event == .connected)
        #expect(story.next(before: 1800) == nil, "what waited is still to be read")
        #expect(story.next(before: 1801)?.event == .drained)
        #expect(story.next(before: 3600) == nil)
    }

    @Test func aPowerCutComesWhenTheScenarioSays() throws {
        let city = try SmallCity(
            """
            duration: 2h
            start_s: 1772442000
            lifts: 40
            traffic: 5
            events: [{ at: 30m, what: power_cut, share: 0.5, for: 20m }]
            """)
        let after = city.live()
        let breakdowns = after.truth.filter { $0.kind == "breakdown" }
        #expect(breakdowns.allSatisfy { $0.start == city.scenario.startSeconds + 1800 && $0.cause == "power_cut" })
        #expect(5..<35 ~= breakdowns.count)
        let trapped = after.truth.filter { $0.kind == "entrapment" }
        #expect(!trapped.isEmpty && trapped.contains { $0.place == "silence" })
        // When the mains are back after 20 minutes, the controllers bring level whoever is still inside and not being helped.
        #expect(trapped.allSatisfy { $0.end < city.scenario.startSeconds + 1800 + 1200 + 1800 })
    }
}
