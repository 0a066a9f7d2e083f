import LiftModel
import Testing

@testable import Monitoring

/// Operator actions: announced work, accepted and closed incidents.
@Suite struct OrderTests {
    @Test func announcedWorkMutesWhatBeginsInItForItsTime() throws {
        var building = try Building(rules: Building.rule())
        building.send(at: 0) { $0.set(.moving, true) }
        try building.perform(
            .maintenance(lift: "1", until: Building.start + .seconds(100), by: "Li", reason: "door")
        )
        building.stop(at: 5)
        for second in stride(from: 10.0, to: 160, by: 10) { building.send(at: second) }
        #expect(
            building.revisions == [
                "1 maintenance raised 0.0", "1 stands suppressed 15.0",
                "1 maintenance cleared 100.0",
                "1 stands raised 100.0",
            ])
    }

    @Test func announcedWorkMutesNoOpenIncidentAndNoButton() throws {
        let text =
            Building.rule()
            + "\n  - { rule: button, kind: car_alarm_call, when: '\"90\" in codes', title: { en: b, zh: b } }"
        var building = try Building(rules: text)
        building.stop(at: 1)
        building.advance(to: 5)
        // It began before the work was announced.
        try building.perform(
            .maintenance(lift: "1", until: Building.start + .seconds(500), by: "Li", reason: "door")
        )
        building.send(at: 12) { $0.set(.codes, bits: FaultCode.carAlarmButton.bit) }
        #expect(building.revisions.contains("1 stands raised 11.0"))
        #expect(building.revisions.contains("1 car_alarm_call raised 12.0"))
    }

    @Test func announcedWorkIsCapped() throws {
        var building = try Building(rules: Building.rule())
        building.send(at: 0) { $0.set(.moving, true) }
        try building.perform(
            .maintenance(
                lift: "1", until: Building.start + .seconds(900_000), by: "Li", reason: "x"))
        #expect(
            building.detector.view(0).maintenanceUntil == Building.start
                + OperatorAction.longestMaintenance)
        #expect(throws: OperatorActionError.unknownLift("9")) {
            try building.perform(
                .maintenance(lift: "9", until: Building.start + .seconds(9), by: "Li", reason: "x"))
        }
    }

    /// Operator actions have their time on the lift's time line, but are no messages of the lift:
    /// they do not overtake a message that is in flight.
    @Test func anOperatorActionMakesNoMessageLate() throws {
        var building = try Building(rules: Building.rule())
        building.send(at: 0) { $0.set(.moving, true) }
        building.advance(to: 20)
        try building.perform(
            .maintenance(lift: "1", until: Building.start + .seconds(500), by: "Li", reason: "door")
        )
        building.send(at: 16, arriving: 20.5) { $0.set(.moving, false) }
        #expect(building.detector.view(0).counters.historical == 0)
        #expect(building.revisions.contains { $0.hasPrefix("1 stands") } == false)
        building.advance(to: 40)
        #expect(building.revisions.last == "1 stands suppressed 30.0")
    }

    @Test func whatBeginsAfterAnEndOfAlarmIsANewAlert() throws {
        var building = try Building(rules: Building.rule("clear: in_door_zone", kind: "entrapment"))
        building.stop(at: 1)
        building.advance(to: 25)
        try building.perform(.endOfAlarm(alert: building.alerts[0].id, Statement(by: "Wang")))
        #expect(building.revisions.last == "1 entrapment cleared 25.0")
        #expect(building.alerts.last?.reason == "end_of_alarm")
        // The lift still stands there: a new alert after its whole hold.
        building.send(at: 30)
        building.advance(to: 36)
        #expect(building.revisions.last == "1 entrapment raised 35.0")
    }

    private static let inspected =
        "unless: [{ name: inspection, when: mode == inspection, at_most: 1h }]"

    /// Another branch of the accepted entrapment is not suppressed; another alert of the same lift
    /// is.
    @Test func anAcceptanceBypassesSuppressorsForItsAlertAlone() throws {
        let text =
            Building.rule("clear: in_door_zone", kind: "entrapment") + """

                  - { rule: branch, kind: entrapment, when: not moving, for: 30s, \(Self.inspected), title: { en: o, zh: o } }
                  - { rule: other, kind: other, when: not moving, for: 20s, \(Self.inspected), title: { en: o, zh: o } }
                """
        var building = try Building(rules: text)
        building.send(at: 0) {
            $0.stopsBetweenFloors()
            $0.set(.mode, case: 2)
        }
        building.advance(to: 15)
        try building.perform(.accepted(alert: building.alerts[0].id, by: "Wang"))
        building.advance(to: 40)
        #expect(
            building.revisions == [
                "1 entrapment raised 10.0", "1 entrapment raised 15.0", "1 other suppressed 20.0",
                "1 entrapment raised 30.0",
            ])
    }

    /// The alert stays as it is, visible to the person who accepted it: acceptance does not turn a
    /// fitter's visit into a confirmed entrapment.
    @Test func anAcceptedSuspicionIsNotConfirmedByTimeWhileASuppressorHolds() throws {
        let rules = """
            rules:
              - rule: stuck
                kind: entrapment
                unless: [{ name: inspection, when: mode == inspection, reaches_back: 120s, at_most: 1h }]
                when: not moving and not in_door_zone
                for: 10s
                escalates: { to: confirmed, for: 60s, when: door_open_demand, because: called }
                clear: in_door_zone
                title: { en: stuck, zh: stuck }
            """
        for presses in [false, true] {
            var building = try Building(
                rules: rules, provides: [.mode, .moving, .inDoorZone, .occupied, .doorOpenDemand])
            building.stop(at: 0)
            building.advance(to: 15)
            try building.perform(.accepted(alert: building.alerts[0].id, by: "Wang"))
            building.send(at: 20) { $0.set(.mode, case: 2) }
            if presses { building.send(at: 50) { $0.set(.doorOpenDemand, true) } }
            for second in stride(from: 60.0, through: 190, by: 10) { building.send(at: second) }
            building.send(at: 200) { $0.set(.mode, case: 1) }
            for second in stride(from: 210.0, through: 300, by: 10) { building.send(at: second) }
            #expect(
                building.revisions == [
                    "1 entrapment suspected 10.0", "1 entrapment suspected 15.0",
                    "1 entrapment confirmed \(presses ? "50.0" : "260.0")",
                ])
        }
    }

    @Test func judgedFalseEndsItAndBlocksNoNewEvidence() throws {
        var building = try Building(rules: Building.rule())
        building.stop(at: 1)
        building.advance(to: 12)
        try building.perform(
            .judgedFalse(alert: building.alerts[0].id, by: "Wang", reason: "parked"))
        building.send(at: 20)
        building.send(at: 29)
        #expect(building.revisions.count == 2, "the same evidence has been judged false")
        building.send(at: 30) { $0.set(.moving, true) }
        building.send(at: 40) { $0.set(.moving, false) }
        building.advance(to: 51)
        #expect(building.revisions.last == "1 stands raised 50.0")
        #expect(throws: OperatorActionError.noOpenAlert("x")) {
            try building.perform(.accepted(alert: "x", by: "W"))
        }
    }

    /// The person was wrong: an occupant is in the car after all, and presses or is detected.
    @Test(arguments: ["press", "seen", "code"])
    func newEvidenceIsHeardThoughTheJudgedConditionLasts(_ evidence: String) throws {
        var building = try Building(rules: Building.rule())
        building.send(at: 1) {
            $0.stopsBetweenFloors()
            $0.set(.occupied, false)
            $0.set(.codes, bits: FaultCode.mainPowerLost.bit)
        }
        building.advance(to: 12)
        try building.perform(
            .judgedFalse(alert: building.alerts[0].id, by: "Wang", reason: "parked"))
        for second in stride(from: 20.0, to: 100, by: 10) { building.send(at: second) }
        #expect(building.revisions.count == 2)
        try building.restart()
        building.send(at: 100) {
            switch evidence {
            case "press": $0.set(.codes, bits: FaultCode.carAlarmButton.bit)
            case "seen": $0.set(.occupied, true)
            default: $0.set(.codes, bits: 1)
            }
        }
        building.advance(to: 111)
        #expect(
            building.revisions.last == "1 stands raised 110.0",
            "evaluated as new, after its whole hold")
    }

    @Test func acceptedIsWhatConcernsPeople() throws {
        #expect(throws: OperatorActionError.notAnEntrapment("other")) {
            var plain = try Building(rules: Building.rule(kind: "other"))
            plain.stop(at: 1)
            plain.advance(to: 12)
            try plain.perform(.accepted(alert: plain.alerts[0].id, by: "Wang"))
        }
        #expect(throws: OperatorActionError.notAnEntrapment("other")) {
            var plain = try Building(rules: Building.rule(kind: "other"))
            plain.stop(at: 1)
            plain.advance(to: 12)
            try plain.perform(
                .verified(alert: plain.alerts[0].id, Statement(by: "Wang", knownBy: .voice)))
        }
    }

    @Test func closingAnAlertDoesNotRaiseTheOneThatItSpokeFor() throws {
        let text =
            Building.rule("yields_to: [second]", kind: "entrapment.x")
            + "\n  - { rule: second, kind: entrapment.y, when: not moving, for: 12s, yields_to: [stands], title: { en: o, zh: o } }"
        var building = try Building(rules: text)
        building.stop(at: 1)
        building.send(at: 14)
        try building.perform(
            .judgedFalse(alert: building.alerts[0].id, by: "Wang", reason: "parked"))
        for second in stride(from: 20.0, to: 60, by: 5) { building.send(at: second) }
        #expect(
            building.revisions == ["1 entrapment.x raised 11.0", "1 entrapment.x cleared 14.0"])
    }

    @Test(arguments: [
        OperatorAction.maintenance(
            lift: "1", until: Instant(nanoseconds: 5), by: "李 伟", reason: "a: b, c"),
        .maintenanceEnds(lift: "1", by: "x"), .accepted(alert: "a", by: ""),
        .endOfAlarm(alert: "a", Statement(by: "x", people: 2)),
        .progress(alert: "a", .arrived, Statement(by: "x", remark: "r")),
        .judgedFalse(alert: "a", by: "x", reason: ""),
        .verified(
            alert: "a",
            Statement(by: "x", people: 2, condition: "calm", knownBy: .onSite, remark: "r")),
        .verified(alert: "a", Statement(by: "x", knownBy: .voice)),
    ])
    func anOrdersLineReadsBack(_ action: OperatorAction) {
        #expect(OperatorAction(line: action.line) == action)
    }
}
