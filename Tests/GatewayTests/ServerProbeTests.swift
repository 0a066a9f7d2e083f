import Connectivity
import Foundation
import LiftModel
import Testing

@testable import Gateway
@testable import hoistway_sim

/// Each cause of an unreachable server has a sentence of its own with a remedy.
@Suite(.serialized) struct ServerProbeTests {
    private static var now: Instant { Instant(seconds: Date().timeIntervalSince1970) }

    /// An OpenSSL server with TLS on a free port.
    private final class Server {
        let port: Int
        private let process: ChildProcess
        init(_ certificates: Certificates, _ name: String, _ more: [String] = []) throws {
            port = try FreePort.find()
            process = try ChildProcess(
                [
                    "openssl", "s_server", "-accept", "127.0.0.1:\(port)", "-quiet", "-naccept",
                    "8", "-cert",
                    certificates.path(name + ".crt"), "-key", certificates.path(name + ".key"),
                ] + more, log: certificates.path("server.log"))
            let address = ServerAddress(host: "127.0.0.1", port: port)
            for _ in 0..<200 {
                if case .portIsClosed = ServerProbe(address, usesTLS: false).problem(at: now) {
                    usleep(20_000)
                } else {
                    return
                }
            }
        }
        deinit { process.end() }
    }

    private func problem(
        _ port: Int, host: String = "127.0.0.1", tls: Bool = true, _ files: TLSFiles = TLSFiles(),
        at time: Instant = now
    ) -> ServerProblem? {
        var probe = ServerProbe(ServerAddress(host: host, port: port), usesTLS: tls, files: files)
        probe.stepTimeout = .seconds(3)
        return probe.problem(at: time)
    }

    @Test func aNameWithoutAnAddressAndAPortWhereNobodyListens() throws {
        let port = try FreePort.find()
        let unknown = try #require(problem(port, host: "no-such-host.invalid"))
        #expect(
            unknown.description.hasPrefix("the name 'no-such-host.invalid' has no address ("),
            "\(unknown)")
        #expect(
            problem(port, tls: false) == .portIsClosed(ServerAddress(host: "127.0.0.1", port: port))
        )
    }

    @Test func aServerThatTakesNobodysCall() throws {
        let hole = try BlackHole()
        defer { hole.close() }
        #expect(
            problem(hole.port)
                == .noAnswer(ServerAddress(host: "127.0.0.1", port: hole.port), within: .seconds(3))
        )
    }

    @Test func theServersCertificate() throws {
        let made = try Certificates()
        let trusted = TLSFiles(authority: made.path("ca.crt"))
        let good = try Server(made, "centre")
        #expect(problem(good.port, trusted) == nil)
        let unknown = try #require(
            problem(good.port, TLSFiles(authority: made.path("stranger-ca.crt"))))
        #expect(
            unknown.description.contains(
                "is signed by 'CN=authority', which is not in \(made.path("stranger-ca.crt"))")
        )
        let unnamed = try #require(problem(good.port))
        #expect(
            unnamed.description.hasSuffix(
                "which this box does not know. Name that authority's certificate as ca_file.")
        )
        // A box with a clock in 1970.
        let early = try #require(
            problem(good.port, trusted, at: Instant(nanoseconds: 5_000_000_000)))
        #expect(
            early.description.contains("is not valid yet")
                && early.description.contains("clock says 1970-01-01T00:00:05"))
        #expect(early.concernsClock)
        let elsewhere = try Server(made, "elsewhere")
        let name = try #require(problem(elsewhere.port, trusted))
        #expect(
            name.description.contains("is made for 'elsewhere.example' and not for '127.0.0.1'"),
            "\(name)")
        let old = try Server(made, "expired")
        let expired = try #require(problem(old.port, trusted))
        #expect(
            expired.description.contains("has expired: it is valid from 2020-01-01T00:00:00"),
            "\(expired)")
        let future = try Server(made, "future")
        #expect(
            try #require(problem(future.port, trusted)).description.contains(
                "is not valid yet: it is valid from 2090"))
    }

    @Test(arguments: ["-tls1_3", "-tls1_2"])
    func theServersVerdictOnOurs(_ version: String) throws {
        let made = try Certificates()
        let server = try Server(
            made, "centre",
            [version, "-Verify", "2", "-CAfile", made.path("ca.crt"), "-verify_return_error"])
        let address = ServerAddress(host: "127.0.0.1", port: server.port)
        var files = TLSFiles(authority: made.path("ca.crt"))
        #expect(problem(server.port, files) == .clientCertificateRequired(address))
        files.certificate = made.path("stranger.crt")
        files.key = made.path("stranger.key")
        let refused = try #require(problem(server.port, files))
        #expect(
            refused.description.contains("refuses our certificate \(made.path("stranger.crt")) ("),
            "\(refused)")
        files.certificate = made.path("box.crt")
        files.key = made.path("box.key")
        #expect(problem(server.port, files) == nil)
    }

    @Test func aServerWithoutTLSAndOneWithNothingElse() throws {
        let made = try Certificates()
        let plain = try Site()
        #expect(problem(plain.port) == .noTLS(ServerAddress(host: "127.0.0.1", port: plain.port)))
        let secure = try Server(made, "centre")
        #expect(
            problem(secure.port, tls: false)
                == .wantsTLS(ServerAddress(host: "127.0.0.1", port: secure.port), scheme: "mqtts"))
        let probe = try #require(
            ServerProbe(url: "http://127.0.0.1:\(secure.port)/x", files: TLSFiles()))
        let text = probe.problem(at: Self.now)?.description ?? ""
        #expect(text.contains("Write https:// in the url"), "\(text)")
        let old = try Server(made, "centre", ["-tls1_1", "-cipher", "DEFAULT@SECLEVEL=0"])
        #expect(problem(old.port) == .tlsTooOld(ServerAddress(host: "127.0.0.1", port: old.port)))
        try made.addRSA()
        let plainRSA = try Server(made, "rsa", ["-tls1_2", "-cipher", "AES128-SHA"])
        #expect(
            problem(plainRSA.port)
                == .tlsTooOld(ServerAddress(host: "127.0.0.1", port: plainRSA.port)))
    }

    /// An expired certificate ends no connection that stands.
    @Test func theEndOfAServersCertificateIsSeenWhileTheConnectionStands() throws {
        let made = try Certificates()
        let server = try Server(made, "centre")
        let probe = try #require(
            ServerProbe(url: "https://127.0.0.1:\(server.port)/alerts", files: TLSFiles()))
        let certificates = ServerCertificates([probe], at: .boot)
        certificates.lookIfDue(at: .init(seconds: 59), time: Self.now)
        usleep(300_000)
        #expect(certificates.found.isEmpty, "not at once")
        certificates.lookIfDue(at: .init(seconds: 60), time: Self.now)
        for _ in 0..<500 where certificates.found.isEmpty { usleep(20_000) }
        let found = try #require(certificates.found.first)
        #expect(found.holder == .server("127.0.0.1:\(server.port)"))
        let days = (found.validUntil - Self.now).inSeconds / 86_400
        #expect(days > 29 && days <= 30, "\(days)")
    }

    @Test func theFilesOnThisSide() throws {
        let made = try Certificates()
        func mistake(_ certificate: String, _ key: String, authority: String = "ca.crt")
            -> ServerProblem?
        {
            let files = TLSFiles(
                authority: made.path(authority), certificate: made.path(certificate),
                key: made.path(key))
            do throws(ServerProblem) { try files.check(at: Self.now) } catch { return error }
            return nil
        }
        #expect(mistake("box.crt", "box.key") == nil)
        #expect(
            mistake("forever.crt", "forever.key") == nil,
            "valid until 9999: without an end (RFC 5280)")
        #expect(mistake("box.crt", "missing.key") == .unreadable(file: made.path("missing.key")))
        #expect(
            mistake("box.crt", "box.key", authority: "box.key")?.description.contains(
                "expected a line -----BEGIN CERTIFICATE") == true)
        #expect(
            mistake("box.key", "box.key")
                == .notPEM(file: made.path("box.key"), expected: "-----BEGIN CERTIFICATE-----"))
        #expect(
            mistake("box.crt", "box.crt")
                == .notPEM(file: made.path("box.crt"), expected: "-----BEGIN PRIVATE KEY-----"))
        #expect(mistake("box.crt", "locked.key") == .keyIsEncrypted(file: made.path("locked.key")))
        #expect(
            mistake("box.crt", "centre.key")
                == .keyDoesNotMatch(key: made.path("centre.key"), certificate: made.path("box.crt"))
        )
        #expect(
            mistake("expired.crt", "expired.key")?.description.contains(
                "has expired: it is valid from 2020") == true)
        #expect(
            mistake("future.crt", "future.key")?.description.contains(
                "not valid yet: it is valid from 2090") == true)
    }

    @Test(arguments: [
        ("https://centre.example/lifts?key=1", "centre.example:443", true),
        ("http://10.0.0.2:8080", "10.0.0.2:8080", false),
        ("https://[fd00::1]:9443/x", "[fd00::1]:9443", true),
    ])
    func theServerOfAURL(_ url: String, _ server: String, _ usesTLS: Bool) throws {
        let probe = try #require(ServerProbe(url: url, files: TLSFiles()))
        #expect(probe.server.description == server && probe.usesTLS == usesTLS)
    }

    @Test(arguments: [
        (Duration.milliseconds(350), "0.4 s"), (.seconds(5), "5 s"), (.seconds(150), "150 s"),
        (.seconds(720), "12 min"),
        (.seconds(28_800), "8 h"), (.seconds(259_200), "3 days"), (.seconds(-45), "-45 s"),
        (.zero, "0 s"), (.seconds(10_798), "3 h"), (.seconds(17_999), "5 h"),
        (.seconds(-17_999), "-5 h"), (.seconds(2.6 * 86_400), "3 days"), (.seconds(239), "4 min"),
        (.seconds(10_700), "3 h"), (.seconds(9_100), "3 h"), (.seconds(8_900), "2 h"),
    ])
    func aSpanIsRoundedToTheUnitThatFits(_ span: Duration, _ text: String) {
        #expect(span.spanText == text)
    }
}
