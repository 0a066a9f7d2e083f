import LiftModel
import Testing

@testable import Monitoring

/// Gaps in observation: holds over them, the backlog after them, the first message after them.
@Suite struct GapTests {
    @Test(arguments: [("continue", "11.0"), ("restart", "50.0"), ("unknown", "46.0")])
    func aHoldOverAGapFollowsItsPolicyAndTheAlertSaysSo(_ policy: String, _ time: String) throws {
        var building = try Building(rules: Building.rule("gap: \(policy)"))
        building.stop(at: 1)
        building.advance(to: 5)
        building.stopObserving()
        building.startObserving(at: 40)
        building.advance(to: 55)
        #expect(building.revisions == ["1 stands raised \(time)"])
        #expect(building.alerts[0].gap?.policy.rawValue == policy)
        #expect(building.alerts[0].gap?.duration == .seconds(35))
    }

    @Test func withoutAGapNothingIsSaidOfOne() throws {
        var building = try Building(rules: Building.rule())
        building.stop(at: 1)
        building.advance(to: 12)
        #expect(building.alerts[0].gap == nil)
    }

    @Test func silenceCountsOnlyWhileSomebodyListens() throws {
        let rules = """
            rules:
              - { rule: quiet, kind: quiet, when: heard and silent(30s), title: { en: q, zh: q } }
            """
        var building = try Building(rules: rules)
        building.send(at: 0)
        building.advance(to: 20)
        building.stopObserving()
        building.startObserving(at: 100)
        building.advance(to: 109)
        #expect(building.revisions == [])
        building.advance(to: 115)
        #expect(building.revisions == ["1 quiet raised 110.0"])
    }

    @Test func whileNobodyListensTimersWaitForTheBacklog() throws {
        var building = try Building(rules: Building.stuck)
        building.send(at: 1) { $0.stopsBetweenFloors() }
        building.advance(to: 5)
        building.stopObserving()
        building.advance(to: 30)
        #expect(building.revisions == [])
        building.send(at: 8, arriving: 40) { $0.set(.inDoorZone, true) }
        building.startObserving(at: 41)
        #expect(building.revisions == [], "the message that refutes the hold waited in the backlog")
    }

    @Test func everyMessageOfABacklogCountsThoughTimersHaveRunPastThem() throws {
        let rules = """
            rules:
              - { rule: pressed, kind: pressed, when: 'count(rise("90" in codes), 1h) >= 2', title: { en: p, zh: p } }
            """
        var building = try Building(rules: rules)
        building.send(at: 0) { $0.set(.codes, bits: 0) }
        building.advance(to: 20)
        building.stopObserving()
        // Sent before the loss was noticed, read after it: each is older than the time that timers
        // have reached, and none is late.
        for (second, bits) in [
            (5.0, FaultCode.carAlarmButton.bit), (6, 0), (7, FaultCode.carAlarmButton.bit), (8, 0),
        ] {
            building.send(at: second, arriving: 30) { $0.set(.codes, bits: bits) }
        }
        building.startObserving(at: 31)
        #expect(building.detector.view(0).counters.historical == 0)
        #expect(building.revisions.first?.hasPrefix("1 pressed raised") == true)
    }

    @Test func theFirstMessageAfterAnOutageEndsTheGapBeforeTheBacklogIsRead() throws {
        var building = try Building(rules: Building.rule("gap: restart"))
        building.stop(at: 1)
        building.advance(to: 5)
        building.stopObserving()
        building.send(at: 40, arriving: 40)
        building.startObserving(at: 45)
        building.advance(to: 60)
        #expect(building.revisions == ["1 stands raised 50.0"])
        #expect(building.alerts[0].gap?.duration == .seconds(35))
    }

    /// A car has stood between floors since 1 s, with a gap in observation from then to 40 s.
    private func stuckSinceBeforeAGap() throws -> Building {
        var building = try Building(rules: Building.stuck)
        building.send(at: 1) { $0.stopsBetweenFloors() }
        building.stopObserving()
        building.startObserving(at: 40)
        return building
    }

    @Test func aHoldThatWasNotRefutedFiresAtItsOwnTimeAfterTheGap() throws {
        var building = try stuckSinceBeforeAGap()
        building.advance(to: 54.9)
        #expect(building.revisions == [], "its first message may refute the hold")
        building.advance(to: 55)
        #expect(building.revisions == ["1 entrapment.off_level suspected 11.0"])
    }

    @Test func aSecondGapDoesNotRestartTheWaitForTheFirstMessage() throws {
        var building = try Building(rules: Building.stuck)
        building.send(at: 1) { $0.stopsBetweenFloors() }
        building.advance(to: 5)
        building.stopObserving()
        building.startObserving(at: 15)
        building.advance(to: 16)
        building.stopObserving()
        building.startObserving(at: 16.5)
        building.advance(to: 30.4)
        #expect(building.revisions == [], "its first message may refute the hold")
        building.advance(to: 30.5)
        #expect(building.revisions == ["1 entrapment.off_level suspected 11.0"])
    }

    /// A process that is killed again and again, and a link that fails again and again.
    @Test(arguments: [(2.5, 0.5, "35.5"), (2, 3, "72.0"), (1, 9, "291.0")])
    func whoListensForMomentsOnlyNoticesASilence(
        _ listening: Double, _ deaf: Double, _ raised: String
    ) throws {
        let rules = """
            rules:
              - { rule: quiet, kind: quiet, when: heard and silent(30s), title: { en: q, zh: q } }
            """
        var building = try Building(rules: rules)
        building.send(at: 0)
        for second in stride(from: listening, to: 400, by: listening + deaf) {
            building.advance(to: second)
            building.stopObserving()
            building.startObserving(at: second + deaf)
        }
        // Thirty seconds of observation, and the gaps between them.
        #expect(building.revisions.first == "1 quiet raised \(raised)")
    }

    @Test func aHoldContinuesWhereTheFirstMessageAfterAGapConfirmsIt() throws {
        var building = try stuckSinceBeforeAGap()
        building.send(at: 48)
        #expect(building.revisions == ["1 entrapment.off_level suspected 48.0"])
    }

    @Test func theFirstMessageAfterAGapIsJudgedBeforeTimersThatWereDueInIt() throws {
        var building = try stuckSinceBeforeAGap()
        building.send(at: 48) { $0.set(.inDoorZone, true) }
        building.advance(to: 200)
        #expect(building.revisions == [])
    }

    /// A last will, an operator action, another outage: none of them may cause what the lift's next
    /// message refutes.
    @Test(arguments: [
        "nothing", "last will", "operator action", "another outage", "overtaken message",
    ])
    func timersThatWereDueInAGapWaitForTheFirstMessage(_ what: String) throws {
        var building = try Building(rules: Building.stuck)
        building.send(at: 1) { $0.stopsBetweenFloors() }
        building.stopObserving()
        building.startObserving(at: 300)
        switch what {
        case "last will":
            building.sendNoSignOfLife(at: 303) { $0.set(.online, false) }
        case "operator action":
            try building.perform(
                .maintenance(
                    lift: "1", until: Building.start + .seconds(4000), by: "Li", reason: "door"))
        case "another outage":
            building.advance(to: 305)
            building.stopObserving()
            building.startObserving(at: 400)
        default: break
        }
        let first = what == "another outage" ? 404.0 : 304
        building.send(at: first) { $0.set(.inDoorZone, true) }
        if what == "overtaken message" {
            building.send(at: first - 0.5, arriving: first + 0.1) { $0.set(.floor, number: 2) }
        }
        building.advance(to: 800)
        #expect(building.revisions.filter { $0.contains("entrapment") } == [])
    }

    @Test func whoWasHeardAfterAGapWaitsNoLonger() throws {
        var building = try Building(rules: Building.stuck)
        building.send(at: 1) { $0.set(.inDoorZone, true) }
        building.stopObserving()
        building.startObserving(at: 300)
        building.send(at: 301) { $0.stopsBetweenFloors() }
        building.advance(to: 311)
        #expect(building.revisions == ["1 entrapment.off_level suspected 311.0"])
    }

    @Test func aWindowAnnouncedWhileNobodyListensMutesNothingThatBeganBefore() throws {
        var building = try Building(
            rules: ShippedRulesTests.load(),
            provides: [
                .mode, .moving, .inDoorZone, .frontLocked, .frontFullyOpen, .occupied, .codes,
                .floor,
            ])
        building.send(at: 1, sequence: 1) {
            $0.stopsBetweenFloors()
            $0.set(.inDoorZone, true)
        }
        building.stopObserving()
        building.advance(to: 600)
        try building.perform(
            .maintenance(
                lift: "1", until: Building.start + .seconds(6000), by: "Li", reason: "door"))
        for (index, time) in stride(from: 100.0, to: 900, by: 10).enumerated() {
            building.send(at: time, arriving: 900, sequence: Int64(index + 2)) {
                $0.set(.inDoorZone, false)
                $0.set(.occupied, true)
            }
        }
        building.startObserving(at: 901)
        building.advance(to: 1000)
        let entrapments = building.alerts.filter { $0.kind == "entrapment" }
        #expect(
            entrapments.contains {
                $0.state == .confirmed && $0.onset == Building.start + .seconds(100)
            },
            "\(building.revisions)")
    }

    @Test func aBirthInABacklogKeepsTheTimesOfTheMessagesAfterIt() throws {
        var building = try Building(rules: Building.stuck)
        building.send(at: 1, sequence: 1) { $0.set(.inDoorZone, true) }
        building.stopObserving()
        building.sendNoSignOfLife(at: 600) { $0.set(.online, true) }
        building.send(at: 100, arriving: 600, sequence: 2) { $0.stopsBetweenFloors() }
        building.send(at: 110, arriving: 600, sequence: 3)
        building.startObserving(at: 601)
        building.advance(to: 700)
        #expect(building.revisions.first == "1 entrapment.off_level suspected 110.0")
    }

    @Test func aRetainedMessageAtConnectIsABaselineAndNotAnEdge() throws {
        let rules = """
            rules:
              - { rule: pressed, kind: pressed, when: 'once(rise("90" in codes), 5s)', title: { en: p, zh: p } }
            """
        var building = try Building(rules: rules)
        building.send(at: 0) { $0.set(.codes, bits: 0) }
        building.send(at: 10, isRetained: true) {
            $0.set(.codes, bits: FaultCode.carAlarmButton.bit)
        }
        #expect(building.revisions == [])
        building.send(at: 20) { $0.set(.codes, bits: 0) }
        building.send(at: 21) { $0.set(.codes, bits: FaultCode.carAlarmButton.bit) }
        #expect(building.revisions == ["1 pressed raised 21.0"])
    }
}
