import Encoding
import Foundation
import Testing

@testable import Gateway
@testable import hoistway_sim

/// The centres of docs/contract, and TLS, with the real daemon, as an outsider would run them.
@Suite(.serialized) struct ConsumerTests {
    private static let contract = Site.root + "/docs/contract"

    /// Lift 1 stops between floors with a passenger; a fault of lift 2.
    private func trap(_ site: Site, from sequence: Int = 1) {
        site.send("1", state(sequence, moving: 1))
        site.send("1", state(sequence + 1))
    }
    private func lines(_ path: String) -> [String] {
        ((try? String(contentsOfFile: path, encoding: .utf8)) ?? "").split(separator: "\n").map(
            String.init)
    }
    /// The strict centre's verdict on a file of events.
    private func verdict(_ path: String) throws -> (status: Int32, output: String) {
        let log = NSTemporaryDirectory() + "hoistway-strict-\(UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: log) }
        let checker = try ChildProcess(
            [
                BuiltProgram.path("hoistway-sim"), "centre", "--strict", "--from", path,
                "--contract",
                Self.contract,
            ], log: log)
        while checker.isRunning { usleep(10_000) }
        return (checker.outcome ?? -1, try String(contentsOfFile: log, encoding: .utf8))
    }

    @Test func theCentreInPythonStoresEverythingOnceOverTLSAndItsCommandsAreFollowed() throws {
        let certificates = try Certificates()
        let port = try FreePort.find()
        let out = certificates.path("events.ndjson")
        try "t0ken\n".write(toFile: certificates.path("token"), atomically: true, encoding: .utf8)
        func startCentre() throws -> ChildProcess {
            try ChildProcess(
                [
                    "/usr/bin/env", "python3", Self.contract + "/centre.py", "\(port)", out,
                    "--cert",
                    certificates.path("centre.crt"), "--key", certificates.path("centre.key"),
                    "--client-ca",
                    certificates.path("ca.crt"), "--token", "t0ken", "--words",
                    certificates.path("words"),
                ], log: certificates.path("centre.log"))
        }
        var centre = try startCentre()
        defer { centre.end() }
        let site = try Site(
            parameters: quick,
            centres: """
                centre: { url: "https://127.0.0.1:\(port)/hoistway", ca_file: "\(certificates.path("ca.crt"))", certificate_file: "\(certificates.path("box.crt"))", key_file: "\(certificates.path("box.key"))", token_file: "\(certificates.path("token"))" }
                """)
        try site.startDaemon()
        #expect(site.wait { site.isDrained })
        trap(site)
        #expect(site.wait(20) { lines(out).count >= 2 }, "\(site.account)")
        let alert = try #require(JSONValue(lines(out)[0].utf8)?["data"]?["alert_id"]?.text)
        try #"[{"word":"accepted","alert_id":"\#(alert)","by":"Li","word_id":"1"}]"#
            .write(toFile: certificates.path("words"), atomically: true, encoding: .utf8)
        #expect(
            site.wait(20) {
                lines(out).contains { JSONValue($0.utf8)?["data"]?["word_id"]?.text == "1" }
            },
            "\(site.account)")
        // The centre is away for a while and returns with its stored events.
        centre.end(SIGKILL)
        site.send("2", state(1, moving: 1))
        site.send("2", state(2))
        site.wait(3) { false }
        centre = try startCentre()
        #expect(
            site.wait(45) { site.status("centre", "backlog") == 0 && lines(out).count >= 6 },
            "\(site.account)")
        #expect(!site.log.contains("t0ken"))
        site.stopDaemon()
        let strict = try verdict(out)
        #expect(
            strict.status == 0 && strict.output.contains("0 repeats: the contract is kept"),
            "\(strict.output)")
    }

    @Test func theCentreInShellStoresEverythingOnceAndAnswers() throws {
        let site = try Site(parameters: quick)
        site.answersReceipts = false
        let out = site.folder + "/events.ndjson"
        let centre = try ChildProcess(
            [
                "/usr/bin/env", "CLIENT=shell-centre", "/bin/sh", Self.contract + "/centre.sh", out,
                "-h", "127.0.0.1",
                "-p", "\(site.port)",
            ], log: site.folder + "/centre.log")
        defer { centre.end() }
        site.wait(1) { false }
        try site.startDaemon()
        #expect(site.wait { site.isDrained })
        trap(site)
        #expect(
            site.wait(20) { lines(out).count >= 2 && site.status("centre", "backlog") == 0 },
            "\(site.account)")
        site.stopDaemon()
        let strict = try verdict(out)
        #expect(
            strict.status == 0 && strict.output.contains("0 repeats: the contract is kept"),
            "\(strict.output)")
    }

    // MARK: TLS

    /// A broker with TLS that requires client certificates, beside the site's plain one.
    private func startSecureBroker(_ certificates: Certificates, _ port: Int, certificate: String)
        throws
        -> ChildProcess
    {
        let name = certificates.path("broker.conf")
        try """
        listener \(port) 127.0.0.1
        cafile \(certificates.path("ca.crt"))
        certfile \(certificates.path(certificate + ".crt"))
        keyfile \(certificates.path(certificate + ".key"))
        require_certificate true
        use_identity_as_username true
        \(getuid() == 0 ? "user root" : "")

        """.write(toFile: name, atomically: true, encoding: .utf8)
        return try ChildProcess(
            ["/usr/sbin/mosquitto", "-c", name], log: certificates.path("broker.log"))
    }

    @Test(arguments: ["expired", "future"])
    func aCentreWithABadCertificateIsNotTrustedAndIsReachedAsSoonAsItHasAGoodOne(_ bad: String)
        throws
    {
        let certificates = try Certificates()
        let port = try FreePort.find()
        var broker = try startSecureBroker(certificates, port, certificate: bad)
        defer { broker.end() }
        let site = try Site(
            parameters: quick,
            centres: """
                centre: { url: "mqtts://127.0.0.1:\(port)", ca_file: "\(certificates.path("ca.crt"))", certificate_file: "\(certificates.path("box.crt"))", key_file: "\(certificates.path("box.key"))" }
                """)
        try site.startDaemon()
        #expect(site.wait { site.isDrained })
        trap(site)
        #expect(
            site.wait {
                site.log.contains(
                    bad == "expired"
                        ? "has expired: it is valid from 2020"
                        : "is not valid yet: it is valid from 2090")
            }, "\(site.account)")
        #expect(
            site.wait { site.status("centre", "backlog") >= 2 }, "detected and stored all the same")
        broker.end()
        broker = try startSecureBroker(certificates, port, certificate: "centre")
        let out = certificates.path("events.ndjson")
        let centre = try ChildProcess(
            [
                "/usr/bin/env", "CLIENT=tls-centre", "/bin/sh", Self.contract + "/centre.sh", out,
                "-h", "127.0.0.1",
                "-p",
                "\(port)", "--cafile", certificates.path("ca.crt"), "--cert",
                certificates.path("box.crt"), "--key",
                certificates.path("box.key"),
            ], log: certificates.path("centre.log"))
        defer { centre.end() }
        #expect(
            site.wait(60) { site.status("centre", "backlog") == 0 && lines(out).count >= 2 },
            "\(site.account)")
    }

    @Test func aBrokerThatWantsACertificateTurnsAwayABoxWithoutOne() throws {
        let certificates = try Certificates()
        let port = try FreePort.find()
        let broker = try startSecureBroker(certificates, port, certificate: "centre")
        defer { broker.end() }
        let site = try Site(
            parameters: quick,
            centres:
                "centre: { url: \"mqtts://127.0.0.1:\(port)\", ca_file: \"\(certificates.path("ca.crt"))\" }"
        )
        try site.startDaemon()
        #expect(
            site.wait {
                site.log.contains("asks for a client certificate, and none is configured")
            }, "\(site.account)")
        #expect(
            (site.status["centre"] as? [String: Any])?["connected"] as? Bool == false,
            "\(site.status)")
    }
}
