import Foundation
import Testing

@testable import Gateway

/// A port with a server that is no broker: the message asks whether it is one, and claims nothing
/// that did not happen.
@Suite(.serialized) struct SilentPortTests {
    /// The daemon with both brokers on that port.
    private func site(at url: String) throws -> Site {
        let site = try Site(centres: "centre: { url: \"\(url)\" }")
        try site.rewriteConfiguration {
            $0.replacingOccurrences(
                of: "broker: { url: \"mqtt://127.0.0.1:\(site.port)\" }",
                with: "broker: { url: \"\(url)\" }")
        }
        return site
    }
    private func routeError(_ site: Site) -> String {
        (site.status["routes"] as? [[String: Any]])?.first?["last_error"] as? String ?? ""
    }

    @Test func aPortThatTakesConnectionsAndSaysNothingIsNotSaidToCloseThem() throws {
        let deaf = try LoopbackListener()
        defer { deaf.close() }
        deaf.serve { _ in }
        let url = "mqtt://127.0.0.1:\(deaf.port)"
        let site = try site(at: url)
        try site.startDaemon()
        #expect(
            site.wait(25) {
                site.log.contains(
                    "broker: \(url) answers nothing on this port within 10 s: is it an MQTT broker? If so, it hangs: restart it. Next"
                )
            },
            "\(site.account)")
        #expect(
            site.wait(25) {
                routeError(site)
                    == "\(url) answers nothing on this port within 15 s: is it an MQTT broker? If so, it hangs: restart it."
            },
            "\(site.status)")
        #expect(!site.log.contains("closed the connection"), "\(site.account)")
    }

    @Test func aPortWhereSomethingElseAnswersIsAskedWhetherItIsABroker() throws {
        let other = try LoopbackListener()
        defer { other.close() }
        other.serve { connection in
            _ = send(connection, "SSH-2.0-OpenSSH_9.2\r\n", 21, Int32(MSG_NOSIGNAL))
            usleep(100_000)
            close(connection)
        }
        let url = "mqtt://127.0.0.1:\(other.port)"
        let site = try site(at: url)
        try site.startDaemon()
        let text = "\(url) ends the connection without an answer to ours: is it an MQTT broker"
        #expect(site.wait { site.log.contains("broker: \(text)") }, "\(site.account)")
        #expect(site.wait { routeError(site).contains(text) }, "\(site.status)")
    }
}
