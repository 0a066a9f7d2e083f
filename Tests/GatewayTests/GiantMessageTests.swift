import Foundation
import Testing

@testable import Journal
@testable import hoistway_sim

/// Packets that would fill the memory, and long messages of strangers: the gateway takes neither.
@Suite(.serialized) struct GiantMessageTests {
    /// MQTT's longest packet, 256 MiB, and one that fits into the memory once and not twice; within
    /// the unit's memory limit, where this machine can set one for a test.
    @Test(arguments: [268_435_455, 120 << 20], [false, true])
    func aGiantPacketEndsTheConnectionAndNotTheGateway(_ bytes: Int, _ usesTLS: Bool) throws {
        var script = ScriptedBroker.Script()
        script.giant = bytes
        script.messages = {
            $0 == 0 ? [] : [("lifts/1/state", state(1, moving: 1)), ("lifts/1/state", state(2))]
        }
        let broker = try ScriptedBroker(port: try FreePort.find(), script)
        defer { broker.stop() }
        let made = try Certificates()
        let proxy = usesTLS ? try TLSProxy(to: broker.port, made) : nil
        let site = try Site(on: broker)
        if let proxy {
            try site.rewriteConfiguration {
                $0.replacingOccurrences(
                    of: "broker: { url: \"mqtt://127.0.0.1:\(broker.port)\" }",
                    with:
                        "broker: { url: \"mqtts://127.0.0.1:\(proxy.port)\", ca_file: \"\(made.path("ca.crt"))\" }"
                )
            }
        }
        let group = MemoryGroup.isPossible ? try MemoryGroup(bytes: 256 << 20) : nil
        try site.startDaemon(in: group)
        #expect(site.wait(60) { site.hasAlert("suspected", of: "1") }, "\(site.account)")
        // The status is written once a second.
        #expect(site.wait { site.status("counters", "giant_packets") == 1 }, "\(site.status)")
        #expect(site.isDaemonRunning)
        #expect(site.log.contains("it sent a packet longer than we take"), "\(site.account)")
        let peak = try #require(site.peakMemory)
        #expect(peak < 256 << 20, "the unit's MemoryMax; it was \(peak >> 20) MiB")
        #expect(group?.kills ?? 0 == 0)
        site.stopDaemon()
    }

    @Test func aGiantPacketOfTheCentresBrokerHoldsUpOnlyThatRoute() throws {
        var script = ScriptedBroker.Script()
        script.giant = 268_435_455
        let broker = try ScriptedBroker(port: try FreePort.find(), script)
        defer { broker.stop() }
        let site = try Site(
            parameters: quick, centres: "centre: { url: \"mqtt://127.0.0.1:\(broker.port)\" }")
        try site.startDaemon()
        #expect(site.wait { site.isDrained })
        #expect(
            site.wait(60) { site.log.contains("it sent a packet longer than we take") },
            "\(site.account)")
        site.trap()
        #expect(
            site.wait(60) {
                broker.published.contains { $0.topic == "hoistway/v1/test/alert/entrapment" }
            },
            "\(site.account)")
        #expect(site.isDaemonRunning)
    }

    @Test func ofAStrangersMessageOnlyItsBeginningItsLengthAndItsHashAreKept() throws {
        let site = try Site(parameters: quick)
        try site.startDaemon()
        #expect(site.wait { site.isDrained })
        let long = String(repeating: "unregistered ", count: 4850)
        for _ in 0..<40 { site.send("nobody", long) }
        site.send("1", long + long)
        #expect(site.wait { site.status("counters", "messages") == 41 })
        site.killDaemon()
        try site.startDaemon()
        #expect(site.wait { site.isDrained }, "the journal is replayed: \(site.log)")
        site.stopDaemon()
        let page = try site.run(["journal", "export", "--config", site.folder + "/hoistway.yaml"])
        let rows = page.output.split(separator: "\n").filter { $0.contains("unread_sha256") }
        #expect(
            rows.count == 41 && rows.allSatisfy { $0.count < 600 }, "\(page.output.prefix(1000))")
        #expect(rows[0].contains("\"unread_length\":\(long.utf8.count)"))
        let digest = SHA256.hash(Array(long.utf8).span).map { String(format: "%02x", $0) }.joined()
        #expect(rows[0].contains("\"unread_sha256\":\"\(digest)\""))
    }
}
