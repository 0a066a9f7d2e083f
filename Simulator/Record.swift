import ArgumentParser
import Elevator
import Encoding
import FoundationEssentials
import Mosquitto
import Trace

struct Record: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Capture what a broker carries as a trace, for `hoistway replay`.",
        discussion: """
            It only listens, with a session of its own that ends with it, and records until SIGTERM, Ctrl-C or --for. What happens to the
            connection stands in the trace, so that a replay waits through the gaps as the daemon does. A name that ends in .zst is
            compressed. `hoistway-sim anonymise` makes a trace fit to be given away.

              hoistway-sim record --broker mqtt://127.0.0.1:1883 --topic 'lifts/#' --for 1h --out building.ndjson.zst
            """)

    @Option(help: "The lifts' broker: mqtt://HOST:PORT or mqtts://HOST:PORT.")
    var broker = "mqtt://127.0.0.1:1883"

    @Option(help: "A topic filter; may be given several times.")
    var topic: [String] = ["lifts/#"]

    @Option(help: "Write the trace here; - is standard output.")
    var out: String

    @Option(name: .customLong("for"), help: "End after this long: 90s, 24h.")
    var span: String?

    @Option(help: "The broker's user.")
    var username: String?

    @Option(help: "A file that holds the password, so that it stands in no list of processes.")
    var passwordFile: String?

    @Option(help: "With mqtts: the certificate of the authority that the broker's is signed by.")
    var caFile: String?

    @Option(help: "With mqtts: a certificate of our own, with --key-file.")
    var certificateFile: String?

    @Option(help: "With mqtts: its private key.")
    var keyFile: String?

    /// So long without a word after a connect, and what the broker had kept has been read.
    private static let quiet: Int64 = 200_000_000
    /// Until nothing is quiet for so long, and words count as said just now.
    private static let patience: Int64 = 5_000_000_000

    func run() throws {
        guard let url = BrokerURL(broker) else {
            throw ValidationError("--broker: expected mqtt://HOST:PORT or mqtts://HOST:PORT")
        }
        let life = try span.map { text in
            guard let span = Duration(written: text) else {
                throw ValidationError("--for: expected a duration such as 90s")
            }
            return span.nanoseconds
        }
        guard topic.allSatisfy(Self.isFilter) else {
            throw ValidationError("--topic: expected a filter such as 'lifts/#' or 'lifts/+/state'")
        }
        if !broker.hasPrefix("mqtts:"), caFile ?? certificateFile ?? keyFile != nil {
            throw ValidationError("--ca-file, --certificate-file and --key-file go with mqtts://")
        }
        if out != "-", FileManager.default.fileExists(atPath: out) {
            throw OutputError(path: out, reason: "exists, and a recording is not made twice: give another name")
        }
        let start = MonotonicClock.nanoseconds
        var options = MQTTClient.Options(url: url, clientID: "hoistway-sim-record-\(start)")
        options.sessionExpiry = .zero
        options.username = username
        options.password = try passwordFile.map(Self.secret)
        (options.caFile, options.certificateFile, options.keyFile) = (caFile, certificateFile, keyFile)
        let link = BrokerLink(options, subscribingTo: topic)
        let recording = Recording(try OutputFile(out))
        let stop = StopOnSignal()
        var isConnected = false
        var isDrained = false
        var connectedAt: Int64 = 0
        var lastWord: Int64 = 0
        var lastSaid = start
        var hasConnected = false
        var said: String?
        while !stop.isSet, life.map({ MonotonicClock.nanoseconds - start < $0 }) ?? true {
            let messages = link.turn(.milliseconds(50))
            let now = MonotonicClock.nanoseconds
            if link.isConnected != isConnected {
                isConnected = link.isConnected
                (isDrained, connectedAt, lastWord) = (false, now, now)
                recording.note(isConnected ? .connected : .disconnected)
                if isConnected { StandardError.write("connected to \(url)") }
                hasConnected = hasConnected || isConnected
                said = nil
            }
            if !isConnected, let trouble = link.trouble, trouble != said {
                said = trouble
                StandardError.write("no connection to \(url): \(trouble); trying again")
            }
            for message in messages { recording.add(message) }
            if !messages.isEmpty { lastWord = now }
            if isConnected, !isDrained, now - lastWord > Self.quiet || now - connectedAt > Self.patience {
                isDrained = true
                recording.note(.drained)
            }
            if now - lastSaid >= 10_000_000_000 {
                lastSaid = now
                recording.flush()
                StandardError.write(recording.summary(seconds: Double(now - start) / 1e9))
            } else if !hasConnected, now - start > 30_000_000_000 {
                break
            }
        }
        guard hasConnected else {
            if out != "-" { try? FileManager.default.removeItem(atPath: out) }
            throw OutputError(path: "broker \(url)", reason: link.trouble ?? "no connection came about")
        }
        recording.note(.end)
        link.leave()
        StandardError.write(recording.summary(seconds: Double(MonotonicClock.nanoseconds - start) / 1e9))
    }

    /// MQTT 5, 4.7: `#` alone on the last level, `+` alone on its own.
    private static func isFilter(_ text: String) -> Bool {
        let levels = text.split(separator: "/", omittingEmptySubsequences: false)
        return !text.isEmpty && !levels.dropLast().contains("#")
            && levels.allSatisfy { $0 == "#" || $0 == "+" || !$0.contains { "#+".contains($0) } }
    }

    private static func secret(_ path: String) throws -> String {
        var text = ""
        try LineReader(path).visitLines { line, number in
            if number == 1 { text = String(decoding: line.array, as: UTF8.self) }
        }
        return text
    }
}

/// A trace under way: rows whose times only grow.
private final class Recording {
    private var writer = TraceWriter()
    private let output: OutputFile
    private var session = 0
    private var topics: Set<String> = []
    private(set) var messages = 0
    /// The wall clock at the start, to which steady time is added: a trace's time never goes back.
    private let offset = MonotonicClock.wallNanoseconds - MonotonicClock.nanoseconds

    init(_ output: OutputFile) { self.output = output }

    private var now: Instant { Instant(nanoseconds: MonotonicClock.nanoseconds + offset) }

    func add(_ message: BrokerLink.Message) {
        messages += 1
        topics.insert(message.topic)
        writer.message(
            topic: message.topic.utf8Span.span, payload: message.payload.span, isRetained: message.isRetained,
            qos: message.qos, session: session, at: now)
        output.write(writer.take())
    }

    func note(_ event: ConnectionEvent) {
        if event == .connected { session += 1 }
        writer.event(.connection(event), session: session, at: now)
        output.write(writer.take())
    }

    func flush() { output.flush() }

    func summary(seconds: Double) -> String {
        let rate = (Double(messages) / max(seconds, 0.001)).rounded(toDecimals: 1)
        return "\(Int(seconds)) s  \(messages) messages on \(topics.count) topics, \(rate) a second"
    }
}
