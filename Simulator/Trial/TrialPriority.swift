import ArgumentParser
import LiftModel
import MQTT
import Platform

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

extension Trial {
    /// A new alarm call while a long backlog drains.
    struct Priority: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract:
                "From an alarm button to the centre while a backlog of faults drains, compared with the same without a backlog."
        )
        @OptionGroup var options: TrialOptions
        @Option(help: "Faults in the backlog.") var backlog = 1_000_000
        @Option(help: "Alarm calls in each of the two halves.") var calls = 100
        @Option(help: "Lifts that fill the backlog; as many others call.") var lifts = 200
        @Option(help: "Events of the backlog a second (the product's default is 500).") var rate =
            500

        func validate() throws {
            try checkCounts(
                ("backlog", backlog), ("calls", calls), ("lifts", lifts), ("rate", rate))
        }

        func run() throws {
            // A million events are more than the default quotas.
            let site = try TrialSite(
                options, lifts: lifts * 2, backlogRate: rate,
                settings: ["outbox_quota_mib: 8192", "alerts_quota_mib: 8192"])
            try site.startBuilding()
            try site.startCentre()
            usleep(300_000)
            try site.startGateway()
            try site.waitUntilDrained()
            let centre = TrialCentre(port: site.centrePort)
            let calm = try callOut(
                TrialCaller(port: site.buildingPort, first: lifts, lifts: lifts), centre)
            report("without a backlog", calm)
            centre.end()
            site.stopCentre()
            let publisher = try TrialPublisher(port: site.buildingPort, lifts: lifts)
            let began = MonotonicClock.now
            // As fast as the gateway reads: a broker that stores hundreds of megabytes of queue is
            // another trial.
            let start = site.status?.counters.messages ?? 0
            while publisher.published < backlog {
                try publisher.publish(min(5000, backlog - publisher.published), oneIn: 1)
                try publisher.finish()
                while publisher.published - ((site.status?.counters.messages ?? 0) - start) > 10_000
                { usleep(20_000) }
            }
            while (site.status?.centre.backlog ?? 0) < backlog,
                (MonotonicClock.now - began).inSeconds < 1800
            {
                usleep(200_000)
            }
            let waiting = site.status?.centre.backlog ?? 0
            row(
                "waiting in the journal", "\(waiting)",
                "after \(Int((MonotonicClock.now - began).inSeconds)) s; \(Int(try TrialSite.memory(site.gatewayPID))) MB resident"
            )
            try site.startCentre()
            let again = TrialCentre(port: site.centrePort)
            defer { again.end() }
            let patience = MonotonicClock.now + .seconds(120)
            while again.count == 0 {
                guard MonotonicClock.now < patience else {
                    throw OutputError(
                        path: "the gateway", reason: "delivered nothing to the centre in 120 s")
                }
                usleep(50_000)
            }
            // A new connection, since the first one is long over. It continues with the lifts that
            // have not called.
            let busy = try callOut(
                TrialCaller(port: site.buildingPort, first: lifts, lifts: lifts, from: calls), again
            )
            report("while it drains", busy)
            row("still waiting then", "\(site.status?.centre.backlog ?? 0)", "of \(backlog)")
            guard calm.count == calls, busy.count == calls else { throw ExitCode(1) }
        }

        private func report(_ what: String, _ delays: [Double]) {
            func text(_ part: Double) -> String {
                guard !delays.isEmpty else { return "-" }
                return
                    "\((delays[min(delays.count - 1, Int(Double(delays.count) * part))] * 100).rounded() / 100)"
            }
            row(
                "button to the centre, \(what)", "p50 \(text(0.5)) ms",
                "p99 \(text(0.99)) ms, worst \(text(1)) ms, \(delays.count) of \(calls) calls")
        }

        /// Presses buttons, and waits for each call at the centre. Milliseconds, sorted.
        private func callOut(_ caller: TrialCaller, _ centre: TrialCentre) throws -> [Double] {
            var delays: [Double] = []
            for _ in 0..<calls {
                let pressed = try caller.press()
                while MonotonicClock.now - pressed.at < .seconds(10) {
                    try caller.turn()
                    let found = centre.events.suffix(5000).last {
                        $0.kind == "car_alarm_call" && $0.subject == pressed.lift
                            && $0.at >= pressed.at
                    }
                    if let found {
                        delays.append(Double((found.at - pressed.at).nanoseconds) / 1e6)
                        break
                    }
                }
            }
            return delays.sorted()
        }
    }
}

/// Presses the alarm buttons of lifts, one after the other.
final class TrialCaller: MQTTClientDelegate {
    private let first: Int
    private let lifts: Int
    private var client: MQTTClient?
    private var isConnected = false
    private var next: Int

    /// - Parameter presses: the number of presses before.
    init(port: Int, first: Int, lifts: Int, from presses: Int = 0) throws {
        self.first = first
        self.lifts = lifts
        next = presses
        guard let url = BrokerURL("mqtt://127.0.0.1:\(port)") else { return }
        let client = try MQTTClient(
            MQTTClient.Options(url: url, clientID: "trial-caller"), delegate: self)
        self.client = client
        try client.connect()
        while !isConnected { try turn() }
    }

    func press() throws -> (lift: String, at: MonotonicTime) {
        let lift = TrialSite.lift(first + next % lifts)
        next += 1
        let at = MonotonicClock.now
        // The button is released and pressed again on the next round: a call after the end of one
        // is a new call.
        let text =
            "{\"Sequence\":\(next),\"Service_Mode\":1,\"Car_Status\":0,\"Car_Direction\":0,\"Door_Zone\":true,\"Car_Position\":1,\"Door_Status\":true,\"Passenger_Status\":true,\"Message_Code\":[\"90\"]}"
        _ = try client?.publish(Array(text.utf8), to: "lifts/\(lift)/state")
        try turn()
        return (lift, at)
    }

    func turn() throws {
        guard let client else { return }
        try client.write()
        if Poll.wait([client.socket], for: .milliseconds(1))[0] { try client.read() }
        try client.keepAlive()
        try client.write()
    }

    func connected(_ broker: MQTTSession) { isConnected = true }
    func refused(_ reason: MQTTReason) {}
    func disconnected(_ reason: MQTTReason?) { isConnected = false }
    func subscribed(_ mid: Int32, _ grant: MQTTGrant) {}
    func published(_ mid: Int32, _ answer: MQTTPublicationAnswer) {}
    func received(topic: Span<UInt8>, payload: Span<UInt8>, qos: Int, isRetained: Bool, mid: Int) {}
}
