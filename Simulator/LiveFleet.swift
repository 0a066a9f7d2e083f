import ArgumentParser
import City
import Elevator
import Mosquitto

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// Who has a connection of its own to the broker.
enum LiveConnections: String, CaseIterable, ExpressibleByArgument { case one, building, lift }

/// Publishes a fleet in real time to a broker, at the pace at which it happens, and says how well it kept it.
final class LiveFleet {
    /// Messages under way to the broker on one connection; more would only queue in memory.
    private static let window = 200
    /// Seconds that are generated ahead.
    private static let step = 0.25
    private static let patience: Int64 = 30_000_000_000

    private let links: [BrokerLink]
    private let link: (City.Arrival) -> Int
    private let stop = StopOnSignal()
    private var lastRound: Int64 = 0
    /// By how much each message was late, seconds.
    private var lags: [Float] = []

    init(_ scenario: Scenario, seed: UInt64, broker: BrokerURL, connections: LiveConnections) {
        let count: Int
        switch connections {
        case .one: (count, link) = (1, { _ in 0 })
        case .building: (count, link) = (BuildingPlan.draw(scenario, seed: seed).count, \.building)
        case .lift: (count, link) = (scenario.lifts, \.lift)
        }
        // A descriptor each, and some for everything else.
        var limit = rlimit()
        getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
        limit.rlim_cur = min(limit.rlim_max, max(limit.rlim_cur, rlim_t(count + 100)))
        setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
        links = (0..<count).map {
            BrokerLink(MQTTClient.Options(url: broker, clientID: "hoistway-sim-fleet-\(seed)-\($0)"))
        }
    }

    /// - Throws: when the broker cannot be reached in half a minute.
    func run(_ scenario: Scenario, seed: UInt64, broker: BrokerURL, trace: OutputFile?) throws -> City {
        try connect(broker)
        var scenario = scenario
        scenario.startSeconds = Instant(nanoseconds: MonotonicClock.wallNanoseconds).seconds + 0.5
        let began = Double(MonotonicClock.nanoseconds) / 1e9 + 0.5
        let city = City(scenario, seed: seed, step: Self.step)
        var rows = FleetTrace(scenario)
        var lastSaid = began
        while !stop.isSet,
            city.advance({ arrival in
                publish(arrival, due: began + Double(arrival.time) / 1000)
                trace?.write(rows.row(arrival))
            })
        {
            let now = Double(MonotonicClock.nanoseconds) / 1e9
            if now - lastSaid >= 10 {
                lastSaid = now
                StandardError.write("\(Int(now - began)) s  \(lags.count) messages  \(schedule)")
                sayTrouble()
            }
        }
        while links.contains(where: { $0.underWay > 0 }), !stop.isSet { turn(.milliseconds(50)) }
        for link in links { link.leave() }
        StandardError.write("\(lags.count) messages published over \(links.count) connections, \(schedule)")
        return city
    }

    /// What keeps connections from being there, each reason once.
    private func sayTrouble() {
        for reason in Set(links.filter { !$0.isConnected }.compactMap(\.trouble)).sorted() {
            let count = links.count { !$0.isConnected && $0.trouble == reason }
            StandardError.write("\(count) of \(links.count) connections are gone: \(reason)")
        }
    }

    private func connect(_ broker: BrokerURL) throws {
        let giveUp = MonotonicClock.nanoseconds + Self.patience
        var lastSaid = MonotonicClock.nanoseconds
        while !stop.isSet, let missing = links.first(where: { !$0.isConnected }) {
            missing.connectIfDue()
            turn(.milliseconds(1), all: true)
            if MonotonicClock.nanoseconds - lastSaid > 3_000_000_000 {
                lastSaid = MonotonicClock.nanoseconds
                sayTrouble()
            }
            if MonotonicClock.nanoseconds > giveUp {
                let count = links.count { !$0.isConnected }
                throw OutputError(
                    path: "broker \(broker)",
                    reason: "\(count) of \(links.count) connections did not come about in 30 s")
            }
        }
    }

    /// When it is due and not before; later where the broker does not take it.
    private func publish(_ arrival: City.Arrival, due: Double) {
        let link = links[link(arrival)]
        let topic = String(decoding: arrival.topic, as: UTF8.self)
        while !stop.isSet {
            let wait = due - Double(MonotonicClock.nanoseconds) / 1e9
            if wait <= 0, link.underWay < Self.window,
                link.publish(arrival.payload, to: topic, retain: arrival.isKept)
            {
                lags.append(Float(-wait))
                return
            }
            turn(.nanoseconds(Int64(max(0.001, min(0.02, wait)) * 1e9)))
        }
    }

    /// Looks after the connections on which something is, and once a second after all.
    private func turn(_ wait: Duration, all: Bool = false) {
        let ready = Poll.wait(links.map(\.socket), for: wait)
        let now = MonotonicClock.nanoseconds
        let isRound = all || now - lastRound >= 1_000_000_000
        if isRound { lastRound = now }
        for (link, isReadable) in zip(links, ready) where isReadable || isRound || link.wantsWrite {
            link.connectIfDue()
            _ = link.attend(isReadable: isReadable)
        }
    }

    private var schedule: String {
        let sorted = lags.sorted()
        guard let worst = sorted.last else { return "nothing was due" }
        func milliseconds(_ lag: Float) -> String { "\((Double(lag) * 1000).rounded(toDecimals: 1)) ms" }
        let p99 = sorted[Int(Double(sorted.count - 1) * 0.99)]
        return "behind the schedule p50 \(milliseconds(sorted[sorted.count / 2])), p99 \(milliseconds(p99)), worst "
            + "\(milliseconds(worst))\(p99 > 0.05 ? ": THE SCHEDULE IS NOT KEPT, this machine or the broker is too slow" : "")"
    }
}
