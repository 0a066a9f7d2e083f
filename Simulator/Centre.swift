import ArgumentParser
import Elevator
import Encoding
import FoundationEssentials
import Mosquitto
import Trace

struct Centre: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "A monitoring centre of a few lines: stores what it gets, says so, and counts doubles.",
        discussion: """
            It can be told to be slow (--slow 2s), to refuse a share of the events without a word (--refuse 0.3), or to be
            down for a while (--down 20s..35s, counted from its start). It ends on SIGTERM or after --for.

            With --strict it holds every message to the contract (docs/contract) and says what breaks it, a line each; the exit code is then
            5 if anything did. --strict --from FILE does so with what another centre has stored, one event a line.
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

    @Flag(help: "Say what breaks the contract.")
    var strict = false

    @Option(help: "With --strict: check this file of events instead of listening.")
    var from: String?

    @Option(help: "The folder of the contract's schemas.")
    var contract = "docs/contract"

    @Option(help: "Accept every entrapment, as this person.")
    var acceptBy: String?

    func run() throws {
        if let from {
            guard strict else { throw ValidationError("--from goes with --strict") }
            return try checkFile(from)
        }
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
        var options = MQTTClient.Options(
            url: url,
            clientID: "hoistway-sim-centre-\(prefix.filter { $0.isLetter || $0.isNumber })\(strict ? "-strict" : "")")
        options.sessionExpiry = .seconds(86_400)
        let link = BrokerLink(
            options,
            subscribingTo: ["alert/+", "event/+"].map { "\(prefix)/+/\($0)" }
                + (strict ? ["state", "heartbeat"].map { "\(prefix)/+/\($0)" } : []))
        var check = strict ? try StreamCheck(contract: contract) : nil
        var reported = 0
        let stop = StopOnSignal()
        let file = try OutputFile(out, appending: true)
        var seen: Set<String> = []
        var random = SystemRandomNumberGenerator()
        var answers: [(due: Int64, topic: String, payload: [UInt8])] = []
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
                guard Double.random(in: 0..<1, using: &random) >= refuse else { continue }
                check?.take(message.payload, topic: message.topic)
                for breach in check?.breaches.dropFirst(reported) ?? [] {
                    print("breach: \(breach)")
                    reported += 1
                }
                guard message.topic.contains("/alert/") || message.topic.contains("/event/"),
                    let event = try? Self.event(message.payload)
                else { continue }
                received += 1
                seen.insert(event.id)
                file.write(message.payload + [10])
                let site = message.topic.split(separator: "/").dropLast(2).joined(separator: "/")
                answers.append((now + slow.nanoseconds, site + "/receipt", Self.receipt(event.id)))
                if let acceptBy, let data = event.data, data.kind.map(Alert.isEntrapment) == true, data.revision == 1,
                    let alert = data.alertId
                {
                    answers.append((now + slow.nanoseconds, site + "/word", Self.acceptance(alert, by: acceptBy)))
                }
            }
            // Stored first, and only then said.
            file.sync()
            while let first = answers.first, first.due <= MonotonicClock.nanoseconds {
                guard link.publish(first.payload, to: first.topic) else { break }
                answers.removeFirst()
            }
        }
        if !wasConnected { throw OutputError(path: "broker \(url)", reason: "never connected") }
        link.leave()
        StandardError.write("centre: \(received) events, \(seen.count) of them once, \(received - seen.count) doubles")
        if var check { try conclude(&check, reported) }
    }

    /// - Throws: exit code 5 where the contract was broken.
    private func conclude(_ check: inout StreamCheck, _ reported: Int) throws {
        check.conclude()
        // Nothing came, nothing was shown.
        guard check.messages > 0 else { throw OutputError(path: from ?? broker, reason: "not one message to check") }
        for breach in check.breaches.dropFirst(reported) { print("breach: \(breach)") }
        print(
            "\(check.messages) messages, \(check.unique) events, \(check.repeats) repeats: "
                + (check.breaches.isEmpty ? "the contract is kept" : "\(check.breaches.count) breaches of the contract")
        )
        if !check.breaches.isEmpty { throw ExitCode(5) }
    }

    private func checkFile(_ path: String) throws {
        var check = try StreamCheck(contract: contract)
        try LineReader(path).visitLines { bytes, _ in
            let line = bytes.array
            if !line.allSatisfy({ $0 <= 32 }) { check.take(line) }
        }
        try conclude(&check, 0)
    }

    private static func receipt(_ id: String) -> [UInt8] {
        var json = JSONWriter()
        json.object { $0.put("id", id) }
        return json.bytes
    }

    private static func acceptance(_ alert: String, by: String) -> [UInt8] {
        var json = JSONWriter()
        json.object {
            $0.array("words") {
                $0.object {
                    $0.put("word", "accepted")
                    $0.put("alert_id", alert)
                    $0.put("by", by)
                    $0.put("word_id", "accept-\(alert)")
                }
            }
        }
        return json.bytes
    }

    private struct Event: Decodable {
        struct Body: Decodable {
            var alertId: String?
            var revision: Int?
            var kind: String?
        }
        var id: String
        var data: Body?
    }
    private static func event(_ payload: [UInt8]) throws -> Event {
        try decodeJSON(Event.self, Data(payload))
    }
}
