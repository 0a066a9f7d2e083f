import Foundation
import Testing

@testable import hoistway_sim

/// The sessions that docs/rules.md shows, run again: what a reader repeats is what stands there.
@Suite struct DocumentedSessionsTests {
    @Test func everySessionOfTheRuleLanguageSaysWhatItSays() throws {
        let page = try String(contentsOfFile: Site.root + "/docs/rules.md", encoding: .utf8)
        var sessions: [(command: String, expected: [String])] = []
        var isInside = false
        for line in page.split(separator: "\n", omittingEmptySubsequences: false) {
            if line.hasPrefix("    $ ") {
                sessions.append((String(line.dropFirst(6)), []))
                isInside = true
            } else if isInside,
                line.hasPrefix("    ") || line.isEmpty && sessions[sessions.count - 1].command.contains("explain")
            {
                sessions[sessions.count - 1].expected.append(String(line.dropFirst(4)))
            } else {
                isInside = false
            }
        }
        #expect(sessions.count >= 8)
        for (command, expected) in sessions {
            let found = try run(command)
            func trimmed(_ lines: [String]) -> [String] {
                lines.map { $0.replacing(/\s+$/, with: "") }.filter { !$0.isEmpty }
            }
            #expect(trimmed(found) == trimmed(expected), "\(command)\n\(found.joined(separator: "\n"))")
        }
    }

    private func run(_ command: String) throws -> [String] {
        let log = NSTemporaryDirectory() + "session-\(UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: log) }
        let script = "cd '\(Site.root)' && PATH=\"$PWD/.build/debug:$PATH\" && { \(command); } 2>&1"
        let shell = try ChildProcess(["/bin/bash", "-c", script], log: log)
        for _ in 0..<6000 where shell.isRunning { usleep(10_000) }
        shell.end()
        return try String(contentsOfFile: log, encoding: .utf8).split(separator: "\n").map(String.init)
    }
}
