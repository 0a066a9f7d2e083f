import Elevator
import PositionedYAML
import Testing

@testable import Detection

private func rule(_ more: String = "", when: String = "not moving", hold: String = "10s", kind: String = "stands")
    -> String
{
    """
    rules:
      - rule: stands
        kind: \(kind)
        when: \(when)
        for: \(hold)
        title: { en: stands, zh: 停 }
        \(more)
    """
}

/// The life of a rule beyond raise and clear: suppressors, severity, gaps, people's words, other lifts, changed rules.
@Suite struct RuleLifeTests {
    private func stop(_ building: inout Building, at second: Double, lift: Int = 1) {
        building.say(lift, at: second) {
            $0.stopsBetweenFloors()
            $0.set(.occupied, true)
        }
    }

    // MARK: Gaps

    @Test(arguments: [("continue", "11.0"), ("restart", "50.0"), ("unknown", "46.0")])
    func aHoldOverAGapFollowsItsPolicyAndTheAlertSaysSo(_ policy: String, _ time: String) throws {
        var building = try Building(rules: rule("gap: \(policy)"))
        stop(&building, at: 1)
        building.advance(to: 5)
        building.stopListening()
        building.startListening(at: 40)
        building.advance(to: 55)
        #expect(building.told == ["1 stands raised \(time)"])
        #expect(building.alerts[0].gap?.policy.rawValue == policy)
        #expect(building.alerts[0].gap?.duration == .seconds(35))
    }

    @Test func withoutAGapNothingIsSaidOfOne() throws {
        var building = try Building(rules: rule())
        stop(&building, at: 1)
        building.advance(to: 12)
        #expect(building.alerts[0].gap == nil)
    }

    // MARK: Severity

    @Test func anOpenAlertBecomesMoreSevereAndNeverLess() throws {
        let text = rule("severity: major\n    grades: [{ severity: emergency, when: mode == fire_recall }]")
        var building = try Building(rules: text)
        stop(&building, at: 1)
        building.advance(to: 12)
        building.say(at: 13) { $0.set(.mode, case: 3) }
        building.say(at: 14) { $0.set(.mode, case: 1) }
        #expect(building.alerts.map(\.severity) == [.major, .emergency])
        #expect(building.alerts[1].revision == 2 && building.alerts[1].state == .raised)
        #expect(building.alerts[1].reason == "severity")
    }

    // MARK: Suppressors

    @Test func aCoolDownGoesOnMuting() throws {
        let text = rule("unless: [{ name: inspection, when: mode == inspection, cool_down: 60s, at_most: 1h }]")
        var building = try Building(rules: text)
        building.say(at: 0) {
            $0.stopsBetweenFloors()
            $0.set(.mode, case: 2)
            $0.set(.moving, true)
        }
        building.say(at: 10) { $0.set(.mode, case: 1) }
        building.say(at: 12) { $0.set(.moving, false) }
        for second in stride(from: 20.0, to: 100, by: 10) { building.say(at: second) }
        #expect(building.told == ["1 stands suppressed 22.0", "1 stands raised 70.0"])
    }

    @Test func aCoolDownMutesNothingThatBeginsInIt() throws {
        let text = rule(
            "unless: [{ name: inspection, when: mode == inspection, active: before_onset, cool_down: 60s, at_most: 1h }]"
        )
        for (stopsAt, told) in [
            (5.0, ["1 stands suppressed 15.0", "1 stands raised 70.0"]), (12.0, ["1 stands raised 22.0"]),
        ] {
            var building = try Building(rules: text)
            building.say(at: 0) {
                $0.stopsBetweenFloors()
                $0.set(.mode, case: 2)
                $0.set(.moving, true)
            }
            if stopsAt < 10 { building.say(at: stopsAt) { $0.set(.moving, false) } }
            building.say(at: 10) { $0.set(.mode, case: 1) }
            if stopsAt > 10 { building.say(at: stopsAt) { $0.set(.moving, false) } }
            for second in stride(from: 20.0, to: 100, by: 10) { building.say(at: second) }
            #expect(building.told == told, "it stopped at \(stopsAt) s")
        }
    }

    @Test func nothingMayMuteTheButtonOrMuteForEver() {
        for (text, place) in [
            (rule("unless: [{ name: x, when: moving }]", when: "moving", kind: "car_alarm_call"), "never muted"),
            (rule("unless: [{ name: x, when: moving, at_most: 2d }]"), "longer than"),
        ] {
            let error = #expect(throws: InvalidFiles.self) { try Building(rules: text) }
            #expect(error?.description.contains(place) == true, "\(error?.description ?? "")")
        }
    }

    @Test func anAlertThatIsOverIsRaisedAgainOnlyAfterItsWholeHold() throws {
        var building = try Building(rules: rule("clear: in_door_zone"))
        stop(&building, at: 1)
        building.say(at: 15) { $0.set(.inDoorZone, true) }
        building.say(at: 16) { $0.set(.inDoorZone, false) }
        building.advance(to: 24.9)
        #expect(building.told == ["1 stands raised 11.0", "1 stands cleared 15.0"])
        building.advance(to: 30)
        #expect(building.told.last == "1 stands raised 25.0")
        #expect(building.alerts[0].id != building.alerts[2].id)
    }

    // MARK: Maintenance

    @Test func announcedWorkMutesWhatBeginsInItForItsTime() throws {
        var building = try Building(rules: rule())
        building.say(at: 0) { $0.set(.moving, true) }
        try building.order(.maintenance(lift: "1", until: Building.start + .seconds(100), by: "Li", reason: "door"))
        stop(&building, at: 5)
        for second in stride(from: 10.0, to: 160, by: 10) { building.say(at: second) }
        #expect(
            building.told == [
                "1 maintenance raised 0.0", "1 stands suppressed 15.0", "1 maintenance cleared 100.0",
                "1 stands raised 100.0",
            ])
    }

    @Test func announcedWorkMutesNoOpenIncidentAndNoButton() throws {
        let text =
            rule()
            + "\n  - { rule: button, kind: car_alarm_call, when: '\"90\" in codes', title: { en: b, zh: b } }"
        var building = try Building(rules: text)
        stop(&building, at: 1)
        building.advance(to: 5)
        // It began before the work was announced.
        try building.order(.maintenance(lift: "1", until: Building.start + .seconds(500), by: "Li", reason: "door"))
        building.say(at: 12) { $0.set(.codes, bits: FaultCode.carAlarmButton.bit) }
        #expect(building.told.contains("1 stands raised 11.0"))
        #expect(building.told.contains("1 car_alarm_call raised 12.0"))
    }

    /// People's orders stand on the lift's time line, and are no words of the lift: one that was under way then is not overtaken by them.
    @Test func anOrderMakesNoWordLate() throws {
        var building = try Building(rules: rule())
        building.say(at: 0) { $0.set(.moving, true) }
        building.advance(to: 20)
        try building.order(.maintenance(lift: "1", until: Building.start + .seconds(500), by: "Li", reason: "door"))
        building.say(at: 16, arriving: 20.5) { $0.set(.moving, false) }
        #expect(building.detector.view(0).counters.tooLate == 0)
        #expect(building.told.contains { $0.hasPrefix("1 stands") } == false)
        building.advance(to: 40)
        #expect(building.told.last == "1 stands suppressed 30.0")
    }

    @Test func announcedWorkIsCapped() throws {
        var building = try Building(rules: rule())
        building.say(at: 0) { $0.set(.moving, true) }
        try building.order(.maintenance(lift: "1", until: Building.start + .seconds(900_000), by: "Li", reason: "x"))
        #expect(building.detector.view(0).maintenanceUntil == Building.start + Order.longestMaintenance)
        #expect(throws: OrderProblem.unknownLift("9")) {
            try building.order(.maintenance(lift: "9", until: Building.start + .seconds(9), by: "Li", reason: "x"))
        }
    }

    // MARK: People at the centre

    @Test func acceptingConfirmsAndBypassesSuppressorsUntilTheEnd() throws {
        let text =
            rule("escalates: { to: confirmed, for: 1h }\n    clear: in_door_zone", kind: "entrapment.x")
            + "\n  - { rule: other, kind: other, when: not moving, for: 20s, unless: [{ name: inspection, when: mode == inspection, at_most: 1h }], title: { en: o, zh: o } }"
        var building = try Building(rules: text)
        building.say(at: 0) {
            $0.stopsBetweenFloors()
            $0.set(.mode, case: 2)
        }
        building.advance(to: 25)
        #expect(building.told == ["1 entrapment.x suspected 10.0", "1 other suppressed 20.0"])
        try building.order(.accepted(alert: building.alerts[0].id, by: "Wang"))
        #expect(building.told.dropFirst(2) == ["1 entrapment.x confirmed 25.0", "1 other raised 25.0"])
        try building.order(.endOfAlarm(alert: building.alerts[0].id, Statement(by: "Wang")))
        #expect(building.told.last == "1 entrapment.x cleared 25.0")
        #expect(building.alerts.last?.reason == "end_of_alarm")
        // It still stands there: a new alert after its whole hold.
        building.say(at: 30)
        building.advance(to: 36)
        #expect(building.told.last == "1 entrapment.x suspected 35.0")
    }

    @Test func judgedFalseEndsItAndBlocksNoNewEvidence() throws {
        var building = try Building(rules: rule())
        stop(&building, at: 1)
        building.advance(to: 12)
        try building.order(.judgedFalse(alert: building.alerts[0].id, by: "Wang", reason: "parked"))
        building.say(at: 20)
        building.say(at: 29)
        #expect(building.told.count == 2, "the same evidence is judged")
        building.say(at: 30) { $0.set(.moving, true) }
        building.say(at: 40) { $0.set(.moving, false) }
        building.advance(to: 51)
        #expect(building.told.last == "1 stands raised 50.0")
        #expect(throws: OrderProblem.noOpenAlert("x")) { try building.order(.accepted(alert: "x", by: "W")) }
    }

    @Test func partsThatStandOnEachOtherTooDeepAreRefusedByName() throws {
        let lets = (1...150).map { "  a\($0): not a\($0 - 1)" }.joined(separator: "\n")
        let rules = "let:\n  a0: moving\n\(lets)\nrules: [{ rule: r, kind: k, when: a150, title: { en: t, zh: t } }]"
        let error = #expect(throws: InvalidFiles.self) { try Building(rules: rules) }
        #expect(error?.diagnostics.first?.description.contains("rules.yaml:102:") == true, "\(error.debugDescription)")
        #expect(error?.diagnostics.first?.message.contains("'a100' stands on more than 100 named parts") == true)
    }

    @Test func partsSharedManyTimesOverAreCheckedInBoundedTime() throws {
        let lets = (1...60).map { "  a\($0): a\($0 - 1) or (a\($0 - 1) and floor > \($0))" }.joined(separator: "\n")
        let rules = "let:\n  a0: moving\n\(lets)\nrules: [{ rule: r, kind: k, when: a60, title: { en: t, zh: t } }]"
        let set = try RuleSet([YAMLNode(parsing: Array(rules.utf8), file: "r.yaml")])
        #expect(set.findings().isEmpty)
    }

    @Test func anOrderOutlivesARestart() throws {
        var building = try Building(rules: rule())
        building.say(at: 0) { $0.set(.moving, true) }
        try building.order(.maintenance(lift: "1", until: Building.start + .seconds(100), by: "Li", reason: "door"))
        let bytes = building.detector.snapshot()
        building.detector = try Building(rules: rule()).detector
        #expect(try building.detector.restore(bytes))
        stop(&building, at: 5)
        for second in stride(from: 10.0, to: 120, by: 10) { building.say(at: second) }
        #expect(building.told.last == "1 stands raised 100.0")
    }

    @Test(arguments: [
        Order.maintenance(lift: "1", until: Instant(nanoseconds: 5), by: "李 伟", reason: "a: b, c"),
        .maintenanceEnds(lift: "1", by: "x"), .accepted(alert: "a", by: ""),
        .endOfAlarm(alert: "a", Statement(by: "x", people: 2)),
        .progress(alert: "a", .arrived, Statement(by: "x", remark: "r")),
        .judgedFalse(alert: "a", by: "x", reason: ""),
    ])
    func anOrdersLineReadsBack(_ order: Order) { #expect(Order(line: order.line) == order) }

    // MARK: Several lifts

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
            building.say(lift, at: 1) {
                $0.stopsBetweenFloors()
                $0.set(.occupied, lift == 2)
                $0.set(.codes, bits: FaultCode.mainPowerLost.bit)
            }
        }
        building.advance(to: 40)
        #expect(building.told.filter { $0.contains("area_power_loss") } == ["site area_power_loss raised 1.0"])
        #expect(building.told.contains("2 entrapment.silence raised 21.0"))
        #expect(!building.told.contains { $0.contains("controller_silent raised") })
        #expect(building.told.count { $0.contains("controller_silent suppressed") } == 3)
        // Power comes back on two of them, and they speak: the third is silent for a reason of its own.
        for lift in 1...2 { building.say(lift, at: 50) { $0.set(.codes, bits: 0) } }
        #expect(building.told.contains("site area_power_loss cleared 50.0"))
        #expect(building.told.last == "3 controller_silent raised 50.0")
    }

    @Test func nothingExplainsAPersonAway() {
        let text = area.replacingFirst("explains: [silent]", "explains: [trapped]")
        let error = #expect(throws: InvalidFiles.self) { try Building(lifts: 2, rules: text) }
        #expect(error?.description.contains("about people") == true)
    }

    // MARK: Changed rules

    @Test func changingOneRuleLeavesTheOthersHoldAlone() throws {
        let other = "\n  - { rule: other, kind: other, when: moving, for: 30s, title: { en: o, zh: o } }"
        var building = try Building(rules: rule() + other)
        stop(&building, at: 1)
        building.advance(to: 9)
        try building.adopt(rule() + other.replacingFirst("30s", "40s"))
        building.advance(to: 12)
        #expect(building.told == ["1 stands raised 11.0"])
    }

    @Test(arguments: [("keep", 11.0), ("restart", 19.0)])
    func aChangedRuleSaysWhatBecomesOfItsHold(_ policy: String, _ time: Double) throws {
        var building = try Building(rules: rule())
        stop(&building, at: 1)
        building.advance(to: 9)
        try building.adopt(rule("severity: minor\n    when_changed: \(policy)"))
        building.say(at: 9)
        building.advance(to: 25)
        #expect(building.told == ["1 stands raised \(time)"])
    }

    @Test func anAlertOfARuleThatIsGoneIsCleared() throws {
        var building = try Building(rules: rule())
        stop(&building, at: 1)
        building.advance(to: 12)
        try building.adopt("rules: [{ rule: o, kind: o, when: moving, title: { en: o, zh: o } }]")
        #expect(building.alerts.last?.reason == "rule_removed")
        #expect(building.detector.openAlerts.isEmpty)
    }

    @Test func aWindowThatWasFillingGoesOnThroughAReload() throws {
        let text = rule(when: "count(rise(moving), 1h) >= 3", hold: "0s")
        var building = try Building(rules: text)
        for second in 0..<4 { building.say(at: Double(second)) { $0.set(.moving, second % 2 == 1) } }
        try building.adopt(text + "\n  - { rule: new, kind: new, when: moving, title: { en: o, zh: o } }")
        building.say(at: 4) { $0.set(.moving, false) }
        building.say(at: 5) { $0.set(.moving, true) }
        #expect(building.told.contains("1 stands raised 5.0"))
        #expect(building.told.contains { $0.hasPrefix("1 new raised") })
    }

    // MARK: What a review found

    @Test func anAcceptedIncidentThatHasEndedByItselfCanStillBeClosed() throws {
        let text =
            rule("clear: in_door_zone", kind: "entrapment.x")
            + "\n  - { rule: other, kind: other, when: moving, for: 5s, unless: [{ name: inspection, when: mode == inspection, at_most: 1h }], title: { en: o, zh: o } }"
        var building = try Building(rules: text)
        stop(&building, at: 1)
        building.advance(to: 12)
        try building.order(.accepted(alert: building.alerts[0].id, by: "Wang"))
        building.say(at: 20) { $0.set(.inDoorZone, true) }
        building.advance(to: 40)
        try building.order(.endOfAlarm(alert: building.alerts[0].id, Statement(by: "Wang")))
        // The bypass is over: an inspection mutes again.
        building.say(at: 50) {
            $0.set(.mode, case: 2)
            $0.set(.moving, true)
        }
        building.advance(to: 57)
        #expect(building.told.last == "1 other suppressed 55.0")
        #expect(throws: OrderProblem.notAnEntrapment("other")) {
            var plain = try Building(rules: rule(kind: "other"))
            stop(&plain, at: 1)
            plain.advance(to: 12)
            try plain.order(.accepted(alert: plain.alerts[0].id, by: "Wang"))
        }
    }

    @Test func closingAnAlertDoesNotRaiseTheOneThatItSpokeFor() throws {
        let text =
            rule("yields_to: [second]", kind: "entrapment.x")
            + "\n  - { rule: second, kind: entrapment.y, when: not moving, for: 12s, yields_to: [stands], title: { en: o, zh: o } }"
        var building = try Building(rules: text)
        stop(&building, at: 1)
        building.say(at: 14)
        try building.order(.judgedFalse(alert: building.alerts[0].id, by: "Wang", reason: "parked"))
        for second in stride(from: 20.0, to: 60, by: 5) { building.say(at: second) }
        #expect(building.told == ["1 entrapment.x raised 11.0", "1 entrapment.x cleared 14.0"])
    }

    @Test(arguments: [0.25, 1, 7, 200])
    func howOftenTimeIsToldChangesNothing(_ step: Double) throws {
        func told(_ step: Double) throws -> [String] {
            var building = try Building(lifts: 3, rules: area)
            for lift in 1...3 {
                building.say(lift, at: Double(lift) / 4) {
                    $0.stopsBetweenFloors()
                    $0.set(.occupied, lift == 2)
                    $0.set(.codes, bits: lift == 3 ? 0 : FaultCode.mainPowerLost.bit)
                }
            }
            try building.order(
                .maintenance(lift: "3", until: Building.start + .seconds(40), by: "Li", reason: "door"))
            for time in stride(from: 1.0, through: 200, by: step) { building.advance(to: time) }
            building.advance(to: 200)
            return building.told + building.alerts.map(\.id)
        }
        #expect(try told(step) == told(0.5))
    }

    @Test func theFirstWordAfterAnOutageEndsTheGapBeforeTheBacklogIsRead() throws {
        var building = try Building(rules: rule("gap: restart"))
        stop(&building, at: 1)
        building.advance(to: 5)
        building.stopListening()
        building.say(at: 40, arriving: 40)
        building.startListening(at: 45)
        building.advance(to: 60)
        #expect(building.told == ["1 stands raised 50.0"])
        #expect(building.alerts[0].gap?.duration == .seconds(35))
    }

    @Test func whatARuleBeforeAnotherNamesFirstLeavesTheOthersMemoryAlone() throws {
        let held =
            "  - { rule: h, kind: h, when: 'held(not moving and not in_door_zone, 30s)', title: { en: h, zh: h } }"
        var building = try Building(rules: "rules:\n" + held)
        stop(&building, at: 1)
        building.advance(to: 20)
        try building.adopt(
            "rules:\n  - { rule: a, kind: a, when: in_door_zone, title: { en: a, zh: a } }\n" + held)
        building.say(at: 25)
        building.advance(to: 32)
        #expect(building.told == ["1 h raised 31.0"])
    }

    @Test func aSuppressorThatComesInTheSameMessageWasNotThereBefore() throws {
        let text = rule("unless: [{ name: inspection, when: mode == inspection, active: before_onset, at_most: 1h }]")
        var building = try Building(rules: text)
        building.say(at: 0) {
            $0.stopsBetweenFloors()
            $0.set(.moving, true)
        }
        building.say(at: 5) {
            $0.set(.moving, false)
            $0.set(.mode, case: 2)
        }
        building.advance(to: 16)
        #expect(building.told == ["1 stands raised 15.0"])
    }

    @Test func theRegisterIsTheConfigurationsAndNotTheSnapshots() throws {
        let text = rule(when: "floor > top_floor", hold: "0s")
        func detector(_ top: Int) throws -> Detector {
            let rules = try RuleSet([YAMLNode(parsing: Array(text.utf8), file: "r.yaml")])
            var detector = Detector(rules: rules, start: Building.start, isListening: true)
            try detector.add(
                Lift(id: "1", floors: 1...top),
                kind: Detector.LiftKind(provides: [.floor], staleAfter: .seconds(60), equipment: .traction),
                at: Building.start)
            return detector
        }
        var first = try detector(5)
        var reading = Reading()
        reading.set(.floor, number: 9)
        reading.deviceTime = Building.start + .seconds(1)
        first.fold(reading, lift: 0, key: 1, vendorCode: nil, arrival: Building.start + .seconds(1))
        #expect(first.takeAlerts().map(\.state) == [.raised])
        var second = try detector(20)
        _ = try second.restore(first.snapshot())
        second.advance(to: Building.start + .seconds(2))
        #expect(second.takeAlerts().map(\.state) == [.cleared])
    }
}
