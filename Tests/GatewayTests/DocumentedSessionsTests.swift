import Foundation
import Testing

@testable import hoistway_sim

/// Repeats the sessions of the docs: a reader who does so gets the same output.
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
                line.hasPrefix("    ")
                    || line.isEmpty && sessions[sessions.count - 1].command.contains("explain")
            {
                sessions[sessions.count - 1].expected.append(String(line.dropFirst(4)))
            } else {
                isInside = false
            }
        }
        #expect(sessions.count >= 8)
        for (command, expected) in sessions {
            let found = try run(command, in: Site.root)
            func trimmed(_ lines: [String]) -> [String] {
                lines.map { $0.replacing(/\s+$/, with: "") }.filter { !$0.isEmpty }
            }
            #expect(
                trimmed(found) == trimmed(expected), "\(command)\n\(found.joined(separator: "\n"))")
        }
    }

    /// A tester who knows only docs/simulator.md copies the scenario and types the commands below
    /// it.
    @Test func theScenarioOfTheTestersPageRunsAndScores() throws {
        let page = try String(contentsOfFile: Site.root + "/docs/simulator.md", encoding: .utf8)
        func block(from first: String) -> [String] {
            page.split(separator: "\n", omittingEmptySubsequences: false)
                .drop { !$0.hasPrefix("    " + first) }.prefix { $0.hasPrefix("    ") }.map {
                    String($0.dropFirst(4))
                }
        }
        let folder = NSTemporaryDirectory() + "hoistway-tester-\(UUID().uuidString)"
        let files = FileManager.default
        try files.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? files.removeItem(atPath: folder) }
        for name in ["Devices", "Simulator"] {
            try files.createSymbolicLink(
                atPath: "\(folder)/\(name)", withDestinationPath: "\(Site.root)/\(name)")
        }
        let scenario = block(from: "scenario:")
        #expect(scenario.count > 15)
        try scenario.joined(separator: "\n").write(
            toFile: folder + "/tower-evening.yaml", atomically: true, encoding: .utf8)
        let commands = block(from: "hoistway-sim run tower-evening.yaml")
        #expect(commands.count == 3)
        let found = try run(commands.joined(separator: " && "), in: folder)
        // The columns: happened, detected, missed, false.
        func score(_ kind: String) -> [Int] {
            (found.first { $0.hasPrefix(kind + " ") } ?? "").split(separator: " ").dropFirst()
                .prefix(4).compactMap {
                    Int($0)
                }
        }
        for kind in ["entrapment", "power_loss"] {
            let counts = score(kind)
            // This evening has false alerts: lifts without an occupancy sensor stand off level, and
            // a passenger holds the doors by pressing a button.
            #expect(
                counts.count == 4 && counts[1] > 0 && counts[2] == 0,
                "\(found.joined(separator: "\n"))")
        }
        let report = try String(contentsOfFile: folder + "/report.html", encoding: .utf8)
        #expect(report.contains("<svg") && report.contains("lift-years"))
    }

    private func run(_ command: String, in folder: String) throws -> [String] {
        let log = NSTemporaryDirectory() + "session-\(UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: log) }
        // Text output has the machine's zone; the docs are written in this one.
        let script =
            "export TZ=UTC; cd '\(folder)' && PATH='\(BuiltProgram.folder)':$PATH && { \(command); } 2>&1"
        let shell = try ChildProcess(["/bin/bash", "-c", script], log: log)
        for _ in 0..<24_000 where shell.isRunning { usleep(10_000) }
        #expect(!shell.isRunning, "\(command) did not end")
        shell.end()
        return try String(contentsOfFile: log, encoding: .utf8).split(separator: "\n").map(
            String.init)
    }
}
