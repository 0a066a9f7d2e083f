import City
import Elevator
import Mosquitto

/// Publishes a fleet in real time to a broker, at the pace at which it happens.
struct LiveFleet {
    /// Messages under way to the broker; more would only queue in memory.
    static let window = 200

    /// - Throws: when the broker cannot be reached in ten seconds.
    static func run(_ scenario: Scenario, seed: UInt64, broker: BrokerURL, trace: OutputFile?) throws -> City {
        let stop = StopOnSignal()
        let link = BrokerLink(MQTTClient.Options(url: broker, clientID: "hoistway-sim-fleet-\(seed)"))
        let patience = MonotonicClock.nanoseconds + 10_000_000_000
        while !link.isConnected, !stop.isSet {
            _ = link.turn(.milliseconds(100))
            if MonotonicClock.nanoseconds > patience {
                throw OutputError(path: "broker \(broker)", reason: "no connection in 10 s")
            }
        }
        var scenario = scenario
        scenario.startSeconds = Instant(nanoseconds: MonotonicClock.wallNanoseconds).seconds + 0.5
        let began = Double(MonotonicClock.nanoseconds) / 1e9 + 0.5
        let city = City(scenario, seed: seed)
        var line: [UInt8] = []
        var count = 0
        func publish(_ arrival: City.Arrival) {
            while !stop.isSet {
                let wait = began + Double(arrival.time) / 1000 - Double(MonotonicClock.nanoseconds) / 1e9
                if wait <= 0, link.underWay < window { break }
                _ = link.turn(.nanoseconds(Int64(max(0.001, min(0.05, wait)) * 1e9)))
            }
            while !stop.isSet,
                !link.publish(
                    arrival.payload, to: String(decoding: arrival.topic, as: UTF8.self), retain: arrival.isRetained)
            { _ = link.turn(.milliseconds(20)) }
            count += 1
            if let trace {
                TraceLine.write(arrival, start: scenario.startSeconds, into: &line)
                trace.write(line)
            }
        }
        while !stop.isSet, city.advance(publish) {}
        while link.underWay > 0, !stop.isSet { _ = link.turn(.milliseconds(50)) }
        link.leave()
        StandardError.write("\(count) messages published")
        return city
    }
}
