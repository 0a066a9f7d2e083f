import LiftModel
import Testing

@testable import DeviceProfiles

/// `true`, `1`, `1.0`, `"1"` and `"true"` are one value wherever a map or a Boolean is expected.
@Suite struct SpellingTests {
    static let yes = [
        "true", "1", "1.0", "1e0", #""1""#, #""1.0""#, #""true""#, #""True""#, #""\u0031""#,
        #""\u0074rue""#,
    ]
    static let no = ["false", "0", "0.0", "-0", #""0""#, #""false""#, #""FALSE""#]

    @Test(arguments: [
        "in_door_zone: { field: v }", "in_door_zone: { field: v, map: { 0: false, 1: true } }",
        "in_door_zone: { field: v, map: { true: true, false: false } }",
        #"in_door_zone: { field: v, map: { "1.0": true, "0.0": false } }"#,
    ])
    func aFlagIsReadInEverySpelling(_ mapping: String) throws {
        let profile = try WrittenProfile("signals:\n  \(mapping)")
        for (spellings, value) in [(Self.yes, "true"), (Self.no, "false")] {
            for spelling in spellings {
                let read = try profile.read("{\"v\":\(spelling)}", .inDoorZone)
                #expect(read.value == value && read.odd.isEmpty, "\(spelling) \(read)")
            }
        }
        for spelling in ["2", #""on""#, #""01""#, #""1 ""#, #""""#] {
            let read = try profile.read("{\"v\":\(spelling)}", .inDoorZone)
            #expect(read.value == "unknown" && read.odd.count == 1, "\(spelling) \(read)")
        }
    }

    @Test func aModesNumberIsReadInEverySpelling() throws {
        let profile = try WrittenProfile(
            "signals:\n  mode: { field: v, map: { 1: normal, 2: inspection } }")
        for spelling in ["2", "2.0", #""2""#, "20e-1"] {
            #expect(
                try profile.read("{\"v\":\(spelling)}", .mode).value == "inspection", "\(spelling)")
        }
        #expect(try profile.read(#"{"v":true}"#, .mode).value == "normal")
        #expect(try profile.read(#"{"v":9}"#, .mode).odd == ["unknown_value 9"])
    }

    @Test func whatTheMapListsApartStaysApart() throws {
        let profile = try WrittenProfile(
            "signals:\n  mode: { field: v, map: { 1: normal, true: inspection, 01: stop_service } }"
        )
        for (spelling, mode) in [
            ("1", "normal"), ("1.0", "normal"), ("true", "inspection"), (#""True""#, "inspection"),
            (#""01""#, "stop_service"),
        ] {
            #expect(try profile.read("{\"v\":\(spelling)}", .mode).value == mode, "\(spelling)")
        }
    }

    @Test(arguments: [
        ("{ 1: true, 1.0: false }", "x.yaml:6:49: '1.0' is the same value as '1'"),
        ("{ true: true, True: false }", "x.yaml:6:52: 'True' is the same value as 'true'"),
        ("{ 1: true, \"1\": false }", "the key '1' stands here twice"),
    ])
    func twoKeysThatAreOneValueAreRefusedWithTheirLocation(_ map: String, _ mistake: String) throws
    {
        let found: String
        do {
            found = try WrittenProfile("signals:\n  in_door_zone: { field: v, map: \(map) }")
                .mistakes.joined()
        } catch {
            found = "\(error)"
        }
        #expect(found.contains(mistake), "\(found)")
    }

    /// The standard's "not closed" is not "open".
    @Test func theSideThatAMapLeavesOutIsUnknownAndNoMistake() throws {
        let profile = try WrittenProfile(
            "signals:\n  doors.front.fully_open: { field: v, map: { true: false } }")
        for spelling in Self.no {
            let read = try profile.read("{\"v\":\(spelling)}", .frontFullyOpen)
            #expect(read.value == "unknown" && read.odd.isEmpty, "\(spelling)")
        }
        #expect(
            try profile.read(#"{"v":"ajar"}"#, .frontFullyOpen).odd == [#"unknown_value "ajar""#])
    }

    @Test func keysOfAMapAreFoundBehindTheirEscapes() throws {
        let profile = try WrittenProfile(
            "signals:\n  mode: { field: 模式, map: { 检修: inspection, 正常: normal } }")
        #expect(try profile.read(#"{"\u6a21\u5f0f":"\u68c0\u4fee"}"#, .mode).value == "inspection")
        #expect(try profile.read(#"{"模式":"正\u5e38"}"#, .mode).value == "normal")
        #expect(try profile.read(#"{"模式":"\u5e38"}"#, .mode).odd == [#"unknown_value "常""#])
    }

    @Test func aNumberMayStandInQuotes() throws {
        let profile = try WrittenProfile(
            "signals:\n  floor: { field: v, offset: -1 }\ntime: { field: t, format: epoch_ms }")
        #expect(try profile.read(#"{"v":"7","t":"1772323200250"}"#, .floor) == ("6", [], nil))
        for text in ["B1", "0x1F", "nan", "inf", "", " 7", "07", "1e400"] {
            #expect(try profile.read("{\"v\":\"\(text)\"}", .floor).odd == ["field \"\(text)\""])
        }
    }

    @Test func aFlagMayBeMadeOfANumber() throws {
        let profile = try WrittenProfile(
            "signals:\n  compartments.main.occupied: { field: people, above: 0 }\n  doors.front.fully_open: { field: pct, at_least: 98 }"
        )
        #expect(try profile.read(#"{"people":5}"#, .occupied).value == "true")
        #expect(try profile.read(#"{"people":0}"#, .occupied).value == "false")
        #expect(try profile.read(#"{"pct":98}"#, .frontFullyOpen).value == "true")
        #expect(try profile.read(#"{"pct":97.9}"#, .frontFullyOpen).value == "false")
        #expect(try profile.read(#"{"pct":"open"}"#, .frontFullyOpen).odd == [#"field "open""#])
        let wrong = try WrittenProfile("signals:\n  floor: { field: v, above: 0 }").mistakes
            .joined()
        #expect(
            wrong.contains("x.yaml:6:14: 'above' and 'at_least' make true or false"), "\(wrong)")
    }
}
