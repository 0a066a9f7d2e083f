import Elevator
import Testing

@testable import Detection

/// Times in which nobody listened: holds over them, the backlog behind them, the first word after them.
@Suite struct GapTests {
    @Test(arguments: [("continue", "11.0"), ("restart", "50.0"), ("unknown", "46.0")])
    func aHoldOverAGapFollowsItsPolicyAndTheAlertSaysSo(_ policy: String, _ time: String) throws {
        var building = try Building(rules: Building.rule("gap: \(policy)"))
        building.stop(at: 1)
        building.advance(to: 5)
        building.stopListening()
        building.startListening(at: 40)
        building.advance(to: 55)
        #expect(building.told == ["1 stands raised \(time)"])
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
        building.say(at: 0)
        building.advance(to: 20)
        building.stopListening()
        building.startListening(at: 100)
        building.advance(to: 109)
        #expect(building.told == [])
        building.advance(to: 115)
        #expect(building.told == ["1 quiet raised 110.0"])
    }

    @Test func whileNobodyListensTimersWaitForTheBacklog() throws {
        var building = try Building(rules: Building.stuck)
        building.say(at: 1) { $0.stopsBetweenFloors() }
        building.advance(to: 5)
        building.stopListening()
        building.advance(to: 30)
        #expect(building.told == [])
        building.say(at: 8, arriving: 40) { $0.set(.inDoorZone, true) }
        building.startListening(at: 41)
        #expect(building.told == [], "the message that refutes the hold waited in the backlog")
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

    @Test func theFirstWordAfterAnOutageEndsTheGapBeforeTheBacklogIsRead() throws {
        var building = try Building(rules: Building.rule("gap: restart"))
        building.stop(at: 1)
        building.advance(to: 5)
        building.stopListening()
        building.say(at: 40, arriving: 40)
        building.startListening(at: 45)
        building.advance(to: 60)
        #expect(building.told == ["1 stands raised 50.0"])
        #expect(building.alerts[0].gap?.duration == .seconds(35))
    }

    /// A car has stood between floors since 1 s, and nobody has listened from then to 40 s.
    private func stuckSinceBeforeAGap() throws -> Building {
        var building = try Building(rules: Building.stuck)
        building.say(at: 1) { $0.stopsBetweenFloors() }
        building.stopListening()
        building.startListening(at: 40)
        return building
    }

    @Test func aHoldThatWasNotRefutedFiresAtItsOwnTimeAfterTheGap() throws {
        var building = try stuckSinceBeforeAGap()
        building.advance(to: 54.9)
        #expect(building.told == [], "its first word may refute the hold")
        building.advance(to: 55)
        #expect(building.told == ["1 entrapment.off_level suspected 11.0"])
    }

    @Test func aSecondGapDoesNotBeginTheWaitForTheFirstWordAnew() throws {
        var building = try Building(rules: Building.stuck)
        building.say(at: 1) { $0.stopsBetweenFloors() }
        building.advance(to: 5)
        building.stopListening()
        building.startListening(at: 15)
        building.advance(to: 16)
        building.stopListening()
        building.startListening(at: 16.5)
        building.advance(to: 30.4)
        #expect(building.told == [], "its first word may refute the hold")
        building.advance(to: 30.5)
        #expect(building.told == ["1 entrapment.off_level suspected 11.0"])
    }

    /// A process that is killed again and again, a link that comes and goes.
    @Test(arguments: [(2.5, 0.5, "35.5"), (2, 3, "72.0"), (1, 9, "291.0")])
    func whoListensForMomentsOnlyNoticesASilence(_ listening: Double, _ deaf: Double, _ raised: String) throws {
        let rules = """
            rules:
              - { rule: quiet, kind: quiet, when: heard and silent(30s), title: { en: q, zh: q } }
            """
        var building = try Building(rules: rules)
        building.say(at: 0)
        for second in stride(from: listening, to: 400, by: listening + deaf) {
            building.advance(to: second)
            building.stopListening()
            building.startListening(at: second + deaf)
        }
        // Thirty seconds of listening, and the gaps between them.
        #expect(building.told.first == "1 quiet raised \(raised)")
    }

    @Test func aHoldGoesOnWhereTheFirstWordAfterAGapConfirmsIt() throws {
        var building = try stuckSinceBeforeAGap()
        building.say(at: 48)
        #expect(building.told == ["1 entrapment.off_level suspected 48.0"])
    }

    @Test func theFirstWordAfterAGapIsJudgedBeforeWhatWasDueInIt() throws {
        var building = try stuckSinceBeforeAGap()
        building.say(at: 48) { $0.set(.inDoorZone, true) }
        building.advance(to: 200)
        #expect(building.told == [])
    }

    /// A last will, an order, another outage: nothing of it may make happen what the lift's own next word refutes.
    @Test(arguments: ["nothing", "last will", "order", "another outage", "overtaken word"])
    func whatWasDueInAGapWaitsForTheFirstWord(_ what: String) throws {
        var building = try Building(rules: Building.stuck)
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

    @Test func whoWasHeardAfterAGapWaitsNoLonger() throws {
        var building = try Building(rules: Building.stuck)
        building.say(at: 1) { $0.set(.inDoorZone, true) }
        building.stopListening()
        building.startListening(at: 300)
        building.say(at: 301) { $0.stopsBetweenFloors() }
        building.advance(to: 311)
        #expect(building.told == ["1 entrapment.off_level suspected 311.0"])
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
        let told = building.alerts.filter { $0.kind == "entrapment" }
        #expect(
            told.contains { $0.state == .confirmed && $0.onset == Building.start + .seconds(100) }, "\(building.told)")
    }

    @Test func aBirthInABacklogLeavesTheWordsBehindItTheirTimes() throws {
        var building = try Building(rules: Building.stuck)
        building.say(at: 1, sequence: 1) { $0.set(.inDoorZone, true) }
        building.stopListening()
        building.sayBeside(at: 600) { $0.set(.online, true) }
        building.say(at: 100, arriving: 600, sequence: 2) { $0.stopsBetweenFloors() }
        building.say(at: 110, arriving: 600, sequence: 3)
        building.startListening(at: 601)
        building.advance(to: 700)
        #expect(building.told.first == "1 entrapment.off_level suspected 110.0")
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
}
