import Foundation
import Testing

@testable import Gateway
@testable import hoistway_sim

/// The tester's tools against a real broker, as programs.
@Suite(.serialized) struct RecordTests {
    private static let program = BuiltProgram.path("hoistway-sim")

    @Test func aRecordingIsWhatWasSaidAndItsGapsAndReplays() throws {
        let site = try Site()
        let path = site.folder + "/recorded.ndjson.zst"
        let log = site.folder + "/record.log"
        let recorder = try ChildProcess(
            [Self.program, "record", "--broker", "mqtt://127.0.0.1:\(site.port)", "--out", path],
            log: log)
        func recorderOutput() -> String {
            (try? String(contentsOfFile: log, encoding: .utf8)) ?? ""
        }
        #expect(site.wait { recorderOutput().contains("connected to") }, "\(recorderOutput())")
        usleep(500_000)
        site.send("1", state(1))
        site.send("2", "\u{1}no message")
        usleep(500_000)
        site.stopBroker(losesSessions: true)
        #expect(site.wait { recorderOutput().contains("no connection") }, "\(recorderOutput())")
        try site.startBroker()
        #expect(
            site.wait { recorderOutput().components(separatedBy: "connected to").count == 3 },
            "\(recorderOutput())")
        usleep(500_000)
        site.send("1", state(2))
        usleep(500_000)
        kill(recorder.pid, SIGTERM)
        #expect(site.wait { !recorder.isRunning })
        #expect(recorder.outcome == 0)
        let text = site.folder + "/recorded.txt"
        let (status, output) = try Site.run([
            "replay", path, "--profiles", Site.root + "/Devices/profiles", "--rules",
            Site.root + "/Devices/rules",
        ])
        #expect(status == 0, "\(output)")
        #expect(
            output.contains("3 messages of 2 lifts") && output.contains("binary 1"), "\(output)")
        // The rows are unpacked by the reader that replays them.
        let anonymous = try ChildProcess(
            [
                Self.program, "anonymise", path, "--out", text, "--profiles",
                Site.root + "/Devices/profiles",
            ], log: log)
        #expect(site.wait { !anonymous.isRunning })
        let rows = try String(contentsOfFile: text, encoding: .utf8).split(separator: "\n")
        let events = rows.compactMap { $0.firstMatch(of: /"event":"([a-z]+)"/)?.output.1 }
        #expect(events == ["connected", "drained", "disconnected", "connected", "drained", "end"])
        #expect(rows.count { $0.contains("lifts/lift-00001/state") } == 2)
        #expect(recorderOutput().contains("1 not JSON"), "\(recorderOutput())")
    }

    @Test func aScenarioThatIsCutShortSaysWhatDoesNotHappen() throws {
        let log = NSTemporaryDirectory() + "hoistway-short-\(UUID().uuidString).log"
        defer { try? FileManager.default.removeItem(atPath: log) }
        let fleet = try ChildProcess(
            [
                Self.program, "run", Site.root + "/Simulator/scenarios/area-power-cut.yaml",
                "--library",
                Site.root + "/Simulator", "--profiles", Site.root + "/Devices/profiles", "--lifts",
                "2", "--duration",
                "20m", "--out", "/dev/null",
            ], log: log)
        for _ in 0..<600 where fleet.isRunning { usleep(50_000) }
        #expect(fleet.outcome == 0)
        let output = try String(contentsOfFile: log, encoding: .utf8)
        #expect(
            output.contains("1 of the scenario's 1 events come after 20m and do not happen"),
            "\(output)")
    }

    @Test func aBrokerThatIsNotThereIsNamedAndIsAFailure() throws {
        let folder = NSTemporaryDirectory() + "hoistway-record-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let port = try FreePort.find()
        let recorder = try ChildProcess(
            [
                Self.program, "record", "--broker", "mqtt://127.0.0.1:\(port)", "--for", "1s",
                "--out",
                folder + "/x.ndjson",
            ], log: folder + "/log")
        let giveUp = Date(timeIntervalSinceNow: 20)
        while recorder.isRunning, Date() < giveUp { usleep(50_000) }
        #expect(recorder.outcome == 1)
        let output = try String(contentsOfFile: folder + "/log", encoding: .utf8)
        #expect(output.contains("127.0.0.1:\(port)") && output.contains("refused"), "\(output)")
    }
}
