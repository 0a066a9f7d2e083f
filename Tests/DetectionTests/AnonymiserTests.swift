import Encoding
import Foundation
import LiftModel
import PositionedYAML
import Testing

@testable import DeviceProfiles

@Suite struct AnonymiserTests {
    private static func anonymiser(_ profile: String? = nil) throws -> Anonymiser {
        let diagnostics = Diagnostics()
        let path = Shipped.folder + "/profiles/gbt24476-json.yaml"
        let bytes =
            try profile.map { Array($0.utf8) }
            ?? [UInt8](Data(contentsOf: URL(fileURLWithPath: path)))
        let read = Profile(try YAMLNode(parsing: bytes, file: path), diagnostics)
        return Anonymiser([try #require(read, "\(diagnostics.all)")])
    }

    private static func strip(_ anonymiser: inout Anonymiser, _ topic: String, _ payload: String)
        throws -> String
    {
        let bytes = Array(payload.utf8)
        let message = try anonymiser.anonymise(topic: topic, payload: bytes.span)
        return String(decoding: message.topic, as: UTF8.self) + " "
            + String(decoding: message.payload, as: UTF8.self)
    }

    @Test func onlyWhatTheProfileReadsIsLeftAndTheLiftIsANumber() throws {
        var anonymiser = try Self.anonymiser()
        let payload = """
            {"Identification_Number":"31104401002010010001","Address":"Tianhe Road 5","Time_Stamps":"2026-03-01T08:00:00+08:00",
            "Service_Mode":1,"Car_Status":0,"Message_Code":["04","90"],"Vendor_Code":"E48","Technician":{"name":"Li"}}
            """
        let text = try Self.strip(&anonymiser, "lifts/31104401002010010001/state", payload)
        #expect(
            text == """
                lifts/lift-00001/state {"Time_Stamps":"2026-03-01T08:00:00+08:00","Identification_Number":"lift-00001",\
                "Service_Mode":1,"Car_Status":0,"Message_Code":["04","90"],"Vendor_Code":"E48"}
                """)
        #expect(
            try Self.strip(&anonymiser, "lifts/B/online", #"{"Online":false}"#).hasPrefix(
                "lifts/lift-00002/online"))
        #expect(
            try Self.strip(&anonymiser, "lifts/31104401002010010001/online", #"{"Online":true}"#)
                .hasPrefix(
                    "lifts/lift-00001"))
        #expect(anonymiser.liftCount == 2)
    }

    @Test func aLiarStillSpeaksForTheOther() throws {
        var anonymiser = try Self.anonymiser()
        _ = try Self.strip(&anonymiser, "lifts/A/state", #"{"Identification_Number":"A"}"#)
        #expect(
            try Self.strip(&anonymiser, "lifts/B/state", #"{"Identification_Number":"A"}"#)
                == #"lifts/lift-00002/state {"Identification_Number":"lift-00001"}"#)
    }

    @Test func valuesThatTheProfileDoesNotKnowAreMasked() throws {
        var anonymiser = try Self.anonymiser()
        let text = try Self.strip(
            &anonymiser, "lifts/A/state",
            #"{"Time_Stamps":"Li was here","Service_Mode":"Li","Message_Code":["04","Li",7],"Vendor_Code":"the door of Mrs Li's flat","Car_Load":{"by":"Li"}}"#
        )
        #expect(!text.contains("Li"))
        #expect(text.contains(#""Message_Code":["04","?",7]"#))
    }

    @Test func nestedFieldsStayNested() throws {
        var anonymiser = try Self.anonymiser(
            """
            profile: nested
            encoding: json
            topics:
              - topic: elev/{lift}
                complete: true
                signals: { moving: { field: car.run }, doors.front.locked: { field: car.door.shut } }
            """)
        #expect(
            try Self.strip(
                &anonymiser, "elev/A", #"{"car":{"run":true,"name":"Li","door":{"shut":false}}}"#)
                == #"elev/lift-00001 {"car":{"run":true,"door":{"shut":false}}}"#)
    }

    /// The spellings of adapters stay, because a replay must read them as they were.
    @Test func whatTheProfileReadsInAnotherSpellingStays() throws {
        var anonymiser = try Self.anonymiser()
        let payload =
            #"{"Identification_Number":"\u5854","Car_Status":"1.0","Door_Zone":"True","Car_Position":"7","Car_Load":NaN,"Message_Code":["\u0039\u0030"]}"#
        #expect(
            try Self.strip(&anonymiser, "lifts/塔/state", payload + "\0")
                == #"lifts/lift-00001/state {"Identification_Number":"lift-00001","Car_Status":"1.0","Door_Zone":"True","Car_Position":"7","Car_Load":"?","Message_Code":["\u0039\u0030"]}"#
        )
        #expect(
            try Self.strip(
                &anonymiser, "lifts/塔/event",
                #"{"Message_Code":"90","Active":"1","Car_Position":"13800138000"}"#)
                == #"lifts/lift-00001/event {"Message_Code":"90","Active":"1"}"#)
    }

    @Test func whatCannotBeReadIsLeftOut() throws {
        var anonymiser = try Self.anonymiser()
        #expect(throws: Anonymiser.Refusal.noProfile) {
            try Self.strip(&anonymiser, "other/A", "{}")
        }
        #expect(throws: Anonymiser.Refusal.notJSON) {
            try Self.strip(&anonymiser, "lifts/A/state", "{")
        }
    }
}
