import Detection
import Elevator
import Foundation
import Testing

@testable import City
@testable import Gateway

/// Runs the rows of docs/entrapment.md through the simulator's physics, a panel, the shipped profile and the detector, and asks the
/// physics, not the table, whether somebody was trapped.
@Suite struct DecisionTablePhysicsTests {
    typealias Situation = DecisionTable.Situation

    /// What became of an enacted situation.
    private struct Outcome {
        var suspected: Double?
        var confirmed: Double?
        var suppressedBy: String?
        var reason: String?
        var isTold: Bool { suspected != nil || confirmed != nil }
    }
    private let fresh: Intake
    private let table: DecisionTable

    init() throws {
        let devices = Site.root + "/Devices"
        let data = try DeviceData(profiles: [devices + "/profiles"], rules: [devices + "/rules"])
        table = try DecisionTable(data.rules)
        let start = Instant(seconds: EnactedSituation.start - 1)
        var intake = Intake(data: data, admission: .registered, start: start, isListening: true)
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
                if !outcome.isTold { outcome.suppressedBy = alert.reason }
                continue
            }
            if !outcome.isTold { outcome.reason = alert.reason }
            if alert.state == .suspected { outcome.suspected = outcome.suspected ?? alert.time.seconds }
            if alert.state == .confirmed { outcome.confirmed = outcome.confirmed ?? alert.time.seconds }
        }
        return outcome
    }

    @Test func whatTheTableSaysIsWhatThePhysicsDoes() throws {
        var counts: [String: Int] = [:]
        for situation in Situation.all {
            var isEnacted = false
            for people in 0...1 {
                guard let enacted = try EnactedSituation(situation, people: people) else { continue }
                isEnacted = true
                let found = judge(enacted)
                let place = "\(situation.columns.joined(separator: " ")), \(people) inside: \(found)"
                let trapped = enacted.truth.first { $0.kind == "entrapment" }
                counts[verdict(situation, enacted, trapped, found, place), default: 0] += 1
            }
            counts[isEnacted ? "situations enacted" : "no physics", default: 0] += 1
        }
        // The figures that docs/entrapment.md names.
        #expect(
            counts == [
                "situations enacted": 1040, "no physics": 3568, "trapped, and told": 464,
                "trapped, and suspected only": 82, "trapped, and suppressed by inspection": 78,
                "trapped, and no signal tells": 16, "empty, but it cannot be known: confirmed": 78,
                "empty, but it cannot be known: suspected": 41, "free, but somebody keeps sitting: suspected": 1,
                "free, and nothing said": 471, "free, and suppressed": 17,
            ])
    }

    private func verdict(
        _ s: Situation, _ enacted: EnactedSituation, _ trapped: TruthRow?, _ found: Outcome, _ place: String
    ) -> String {
        let expected = table.outcome(of: s)
        guard let trapped else {
            if !found.isTold, found.suppressedBy == nil { return "free, and nothing said" }
            if !found.isTold {
                #expect(s.mode == .inspection || s.mode == .firefighter, "\(place)")
                return "free, and suppressed"
            }
            // Somebody sits in a car whose doors have not moved since its run: nothing tells that they would.
            if found.reason == "shut_in", found.confirmed == nil, s.occupied == .yes, s.door == .locked {
                return "free, but somebody keeps sitting: suspected"
            }
            // Nobody inside, and nothing that could prove it: told with `occupancy: unknown`.
            let isCautious = s.occupied == .unknown && enacted.isStuckShut
            #expect(isCautious, "false: \(place)")
            return "empty, but it cannot be known: \(found.confirmed == nil ? "suspected" : "confirmed")"
        }
        if !found.isTold, let name = found.suppressedBy {
            #expect(name == "inspection" && s.mode == .inspection || name == "firefighter" && s.mode == .firefighter)
            return "trapped, and suppressed by \(name)"
        }
        guard let first = [found.suspected, found.confirmed].compactMap({ $0 }).min() else {
            // At a landing with no sensor, no code that tells and no press, no signal differs from an empty car's.
            #expect(
                s.occupied == .unknown && s.zone == .yes && s.isAlive && !s.hasMains && !s.buttonPressed,
                "missed: \(place)")
            return "trapped, and no signal tells"
        }
        let limit = s.mode == .firefighter && s.isAlive ? 100.0 : s.zone == .no && s.isAlive ? 30 : 90
        #expect(first - trapped.start <= limit, "late: \(place)")
        #expect(found.reason == expected.reason, "the table says \(expected): \(place)")
        guard let confirmed = found.confirmed else {
            // Fallen silent on a run or at a landing, with the mains on and nobody pressing: a lost link looks the same.
            #expect(!s.isAlive && s.hasMains && !s.buttonPressed, "missed: \(place)")
            #expect(expected.confirmed == nil, "the table says \(expected): \(place)")
            return "trapped, and suspected only"
        }
        #expect(confirmed - trapped.start <= (s.mode == .emergencyPower ? 180 + 150 : 180), "late: \(place)")
        return "trapped, and told"
    }
}
