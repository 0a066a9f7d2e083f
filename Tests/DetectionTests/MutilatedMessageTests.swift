import Encoding
import Foundation
import LiftModel
import Testing

@testable import DeviceProfiles

/// Whatever a device or an unknown client sends, reading ends, and its unexpected values can be
/// listed.
@Suite struct MutilatedMessageTests {
    private static let messages = [
        #"{"id":"\u5854\u697cB1","ts":"1772323200250","n":"7","f":"7","m":"\u6b63\u5e38","o":[1,true,"1.0"],"e":[{"no":"E12","l":5},["E07",90],4,"\u56f0",null,true,-1]}"#,
        #"{"id":"塔楼B1","ts":1772323200250,"n":12,"f":-2.50,"m":"检修","o":"true","e":"E12","on":{"x":[]},"raw":"E\t4\ud83d\ude00"}"#,
        #"{"d":{"id":"7","f":[[[{"a":"\\"}]]]},"data":"{\"f\":1}","e":{"no":{"no":1}}}"#,
    ].map { Array($0.utf8) }
    private static let pieces: [[UInt8]] =
        [
            "{", "}", "[", "]", ",", ":", "\"", "\\", "\\u", "\\ud83d", "NaN", "-Infinity", "null",
            "e", ".", "-", "0",
            "9", " ", "'",
        ].map {
            Array($0.utf8)
        } + [[0], [9], [0xEF, 0xBB, 0xBF], [0xFF], [0xE5], [0xD2, 0xBB]]

    private static func mutilated(_ message: [UInt8], _ random: inout SplitMix64) -> [UInt8] {
        var bytes = message
        for _ in 0..<Int.random(in: 1...2, using: &random) {
            let position = Int.random(in: 0...bytes.count, using: &random)
            let end = min(bytes.count, position + Int.random(in: 0...6, using: &random))
            switch Int.random(in: 0..<5, using: &random) {
            case 0: bytes.removeSubrange(position..<end)
            case 1: bytes.removeSubrange(position...)
            case 2:
                bytes.replaceSubrange(
                    position..<end, with: messages.randomElement(using: &random)![...].prefix(12))
            default:
                bytes.replaceSubrange(position..<end, with: pieces.randomElement(using: &random)!)
            }
        }
        return bytes
    }

    @Test func noMutilatedMessageIsATrap() throws {
        let body = """
            identity: id
            sequence: n
            time: { field: ts, format: epoch_ms }
            signals:
              floor: { field: f, else: { field: d.f } }
              mode: { field: m, map: { 正常: normal, 检修: inspection } }
              in_door_zone: { field: o }
              compartments.main.occupied: { field: f, above: 0 }
            vendor_code: raw
            codes: { field: e, active: on, item: no, map: { E12: "02", 4: "03", true: "90", 困: "41" } }
            """
        let profiles = try [
            WrittenProfile(body),
            WrittenProfile(
                body.replacingOccurrences(of: "item: no", with: "item: 0"),
                head: "standard: gbt24476"),
            WrittenProfile(
                body.replacingOccurrences(of: "item: no, ", with: "").replacingOccurrences(
                    of: "active: on, ", with: "")
            ),
        ].map { try #require($0.profile, "\($0.mistakes)") }
        let seed = UInt64.random(in: 0...UInt64.max)
        var random = SplitMix64(seed: seed)
        var decoders = profiles.map { MessageDecoder($0) }
        var (read, odd) = (0, 0)
        for round in 0..<60_000 {
            let bytes = Self.mutilated(Self.messages.randomElement(using: &random)!, &random)
            let decoder = round % decoders.count
            do throws(UnreadableMessage) {
                let message = try decoders[decoder].decode(
                    bytes.span, topic: 0, isRetained: false, identities: [])
                read += 1
                for signal in Signal.allCases { _ = message.reading.written(signal) }
                for unexpected in decoders[decoder].unexpectedValues {
                    odd += 1
                    _ = decoders[decoder].explain(unexpected, in: bytes.span).description
                }
                for text in [message.vendorCode, message.identity].compactMap({ $0 }) {
                    #expect(
                        text.range.upperBound
                            <= (text.isResolved ? decoders[decoder].resolved.count : bytes.count))
                }
            } catch {
                if error.description.isEmpty {
                    Issue.record("seed \(seed): no reason for \(bytes)")
                }
            }
        }
        #expect(read > 2_000 && odd > 2_000, "seed \(seed): \(read) read, \(odd) odd")
    }
}
