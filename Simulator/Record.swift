import ArgumentParser
import Encoding
import FoundationEssentials
import LiftModel
import MQTT
import Platform
import Trace

struct Record: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Record the messages of a broker as a trace, for `hoistway replay`.",
        discussion: """
            It only subscribes, with a session of its own that ends with the command, and records until SIGTERM, Ctrl-C or --for.
            The trace also has the connection's events, so that a replay waits through the gaps as the daemon does. A name that ends
            in .zst is compressed. `hoistway-sim anonymise` prepares a trace that can be given away.

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

    @OptionGroup var access: BrokerAccess

    func run() throws {
        let url = try BrokerAccess.url(broker)
        let life = try life()
        guard topic.allSatisfy(Self.isFilter) else {
            throw ValidationError("--topic: expected a filter such as 'lifts/#' or 'lifts/+/state'")
        }
        let start = MonotonicClock.now
        var options = try access.options(url, clientID: "hoistway-sim-record-\(start.nanoseconds)")
        if out != "-", FileManager.default.fileExists(atPath: out) {
            throw OutputError(
                path: out, reason: "exists, and a recording overwrites nothing: give another name")
        }
        options.sessionExpiry = .zero
        let link = BrokerLink(options, subscribingTo: topic)
        let recording = Recording(try OutputFile(out))
        let hasConnected = record(link, recording, since: start, life: life, url: url)
        guard hasConnected else {
            // The file is empty; the failure below is what counts.
            if out != "-" { try? FileManager.default.removeItem(atPath: out) }
            throw BrokerFailure(url: url, reason: link.trouble ?? "no connection was possible")
        }
        recording.note(.end)
        link.leave()
        StandardError.write(recording.summary(seconds: seconds(since: start)))
    }

    private func life() throws -> Duration? {
        try span.map { text in
            guard let span = Duration(written: text) else {
                throw ValidationError("--for: expected a duration such as 90s")
            }
            return span
        }
    }

    /// Records until a signal or the end of its life, or for 30 s without a connection.
    /// - Returns: whether there was a connection.
    private func record(
        _ link: BrokerLink, _ recording: Recording, since start: MonotonicTime, life: Duration?,
        url: BrokerURL
    ) -> Bool {
        let stop = StopOnSignal()
        var backlog = Backlog()
        var lastSummary = start
        while !stop.isSet, life.map({ MonotonicClock.now - start < $0 }) ?? true {
            let messages = link.turn(.milliseconds(50))
            let now = MonotonicClock.now
            if link.isConnected != backlog.isConnected {
                backlog.change(isConnected: link.isConnected, at: now)
                recording.note(link.isConnected ? .connected : .disconnected)
                if link.isConnected { StandardError.write("connected to \(url)") }
            }
            if let trouble = link.takeTrouble() {
                StandardError.write("no connection to \(url): \(trouble); trying again")
            }
            for message in messages { recording.add(message) }
            if backlog.isDrained(after: messages.count, at: now) { recording.note(.drained) }
            if now - lastSummary >= .seconds(10) {
                lastSummary = now
                recording.flush()
                StandardError.write(recording.summary(seconds: (now - start).inSeconds))
            } else if !backlog.hasConnected, now - start > .seconds(30) {
                break
            }
        }
        return backlog.hasConnected
    }

    /// MQTT 5, 4.7: `#` alone on the last level, `+` alone on a level.
    private static func isFilter(_ text: String) -> Bool {
        let levels = text.split(separator: "/", omittingEmptySubsequences: false)
        return !text.isEmpty && !levels.dropLast().contains("#")
            && levels.allSatisfy { $0 == "#" || $0 == "+" || !$0.contains { "#+".contains($0) } }
    }
}

/// Decides when the messages that waited for a connect have been read.
private struct Backlog {
    private(set) var isConnected = false
    private(set) var hasConnected = false
    private var isDrained = false
    private var connectedAt = MonotonicTime.boot
    private var lastMessage = MonotonicTime.boot

    /// The backlog of a connect counts as read after so long without a message.
    private static let quiet = Duration.milliseconds(200)
    /// The backlog counts as read after so long at the latest.
    private static let patience = Duration.seconds(5)

    mutating func change(isConnected: Bool, at now: MonotonicTime) {
        self.isConnected = isConnected
        (isDrained, connectedAt, lastMessage) = (false, now, now)
        hasConnected = hasConnected || isConnected
    }

    /// - Parameter messages: how many have just been read.
    /// - Returns: true once after a connect.
    mutating func isDrained(after messages: Int, at now: MonotonicTime) -> Bool {
        if messages > 0 { lastMessage = now }
        guard isConnected, !isDrained,
            now - lastMessage > Self.quiet || now - connectedAt > Self.patience
        else { return false }
        isDrained = true
        return true
    }
}

/// A trace that is being written. The times of its rows only grow.
private final class Recording {
    private var writer = TraceWriter()
    private let output: OutputFile
    private var session = 0
    private var topics: Set<String> = []
    private(set) var messages = 0
    /// The wall clock at the start, continued by the monotonic one: a trace's time never goes back.
    private let start = Instant(nanoseconds: MonotonicClock.wallNanoseconds)
    private let startedAt = MonotonicClock.now

    init(_ output: OutputFile) { self.output = output }

    private var now: Instant { start + (MonotonicClock.now - startedAt) }

    func add(_ message: BrokerLink.Message) {
        messages += 1
        topics.insert(message.topic)
        writer.message(
            topic: message.topic.utf8Span.span, payload: message.payload.span,
            isRetained: message.isRetained,
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
