import Foundation
import Testing

@testable import hoistway_sim

/// A flood of long messages neither fills the memory nor prevents a restart, and hides no
/// entrapment.
@Suite(.serialized) struct FloodTests {
    /// The `MemoryMax=` of systemd/hoistway.service.
    private static let limit = 256 << 20

    /// Messages of nearly 64 KiB, 190 MiB in all: the queue that the broker stores for an absent
    /// gateway.
    private func flood(_ site: Site, _ lift: String) {
        let flooder = Wire(port: site.port, clientID: "flooder")
        guard flooder.connect() else { return }
        let padding = ",\"X\":\"" + String(repeating: "a", count: 64_000) + "\""
        for sequence in 1...3000 {
            let message = state(sequence, zone: true, occupied: false, extra: padding)
            flooder.publish(Array(message.utf8), to: "lifts/\(lift)/state")
        }
        flooder.settle()
    }

    /// From a registered lift, and from an unregistered one.
    @Test(
        .enabled(if: MemoryGroup.isPossible, "no memory cgroup can be made here"),
        arguments: ["1", "unregistered"])
    func aFloodOfLongMessagesFitsIntoMemoryAlsoWhenItIsFoldedAgainAndANeighbourIsHeard(
        _ lift: String
    ) throws {
        let group = try MemoryGroup(bytes: Self.limit)
        let site = try Site(parameters: quick)
        // The longest allowed batches.
        try site.rewriteConfiguration {
            $0.replacingOccurrences(of: "commit_wait: 200ms", with: "commit_wait: 4s")
        }
        func isWell(_ stage: String) throws {
            let peak = try #require(site.peakMemory)
            #expect(peak < Self.limit / 4, "\(stage): it needed \(peak >> 20) MiB")
            #expect(site.isDaemonRunning && group.kills == 0, "\(stage): \(group.kills) kills")
        }
        try site.startDaemon(in: group)
        #expect(site.wait { site.isDrained })
        flood(site, lift)
        #expect(site.wait(60) { site.status("counters", "messages") >= 3000 }, "\(site.status)")
        try isWell("live")
        site.killDaemon()
        flood(site, lift)
        // Read at full speed, and replayed at the next start in the same memory.
        for stage in ["backlog", "replay"] {
            try site.startDaemon(in: group)
            #expect(site.wait(90) { site.isDrained }, "\(site.account)")
            try isWell(stage)
            site.killDaemon()
        }
        try site.startDaemon(in: group)
        #expect(site.wait(60) { site.isDrained }, "\(site.account)")
        site.trap("2")
        #expect(site.wait(60) { site.hasAlert("suspected", of: "2") }, "\(site.account)")
        #expect(site.wait { site.status("counters", "messages") >= 6000 }, "\(site.status)")
        site.stopDaemon()
    }
}
