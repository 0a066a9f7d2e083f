import Elevator
import Foundation
import Testing

@testable import Detection

/// Holds the decision table to an independent reading of what counts as an entrapment: the sentences, not the rules' text.
@Suite struct DecisionTableTests {
    typealias Situation = DecisionTable.Situation
    // A rule set that cannot be read fails every test of this suite.
    private static let table = try! DecisionTable(ShippedRulesTests.load())

    /// What the sentences say of a situation.
    private struct Reading {
        let s: Situation
        var isStopped: Bool { !s.isMoving }
        var possiblyOccupied: Bool { s.occupied != .no }
        /// No served door is fully open, for sure.
        var isShut: Bool { s.door == .locked || s.door == .notClosed }
        var isOpenAtLanding: Bool { s.door == .fullyOpen && s.zone == .yes }

        var offLevel: Bool { isStopped && s.zone == .no && possiblyOccupied }
        /// In the zone, or nobody knows: with a reason it counts either way.
        var atLevel: Bool {
            isStopped && s.zone != .no && isShut && s.occupied == .yes && (!s.hasMains || s.buttonPressed)
        }
        var silence: Bool { !s.isAlive && possiblyOccupied && !isOpenAtLanding }
        /// The button, unanswered, in a car that stands shut.
        var call: Bool { isStopped && hasNoWayOut && s.buttonPressed }
        /// Between floors no side is served, however the doors are.
        var hasNoWayOut: Bool { isShut || s.zone == .no }
        /// It runs, and its last word is that it runs: standing still after the run-time limit.
        var mayBeCall: Bool { s.isMoving && !s.isAlive && hasNoWayOut && s.buttonPressed }

        var isMutedAtLevelOnly: Bool { s.mode == .firefighter && atLevel && !offLevel && !silence && !call }
        var isEntrapment: Bool { offLevel || atLevel || silence || call }
    }

    @Test(arguments: 0..<2)
    func everySituationComesToWhatTheSentencesSay(_ half: Int) throws {
        var checked = 0
        for (index, situation) in Situation.all.enumerated() where index % 2 == half {
            let reading = Reading(s: situation)
            let found = Self.table.outcome(of: situation)
            let place = situation.columns.joined(separator: " ")
            checked += 1
            #expect(found.calls == situation.buttonPressed, "the button is never muted: \(place)")
            if situation.mode == .inspection {
                #expect(found.suspected == nil && found.confirmed == nil, "inspection from before mutes: \(place)")
                if reading.isEntrapment { #expect(found.mutedBy == "inspection", "and says so: \(place)") }
            } else if reading.isMutedAtLevelOnly {
                #expect(found.mutedBy == "firefighter", "\(place)")
            } else if reading.isEntrapment {
                #expect(found.kind?.hasPrefix("entrapment.") == true && found.mutedBy == nil, "missed: \(place)")
                let first = found.suspected ?? found.confirmed ?? .max
                // Off level within 30 s of the event, at level and in silence within 90 s; the link's time comes on top.
                #expect(first <= (reading.offLevel ? 10 : 40), "\(place): told after \(first) s")
                // A rescue device's time comes on top of the 180 s.
                let limit = situation.mode == .emergencyPower ? 180 + 150 : 180
                #expect(found.confirmed ?? .max <= limit, "\(place): confirmed \(found.confirmed ?? -1)")
                let isFire = situation.mode == .fireRecall || situation.mode == .firefighter
                #expect(found.isEmergency == isFire, "recall and firefighters mean 119: \(place)")
                if reading.offLevel { #expect(found.kind == "entrapment.off_level", "\(place)") }
            } else if !reading.mayBeCall {
                #expect(found.kind == nil, "false: \(place) became \(found)")
            }
        }
        #expect(checked == 2304)
    }

    @Test func thePageSaysWhatTheRulesDo() throws {
        let page = try String(contentsOfFile: Shipped.folder + "/../docs/entrapment.md", encoding: .utf8)
        #expect(page == Self.table.markdown(), "run: make docs")
    }
}
