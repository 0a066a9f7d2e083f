import Foundation
import Testing

@testable import hoistway_sim

/// Lifts that publish ten times a second, and lifts that publish changes only: detection must not
/// depend on it.
@Suite(.serialized) struct PaceTests {
    @Test(arguments: [("100ms", true), ("100ms", false), ("1s", false), ("10s", true)])
    func entrapmentsAreFoundHoweverOftenALiftSpeaks(_ heartbeat: String, _ reportsChanges: Bool)
        throws
    {
        let folder = NSTemporaryDirectory() + "hoistway-pace-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try """
        scenario: pace
        start_s: 1772409600
        duration: 30m
        lifts: 6
        buildings: office
        traffic: 3
        devices: [{ profile: gbt24476-json, heartbeat: \(heartbeat), reports_changes: \(reportsChanges) }]
        failures: { per_lift_year: 200000, evenly: true, only: [drive_fault, door_operator, door_lock_contact, power_cut] }
        rescue: { arrival: 4m }
        """.write(toFile: folder + "/pace.yaml", atomically: true, encoding: .utf8)
        let log = folder + "/log"
        let script = """
            cd '\(Site.root)' && PATH='\(BuiltProgram.folder)':$PATH && set -o pipefail
            hoistway-sim run '\(folder)/pace.yaml' --library Simulator --profiles Devices/profiles --seed 1 --out - \
            --truth '\(folder)/truth' | hoistway replay - --rules Devices/rules --profiles Devices/profiles > '\(folder)/alerts'
            hoistway-sim score --truth '\(folder)/truth' --alerts '\(folder)/alerts' --list
            """
        let shell = try ChildProcess(["/bin/bash", "-c", script], log: log)
        for _ in 0..<24_000 where shell.isRunning { usleep(10_000) }
        #expect(!shell.isRunning, "it did not end in four minutes")
        #expect(shell.outcome == 0)
        let output = try String(contentsOfFile: log, encoding: .utf8)
        // The columns: happened, detected, missed, false.
        let counts = (output.split(separator: "\n").first { $0.hasPrefix("entrapment ") } ?? "")
            .split(separator: " ")
            .dropFirst().prefix(4).compactMap { Int($0) }
        #expect(
            counts.count == 4 && counts[0] >= 3 && counts[2] == 0 && counts[3] == 0, "\(output)")
        // Two of them are silences without corroboration: suspected in time, and never confirmed by
        // time.
        #expect(
            output.contains("3 entrapments with evidence, 3 in time, 0 later, 0 missed"),
            "\(output)")
    }
}
