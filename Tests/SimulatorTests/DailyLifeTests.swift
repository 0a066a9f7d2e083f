import Foundation
import LiftModel
import Testing

@testable import City

/// The daily life of lifts in good order: what their messages show, and that it traps nobody.
@Suite struct DailyLifeTests {
    /// One nuisance, often, in a small city without traffic of its own.
    private func city(
        _ nuisance: String, perYear: Double = 6000, _ more: String = "", hours: Int = 12,
        lifts: Int = 6,
        of building: String = "home_tower"
    ) throws -> SmallCity {
        try SmallCity(
            """
            duration: \(hours)h
            start_s: 1772409600
            lifts: \(lifts)
            buildings: \(building)
            networks: wired
            nuisances: { \(nuisance): \(perYear) }
            \(more)
            """)
    }

    private func states(_ city: SmallCity) -> (
        messages: [(lift: Int, time: Double, text: String)], truth: [TruthRow]
    ) {
        var messages: [(lift: Int, time: Double, text: String)] = []
        let truth = city.simulate { arrival in
            let text = String(decoding: arrival.payload, as: UTF8.self)
            if text.contains("\"Door_Status\"") {
                messages.append((arrival.lift, Double(arrival.time) / 1000, text))
            }
        }.truth
        return (messages, truth)
    }

    /// A sag of the mains shuts people in for some seconds; nothing else does.
    @Test(arguments: Nuisance.allCases.filter { $0 != .switchedOffAtNight })
    func itTrapsNobody(_ nuisance: Nuisance) throws {
        let truth = try city(nuisance.rawValue, perYear: 12_000, hours: 4).simulate().truth
        #expect(truth.contains { $0.kind == "nuisance.\(nuisance.rawValue)" })
        let trapped = truth.filter { $0.kind == "entrapment" }
        let isDip = nuisance == .powerDip || nuisance == .powerDipCreepingHome
        #expect(trapped.allSatisfy { isDip && $0.end - $0.start < 30 }, "\(trapped)")
        #expect(!truth.contains { $0.kind == "breakdown" })
    }

    /// A nuisance that comes while a lift is out of service for hours does not begin at the end of
    /// that.
    @Test func whatBefallsALiftDoesNotWaitForAnothersEnd() throws {
        let truth = try city("out_of_service: 3000, bad_sensor", perYear: 12_000, hours: 48)
            .simulate().truth
        let ends = truth.filter { $0.kind == "nuisance.out_of_service" }
        let followed = ends.count { end in
            truth.contains {
                $0.kind == "nuisance.bad_sensor" && $0.lift == end.lift
                    && (0...60).contains($0.start - end.end)
            }
        }
        // By chance alone one in 44 within a minute.
        #expect(ends.count > 50 && followed * 10 < ends.count, "\(followed) of \(ends.count)")
    }

    @Test func aFitterOpensALandingDoorBeforeHeSwitches() throws {
        let (messages, truth) = states(try city("fitters_visit"))
        var (before, offLevel) = (0, 0)
        for lift in Set(messages.map(\.lift)) {
            let mine = messages.filter { $0.lift == lift }
            for (last, next) in zip(mine, mine.dropFirst())
            where next.text.contains("\"Service_Mode\":2")
                && last.text.contains("\"Service_Mode\":1")
            {
                #expect(last.text.contains("\"Door_Status\":false"), "\(last.text)")
                before += 1
                if last.text.contains("\"Door_Zone\":false") { offLevel += 1 }
            }
        }
        #expect(before > 20 && offLevel > 8 && offLevel < before, "\(before), \(offLevel)")
        #expect(truth.count { $0.kind == "nuisance.fitters_visit" } > 20)
    }

    @Test func aCorrectionRunShowsEachEdgeOfAZone() throws {
        let (messages, _) = states(try city("correction_run"))
        var edges: [Int: (zone: Bool, time: Double)] = [:]
        var creeping = 0
        for message in messages where message.text.contains("\"Car_Speed\":0.3") {
            let zone = message.text.contains("\"Door_Zone\":true")
            if let last = edges[message.lift], last.zone != zone {
                if message.time - last.time < 60 { creeping += 1 }
                edges[message.lift] = (zone, message.time)
            } else if edges[message.lift] == nil {
                edges[message.lift] = (zone, message.time)
            }
        }
        #expect(creeping > 100, "\(creeping)")
    }

    @Test func anAdapterStartsWithNullInEveryField() throws {
        let (messages, _) = states(try city("adapter_reboot"))
        let nulls = messages.filter { $0.text.contains("\"Door_Status\":null") }
        #expect(nulls.count > 20)
        #expect(
            nulls.allSatisfy {
                $0.text.contains("\"Car_Status\":null") && $0.text.contains("\"Door_Zone\":null")
            })
    }

    /// The link fails during a ride, and the ride ends like any other.
    @Test func aLinkIsAwayDuringARide() throws {
        let (messages, truth) = states(try city("link_outage_in_ride", "traffic: 3"))
        let away = truth.filter { $0.kind == "nuisance.link_outage_in_ride" }
        #expect(away.count > 15)
        for outage in away.prefix(15) {
            let lift = (0..<6).first { RegistrationCode.text($0) == outage.lift }
            let last = messages.last { $0.lift == lift && $0.time < outage.start - 1_772_409_600 }
            #expect(last?.text.contains("\"Car_Status\":1") == true, "\(last?.text ?? "")")
            #expect(5...140 ~= outage.end - outage.start)
        }
    }

    @Test func aSiteWhoseSwitchDiesHearsNoneOfItsLifts() throws {
        let (messages, truth) = states(
            try city("site_link_outage", perYear: 2000, lifts: 3, of: "office"))
        let outages = truth.filter {
            $0.kind == "nuisance.site_link_outage" && $0.end - $0.start > 25
        }
        #expect(outages.count > 2)
        for outage in outages {
            let (start, end) = (outage.start - 1_772_409_600, outage.end - 1_772_409_600)
            // Messages on their way still arrive.
            #expect(!messages.contains { start + 0.1 < $0.time && $0.time < end }, "\(outage)")
        }
    }

    @Test func liftsAreSwitchedOffFromHalfPastElevenToSix() throws {
        let (messages, _) = states(
            try city("parcel", perYear: 0, "switched_off_at_night: 1", hours: 24))
        let off = messages.filter { $0.text.contains("\"42\"") }
        #expect(Set(off.map(\.lift)).count == 6)
        // The run begins at 08:00.
        #expect(
            off.allSatisfy { 15 * 3600 - 1...22.6 * 3600 ~= $0.time }, "\(off.first?.time ?? 0)")
    }

    @Test func someAdaptersTellOfMotionLaterThanOfTheZone() throws {
        let (messages, _) = states(
            try city("parcel", perYear: 0, "traffic: 3\nsensors: { motion_lags: 1 }"))
        let standing = messages.count {
            $0.text.contains("\"Door_Zone\":false") && $0.text.contains("\"Car_Status\":0")
        }
        let arrived = messages.count {
            $0.text.contains("\"Door_Zone\":true") && $0.text.contains("\"Car_Status\":1")
        }
        #expect(standing > 50 && arrived > 50, "\(standing), \(arrived)")
    }

    @Test func theCatalogueSaysWhereEachRateComesFrom() throws {
        let catalogue = try SmallCity.catalogue()
        #expect(
            Set(catalogue.nuisances.map(\.0))
                == Set(Nuisance.allCases).subtracting([.switchedOffAtNight]))
        let scenario = try SmallCity("nuisances: life").scenario
        #expect(scenario.nuisances.count == catalogue.nuisances.count)
    }
}
