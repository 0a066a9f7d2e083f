import ArgumentParser
import LiftModel
import Platform

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

extension Trial {
    /// CPU for a flood at QoS 1, and the delay of alerts at a steady rate, compared with
    /// mosquitto's bridge.
    struct Speed: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract:
                "CPU seconds per 100,000 messages at QoS 1, and the delay from publication to the centre at a steady rate."
        )
        @OptionGroup var options: TrialOptions
        @Option(help: "Messages of the flood.") var messages = 200_000
        @Option(help: "Messages a second at the steady rate.") var rate = 2000
        @Option(help: "Seconds at the steady rate.") var span = 30
        @Option(help: "Lifts.") var lifts = 200
        @Option(help: "One message in so many is an alert.") var oneIn = 50

        func validate() throws {
            try checkCounts(
                ("messages", messages), ("rate", rate), ("span", span), ("lifts", lifts),
                ("one-in", oneIn))
        }

        func run() throws {
            let site = try TrialSite(options, lifts: lifts)
            try site.startBuilding()
            try site.startCentre()
            usleep(300_000)
            try site.startGateway()
            try site.waitUntilDrained()
            let centre = TrialCentre(port: site.centrePort)
            defer { centre.end() }
            let publisher = try TrialPublisher(port: site.buildingPort, lifts: lifts)
            // The steady rate comes first, on a small journal.
            try measureDelays(publisher, centre)
            try measureFlood(site, publisher, centre)
            try compareBridge(site, publisher)
        }

        private func measureDelays(_ publisher: TrialPublisher, _ centre: TrialCentre) throws {
            try publisher.publish(rate * span, oneIn: oneIn, perSecond: Double(rate))
            try settle(publisher, centre)
            let delays = delays(publisher, centre, kind: "trial")
            row(
                "publication to the centre at \(rate)/s", "p50 \(rounded(share(delays, 0.5))) ms",
                "p99 \(rounded(share(delays, 0.99))) ms, worst \(rounded(delays.last ?? .nan)) ms, \(delays.count) alerts"
            )
        }

        private func measureFlood(
            _ site: TrialSite, _ publisher: TrialPublisher, _ centre: TrialCentre
        ) throws {
            let gatewayBefore = try TrialSite.cpu(site.gatewayPID)
            let brokerBefore = try TrialSite.cpu(site.buildingPID)
            let start = MonotonicClock.now
            let readBefore = site.status?.counters.messages ?? 0
            try publisher.publish(messages, oneIn: oneIn)
            try publisher.finish()
            while (site.status?.counters.messages ?? 0) - readBefore < messages,
                seconds(since: start) < 300
            {
                usleep(50_000)
            }
            try settle(publisher, centre)
            let span = seconds(since: start)
            let hundred = Double(messages) / 100_000
            let cpu = (try TrialSite.cpu(site.gatewayPID) - gatewayBefore) / hundred
            let broker = (try TrialSite.cpu(site.buildingPID) - brokerBefore) / hundred
            row(
                "\(messages) messages at QoS 1, one in \(oneIn) an alert",
                "\(rounded(cpu, 3)) CPU s/100,000",
                "\(Int(Double(messages) / span)) messages/s; the broker \(rounded(broker, 3))")
            row(
                "resident memory after it",
                "\(rounded(try TrialSite.memory(site.gatewayPID), 1)) MB")
        }

        private func compareBridge(_ site: TrialSite, _ publisher: TrialPublisher) throws {
            site.killGateway()
            let sink = TrialCentre(port: site.centrePort, topics: ["lifts/#"])
            defer { sink.end() }
            let bridge = try site.startBridge()
            defer { bridge.end(SIGKILL) }
            sleep(2)
            let before = try TrialSite.cpu(bridge.pid)
            try publisher.publish(messages, oneIn: oneIn)
            try publisher.finish()
            let start = MonotonicClock.now
            while sink.raw < messages, seconds(since: start) < 20 { usleep(50_000) }
            let brought = Double(max(1, sink.raw)) / 100_000
            row(
                "mosquitto's bridge, the same messages",
                "\(rounded((try TrialSite.cpu(bridge.pid) - before) / brought, 3)) CPU s/100,000",
                "\(sink.raw) of \(messages) delivered")
        }

        private func settle(_ publisher: TrialPublisher, _ centre: TrialCentre) throws {
            try publisher.finish()
            let wanted = publisher.causes.reduce(0) { $0 + $1.count }
            let start = MonotonicClock.now
            while centre.count < wanted, seconds(since: start) < 60 { usleep(20_000) }
        }
    }

    /// Milliseconds from each change of a lift's verdict to the arrival of its event, sorted.
    static func delays(_ publisher: TrialPublisher, _ centre: TrialCentre, kind: String) -> [Double]
    {
        var arrivals: [String: [(Int, MonotonicTime)]] = [:]
        for event in centre.events where event.kind == kind {
            arrivals[event.subject, default: []].append((event.sequence, event.at))
        }
        return publisher.causes.enumerated().flatMap { lift, causes in
            let found = (arrivals[TrialSite.lift(lift)] ?? []).sorted { $0.0 < $1.0 }
            return zip(causes, found).map { Double(($1.1 - $0).nanoseconds) / 1e6 }
        }.sorted()
    }
}

private func share(_ sorted: [Double], _ part: Double) -> Double {
    sorted.isEmpty ? .nan : sorted[min(sorted.count - 1, Int(Double(sorted.count) * part))]
}
