import Foundation
import HTTP
import MQTT
import Platform
import Testing

@testable import Gateway
@testable import hoistway_sim

/// Secrets, certificates and keys that change while the gateway runs, and connections that are not
/// safe enough.
@Suite(.serialized) struct SecretsTests {
    private func write(_ text: String, _ path: String) throws {
        try (text + "\n").write(toFile: path, atomically: true, encoding: .utf8)
    }

    /// A broker that requires a password.
    private func startBroker(_ site: Site, _ port: Int, password: String) throws -> ChildProcess {
        let users = site.folder + "/users-\(port)"
        let maker = try ChildProcess(
            ["/usr/bin/mosquitto_passwd", "-c", "-b", users, "box", password],
            log: site.folder + "/passwd.log")
        while maker.isRunning { usleep(5_000) }
        chmod(users, 0o644)
        try write(
            "listener \(port) 127.0.0.1\npassword_file \(users)\n\(getuid() == 0 ? "user root" : "")",
            site.folder + "/broker-\(port).conf")
        return try ChildProcess(
            ["/usr/sbin/mosquitto", "-c", site.folder + "/broker-\(port).conf"],
            log: site.folder + "/centre-broker.log"
        )
    }

    private func isConnected(_ site: Site) -> Bool {
        (site.status["centre"] as? [String: Any])?["connected"] as? Bool ?? false
    }

    @Test func aPasswordThatTheCentresBrokerRefusesIsReadAgain() throws {
        let port = try FreePort.find()
        let site = try Site(
            centres:
                "centre: { url: \"mqtt://127.0.0.1:\(port)\", username: box, password_file: secret }"
        )
        try write("old", site.folder + "/secret")
        var broker = try startBroker(site, port, password: "old")
        defer { broker.end() }
        try site.startDaemon()
        #expect(site.wait { isConnected(site) }, "\(site.account)")
        broker.end()
        broker = try startBroker(site, port, password: "new")
        #expect(
            site.wait(30) { site.log.contains("refuses us") && !isConnected(site) },
            "\(site.account)")
        try write("new", site.folder + "/secret")
        #expect(site.wait(60) { isConnected(site) }, "\(site.account)")
    }

    @Test func aTokenThatTheCentreRefusesIsReadAgain() throws {
        let centre = try HTTPCentre { request in
            HTTPCentre.Answer(status: request.headers["authorization"] == "Bearer new" ? 204 : 401)
        }
        let site = try Site(
            parameters: quick,
            centres: "centre: { url: \"http://127.0.0.1:\(centre.port)/\", token_file: token }")
        try write("old", site.folder + "/token")
        try site.startDaemon()
        #expect(site.wait { site.isDrained })
        site.trap()
        #expect(
            site.wait { site.log.contains("does not recognise the gateway") }, "\(site.account)")
        try write("new", site.folder + "/token")
        #expect(
            site.wait(60) { isConnected(site) && site.status("centre", "backlog") == 0 },
            "\(site.account)")
        #expect(!site.log.contains("Bearer"))
    }

    @Test func aClientSecretThatTheTokensServerRefusesIsReadAgain() throws {
        let basic = "Basic " + Data("box:new".utf8).base64EncodedString()
        let centre = try HTTPCentre { request in
            guard request.path.contains("token") else {
                return HTTPCentre.Answer(
                    status: request.headers["authorization"] == "Bearer t" ? 204 : 401)
            }
            return request.headers["authorization"] == basic
                ? HTTPCentre.Answer(status: 200, body: #"{"access_token":"t"}"#)
                : HTTPCentre.Answer(status: 401)
        }
        let url = "http://127.0.0.1:\(centre.port)"
        let site = try Site(
            centres:
                "centre: { url: \"\(url)/\", oauth: { token_url: \"\(url)/token\", client_id: box, client_secret_file: secret } }"
        )
        try write("old", site.folder + "/secret")
        try site.startDaemon()
        #expect(site.wait { site.log.contains("no token from") }, "\(site.account)")
        try write("new", site.folder + "/secret")
        #expect(site.wait(60) { isConnected(site) }, "\(site.account)")
    }

    @Test func aCorrectedPasswordIsTriedAtTheReloadAndNotAfterThePause() throws {
        let (building, centre) = (try FreePort.find(), try FreePort.find())
        let site = try Site(
            centres:
                "centre: { url: \"mqtt://127.0.0.1:\(centre)\", username: box, password_file: secret }"
        )
        try site.rewriteConfiguration {
            $0.replacingOccurrences(
                of: "broker: { url: \"mqtt://127.0.0.1:\(site.port)\" }",
                with:
                    "broker: { url: \"mqtt://127.0.0.1:\(building)\", username: box, password_file: secret }"
            )
        }
        let brokers = try [building, centre].map { try startBroker(site, $0, password: "right") }
        defer { for broker in brokers { broker.end() } }
        try write("wrong", site.folder + "/secret")
        try site.startDaemon()
        // The pauses are random and grow: a long one is under way.
        var (failures, since) = (0, Date())
        let isPausing = site.wait(90) {
            let now = site.status("broker", "failures")
            if now != failures { (failures, since) = (now, Date()) }
            return failures >= 3 && Date().timeIntervalSince(since) > 4
        }
        #expect(isPausing, "\(site.account)")
        let lines = site.log.split(separator: "\n").count {
            $0.contains("does not let user 'box' in")
        }
        #expect(lines == 2, "one line of each connection: \(site.log)")
        try write("right", site.folder + "/secret")
        site.reload()
        #expect(
            site.wait(3) { site.status("broker", "connects") == 1 && isConnected(site) },
            "\(site.account)")
    }

    @Test func aReloadWithATokenThatCannotBeReadSaysThatTheOldOneGoesOn() throws {
        let centre = try HTTPCentre()
        let site = try Site(
            centres: "centre: { url: \"http://127.0.0.1:\(centre.port)/\", token_file: token }")
        try write("good", site.folder + "/token")
        try site.startDaemon()
        #expect(site.wait { site.isDrained && isConnected(site) }, "\(site.account)")
        try FileManager.default.removeItem(atPath: site.folder + "/token")
        site.reload()
        #expect(
            site.wait { site.log.contains("cannot be read now is used as it was last read") },
            "\(site.account)")
        site.wait(1) { false }
        #expect(!site.log.contains("is used from now on"), "\(site.account)")
    }

    @Test func aReloadConnectsAnewWithAChangedSecretAndOnlyThen() throws {
        let port = try FreePort.find()
        let site = try Site(
            centres:
                "centre: { url: \"mqtt://127.0.0.1:\(port)\", username: box, password_file: secret }"
        )
        try site.rewriteConfiguration {
            $0.replacingOccurrences(
                of: "broker: { url:", with: "broker: { username: lifts, password_file: lan, url:")
        }
        try write("old", site.folder + "/secret")
        try write("old", site.folder + "/lan")
        let broker = try startBroker(site, port, password: "old")
        defer { broker.end() }
        try site.startDaemon()
        #expect(site.wait { isConnected(site) && site.isDrained }, "\(site.account)")
        site.reload()
        #expect(site.wait { site.log.contains("rules reloaded") }, "\(site.account)")
        site.wait(1) { false }
        #expect(site.status("broker", "connects") == 1 && !site.log.contains("has changed"))
        try write("new", site.folder + "/secret")
        try write("new", site.folder + "/lan")
        site.reload()
        #expect(
            site.wait { site.status("broker", "connects") == 2 && site.isDrained },
            "\(site.account)")
        // The centre's broker has only the old one.
        #expect(
            site.wait { site.log.contains("centre: a password or a certificate has changed") },
            "\(site.account)")
        #expect(site.wait { site.log.contains("refuses us") }, "\(site.account)")
    }

    // MARK: The signing key

    @Test func aMissingOrChangedSigningKeyIsReportedOnceAndTheFirstOneIsNot() throws {
        let site = try Site()
        let key = site.folder + "/state/signing-key.pem"
        try site.startDaemon()
        #expect(
            site.wait { site.isDrained && site.retained("heartbeat") != nil }, "\(site.account)")
        site.stopDaemon()
        #expect(site.eventData("key").isEmpty)
        try FileManager.default.removeItem(atPath: key)
        for _ in 1...2 {
            try site.startDaemon()
            #expect(
                site.wait { site.isDrained && site.eventData("key").count == 1 }, "\(site.account)")
            let new = site.eventData("key").first?["x"] as? String ?? ""
            #expect(
                site.wait { site.retained("heartbeat")?.contains(new) == true },
                "the key that alerts are signed with")
            site.stopDaemon()
        }
        #expect(site.eventData("key")[0]["reason"] as? String == "missing")
        try FileManager.default.moveItem(atPath: key, toPath: key + ".old")
        let maker = try ChildProcess(
            ["/usr/bin/openssl", "genpkey", "-algorithm", "ed25519", "-out", key],
            log: site.folder + "/openssl.log")
        while maker.isRunning { usleep(5_000) }
        try site.startDaemon()
        #expect(site.wait { site.eventData("key").count == 2 }, "\(site.account)")
        #expect(site.eventData("key")[1]["reason"] as? String == "changed")
        var check = try StreamCheck(contract: Site.root + "/docs/contract")
        for event in site.events {
            check.take(Array(try JSONSerialization.data(withJSONObject: event)))
        }
        #expect(check.breaches == [])
    }

    // MARK: TLS

    /// A TLS 1.2 server with an RSA key that offers one cipher.
    private func startServer(_ folder: String, _ port: Int, cipher: String) throws -> ChildProcess {
        try ChildProcess(
            [
                "/usr/bin/openssl", "s_server", "-accept", "127.0.0.1:\(port)", "-cert",
                folder + "/rsa.crt", "-key",
                folder + "/rsa.key", "-tls1_2", "-cipher", cipher, "-www",
            ], log: folder + "/server.log")
    }

    @Test(arguments: [("AES256-GCM-SHA384", false), ("ECDHE-RSA-AES256-GCM-SHA384", true)])
    func tlsWithoutForwardSecrecyIsRefused(_ cipher: String, _ isTaken: Bool) throws {
        let folder = NSTemporaryDirectory() + "hoistway-tls-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        let maker = try ChildProcess(
            [
                "/usr/bin/openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "30",
                "-subj",
                "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout",
                folder + "/rsa.key", "-out",
                folder + "/rsa.crt",
            ], log: folder + "/openssl.log")
        while maker.isRunning { usleep(5_000) }
        // It serves one connection at a time.
        let (port, portOfCentre) = (try FreePort.find(), try FreePort.find())
        let servers = try [port, portOfCentre].map { try startServer(folder, $0, cipher: cipher) }
        defer { for server in servers { server.end() } }
        usleep(500_000)
        var options = MQTTClient.Options(
            url: try #require(BrokerURL("mqtts://127.0.0.1:\(port)")), clientID: "x")
        options.caFile = folder + "/rsa.crt"
        let client = try MQTTClient(options)
        var isRefused = false
        do {
            try client.connect()
            for _ in 0..<20 where client.socket >= 0 {
                _ = Poll.wait(
                    [client.socket], writer: client.wantsWrite ? client.socket : -1,
                    for: .milliseconds(50))
                try client.read()
                try client.write()
            }
        } catch { isRefused = true }
        #expect(isRefused == !isTaken)
        client.drop()
        var settings = HTTPClient.Options()
        settings.caFile = folder + "/rsa.crt"
        let http = try #require(HTTPClient(settings))
        _ = try http.start(
            HTTPClient.Request(url: "https://127.0.0.1:\(portOfCentre)/", headers: [], body: []))
        let nothing = WakeUp()
        var results: [Result<HTTPClient.Response, HTTPClient.Failure>] = []
        for _ in 0..<30 where results.isEmpty {
            _ = http.wait(alsoFor: nothing.descriptor, atMost: .milliseconds(100))
            results = http.finished().map(\.result)
        }
        // This server answers no POST; the test needs only the connection.
        var isRefusedOverHTTPS = false
        if case .failure(let failure) = results.first { isRefusedOverHTTPS = failure.concernsTLS }
        #expect(isRefusedOverHTTPS == !isTaken, "\(results)")
    }
}
