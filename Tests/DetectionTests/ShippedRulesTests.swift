import Foundation
import LiftModel
import PositionedYAML
import Testing

@testable import Monitoring
@testable import RuleLanguage
@testable import RuleTools

@Suite struct ShippedRulesTests {
    /// - Parameter site: a site's own values for parameters.
    static func load(site: String = "{}") throws -> RuleSet {
        var reader = YAMLReader(
            try YAMLNode(parsing: Array("parameters: \(site)".utf8), file: "site.yaml"),
            Diagnostics())
        let folder = Shipped.folder + "/rules"
        let names = try FileManager.default.contentsOfDirectory(atPath: folder).sorted()
        return try RuleSet(
            names.map {
                try YAMLNode(
                    parsing: [UInt8](FileManager.default.contents(atPath: folder + "/" + $0)!),
                    file: $0)
            }, overrides: reader.entries("parameters"))
    }

    @Test func everyRuleHasExamplesAndTheyHold() throws {
        let rules = try Self.load()
        let results = try rules.runTests().results
        for name in rules.ruleNames {
            #expect(results.contains { $0.rule == name }, "\(name) has no example")
        }
        for result in results {
            #expect(
                result.failure == nil, "\(result.rule): \(result.example): \(result.failure ?? "")")
        }
    }

    @Test func aLiftWithNoSensorsAtAllIsJudgedWithoutATrap() throws {
        // Signals that a profile lacks are unknown; the rules must compile and stay quiet about a
        // lift that runs normally.
        var building = try Building(rules: Self.load(), provides: [.moving, .codes])
        for second in 0..<200 {
            building.send(at: Double(second)) {
                $0.set(.moving, second % 20 < 10)
                $0.set(.codes, bits: 0)
            }
        }
        #expect(building.revisions == [])
    }
}

/// Mistakes of similar products; each test stands for a row of the list of lessons.
@Suite struct PeerLessons {
    /// Rows 53 to 55: holds die at restart and reload. See also `aSnapshotGoesOnExactlyWhereItWas`.
    @Test func row55AHoldContinuesOverARestart() throws {
        var building = try Building.shipped()
        building.send(at: 1) {
            $0.stopsBetweenFloors()
            $0.set(.occupied, true)
        }
        building.stopObserving()
        let bytes = building.detector.snapshot()
        building.detector = try Building.shipped().detector
        _ = try building.detector.restore(bytes)
        building.startObserving(at: 30)
        building.advance(to: 45)
        #expect(building.revisions == ["1 entrapment suspected 11.0"])
    }

    /// Row 56: a change from unavailable to a state counts as a change.
    @Test func row56UnknownNeitherSatisfiesNorCounts() throws {
        let rules = """
            rules:
              - { rule: often, kind: often, when: 'count(rise("02" in codes), 1h) >= 2', title: { en: o, zh: o } }
            """
        var building = try Building(rules: rules)
        for second in stride(from: 0.0, to: 100, by: 10) {
            building.send(at: second) {
                if Int(second) % 20 == 0 {
                    $0.setUnknown(Signal.codes.rawValue)
                } else {
                    $0.set(.codes, bits: FaultCode.doorCloseFault.bit)
                }
            }
        }
        #expect(building.revisions == [])
    }

    /// Row 58: one future timestamp makes all later rows late.
    @Test func row58OneWrongClockNeitherDelaysNorDropsAnothersWords() throws {
        var building = try Building.shipped(lifts: 2)
        building.send(2, at: 1_000_000, arriving: 0.5) {
            $0.stopsBetweenFloors()
            $0.set(.inDoorZone, true)
        }
        building.send(1, at: 1, arriving: 1) {
            $0.stopsBetweenFloors()
            $0.set(.occupied, true)
        }
        building.advance(to: 12)
        #expect(building.revisions == ["1 entrapment suspected 11.0"])
    }

    /// Row 62: no timer without an event. Here only time is evidence: the centre is asked to call
    /// the building, and nobody is sent.
    @Test func row62AbsenceAloneRaises() throws {
        var building = try Building.shipped()
        building.send(at: 0) {
            $0.stopsBetweenFloors()
            $0.set(.moving, true)
            $0.set(.occupied, true)
        }
        building.advance(to: 400)
        #expect(building.revisions.contains("1 entrapment suspected 30.0"))
        let asked = building.alerts.first { $0.reason == "silence_unresolved" }
        #expect(asked?.time == Building.start + .seconds(330), "\(building.revisions)")
        #expect(!building.alerts.contains { $0.state == .confirmed }, "\(building.revisions)")
    }
}
