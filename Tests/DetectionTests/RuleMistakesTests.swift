import PositionedYAML
import Testing

@testable import RuleLanguage
@testable import RuleTools

/// A mistake in a rule is reported with its location, and with a suggestion.
@Suite struct RuleMistakesTests {
    @Test func anUnknownKeyInARuleNamesTheNearestOne() throws {
        let text = Building.stuck.replacingFirst("kind: entr", "knd: entr")
        let error = #expect(throws: InvalidFiles.self) { try Building(rules: text) }
        #expect(
            error?.description.contains(
                "rules.yaml:3:5: 'knd' is not a key here. Did you mean 'kind'?") == true,
            "\(error?.description ?? "")")
    }

    @Test func anExpressionsMistakeHasItsOwnColumn() throws {
        let text = Building.stuck.replacingFirst("not moving", "not movin")
        let error = #expect(throws: InvalidFiles.self) { try Building(rules: text) }
        #expect(error?.diagnostics.first?.line == 4)
        #expect(error?.diagnostics.first?.column == 15)
        #expect(
            error?.description.contains("Did you mean 'moving'?") == true,
            "\(error?.description ?? "")")
    }

    @Test func nothingMayMuteTheButtonOrMuteForEver() {
        for (text, expected) in [
            (
                Building.rule(
                    "unless: [{ name: x, when: moving }]", when: "moving", kind: "car_alarm_call"),
                "never suppressed"
            ),
            (Building.rule("unless: [{ name: x, when: moving, at_most: 2d }]"), "longer than"),
        ] {
            let error = #expect(throws: InvalidFiles.self) { try Building(rules: text) }
            #expect(error?.description.contains(expected) == true, "\(error?.description ?? "")")
        }
    }

    @Test func partsThatStandOnEachOtherTooDeepAreRefusedByName() throws {
        let lets = (1...150).map { "  a\($0): not a\($0 - 1)" }.joined(separator: "\n")
        let rules =
            "let:\n  a0: moving\n\(lets)\nrules: [{ rule: r, kind: k, when: a150, title: { en: t, zh: t } }]"
        let error = #expect(throws: InvalidFiles.self) { try Building(rules: rules) }
        #expect(
            error?.diagnostics.first?.description.contains("rules.yaml:102:") == true,
            "\(error.debugDescription)")
        #expect(
            error?.diagnostics.first?.message.contains("'a100' depends on more than 100 'let's")
                == true)
    }

    @Test func partsSharedManyTimesOverAreCheckedInBoundedTime() throws {
        let lets = (1...60).map { "  a\($0): a\($0 - 1) or (a\($0 - 1) and floor > \($0))" }.joined(
            separator: "\n")
        let rules =
            "let:\n  a0: moving\n\(lets)\nrules: [{ rule: r, kind: k, when: a60, title: { en: t, zh: t } }]"
        let set = try RuleSet([YAMLNode(parsing: Array(rules.utf8), file: "r.yaml")])
        #expect(set.findings().isEmpty)
    }

    /// A part that exceeds a lift's memory is refused, not left out.
    @Test func everyLimitOfTheLanguageIsAMistakeWithItsLocation() {
        let suppressors = { (count: Int) in
            "unless:\n"
                + (1...count).map {
                    "      - { name: m\($0), when: floor == \($0), active: before_onset }"
                }
                .joined(separator: "\n")
        }
        let branches =
            "    branches:\n"
            + (1...13).map { "      - { branch: b\($0), when: floor == \($0) }" }
            .joined(separator: "\n")
        let series = "tests:\n  - { name: n, series: { moving: \"true x9999 x9\" } }"
        for (text, message) in [
            (
                Building.rule(suppressors(16)),
                "rules.yaml:23:28: found 16 suppressors of one branch, those of its rule included, expected at most 15"
            ),
            (
                "rules:\n  - rule: r\n    kind: k\n    title: { en: t, zh: t }\n" + branches,
                "rules.yaml:18:9: found 13 branches, expected at most 12. Join some with 'or'"
            ),
            (
                "parameters: { a: 5s }\nparameters_for: { goods: 20s }\nrules: []",
                "rules.yaml:2:26: found '20s', expected parameters"
            ),
            (
                "parameters: { a: 5s }\nparameters_for: { goods: { a: 20 } }\nrules: []",
                "rules.yaml:2:31: found '20', expected a duration"
            ),
            (Building.rule("yields_to: [[stands]]"), "rules.yaml:7:17: found"),
            (
                Building.rule(
                    "examples: [{ name: n, say: { 0s: { moving: true } }, repeat: { every: 1s, say: { 0s: { moving: true } } }, until: 5h }]"
                ),
                "repeats for more than 10000 messages"
            ),
        ] {
            let error = #expect(throws: InvalidFiles.self) { try Building(rules: text) }
            #expect(error?.description.contains(message) == true, "\(error?.description ?? "")")
        }
        #expect(throws: Never.self) { try Building(rules: Building.rule(suppressors(15))) }
        let error = #expect(throws: InvalidFiles.self) {
            try RuleSet([YAMLNode(parsing: Array(Building.rule().utf8), file: "r.yaml")])
                .runTests([YAMLNode(parsing: Array(series.utf8), file: "t.yaml")])
        }
        #expect(
            error?.description.contains("t.yaml:2:34: has more than 10000 values") == true,
            "\(error.debugDescription)")
        let names = (0..<70).map { "w\($0)" }.joined(separator: ", ")
        #expect(throws: ExpressionError.self) { try ExpressionTrace("state in {\(names)}") }
    }

    @Test func everySuppressorOfABranchThatHasAsManyAsItMayMutes() throws {
        let suppressors = (1...15).map {
            "{ name: m\($0), when: floor == \($0), active: before_onset }"
        }.joined(
            separator: ", ")
        for floor in [1.0, 15] {
            var building = try Building(rules: Building.rule("unless: [\(suppressors)]"))
            building.send(at: 0) {
                $0.set(.moving, true)
                $0.set(.floor, number: floor)
            }
            building.send(at: 1) { $0.set(.moving, false) }
            building.advance(to: 20)
            #expect(building.revisions == ["1 stands suppressed 11.0"])
        }
    }

    @Test func aTestOfAKindThatNoRuleRaisesIsRefused() throws {
        for (key, text) in [
            ("kinds", "{ name: n, kinds: [stans], series: { moving: true x3 }, expect: [] }"),
            (
                "kind",
                "{ name: n, series: { moving: true x3 }, expect: [{ at: 0s, kind: stans, state: raised }] }"
            ),
        ] {
            let error = #expect(throws: InvalidFiles.self) {
                try RuleSet([YAMLNode(parsing: Array(Building.rule().utf8), file: "r.yaml")])
                    .runTests([
                        YAMLNode(parsing: Array("tests:\n  - \(text)\n".utf8), file: "t.yaml")
                    ])
            }
            let expected = "\(key): no rule raises 'stans'. Did you mean 'stands'?"
            #expect(error?.description.contains(expected) == true, "\(error?.description ?? "")")
        }
    }
}
