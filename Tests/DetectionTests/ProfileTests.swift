import Encoding
import Foundation
import LiftModel
import PositionedYAML
import Testing

@testable import DeviceProfiles

@Suite struct ProfileTests {
    private func decode(_ payload: String, topic: Int = 0, identities: [String] = [])
        throws(UnreadableMessage)
        -> DecodedMessage
    {
        var decoder = MessageDecoder(Shipped.national)
        let bytes = Array(payload.utf8)
        return try decoder.decode(
            bytes.span, topic: topic, isRetained: false,
            identities: identities.map { Array($0.utf8) })
    }

    private func problem(_ payload: String, topic: Int = 0) throws(UnreadableMessage) -> String? {
        var decoder = MessageDecoder(Shipped.national)
        let bytes = Array(payload.utf8)
        _ = try decoder.decode(bytes.span, topic: topic, isRetained: false, identities: [])
        return decoder.unexpectedValues.first.map {
            decoder.explain($0, in: bytes.span).description
        }
    }

    @Test func theShippedProfileReadsItsOwnExamples() {
        #expect(Shipped.national.examples.count >= 4)
    }

    @Test func anUnlockedDoorWithoutALimitSwitchIsNeitherOpenNorShut() throws {
        #expect(try decode(#"{"Door_Status":false}"#).reading.written(.frontFullyOpen) == "unknown")
        #expect(try decode(#"{"Door_Status":true}"#).reading.written(.frontFullyOpen) == "false")
        #expect(
            try decode(#"{"Door_Status":false,"Door_Open_Limit":true}"#).reading.written(
                .frontFullyOpen) == "true")
    }

    @Test func anAbsentSensorIsUnknownAndNeverFalse() throws {
        let reading = try decode(#"{"Car_Status":0}"#).reading
        #expect(reading.written(.occupied) == "unknown")
        #expect(reading.mentioned & (1 << UInt64(Signal.occupied.rawValue)) != 0)
    }

    @Test func oneUnreadableFieldDoesNotSpoilTheOthers() throws {
        let payload = #"{"Car_Position":"B1","Car_Status":1}"#
        let message = try decode(payload)
        #expect(try problem(payload) == #"field `Car_Position`: expected a number, got "B1""#)
        #expect(message.reading.written(.moving) == "true")
        #expect(message.reading.written(.floor) == "unknown")
    }

    @Test func oneDeviceCannotSpeakForAnother() {
        #expect(throws: UnreadableMessage.anotherLift("2")) {
            try decode(#"{"Identification_Number":"2"}"#, identities: ["1"])
        }
        #expect(throws: UnreadableMessage.anotherLift("2")) {
            try decode(#"{"Identification_Number":2,"Car_Status":0}"#, identities: ["1"])
        }
    }

    @Test func aLiftThatNamesItselfMustNameItselfInEveryMessage() throws {
        let state = Array(#"{"Car_Status":0}"#.utf8)
        var decoder = MessageDecoder(Shipped.national)
        #expect(throws: UnreadableMessage.nameless(field: "Identification_Number")) {
            try decoder.decode(
                state.span, topic: 0, isRetained: false, identities: [], mustBeNamed: true)
        }
        #expect(
            try decode(#"{"Car_Status":0}"#).identity == nil, "one that never does may leave it out"
        )
    }

    /// As a complete snapshot it would make everything unknown, and no entrapment would be found.
    @Test(arguments: [
        "{}", #"{"id":"7","op":{"md":"A"},"pos":{"dz":1}}"#,
        #"{"Time_Stamps":"2026-03-01T00:00:00Z"}"#,
    ])
    func aSnapshotOfNothingIsRefused(_ payload: String) {
        #expect(throws: UnreadableMessage.nothingKnown(field: "Service_Mode")) {
            try decode(payload)
        }
    }

    @Test(arguments: [
        "", "{", "[]", "{\"a\":}", "{\"a\":1,}", "{'a':1}", "{\"a\":01}", "{\"a\":1}x", "\u{1}",
    ])
    func whatIsNotJSONIsRefused(_ payload: String) {
        #expect(throws: UnreadableMessage.self) { try decode(payload) }
    }

    @Test(
        arguments: [
            ("2026-03-01T08:00:00.250+08:00", 1_772_323_200_250_000_000),
            ("2026-03-01T00:00:00Z", 1_772_323_200_000_000_000),
            ("2026-03-01 08:00:00", 1_772_323_200_000_000_000),
            ("2026-03-01T08:00", 1_772_323_200_000_000_000),
            ("2026-03-01T08:00:00,250+0800", 1_772_323_200_250_000_000),
            ("2026-03-01 08:00:00:250", 1_772_323_200_250_000_000),
            ("2026/03/01 08:00:00", 1_772_323_200_000_000_000),
            ("20260301080000", 1_772_323_200_000_000_000),
            ("20260301T080000Z", 1_772_352_000_000_000_000),
            ("2026-03-01t00:00:00z", 1_772_323_200_000_000_000),
            ("2026-03-01 00:00:00 UTC", 1_772_323_200_000_000_000),
        ] as [(String, Int64)])
    func timesAreReadInTheProfilesZone(_ written: String, _ nanoseconds: Int64) throws {
        let message = try decode(#"{"Time_Stamps":"\#(written)","Car_Status":0}"#)
        #expect(message.reading.deviceTime?.nanoseconds == nanoseconds)
    }

    @Test(arguments: [
        "2026-03-01", "2026-03/01 08:00:00", "20260301", "2026-03-01T08:00:00.",
        "2026-03-01T08:00:00+8", "08:00:00",
        "2026-03-01T08:00:00 CST", "202603010800", "2026-03-01T08:00:00Z+08:00",
    ])
    func whatIsNoTimeIsNone(_ written: String) throws {
        #expect(
            try decode(#"{"Time_Stamps":"\#(written)","Car_Status":0}"#).reading.deviceTime == nil)
    }

    private func profile(topics: [String]) throws -> (profile: Profile?, mistakes: String) {
        let text =
            "profile: x\nstandard: gbt24476\ntopics:\n"
            + topics.map { "  - topic: \"\($0)\"\n    signals: { floor: { field: f } }\n" }.joined()
        let diagnostics = Diagnostics()
        let profile = Profile(try YAMLNode(parsing: Array(text.utf8), file: "x.yaml"), diagnostics)
        return (profile, diagnostics.all.map(\.description).joined(separator: "\n"))
    }

    /// A broker would refuse a subscription to any of them, or it would match no topic of a lift.
    @Test(arguments: [
        (
            "$share/group/lifts/{lift}/state",
            "whose level '$share' asks for a shared subscription: the broker would give a part of the messages to other programs. "
                + "Write 'lifts/{lift}/state'"
        ),
        (
            "$queue/lifts/{lift}/state",
            "whose level '$queue' asks for a shared subscription: the broker would give a part of the messages to other programs. "
                + "Write 'lifts/{lift}/state'"
        ),
        (
            "$share/{lift}",
            "whose level '$share' begins with '$': such topics are the broker's own. Write the lifts' topic"
        ),
        (
            "$SYS/{lift}/state",
            "whose level '$SYS' begins with '$': such topics are the broker's own. Write the lifts' topic"
        ),
        (
            "lifts/{lift}x/state",
            "whose level '{lift}x' is more than '{lift}': a subscription takes whole levels. Let the lift's name stand on a level "
                + "of its own, and write '{lift}' for it"
        ),
        (
            "lifts/{lift}/{lift}_state",
            "whose level '{lift}_state' is more than '{lift}': a subscription takes whole levels. Let the lift's name stand on a "
                + "level of its own, and write '{lift}' for it"
        ),
        (
            "lifts/{lift}/#",
            "whose level '#' has a wildcard. Write '{lift}' where the lift's name stands, and other levels out: a topic for each text "
                + "that they may have"
        ),
        (
            "lifts/#/{lift}",
            "whose level '#' has a wildcard. Write '{lift}' where the lift's name stands, and other levels out: a topic for each text "
                + "that they may have"
        ),
        (
            "lifts/+/state",
            "whose level '+' has a wildcard. Write '{lift}' where the lift's name stands, and other levels out: a topic for each text "
                + "that they may have"
        ),
        (
            "lifts/tower+/{lift}",
            "whose level 'tower+' has a wildcard. Write '{lift}' where the lift's name stands, and other levels out: a topic for each "
                + "text that they may have"
        ),
        (
            "site/{building}/lift/{lift}",
            "whose level '{building}' is not '{lift}'. Write it out: a topic for each text that it may have"
        ),
        (
            "lifts/{id}/state",
            "whose level '{id}' is unknown. Write '{lift}' where the lift's name stands"
        ),
        (
            "lifts/{lift/state",
            "whose level '{lift' is unknown. Write '{lift}' where the lift's name stands"
        ),
        (
            "lifts/state",
            "which names no lift. Write '{lift}' for the level where the lift's name stands"
        ),
        (
            "lifts/{lift}/{lift}",
            "in which 2 levels are '{lift}'. Expected one level with the lift's name"
        ),
        ("lifts/a\\tb/{lift}", "whose level 'a\tb' has a control character. Write it without"),
    ])
    func aTopicThatMatchesNothingIsRefusedWithAReason(_ topic: String, _ objection: String) throws {
        let written = topic.replacingOccurrences(of: "\\t", with: "\t")
        #expect(
            try profile(topics: [topic]).mistakes
                == "x.yaml:4:12: found the topic '\(written)', \(objection)")
    }

    @Test func aTopicThatStandsTwiceIsRefused() throws {
        #expect(
            try profile(topics: ["a/{lift}", "b/{lift}", "a/{lift}"]).mistakes
                == "x.yaml:8:5: the topic 'a/{lift}' stands here twice: only one would be read. Join the two"
        )
    }

    /// MQTT allows empty levels, so they match as they are written; an empty first level is common.
    @Test(arguments: [
        ("/lifts/{lift}/st", false), ("{lift}", false), ("lifts//{lift}", true),
        ("lifts/{lift}/", true),
        ("//{lift}", true),
    ])
    func anEmptyLevelMatchesAndIsPointedAt(_ topic: String, _ isDoubtful: Bool) throws {
        let profile = try #require(try profile(topics: [topic]).profile)
        let pattern = profile.topics[0].pattern
        #expect(pattern.filter == topic.replacingOccurrences(of: "{lift}", with: "+"))
        #expect(pattern.lift(in: pattern.topic(lift: "A1")) == "A1")
        #expect(
            profile.warnings.contains { $0.message.contains("has an empty level") } == isDoubtful)
    }

    @Test func anUnreadableTimeIsNoReasonToDropTheMessage() throws {
        let payload = #"{"Time_Stamps":"yesterday","Car_Status":1}"#
        let message = try decode(payload)
        #expect(try problem(payload) != nil)
        #expect(message.reading.deviceTime == nil)
        #expect(message.reading.written(.moving) == "true")
    }

    @Test func duplicatesAreRecognisedByTheSequenceAndNeighboursAreNot() throws {
        let a = try decode(#"{"Sequence":1936,"Car_Status":1}"#)
        let again = try decode(#"{"Sequence":1936,"Car_Status":1}"#)
        let event = try decode(#"{"Sequence":1937,"Message_Code":"41"}"#, topic: 1)
        #expect(a.duplicateKey == again.duplicateKey)
        #expect(a.duplicateKey != event.duplicateKey)
        #expect(
            try decode(#"{"Car_Status":1}"#).duplicateKey == 0,
            "neither counted nor timed: a repeat is a sign of life")
        var keys: Set<UInt64> = []
        for sequence in 0..<20_000 {
            keys.insert(
                try decode("{\"Sequence\":\(sequence),\"Message_Code\":[]}", topic: sequence % 2)
                    .duplicateKey)
        }
        #expect(keys.count == 20_000)
    }

    @Test(arguments: [
        "{\"Sequence\":1e30,\"Car_Status\":0}", "{\"Sequence\":-5,\"Car_Status\":0}",
        "{\"Sequence\":1.5,\"Car_Status\":0}", "{\"Car_Position\":1e400}",
        "{\"Car_Position\":-1e308}",
        "{\"Time_Stamps\":\"0001-01-01T00:00:00Z\",\"Car_Status\":0}",
        "{\"Time_Stamps\":\"9999-12-31T23:59:60Z\",\"Car_Status\":0}",
        "{\"Message_Code\":[1e99,null,[],\"\\u0039\"]}",
        "{\"Car_Speed\":0.00000000000000000000000000000000001}",
    ])
    func absurdNumbersAreNoTrap(_ payload: String) throws {
        let message = try decode(payload)
        #expect(message.reading.mentioned != 0)
    }

    @Test func aMistakeInAProfileIsReportedWithItsLocation() throws {
        let text = """
            profile: x
            topics:
              - topic: lifts/{lift}/state
                signals:
                  mvoing: { field: A }
                  floor: { feld: B }
            """
        let diagnostics = Diagnostics()
        #expect(
            Profile(try YAMLNode(parsing: Array(text.utf8), file: "x.yaml"), diagnostics) == nil)
        let found = diagnostics.all.map(\.description).joined(separator: "\n")
        #expect(
            found.contains("x.yaml:5:7: 'mvoing' is not a signal. Did you mean 'moving'?"),
            "\(found)")
        #expect(
            found.contains("x.yaml:6:16: 'feld' is not a key here. Did you mean 'field'?"),
            "\(found)")
    }

    /// The reason of `lift_refused` that a centre receives.
    @Test func thePageOfProfilesNamesEveryReasonForARefusalAndNoOther() throws {
        let path = Shipped.folder + "/../docs/profiles.md"
        let page = String(
            decoding: try #require(FileManager.default.contents(atPath: path)), as: UTF8.self)
        let section = try #require(
            page.components(separatedBy: "## What is refused").dropFirst().first)
        let list = try #require(section.components(separatedBy: "\n\n").dropFirst().first)
        let named = Set(
            list.components(separatedBy: "`").enumerated().filter { $0.offset % 2 == 1 }.map(
                \.element))
        let others: [UnreadableMessage] = [
            .anotherLift(""), .nameless(field: ""), .nothingKnown(field: ""), .wrapped(within: ""),
            .nested(field: "", within: ""),
        ]
        // The last two are the gateway's own: see Intake.
        let known = Set(JSONFlaw.Kind.allCases.map(\.rawValue)).union(others.map(\.kind))
            .union(["too_long", "unknown_lift"])
        #expect(named == known)
    }
}
