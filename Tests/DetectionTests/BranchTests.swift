import LiftModel
import Testing

@testable import Monitoring

/// One incident is one alert, whichever branches of its rule become due.
@Suite struct BranchTests {
    private static let twoBranches = """
        rules:
          - rule: stuck
            kind: entrapment
            branches:
              - branch: off_level
                formerly: stuck-off-level
                when: not in_door_zone and not moving
                for: 10s
                adds_up_until: held(in_door_zone, 2s)
                escalates: { to: confirmed, for: 60s }
              - branch: silence
                formerly: stuck-and-silent
                when: silent(20s)
                revised_when: not silent(20s) and in_door_zone
              - { branch: pressed, when: door_open_demand, stage: confirmed }
            clear: in_door_zone and any(doors.fully_open)
            title: { en: stuck, zh: stuck }
        """

    private func building() throws -> Building {
        try Building(
            rules: Self.twoBranches,
            provides: [.moving, .inDoorZone, .frontFullyOpen, .doorOpenDemand])
    }

    /// The revisions of the one alert: state, reason, and second.
    private func states(_ building: Building) -> [String] {
        building.alerts.map {
            "\($0.state.rawValue) \($0.reason) \(Int(($0.time - Building.start).inSeconds))"
        }
    }

    @Test func aBranchThatJoinsIsARevisionOfTheSameAlert() throws {
        var building = try building()
        building.send(at: 0) { reading in
            reading.set(.moving, true)
            reading.set(.inDoorZone, false)
        }
        building.advance(to: 25)
        building.send(at: 30) { $0.set(.moving, false) }
        for second in stride(from: 40.0, through: 110, by: 10) { building.send(at: second) }
        #expect(
            states(building) == [
                "suspected silence 20", "suspected off_level 40", "confirmed off_level 100",
            ])
        #expect(Set(building.alerts.map(\.id)).count == 1)
        #expect(building.alerts.map(\.revision) == [1, 2, 3])
    }

    @Test func aSuspicionThatStandsOnASilenceAloneIsRevised() throws {
        var building = try building()
        building.send(at: 0) { $0.set(.inDoorZone, true) }
        building.advance(to: 30)
        building.send(at: 35)
        #expect(states(building) == ["suspected silence 20", "cleared revised 35"])
    }

    @Test func aSuspicionThatStandsOnMoreIsNotRevised() throws {
        var building = try building()
        building.send(at: 0) { reading in
            reading.set(.moving, false)
            reading.set(.inDoorZone, false)
        }
        building.advance(to: 30)
        building.send(at: 35) { $0.set(.inDoorZone, true) }
        #expect(!building.alerts.contains { $0.state == .cleared })
    }

    @Test func aHoldAddsUpOverInterruptions() throws {
        var building = try building()
        for (second, isMoving) in [(0.0, false), (6, true), (7, false), (12, true), (13, false)] {
            building.send(at: second) { reading in
                reading.set(.moving, isMoving)
                reading.set(.inDoorZone, false)
            }
        }
        #expect(states(building) == ["suspected off_level 11"])
    }

    @Test func aBranchThatConfirmsConfirmsTheOpenSuspicion() throws {
        var building = try building()
        building.send(at: 0) { reading in
            reading.set(.moving, false)
            reading.set(.inDoorZone, false)
            reading.set(.doorOpenDemand, false)
        }
        building.send(at: 15) { $0.set(.doorOpenDemand, true) }
        #expect(states(building) == ["suspected off_level 10", "confirmed pressed 15"])
        #expect(Set(building.alerts.map(\.id)).count == 1)
    }

    @Test func aConditionThatComesAndGoesChangesTheReasonOnce() throws {
        let rules = """
            rules:
              - rule: stuck
                kind: entrapment
                branches:
                  - { branch: off_level, when: not in_door_zone, for: 5s, adds_up_until: moving }
                  - { branch: at_level, when: in_door_zone, for: 5s, adds_up_until: moving }
                clear: moving
                title: { en: stuck, zh: stuck }
            """
        var building = try Building(rules: rules, provides: [.moving, .inDoorZone])
        for second in 0..<60 {
            building.send(at: 1.1 * Double(second)) { reading in
                reading.set(.moving, false)
                reading.set(.inDoorZone, second % 2 == 1)
            }
        }
        #expect(states(building).count == 2, "\(states(building))")
    }

    /// The first spell of `off_level` has raised the alert; a way out stops its clock. The second
    /// spell is suppressed and does not continue the clock.
    @Test(arguments: [false, true]) func aSpellThatIsMutedConfirmsNothingByTime(_ isMuted: Bool)
        throws
    {
        let rules = """
            rules:
              - rule: stuck
                kind: entrapment
                branches:
                  - branch: off_level
                    when: not in_door_zone
                    for: 10s
                    unless: [{ name: test, when: door_open_demand, active: before_onset }]
                    escalates: { to: confirmed, for: 60s, unless: in_door_zone }
                  - { branch: moves, when: moving }
                clear: moving and any(doors.fully_open)
                title: { en: stuck, zh: stuck }
            """
        var building = try Building(
            rules: rules, provides: [.moving, .inDoorZone, .frontFullyOpen, .doorOpenDemand])
        building.send(at: 0) { reading in
            reading.set(.moving, false)
            reading.set(.inDoorZone, false)
            reading.set(.frontFullyOpen, false)
            reading.set(.doorOpenDemand, false)
        }
        building.send(at: 20) { $0.set(.inDoorZone, true) }
        building.send(at: 30) { $0.set(.doorOpenDemand, isMuted) }
        building.send(at: 40) { $0.set(.inDoorZone, false) }
        for second in stride(from: 50.0, through: 200, by: 10) { building.send(at: second) }
        // A missing acceptance adds a reminder.
        func stages() -> [String] { states(building).filter { !$0.contains(Alert.notAccepted) } }
        #expect(
            stages() == ["suspected off_level 10"] + (isMuted ? [] : ["confirmed off_level 100"]))
        // Without its suppressor the spell has its whole hold.
        building.send(at: 205) { $0.set(.doorOpenDemand, false) }
        for second in stride(from: 210.0, through: 300, by: 10) { building.send(at: second) }
        #expect(
            stages() == ["suspected off_level 10", "confirmed off_level \(isMuted ? 265 : 100)"])
    }

    @Test func aSuppressionThatIsJudgedAgainEndsNoLaterAlert() throws {
        let rules = """
            rules:
              - rule: stuck
                kind: entrapment
                branches:
                  - branch: off_level
                    when: not in_door_zone
                    for: 2s
                    unless: [{ name: test, when: door_open_demand }]
                clear: moving
                title: { en: stuck, zh: stuck }
            """
        var building = try Building(
            rules: rules, provides: [.moving, .inDoorZone, .doorOpenDemand, .floor])
        building.send(at: 0, sequence: 1) { reading in
            reading.set(.moving, false)
            reading.set(.inDoorZone, false)
            reading.set(.doorOpenDemand, true)
        }
        building.send(at: 3, sequence: 3) { $0.set(.doorOpenDemand, false) }
        building.advance(to: 3.5)
        building.send(at: 1.8, arriving: 3.6, sequence: 2) { reading in
            reading.set(.doorOpenDemand, true)
            reading.set(.floor, number: 3)
        }
        building.advance(to: 4)
        #expect(states(building) == ["suppressed test 2", "suspected off_level 3"])
    }

    @Test func anAlertOfARuleThatIsABranchNowKeepsItsIdAndIsEndedByTheNewRule() throws {
        let before = """
            rules:
              - rule: stuck-off-level
                kind: entrapment.off_level
                when: not in_door_zone and not moving
                for: 10s
                escalates: { to: confirmed, for: 60s }
                clear: in_door_zone and any(doors.fully_open)
                title: { en: stuck, zh: stuck }
            """
        var building = try Building(
            rules: before, provides: [.moving, .inDoorZone, .frontFullyOpen, .doorOpenDemand])
        building.send(at: 0) { reading in
            reading.set(.moving, false)
            reading.set(.inDoorZone, false)
        }
        building.send(at: 15)
        try building.adopt(Self.twoBranches)
        for second in stride(from: 20.0, through: 80, by: 10) { building.send(at: second) }
        building.send(at: 90) { reading in
            reading.set(.inDoorZone, true)
            reading.set(.frontFullyOpen, true)
        }
        #expect(
            states(building) == [
                "suspected held 10", "confirmed off_level 70", "cleared released 90",
            ])
        #expect(Set(building.alerts.map(\.id)).count == 1)
        #expect(building.alerts.last?.kind == "entrapment")
    }
}
