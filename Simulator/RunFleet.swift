import ArgumentParser
import City
import Encoding
import FoundationEssentials
import LiftModel
import Platform
import PositionedYAML
import Trace

struct RunFleet: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run",
        abstract: "Simulate a fleet: into a trace, or live to a broker.",
        discussion: """
            The same scenario and seed give the same messages and the same truth on every machine. With both --out and --broker the
            trace has what was published.
            """)

    @Argument(help: "A scenario of the library by its name, or a scenario file.")
    var scenario: String

    @Option(help: "The folder with scenarios and catalogue.")
    var library = ShippedData.library

    @Option(help: "The folder with the profiles by which lifts publish.")
    var profiles = ShippedData.profiles

    @Option(help: "The seed of chance.")
    var seed: UInt64 = 1

    @Option(help: "How many lifts, instead of the scenario's number.")
    var lifts: Int?

    @Option(help: "How long, instead of the scenario's duration: 20m, 24h.")
    var duration: String?

    @Option(
        help:
            "Write a trace here, as fast as possible; compressed where the name ends in .zst; - is standard output."
    )
    var out: String?

    @Option(help: "Publish to this broker in real time: mqtt://HOST:PORT or mqtts://HOST:PORT.")
    var broker: String?

    @OptionGroup var access: BrokerAccess

    @Option(
        help: "What shares one connection to the broker: one for all, each building, each lift.")
    var connections = LiveConnections.building

    @Option(help: "Write the truth here, one fact a line.")
    var truth: String?

    func run() throws {
        var scenario = try CityFiles.scenario(scenario, library: library, profiles: profiles)
        if let lifts {
            guard 1...200_000 ~= lifts else {
                throw ValidationError("--lifts: expected a number from 1 to 200000")
            }
            scenario.lifts = lifts
        }
        if let duration {
            guard let span = Duration(written: duration), span > .zero else {
                throw ValidationError(
                    "--duration: found '\(duration)', expected a duration such as 20m, at most a year"
                )
            }
            scenario.duration = span.inSeconds
            let late = scenario.events.count { $0.at >= span.inSeconds }
            if late > 0 {
                StandardError.write(
                    "--duration: \(late) of the scenario's \(scenario.events.count) events come after \(span.written) and do not happen"
                )
            }
        }
        if let out, out == truth { throw ValidationError("--out and --truth name one file") }
        guard broker != nil || out != nil else {
            throw ValidationError("name an output: --out TRACE, or --broker URL")
        }
        let client = try broker.map { text in
            try access.options(BrokerAccess.url(text), clientID: "hoistway-sim-fleet-\(seed)")
        }
        // Both are opened first, so that a mistyped folder does not lose a day's truth.
        let truthFile = try truth.map { try OutputFile($0, reading: [self.scenario]) }
        let trace = try out.map {
            try OutputFile($0, reading: [self.scenario] + (truth.map { [$0] } ?? []))
        }
        let city: City
        var refusal: BrokerFailure?
        if let client {
            scenario = scenario.withoutItsGateway
            let fleet = LiveFleet(scenario, seed: seed, client: client, connections: connections)
            city = try fleet.run(scenario, seed: seed, trace: trace)
            refusal = fleet.refusal
        } else if let trace {
            city = generate(scenario, to: trace)
        } else {
            return
        }
        if let truthFile {
            var json = JSONWriter()
            for row in city.truth { row.write(to: &json) }
            truthFile.write(json.bytes)
            truthFile.flush()
        }
        if let refusal { throw refusal }
    }

    /// After this share of the run's duration the size of the trace is estimated.
    private static let sampledShare = 0.01
    /// Smaller traces need no warning.
    private static let largeBytes = 200e6

    /// Warns of a large trace.
    private static func warnOfSize(_ estimate: Double) {
        guard estimate >= largeBytes else { return }
        let gigabytes = (estimate / 1e8).rounded() / 10
        StandardError.write(
            "the trace will have about \(gigabytes) GB, a twentieth of it where --out ends in .zst; Ctrl-C ends the run early"
        )
    }

    /// As fast as possible. SIGINT and SIGTERM end it early, with the truth until then.
    private func generate(_ scenario: Scenario, to output: OutputFile) -> City {
        let city = City(scenario, seed: seed)
        let stop = StopOnSignal()
        var trace = FleetTrace(scenario)
        var count = 0
        var bytes = 0
        var isSizeEstimated = false
        let began = MonotonicClock.now
        var lastReport = began
        while !stop.isSet,
            city.advance({ arrival in
                count += 1
                let row = trace.row(arrival)
                bytes += row.count
                output.write(row)
            })
        {
            if !isSizeEstimated, city.now >= scenario.duration * Self.sampledShare {
                isSizeEstimated = true
                Self.warnOfSize(Double(bytes) * scenario.duration / city.now)
            }
            let now = MonotonicClock.now
            guard now - lastReport >= .seconds(5) else { continue }
            lastReport = now
            let elapsed = (now - began).inSeconds
            StandardError.write(
                "\(Int(city.now / scenario.duration * 100))%  \(count) messages, \(Int(Double(count) / elapsed)) a second, "
                    + "\(Int(city.now / elapsed)) times real time")
        }
        output.write(trace.events(until: city.now))
        output.flush()
        let network = city.networkCounts
        StandardError.write(
            "\(count) messages of \(scenario.lifts) lifts over \(Duration.seconds(city.now).written), "
                + "\(network.doubled) duplicated, \(network.delayed) delayed, \(network.lost) lost")
        return city
    }
}

/// The rows of a fleet's trace.
struct FleetTrace {
    private var writer = TraceWriter()
    private var connection: ConnectionSchedule
    private let start: Int64
    private var session = 1

    /// - Parameter scenario: with the run's start.
    init(_ scenario: Scenario) {
        start = Int64((scenario.startSeconds * 1000).rounded())
        connection = ConnectionSchedule(scenario)
    }

    private func instant(_ time: Int64) -> Instant {
        Instant(nanoseconds: (start + time) * 1_000_000)
    }

    /// - Returns: the connection events until then that were not returned before.
    mutating func events(until end: Double) -> [UInt8] {
        writeEvents(before: end)
        return writer.take()
    }

    private mutating func writeEvents(before end: Double) {
        while let (event, time) = connection.next(before: end) {
            if event == .connected { session += 1 }
            writer.event(
                .connection(event), session: session, at: instant(Int64((time * 1000).rounded())))
        }
    }

    /// - Returns: the row, after those of the connection events before it.
    mutating func row(_ arrival: City.Arrival) -> [UInt8] {
        writeEvents(before: Double(arrival.time) / 1000)
        writer.message(
            topic: arrival.topic.span, payload: arrival.payload.span,
            isRetained: arrival.isRetained, qos: 1,
            session: session, at: instant(arrival.time))
        return writer.take()
    }
}
