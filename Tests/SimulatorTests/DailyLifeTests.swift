import Elevator
import Foundation
import Testing

@testable import City

/// Daily life of lifts in good order: what it looks like from outside, and that it traps nobody.
@Suite struct DailyLifeTests {
    /// One nuisance, often, in a small city without traffic of its own.
    private func city(
        _ nuisance: String, perYear: Double = 6000, _ more: String = "", hours: Int = 12, lifts: Int = 6,
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

    private func states(_ city: SmallCity) -> (words: [(lift: Int, time: Double, text: String)], truth: [TruthRow]) {
        var words: [(lift: Int, time: Double, text: String)] = []
        let truth = city.live { arrival in
            let text = String(decoding: arrival.payload, as: UTF8.self)
            if text.contains("\"Door_Status\"") { words.append((arrival.lift, Double(arrival.time) / 1000, text)) }
        }.truth
        return (words, truth)
    }

    /// A sag of the mains shuts people in for some seconds; nothing else does.
    @Test(arguments: Nuisance.allCases.filter { $0 != .switchedOffAtNight })
    func itTrapsNobody(_ nuisance: Nuisance) throws {
        let truth = try city(nuisance.rawValue, perYear: 12_000, hours: 4).live().truth
        #expect(truth.contains { $0.kind == "nuisance.\(nuisance.rawValue)" })
        let trapped = truth.filter { $0.kind == "entrapment" }
        let isDip = nuisance == .powerDip || nuisance == .powerDipCreepingHome
        #expect(trapped.allSatisfy { isDip && $0.end - $0.start < 30 }, "\(trapped)")
        #expect(!truth.contains { $0.kind == "breakdown" })
    }

    @Test func aFitterOpensALandingDoorBeforeHeSwitches() throws {
        let (words, truth) = states(try city("fitters_visit"))
        var (before, offLevel) = (0, 0)
        for lift in Set(words.map(\.lift)) {
            let mine = words.filter { $0.lift == lift }
            for (last, next) in zip(mine, mine.dropFirst())
            where next.text.contains("\"Service_Mode\":2") && last.text.contains("\"Service_Mode\":1") {
                #expect(last.text.contains("\"Door_Status\":false"), "\(last.text)")
                before += 1
                if last.text.contains("\"Door_Zone\":false") { offLevel += 1 }
            }
        }
        #expect(before > 20 && offLevel > 8 && offLevel < before, "\(before), \(offLevel)")
        #expect(truth.count { $0.kind == "nuisance.fitters_visit" } > 20)
    }

    @Test func aCorrectionRunShowsEachEdgeOfAZone() throws {
        let (words, _) = states(try city("correction_run"))
        var edges: [Int: (zone: Bool, time: Double)] = [:]
        var creeping = 0
        for word in words where word.text.contains("\"Car_Speed\":0.3") {
            let zone = word.text.contains("\"Door_Zone\":true")
            if let last = edges[word.lift], last.zone != zone {
                if word.time - last.time < 60 { creeping += 1 }
                edges[word.lift] = (zone, word.time)
            } else if edges[word.lift] == nil {
                edges[word.lift] = (zone, word.time)
            }
        }
        #expect(creeping > 100, "\(creeping)")
    }

    @Test func anAdapterStartsWithNullInEveryField() throws {
        let (words, _) = states(try city("adapter_reboot"))
        let nulls = words.filter { $0.text.contains("\"Door_Status\":null") }
        #expect(nulls.count > 20)
        #expect(nulls.allSatisfy { $0.text.contains("\"Car_Status\":null") && $0.text.contains("\"Door_Zone\":null") })
    }

    /// The link is away from the middle of a ride, and the ride ends as every other one.
    @Test func aLinkIsAwayDuringARide() throws {
        let (words, truth) = states(try city("link_outage_in_ride", "traffic: 3"))
        let away = truth.filter { $0.kind == "nuisance.link_outage_in_ride" }
        #expect(away.count > 15)
        for outage in away.prefix(15) {
            let lift = (0..<6).first { RegistrationCode.text($0) == outage.lift }
            let last = words.last { $0.lift == lift && $0.time < outage.start - 1_772_409_600 }
            #expect(last?.text.contains("\"Car_Status\":1") == true, "\(last?.text ?? "")")
            #expect(5...140 ~= outage.end - outage.start)
        }
    }

    @Test func aSiteWhoseSwitchDiesHearsNoneOfItsLifts() throws {
        let (words, truth) = states(try city("site_link_outage", perYear: 2000, lifts: 3, of: "office"))
        let outages = truth.filter { $0.kind == "nuisance.site_link_outage" && $0.end - $0.start > 25 }
        #expect(outages.count > 2)
        for outage in outages {
            let (start, end) = (outage.start - 1_772_409_600, outage.end - 1_772_409_600)
            // What was on its way arrives.
            #expect(!words.contains { start + 0.1 < $0.time && $0.time < end }, "\(outage)")
        }
    }

    @Test func liftsAreSwitchedOffFromHalfPastElevenToSix() throws {
        let (words, _) = states(try city("parcel", perYear: 0, "switched_off_at_night: 1", hours: 24))
        let off = words.filter { $0.text.contains("\"42\"") }
        #expect(Set(off.map(\.lift)).count == 6)
        // The run begins at eight in the morning.
        #expect(off.allSatisfy { 15 * 3600 - 1...22.6 * 3600 ~= $0.time }, "\(off.first?.time ?? 0)")
    }

    @Test func someAdaptersTellOfMotionLaterThanOfTheZone() throws {
        let (words, _) = states(
            try city("parcel", perYear: 0, "traffic: 3\nsensors: { motion_lags: 1 }"))
        let standing = words.count { $0.text.contains("\"Door_Zone\":false") && $0.text.contains("\"Car_Status\":0") }
        let arrived = words.count { $0.text.contains("\"Door_Zone\":true") && $0.text.contains("\"Car_Status\":1") }
        #expect(standing > 50 && arrived > 50, "\(standing), \(arrived)")
    }

    @Test func theCatalogueSaysWhereEachRateComesFrom() throws {
        let catalogue = try SmallCity.catalogue()
        #expect(Set(catalogue.nuisances.map(\.0)) == Set(Nuisance.allCases).subtracting([.switchedOffAtNight]))
        let scenario = try SmallCity("nuisances: life").scenario
        #expect(scenario.nuisances.count == catalogue.nuisances.count)
    }
}
