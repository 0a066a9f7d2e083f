import Encoding
import Foundation
import LiftModel
import Testing

@testable import hoistway_sim

/// What `hoistway replay` prints, held to the contract.
@Suite struct ReplayedEventTests {
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
        let schema = try ContractSchema(Site.root + "/docs/contract/alert.v1.schema.json")
        for event in events {
            let json = try #require(JSONValue(event.utf8))
            #expect(schema.mistakes(in: json, allowingUnknown: false) == [], "\(event)")
        }
        let states = Set(
            events.compactMap {
                ((try? JSONSerialization.jsonObject(with: Data($0.utf8))) as? [String: Any])?[
                    "data"] as? [String: Any]
            }.map { $0["state"] as! String })
        #expect(
            states.isSuperset(of: ["suspected", "confirmed", "raised", "cleared"]), "\(states)")
    }

    /// Its hold ended while the gateway did not observe, and the lift's first message was awaited.
    @Test func anAlertSaysForWhenItStandsAndWhenItWasDecided() throws {
        let lines = [
            #"{"t":0,"topic":"lifts/1/state","payload":"{\"Car_Status\":1,\"Door_Zone\":false,\"Door_Status\":true,\"Passenger_Status\":true,\"Car_Position\":3,\"Message_Code\":[]}"}"#,
            #"{"t":5,"topic":"lifts/1/state","payload":"{\"Car_Status\":0,\"Door_Zone\":false,\"Door_Status\":true,\"Passenger_Status\":true,\"Car_Position\":3,\"Message_Code\":[]}"}"#,
            #"{"t":8,"event":"disconnected"}"#, #"{"t":300,"event":"drained"}"#,
            #"{"t":320,"event":"end"}"#,
        ]
        let path = NSTemporaryDirectory() + "hoistway-\(UUID().uuidString).ndjson"
        try lines.joined(separator: "\n").write(toFile: path, atomically: true, encoding: .utf8)
        defer { try? FileManager.default.removeItem(atPath: path) }
        let output = try Site.run(["replay", path]).output
        let event = try #require(
            output.split(separator: "\n").first { $0.contains("suspected") }.flatMap {
                JSONValue($0.utf8)
            })
        #expect(event["time"]?.text == "1970-01-01T00:00:15.000Z", "\(event)")
        #expect(event["recordedtime"]?.text == "1970-01-01T00:05:15.000Z", "\(event)")
    }

    @Test func aTracesMistakeIsNamedWithItsLine() throws {
        let path = NSTemporaryDirectory() + "hoistway-\(UUID().uuidString).ndjson"
        defer { try? FileManager.default.removeItem(atPath: path) }
        for (text, expected) in [
            ("{\"t\":1,\"topic\":\"a\"}", ":1:1: expected \"payload\""),
            ("{\"t\":1", ":1:7: not JSON here"),
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
