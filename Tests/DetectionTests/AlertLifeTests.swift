import Elevator
import Foundation
import PositionedYAML
import Testing

@testable import Detection

private let stuck = """
    rules:
      - rule: stuck
        kind: entrapment.off_level
        when: not moving and not in_door_zone and possibly(any(compartments.occupied))
        for: 10s
        escalates: { to: confirmed, for: 60s }
        clear: held(any(doors.fully_open) and in_door_zone, 3s)
        title: { en: stuck, zh: 困人 }
    """

@Suite struct AlertLifeTests {
    @Test func aHoldFiresAtItsDeadlineWithoutInput() throws {
        var building = try Building(rules: stuck)
        building.say(at: 1) { $0.stopsBetweenFloors() }
        building.advance(to: 10.9)
        #expect(building.told == [])
        for second in stride(from: 11.0, through: 80, by: 7) { building.say(at: second) }
        #expect(building.told == ["1 entrapment.off_level suspected 11.0", "1 entrapment.off_level confirmed 71.0"])
    }

    @Test func unknownOccupancyCountsAsOccupied() throws {
        var building = try Building(rules: stuck)
        building.say(at: 1) {
            $0.stopsBetweenFloors()
            $0.setUnknown(Signal.occupied.rawValue)
        }
        building.advance(to: 12)
        #expect(building.told == ["1 entrapment.off_level suspected 11.0"])
    }

    @Test func aMessageThatRefutesInTimeStopsTheHold() throws {
        var building = try Building(rules: stuck)
        building.say(at: 1) { $0.stopsBetweenFloors() }
        building.say(at: 9) { $0.set(.inDoorZone, true) }
        building.advance(to: 59)
        #expect(building.told == [])
    }

    @Test func aLateReadingRevisesAndNeverWithdraws() throws {
        var building = try Building(rules: stuck)
        building.say(at: 1) { $0.stopsBetweenFloors() }
        building.advance(to: 11.5)
        // It had reached the zone half a second before the hold was over, and said so late.
        building.say(at: 10.5, arriving: 11.6) { $0.set(.inDoorZone, true) }
        #expect(building.told == ["1 entrapment.off_level suspected 11.0", "1 entrapment.off_level cleared 11.6"])
        #expect(building.alerts.last?.reason == "revised")
        #expect(building.alerts[0].id == building.alerts[1].id)
    }

    @Test func aLateReadingWithinTheLatenessIsJudgedInItsPlace() throws {
        // The same words in order and with one of them late give the same alerts.
        func run(_ late: Bool) throws -> [String] {
            var building = try Building(rules: stuck)
            building.say(at: 0) {
                $0.stopsBetweenFloors()
                $0.set(.moving, true)
            }
            if !late { building.say(at: 5, sequence: 2) { $0.set(.moving, false) } }
            building.say(at: 6, sequence: 3) {
                $0.set(.moving, false)
                $0.set(.floor, number: 3)
            }
            if late { building.say(at: 5, arriving: 6.5, sequence: 2) { $0.set(.moving, false) } }
            building.advance(to: 80)
            return building.told
        }
        #expect(try run(true) == run(false))
        #expect(try run(true).first == "1 entrapment.off_level suspected 15.0")
    }

    @Test func aLateWordChangesNothingOfAnAlertThatEndedAndOneThatFollowedIt() throws {
        let rules = """
            rules:
              - { rule: r, kind: calm, when: not moving, for: 2s, title: { en: r, zh: r } }
            """
        var building = try Building(rules: rules)
        for (second, moving) in [(0.0, true), (1, false), (5, true), (6, false)] {
            building.say(at: second) { $0.set(.moving, moving) }
        }
        building.advance(to: 8.2)
        let told = ["1 calm raised 3.0", "1 calm cleared 5.0", "1 calm raised 8.0"]
        #expect(building.told == told)
        building.say(at: 7.5, arriving: 8.5) { $0.set(.floor, number: 3) }
        #expect(building.detector.view(0).counters.rolledBack > 0)
        #expect(building.told == told, "the clearing of the first is not the second's")
    }

    @Test func aTimerThatFiredAtTheVeryTimeOfALaterWordIsJudgedWithIt() throws {
        let rules = """
            rules:
              - { rule: r, kind: calm, when: 'held(not moving, 10s)', title: { en: r, zh: r } }
            """
        var building = try Building(rules: rules)
        building.say(at: 0) { $0.set(.moving, true) }
        building.say(at: 5) { $0.set(.moving, false) }
        building.advance(to: 15.5)
        #expect(building.told == ["1 calm raised 15.0"], "nothing spoke against it so far")
        building.say(at: 15, arriving: 16) { $0.set(.moving, true) }
        #expect(building.told.last == "1 calm cleared 16.0", "it moved at the very end of the window: \(building.told)")
        #expect(building.alerts.last?.reason == "revised")
    }

    @Test func aTooLateReadingIsCountedAndIsNoSignOfLife() throws {
        var building = try Building(rules: stuck)
        building.say(at: 0) {
            $0.stopsBetweenFloors()
            $0.set(.moving, true)
        }
        building.say(at: 20)
        building.say(at: 12, arriving: 21)
        #expect(building.detector.view(0).counters.tooLate == 1)
        #expect(building.detector.view(0).lastHeard == Building.start + .seconds(20))
    }

    @Test func everyWordOfABacklogCountsThoughTimersHaveRunPastThem() throws {
        let rules = """
            rules:
              - { rule: pressed, kind: pressed, when: 'count(rise("90" in codes), 1h) >= 2', title: { en: p, zh: p } }
            """
        var building = try Building(rules: rules)
        building.say(at: 0) { $0.set(.codes, bits: 0) }
        building.advance(to: 20)
        building.stopListening()
        // Said before the loss was noticed, read after it: each is older than what timers have reached, and none is late.
        for (second, bits) in [(5.0, FaultCode.carAlarmButton.bit), (6, 0), (7, FaultCode.carAlarmButton.bit), (8, 0)] {
            building.say(at: second, arriving: 30) { $0.set(.codes, bits: bits) }
        }
        building.startListening(at: 31)
        #expect(building.detector.view(0).counters.tooLate == 0)
        #expect(building.told.first?.hasPrefix("1 pressed raised") == true)
    }

    @Test func aSlowDeviceClockLosesNoWord() throws {
        var building = try Building(rules: stuck)
        for second in 0..<40 {
            building.say(at: Double(second) - 4, arriving: Double(second)) { $0.set(.moving, second % 2 == 0) }
        }
        #expect(building.detector.view(0).counters.tooLate == 0)
    }

    /// A late "it runs" of a device whose clock is ahead undid the newer "it stands", until the next report.
    @Test func anOvertakenWordOfAClockThatIsAheadUndoesNothing() throws {
        var building = try Building(rules: stuck)
        building.say(at: 0.8, arriving: 0.02) {
            $0.stopsBetweenFloors()
            $0.set(.moving, true)
        }
        building.say(at: 5.8, arriving: 5.02, sequence: 3) { $0.set(.moving, false) }
        building.say(at: 5.8, arriving: 6, sequence: 2) { $0.set(.moving, true) }
        building.advance(to: 15.1)
        #expect(building.told.last == "1 entrapment.off_level suspected 15.02")
    }

    @Test func anAlertToldAsOverThatIsNotGoesOn() throws {
        var building = try Building(rules: stuck)
        building.say(at: 1) { $0.stopsBetweenFloors() }
        building.say(at: 20) {
            $0.set(.inDoorZone, true)
            $0.set(.frontFullyOpen, true)
        }
        building.advance(to: 23.2)
        #expect(building.told.last == "1 entrapment.off_level cleared 23.0")
        // A second before, the door had been shut again by somebody who pushed the car on.
        building.say(at: 22, arriving: 23.5) {
            $0.set(.inDoorZone, false)
            $0.set(.frontFullyOpen, false)
        }
        #expect(building.told.last == "1 entrapment.off_level suspected 23.5")
        #expect(Set(building.alerts.map(\.id)).count == 1, "it is the same alert")
        #expect(building.alerts.last?.revision == 3)
        building.advance(to: 85)
        #expect(building.told.last?.hasPrefix("1 entrapment.off_level confirmed") == true)
    }

    @Test func aRestartUnderOtherRulesEndsNoAlert() throws {
        var building = try Building(rules: stuck)
        building.say(at: 1) { $0.stopsBetweenFloors() }
        building.advance(to: 12)
        let bytes = building.detector.snapshot()
        building.detector = try Building(rules: stuck.replacingFirst("for: 10s", "for: 20s")).detector
        #expect(try !building.detector.restore(bytes))
        building.say(at: 13)
        building.say(at: 12.5, arriving: 13.5)
        #expect(building.told == ["1 entrapment.off_level suspected 11.0"], "neither cleared nor told twice")
        building.say(at: 30) {
            $0.set(.inDoorZone, true)
            $0.set(.frontFullyOpen, true)
        }
        building.advance(to: 40)
        #expect(building.told.last == "1 entrapment.off_level cleared 33.0")
    }

    /// The fixture is what version 0.2.0 kept of two lifts, one of which stood between floors since 1 s, at 12 s.
    @Test func anAlertThatAnOlderVersionLeftOpenGoesOn() throws {
        let rules = """
            rules:
              - rule: stands
                kind: entrapment.off_level
                when: not moving and not in_door_zone
                for: 10s
                escalates: { to: confirmed, for: 60s }
                clear: once(held(in_door_zone and any(doors.fully_open), 3s))
                title: { en: s, zh: s }
            """
        let fixture = URL(fileURLWithPath: #filePath).deletingLastPathComponent().path + "/Fixtures/snapshot-2.bin"
        var building = try Building(lifts: 2, rules: rules)
        #expect(try building.detector.restore([UInt8](Data(contentsOf: URL(fileURLWithPath: fixture)))))
        building.startListening(at: 12)
        building.say(at: 20) { $0.stopsBetweenFloors() }
        building.advance(to: 80)
        #expect(building.told == ["1 entrapment.off_level confirmed 71.0"])
        building.say(at: 90) {
            $0.set(.inDoorZone, true)
            $0.set(.frontFullyOpen, true)
        }
        building.advance(to: 95)
        #expect(building.told.last == "1 entrapment.off_level cleared 93.0")
        #expect(building.alerts.map(\.revision) == [2, 3])
    }

    @Test func aDuplicateChangesNothing() throws {
        var building = try Building(rules: stuck)
        building.say(at: 1) { $0.stopsBetweenFloors() }
        building.say(at: 1, repeating: true)
        #expect(building.detector.view(0).counters.duplicates == 1)
        building.advance(to: 12)
        #expect(building.told == ["1 entrapment.off_level suspected 11.0"])
    }

    @Test func aDeviceThatCountsAnewAfterAPauseMayRepeatItself() throws {
        var building = try Building(rules: stuck)
        func say(_ second: Int, _ sequence: Int64, moving: Bool) {
            var reading = Reading()
            reading.stopsBetweenFloors()
            reading.set(.moving, moving)
            reading.sequence = sequence
            building.detector.fold(
                reading, lift: 0, key: UInt64(sequence), vendorCode: nil, arrival: Building.start + .seconds(second))
        }
        for (second, sequence) in [(1, 1), (2, 2), (3, 3)] as [(Int, Int64)] {
            say(second, sequence, moving: sequence != 2)
        }
        say(4, 2, moving: false)
        #expect(building.detector.view(0).counters.duplicates == 1, "a double within the lateness is one")
        say(20, 1, moving: true)
        say(21, 2, moving: false)
        building.advance(to: 40)
        #expect(building.detector.view(0).counters.duplicates == 1)
        #expect(building.told.first == "1 entrapment.off_level suspected 31.0", "\(building.told)")
    }

    @Test func messagesOfOneTimeAreOrderedByTheDevicesCount() throws {
        var building = try Building(rules: stuck)
        building.say(at: 1, sequence: 2) { $0.stopsBetweenFloors() }
        building.say(at: 1, arriving: 1.2, sequence: 1) { $0.set(.inDoorZone, true) }
        building.advance(to: 12)
        #expect(building.told == ["1 entrapment.off_level suspected 11.0"])
    }

    @Test func whileNobodyListensTimersWaitForTheBacklog() throws {
        var building = try Building(rules: stuck)
        building.say(at: 1) { $0.stopsBetweenFloors() }
        building.advance(to: 5)
        building.stopListening()
        building.advance(to: 30)
        #expect(building.told == [])
        building.say(at: 8, arriving: 40) { $0.set(.inDoorZone, true) }
        building.startListening(at: 41)
        #expect(building.told == [], "the message that refutes the hold waited in the backlog")
    }

    @Test func aHoldThatWasNotRefutedFiresAtItsOwnTimeAfterTheGap() throws {
        var building = try Building(rules: stuck)
        building.say(at: 1) { $0.stopsBetweenFloors() }
        building.stopListening()
        building.startListening(at: 40)
        building.advance(to: 54.9)
        #expect(building.told == [], "its first word may refute the hold")
        building.advance(to: 55)
        #expect(building.told == ["1 entrapment.off_level suspected 11.0"])
    }

    @Test func theFirstWordAfterAGapIsJudgedBeforeWhatWasDueInIt() throws {
        var building = try Building(rules: stuck)
        building.say(at: 1) { $0.stopsBetweenFloors() }
        building.stopListening()
        building.startListening(at: 40)
        building.say(at: 48) { $0.set(.inDoorZone, true) }
        building.advance(to: 200)
        #expect(building.told == [])
    }

    /// A last will, an order, another outage: nothing of it may make happen what the lift's own next word refutes.
    @Test(arguments: ["nothing", "last will", "order", "another outage", "overtaken word"])
    func whatWasDueInAGapWaitsForTheFirstWord(_ what: String) throws {
        var building = try Building(rules: stuck)
        building.say(at: 1) { $0.stopsBetweenFloors() }
        building.stopListening()
        building.startListening(at: 300)
        switch what {
        case "last will":
            building.sayBeside(at: 303) { $0.set(.online, false) }
        case "order":
            try building.order(
                .maintenance(lift: "1", until: Building.start + .seconds(4000), by: "Li", reason: "door"))
        case "another outage":
            building.advance(to: 305)
            building.stopListening()
            building.startListening(at: 400)
        default: break
        }
        let first = what == "another outage" ? 404.0 : 304
        building.say(at: first) { $0.set(.inDoorZone, true) }
        if what == "overtaken word" {
            building.say(at: first - 0.5, arriving: first + 0.1) { $0.set(.floor, number: 2) }
        }
        building.advance(to: 800)
        #expect(building.told.filter { $0.contains("entrapment") } == [])
    }

    @Test func aWindowAnnouncedWhileNobodyListensMutesNothingThatBeganBefore() throws {
        var building = try Building(
            rules: ShippedRulesTests.load(),
            provides: [.mode, .moving, .inDoorZone, .frontLocked, .frontFullyOpen, .occupied, .codes, .floor])
        building.say(at: 1, sequence: 1) {
            $0.stopsBetweenFloors()
            $0.set(.inDoorZone, true)
        }
        building.stopListening()
        building.advance(to: 600)
        try building.order(.maintenance(lift: "1", until: Building.start + .seconds(6000), by: "Li", reason: "door"))
        for (place, time) in stride(from: 100.0, to: 900, by: 10).enumerated() {
            building.say(at: time, arriving: 900, sequence: Int64(place + 2)) {
                $0.set(.inDoorZone, false)
                $0.set(.occupied, true)
            }
        }
        building.startListening(at: 901)
        building.advance(to: 1000)
        let told = building.alerts.filter { $0.kind == "entrapment.off_level" }
        #expect(
            told.contains { $0.state == .confirmed && $0.onset == Building.start + .seconds(100) }, "\(building.told)")
    }

    @Test func aBirthInABacklogLeavesTheWordsBehindItTheirTimes() throws {
        var building = try Building(rules: stuck)
        building.say(at: 1, sequence: 1) { $0.set(.inDoorZone, true) }
        building.stopListening()
        building.sayBeside(at: 600) { $0.set(.online, true) }
        building.say(at: 100, arriving: 600, sequence: 2) { $0.stopsBetweenFloors() }
        building.say(at: 110, arriving: 600, sequence: 3)
        building.startListening(at: 601)
        building.advance(to: 700)
        #expect(building.told.first == "1 entrapment.off_level suspected 110.0")
    }

    @Test func whoWasHeardAfterAGapWaitsNoLonger() throws {
        var building = try Building(rules: stuck)
        building.say(at: 1) { $0.set(.inDoorZone, true) }
        building.stopListening()
        building.startListening(at: 300)
        building.say(at: 301) { $0.stopsBetweenFloors() }
        building.advance(to: 311)
        #expect(building.told == ["1 entrapment.off_level suspected 311.0"])
    }

    @Test func aHoldGoesOnWhereTheFirstWordAfterAGapConfirmsIt() throws {
        var building = try Building(rules: stuck)
        building.say(at: 1) { $0.stopsBetweenFloors() }
        building.stopListening()
        building.startListening(at: 40)
        building.say(at: 48)
        #expect(building.told == ["1 entrapment.off_level suspected 48.0"])
    }

    @Test func aRetainedMessageAtConnectIsABaselineAndNotAnEdge() throws {
        let rules = """
            rules:
              - { rule: pressed, kind: pressed, when: 'once(rise("90" in codes), 5s)', title: { en: p, zh: p } }
            """
        var building = try Building(rules: rules)
        building.say(at: 0) { $0.set(.codes, bits: 0) }
        building.say(at: 10, isRetained: true) { $0.set(.codes, bits: FaultCode.carAlarmButton.bit) }
        #expect(building.told == [])
        building.say(at: 20) { $0.set(.codes, bits: 0) }
        building.say(at: 21) { $0.set(.codes, bits: FaultCode.carAlarmButton.bit) }
        #expect(building.told == ["1 pressed raised 21.0"])
    }

    @Test func silenceCountsOnlyWhileSomebodyListens() throws {
        let rules = """
            rules:
              - { rule: quiet, kind: quiet, when: heard and silent(30s), title: { en: q, zh: q } }
            """
        var building = try Building(rules: rules)
        building.say(at: 0)
        building.advance(to: 20)
        building.stopListening()
        building.startListening(at: 100)
        building.advance(to: 109)
        #expect(building.told == [])
        building.advance(to: 115)
        #expect(building.told == ["1 quiet raised 110.0"])
    }

    @Test func inspectionMutesOnlyWhenItWasThereBefore() throws {
        let rules = stuck.replacingFirst(
            "    escalates",
            "    unless: [{ name: inspection, when: mode == inspection, active: before_onset, at_most: 1h }]\n    escalates"
        )
        var before = try Building(rules: rules)
        before.say(at: 0) {
            $0.set(.mode, case: 2)
            $0.set(.moving, true)
            $0.set(.inDoorZone, false)
            $0.set(.occupied, true)
        }
        before.say(at: 5) { $0.set(.moving, false) }
        for second in stride(from: 10.0, to: 100, by: 10) { before.say(at: second) }
        #expect(before.told == ["1 entrapment.off_level suppressed 15.0"])
        // The cap: an inspection flag left on does not mute for ever.
        for second in stride(from: 100.0, to: 3700, by: 10) { before.say(at: second) }
        #expect(before.told.dropFirst().first == "1 entrapment.off_level suspected 3600.0")

        var after = try Building(rules: rules)
        after.say(at: 5) { $0.stopsBetweenFloors() }
        after.say(at: 8) { $0.set(.mode, case: 2) }
        after.advance(to: 16)
        #expect(after.told == ["1 entrapment.off_level suspected 15.0"])
    }

    @Test func aSnapshotGoesOnExactlyWhereItWas() throws {
        // Cut at every step: the life after a restart equals the life without one.
        func script(_ building: inout Building, from: Int, to: Int) {
            for step in from..<to {
                let second = Double(step) * 2
                building.say(at: second) {
                    if step == 2 { $0.stopsBetweenFloors() }
                    if step == 50 {
                        $0.set(.inDoorZone, true)
                        $0.set(.frontFullyOpen, true)
                    }
                }
            }
        }
        var whole = try Building(rules: stuck)
        script(&whole, from: 0, to: 60)
        #expect(whole.told.count == 3)
        for cut in stride(from: 1, to: 60, by: 3) {
            var first = try Building(rules: stuck)
            script(&first, from: 0, to: cut)
            let bytes = first.detector.snapshot()
            let fresh = try Building(rules: stuck)
            first.detector = fresh.detector
            #expect(try first.detector.restore(bytes))
            script(&first, from: cut, to: 60)
            #expect(first.told == whole.told, "cut at \(cut)")
            #expect(first.alerts.map(\.id) == whole.alerts.map(\.id))
        }
    }

    @Test func aDamagedSnapshotIsRefusedAndChangesNothing() throws {
        var building = try Building(rules: stuck)
        building.say(at: 1) { $0.stopsBetweenFloors() }
        let bytes = building.detector.snapshot()
        for length in stride(from: 0, to: bytes.count - 1, by: 97) {
            #expect(throws: (any Error).self) { try building.detector.restore(Array(bytes[..<length])) }
        }
        #expect(building.detector.snapshot() == bytes)
    }

    @Test func theSameEventHasTheSameIdEverywhere() throws {
        var ids: Set<String> = []
        for _ in 0..<2 {
            var building = try Building(rules: stuck)
            building.say(at: 1) { $0.stopsBetweenFloors() }
            building.advance(to: 12)
            ids.formUnion(building.alerts.map(\.id))
        }
        #expect(ids.count == 1)
    }

    @Test func anUnknownKeyInARuleNamesTheNearestOne() throws {
        let text = stuck.replacingFirst("kind: entr", "knd: entr")
        let error = #expect(throws: InvalidFiles.self) { try Building(rules: text) }
        #expect(
            error?.description.contains("rules.yaml:3:5: 'knd' is not a key here. Did you mean 'kind'?") == true,
            "\(error?.description ?? "")")
    }

    @Test func anExpressionsMistakeHasItsOwnColumn() throws {
        let text = stuck.replacingFirst("not moving", "not movin")
        let error = #expect(throws: InvalidFiles.self) { try Building(rules: text) }
        #expect(error?.diagnostics.first?.line == 4)
        #expect(error?.diagnostics.first?.column == 15)
        #expect(error?.description.contains("Did you mean 'moving'?") == true, "\(error?.description ?? "")")
    }
}

extension String {
    func replacingFirst(_ old: String, _ new: String) -> String {
        guard let range = self.firstRange(of: old) else { return self }
        return replacingCharacters(in: range, with: new)
    }
    private func replacingCharacters(in range: Range<String.Index>, with text: String) -> String {
        String(self[..<range.lowerBound]) + text + String(self[range.upperBound...])
    }
}
