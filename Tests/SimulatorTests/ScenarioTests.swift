import Foundation
import LiftModel
import Testing

@testable import City

/// The library of scenarios, and the effect of their events.
@Suite struct ScenarioTests {
    /// Each scenario of the library is read without a mistake, and each of its events changes a
    /// small city.
    @Test func theLibraryRuns() throws {
        let folder = "\(SmallCity.root)/Simulator/scenarios"
        let names = try FileManager.default.contentsOfDirectory(atPath: folder).filter {
            $0.hasSuffix(".yaml")
        }
        #expect(names.count >= 14)
        for name in names {
            var scenario = try Scenario(
                SmallCity.file("Simulator/scenarios/\(name)"), SmallCity.catalogue())
            scenario.lifts = 6
            scenario.duration = min(scenario.duration, 1800)
            let events = scenario.events
            scenario.events = []
            func output(_ scenario: Scenario) -> [UInt8] {
                let city = City(scenario, seed: 1)
                var bytes: [UInt8] = []
                while city.advance({ bytes += $0.payload }) {}
                return bytes + city.truth.flatMap { Array("\($0)".utf8) }
            }
            let quiet = output(scenario)
            #expect(quiet.count > 1000, "\(name)")
            for var event in events {
                (event.at, event.share) = (300, 1)
                scenario.events = [event]
                let makesNoDifference = output(scenario) == quiet
                #expect(!makesNoDifference, "\(name): \(event.kind)")
            }
        }
    }

    /// The lifts drive to the ground floor, let everybody out, and report the mode; afterwards they
    /// serve again.
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
        city.simulate { arrival in
            let text = String(decoding: arrival.payload, as: UTF8.self)
            guard let mode = text.range(of: "\"Service_Mode\":") else { return }
            let minute = Int(arrival.time / 60_000)
            modes[minute / 10, default: []].insert(String(text[mode.upperBound...].prefix(1)))
        }
        #expect(modes[0] == ["1"] && modes[1]?.contains("3") == true && modes[3] == ["1"])
    }

    /// The liar gives its neighbour's name on its own topic, and its own on its neighbour's. The
    /// truth is unaffected.
    @Test func aLiarUsesTheNamesOfOthers() throws {
        let city = try SmallCity(
            "duration: 20m\nlifts: 3\nbuildings: shops\nevents: [{ at: 5m, what: liar, for: 10m }]",
            seed: 2)
        var forged = 0
        let truth = city.simulate { arrival in
            let topic = String(decoding: arrival.topic, as: UTF8.self)
            let text = String(decoding: arrival.payload, as: UTF8.self)
            guard topic.hasSuffix("/state"),
                let lift = topic.split(separator: "/").dropFirst().first
            else { return }
            if !text.contains("\"Identification_Number\":\"\(lift)\"") { forged += 1 }
        }.truth
        #expect(forged == 2 * 10 * 12)
        #expect(!truth.contains { $0.kind == "entrapment" })
    }

    /// Nothing breaks. The only people who are shut in are those of a power dip, for seconds.
    @Test func nuisancesTrapNobodyForLong() throws {
        let city = try SmallCity(
            """
            duration: 6h
            start_s: 1772409600
            lifts: 10
            nuisances: { idle_occupied: 3000, held_doors: 3000, cleaner: 3000, parcel: 3000, moving_day: 1000, inspection: 1000, power_dip: 3000, relevelling: 3000, prank_call: 3000, bad_sensor: 3000, out_of_service: 1000 }
            """)
        let truth = city.simulate().truth
        let kinds = Set(truth.map(\.kind))
        for (nuisance, _) in city.scenario.nuisances {
            #expect(kinds.contains("nuisance.\(nuisance.rawValue)"), "\(nuisance)")
        }
        #expect(!kinds.contains("breakdown"))
        #expect(truth.filter { $0.kind == "entrapment" }.allSatisfy { $0.end - $0.start < 40 })
    }

    /// Only the device's clock leaps.
    @Test func clocksJumpAndAreSetRightAgain() throws {
        let city = try SmallCity(
            """
            duration: 1h
            lifts: 6
            events: [{ at: 20m, what: clock_jump, for: 10m }]
            """)
        let start = city.scenario.startSeconds
        var wrong: [Int: Set<Int>] = [:]
        city.simulate { arrival in
            guard case let text = String(decoding: arrival.payload, as: UTF8.self),
                let field = text.range(of: "\"Time_Stamps\":\""),
                let stamp = Instant(rfc3339: String(text[field.upperBound...].prefix(29)))
            else { return }
            let jump = stamp.seconds - start - Double(arrival.time) / 1000
            let minute = Int(arrival.time / 60_000)
            if abs(jump) > 5 { wrong[arrival.lift, default: []].insert(minute) }
        }
        #expect(wrong.count == 6)
        #expect(
            wrong.values.allSatisfy { $0.isSubset(of: Set(20...30)) && $0.count >= 9 }, "\(wrong)")
    }

    @Test(arguments: Broker.Loss.allCases)
    func aGatewayThatWasAwayReceivesWhatTheBrokerQueued(_ loss: Broker.Loss) throws {
        let text = """
            duration: 1h
            lifts: 6
            networks: wired
            """
        let city = try SmallCity(
            text + "\nevents: [{ at: 20m, what: gateway_away, for: 10m, loses: \(loss) }]")
        var arrivals: [(time: Int64, payload: [UInt8], isRetained: Bool)] = []
        city.simulate { arrivals.append(($0.time, $0.payload, $0.isRetained)) }
        var usual: [[UInt8]] = []
        try SmallCity(text).simulate { usual.append($0.payload) }
        #expect(!arrivals.contains { 1_200_000..<1_800_000 ~= $0.time })
        // The state and the birth of each of the six lifts; or every message, late.
        #expect(arrivals.count { $0.isRetained } == (loss == .session ? 12 : 0))
        #expect((arrivals.count { !$0.isRetained } == usual.count) == (loss == .nothing))
        if loss == .nothing { #expect(Set(arrivals.map(\.payload)) == Set(usual)) }
    }

    @Test func connectionEventsAreBetweenTheMessages() throws {
        let scenario = try SmallCity(
            """
            duration: 1h
            events: [{ at: 20m, what: gateway_away, for: 10m }, { at: 25m, what: gateway_away, for: 5m }]
            """
        ).scenario
        var schedule = ConnectionSchedule(scenario)
        #expect(schedule.next(before: 1199) == nil)
        #expect(schedule.next(before: 1800)?.event == .disconnected)
        #expect(schedule.next(before: 1800)?.event == .connected)
        #expect(schedule.next(before: 1800) == nil, "the backlog is still to be read")
        #expect(schedule.next(before: 1801)?.event == .drained)
        #expect(schedule.next(before: 3600) == nil)
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
        let after = city.simulate()
        let breakdowns = after.truth.filter { $0.kind == "breakdown" }
        #expect(
            breakdowns.allSatisfy {
                $0.start == city.scenario.startSeconds + 1800 && $0.cause == "power_cut"
            })
        #expect(5..<35 ~= breakdowns.count)
        let trapped = after.truth.filter { $0.kind == "entrapment" }
        #expect(!trapped.isEmpty && trapped.contains { $0.place == "silence" })
        // When the mains are back after 20 minutes, the controllers bring the cars level whose
        // passengers are not being helped.
        #expect(trapped.allSatisfy { $0.end < city.scenario.startSeconds + 1800 + 1200 + 1800 })
    }
}
