import Foundation
import Testing

@testable import Gateway

/// The published schema and what the product really sends are held to each other.
@Suite struct ContractTests {
    private static func json(_ path: String) throws -> [String: Any] {
        let data = try Data(contentsOf: URL(fileURLWithPath: Site.root + "/docs/contract/" + path))
        return try JSONSerialization.jsonObject(with: data) as! [String: Any]
    }

    /// The part of JSON Schema that the contract uses. Returns what is wrong, with the path to it.
    private func mistakes(_ value: Any, _ schema: [String: Any], at path: String = "$") -> [String] {
        var found: [String] = []
        if let constant = schema["const"] as? String, value as? String != constant {
            found.append("\(path) is not \(constant)")
        }
        if let choices = schema["enum"] as? [String], !choices.contains(value as? String ?? "") {
            found.append("\(path) is none of \(choices)")
        }
        switch schema["type"] as? String {
        case "string": if !(value is String) { found.append("\(path) is no text") }
        case "integer", "number": if !(value is NSNumber) { found.append("\(path) is no number") }
        case "boolean": if !(value is Bool) { found.append("\(path) is no Boolean") }
        case "array":
            guard let items = value as? [Any] else { return found + ["\(path) is no array"] }
            for (index, item) in items.enumerated() {
                found += mistakes(item, schema["items"] as? [String: Any] ?? [:], at: "\(path)[\(index)]")
            }
        case "object":
            guard let object = value as? [String: Any] else { return found + ["\(path) is no object"] }
            for key in schema["required"] as? [String] ?? [] where object[key] == nil {
                found.append("\(path).\(key) is missing")
            }
            guard let properties = schema["properties"] as? [String: [String: Any]] else { break }
            for (key, item) in object {
                guard let property = properties[key] else {
                    found.append("\(path).\(key) is not in the schema")
                    continue
                }
                found += mistakes(item, property, at: "\(path).\(key)")
            }
        default: break
        }
        return found
    }

    @Test func thePublishedExampleFitsTheSchema() throws {
        #expect(mistakes(try Self.json("alert.example.json"), try Self.json("alert.v1.schema.json")) == [])
    }

    @Test func theSchemaRefusesWhatIsWrong() throws {
        var event = try Self.json("alert.example.json")
        event["type"] = "something.else"
        event["data"] = nil
        #expect(
            mistakes(event, try Self.json("alert.v1.schema.json")).sorted() == [
                "$.data is missing", "$.type is not org.hoistway.alert.v1",
            ])
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
        let schema = try Self.json("alert.v1.schema.json")
        for event in events {
            #expect(mistakes(try JSONSerialization.jsonObject(with: Data(event.utf8)), schema) == [], "\(event)")
        }
        let states = Set(
            events.compactMap {
                ((try? JSONSerialization.jsonObject(with: Data($0.utf8))) as? [String: Any])?["data"] as? [String: Any]
            }.map { $0["state"] as! String })
        #expect(states.isSuperset(of: ["suspected", "confirmed", "raised", "cleared"]), "\(states)")
    }

    @Test func aTracesMistakeIsNamedWithItsLine() throws {
        let path = NSTemporaryDirectory() + "hoistway-\(UUID().uuidString).ndjson"
        defer { try? FileManager.default.removeItem(atPath: path) }
        for (text, expected) in [
            (
                "{\"t\":1,\"topic\":\"a\",\"payload\":\"\"}\n{\"t\":0,\"topic\":\"a\",\"payload\":\"\"}",
                ":2:1: \"t\" goes back"
            ),
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
