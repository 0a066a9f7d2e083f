import Elevator
import Mosquitto

/// Publishes a fleet in real time to a broker, at the pace at which it happens.
struct LiveFleet {
    /// Messages under way to the broker; more would only queue in memory.
    static let window = 200

    /// - Throws: when the broker cannot be reached in ten seconds.
    static func run(_ scenario: Scenario, seed: UInt64, broker: BrokerURL, trace: OutputFile?) throws -> Fleet {
        let stop = StopOnSignal()
        let link = BrokerLink(MQTTClient.Options(url: broker, clientID: "hoistway-sim-fleet-\(seed)"))
        let patience = MonotonicClock.nanoseconds + 10_000_000_000
        while !link.isConnected, !stop.isSet {
            _ = link.turn(.milliseconds(100))
            if MonotonicClock.nanoseconds > patience {
                throw OutputError(path: "broker \(broker)", reason: "no connection in 10 s")
            }
        }
        let start = Instant(nanoseconds: MonotonicClock.wallNanoseconds).seconds + 0.5
        let offset = Double(MonotonicClock.nanoseconds) / 1e9 - start + 0.5
        var fleet = Fleet(scenario, seed: seed, start: start)
        var line: [UInt8] = []
        var count = 0
        while !stop.isSet, let delivery = fleet.next() {
            while !stop.isSet {
                let wait = delivery.arrival + offset - Double(MonotonicClock.nanoseconds) / 1e9
                if wait <= 0, link.underWay < window { break }
                _ = link.turn(.nanoseconds(Int64(max(0.001, min(0.05, wait)) * 1e9)))
            }
            while !stop.isSet,
                !link.publish(
                    delivery.publication.payload, to: delivery.publication.topic,
                    retain: delivery.publication.isRetained)
            {
                _ = link.turn(.milliseconds(20))
            }
            count += 1
            if let trace {
                TraceLine.write(delivery, into: &line)
                trace.write(line)
            }
        }
        while link.underWay > 0, !stop.isSet { _ = link.turn(.milliseconds(50)) }
        link.leave()
        StandardError.write("\(count) messages published")
        return fleet
    }
}
