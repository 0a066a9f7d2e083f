import Contract
import Encoding
import Testing

/// JSON of a stranger: each value is read as what it is, and what cannot be read is no value.
@Suite struct JSONValueTests {
    private func value(_ text: String) -> JSONValue? { JSONValue(answer: Array(text.utf8)) }

    @Test func eachTypeIsReadAsItself() {
        #expect(
            value(#"{"a":1,"b":"1","c":true,"d":null,"e":[],"f":{},"g":[0,false]}"#)
                == .object([
                    "a": .number(1), "b": .text("1"), "c": .flag(true), "d": .nothing,
                    "e": .list([]),
                    "f": .object([:]),
                    "g": .list([.number(0), .flag(false)]),
                ]))
    }

    @Test func aNumberThatIsTooLargeIsNotReadAndHidesNothingBesideIt() throws {
        let found = try #require(value(#"{"id":"a","n":[1e999]}"#))
        #expect(found == .object(["id": .text("a"), "n": .list([.unreadable])]))
        #expect(!found.isWhole && value(#"{"id":"a"}"#)?.isWhole == true)
    }

    @Test func whatIsNestedDeeperThanAnyFormIsNotDecoded() throws {
        let levels = JSONValue.deepest + 1
        let found = try #require(
            value(String(repeating: "[", count: levels) + String(repeating: "]", count: levels)))
        #expect(!found.isWhole)
        #expect(
            value(
                String(repeating: "[", count: levels - 1)
                    + String(repeating: "]", count: levels - 1))?.isWhole
                == true)
    }

    @Test(arguments: ["", "{", "<html>", "{\"a\":}"]) func whatIsNoJSONIsNoValue(_ text: String) {
        #expect(value(text) == nil)
    }
}
