import LiftModel
import PositionedYAML
import Testing

@testable import RuleLanguage

/// A threshold outside its bounds is refused wherever it is set: with a hold of ten hours no
/// entrapment would be reported.
@Suite struct ParameterBoundsTests {
    private static let bounded = """
        parameters:
          hold: { is: 10s, at_least: 1s, at_most: 10m }
          load: { is: 5, at_least: 0.5, at_most: 100 }
          free: 10s
        rules:
          - { rule: r, kind: k, when: moving and floor > load, for: hold, title: { en: t, zh: t } }

        """

    private func node(_ text: String, _ file: String) throws -> YAMLNode {
        try YAMLNode(parsing: Array(text.utf8), file: file)
    }

    /// The mistakes of rule files, read in this order, and of a site's parameters.
    private func mistakes(_ files: String..., site: String = "{}", replacing newer: String? = nil)
        throws -> [String]
    {
        let nodes = try files.enumerated().map { try node($0.element, "\($0.offset).yaml") }
        var reader = YAMLReader(try node("parameters: \(site)", "site.yaml"), Diagnostics())
        let overrides = reader.entries("parameters")
        let newer = try newer.map { [try node($0, "newer.yaml")] } ?? []
        do throws(InvalidFiles) {
            _ = try RuleSet(nodes, overrides: overrides, replacing: newer)
            return []
        } catch { return error.diagnostics.map(\.description) }
    }

    @Test(arguments: [
        ("{ hold: 10h }", "site.yaml:1:21: hold: found '10h', expected 1s to 10m"),
        ("{ hold: 999ms }", "site.yaml:1:21: hold: found '999ms', expected 1s to 10m"),
        ("{ hold: 10.1m }", "site.yaml:1:21: hold: found '10.1m', expected 1s to 10m"),
        ("{ load: nan }", "site.yaml:1:21: load: found 'nan', expected 0.5 to 100"),
        ("{ load: 101 }", "site.yaml:1:21: load: found '101', expected 0.5 to 100"),
    ])
    func aSitesMistakeNamesTheBoundsAndTheirLocation(_ site: String, _ sentence: String) throws {
        let location = sentence.contains("hold") ? "0.yaml:2:9" : "0.yaml:3:9"
        #expect(
            try mistakes(Self.bounded, site: site) == [
                "\(sentence), its bounds in \(location). Set a value between them"
            ])
    }

    @Test(arguments: [
        "{ hold: 1s }", "{ hold: 10m }", "{ load: 0.5 }", "{ load: 100 }", "{ free: 10h }",
    ])
    func theBoundsThemselvesAreAllowedAndAParameterWithoutThemIsFree(_ site: String) throws {
        #expect(try mistakes(Self.bounded, site: site) == [])
    }

    @Test func aClassOfLiftHasTheSameBounds() throws {
        let text = Self.bounded + "parameters_for: { goods: { hold: 11m, load: 50 } }\n"
        #expect(
            try mistakes(text) == [
                "0.yaml:7:34: hold: found '11m', expected 1s to 10m, its bounds in 0.yaml:2:9. Set a value between them"
            ])
    }

    /// In whatever order a site lists its files.
    @Test func anotherFileHasTheSameBoundsAndMayNotWidenThem() throws {
        let own = "parameters: { hold: 10h }\nrules: []\n"
        let sentence = "hold: found '10h', expected 1s to 10m, its bounds in"
        #expect(
            try mistakes(Self.bounded, own) == [
                "1.yaml:1:21: \(sentence) 0.yaml:2:9. Set a value between them"
            ])
        #expect(
            try mistakes(own, Self.bounded) == [
                "0.yaml:1:21: \(sentence) 1.yaml:2:9. Set a value between them"
            ])
        #expect(
            try mistakes(
                Self.bounded,
                "parameters:\n  hold: { is: 20s, at_least: 1s, at_most: 10h }\nrules: []\n")
                == [
                    "1.yaml:2:9: 'hold' has its bounds in 0.yaml:2:9. Set its value here without at_least and at_most"
                ])
        #expect(
            try mistakes(Self.bounded, "parameters: { hold: 20 }\nrules: []\n").first
                == "1.yaml:1:21: hold: found '20', expected 1s to 10m, its bounds in 0.yaml:2:9. Set a value between them"
        )
    }

    @Test func changedRulesThatAreTriedBringTheirOwnBounds() throws {
        let wider = "parameters:\n  hold: { is: 2h, at_least: 1s, at_most: 3h }\nrules: []\n"
        #expect(try mistakes(Self.bounded, replacing: wider) == [])
        #expect(
            try mistakes(Self.bounded, replacing: "parameters: { hold: 2h }\nrules: []\n").count
                == 1)
    }

    @Test(arguments: [
        (
            "{ is: 20m, at_least: 1s, at_most: 10m }",
            "0.yaml:2:15: hold: found '20m', expected 1s to 10m, its bounds in 0.yaml:2:9. Set a value between them"
        ),
        (
            "{ is: 10s, at_least: 10m, at_most: 1s }",
            "0.yaml:2:30: at_least: found '10m', which is more than at_most: '1s'. Exchange them"
        ),
        (
            "{ is: 10s, at_least: 1, at_most: 10m }",
            "0.yaml:2:30: found '1', expected a duration such as 10s"
        ),
        ("{ is: 10, at_least: 1, at_most: 10m }", "0.yaml:2:41: found '10m', expected a number"),
        ("{ is: 10s, at_least: 1s }", "0.yaml:2:9: the key 'at_most' is missing"),
        ("{ at_least: 1s, at_most: 10m }", "0.yaml:2:9: the key 'is' is missing"),
        (
            "{ is: soon, at_least: 1s, at_most: 2s }",
            "0.yaml:2:15: found 'soon', expected a number or a duration"
        ),
        (
            "{ is: 10s, at_least: 1s, at_mots: 10m, at_most: 10m }",
            "0.yaml:2:34: 'at_mots' is not a key here."
        ),
    ])
    func boundsThatMakeNoSenseAreNamed(_ stated: String, _ sentence: String) throws {
        let found = try mistakes("parameters:\n  hold: \(stated)\nrules: []\n")
        #expect(found.count == 1 && found[0].hasPrefix(sentence), "\(found)")
    }

    @Test func boundsAreNoPartOfAVersion() throws {
        let free =
            "parameters: { hold: 10s, load: 5, free: 10s }\n"
            + Self.bounded.split(separator: "\n").suffix(2).joined(separator: "\n")
        #expect(
            try RuleSet([node(free, "a.yaml")]).version
                == RuleSet([node(Self.bounded, "b.yaml")]).version)
    }

    @Test func everyShippedThresholdHasBoundsAndTheRulesCompileAtBothEnds() throws {
        let rules = try ShippedRulesTests.load()
        #expect(Set(rules.bounds.keys) == Set(rules.parameters.keys))
        for isHighest in [false, true] {
            let site = rules.bounds.map { name, bounds in
                let ends = bounds.written.split(separator: " to ")
                return "\(name): \(ends[isHighest ? 1 : 0])"
            }
            #expect(throws: Never.self) {
                try ShippedRulesTests.load(site: "{ \(site.joined(separator: ", ")) }")
            }
        }
    }

    @Test(arguments: [
        "off_level_hold", "at_level_hold", "silence_hold", "dead_hold", "shut_in_hold",
        "locked_in_hold",
        "unresolved_after",
        "report_overdue", "confirm_hold", "call_hold", "shut_call_hold", "ajar_call_hold",
        "creep_limit",
        "rescue_limit",
        "accept_within", "outside_hold", "motion_lag", "code_hold",
    ])
    func tenHoursAreTooLongWherePeopleWait(_ name: String) throws {
        let error = #expect(throws: InvalidFiles.self) {
            try ShippedRulesTests.load(site: "{ \(name): 10h }")
        }
        #expect(
            error?.description.contains("\(name): found '10h', expected") == true,
            "\(error.debugDescription)")
    }
}
