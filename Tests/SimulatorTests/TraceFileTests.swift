import Encoding
import Foundation
import LiftModel
import PositionedYAML
import Testing

@testable import Trace

/// A trace is read as it was written, compressed or not.
@Suite struct TraceFileTests {
    private let path = NSTemporaryDirectory() + "hoistway-trace-\(UUID().uuidString)"

    private func rows(_ path: String) throws -> [String] {
        defer { try? FileManager.default.removeItem(atPath: path) }
        var rows: [String] = []
        var reader = TraceReader(file: path)
        try LineReader(path).visitLines { line, number in
            try reader.read(line, number: number) { topic, payload, isRetained, unread, time in
                rows.append(
                    "\(time.seconds) \(topic.array) \(payload.array) \(isRetained)\(unread.map { " of \($0)" } ?? "")"
                )
            } event: { event, time in
                rows.append("\(time.seconds) \(event)")
            }
        }
        return rows
    }

    private func write(_ bytes: [UInt8]) throws {
        try Data(bytes).write(to: URL(fileURLWithPath: path))
    }

    @Test(arguments: [
        [], Array("{\"a\":\"b\\\\\"}".utf8), [0x00, 0xFF, 0xFE, 0x0A], Array("电梯\n\t\u{1}".utf8),
        Array(0...255),
    ])
    func anyPayloadComesBack(_ payload: [UInt8]) throws {
        var writer = TraceWriter()
        let topic = Array("lifts/\"1\"/state".utf8)
        writer.message(
            topic: topic.span, payload: payload.span, isRetained: true, qos: 1, session: 1,
            at: Instant(nanoseconds: 1_500_000_000))
        writer.event(.action("release 1"), session: 1, at: Instant(nanoseconds: 2_000_000_000))
        try write(writer.take())
        #expect(
            try rows(path) == [
                "1.5 \(topic) \(payload) true", "2.0 \(TraceEvent.action("release 1"))",
            ])
    }

    /// Lines as they are, and as several pieces, some longer than any buffer.
    private static let lines = (0..<9000).map {
        "line \($0) " + String(repeating: "x", count: $0 % 97)
    }

    @Test(arguments: [1, 100, 9000])
    func compressedLinesComeBack(_ piece: Int) throws {
        let compressor = Compressor()
        var bytes: [UInt8] = []
        for start in stride(from: 0, to: Self.lines.count, by: piece) {
            let text = Self.lines[start..<min(start + piece, Self.lines.count)].map { $0 + "\n" }
                .joined()
            bytes += compressor.compress(Array(text.utf8))
        }
        bytes += compressor.finish()
        // A second recording after the first, as `cat` or an appending writer makes it.
        let again = Compressor()
        bytes += again.compress(Array("the end\n".utf8)) + again.finish()
        try write(bytes)
        defer { try? FileManager.default.removeItem(atPath: path) }
        var read: [String] = []
        try LineReader(path).visitLines { line, _ in
            read.append(String(decoding: line.array, as: UTF8.self))
        }
        #expect(read == Self.lines + ["the end"])
    }

    @Test func aRecordingThatWasCutOffIsReadUpToThereAndNamed() throws {
        let compressor = Compressor()
        let bytes = compressor.compress(Array("one\ntwo\n".utf8))
        // No end was written: the box lost its power.
        try write(bytes)
        defer { try? FileManager.default.removeItem(atPath: path) }
        var read: [String] = []
        let failure = #expect(throws: InvalidFiles.self) {
            try LineReader(path).visitLines { line, _ in
                read.append(String(decoding: line.array, as: UTF8.self))
            }
        }
        #expect(read == ["one", "two"])
        let text = failure?.diagnostics.first?.description ?? ""
        #expect(text.contains("ends in the middle"))
    }

    @Test func damagedBytesAreNamed() throws {
        let compressor = Compressor()
        var bytes =
            compressor.compress(Array(Self.lines.joined(separator: "\n").utf8))
            + compressor.finish()
        bytes[bytes.count / 2] ^= 0x55
        try write(bytes)
        defer { try? FileManager.default.removeItem(atPath: path) }
        let failure = #expect(throws: InvalidFiles.self) {
            try LineReader(path).visitLines { _, _ in }
        }
        let text = failure?.diagnostics.first?.description ?? ""
        #expect(text.contains("cannot be unpacked"))
    }
}
