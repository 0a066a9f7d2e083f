import Foundation
import LiftModel
import PositionedYAML
import Testing

@testable import Monitoring
@testable import RuleLanguage

/// What a restart restores from the snapshot, and what it does not.
@Suite struct SnapshotTests {
    @Test func aSnapshotGoesOnExactlyWhereItWas() throws {
        // Cut at every step: the alerts after a restart equal those without one.
        func script(_ building: inout Building, from: Int, to: Int) {
            for step in from..<to {
                let second = Double(step) * 2
                building.send(at: second) {
                    if step == 2 { $0.stopsBetweenFloors() }
                    if step == 50 {
                        $0.set(.inDoorZone, true)
                        $0.set(.frontFullyOpen, true)
                    }
                }
            }
        }
        var whole = try Building(rules: Building.stuck)
        script(&whole, from: 0, to: 60)
        #expect(whole.revisions.count == 3)
        for cut in stride(from: 1, to: 60, by: 3) {
            var first = try Building(rules: Building.stuck)
            script(&first, from: 0, to: cut)
            let bytes = first.detector.snapshot()
            let fresh = try Building(rules: Building.stuck)
            first.detector = fresh.detector
            #expect(try first.detector.restore(bytes))
            script(&first, from: cut, to: 60)
            #expect(first.revisions == whole.revisions, "cut at \(cut)")
            #expect(first.alerts.map(\.id) == whole.alerts.map(\.id))
        }
    }

    @Test func anOpenAlertKeepsTheIdThatItWasRaisedUnder() throws {
        var building = try Building(rules: Building.stuck)
        building.stop(at: 1)
        building.advance(to: 12)
        var named = try Building(rules: Building.stuck).detector
        named.nameAlerts(after: AlertOrigin(site: "site", journal: "another"))
        #expect(try named.restore(building.detector.snapshot()))
        building.detector = named
        building.send(at: 20) {
            $0.set(.inDoorZone, true)
            $0.set(.frontFullyOpen, true)
        }
        building.advance(to: 30)
        building.send(at: 40) { $0.stopsBetweenFloors() }
        building.advance(to: 51)
        #expect(
            building.revisions.map { $0.split(separator: " ")[2] } == [
                "suspected", "cleared", "suspected",
            ])
        #expect(building.alerts[0].id == building.alerts[1].id)
        let next = AlertIdentity.id(
            AlertOrigin(site: "site", journal: "another"), lift: "1", kind: building.alerts[2].kind,
            onset: building.alerts[2].onset.nanoseconds, earlier: 0)
        #expect(building.alerts[2].id == next)
    }

    @Test func aDamagedSnapshotIsRefusedAndChangesNothing() throws {
        var building = try Building(rules: Building.stuck)
        building.send(at: 1) { $0.stopsBetweenFloors() }
        let bytes = building.detector.snapshot()
        for length in stride(from: 0, to: bytes.count - 1, by: 97) {
            #expect(throws: (any Error).self) {
                try building.detector.restore(Array(bytes[..<length]))
            }
        }
        #expect(building.detector.snapshot() == bytes)
    }

    @Test func aRestartUnderOtherRulesEndsNoAlert() throws {
        var building = try Building(rules: Building.stuck)
        building.send(at: 1) { $0.stopsBetweenFloors() }
        building.advance(to: 12)
        let bytes = building.detector.snapshot()
        building.detector = try Building(
            rules: Building.stuck.replacingFirst("for: 10s", "for: 20s")
        ).detector
        #expect(try !building.detector.restore(bytes))
        building.send(at: 13)
        building.send(at: 12.5, arriving: 13.5)
        #expect(
            building.revisions == ["1 entrapment.off_level suspected 11.0"],
            "neither cleared nor raised twice")
        building.send(at: 30) {
            $0.set(.inDoorZone, true)
            $0.set(.frontFullyOpen, true)
        }
        building.advance(to: 40)
        #expect(building.revisions.last == "1 entrapment.off_level cleared 33.0")
    }

    /// The fixture is a snapshot of version 0.2.0 with two lifts at 12 s. One of them has stood
    /// between floors since 1 s.
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
        var building = try Building(lifts: 2, rules: rules)
        #expect(try building.detector.restore(Fixture.bytes("snapshot-2.bin")))
        building.startObserving(at: 12)
        building.send(at: 20) { $0.stopsBetweenFloors() }
        building.advance(to: 80)
        #expect(building.revisions == ["1 entrapment.off_level confirmed 71.0"])
        building.send(at: 90) {
            $0.set(.inDoorZone, true)
            $0.set(.frontFullyOpen, true)
        }
        building.advance(to: 95)
        #expect(building.revisions.last == "1 entrapment.off_level cleared 93.0")
        #expect(building.alerts.map(\.revision) == [2, 3])
    }

    /// The fixture is a snapshot of format 5 at 80 s with two lifts that stand between floors. Each
    /// has two open entrapments of two rules: a confirmed one, and a call. A person has accepted
    /// the call on the first lift, and the other one on the second (Fixtures/README.md).
    @Test func twoEntrapmentsThatAreOneNowKeepThePersonWhoDealsWithThem() throws {
        var building = try Building.shipped(lifts: 2)
        #expect(try !building.detector.restore(Fixture.bytes("snapshot-5.bin")))
        building.startObserving(at: 80)
        building.advance(to: 80)
        let open = building.detector.openAlerts.filter { Alert.isEntrapment($0.kind) }
        #expect(
            open.map { "\($0.lift) \($0.id) \($0.kind) \($0.state) \($0.acceptedBy ?? "")" } == [
                "1 1cf3457d-e2ab-569c-95e2-2e3851674275 entrapment confirmed a person",
                "2 2fb1b506-8b50-5501-afca-e5076dde039f entrapment confirmed a person",
            ])
        func entrapments() -> [String] {
            building.alerts.filter(\.isEntrapment).map { "\($0.lift) \($0.state) \($0.reason)" }
        }
        #expect(entrapments() == ["1 cleared merged", "2 cleared merged"])
        // An accepted alert has no reminder.
        for second in stride(from: 90.0, through: 400, by: 10) {
            for lift in 1...2 {
                building.send(lift, at: second) {
                    $0.stopsBetweenFloors()
                    $0.set(.occupied, true)
                }
            }
        }
        #expect(entrapments().dropFirst(2) == [])
        // The doors are opened at a landing, and the car is empty.
        for second in stride(from: 410.0, through: 430, by: 5) {
            for lift in 1...2 {
                building.send(lift, at: second) {
                    $0.set(.inDoorZone, true)
                    $0.set(.frontLocked, false)
                    $0.set(.frontFullyOpen, true)
                    $0.set(.occupied, second < 415)
                }
            }
        }
        #expect(entrapments().suffix(2).sorted() == ["1 cleared released", "2 cleared released"])
        #expect(
            Set(building.alerts.filter(\.isEntrapment).suffix(2).map(\.id)) == Set(open.map(\.id)))
    }

    @Test func anOrderOutlivesARestart() throws {
        var building = try Building(rules: Building.rule())
        building.send(at: 0) { $0.set(.moving, true) }
        try building.perform(
            .maintenance(lift: "1", until: Building.start + .seconds(100), by: "Li", reason: "door")
        )
        let bytes = building.detector.snapshot()
        building.detector = try Building(rules: Building.rule()).detector
        #expect(try building.detector.restore(bytes))
        building.stop(at: 5)
        for second in stride(from: 10.0, to: 120, by: 10) { building.send(at: second) }
        #expect(building.revisions.last == "1 stands raised 100.0")
    }

    @Test func theRegisterIsTheConfigurationsAndNotTheSnapshots() throws {
        let text = Building.rule(when: "floor > top_floor", hold: "0s")
        func detector(_ top: Int) throws -> Detector {
            let rules = try RuleSet([YAMLNode(parsing: Array(text.utf8), file: "r.yaml")])
            var detector = Detector(rules: rules, start: Building.start, isObserving: true)
            try detector.add(
                Lift(id: "1", floors: 1...top),
                kind: LiftKind(provides: [.floor], staleAfter: .seconds(60), equipment: .traction),
                at: Building.start)
            return detector
        }
        var first = try detector(5)
        var reading = Reading()
        reading.set(.floor, number: 9)
        reading.deviceTime = Building.start + .seconds(1)
        first.apply(
            reading, lift: 0, key: 1, vendorCode: nil, arrival: Building.start + .seconds(1))
        #expect(first.takeAlerts().map(\.state) == [.raised])
        var second = try detector(20)
        _ = try second.restore(first.snapshot())
        second.advance(to: Building.start + .seconds(2))
        #expect(second.takeAlerts().map(\.state) == [.cleared])
    }
}
