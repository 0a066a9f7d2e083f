import Foundation
import Testing

@testable import Contract
@testable import Gateway
@testable import HTTP

/// Linux's F_SETPIPE_SZ, which the C library declares only for programs that define _GNU_SOURCE.
private let setPipeSize: Int32 = 1031

/// The daemon's log with a reader that does not read.
@Suite(.serialized) struct LogTests {
    /// A pipe with room for one page.
    private struct SmallPipe {
        let reader: Int32
        let writer: Int32
        init() {
            var ends: [Int32] = [-1, -1]
            pipe(&ends)
            (reader, writer) = (ends[0], ends[1])
            _ = fcntl(writer, setPipeSize, 4096)
            _ = fcntl(reader, F_SETFL, O_NONBLOCK)
        }
        /// The bytes until none comes for half a second.
        func lines() -> [String] {
            var bytes: [UInt8] = []
            var piece = [UInt8](repeating: 0, count: 4096)
            var idle = 0
            while idle < 50 {
                let count = read(reader, &piece, piece.count)
                if count > 0 { bytes += piece[0..<count] } else { usleep(10_000) }
                idle = count > 0 ? 0 : idle + 1
            }
            return String(decoding: bytes, as: UTF8.self).split(separator: "\n").map(String.init)
        }
    }
    private static let here = "a file"

    @Test func aLogThatNobodyReadsHoldsUpNoEntrapment() throws {
        let site = try Site(parameters: quick)
        #expect(mkfifo(site.folder + "/daemon.log", 0o600) == 0)
        let log = open(site.folder + "/daemon.log", O_RDWR)
        defer { close(log) }
        _ = fcntl(log, setPipeSize, 4096)
        // The earlier lines are not read either: no line finds room.
        #expect(write(log, [UInt8](repeating: UInt8(ascii: "."), count: 4096), 4096) == 4096)
        try site.startDaemon()
        #expect(site.wait { site.isDrained })
        // Each is a line of the log: the route's first, then the line of the thread that waits for
        // it.
        for number in 0..<300 { site.publish("hoistway/v1/test/receipt", "junk \(number)") }
        site.trap("1")
        #expect(site.wait(20) { site.hasAlert("confirmed", of: "1") })
        #expect(site.wait { site.status("centre", "backlog") == 0 })
        site.askDaemonToEnd()
        #expect(site.wait(10) { !site.isDaemonRunning }, "its end waits for the log")
        #expect(site.daemonOutcome == 0, "a signal has killed it")
    }

    @Test func whatNobodyReadsIsDroppedAndCounted() throws {
        let pipe = SmallPipe()
        let writer = LogWriter(descriptor: pipe.writer)
        let text = String(repeating: "x", count: 1000)
        for line in 0..<2000 {
            writer.append(
                .info, text, from: LogWriter.CodeLocation(file: Self.here, line: UInt(line)))
        }
        let lines = pipe.lines()
        let missing = try #require(lines.first { $0.contains("was not read in time") })
        let parts = missing.split(separator: " ")
        let count = try #require(parts.firstIndex(of: "lines").flatMap { Int(parts[$0 - 1]) })
        #expect(count > 1000)
        #expect(lines.count { $0.hasSuffix(text) } + count == 2000)
        writer.append(.info, "read again", from: LogWriter.CodeLocation(file: Self.here, line: 1))
        #expect(pipe.lines().last?.hasSuffix("read again") == true)
    }

    @Test func oneLineOfTheCodeCannotFillTheLog() {
        let pipe = SmallPipe()
        let writer = LogWriter(descriptor: pipe.writer)
        for line in 1...1000 {
            writer.append(
                .warning, "junk \(line)", from: LogWriter.CodeLocation(file: Self.here, line: 1))
        }
        writer.append(
            .warning, "of another kind", from: LogWriter.CodeLocation(file: Self.here, line: 2))
        writer.flush(for: .seconds(2))
        let lines = pipe.lines()
        #expect(lines.count == LogWriter.linesPerMinute + 2)
        #expect(lines.contains { $0.hasSuffix("of another kind") })
        #expect(
            lines.last?.hasSuffix(
                "970 more such lines in a minute are left out; the last: junk 1000") == true,
            "\(lines.last ?? "")")
    }

    @Test func aLineIsOneLineWithoutControlCharacters() {
        let pipe = SmallPipe()
        let writer = LogWriter(descriptor: pipe.writer)
        writer.append(
            .error, "a\nb\u{1B}[2Jc\u{9B}2Jd\u{202E}e\u{2066}f 电梯",
            from: LogWriter.CodeLocation(file: Self.here, line: 1))
        let lines = pipe.lines()
        #expect(lines.count == 1)
        #expect(lines.first?.hasSuffix("error: a b [2Jc 2Jd e f 电梯") == true, "\(lines)")
    }

    @Test func journaldTakesTheLevelAndAddsTheTimeItself() throws {
        let pipe = SmallPipe()
        var file = stat()
        #expect(fstat(pipe.writer, &file) == 0)
        let stream = "\(file.st_dev):\(file.st_ino)"
        #expect(LogWriter.form(of: pipe.writer, journalStream: stream) == .journald)
        #expect(
            LogWriter.form(of: pipe.writer, journalStream: "1:1") == .stamped,
            "fd 2 goes elsewhere by now")
        #expect(LogWriter.form(of: pipe.writer, journalStream: nil) == .stamped)
        let writer = LogWriter(descriptor: pipe.writer, journalStream: stream)
        writer.append(.warning, "text", from: LogWriter.CodeLocation(file: Self.here, line: 1))
        #expect(pipe.lines() == ["<4>text"])
    }

    @Test func aWebhooksPathIsAsSecretAsItsQuery() {
        #expect(masked(url: "https://keeper.example/hooks/T0k3n?x=1") == "https://keeper.example/…")
        #expect(masked(url: "https://keeper.example:8443?x=1") == "https://keeper.example:8443/…")
        #expect(masked(url: "https://keeper.example:8443/") == "https://keeper.example:8443/")
        #expect(masked(url: "https://li:secret@keeper.example/a@b") == "https://…@keeper.example/…")
        #expect(masked(url: "mqtt://10.0.0.2:1883") == "mqtt://10.0.0.2:1883")
    }

    @Test func jsonOnATerminalIsTheSameJSON() throws {
        let json = "{\"place\":\"a\u{9B}b\u{202E}c 电梯\\u001b\"}"
        let shown = printable(json: json)
        #expect(shown == "{\"place\":\"a\\u009bb\\u202ec 电梯\\u001b\"}")
        func read(_ text: String) throws -> [String: String]? {
            try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: String]
        }
        #expect(try read(shown) == read(json))
    }
}
