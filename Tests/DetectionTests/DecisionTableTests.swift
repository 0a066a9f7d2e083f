import Elevator
import Foundation
import Testing

@testable import Detection

/// Holds the decision table to an independent reading of what counts as an entrapment: the sentences, not the rules' text.
@Suite struct DecisionTableTests {
    typealias Situation = DecisionTable.Situation
    // A rule set that cannot be read fails every test of this suite.
    private static let table = try! DecisionTable(ShippedRulesTests.load())

    /// What the sentences say of a situation. Before it the lift was on a run, in the situation's mode, its doors locked: it is never
    /// parked, an inspection began long before, and a sensor that sees somebody now has seen him in the run.
    private struct Reading {
        let s: Situation
        var isStopped: Bool { !s.isMoving }
        var possiblyOccupied: Bool { s.occupied != .no }
        /// No served door is fully open, for sure.
        var isShut: Bool { s.door == .locked || s.door == .notClosed }
        var isOpenAtLanding: Bool { s.door == .fullyOpen && s.zone == .yes }

        var offLevel: Bool { isStopped && s.zone == .no && possiblyOccupied }
        /// In the zone, or nobody knows: with a reason it counts either way. The press is a reason, and lost mains are.
        var atLevel: Bool {
            isStopped && s.zone != .no && isShut && s.occupied == .yes && (!s.hasMains || s.buttonPressed)
        }
        /// A press tells of somebody, whatever the sensor sees.
        var silence: Bool { !s.isAlive && (possiblyOccupied || isCalled) && !isOpenAtLanding }

        /// Between floors no side is served, however the doors are.
        var hasNoWayOut: Bool { isShut || s.zone == .no }
        var isCalled: Bool { s.buttonPressed && hasNoWayOut }
        var call: Bool { isCalled && isStopped }
        /// The press in a car that ran, and was heard no more.
        var callInSilence: Bool { isCalled && !s.isAlive }

        /// Lost mains explain a silence. A car that was seen to stand outside the zone for 10 s would; here it was for 5 s.
        var isCorroborated: Bool { !s.hasMains }

        /// Firefighter mode holds back the branch at a landing only, until mains have been lost for 60 s and it is no rescue.
        var mayBeHeldBack: Bool { s.mode == .firefighter && atLevel }
        var isHeldBack: Bool { mayBeHeldBack && !silence && !call }
        var isEntrapment: Bool { offLevel || atLevel || silence || call || callInSilence }
        var isUncorroboratedSilence: Bool {
            silence && !atLevel && !call && !callInSilence && !isCorroborated
        }

        /// Seconds after the event by which it must be told; the link's time comes on top.
        var toldWithin: Int {
            if offLevel { return 10 }
            if isHeldBack { return 60 }
            if mayBeHeldBack, s.hasMains, !silence { return 50 }
            if call, !s.hasMains || s.zone == .no { return 15 }
            // The last word and the press are 5 s after the event: 30 s of silence, 30 s at a landing, or 45 s of the press alone.
            return silence || atLevel || callInSilence ? 35 : 50
        }
        /// Seconds after the event by which it must be confirmed; nil: never.
        var confirmedWithin: Int? {
            if isUncorroboratedSilence { return nil }
            if call, s.zone == .no || !s.hasMains { return 15 }
            if callInSilence { return 35 }
            if call { return 50 }
            // A rescue device's time comes on top of the 180 s.
            return s.mode == .emergencyPower ? 180 + 150 : 180
        }
        /// Seconds after the event before which nothing may be confirmed: time itself is evidence after 60 s only.
        var confirmedAfter: Int { call || callInSilence ? 15 : 70 }
        /// The branches that may tell of it first.
        var branches: Set<String> {
            if offLevel { return ["off_level"] }
            var branches: Set<String> = []
            if atLevel { branches.insert("at_level") }
            if silence { branches.insert("silence") }
            if call { branches.insert("alarm_button") }
            return branches
        }
    }

    @Test(arguments: 0..<2)
    func everySituationComesToWhatTheSentencesSay(_ half: Int) throws {
        var checked = 0
        for (index, situation) in Situation.all.enumerated() where index % 2 == half {
            let reading = Reading(s: situation)
            let found = Self.table.outcome(of: situation)
            let place = situation.columns.joined(separator: " ")
            checked += 1
            #expect(found.calls == situation.buttonPressed, "the button is never suppressed: \(place)")
            if situation.mode == .inspection {
                #expect(!found.isTold, "an inspection from before suppresses: \(place) became \(found)")
                #expect(found.isEntrapment == reading.isEntrapment, "\(place) became \(found)")
                if reading.isEntrapment { #expect(found.suppressedBy == "inspection", "and says so: \(place)") }
            } else if reading.isEntrapment {
                check(found, reading, place)
            } else {
                #expect(!found.isEntrapment, "false: \(place) became \(found)")
                #expect(found.isSilentOnly == !situation.isAlive, "\(place) became \(found)")
            }
        }
        #expect(checked == 2304)
    }

    private func check(_ found: DecisionTable.Outcome, _ reading: Reading, _ place: String) {
        let place = "\(place) became \(found)"
        #expect(found.isTold, "missed: \(place)")
        if reading.mayBeHeldBack, found.suppressedBy != nil || reading.isHeldBack {
            #expect(found.suppressedBy == "firefighter", "\(place)")
        } else {
            #expect(found.suppressedBy == nil, "\(place)")
        }
        let first = min(found.suspected ?? .max, found.confirmed ?? .max)
        #expect(first <= reading.toldWithin, "late: \(place)")
        #expect(reading.branches.contains(found.reason), "\(place)")
        if let limit = reading.confirmedWithin {
            #expect(found.confirmed ?? .max <= limit, "late: \(place)")
            #expect(found.confirmed ?? .max >= reading.confirmedAfter, "early: \(place)")
            #expect((found.confirmedFor == "alarm_button") == (reading.call || reading.callInSilence), "\(place)")
            #expect(found.unresolved == nil, "\(place)")
        } else {
            // Five minutes of a suspected silence, which begins at 35 s, ask for a call to the building.
            #expect(found.confirmed == nil, "time alone confirms no silence: \(place)")
            #expect(found.unresolved == 335, "\(place)")
        }
        let isFire = reading.s.mode == .fireRecall || reading.s.mode == .firefighter
        #expect(found.isEmergency == isFire, "recall and firefighters mean 119: \(place)")
    }

    @Test func thePageSaysWhatTheRulesDo() throws {
        let page = try String(contentsOfFile: Shipped.folder + "/../docs/entrapment.md", encoding: .utf8)
        #expect(page == Self.table.markdown(), "run: make docs")
    }
}
