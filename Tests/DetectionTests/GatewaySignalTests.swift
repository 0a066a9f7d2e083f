import LiftModel
import Testing

@testable import Monitoring
@testable import RuleLanguage

/// A gateway signal of a lift is true for as long as its source (`GatewaySignals.swift`).
@Suite struct GatewaySignalTests {
    private static let siteSignalRules = """
        rules:
          - { rule: power, kind: power_loss, when: '"41" in codes', tells_site: site_power_lost, title: { en: p, zh: p },
              across: { lifts: 2, kind: area_power_loss, title: { en: a, zh: a } } }
        """
    private func isSet(_ signal: Signal, _ building: Building, lift: Int = 1) -> Bool {
        building.detector.view(LiftIndex(lift - 1)).signals.contains(
            Evidence(signal: signal.name, value: .boolean(true)))
    }

    /// Lifts that have lost their mains, and the others.
    private func powerCut(_ lost: Set<Int>, of lifts: Int) throws -> Building {
        var building = try Building(lifts: lifts, rules: Self.siteSignalRules)
        for lift in 1...lifts {
            building.send(lift, at: 1) {
                $0.stopsBetweenFloors()
                $0.set(.codes, bits: lost.contains(lift) ? FaultCode.mainPowerLost.bit : 0)
            }
        }
        return building
    }

    /// A detector that follows some of the building's lifts only, from its snapshot.
    private func restart(_ building: Building, lifts: [String], rules: String = siteSignalRules)
        throws -> Building
    {
        var fresh = try Building(lifts: 1, rules: rules)
        var detector = Detector(
            rules: fresh.detector.rules, start: Building.start, isObserving: true)
        for lift in lifts {
            let kind = LiftKind(
                provides: [.moving, .inDoorZone, .codes], staleAfter: .seconds(60),
                equipment: .traction)
            try detector.add(Lift(id: lift), kind: kind, at: Building.start)
        }
        _ = try detector.restore(building.detector.snapshot())
        fresh.detector = detector
        fresh.advance(to: 10)
        return fresh
    }

    @Test func aLiftThatIsNoLongerRegisteredSaysNothingOfItsSite() throws {
        let building = try powerCut([2], of: 2)
        #expect(isSet(.sitePowerLost, building))
        #expect(try isSet(.sitePowerLost, restart(building, lifts: ["1", "2"])))
        #expect(try !isSet(.sitePowerLost, restart(building, lifts: ["1"])))
    }

    @Test func aRuleThatTellsTheSiteNothingAnyMoreEndsItsSignal() throws {
        let silent = Self.siteSignalRules.replacingFirst(" tells_site: site_power_lost,", "")
        var building = try powerCut([2], of: 2)
        #expect(try !isSet(.sitePowerLost, restart(building, lifts: ["1", "2"], rules: silent)))
        try building.adopt(silent)
        #expect(!isSet(.sitePowerLost, building))
        // The other way round: an alert that is open when its rule gets `tells_site` sets the
        // signal.
        try building.adopt(Self.siteSignalRules)
        #expect(isSet(.sitePowerLost, building) && !isSet(.sitePowerLost, building, lift: 2))
    }

    @Test func aLiftThatIsRegisteredLaterHearsWhatIsSo() throws {
        var building = try powerCut([1], of: 1)
        let kind = LiftKind(provides: [.moving], staleAfter: .seconds(60), equipment: .traction)
        let index = try building.detector.add(Lift(id: "new"), kind: kind, at: building.now)
        #expect(isSet(.sitePowerLost, building, lift: index.value + 1))
    }

    @Test func anIncidentOfLiftsThatAreGoneIsOver() throws {
        let building = try powerCut([1, 2], of: 3)
        #expect(building.detector.openAlerts.contains { $0.kind == "area_power_loss" })
        let same = try restart(building, lifts: ["1", "2", "3"])
        #expect(
            same.revisions == []
                && same.detector.openAlerts.contains { $0.kind == "area_power_loss" })
        let fewer = try restart(building, lifts: ["2", "3"])
        #expect(fewer.revisions == ["site area_power_loss cleared 1.0"])
    }

    @Test func aRuleThatAsksForMoreLiftsIsAskedAnew() throws {
        var building = try powerCut([1, 2], of: 3)
        try building.adopt(Self.siteSignalRules.replacingFirst("lifts: 2", "lifts: 3"))
        #expect(building.revisions.last == "site area_power_loss cleared 1.0")
        try building.adopt(Self.siteSignalRules)
        #expect(building.revisions.last == "site area_power_loss raised 1.0")
    }

    // MARK: Rescuers

    private static let trapped = """
        rules:
          - { rule: trapped, kind: entrapment, when: not moving and not in_door_zone, for: 10s,
              clear: in_door_zone and any(doors.fully_open),
              presume_released: 'in_door_zone and not known(doors.front.fully_open)', title: { en: t, zh: t } }
          - { rule: hot, kind: hot, when: machine.overheated, title: { en: h, zh: h } }
        """

    private func rescued() throws -> Building {
        var building = try Building(rules: Self.trapped)
        building.stop(at: 1)
        building.advance(to: 12)
        try building.perform(.progress(alert: building.alerts[0].id, .arrived, Statement(by: "Wu")))
        #expect(isSet(.rescuersArrived, building))
        return building
    }

    @Test(arguments: [true, false])
    func rescuersAreThereUntilTheirAlertIsOver(_ hasSwitch: Bool) throws {
        var building = try rescued()
        building.send(at: 20) {
            $0.set(.inDoorZone, true)
            if hasSwitch {
                $0.set(.frontFullyOpen, true)
            } else {
                $0.setUnknown(Signal.frontFullyOpen.rawValue)
            }
        }
        #expect(
            building.revisions.last
                == "1 entrapment \(hasSwitch ? "cleared" : "presumed_released") 20.0")
        #expect(!isSet(.rescuersArrived, building))
        building.send(at: 30) { $0.stopsBetweenFloors() }
        building.advance(to: 41)
        #expect(building.revisions.last == "1 entrapment raised 40.0")
        #expect(!isSet(.rescuersArrived, building), "the next incident begins without them")
    }

    @Test func anAlertThatATimerEndsTakesItsRescuersAlongAndIsNotJudgedTwice() throws {
        var building = try Building(
            rules: Self.trapped.replacingFirst(
                "clear: in_door_zone and any(doors.fully_open)",
                "clear: 'held(in_door_zone, 3s) and any(doors.fully_open)'"))
        building.stop(at: 1)
        building.advance(to: 12)
        try building.perform(.progress(alert: building.alerts[0].id, .arrived, Statement(by: "Wu")))
        building.send(at: 20) {
            $0.set(.inDoorZone, true)
            $0.set(.frontFullyOpen, true)
        }
        building.advance(to: 30)
        #expect(
            building.revisions.last == "1 entrapment cleared 23.0"
                && !isSet(.rescuersArrived, building))
        #expect(building.detector.view(0).counters.rolledBack == 0)
    }

    @Test func whatIsJudgedOfAnotherAlertSendsNoRescuersAway() throws {
        var building = try rescued()
        building.send(at: 15) { $0.set(.overheated, true) }
        let hot = try #require(building.alerts.last { $0.kind == "hot" })
        try building.perform(.judgedFalse(alert: hot.id, by: "Li", reason: "a fan"))
        #expect(isSet(.rescuersArrived, building))
        try building.perform(.endOfAlarm(alert: building.alerts[0].id, Statement(by: "Li")))
        #expect(!isSet(.rescuersArrived, building))
    }

    @Test func aRescuerWhoArrivesWhenAllIsOverIsInformed() throws {
        var building = try Building(rules: Self.trapped)
        building.stop(at: 1)
        building.advance(to: 12)
        let id = building.alerts[0].id
        try building.perform(.accepted(alert: id, by: "Li"))
        building.send(at: 20) {
            $0.set(.inDoorZone, true)
            $0.set(.frontFullyOpen, true)
        }
        try building.perform(.progress(alert: id, .arrived, Statement(by: "Wu")))
        #expect(building.alerts.last?.reason == "arrived")
        #expect(
            !isSet(.rescuersArrived, building), "there is no incident in which they move the car")
    }

    @Test func rescuersOutliveARestartAndAReload() throws {
        var building = try rescued()
        try building.restart()
        #expect(isSet(.rescuersArrived, building))
        try building.adopt(Self.trapped.replacingFirst("for: 10s", "for: 11s"))
        #expect(isSet(.rescuersArrived, building))
        building.send(at: 20) {
            $0.set(.inDoorZone, true)
            $0.set(.frontFullyOpen, true)
        }
        #expect(!isSet(.rescuersArrived, building))
        // When the rule is gone, no rescuers are there either.
        building = try rescued()
        try building.adopt(Self.siteSignalRules)
        #expect(!isSet(.rescuersArrived, building))
    }
}
