import Foundation
import LiftModel
import Testing

@testable import RuleTools

/// Holds the decision table to an independent definition of an entrapment, which does not use the
/// rules' text.
@Suite struct DecisionTableTests {
    typealias Situation = DecisionTable.Situation
    // A rule set that cannot be read fails every test of this suite.
    private static let table = try! DecisionTable(ShippedRulesTests.load())

    /// What the definition says about a situation.
    ///
    /// Before it the lift was on a run, in the situation's mode, with its doors locked. So it is
    /// never parked, an inspection began long before, and a sensor that detects an occupant now has
    /// detected one in the run.
    private struct Reading {
        let s: Situation
        var isStopped: Bool { !s.isMoving }
        var possiblyOccupied: Bool { s.occupied != .no }
        /// Surely no served door is fully open.
        var isShut: Bool { s.door == .locked || s.door == .notClosed }
        var isOpenAtLanding: Bool { s.door == .fullyOpen && s.zone == .yes }

        var offLevel: Bool { isStopped && s.zone == .no && possiblyOccupied }
        /// In the zone, or the zone is unknown: with a reason the car counts as at a landing in
        /// both cases. A press and lost mains are reasons.
        var atLevel: Bool {
            isStopped && s.zone != .no && isShut && s.occupied == .yes
                && (!s.hasMains || s.buttonPressed)
        }
        /// A press shows an occupant, whatever the sensor detects.
        var silence: Bool { !s.isAlive && (possiblyOccupied || isCalled) && !isOpenAtLanding }

        /// Between floors no side is served, however the doors are.
        var hasNoWayOut: Bool { isShut || s.zone == .no }
        var isCalled: Bool { s.buttonPressed && hasNoWayOut }
        var call: Bool { isCalled && isStopped }
        /// A press in a car that ran, and then fell silent.
        var callInSilence: Bool { isCalled && !s.isAlive }

        /// Lost mains explain a silence. A car that was outside the zone for 10 s would, too; here
        /// it was for 5 s.
        var isCorroborated: Bool { !s.hasMains }

        /// Firefighter mode suppresses only the branch at a landing, until mains have been lost for
        /// 60 s and it is no rescue.
        var mayBeHeldBack: Bool { s.mode == .firefighter && atLevel }
        var isHeldBack: Bool { mayBeHeldBack && !silence && !call }
        var isEntrapment: Bool { offLevel || atLevel || silence || call || callInSilence }
        var isUncorroboratedSilence: Bool {
            silence && !atLevel && !call && !callInSilence && !isCorroborated
        }

        /// Seconds after the event by which it must be raised; the link's time is added.
        var raisedWithin: Int {
            if offLevel { return 10 }
            if isHeldBack { return 60 }
            if mayBeHeldBack, s.hasMains, !silence { return 50 }
            if call, !s.hasMains || s.zone == .no { return 15 }
            // The last message and the press are 5 s after the event: 30 s of silence, 30 s at a
            // landing, or 45 s of the press alone.
            return silence || atLevel || callInSilence ? 35 : 50
        }
        /// Seconds after the event by which it must be confirmed; nil: never.
        var confirmedWithin: Int? {
            if isUncorroboratedSilence { return nil }
            if call, s.zone == .no || !s.hasMains { return 15 }
            if callInSilence { return 35 }
            if call { return 50 }
            // A rescue device's time is added to the 180 s.
            return s.mode == .emergencyPower ? 180 + 150 : 180
        }
        /// Seconds after the event before which nothing may be confirmed: time itself is evidence
        /// only after 60 s.
        var confirmedAfter: Int { call || callInSilence ? 15 : 70 }
        /// The branches that may raise it.
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
            let label = situation.columns.joined(separator: " ")
            checked += 1
            #expect(
                found.hasAlarmCall == situation.buttonPressed,
                "the button is never suppressed: \(label)")
            if situation.mode == .inspection {
                #expect(
                    !found.isRaised,
                    "an inspection from before suppresses: \(label) became \(found)")
                #expect(found.isEntrapment == reading.isEntrapment, "\(label) became \(found)")
                if reading.isEntrapment {
                    #expect(
                        found.suppressedBy == "inspection", "and the outcome names it: \(label)")
                }
            } else if reading.isEntrapment {
                check(found, reading, label)
            } else {
                #expect(!found.isEntrapment, "false: \(label) became \(found)")
                #expect(
                    found.isOnlyControllerSilent == !situation.isAlive, "\(label) became \(found)")
            }
        }
        #expect(checked == 2304)
    }

    private func check(_ found: DecisionTable.Outcome, _ reading: Reading, _ label: String) {
        let label = "\(label) became \(found)"
        #expect(found.isRaised, "missed: \(label)")
        if reading.mayBeHeldBack, found.suppressedBy != nil || reading.isHeldBack {
            #expect(found.suppressedBy == "firefighter", "\(label)")
        } else {
            #expect(found.suppressedBy == nil, "\(label)")
        }
        let first = min(found.suspected ?? .max, found.confirmed ?? .max)
        #expect(first <= reading.raisedWithin, "late: \(label)")
        #expect(reading.branches.contains(found.reason), "\(label)")
        if let limit = reading.confirmedWithin {
            #expect(found.confirmed ?? .max <= limit, "late: \(label)")
            #expect(found.confirmed ?? .max >= reading.confirmedAfter, "early: \(label)")
            #expect(
                (found.confirmedFor == "alarm_button") == (reading.call || reading.callInSilence),
                "\(label)")
            #expect(found.unresolved == nil, "\(label)")
        } else {
            // After five minutes of a suspected silence, which begins at 35 s, the centre is asked
            // to call the building.
            #expect(found.confirmed == nil, "time alone confirms no silence: \(label)")
            #expect(found.unresolved == 335, "\(label)")
        }
        let isFire = reading.s.mode == .fireRecall || reading.s.mode == .firefighter
        #expect(found.isEmergency == isFire, "recall and firefighters mean 119: \(label)")
    }

    @Test func thePageSaysWhatTheRulesDo() throws {
        let page = try String(
            contentsOfFile: Shipped.folder + "/../docs/entrapment.md", encoding: .utf8)
        #expect(page == Self.table.markdown(), "run: make docs")
    }
}
