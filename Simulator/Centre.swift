import ArgumentParser
import Elevator
import Encoding
import FoundationEssentials
import Mosquitto

struct Centre: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "A monitoring centre of a few lines: stores what it gets, says so, and counts doubles.",
        discussion: """
            It can be told to be slow (--slow 2s), to refuse a share of the events without a word (--refuse 0.3), or to be
            down for a while (--down 20s..35s, counted from its start). It ends on SIGTERM or after --for.
            """)

    @Option(help: "The centre's broker.")
    var broker = "mqtt://127.0.0.1:1883"

    @Option(help: "The first levels of the topics.")
    var prefix = "hoistway/v1"

    @Option(help: "Append every event received here, a line each.")
    var out = "centre.ndjson"

    @Option(help: "Answer this much later.")
    var slow = "0s"

    @Option(help: "Do not store, and do not answer, this share of the events.")
    var refuse = 0.0

    @Option(help: "Be down from..to after the start.")
    var down: String?

    @Option(name: .customLong("for"), help: "End after this long.")
    var span: String?

    func run() throws {
        guard let url = BrokerURL(broker) else { throw ValidationError("--broker: expected mqtt://HOST:PORT") }
        guard 0...1 ~= refuse else { throw ValidationError("--refuse: expected a share from 0 to 1") }
        guard let slow = Duration(written: slow) else {
            throw ValidationError("--slow: expected a duration such as 2s")
        }
        let outage = try down.map { text in
            let parts = text.split(separator: ".", omittingEmptySubsequences: true).compactMap { Duration(written: $0) }
            guard parts.count == 2, parts[0] < parts[1] else {
                throw ValidationError("--down: expected FROM..TO such as 20s..35s")
            }
            return parts
        }
        let life = try span.map { text in
            guard let span = Duration(written: text) else {
                throw ValidationError("--for: expected a duration such as 60s")
            }
            return span
        }
        var options = MQTTClient.Options(url: url, clientID: "hoistway-sim-centre")
        options.sessionExpiry = .seconds(86_400)
        let link = BrokerLink(options, subscribingTo: ["\(prefix)/+/alert/+"])
        let stop = StopOnSignal()
        let file = try OutputFile(out, appending: true)
        var seen: Set<String> = []
        var random = SystemRandomNumberGenerator()
        var answers: [(due: Int64, topic: String, id: String)] = []
        var received = 0
        var wasConnected = false
        let start = MonotonicClock.nanoseconds
        while !stop.isSet {
            let now = MonotonicClock.nanoseconds
            wasConnected = wasConnected || link.isConnected
            let age = Duration.nanoseconds(now - start)
            if let life, age >= life { break }
            let isDown = outage.map { age >= $0[0] && age < $0[1] } ?? false
            for message in link.turn(.milliseconds(answers.isEmpty ? 100 : 10)) where !isDown {
                guard Double.random(in: 0..<1, using: &random) >= refuse, let event = try? Self.event(message.payload)
                else { continue }
                received += 1
                seen.insert(event.id)
                file.write(message.payload + [10])
                let site = message.topic.split(separator: "/").dropLast(2).joined(separator: "/")
                answers.append((now + slow.nanoseconds, site + "/receipt", event.id))
            }
            // Stored first, and only then said.
            file.sync()
            while let first = answers.first, first.due <= MonotonicClock.nanoseconds {
                var json = JSONWriter()
                json.object { $0.put("id", first.id) }
                guard link.publish(json.bytes, to: first.topic) else { break }
                answers.removeFirst()
            }
        }
        if !wasConnected { throw OutputError(path: "broker \(url)", reason: "never connected") }
        link.leave()
        StandardError.write("centre: \(received) events, \(seen.count) of them once, \(received - seen.count) doubles")
    }

    private struct Event: Decodable { var id: String }
    private static func event(_ payload: [UInt8]) throws -> Event {
        try decodeJSON(Event.self, Data(payload))
    }
}
