import Foundation
import Testing

@testable import hoistway_sim

/// The simulator's programs at a broker with accounts and an access list, set up as in the README.
@Suite(.serialized) struct BrokerAccessTests {
    private static let program = BuiltProgram.path("hoistway-sim")
    private let folder: String
    private let port: Int
    private let broker: ChildProcess

    init() throws {
        folder = NSTemporaryDirectory() + "hoistway-access-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        port = try FreePort.find()
        for (name, flag) in [("tester", "-c"), ("reader", "")] {
            let maker = try ChildProcess(
                ["/usr/bin/mosquitto_passwd"] + (flag.isEmpty ? [] : [flag]) + [
                    "-b", folder + "/accounts", name, "secret",
                ],
                log: folder + "/passwd.log")
            while maker.isRunning { usleep(5_000) }
        }
        try
            "user tester\ntopic readwrite lifts/#\ntopic readwrite hoistway/#\nuser reader\ntopic read lifts/#\n"
            .write(
                toFile: folder + "/access", atomically: true, encoding: .utf8)
        for name in ["accounts", "access"] { chmod(folder + "/" + name, 0o644) }
        try """
        listener \(port) 127.0.0.1
        password_file \(folder)/accounts
        acl_file \(folder)/access
        \(getuid() == 0 ? "user root" : "")

        """.write(toFile: folder + "/broker.conf", atomically: true, encoding: .utf8)
        broker = try ChildProcess(
            ["/usr/sbin/mosquitto", "-c", folder + "/broker.conf"], log: folder + "/broker.log")
        for _ in 0..<200 {
            if let connection = LoopbackListener.connect(to: port) {
                close(connection)
                break
            }
            usleep(20_000)
        }
        try "secret\n".write(toFile: folder + "/password", atomically: true, encoding: .utf8)
    }

    private func end() {
        broker.end()
        try? FileManager.default.removeItem(atPath: folder)
    }

    /// Runs the command to its end, or until its output contains a text.
    private func run(_ arguments: [String], until text: String? = nil) throws -> (
        outcome: Int32?, output: String
    ) {
        let log = folder + "/\(UUID().uuidString).log"
        func output() -> String { (try? String(contentsOfFile: log, encoding: .utf8)) ?? "" }
        let command = try ChildProcess(
            [Self.program] + arguments + ["--broker", "mqtt://127.0.0.1:\(port)"], log: log)
        for _ in 0..<1000 where command.isRunning && text.map({ !output().contains($0) }) ?? true {
            usleep(20_000)
        }
        if text != nil { command.end() }
        return (command.outcome, output())
    }

    private func account(_ name: String) -> [String] {
        ["--username", name, "--password-file", folder + "/password"]
    }
    private var fleet: [String] {
        [
            "run", Site.root + "/Simulator/scenarios/guangzhou.yaml", "--library",
            Site.root + "/Simulator",
            "--profiles", Site.root + "/Devices/profiles", "--lifts", "2", "--duration", "2s",
            "--connections", "one",
        ]
    }
    private var centre: [String] { ["centre", "--for", "2s", "--out", folder + "/events.ndjson"] }

    @Test func withAnAccountAFleetPublishesACentreListensAndARecordingIsMade() throws {
        defer { end() }
        let (outcome, output) = try run(fleet + account("tester"))
        #expect(
            outcome == 0 && output.contains("messages published over 1 connections"), "\(output)")
        let listening = try run(centre + account("tester"))
        #expect(
            listening.outcome == 0 && listening.output.contains("centre: 0 events"),
            "\(listening.output)")
        let recorded = try run(
            ["record", "--for", "1s", "--out", folder + "/r.ndjson"] + account("reader"))
        #expect(recorded.outcome == 0, "\(recorded.output)")
    }

    @Test func withoutOneEachSaysWhoIsNotLetInAndByWhichOption() throws {
        defer { end() }
        let cause = "it lets nobody in without a user and a password"
        #expect(try run(fleet, until: cause).output.contains(cause))
        for command in [centre, ["record", "--for", "1s", "--out", folder + "/r.ndjson"]] {
            let (outcome, output) = try run(command)
            #expect(
                outcome == 1 && output.contains(cause) && output.contains("--username"),
                "\(command[0]): \(output)")
        }
    }

    @Test func aFleetThatMayNotWriteThereSaysSoAndFails() throws {
        defer { end() }
        let (outcome, output) = try run(fleet + account("reader"))
        #expect(
            outcome == 1
                && output.contains("of the messages: its access list does not let us write there"),
            "\(output)"
        )
    }

    @Test func aPortWhereNobodyListensIsNamedAndOptionsThatDoNotGoTogetherAreRefused() throws {
        broker.end()
        defer { end() }
        let (outcome, output) = try run(centre)
        #expect(
            outcome == 1 && output.contains("nothing listens on 127.0.0.1:\(port)"), "\(output)")
        for (more, expected) in [
            (["--ca-file", "ca.crt"], "--ca-file goes with mqtts://"),
            (["--password-file", "x"], "goes with --username"),
        ] {
            let refused = try run(centre + more)
            #expect(refused.outcome == 64 && refused.output.contains(expected), "\(refused.output)")
        }
    }
}
