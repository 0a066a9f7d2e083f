import Foundation
import LiftModel
import RuleTools
import Testing

@testable import City
@testable import Gateway
@testable import GatewayCore

/// Runs the rows of docs/entrapment.md through the simulator's physics, a panel, the shipped
/// profile and the detector. The physics, not the table, decides whether a person was trapped.
@Suite struct DecisionTablePhysicsTests {
    typealias Situation = DecisionTable.Situation

    /// The alerts of an enacted situation.
    private struct Outcome {
        var suspected: Double?
        var confirmed: Double?
        var suppressedBy: String?
        var reason: String?
        var isRaised: Bool { suspected != nil || confirmed != nil }
    }
    private let fresh: Intake
    private let table: DecisionTable

    init() throws {
        let devices = Site.root + "/Devices"
        let data = try DeviceData(profiles: [devices + "/profiles"], rules: [devices + "/rules"])
        table = try DecisionTable(data.rules)
        let start = Instant(seconds: EnactedSituation.start - 1)
        var intake = Intake(data: data, admission: .registered, start: start, isObserving: true)
        try intake.register(
            Lift(id: RegistrationCode.text(0)), profile: "gbt24476-json", at: start)
        fresh = intake
    }

    private func judge(_ enacted: EnactedSituation) -> Outcome {
        var intake = fresh
        for message in enacted.publications where message.time <= enacted.end {
            intake.take(
                topic: message.topic.span, payload: message.payload.span, isRetained: false,
                arrival: Instant(seconds: message.time))
        }
        intake.advance(to: Instant(seconds: enacted.end))
        var outcome = Outcome()
        for alert in intake.takeAlerts() where alert.isEntrapment {
            if alert.state == .suppressed {
                if !outcome.isRaised { outcome.suppressedBy = alert.reason }
                continue
            }
            if !outcome.isRaised { outcome.reason = alert.reason }
            if alert.state == .suspected {
                outcome.suspected = outcome.suspected ?? alert.time.seconds
            }
            if alert.state == .confirmed {
                outcome.confirmed = outcome.confirmed ?? alert.time.seconds
            }
        }
        return outcome
    }

    @Test func whatTheTableSaysIsWhatThePhysicsDoes() throws {
        var counts: [String: Int] = [:]
        for situation in Situation.all {
            var isEnacted = false
            for people in 0...1 {
                guard let enacted = try EnactedSituation(situation, people: people) else {
                    continue
                }
                isEnacted = true
                let found = judge(enacted)
                let location =
                    "\(situation.columns.joined(separator: " ")), \(people) inside: \(found)"
                let trapped = enacted.truth.first { $0.kind == "entrapment" }
                counts[verdict(situation, enacted, trapped, found, location), default: 0] += 1
            }
            counts[isEnacted ? "situations enacted" : "no physics", default: 0] += 1
        }
        // The figures that docs/entrapment.md names.
        #expect(
            counts == [
                "situations enacted": 1040, "no physics": 3568, "trapped, and raised": 464,
                "trapped, and suspected only": 82, "trapped, and suppressed by inspection": 78,
                "trapped, and no signal shows it": 16,
                "empty, but it cannot be known: confirmed": 78,
                "empty, but it cannot be known: suspected": 41,
                "free, but a passenger stays: suspected": 1,
                "free, and nothing raised": 471, "free, and suppressed": 17,
            ])
    }

    private func verdict(
        _ s: Situation, _ enacted: EnactedSituation, _ trapped: TruthRow?, _ found: Outcome,
        _ location: String
    ) -> String {
        let expected = table.outcome(of: s)
        guard let trapped else {
            if !found.isRaised, found.suppressedBy == nil { return "free, and nothing raised" }
            if !found.isRaised {
                #expect(s.mode == .inspection || s.mode == .firefighter, "\(location)")
                return "free, and suppressed"
            }
            // A passenger is in a car whose doors have not moved since its run: no signal shows
            // that they would.
            if found.reason == "shut_in", found.confirmed == nil, s.occupied == .yes,
                s.door == .locked
            {
                return "free, but a passenger stays: suspected"
            }
            // The car is empty, and no signal can prove it: the alert has `occupancy: unknown`.
            let isCautious = s.occupied == .unknown && enacted.isStuckShut
            #expect(isCautious, "false: \(location)")
            return
                "empty, but it cannot be known: \(found.confirmed == nil ? "suspected" : "confirmed")"
        }
        if !found.isRaised, let name = found.suppressedBy {
            #expect(
                name == "inspection" && s.mode == .inspection
                    || name == "firefighter" && s.mode == .firefighter)
            return "trapped, and suppressed by \(name)"
        }
        guard let first = [found.suspected, found.confirmed].compactMap({ $0 }).min() else {
            // At a landing without a sensor, a code or a press, all signals are those of an empty
            // car.
            #expect(
                s.occupied == .unknown && s.zone == .yes && s.isAlive && !s.hasMains
                    && !s.buttonPressed,
                "missed: \(location)")
            return "trapped, and no signal shows it"
        }
        let limit =
            s.mode == .firefighter && s.isAlive ? 100.0 : s.zone == .no && s.isAlive ? 30 : 90
        #expect(first - trapped.start <= limit, "late: \(location)")
        #expect(found.reason == expected.reason, "the table says \(expected): \(location)")
        guard let confirmed = found.confirmed else {
            // The lift is silent since a run or a landing, with the mains on and no press: a lost
            // link looks the same.
            #expect(!s.isAlive && s.hasMains && !s.buttonPressed, "missed: \(location)")
            #expect(expected.confirmed == nil, "the table says \(expected): \(location)")
            return "trapped, and suspected only"
        }
        #expect(
            confirmed - trapped.start <= (s.mode == .emergencyPower ? 180 + 150 : 180),
            "late: \(location)")
        return "trapped, and raised"
    }
}
