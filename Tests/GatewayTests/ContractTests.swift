import Encoding
import Foundation
import LiftModel
import PositionedYAML
import Testing

@testable import Contract
@testable import Gateway
@testable import GatewayCore
@testable import Journal
@testable import RuleLanguage
@testable import RuleTools
@testable import hoistway_sim

/// The published contract and the product's messages are compared.
@Suite struct ContractTests {
    private static let folder = Site.root + "/docs/contract"
    private static func schema(_ name: String) throws -> ContractSchema {
        try ContractSchema("\(folder)/\(name).schema.json")
    }
    private static func json(_ path: String) throws -> JSONValue {
        let data = try Data(contentsOf: URL(fileURLWithPath: folder + "/" + path))
        return try #require(JSONValue(data))
    }
    static let types = [
        "alert", "site", "heartbeat", "word", "evicted", "quarantined", "clock", "key", "selftest",
        "statistics",
    ]

    @Test(arguments: types)
    func thePublishedExampleFitsItsSchemaAndNothingInItIsUnsaid(_ type: String) throws {
        let example = try Self.json("examples/\(type).json")
        #expect(try Self.schema("\(type).v1").mistakes(in: example, allowingUnknown: false) == [])
        #expect(
            example["dataschema"]?.text == "https://hoistway.org/contract/\(type).v1.schema.json")
    }

    @Test func theExampleOfAnAnswerFitsAndIsUnderstood() throws {
        let example = try Self.json("examples/answer.json")
        #expect(try Self.schema("answer").mistakes(in: example, allowingUnknown: false) == [])
        let bytes = try Data(
            contentsOf: URL(fileURLWithPath: Self.folder + "/examples/answer.json"))
        let answer = try CentreAnswer(Array(bytes))
        #expect(answer.stored.count == 2 && answer.refused.count == 1)
        #expect(
            answer.commands.map(\.kind) == [.verified, .released]
                && answer.commands[0].knownBy == .voice)
    }

    /// The schema and the code agree on a centre's commands.
    @Test func theSchemaOfAnAnswerHasTheGatewaysLimits() throws {
        let commands = try #require(try Self.json("answer.schema.json")["properties"]?["words"])
        #expect(commands["maxItems"]?.number == Double(CentreAnswer.maxCommands))
        let members = try #require(commands["items"]?["properties"])
        for (key, most) in [
            ("by", CentreCommand.Limit.by), ("alert_id", CentreCommand.Limit.alertID),
            ("word_id", CentreCommand.Limit.commandID),
            ("reason", CentreCommand.Limit.reason), ("condition", CentreCommand.Limit.condition),
        ] {
            #expect(members[key]?["maxLength"]?.number == Double(most), "\(key)")
            #expect(members[key]?["$ref"]?.text == "#/$defs/line", "\(key)")
        }
        #expect(members["people"]?["maximum"]?.number == Double(CentreCommand.Limit.people))
        #expect(
            members["word"]?["enum"]?.items.compactMap(\.text)
                == CentreCommand.Kind.allCases.map(\.rawValue))
        let text = try #require(try Self.json("answer.schema.json")["description"]?.text)
        #expect(text.contains("Fewer than \(CentreAnswer.longest) bytes"))
        let page = try String(contentsOfFile: Self.folder + "/README.md", encoding: .utf8)
        #expect(
            page.contains(
                "at most \(CentreAnswer.maxCommands) words, and has fewer than 1,048,576 bytes"))
    }

    @Test func theSchemaOfAnAnswerRefusesTheTextsThatTheGatewayRefuses() throws {
        let pattern = try #require(
            try Self.json("answer.schema.json")["$defs"]?["line"]?["pattern"]?.text)
        let regex = try Regex(pattern).matchingSemantics(.unicodeScalar)
        var differing: [String] = []
        for value in UInt32(0)...0xFFFF {
            guard let scalar = Unicode.Scalar(value) else { continue }
            for text in [String(Character(scalar)), "a" + String(Character(scalar)) + "b"] {
                let isTaken = LineOfText.mistake(in: text, expected: "", upTo: 10) == nil
                if isTaken != (text.firstMatch(of: regex) != nil) {
                    differing.append(text.debugDescription)
                }
            }
        }
        #expect(differing == [])
    }

    @Test(arguments: [
        #"{"word":"accepted","alert_id":"a","by":"Li"}"#,
        #"{"word":"accepted","alert_id":"a","by":"Li","people":2}"#,
        #"{"word":"accepted","alert_id":"a"}"#, #"{"word":"accepted","alert_id":"a","by":"  "}"#,
        #"{"word":"verified","alert_id":"a","by":"Li"}"#,
        #"{"word":"verified","alert_id":"a","by":"Li","known_by":"voice"}"#,
        #"{"word":"verified","alert_id":"a","by":"Li","known_by":"voice","people":0}"#,
        #"{"word":"verified","alert_id":"a","by":"Li","known_by":"rumour"}"#,
        #"{"word":"judged_false","alert_id":"a","by":"Li"}"#,
        #"{"word":"judged_false","alert_id":"a","by":"Li","reason":"x"}"#,
        #"{"word":"judged_false","alert_id":"a","by":"Li","reason":"​"}"#,
        #"{"word":"open_door","alert_id":"a","by":"Li"}"#,
        #"{"word":"released","alert_id":"a","by":"Li","people":1000}"#,
        #"{"word":"released","alert_id":"a","by":"Li","people":1001}"#,
        #"{"word":"released","alert_id":"a","by":"Li","people":2.5}"#,
        #"{"word":"released","alert_id":"a","by":"Li","people":"2"}"#,
        "{\"word\":\"released\",\"alert_id\":\"a\",\"by\":\"\(String(repeating: "李", count: 200))\"}",
        "{\"word\":\"released\",\"alert_id\":\"a\",\"by\":\"\(String(repeating: "李", count: 201))\"}",
        "{\"word\":\"released\",\"alert_id\":\"a\",\"by\":\"\(String(repeating: "e\u{301}", count: 101))\"}",
    ])
    func aCommandFitsTheSchemaExactlyWhereTheGatewayAcceptsIt(_ command: String) throws {
        let text = #"{"words":[\#(command)]}"#
        let isTaken = try CentreAnswer(Array(text.utf8)).refusedCommands.isEmpty
        let mistakes = try Self.schema("answer").mistakes(in: try #require(JSONValue(text.utf8)))
        #expect(mistakes.isEmpty == isTaken, "\(mistakes)")
    }

    @Test func theExamplesSignatureIsThatOfTheKeyInTheHeartbeat() throws {
        let alert = try Self.json("examples/alert.json")
        let jws = try #require(alert["jws"]?.text)
        let key = try #require(try Self.json("examples/heartbeat.json")["data"]?["key"])
        #expect(Signature.keyID(jws) == key["kid"]?.text)
        let publicKey = try #require(Signature.base64url(key["x"]?.text ?? ""))
        #expect(Signature.isValid(jws, publicKey))
        let tampered = jws.dropLast(4) + (jws.hasSuffix("AAAA") ? "BBBB" : "AAAA")
        #expect(!Signature.isValid(String(tampered), publicKey))
    }

    @Test func theSchemaRefusesWhatIsWrong() throws {
        guard case .object(var event) = try Self.json("examples/alert.json") else { return }
        event["type"] = .text("something.else")
        event["data"] = nil
        event["attempt"] = .number(0)
        #expect(
            try Self.schema("alert.v1").mistakes(in: .object(event)).sorted() == [
                "$.attempt is 0.0, expected 1.0 or more", "$.data is missing",
                "$.type is not org.hoistway.alert.v1",
            ])
    }

    @Test func everySchemaIsAMessageOfTheAsyncAPIDocument() throws {
        let document = try YAMLNode(
            parsing: Array(
                try Data(contentsOf: URL(fileURLWithPath: Self.folder + "/asyncapi.yaml"))),
            file: "asyncapi.yaml")
        let text = "\(document.content)"
        for type in Self.types.map({ "\($0).v1" }) + ["answer"] {
            #expect(text.contains("\(type).schema.json"), "\(type)")
        }
    }

    @Test func whatTheGatewaySaysOfItselfFitsItsSchemas() throws {
        let site = AlertEvent.Site(id: "s")
        let now = Instant(nanoseconds: 1_700_000_000_000_000_000)
        var eviction = Eviction()
        eviction.undelivered = [.info: 5]
        for event in [
            OutboundEvent.evicted(eviction, site: site, at: now),
            .clock(correction: .seconds(5), site: site, bootID: "b", at: now),
            .newTimeLine(
                TimeLineCheck.Change(correction: .seconds(-5000), evidence: .gapInJournal),
                site: site, bootID: "b",
                at: now),
            .quarantined(
                Journal.Damage(file: "f", reason: "r", saved: Salvage()), site: site, at: now),
        ] {
            let json = try #require(JSONValue(event.body))
            #expect(
                try Self.schema("\(event.type).v1").mistakes(in: json, allowingUnknown: false) == []
            )
        }
    }

    @Test func theTableOfKindsIsThatOfTheRules() throws {
        let page = try String(contentsOfFile: Self.folder + "/kinds.md", encoding: .utf8)
        let made = try Site.run(["rules", "kinds", "--rules", Site.root + "/Devices/rules"])
        #expect(made.output == page, "make docs")
    }

    /// The values that the gateway knows, by the member's name.
    private static let enumerations: [String: [String]] = [
        "word": CentreCommand.Kind.allCases.map(\.rawValue),
        "known_by": Statement.KnownBy.allCases.map(\.rawValue),
        "state": AlertState.allCases.map(\.rawValue), "severity": Severity.allCases.map(\.rawValue),
        "equipment": EquipmentClass.allCases.map(\.rawValue),
        "policy": GapPolicy.allCases.map(\.rawValue),
        "occupancy": Occupancy.Verdict.allCases.map(\.rawValue),
        "occupancy_source": Occupancy.Source.allCases.map(\.rawValue),
        "reason": KeyChange.allCases.map(\.rawValue),
        "evidence": TimeLineCheck.Change.Evidence.allCases.map(\.rawValue),
        "clockquality": GatewayClock.Quality.allCases.map(\.rawValue),
        "quality": GatewayClock.Quality.allCases.map(\.rawValue),
    ]

    @Test(arguments: types.map { "\($0).v1" } + ["answer"])
    func everyEnumerationOfASchemaIsThatOfTheGateway(_ name: String) throws {
        func look(_ schema: JSONValue, _ member: String) {
            if let choices = schema["enum"] {
                #expect(
                    choices.items.compactMap(\.text) == Self.enumerations[member],
                    "\(name): \(member)")
            }
            for (member, schema) in schema["properties"]?.members ?? [:] { look(schema, member) }
            if let items = schema["items"] { look(items, member) }
        }
        look(try Self.schema(name).root, "")
    }

    private static var shippedRules: RuleSet {
        get throws {
            try DeviceData(
                profiles: [Site.root + "/Devices/profiles"], rules: [Site.root + "/Devices/rules"]
            ).rules
        }
    }

    /// The first cells of the rows of a page's table, taken apart.
    private static func firstCells(of page: String, under header: String) throws -> Set<String> {
        let text = try String(contentsOfFile: folder + "/" + page, encoding: .utf8)
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        let start = try #require(lines.firstIndex { $0.hasPrefix(header) }, "\(page)")
        let cells = lines[(start + 2)...].prefix { $0.hasPrefix("|") }.map {
            $0.split(separator: "|")[0]
        }
        return Set(
            cells.flatMap { cell in
                cell.split(separator: "`").enumerated().filter { $0.offset % 2 == 1 }.map {
                    String($0.element)
                }
            })
    }

    @Test func theTableOfAnEntrapmentsReasonsHasEveryOneAndNoOther() throws {
        let documented = try Self.firstCells(
            of: "README.md", under: "| reason | state | what it says |")
        let rules = try Self.shippedRules
        let rows = KindTable(rules).rows.filter { $0.kind == "entrapment" }
        let known = Set(rows.map(\.reason)).union(rows.flatMap(\.others)).union(
            AlertReason.allCases.map(\.rawValue)
        )
        .union(["maintenance"])
        #expect(known.subtracting(documented) == [])
        // It needs a signal of future profiles.
        #expect(documented.subtracting(known) == ["device_verdict"])
    }

    @Test func theTableOfCommandsHasEveryOneAndNoOther() throws {
        #expect(
            try Self.firstCells(of: "README.md", under: "| word | what follows |")
                == Set(CentreCommand.Kind.allCases.map(\.rawValue)))
    }

    @Test func theExampleIsOfAShippedRule() throws {
        let alert = try Self.json("examples/alert.json")["data"]
        let rules = try Self.shippedRules
        #expect(rules.ruleNames.contains(alert?["rule"]?["name"]?.text ?? ""))
        let reasons = KindTable(rules).rows.filter { $0.kind == alert?["kind"]?.text }.map(\.reason)
        #expect(reasons.contains(alert?["branch"]?.text ?? ""))
        // The evidence of an alert contains the gateway's own signals of the lift.
        let names = Signal.allCases.filter(\.isFromGateway).map(\.name)
        #expect(Set(names).isSubset(of: (alert?["evidence"]?.members ?? [:]).keys))
    }
}
