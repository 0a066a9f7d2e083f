import ArgumentParser
import City
import LiftModel
import MQTT
import Platform

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// What shares one connection to the broker: the fleet, a building, or a lift.
enum LiveConnections: String, CaseIterable, ExpressibleByArgument { case one, building, lift }

/// Publishes a fleet to a broker in real time, and reports how well it kept the schedule.
final class LiveFleet {
    /// Messages in flight on one connection; more would only wait in memory.
    private static let window = 200
    /// Seconds that are generated ahead.
    private static let step = 0.25
    private static let patience = Duration.seconds(30)

    private let broker: BrokerURL
    private let links: [BrokerLink]
    private let link: (City.Arrival) -> Int
    private let stop = StopOnSignal()
    private var lastRound = MonotonicTime.boot
    /// Seconds by which each message was late.
    private var lags: [Float] = []

    /// - Parameter client: the options for the broker; each connection's client id begins with its
    ///   id.
    init(
        _ scenario: Scenario, seed: UInt64, client: MQTTClient.Options, connections: LiveConnections
    ) {
        broker = client.url
        let count: Int
        switch connections {
        case .one: (count, link) = (1, { _ in 0 })
        case .building: (count, link) = (BuildingPlan.draw(scenario, seed: seed).count, \.building)
        case .lift: (count, link) = (scenario.lifts, \.lift)
        }
        // A descriptor for each connection, and some for everything else.
        var limit = rlimit()
        getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
        limit.rlim_cur = min(limit.rlim_max, max(limit.rlim_cur, rlim_t(count + 100)))
        setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
        let diagnosis = LinkDiagnosis()
        links = (0..<count).map {
            var options = client
            options.clientID += "-\($0)"
            return BrokerLink(options, diagnosis: diagnosis)
        }
    }

    /// - Throws: when the broker cannot be reached within half a minute.
    func run(_ scenario: Scenario, seed: UInt64, trace: OutputFile?) throws -> City {
        try connect()
        var scenario = scenario
        scenario.startSeconds = Instant(nanoseconds: MonotonicClock.wallNanoseconds).seconds + 0.5
        let began = MonotonicClock.now.seconds + 0.5
        let city = City(scenario, seed: seed, step: Self.step)
        var rows = FleetTrace(scenario)
        var lastReport = began
        while !stop.isSet,
            city.advance({ arrival in
                publish(arrival, due: began + Double(arrival.time) / 1000)
                trace?.write(rows.row(arrival))
            })
        {
            let now = MonotonicClock.now.seconds
            if now - lastReport >= 10 {
                lastReport = now
                StandardError.write("\(Int(now - began)) s  \(lags.count) messages  \(schedule)")
                reportTrouble()
            }
        }
        while links.contains(where: { $0.inFlight > 0 }), !stop.isSet { turn(.milliseconds(50)) }
        for link in links { link.leave() }
        StandardError.write(
            "\(lags.count) messages published over \(links.count) connections, \(schedule)")
        return city
    }

    /// The published messages that the broker has refused.
    var refusal: BrokerFailure? {
        guard let reason = links.first(where: { $0.refused.count > 0 })?.refused.reason else {
            return nil
        }
        let count = links.reduce(0) { $0 + $1.refused.count }
        return BrokerFailure(url: broker, reason: "it refused \(count) of the messages: \(reason)")
    }

    /// Reports why connections are missing, each reason once, and what the broker refuses.
    private func reportTrouble() {
        if let refusal { StandardError.write("\(refusal)") }
        for reason in Set(links.filter { !$0.isConnected }.compactMap(\.trouble)).sorted() {
            let count = links.count { !$0.isConnected && $0.trouble == reason }
            StandardError.write("\(count) of \(links.count) connections are lost: \(reason)")
        }
    }

    private func connect() throws {
        let giveUp = MonotonicClock.now + Self.patience
        var lastReport = MonotonicClock.now
        while !stop.isSet, let missing = links.first(where: { !$0.isConnected }) {
            missing.connectIfDue()
            turn(.milliseconds(1), all: true)
            if MonotonicClock.now - lastReport > .seconds(3) {
                lastReport = MonotonicClock.now
                reportTrouble()
            }
            if MonotonicClock.now > giveUp {
                let count = links.count { !$0.isConnected }
                throw BrokerFailure(
                    url: broker,
                    reason: "\(count) of \(links.count) connections failed for 30 s"
                        + (missing.trouble.map { ": \($0)" } ?? ""))
            }
        }
    }

    /// Publishes a message when it is due, or later where the broker does not take it.
    private func publish(_ arrival: City.Arrival, due: Double) {
        let link = links[link(arrival)]
        let topic = String(decoding: arrival.topic, as: UTF8.self)
        while !stop.isSet {
            let wait = due - MonotonicClock.now.seconds
            if wait <= 0, link.inFlight < Self.window,
                link.publish(arrival.payload, to: topic, retain: arrival.hasRetainFlag)
            {
                lags.append(Float(-wait))
                return
            }
            turn(.nanoseconds(Int64(max(0.001, min(0.02, wait)) * 1e9)))
        }
    }

    /// Serves the connections with something to read or write, and all of them once a second.
    private func turn(_ wait: Duration, all: Bool = false) {
        let ready = Poll.wait(links.map(\.socket), for: wait)
        let now = MonotonicClock.now
        let isRound = all || now - lastRound >= .seconds(1)
        if isRound { lastRound = now }
        for (link, isReadable) in zip(links, ready) where isReadable || isRound || link.wantsWrite {
            link.connectIfDue()
            _ = link.attend(isReadable: isReadable)
        }
    }

    private var schedule: String {
        let sorted = lags.sorted()
        guard let worst = sorted.last else { return "nothing was due" }
        func milliseconds(_ lag: Float) -> String {
            "\((Double(lag) * 1000).rounded(toDecimals: 1)) ms"
        }
        let p99 = sorted[Int(Double(sorted.count - 1) * 0.99)]
        return
            "behind the schedule p50 \(milliseconds(sorted[sorted.count / 2])), p99 \(milliseconds(p99)), worst "
            + "\(milliseconds(worst))\(p99 > 0.05 ? ": THE SCHEDULE IS NOT KEPT, this machine or the broker is too slow" : "")"
    }
}
