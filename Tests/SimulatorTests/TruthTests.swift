import Foundation
import Testing

@testable import City

/// The truth's rows of entrapments and silences, and their length.
@Suite struct TruthTests {
    /// An entrapment is people in a stopped, shut car, whatever the cause.
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
        let truth = city.simulate().truth
        let entrapments = truth.filter { $0.kind == "entrapment" }
        #expect(entrapments.count > 40)
        for row in entrapments {
            #expect((row.people ?? 0) > 0 && row.cause != nil && row.end > row.start, "\(row)")
        }
        let trapping = Set(entrapments.compactMap(\.cause))
        #expect(
            trapping.isSuperset(of: [
                "door_lock_contact", "door_operator", "vandalised_door", "drive_fault", "power_cut",
            ]))
        // A door that does not close lets everybody out.
        #expect(!trapping.contains("door_drive_worn"))
        // Not every breakdown has passengers in the car.
        #expect(entrapments.count < truth.count { $0.kind == "breakdown" })
    }

    /// Half of the controllers that restart do not know where their car is, and keep its doors
    /// shut.
    @Test func aControllerThatStartsAnewMayStayShut() throws {
        let city = try SmallCity(
            """
            duration: 12h
            start_s: 1772409600
            lifts: 30
            traffic: 5
            failures: { per_lift_year: 30000, only: [controller_reboot] }
            """)
        let entrapments = city.entrapments()
        // A controller that recovers opens its door within two minutes.
        #expect(entrapments.count { $0.end - $0.start > 300 } > 5, "\(entrapments.count)")
        #expect(entrapments.contains { $0.end - $0.start < 150 })
    }

    @Test(arguments: [("gbt24476-json", true), ("interval-json", false)])
    func overspeedIsKnownOnlyOfALiftThatSaysItsRatedSpeed(_ profile: String, _ isKnown: Bool) throws
    {
        let city = try SmallCity(
            """
            duration: 4h
            start_s: 1772409600
            lifts: 20
            traffic: 3
            devices: [{ profile: \(profile) }]
            failures: { per_lift_year: 30000, only: [overspeed] }
            """)
        let rows = city.simulate().truth.filter { $0.kind == "overspeed" }
        #expect(rows.count > 5)
        #expect(rows.allSatisfy { ($0.decidable != nil) == isKnown })
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
        let lasting = city.entrapments().filter {
            $0.end < city.scenario.startSeconds + 28_800 - 3600
        }
        .map { $0.end - $0.start }
        #expect(lasting.count > 20)
        let mean = lasting.reduce(0, +) / Double(lasting.count)
        #expect(850...1350 ~= mean, "\(mean) s")
    }

    /// A silence is an excuse only until the lift's next message, not until a door opens.
    @Test func aSilenceIsOverWhenTheLiftIsHeard() throws {
        let city = try SmallCity(
            """
            duration: 24h
            lifts: 20
            networks: bursty
            sensors: { occupancy: { missing: 1 } }
            """)
        let truth = city.simulate().truth
        let away = Dictionary(grouping: truth.filter { $0.kind == "link_away" }, by: \.lift)
        let silences = truth.filter { $0.kind == "silent_in_use" }
        #expect(silences.count > 50)
        for silence in silences {
            // The link is down for a minute at most, and the lift sends every ten seconds.
            #expect(silence.end - silence.start < 75, "\(silence)")
            #expect(
                away[silence.lift]?.contains {
                    $0.start - 11 < silence.start && silence.end < $0.end + 11
                } == true,
                "\(silence)")
        }
    }

    /// The adapters stop while people are trapped. A silence that lasts must be suspected although
    /// the lift sends again. After a short one its first messages are the evidence. A silence that
    /// nothing corroborates is confirmed by those messages only.
    @Test(arguments: [(5.0, false), (0.4, true)])
    func aSilenceThatLastedMustBeDetectedThoughTheLiftSendsAgain(
        minutes: Double, countsFromTheFirstWord: Bool
    ) throws {
        let city = try SmallCity(
            """
            start_s: 1772409600
            duration: 30m
            lifts: 60
            sensors: { occupancy: { missing: 1 } }
            traffic: 4
            rescue: { arrival: 20m }
            events:
              - { at: 595s, what: breakdown, cause: drive_fault }
              - { at: 10m, what: silence, for: \(Int(minutes * 60))s }
            """)
        let silenceEnd = city.scenario.startSeconds + 600 + minutes * 60
        let truth = city.simulate().truth
        // Their last messages could hold people.
        let inUse = Set(truth.filter { $0.kind == "silent_in_use" }.map(\.lift))
        let unseen = truth.filter {
            $0.kind == "entrapment" && $0.place == "silence" && inUse.contains($0.lift)
                && $0.end > silenceEnd + 120
        }
        #expect(unseen.count >= 3, "\(unseen.count)")
        for row in unseen {
            let isAfterwards = (row.decidable ?? -.infinity) >= silenceEnd
            #expect(isAfterwards == countsFromTheFirstWord, "\(row)")
            #expect(row.confirmable.map { $0 >= silenceEnd } != false, "\(row)")
        }
    }

    /// A press that a link holds back cannot be raised in time.
    @Test func aPressMustBeDetectedFromTheArrivalOfItsFirstMessage() throws {
        let city = try SmallCity(
            """
            duration: 12h
            lifts: 20
            networks: bursty
            nuisances: { prank_call: 9000 }
            """)
        let delays = city.simulate().truth.filter { $0.kind == "car_alarm_call" }
            .compactMap { press in press.decidable.map { $0 - press.start } }
        #expect(delays.count > 100)
        #expect(
            delays.allSatisfy { 0.01...61 ~= $0 }, "\(delays.min() ?? 0) to \(delays.max() ?? 0) s")
        #expect(delays.contains { $0 > 3 }, "\(delays.max() ?? 0) s")
    }

    /// The evidence was half a minute old when the lift stopped reporting. Its last messages arrive
    /// late and do not change that.
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
        let visible = city.entrapments().filter {
            $0.place == "off_level" && $0.end - $0.start > 300
        }
        #expect(visible.count >= 3, "\(visible.count)")
        for row in visible { #expect((row.decidable ?? .infinity) - row.start < 30, "\(row)") }
    }
}
