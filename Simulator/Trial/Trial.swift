import ArgumentParser
import LiftModel
import Platform

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

struct Trial: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract:
            "Try the gateway under load on this machine: CPU, delay, an outage, a long backlog, a week without the centre.",
        discussion: """
            Each runs brokers, the gateway and a centre on free loopback ports and leaves nothing behind. Run it in the repository.
            On a machine with other work only ratios count: each trial compares the gateway with something in the same run.
            """,
        subcommands: [Speed.self, Outage.self, Priority.self, Partition.self])
}

struct TrialOptions: ParsableArguments {
    @Option(help: "The gateway's program.")
    var hoistway = ".build/release/hoistway"

    @Option(help: "Sign alerts (true or false).")
    var sign = true

    @Option(help: "Keep the folder.")
    var keep: String?
}

/// - Throws: `ValidationError` for the first number below 1.
func checkCounts(_ numbers: (name: String, value: Int)...) throws {
    for (name, value) in numbers where value < 1 {
        throw ValidationError("--\(name): found \(value), expected a whole number from 1 upwards")
    }
}

func row(_ what: String, _ figure: String, _ note: String = "") {
    func padded(_ text: String, _ width: Int) -> String {
        text + String(repeating: " ", count: max(1, width - text.count))
    }
    print(padded(what, 46) + padded(figure, 26) + note)
    fflush(nil)
}

func rounded(_ value: Double, _ digits: Int = 2) -> String {
    let scale = digits == 0 ? 1.0 : digits == 1 ? 10 : digits == 2 ? 100 : 1000
    return "\((value * scale).rounded() / scale)"
}

private func share(_ sorted: [Double], _ part: Double) -> Double {
    sorted.isEmpty ? .nan : sorted[min(sorted.count - 1, Int(Double(sorted.count) * part))]
}

func seconds(since start: Int64) -> Double { Double(MonotonicClock.nanoseconds - start) / 1e9 }

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
                ("messages", messages), ("rate", rate), ("span", span), ("lifts", lifts), ("one-in", oneIn))
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
            try publisher.publish(rate * span, oneIn: oneIn, perSecond: Double(rate))
            try settle(publisher, centre)
            let delays = delays(publisher, centre, kind: "trial")
            row(
                "publication to the centre at \(rate)/s", "p50 \(rounded(share(delays, 0.5))) ms",
                "p99 \(rounded(share(delays, 0.99))) ms, worst \(rounded(delays.last ?? .nan)) ms, \(delays.count) alerts"
            )
            let (gatewayBefore, brokerBefore) = (TrialSite.cpu(site.gatewayPID), TrialSite.cpu(site.buildingPID))
            let start = MonotonicClock.nanoseconds
            let readBefore = site.status?.counters.messages ?? 0
            try publisher.publish(messages, oneIn: oneIn)
            try publisher.finish()
            while (site.status?.counters.messages ?? 0) - readBefore < messages, seconds(since: start) < 300 {
                usleep(50_000)
            }
            try settle(publisher, centre)
            let span = seconds(since: start)
            let hundred = Double(messages) / 100_000
            let cpu = (TrialSite.cpu(site.gatewayPID) - gatewayBefore) / hundred
            let broker = (TrialSite.cpu(site.buildingPID) - brokerBefore) / hundred
            row(
                "\(messages) messages at QoS 1, one in \(oneIn) an alert", "\(rounded(cpu, 3)) CPU s/100,000",
                "\(Int(Double(messages) / span)) messages/s; the broker \(rounded(broker, 3))")
            row("resident memory after it", "\(rounded(TrialSite.memory(site.gatewayPID), 1)) MB")
            try compareBridge(site, publisher)
        }

        private func compareBridge(_ site: TrialSite, _ publisher: TrialPublisher) throws {
            site.killGateway()
            let sink = TrialCentre(port: site.centrePort, topics: ["lifts/#"])
            defer { sink.end() }
            let bridge = try site.startBridge()
            defer { bridge.end(SIGKILL) }
            sleep(2)
            let before = TrialSite.cpu(bridge.pid)
            try publisher.publish(messages, oneIn: oneIn)
            try publisher.finish()
            let start = MonotonicClock.nanoseconds
            while sink.raw < messages, seconds(since: start) < 20 { usleep(50_000) }
            let brought = Double(max(1, sink.raw)) / 100_000
            row(
                "mosquitto's bridge, the same messages",
                "\(rounded((TrialSite.cpu(bridge.pid) - before) / brought, 3)) CPU s/100,000",
                "\(sink.raw) of \(messages) delivered")
        }

        private func settle(_ publisher: TrialPublisher, _ centre: TrialCentre) throws {
            try publisher.finish()
            let wanted = publisher.causes.reduce(0) { $0 + $1.count }
            let start = MonotonicClock.nanoseconds
            while centre.count < wanted, seconds(since: start) < 60 { usleep(20_000) }
        }
    }

    /// Milliseconds from each change of a lift's verdict to the arrival of its event, sorted.
    static func delays(_ publisher: TrialPublisher, _ centre: TrialCentre, kind: String) -> [Double] {
        var arrivals: [String: [(Int, Int64)]] = [:]
        for event in centre.events where event.kind == kind {
            arrivals[event.subject, default: []].append((event.sequence, event.at))
        }
        return publisher.causes.enumerated().flatMap { lift, causes in
            let found = (arrivals[TrialSite.lift(lift)] ?? []).sorted { $0.0 < $1.0 }
            return zip(causes, found).map { Double($1.1 - $0) / 1e6 }
        }.sorted()
    }
}

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
            let start = MonotonicClock.nanoseconds
            while (site.status?.centre.backlog ?? 0) < alerts * 2, seconds(since: start) < 120 { usleep(100_000) }
            let waiting = site.status?.centre.backlog ?? 0
            let memory = TrialSite.memory(site.gatewayPID)
            try site.startCentre()
            let centre = TrialCentre(port: site.centrePort)
            let up = MonotonicClock.nanoseconds
            while centre.count < alerts * 2, seconds(since: up) < 600 { usleep(20_000) }
            centre.end()
            let events = centre.events.filter { $0.kind == "trial" }
            // Counted from the first event: the time of the reconnection is chance.
            let drained = Double((events.last?.at ?? 0) - (events.first?.at ?? 0)) / 1e9
            var last: [String: Int] = [:]
            var outOfOrder = 0
            for event in events {
                if event.sequence <= last[event.subject] ?? 0 { outOfOrder += 1 }
                last[event.subject] = max(last[event.subject] ?? 0, event.sequence)
            }
            row("acknowledged by the building's broker", "\(alerts * 2)", "the gateway was killed between the halves")
            row("waiting in the journal", "\(waiting)", "\(rounded(memory, 1)) MB resident")
            row(
                "arrived once", "\(events.count)",
                "\(centre.copies - centre.count) more copies, \(outOfOrder) out of a lift's order")
            row(
                "drained in", "\(rounded(drained, 1)) s",
                "\(Int(Double(events.count) / drained)) alerts/s with receipts; from the first one on")
            try drainBridge(site, publisher)
            guard events.count == alerts * 2, outOfOrder == 0 else { throw ExitCode(1) }
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
            let up = MonotonicClock.nanoseconds
            var first: Int64 = 0
            while sink.raw < alerts * 2, seconds(since: up) < 120 {
                if first == 0, sink.raw > 0 { first = MonotonicClock.nanoseconds }
                usleep(5_000)
            }
            let span = seconds(since: first == 0 ? up : first)
            row(
                "mosquitto's bridge drained \(sink.raw)", "\(rounded(span, 1)) s",
                "\(Int(Double(sink.raw) / span)) messages/s, without receipts; from the first one on")
        }
    }
}
