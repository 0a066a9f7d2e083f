import ArgumentParser
import Encoding
import FoundationEssentials
import LiftModel
import Platform
import Trace

struct Centre: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "A minimal monitoring centre: it stores events, sends receipts, and counts duplicates.",
        discussion: """
            It can be slow (--slow 2s), refuse a share of the events without an answer (--refuse 0.3), or be down for a while
            (--down 20s..35s, counted from its start). It ends on SIGTERM or after --for.

            With --strict it checks every message against the contract (docs/contract) and prints each breach on a line; the exit code
            is then 5 if there was one. --strict --from FILE checks the events that another centre has stored, one event a line.
            """)

    @Option(help: "The centre's broker: mqtt://HOST:PORT or mqtts://HOST:PORT.")
    var broker = "mqtt://127.0.0.1:1883"

    @OptionGroup var access: BrokerAccess

    @Option(help: "The first levels of the topics.")
    var prefix = "hoistway/v1"

    @Option(help: "Append every event received here, a line each.")
    var out = "centre.ndjson"

    @Option(help: "Answer this much later.")
    var slow = "0s"

    @Option(help: "Neither store nor answer this share of the events.")
    var refuse = 0.0

    @Option(help: "Be down from..to after the start.")
    var down: String?

    @Option(name: .customLong("for"), help: "End after this long.")
    var span: String?

    @Flag(help: "Check every message against the contract, and print each breach.")
    var strict = false

    @Option(help: "With --strict: check this file of events instead of listening.")
    var from: String?

    @Option(help: "The folder of the contract's schemas.")
    var contract = "docs/contract"

    @Option(help: "Accept every entrapment, as this person.")
    var acceptBy: String?

    @Option(help: "With --accept-by: sign commands with this private key (PEM, Ed25519).")
    var commandKey: String?

    /// The time after which a broker that cannot be reached ends the command.
    private static let patience = Duration.seconds(30)

    func run() throws {
        if let from {
            guard strict else { throw ValidationError("--from goes with --strict") }
            return try checkFile(from)
        }
        let url = try BrokerAccess.url(broker)
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
        var options = try access.options(
            url,
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
        var isRefusalReported = false
        let start = MonotonicClock.nanoseconds
        while !stop.isSet {
            let now = MonotonicClock.nanoseconds
            wasConnected = wasConnected || link.isConnected
            let age = Duration.nanoseconds(now - start)
            if let life, age >= life { break }
            if !wasConnected, age >= Self.patience { break }
            if let trouble = link.takeTrouble() {
                StandardError.write("no connection to \(url): \(trouble); trying again")
            }
            if link.refused.count > 0, !isRefusalReported {
                isRefusalReported = true
                StandardError.write("\(url) refuses our receipts: \(link.refused.reason).")
            }
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
                    let command = try acceptance(alert, by: acceptBy, of: site.split(separator: "/").last ?? "")
                    answers.append((now + slow.nanoseconds, site + "/word", command))
                }
            }
            // The receipt follows the storage.
            file.sync()
            while let first = answers.first, first.due <= MonotonicClock.nanoseconds {
                guard link.publish(first.payload, to: first.topic) else { break }
                answers.removeFirst()
            }
        }
        if !wasConnected {
            throw BrokerFailure(url: url, reason: "never connected: \(link.trouble ?? "it has not answered yet")")
        }
        link.leave()
        StandardError.write("centre: \(received) events, \(seen.count) distinct, \(received - seen.count) duplicates")
        if var check { try conclude(&check, reported) }
    }

    /// - Throws: exit code 5 where the contract was broken.
    private func conclude(_ check: inout StreamCheck, _ reported: Int) throws {
        check.conclude()
        // Without a message there is nothing to confirm.
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

    private func acceptance(_ alert: String, by: String, of site: Substring) throws -> [UInt8] {
        func put(_ json: inout JSONWriter) {
            json.put("word", "accepted")
            json.put("alert_id", alert)
            json.put("by", by)
            json.put("word_id", "accept-\(alert)")
        }
        var signed: String?
        if let commandKey {
            var command = JSONWriter()
            command.object {
                put(&$0)
                $0.put("site", String(site))
                $0.put("time", Instant(nanoseconds: MonotonicClock.wallNanoseconds).rfc3339)
            }
            signed = Signature.sign(command.bytes, privateKeyFile: commandKey)
            guard signed != nil else { throw OutputError(path: commandKey, reason: "holds no private key of Ed25519") }
        }
        var json = JSONWriter()
        json.object {
            $0.array("words") {
                $0.object { if let signed { $0.put("jws", signed) } else { put(&$0) } }
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
