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
        var mutedBy: String?
        var kind: String?
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
            switch alert.state {
            case .suppressed: if outcome.kind == nil { (outcome.kind, outcome.mutedBy) = (alert.kind, alert.reason) }
            case .suspected: outcome.suspected = outcome.suspected ?? alert.time.seconds
            case .confirmed: outcome.confirmed = outcome.confirmed ?? alert.time.seconds
            default: continue
            }
            if alert.state != .suppressed, outcome.kind == nil || outcome.mutedBy != nil {
                (outcome.kind, outcome.mutedBy) = (alert.kind, nil)
            }
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
                "situations enacted": 1040, "no physics": 3568, "trapped, and told": 544,
                "trapped, and muted by inspection": 78, "trapped, and muted by firefighter": 2,
                "trapped, and no signal tells": 16, "empty, but it cannot be known": 119,
                "free, and nothing said": 472, "free, and muted": 17,
            ])
    }

    private func verdict(
        _ s: Situation, _ enacted: EnactedSituation, _ trapped: TruthRow?, _ found: Outcome, _ place: String
    ) -> String {
        guard let trapped else {
            if found.kind == nil { return "free, and nothing said" }
            if found.mutedBy != nil {
                #expect(s.mode == .inspection || s.mode == .firefighter, "\(place)")
                return "free, and muted"
            }
            // Nobody inside, and nothing that could prove it: told with `occupancy: unknown`.
            let isCautious = s.occupied == .unknown && enacted.isStuckShut
            #expect(isCautious, "false: \(place)")
            return "empty, but it cannot be known"
        }
        if let mute = found.mutedBy {
            #expect(mute == "inspection" && s.mode == .inspection || mute == "firefighter" && s.mode == .firefighter)
            return "trapped, and muted by \(mute)"
        }
        guard let confirmed = found.confirmed else {
            // At a landing with no sensor, no code that tells and no press, no signal differs from an empty car's.
            #expect(
                s.occupied == .unknown && s.zone == .yes && s.isAlive && !s.hasMains && !s.buttonPressed,
                "missed: \(place)")
            return "trapped, and no signal tells"
        }
        let first = min(found.suspected ?? confirmed, confirmed) - trapped.start
        #expect(first <= (s.zone == .no && s.isAlive ? 30 : 90), "late: \(place)")
        #expect(confirmed - trapped.start <= (s.mode == .emergencyPower ? 180 + 150 : 180), "late: \(place)")
        let expected = table.outcome(of: s)
        #expect(found.kind == expected.kind, "the table says \(expected): \(place)")
        return "trapped, and told"
    }
}
