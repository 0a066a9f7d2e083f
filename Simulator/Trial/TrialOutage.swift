import ArgumentParser
import LiftModel
import Platform

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

extension Trial {
    /// An outage of the centre with a kill in it: the test that no peer passed.
    struct Outage: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract:
                "The centre is down: 25,000 alerts, kill -9, 25,000 more; then everything has to arrive once and in order."
        )
        @OptionGroup var options: TrialOptions
        @Option(help: "Alerts before the kill, and again after it.") var alerts = 25_000
        @Option(help: "Lifts.") var lifts = 200

        func validate() throws { try checkCounts(("alerts", alerts), ("lifts", lifts)) }

        func run() throws {
            let site = try TrialSite(options, lifts: lifts)
            try site.startBuilding()
            try site.startGateway()
            try site.waitUntilDrained()
            let publisher = try TrialPublisher(port: site.buildingPort, lifts: lifts)
            try publisher.publish(alerts, oneIn: 1)
            try publisher.finish()
            site.killGateway()
            try site.startGateway()
            try site.waitUntilDrained()
            try publisher.publish(alerts, oneIn: 1)
            try publisher.finish()
            let start = MonotonicClock.now
            while (site.status?.centre.backlog ?? 0) < alerts * 2, seconds(since: start) < 120 {
                usleep(100_000)
            }
            let waiting = site.status?.centre.backlog ?? 0
            let memory = try TrialSite.memory(site.gatewayPID)
            try site.startCentre()
            let centre = TrialCentre(port: site.centrePort)
            let up = MonotonicClock.now
            while centre.count < alerts * 2, seconds(since: up) < 600 { usleep(20_000) }
            centre.end()
            let isRight = report(centre, waiting: waiting, memory: memory)
            try drainBridge(site, publisher)
            guard isRight else { throw ExitCode(1) }
        }

        /// - Parameters:
        ///   - waiting: events in the journal before the centre came back.
        ///   - memory: MB that the gateway held then.
        /// - Returns: whether everything arrived once and in order.
        private func report(_ centre: TrialCentre, waiting: Int, memory: Double) -> Bool {
            let events = centre.events.filter { $0.kind == "trial" }
            // Counted from the first event: the time of the reconnection is chance.
            let drained = ((events.last?.at ?? .boot) - (events.first?.at ?? .boot)).inSeconds
            var last: [String: Int] = [:]
            var outOfOrder = 0
            for event in events {
                if event.sequence <= last[event.subject] ?? 0 { outOfOrder += 1 }
                last[event.subject] = max(last[event.subject] ?? 0, event.sequence)
            }
            row(
                "acknowledged by the building's broker", "\(alerts * 2)",
                "the gateway was killed between the halves")
            row("waiting in the journal", "\(waiting)", "\(rounded(memory, 1)) MB resident")
            row(
                "arrived once", "\(events.count)",
                "\(centre.copies - centre.count) more copies, \(outOfOrder) out of a lift's order")
            row(
                "drained in", "\(rounded(drained, 1)) s",
                "\(Int(Double(events.count) / drained)) alerts/s with receipts; from the first one on"
            )
            return events.count == alerts * 2 && outOfOrder == 0
        }

        /// The same number of messages, waiting in mosquitto's bridge.
        private func drainBridge(_ site: TrialSite, _ publisher: TrialPublisher) throws {
            site.killGateway()
            site.stopCentre()
            let bridge = try site.startBridge()
            defer { bridge.end(SIGKILL) }
            sleep(2)
            try publisher.publish(alerts * 2, oneIn: 1)
            try publisher.finish()
            sleep(2)
            try site.startCentre()
            let sink = TrialCentre(port: site.centrePort, topics: ["lifts/#"])
            defer { sink.end() }
            let up = MonotonicClock.now
            var first: MonotonicTime?
            while sink.raw < alerts * 2, seconds(since: up) < 120 {
                if first == nil, sink.raw > 0 { first = MonotonicClock.now }
                usleep(5_000)
            }
            let span = seconds(since: first ?? up)
            row(
                "mosquitto's bridge drained \(sink.raw)", "\(rounded(span, 1)) s",
                "\(Int(Double(sink.raw) / span)) messages/s, without receipts; from the first one on"
            )
        }
    }
}
