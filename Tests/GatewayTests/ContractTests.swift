import Foundation
import LiftModel
import PositionedYAML
import Testing

@testable import Gateway
@testable import Journal
@testable import RuleLanguage
@testable import RuleTools
@testable import Uplink
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
        "alert", "site", "heartbeat", "word", "evicted", "quarantined", "clock", "key", "selftest", "statistics",
    ]

    @Test(arguments: types)
    func thePublishedExampleFitsItsSchemaAndNothingInItIsUnsaid(_ type: String) throws {
        let example = try Self.json("examples/\(type).json")
        #expect(try Self.schema("\(type).v1").mistakes(in: example, allowingUnknown: false) == [])
        #expect(example["dataschema"]?.text == "https://hoistway.org/contract/\(type).v1.schema.json")
    }

    @Test func theExampleOfAnAnswerFitsAndIsUnderstood() throws {
        let example = try Self.json("examples/answer.json")
        #expect(try Self.schema("answer").mistakes(in: example, allowingUnknown: false) == [])
        let bytes = try Data(contentsOf: URL(fileURLWithPath: Self.folder + "/examples/answer.json"))
        let answer = try CentreAnswer(Array(bytes))
        #expect(answer.stored.count == 2 && answer.refused.count == 1)
        #expect(answer.commands.map(\.kind) == [.verified, .released] && answer.commands[0].knownBy == .voice)
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
        #expect(members["word"]?["enum"]?.items.compactMap(\.text) == CentreCommand.Kind.allCases.map(\.rawValue))
        let text = try #require(try Self.json("answer.schema.json")["description"]?.text)
        #expect(text.contains("Fewer than \(CentreAnswer.longest) bytes"))
        let page = try String(contentsOfFile: Self.folder + "/README.md", encoding: .utf8)
        #expect(page.contains("at most \(CentreAnswer.maxCommands) words, and has fewer than 1,048,576 bytes"))
    }

    @Test func theSchemaOfAnAnswerRefusesTheTextsThatTheGatewayRefuses() throws {
        let pattern = try #require(try Self.json("answer.schema.json")["$defs"]?["line"]?["pattern"]?.text)
        let regex = try Regex(pattern).matchingSemantics(.unicodeScalar)
        var differing: [String] = []
        for value in UInt32(0)...0xFFFF {
            guard let scalar = Unicode.Scalar(value) else { continue }
            for text in [String(Character(scalar)), "a" + String(Character(scalar)) + "b"] {
                let isTaken = LineOfText.mistake(in: text, expected: "", upTo: 10) == nil
                if isTaken != (text.firstMatch(of: regex) != nil) { differing.append(text.debugDescription) }
            }
        }
        #expect(differing == [])
    }

    @Test(arguments: [
        #"{"word":"accepted","alert_id":"a","by":"Li"}"#, #"{"word":"accepted","alert_id":"a","by":"Li","people":2}"#,
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
    func aWordFitsTheSchemaWhereTheGatewayTakesIt(_ command: String) throws {
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
                "$.attempt is 0.0, expected 1.0 or more", "$.data is missing", "$.type is not org.hoistway.alert.v1",
            ])
    }

    @Test func everySchemaIsAMessageOfTheAsyncAPIDocument() throws {
        let document = try YAMLNode(
            parsing: Array(try Data(contentsOf: URL(fileURLWithPath: Self.folder + "/asyncapi.yaml"))),
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
                TimeLineCheck.Change(correction: .seconds(-5000), evidence: .gapInJournal), site: site, bootID: "b",
                at: now),
            .quarantined(
                Journal.Damage(file: "f", reason: "r", saved: Salvage()), site: site, at: now),
        ] {
            let json = try #require(JSONValue(event.body))
            #expect(try Self.schema("\(event.type).v1").mistakes(in: json, allowingUnknown: false) == [])
        }
    }

    @Test func aStreamThatBreaksTheContractIsToldWhereAndHow() throws {
        let text = String(
            decoding: try Data(contentsOf: URL(fileURLWithPath: Self.folder + "/examples/alert.json")), as: UTF8.self)
        func breaches(_ changes: [(String, String)], topic: String? = nil) throws -> [String] {
            var check = try StreamCheck(contract: Self.folder)
            var changed = text
            for (from, to) in changes {
                #expect(changed.contains(from))
                changed = changed.replacingOccurrences(of: from, with: to)
            }
            // Its first revision, followed by this one.
            check.take(
                Array(
                    text.replacingOccurrences(of: "\"revision\": 2", with: "\"revision\": 1")
                        .replacingOccurrences(of: "/2\",", with: "/1\",")
                        .replacingOccurrences(of: "\"sequence\": 2", with: "\"sequence\": 1")
                        .replacingOccurrences(of: "\"jws\"", with: "\"other\"").utf8))
            check.take(Array(changed.utf8), topic: topic)
            check.conclude()
            return check.breaches
        }
        #expect(try breaches([]) == [])
        #expect(
            try breaches([], topic: "hoistway/v1/x/alert/fault").first?.contains("expected …/alert/entrapment") == true)
        #expect(
            try breaches([("\"sequence\": 2", "\"sequence\": 4")]).first?.contains("sequence 2 never came, 4 did")
                == true)
        #expect(try breaches([("\"sequence\": 2", "\"sequence\": 1")]).first?.contains("is also that of") == true)
        #expect(
            try breaches([("\"floor\": 6", "\"floor\": 7")]).first?.contains("the signed text differs from the event")
                == true)
        #expect(
            try breaches([("\"revision\": 2", "\"revision\": 3")]).contains { $0.contains("revision 2 never came") })
        #expect(
            try breaches([("\"time\": \"20", "\"time\": \"MM")]).contains {
                $0.contains("no RFC 3339 time")
            })
        #expect(
            try breaches([("\"senttime\": \"2026-", "\"senttime\": \"2025-")]).contains {
                $0.contains("sent before it was decided")
            })
        #expect(
            try breaches([("org.hoistway.alert.v1", "org.hoistway.alert.v9")]).contains {
                $0.contains("is not one of the contract's")
            })
        #expect(
            try breaches([("\"attempt\": 1,", "\"attempt\": 1, \"historical\": true,")]).contains {
                $0.contains("still open")
            })
        #expect(try breaches([("\"branch\": \"off_level\",", "")]).contains { $0.contains("without its branch") })
        #expect(
            try breaches([("\"state\": \"confirmed\"", "\"state\": \"suspected\"")]).contains {
                $0.contains("verified, and still suspected")
            })
        #expect(
            try breaches([("\"by\": \"Li Wei (city)\"", "\"people\": 3")]).contains {
                $0.contains("without the person who said so") || $0.contains("by is missing")
            })
        #expect(
            try breaches([("\"occupancy_source\": \"person\"", "\"occupancy_source\": \"sensor_stuck\"")]).contains {
                $0.contains("a sensor that is stuck")
            })
        // An event that came from memory without a number has it in its later copy.
        var late = try StreamCheck(contract: Self.folder)
        let first = text.replacingOccurrences(of: "\"revision\": 2", with: "\"revision\": 1")
            .replacingOccurrences(of: "/2\",", with: "/1\",").replacingOccurrences(of: "\"jws\"", with: "\"other\"")
        late.take(Array(first.replacingOccurrences(of: "\"sequence\": 2,", with: "").utf8))
        late.take(Array(text.utf8))
        late.take(Array(first.replacingOccurrences(of: "\"sequence\": 2", with: "\"sequence\": 1").utf8))
        late.conclude()
        #expect(late.breaches == [])
        var check = try StreamCheck(contract: Self.folder)
        for hostile in [
            "", "{", "[]", "{\"type\":7}", "\u{0}", "{\"type\":\"org.hoistway.alert.v1\",\"sequence\":1e300}",
        ] {
            check.take(Array(hostile.utf8))
        }
        check.conclude()
        #expect(check.breaches.count == 6)
    }

    /// A stream of revisions of one entrapment, each with its state and its reason.
    private func breaches(_ revisions: [(state: String, reason: String)]) throws -> [String] {
        let text = String(
            decoding: try Data(contentsOf: URL(fileURLWithPath: Self.folder + "/examples/alert.json")), as: UTF8.self)
        var check = try StreamCheck(contract: Self.folder)
        for (number, (state, reason)) in zip(1..., revisions) {
            check.take(
                Array(
                    text.replacingOccurrences(of: "\"revision\": 2", with: "\"revision\": \(number)")
                        .replacingOccurrences(of: "/2\",", with: "/\(number)\",")
                        .replacingOccurrences(of: "\"sequence\": 2", with: "\"sequence\": \(number)")
                        .replacingOccurrences(of: "\"state\": \"confirmed\"", with: "\"state\": \"\(state)\"")
                        .replacingOccurrences(of: "\"reason\": \"verified\"", with: "\"reason\": \"\(reason)\"")
                        .replacingOccurrences(of: "\"jws\"", with: "\"other\"").utf8))
        }
        check.conclude()
        return check.breaches
    }

    @Test func anAcceptanceThatConfirmsBreaksTheContractAndSoDoesAReminderAfterIt() throws {
        let first = ("suspected", "off_level")
        #expect(
            try breaches([first, ("suspected", "accepted"), ("confirmed", "verified"), ("cleared", "released")]) == [])
        #expect(
            try breaches([first, ("confirmed", "accepted")]).contains {
                $0.contains("suspected became confirmed by being accepted")
            })
        #expect(
            try breaches([first, ("suspected", "accepted"), ("suspected", "not_accepted")]).contains {
                $0.contains("reminded of (revision 3) after it was accepted")
            })
    }

    @Test(arguments: [(1, Lane.info), (2, .entrapment)])
    func whatWasToldGoesByItsLaneToItsEndAlsoWhenItIsSuppressed(_ revision: Int, _ lane: Lane) {
        #expect(Lane(of: "entrapment", .suppressed, .info, revision: revision) == lane)
    }

    /// The lane by which the gateway sends, and by which the strict centre expects it.
    @Test(arguments: [
        ("possible_fall", "emergency", Lane.entrapment), ("entrapment", "critical", .entrapment),
        ("car_alarm_call", "critical", .entrapment), ("unintended_movement", "critical", .fault),
        ("inspection", "info", .info),
    ])
    func anAlertsLaneGoesByItsKindAndItsSeverity(_ kind: String, _ severity: String, _ lane: Lane) throws {
        #expect(Lane(of: kind, .raised, try #require(Severity(rawValue: severity)), revision: 1) == lane)
        let text = String(
            decoding: try Data(contentsOf: URL(fileURLWithPath: Self.folder + "/examples/alert.json")), as: UTF8.self
        )
        .replacingOccurrences(of: "\"kind\": \"entrapment\"", with: "\"kind\": \"\(kind)\"")
        .replacingOccurrences(of: "\"severity\": \"critical\"", with: "\"severity\": \"\(severity)\"")
        .replacingOccurrences(of: "\"jws\"", with: "\"other\"")
        var check = try StreamCheck(contract: Self.folder)
        check.take(Array(text.utf8), topic: "hoistway/v1/x/alert/\(lane)")
        #expect(check.breaches == [])
    }

    @Test func theTableOfKindsIsThatOfTheRules() throws {
        let page = try String(contentsOfFile: Self.folder + "/kinds.md", encoding: .utf8)
        let made = try Site.run(["rules", "kinds", "--rules", Site.root + "/Devices/rules"])
        #expect(made.output == page, "make docs")
    }

    /// The values that the gateway knows, by the member's name.
    private static let enumerations: [String: [String]] = [
        "word": CentreCommand.Kind.allCases.map(\.rawValue), "known_by": Statement.KnownBy.allCases.map(\.rawValue),
        "state": AlertState.allCases.map(\.rawValue), "severity": Severity.allCases.map(\.rawValue),
        "equipment": EquipmentClass.allCases.map(\.rawValue), "policy": GapPolicy.allCases.map(\.rawValue),
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
                #expect(choices.items.compactMap(\.text) == Self.enumerations[member], "\(name): \(member)")
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
        let cells = lines[(start + 2)...].prefix { $0.hasPrefix("|") }.map { $0.split(separator: "|")[0] }
        return Set(
            cells.flatMap { cell in
                cell.split(separator: "`").enumerated().filter { $0.offset % 2 == 1 }.map { String($0.element) }
            })
    }

    @Test func theTableOfAnEntrapmentsReasonsHasEveryOneAndNoOther() throws {
        let documented = try Self.firstCells(of: "README.md", under: "| reason | state | what it says |")
        let rules = try Self.shippedRules
        let rows = KindTable(rules).rows.filter { $0.kind == "entrapment" }
        let known = Set(rows.map(\.reason)).union(rows.flatMap(\.others)).union(AlertReason.allCases.map(\.rawValue))
            .union(["maintenance"])
        #expect(known.subtracting(documented) == [])
        // It needs a signal of future profiles.
        #expect(documented.subtracting(known) == ["device_verdict"])
    }

    @Test func theTableOfWordsHasEveryOneAndNoOther() throws {
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

    @Test func whatReplayPrintsFitsTheSchema() throws {
        let lines = [
            #"{"t":0,"topic":"lifts/1/state","payload":"{\"Car_Status\":1,\"Door_Zone\":false,\"Door_Status\":true,\"Passenger_Status\":true,\"Car_Position\":3,\"Message_Code\":[\"90\"],\"Vendor_Code\":\"E41\"}"}"#,
            #"{"t":5,"topic":"lifts/1/state","payload":"{\"Car_Status\":0,\"Door_Zone\":false,\"Door_Status\":true,\"Passenger_Status\":true,\"Car_Position\":3,\"Message_Code\":[]}"}"#,
            #"{"t":50,"topic":"lifts/1/state","payload":"{\"Car_Status\":0,\"Door_Zone\":false,\"Door_Status\":true,\"Passenger_Status\":true,\"Car_Position\":3,\"Message_Code\":[\"03\",\"41\"]}"}"#,
            #"{"t":110,"topic":"lifts/1/state","payload":"{\"Car_Status\":0,\"Door_Zone\":true,\"Door_Status\":false,\"Door_Open_Limit\":true,\"Passenger_Status\":false,\"Car_Position\":3,\"Message_Code\":[]}"}"#,
            #"{"t":120,"event":"end"}"#,
        ]
        let path = NSTemporaryDirectory() + "hoistway-\(UUID().uuidString).ndjson"
        try lines.joined(separator: "\n").write(toFile: path, atomically: true, encoding: .utf8)
        defer { try? FileManager.default.removeItem(atPath: path) }
        let result = try Site.run(["replay", path])
        let events = result.output.split(separator: "\n").filter { $0.hasPrefix("{") }
        #expect(events.count >= 6, "\(result.output)")
        let schema = try Self.schema("alert.v1")
        for event in events {
            let json = try #require(JSONValue(event.utf8))
            #expect(schema.mistakes(in: json, allowingUnknown: false) == [], "\(event)")
        }
        let states = Set(
            events.compactMap {
                ((try? JSONSerialization.jsonObject(with: Data($0.utf8))) as? [String: Any])?["data"] as? [String: Any]
            }.map { $0["state"] as! String })
        #expect(states.isSuperset(of: ["suspected", "confirmed", "raised", "cleared"]), "\(states)")
    }

    /// Its hold ended while the gateway did not observe, and the lift's first message was awaited.
    @Test func anAlertSaysForWhenItStandsAndWhenItWasDecided() throws {
        let lines = [
            #"{"t":0,"topic":"lifts/1/state","payload":"{\"Car_Status\":1,\"Door_Zone\":false,\"Door_Status\":true,\"Passenger_Status\":true,\"Car_Position\":3,\"Message_Code\":[]}"}"#,
            #"{"t":5,"topic":"lifts/1/state","payload":"{\"Car_Status\":0,\"Door_Zone\":false,\"Door_Status\":true,\"Passenger_Status\":true,\"Car_Position\":3,\"Message_Code\":[]}"}"#,
            #"{"t":8,"event":"disconnected"}"#, #"{"t":300,"event":"drained"}"#, #"{"t":320,"event":"end"}"#,
        ]
        let path = NSTemporaryDirectory() + "hoistway-\(UUID().uuidString).ndjson"
        try lines.joined(separator: "\n").write(toFile: path, atomically: true, encoding: .utf8)
        defer { try? FileManager.default.removeItem(atPath: path) }
        let output = try Site.run(["replay", path]).output
        let event = try #require(
            output.split(separator: "\n").first { $0.contains("suspected") }.flatMap { JSONValue($0.utf8) })
        #expect(event["time"]?.text == "1970-01-01T00:00:15.000Z", "\(event)")
        #expect(event["recordedtime"]?.text == "1970-01-01T00:05:15.000Z", "\(event)")
    }

    @Test func aTracesMistakeIsNamedWithItsLine() throws {
        let path = NSTemporaryDirectory() + "hoistway-\(UUID().uuidString).ndjson"
        defer { try? FileManager.default.removeItem(atPath: path) }
        for (text, expected) in [
            ("{\"t\":1,\"topic\":\"a\"}", ":1:1: expected \"payload\""), ("{\"t\":1", ":1:7: not JSON here"),
            ("{\"topic\":\"a\",\"payload\":\"\"}", ":1:1: expected \"t\""),
            ("{\"t\":1,\"topic\":\"a\",\"payload_b64\":\"&\"}", "not base64"),
        ] {
            try text.write(toFile: path, atomically: true, encoding: .utf8)
            let result = try Site.run(["replay", path])
            #expect(result.status == 2)
            #expect(result.output.contains(expected), "\(result.output)")
        }
    }
}
