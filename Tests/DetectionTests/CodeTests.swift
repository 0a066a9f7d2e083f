import LiftModel
import Testing

@testable import DeviceProfiles

/// A code is what the profile's author declares, and nothing else.
@Suite struct CodeTests {
    @Test func theAuthorsMapDecidesAlone() throws {
        let profile = try WrittenProfile(
            "codes: { field: err, map: { 4: \"02\", 90: \"08\", 0: none } }")
        #expect(try profile.read(#"{"err":4}"#, .codes) == ("02", [], nil))
        #expect(try profile.read(#"{"err":90}"#, .codes).value == "08", "not the alarm button")
        #expect(try profile.read(#"{"err":[0]}"#, .codes) == ("none", [], nil))
        for unknown in ["1", #""01""#, #""90x""#, "41"] {
            let read = try profile.read("{\"err\":[4,\(unknown)]}", .codes)
            #expect(read.value == "02" && read.odd == ["unknown_code \(unknown)"], "\(read)")
            #expect(read.vendorCode == unknown.filter { $0 != "\"" })
        }
    }

    @Test func theStandardsNumbersCountWhereTheProfileSaysSo() throws {
        let head = "standard: gbt24476"
        let own = try WrittenProfile(
            "codes: { field: err, map: { 4: \"02\", E1: \"90\" } }", head: head)
        for (written, code) in [
            ("4", "02"), (#""04""#, "04"), ("1", "01"), ("90.0", "90"), (#""E1""#, "90"),
        ] {
            #expect(try own.read("{\"err\":\(written)}", .codes).value == code, "\(written)")
        }
        #expect(
            try own.read(#"{"err":true}"#, .codes).odd == ["unknown_code true"], "a flag is no 01")
        let beside = try WrittenProfile("codes: { field: err, standard: gbt24476 }")
        #expect(try beside.read(#"{"err":"41"}"#, .codes).value == "41")
        let without = try WrittenProfile("codes: { field: err, standard: none }", head: head)
        #expect(try without.read(#"{"err":"41"}"#, .codes).odd == [#"unknown_code "41""#])
        #expect(try WrittenProfile("codes: { field: err }").profile?.warnings.isEmpty == false)
        #expect(
            try WrittenProfile("codes: { field: err }", head: "standard: gbt24467").mistakes
                .joined().contains(
                    "Did you mean 'gbt24476'"))
    }

    @Test func objectsAndPairsAreReadWhereTheProfileSays() throws {
        let objects = try WrittenProfile(
            "codes: { field: err, item: no, map: { 4: \"02\", E12: \"03\" } }")
        #expect(
            try objects.read(#"{"err":[{"no":4,"level":90},{"no":"E12"}]}"#, .codes).value
                == "02 03")
        #expect(try objects.read(#"{"err":{"no":"E12"}}"#, .codes).value == "03")
        #expect(
            try objects.read(#"{"err":[{"level":4}]}"#, .codes).odd == [
                #"unknown_code {"level":4}"#
            ])
        let pairs = try WrittenProfile(
            "codes: { field: err, item: 0, map: { E07: \"02\" } }", head: "standard: gbt24476")
        #expect(try pairs.read(#"{"err":[["E07",90]]}"#, .codes).value == "02")
    }

    /// A level or a count within an object is no code, and of two texts neither is surely the code.
    @Test func objectsAreNotSearchedForNumbers() throws {
        let profile = try WrittenProfile(
            "codes: { field: err, map: { E12: \"02\", 5: \"08\" } }", head: "standard: gbt24476")
        #expect(
            try profile.read(#"{"err":[{"code":"E12","level":5,"count":41}]}"#, .codes) == (
                "02", [], nil
            ))
        let unknown = try profile.read(#"{"err":[{"code":"E13","level":5,"count":41}]}"#, .codes)
        #expect(unknown == ("none", [#"unknown_code "E13""#], "E13"))
        #expect(
            try profile.read(#"{"err":[{"code":"41"}]}"#, .codes).value == "none",
            "the standard's number of an undeclared key")
        #expect(
            try profile.read(#"{"err":[{"code":"E13","before":"E12"}]}"#, .codes).value == "none")
        #expect(try profile.read(#"{"err":[{"level":5}]}"#, .codes).value == "none")
        #expect(
            try profile.read(#"{"err":[{"level":5,"code":"E13"}]}"#, .codes).vendorCode == "E13")
        #expect(try profile.read(#"{"err":[["E12",90]]}"#, .codes).odd.count == 1)
        #expect(try profile.read(#"{"err":{"code":"E12"}}"#, .codes).value == "unknown")
    }

    @Test func aFlagMayStandForACode() throws {
        for map in ["{ true: \"90\" }", "{ 1: \"90\" }"] {
            let profile = try WrittenProfile("codes: { field: sos, map: \(map) }")
            for spelling in SpellingTests.yes {
                #expect(
                    try profile.read("{\"sos\":\(spelling)}", .codes).value == "90",
                    "\(map) \(spelling)")
            }
            for spelling in SpellingTests.no {
                #expect(
                    try profile.read("{\"sos\":\(spelling)}", .codes) == ("none", [], nil),
                    "\(map) \(spelling)")
            }
        }
    }

    @Test func nothingIsNoCode() throws {
        let profile = try WrittenProfile("codes: { field: err, map: { 4: \"02\" } }")
        for nothing in [#""""#, "[]", "[null]", #"[""]"#] {
            #expect(
                try profile.read("{\"err\":\(nothing)}", .codes) == ("none", [], nil), "\(nothing)")
        }
    }

    @Test func anEventsActiveIsReadInEverySpellingAndTakesAMap() throws {
        let plain = try WrittenProfile("codes: { field: code, active: on, map: { SOS: \"90\" } }")
        for spelling in SpellingTests.yes {
            #expect(
                try plain.read("{\"code\":\"SOS\",\"on\":\(spelling)}", .codes).value == "+90",
                "\(spelling)")
        }
        for spelling in SpellingTests.no {
            #expect(
                try plain.read("{\"code\":\"SOS\",\"on\":\(spelling)}", .codes).value == "-90",
                "\(spelling)")
        }
        #expect(
            try plain.read(#"{"code":"SOS","on":"maybe"}"#, .codes) == (
                "unknown", [#"field "maybe""#], nil
            ))
        let mapped = try WrittenProfile(
            "codes: { field: code, active: { field: st, map: { begin: true, end: false, test: unknown } }, map: { SOS: \"90\" } }"
        )
        #expect(try mapped.read(#"{"code":"SOS","st":"begin"}"#, .codes).value == "+90")
        #expect(try mapped.read(#"{"code":"SOS","st":"end"}"#, .codes).value == "-90")
        #expect(try mapped.read(#"{"code":"SOS","st":"test"}"#, .codes) == ("unknown", [], nil))
        #expect(
            try mapped.read(#"{"code":"SOS","st":"over"}"#, .codes).odd == [
                #"unknown_value "over""#
            ])
    }

    @Test func escapesInNamesAndCodesAreResolved() throws {
        let profile = try WrittenProfile(
            "identity: id\ncodes: { field: err, map: { 困人: \"90\" } }\nvendor_code: raw")
        #expect(try profile.read(#"{"err":"\u56f0\u4eba"}"#, .codes).value == "90")
        #expect(
            try profile.read(#"{"err":[],"raw":"\u6545\u969c/7"}"#, .codes).vendorCode == "故障/7")
        let codes = try WrittenProfile("codes: { field: err, map: { 4: \"02\" } }")
        #expect(
            try codes.read(#"{"err":"\u6545\u969c"}"#, .codes) == (
                "none", [#"unknown_code "故障""#], "故障"
            ))
        var decoder = MessageDecoder(try #require(profile.profile))
        let named = Array(#"{"id":"\u5854\u697cB1","err":[]}"#.utf8)
        let message = try decoder.decode(
            named.span, topic: 0, isRetained: false, identities: [Array("塔楼B1".utf8)])
        #expect(message.identity != nil)
        #expect(throws: UnreadableMessage.anotherLift("塔楼B1")) {
            try decoder.decode(
                named.span, topic: 0, isRetained: false, identities: [Array("塔楼B2".utf8)])
        }
    }

    @Test func aFieldForTheControllersCodeGoesBeforeAnUnknownCode() throws {
        let profile = try WrittenProfile(
            "codes: { field: err, map: { 4: \"02\" } }\nvendor_code: raw")
        #expect(try profile.read(#"{"err":17,"raw":"E48"}"#, .codes).vendorCode == "E48")
        #expect(try profile.read(#"{"err":17}"#, .codes).vendorCode == "17")
        #expect(
            try profile.read(#"{"err":4}"#, .codes).vendorCode == nil,
            "the last value of the field still holds")
    }

    @Test func aCodeThatIsNotInTheStandardIsRefusedWithItsLocation() throws {
        let mistakes = try WrittenProfile("codes: { field: err, map: { 4: \"99\" } }").mistakes
            .joined()
        #expect(
            mistakes.contains("x.yaml:5:36: found '99', expected a code of the standard"),
            "\(mistakes)")
    }
}
