import Encoding
import Foundation
import LiftModel
import Testing

@testable import DeviceProfiles

extension JSONBlemishes {
    fileprivate var names: [String] { Self.all.filter { contains($0.blemish) }.map(\.name) }
}

/// A blemish does not cost a message; every other mistake is refused with a text that names it.
@Suite struct JSONBlemishTests {
    private static let state = Array(
        #"{"Car_Status":1,"Car_Load":32,"Vendor_Code":"E48","Remark":"x"}"#.utf8)

    private static func decode(_ bytes: [UInt8]) throws(UnreadableMessage) -> (
        Reading, blemishes: [String], code: String?
    ) {
        var decoder = MessageDecoder(Shipped.national)
        let message = try decoder.decode(
            bytes.span, topic: 0, isRetained: false, identities: ["1".utf8.map { $0 }])
        let code = message.vendorCode.map { String(decoding: bytes[$0.range], as: UTF8.self) }
        return (message.reading, decoder.blemishes.names, code)
    }

    private static func replacing(_ old: String, by new: [UInt8]) -> [UInt8] {
        let text = String(decoding: state, as: UTF8.self)
        let range = text.range(of: old)!
        return Array(text[..<range.lowerBound].utf8) + new + Array(text[range.upperBound...].utf8)
    }

    @Test(
        arguments: [
            ("trailing_nul", state + [0]), ("trailing_nul", state + [10, 0, 0, 0]),
            ("byte_order_mark", [0xEF, 0xBB, 0xBF] + state),
            ("not_a_number", replacing("32", by: Array("NaN".utf8))),
            ("not_a_number", replacing("32", by: Array("Infinity".utf8))),
            ("not_a_number", replacing("32", by: Array("-Infinity".utf8))),
            ("not_a_number", replacing(#""x""#, by: Array("[1,NaN]".utf8))),
            ("not_utf8", replacing("x", by: [0xD2, 0xBB, 0xBA, 0xC5])),
            ("not_utf8", replacing("x", by: [0xE4, 0xB8])),
            ("not_utf8", replacing("Remark", by: [0xBA, 0xC5])),
            ("control_character", replacing("x", by: Array("a\tb".utf8))),
            ("control_character", replacing("x", by: [0])),
            ("control_character", replacing("x", by: [10])),
        ] as [(String, [UInt8])])
    func aMessageWithOneBlemishCounts(_ name: String, _ payload: [UInt8]) throws {
        let (reading, blemishes, code) = try Self.decode(payload)
        #expect(blemishes == [name])
        #expect(reading.written(.moving) == "true")
        #expect(code == "E48")
        #expect(reading.written(.load) == (payload.contains(UInt8(ascii: "3")) ? "32" : "unknown"))
    }

    /// A complete state with a blemished field is like one in which the field is null.
    @Test func theTouchedFieldIsUnknownAndNothingElseIsNoted() throws {
        var decoder = MessageDecoder(Shipped.national)
        let bytes = Array(
            "{\"Car_Status\":NaN,\"Time_Stamps\":\"2026-03\t\",\"Vendor_Code\":\"E\u{1}\",\"Message_Code\":NaN}"
                .utf8)
        let message = try decoder.decode(bytes.span, topic: 0, isRetained: false, identities: [])
        #expect(message.reading.written(.moving) == "unknown")
        #expect(message.reading.written(.codes) == "unknown")
        #expect(message.reading.deviceTime == nil && message.vendorCode == nil)
        #expect(decoder.unexpectedValues.isEmpty, "the blemish is counted by its own name")
        #expect(decoder.blemishes.names == ["not_a_number", "control_character"])
    }

    @Test func aPressBesideASpoiledCodeIsAPress() throws {
        let (reading, _, _) = try Self.decode(Array("{\"Message_Code\":[\"90\",\"E\t\",NaN]}".utf8))
        #expect(reading.written(.codes) == "90")
    }

    @Test func aSpoiledNameIsNobodyElses() throws {
        var decoder = MessageDecoder(Shipped.national)
        let bytes =
            Array(#"{"Identification_Number":""#.utf8) + [0xCB, 0xFE]
            + Array(#"","Car_Status":1}"#.utf8)
        let message = try decoder.decode(
            bytes.span, topic: 0, isRetained: false, identities: [Array("塔".utf8)],
            mustBeNamed: true)
        #expect(message.reading.written(.moving) == "true")
    }

    @Test(
        arguments: [
            ("empty", ""), ("empty", " \n"), ("utf16", "{\0}\0"), ("utf16", "\0{\0}"),
            ("utf32", "{\0\0\0}\0\0\0"),
            ("xml", "<a/>"), ("wrapped_in_string", #""{\"Car_Status\":1}""#), ("bare_value", "7"),
            ("bare_value", #""online""#), ("plain_text", "Offline"), ("binary", "\u{1}\u{2}"),
            ("array", #"[{"Car_Status":1}]"#), ("array", "[1,2]"), ("array", "["),
            ("single_quotes", "{'Car_Status':1}"), ("trailing_comma", #"{"Car_Status":1,}"#),
            ("trailing_comma", #"{"Message_Code":["90",]}"#),
            ("leading_zero", #"{"Car_Position":07}"#),
            ("leading_zero", #"{"Car_Position":-07}"#), ("bad_number", #"{"Car_Position":+7}"#),
            ("bad_number", #"{"Car_Speed":.5}"#), ("bad_number", #"{"Car_Speed":5.}"#),
            ("bad_number", #"{"Car_Position":0x1F}"#), ("python_word", #"{"Car_Status":True}"#),
            ("python_word", #"{"Car_Status":None}"#),
            ("word_without_quotes", #"{"Car_Status":on}"#),
            ("word_without_quotes", "{Car_Status:1}"),
            ("word_without_quotes", #"{"Car_Load":nan}"#),
            ("comment", #"{"Car_Status":1 // runs"#), ("bad_escape", #"{"Remark":"C:\x"}"#),
            ("bad_escape", #"{"Remark":"\ud83d"}"#), ("cut_off", #"{"Car_Status":1"#),
            ("cut_off", #"{"Remark":"a"#),
            ("more_behind_its_end", #"{"Car_Status":1}{"Car_Status":0}"#),
            ("more_behind_its_end", "{\"Car_Status\":1}\0junk"), ("not_json", #"{"Car_Status" 1}"#),
            ("nested_too_deep", String(repeating: #"{"a":"#, count: 40)),
            ("wrapped_in_string", #"{"id":"1","data":"{\"Car_Status\":1}"}"#),
            ("nested", #"{"data":{"Car_Status":1}}"#),
        ])
    func whatElseIsWrongIsNamed(_ kind: String, _ payload: String) {
        let error = #expect(throws: UnreadableMessage.self) { try Self.decode(Array(payload.utf8)) }
        #expect(error?.kind == kind, "\(error?.description ?? "")")
        #expect(error?.description.isEmpty == false)
    }

    @Test func aByteOrderMarkOfUTF16AndACompressedMessageAreNamed() {
        for (kind, bytes) in [("utf16", [0xFF, 0xFE, 0x7B, 0]), ("compressed", [0x1F, 0x8B, 8])]
            as [(String, [UInt8])]
        {
            let error = #expect(throws: UnreadableMessage.self) { try Self.decode(bytes) }
            #expect(error?.kind == kind)
        }
    }

    /// In GBK the second byte of a character may be a backslash. If it hides a quote, the end of
    /// the string is unknown.
    @Test func textThatHidesItsQuoteIsNamed() {
        let error = #expect(throws: UnreadableMessage.self) {
            try Self.decode(
                Array(#"{"Remark":""#.utf8) + [0xD5, 0x5C] + Array(#"","Car_Status":1}"#.utf8))
        }
        #expect(error?.kind == "text_not_utf8")
    }

    // MARK: Held to Foundation

    /// The five blemishes mended, and nothing else.
    private static func mended(_ bytes: [UInt8]) -> [UInt8] {
        var rest = bytes[...]
        if rest.starts(with: [0xEF, 0xBB, 0xBF]) { rest = rest.dropFirst(3) }
        while rest.last == 0 { rest = rest.dropLast() }
        var text: [UInt8] = []
        var isInString = false
        while let byte = rest.first {
            var length = 1
            var replacement: [UInt8]?
            if isInString {
                switch byte {
                case UInt8(ascii: "\\"): length = min(2, rest.count)
                case UInt8(ascii: "\""): isInString = false
                case ..<0x20: replacement = [32]
                case 0x80...:
                    // The longest beginning that is one character.
                    let whole = (2...4).first {
                        String(validating: rest.prefix($0), as: UTF8.self)?.unicodeScalars.count
                            == 1
                    }
                    if let whole { length = whole } else { replacement = [UInt8(ascii: "?")] }
                default: break
                }
            } else if byte == UInt8(ascii: "\"") {
                isInString = true
            } else if let word = ["NaN", "Infinity", "-Infinity"].first(where: {
                rest.starts(with: $0.utf8)
            }) {
                (length, replacement) = (word.utf8.count, Array("null".utf8))
            }
            text += replacement ?? Array(rest.prefix(length))
            rest = rest.dropFirst(length)
        }
        return text
    }

    /// The fields whose values are compared.
    private struct Probe: Decodable {
        var a: Double?
        var s: String?
    }

    private static let pieces: [[UInt8]] =
        [
            "{", "}", "[", "]", ",", ":", "\"a\"", "\"s\"", "\"\\u00e9\"", "1", "-0.5", "1e3",
            "true", "null", " ",
            "\"x\\n\"", "\"\\ud83d\\ude00\"", "\"困\"", "0", ".", "\\", "\"", "2.50",
            "1234567890123456789",
            "NaN", "Infinity", "-Infinity", "-NaN", "nan", "\"\t\"", "\"\0\"", "-",
        ].map { Array($0.utf8) } + [
            [0x22, 0xD2, 0xBB, 0x22], [0x22, 0xE4, 0xB8, 0x22], [0x22, 0xC3, 0x22], [0xFF],
        ]

    /// An object with any two values, or pieces of JSON in any order; now and then between a byte
    /// order mark and a zero.
    private static func message(_ random: inout SplitMix64) -> [UInt8] {
        var bytes: [UInt8] = []
        if Bool.random(using: &random) {
            let value = pieces.randomElement(using: &random)!
            let other = pieces.randomElement(using: &random)!
            bytes =
                Array("{\"a\":".utf8) + value + Array(",\"s\":".utf8) + other + [UInt8(ascii: "}")]
        } else {
            for _ in 0..<Int.random(in: 1...9, using: &random) {
                bytes += pieces.randomElement(using: &random)!
            }
        }
        if Int.random(in: 0..<8, using: &random) == 0 { bytes = [0xEF, 0xBB, 0xBF] + bytes }
        if Int.random(in: 0..<8, using: &random) == 0 { bytes += [0] }
        return bytes
    }

    /// With the five blemishes mended, the scanner and Foundation's decoder agree on what is JSON,
    /// and on the values of the fields.
    @Test func theScannerAgreesWithFoundation() throws {
        let seed = UInt64.random(in: 0...UInt64.max)
        var random = SplitMix64(seed: seed)
        var (accepted, blemished) = (0, 0)
        for _ in 0..<60_000 {
            let bytes = Self.message(&random)
            let text = String(decoding: bytes, as: UTF8.self)
            var tokens = [JSONToken](repeating: JSONToken(), count: 2)
            var scanner = JSONScanner(bytes.span, isTolerant: true)
            let ours = (try? scanner.scan([JSONField("a"), JSONField("s")], into: &tokens)) != nil
            let mended = Self.mended(bytes)
            let object = (try? JSONSerialization.jsonObject(with: Data(mended))) as? [String: Any]
            // Foundation refuses an object with a repeated key in some forms and takes it in
            // others, so this is not compared.
            if text.components(separatedBy: "\"a\":").count > 2
                || text.components(separatedBy: "\"s\":").count > 2
            {
                continue
            }
            #expect(ours == (object != nil), "seed \(seed): \(text)")
            guard ours else { continue }
            #expect(scanner.blemishes.isEmpty == (mended == bytes), "seed \(seed): \(text)")
            if !scanner.blemishes.isEmpty {
                blemished += 1
                var strict = JSONScanner(bytes.span)
                var others = tokens
                let isTaken =
                    (try? strict.scan([JSONField("a"), JSONField("s")], into: &others)) != nil
                #expect(!isTaken, "seed \(seed): \(text)")
            }
            guard let probe = try? JSONDecoder().decode(Probe.self, from: Data(mended)) else {
                continue
            }
            accepted += 1
            if let a = probe.a {
                #expect(
                    DecimalText.double(bytes.span, tokens[0].start, tokens[0].end) == a,
                    "seed \(seed): \(text)")
            }
            if let s = probe.s, tokens[1].kind == .string {
                let (found, isSame) = (
                    scanner.unescaped(tokens[1]), scanner.isText(tokens[1], Array(s.utf8))
                )
                #expect(found == s && isSame, "seed \(seed): \(text)")
            }
        }
        #expect(accepted > 500 && blemished > 500)
    }
}
