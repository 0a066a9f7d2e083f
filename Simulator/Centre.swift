import ArgumentParser
import City
import LiftModel
import MQTT
import Platform
import Trace

struct Centre: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract:
            "A minimal monitoring centre: it stores events, sends receipts, and counts duplicates.",
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
    var contract = ShippedData.contract

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
        guard 0...1 ~= refuse else {
            throw ValidationError("--refuse: expected a share from 0 to 1")
        }
        guard let slow = Duration(written: slow) else {
            throw ValidationError("--slow: expected a duration such as 2s")
        }
        let outage = try outage()
        let life = try life()
        let link = try link(to: url)
        var desk = try CentreDesk(self, answeringAfter: slow)
        try serve(&desk, link, url: url, outage: outage, life: life)
        link.leave()
        StandardError.write(desk.summary)
        if var check = desk.check { try conclude(&check, desk.reported) }
    }

    /// - Returns: from when to when it is down, after the start.
    private func outage() throws -> Range<Duration>? {
        try down.map { text in
            let parts = text.split(separator: ".", omittingEmptySubsequences: true).compactMap {
                Duration(written: $0)
            }
            guard parts.count == 2, parts[0] < parts[1] else {
                throw ValidationError("--down: expected FROM..TO such as 20s..35s")
            }
            return parts[0]..<parts[1]
        }
    }

    private func life() throws -> Duration? {
        try span.map { text in
            guard let span = Duration(written: text) else {
                throw ValidationError("--for: expected a duration such as 60s")
            }
            return span
        }
    }

    private func link(to url: BrokerURL) throws -> BrokerLink {
        var options = try access.options(
            url,
            clientID:
                "hoistway-sim-centre-\(prefix.filter { $0.isLetter || $0.isNumber })\(strict ? "-strict" : "")"
        )
        options.sessionExpiry = .seconds(86_400)
        return BrokerLink(
            options,
            subscribingTo: ["alert/+", "event/+"].map { "\(prefix)/+/\($0)" }
                + (strict ? ["state", "heartbeat"].map { "\(prefix)/+/\($0)" } : []))
    }

    /// Receives and answers until a signal, the end of its life, or the end of its patience.
    /// - Throws: `BrokerFailure` where the broker was never reached.
    private func serve(
        _ desk: inout CentreDesk, _ link: BrokerLink, url: BrokerURL, outage: Range<Duration>?,
        life: Duration?
    ) throws {
        let stop = StopOnSignal()
        var wasConnected = false
        var isRefusalReported = false
        let start = MonotonicClock.now
        while !stop.isSet {
            let now = MonotonicClock.now
            wasConnected = wasConnected || link.isConnected
            let age = now - start
            if let life, age >= life { break }
            if !wasConnected, age >= Self.patience { break }
            if let trouble = link.takeTrouble() {
                StandardError.write("no connection to \(url): \(trouble); trying again")
            }
            if link.refused.count > 0, !isRefusalReported {
                isRefusalReported = true
                StandardError.write("\(url) refuses our receipts: \(link.refused.reason).")
            }
            let isDown = outage?.contains(age) ?? false
            for message in link.turn(.milliseconds(desk.owesAnswers ? 10 : 100)) where !isDown {
                try desk.take(message, at: now)
            }
            desk.answer(link)
        }
        if !wasConnected {
            throw BrokerFailure(
                url: url, reason: "never connected: \(link.trouble ?? "it has not answered yet")")
        }
    }

    /// - Throws: exit code 5 where the contract was broken.
    private func conclude(_ check: inout StreamCheck, _ reported: Int) throws {
        check.conclude()
        // Without a message there is nothing to confirm.
        guard check.messages > 0 else {
            throw OutputError(path: from ?? broker, reason: "not one message to check")
        }
        for breach in check.breaches.dropFirst(reported) { print("breach: \(breach)") }
        print(
            "\(check.messages) messages, \(check.unique) events, \(check.repeats) repeats: "
                + (check.breaches.isEmpty
                    ? "the contract is kept" : "\(check.breaches.count) breaches of the contract")
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
}
