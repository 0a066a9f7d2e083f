import Encoding
import Testing

/// Members in the order of their properties; a value that cannot be written ends no program.
@Suite struct OrderedJSONTests {
    private struct Plain: Encodable {
        var second = 2
        var first = "1"
    }
    /// Encodes by hand, and nests a container.
    private struct Nesting: Encodable {
        enum Key: CodingKey { case outer, inner }
        func encode(to encoder: any Encoder) throws {
            var outer = encoder.container(keyedBy: Key.self)
            var inner = outer.nestedContainer(keyedBy: Key.self, forKey: .inner)
            try inner.encode(1, forKey: .outer)
            var list = outer.nestedUnkeyedContainer(forKey: .outer)
            try list.encode(2)
        }
    }

    private func text(_ value: some Encodable) -> String {
        String(decoding: OrderedJSON.bytes(value), as: UTF8.self)
    }

    @Test func membersHaveTheOrderOfTheProperties() {
        #expect(text(Plain()) == #"{"second":2,"first":"1"}"#)
        #expect(text([Plain()]) == #"[{"second":2,"first":"1"}]"#)
    }

    @Test func aValueThatNestsContainersItselfIsNullAndTheRestIsWritten() {
        #expect(text(Nesting()) == "null")
        var json = JSONWriter()
        json.object {
            $0.put("before", 1)
            $0.put("nesting", encoding: Nesting())
            $0.put("after", 2)
        }
        let written = String(decoding: json.bytes, as: UTF8.self)
        #expect(written == #"{"before":1,"nesting":null,"after":2}"#)
    }
}
