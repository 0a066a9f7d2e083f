import Encoding
import LiftModel
import PositionedYAML
import Testing

@testable import Monitoring

/// Alerts that several lifts of a site have in common.
@Suite struct SeveralLiftsTests {
    private let area = """
        rules:
          - rule: power
            kind: power_loss
            when: '"41" in codes'
            title: { en: p, zh: p }
            across: { lifts: 2, kind: area_power_loss, severity: critical, explains: [silent], title: { en: a, zh: a } }
          - { rule: silent, kind: controller_silent, when: heard and silent(30s), title: { en: s, zh: s } }
          - { rule: trapped, kind: entrapment.silence, when: heard and silent(20s) and possibly(last(any(compartments.occupied))), title: { en: t, zh: t } }
        """

    @Test func aPowerCutIsOneIncidentAndExplainsSilenceButNobodyTrapped() throws {
        var building = try Building(lifts: 3, rules: area)
        for lift in 1...3 {
            building.send(lift, at: 1) {
                $0.stopsBetweenFloors()
                $0.set(.occupied, lift == 2)
                $0.set(.codes, bits: FaultCode.mainPowerLost.bit)
            }
        }
        building.advance(to: 40)
        #expect(
            building.revisions.filter { $0.contains("area_power_loss") } == [
                "site area_power_loss raised 1.0"
            ])
        #expect(building.revisions.contains("2 entrapment.silence raised 21.0"))
        #expect(!building.revisions.contains { $0.contains("controller_silent raised") })
        #expect(building.revisions.count { $0.contains("controller_silent suppressed") } == 3)
        // Power comes back on two of them, and they send messages: the third is silent for another
        // reason.
        for lift in 1...2 { building.send(lift, at: 50) { $0.set(.codes, bits: 0) } }
        #expect(building.revisions.contains("site area_power_loss cleared 50.0"))
        #expect(building.revisions.last == "3 controller_silent raised 50.0")
    }

    @Test func anAreasRemindersComeAsOne() throws {
        let rules = area.replacingFirst(
            "kind: entrapment.silence,", "kind: entrapment, stage: confirmed,")
        var building = try Building(lifts: 4, rules: rules)
        for lift in 1...4 {
            building.send(lift, at: Double(lift)) {
                $0.stopsBetweenFloors()
                $0.set(.occupied, true)
                $0.set(.codes, bits: lift < 4 ? FaultCode.mainPowerLost.bit : 0)
            }
        }
        for second in stride(from: 20.0, through: 400, by: 20) { building.advance(to: second) }
        let reminders = building.alerts.filter { $0.reason == Alert.notAccepted }
        let ids = Dictionary(
            building.alerts.filter(\.isEntrapment).map { ($0.lift, $0.id) },
            uniquingKeysWith: { first, _ in first })
        // The fourth lift has its mains, so it does not belong to the area.
        try #require(reminders.map(\.lift) == ["1", "4", "1", "4"])
        #expect(reminders.map(\.alsoNotAccepted.count) == [2, 0, 2, 0])
        #expect(Set(reminders[0].alsoNotAccepted) == Set(["2", "3"].compactMap { ids[$0] }))
        // A person who accepts one alert has not accepted the others.
        try building.perform(.accepted(alert: #require(ids["1"]), by: "Li"))
        for second in stride(from: 420.0, through: 580, by: 20) { building.advance(to: second) }
        let last = building.alerts.last { $0.reason == Alert.notAccepted && $0.lift != "4" }
        #expect(last?.lift == "2" && last?.alsoNotAccepted.first == ids["3"])
    }

    @Test func nothingExplainsAPersonAway() {
        let text = area.replacingFirst("explains: [silent]", "explains: [trapped]")
        let error = #expect(throws: InvalidFiles.self) { try Building(lifts: 2, rules: text) }
        #expect(error?.description.contains("about people") == true)
    }

    @Test(arguments: [0.25, 1, 7, 200])
    func howOftenTimeAdvancesChangesNothing(_ step: Double) throws {
        func revisions(_ step: Double) throws -> [String] {
            var building = try Building(lifts: 3, rules: area)
            for lift in 1...3 {
                building.send(lift, at: Double(lift) / 4) {
                    $0.stopsBetweenFloors()
                    $0.set(.occupied, lift == 2)
                    $0.set(.codes, bits: lift == 3 ? 0 : FaultCode.mainPowerLost.bit)
                }
            }
            try building.perform(
                .maintenance(
                    lift: "3", until: Building.start + .seconds(40), by: "Li", reason: "door"))
            for time in stride(from: 1.0, through: 200, by: step) { building.advance(to: time) }
            building.advance(to: 200)
            return building.revisions + building.alerts.map(\.id)
        }
        #expect(try revisions(step) == revisions(0.5))
    }

    /// One event in a building, at its second.
    private struct Event: CustomStringConvertible {
        enum Kind {
            case sent(lift: Int, isPowerLost: Bool, isOccupied: Bool, age: Double)
            case observing(Bool)
        }
        var second: Double
        var kind: Kind
        var description: String { "\(second): \(kind)" }

        func play(in building: inout Building) {
            switch kind {
            case .sent(let lift, let isPowerLost, let isOccupied, let age):
                building.send(lift, at: second - age, arriving: second) {
                    $0.stopsBetweenFloors()
                    $0.set(.occupied, isOccupied)
                    $0.set(.codes, bits: isPowerLost ? FaultCode.mainPowerLost.bit : 0)
                }
            case .observing(false):
                building.advance(to: second)
                building.stopObserving()
            case .observing(true): building.startObserving(at: second)
            }
        }
    }

    private static let silence = """

          - rule: quiet
            kind: area_quiet_member
            when: heard and silent(25s)
            tells_site: site_power_lost
            title: { en: q, zh: q }
            across: { lifts: 2, kind: area_silence, severity: major, within: 20s, title: { en: a, zh: a } }
          - { rule: dark, kind: dark, when: site_power_lost and not moving, title: { en: d, zh: d } }
        """

    /// Random events of four lifts: power cuts, silences and gaps in observation.
    private static func randomEvents(_ random: inout SplitMix64) -> [Event] {
        var events = (1...4).map {
            Event(
                second: Double($0) / 4,
                kind: .sent(lift: $0, isPowerLost: false, isOccupied: $0 == 2, age: 0))
        }
        var second = 2.0
        var isObserving = true
        for _ in 0..<24 {
            second += [0.25, 1, 5, 12, 40].randomElement(using: &random)!
            if Int.random(in: 0...4, using: &random) == 0 {
                isObserving.toggle()
                events.append(Event(second: second, kind: .observing(isObserving)))
            } else {
                events.append(
                    Event(
                        second: second,
                        kind: .sent(
                            lift: .random(in: 1...4, using: &random),
                            isPowerLost: .random(using: &random),
                            isOccupied: .random(using: &random),
                            age: [0, 0, 0, 0.5, 1.75, 9].randomElement(using: &random)!)))
            }
        }
        if !isObserving { events.append(Event(second: second + 1, kind: .observing(true))) }
        return events
    }

    @Test func aFoldAfterARestartFindsWhatSeveralLiftsHadInCommon() throws {
        let seed = UInt64.random(in: 0...UInt64.max)
        var random = SplitMix64(seed: seed)
        let rules = area + Self.silence
        var incidents = 0
        for round in 0..<200 {
            let events = Self.randomEvents(&random)
            let cut = Int.random(in: 1..<events.count, using: &random)
            let end = events.last!.second + 100
            var building = try Building(lifts: 4, rules: rules)
            var restarted = building
            for (index, event) in events.enumerated() {
                if index == cut {
                    restarted = building
                    try restarted.restart()
                }
                // The first detector is advanced many times; the one that replays, only when an
                // event has happened.
                var second = (building.now - Building.start).inSeconds
                while second + 0.7 < event.second {
                    second += .random(in: 0.1...5, using: &random)
                    building.advance(to: min(second, event.second))
                }
                event.play(in: &building)
            }
            while (building.now - Building.start).inSeconds < end {
                building.advance(to: (building.now - Building.start).inSeconds + 0.9)
            }
            for event in events[cut...] { event.play(in: &restarted) }
            restarted.advance(to: (building.now - Building.start).inSeconds)
            func verdicts(_ building: Building) -> [String] {
                zip(building.revisions, building.alerts).map {
                    "\($0) \($1.id)/\($1.revision) \($1.reason)"
                }
            }
            incidents += building.revisions.count { $0.hasPrefix("site ") }
            let (whole, again) = (verdicts(building), verdicts(restarted))
            let same = zip(whole, again).prefix { $0 == $1 }.count
            guard whole.count == same, again.count == same else {
                Issue.record(
                    """
                    seed \(seed), round \(round), cut at \(cut): \(events)
                    \(whole.dropFirst(same).prefix(3))
                    \(again.dropFirst(same).prefix(3))
                    """)
                return
            }
        }
        #expect(incidents > 100, "without incidents the rounds test nothing")
    }
}
