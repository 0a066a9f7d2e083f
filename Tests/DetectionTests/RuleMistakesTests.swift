import PositionedYAML
import Testing

@testable import Detection

/// What is wrong in a rule is said with its place, and with what was meant.
@Suite struct RuleMistakesTests {
    @Test func anUnknownKeyInARuleNamesTheNearestOne() throws {
        let text = Building.stuck.replacingFirst("kind: entr", "knd: entr")
        let error = #expect(throws: InvalidFiles.self) { try Building(rules: text) }
        #expect(
            error?.description.contains("rules.yaml:3:5: 'knd' is not a key here. Did you mean 'kind'?") == true,
            "\(error?.description ?? "")")
    }

    @Test func anExpressionsMistakeHasItsOwnColumn() throws {
        let text = Building.stuck.replacingFirst("not moving", "not movin")
        let error = #expect(throws: InvalidFiles.self) { try Building(rules: text) }
        #expect(error?.diagnostics.first?.line == 4)
        #expect(error?.diagnostics.first?.column == 15)
        #expect(error?.description.contains("Did you mean 'moving'?") == true, "\(error?.description ?? "")")
    }

    @Test func nothingMayMuteTheButtonOrMuteForEver() {
        for (text, place) in [
            (
                Building.rule("unless: [{ name: x, when: moving }]", when: "moving", kind: "car_alarm_call"),
                "never muted"
            ),
            (Building.rule("unless: [{ name: x, when: moving, at_most: 2d }]"), "longer than"),
        ] {
            let error = #expect(throws: InvalidFiles.self) { try Building(rules: text) }
            #expect(error?.description.contains(place) == true, "\(error?.description ?? "")")
        }
    }

    @Test func partsThatStandOnEachOtherTooDeepAreRefusedByName() throws {
        let lets = (1...150).map { "  a\($0): not a\($0 - 1)" }.joined(separator: "\n")
        let rules = "let:\n  a0: moving\n\(lets)\nrules: [{ rule: r, kind: k, when: a150, title: { en: t, zh: t } }]"
        let error = #expect(throws: InvalidFiles.self) { try Building(rules: rules) }
        #expect(error?.diagnostics.first?.description.contains("rules.yaml:102:") == true, "\(error.debugDescription)")
        #expect(error?.diagnostics.first?.message.contains("'a100' stands on more than 100 named parts") == true)
    }

    @Test func partsSharedManyTimesOverAreCheckedInBoundedTime() throws {
        let lets = (1...60).map { "  a\($0): a\($0 - 1) or (a\($0 - 1) and floor > \($0))" }.joined(separator: "\n")
        let rules = "let:\n  a0: moving\n\(lets)\nrules: [{ rule: r, kind: k, when: a60, title: { en: t, zh: t } }]"
        let set = try RuleSet([YAMLNode(parsing: Array(rules.utf8), file: "r.yaml")])
        #expect(set.findings().isEmpty)
    }
}
