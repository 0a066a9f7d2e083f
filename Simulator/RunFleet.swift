import ArgumentParser
import City
import Elevator
import Encoding
import FoundationEssentials
import Mosquitto
import PositionedYAML
import Trace

struct RunFleet: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run",
        abstract: "Let a fleet run: into a trace, or live towards a broker.",
        discussion: """
            The same scenario and seed give the same messages and the same truth on every machine. With --out and --broker both, the
            trace is what was published.
            """)

    @Argument(help: "A scenario of the library by its name, or a scenario file.")
    var scenario: String

    @Option(help: "The folder with scenarios and catalogue.")
    var library = "Simulator"

    @Option(help: "The folder with the profiles that lifts speak by.")
    var profiles = "Devices/profiles"

    @Option(help: "What chance draws from.")
    var seed: UInt64 = 1

    @Option(help: "How many lifts, instead of the scenario's number.")
    var lifts: Int?

    @Option(help: "How long, instead of the scenario's duration: 20m, 24h.")
    var duration: String?

    @Option(
        help: "Write a trace here, as fast as it goes; compressed where the name ends in .zst; - is standard output.")
    var out: String?

    @Option(help: "Publish to this broker, at the pace at which it happens: mqtt://HOST:PORT.")
    var broker: String?

    @Option(help: "Who has a connection of its own to the broker: one for all, each building, each lift.")
    var connections = LiveConnections.building

    @Option(help: "Write what really happened here, a line a fact.")
    var truth: String?

    func run() throws {
        var scenario = try CityFiles.scenario(scenario, library: library, profiles: profiles)
        if let lifts {
            guard 1...200_000 ~= lifts else { throw ValidationError("--lifts: expected a number from 1 to 200000") }
            scenario.lifts = lifts
        }
        if let duration {
            guard let span = Duration(written: duration), span > .zero else {
                throw ValidationError(
                    "--duration: found '\(duration)', expected a duration such as 20m, at most a year")
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
        guard broker != nil || out != nil else { throw ValidationError("say where to: --out TRACE, or --broker URL") }
        let url = try broker.map { text in
            guard let url = BrokerURL(text) else { throw ValidationError("--broker: expected mqtt://HOST:PORT") }
            return url
        }
        // Both are opened first: a day's truth must not be lost to a mistyped folder.
        let truthFile = try truth.map { try OutputFile($0, reading: [self.scenario]) }
        let trace = try out.map { try OutputFile($0, reading: [self.scenario] + (truth.map { [$0] } ?? [])) }
        let city: City
        if let url {
            scenario = scenario.withoutItsGateway
            let fleet = LiveFleet(scenario, seed: seed, broker: url, connections: connections)
            city = try fleet.run(scenario, seed: seed, broker: url, trace: trace)
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
    }

    /// As fast as it goes; SIGINT and SIGTERM end it early, with the truth until then.
    private func generate(_ scenario: Scenario, to output: OutputFile) -> City {
        let city = City(scenario, seed: seed)
        let stop = StopOnSignal()
        var trace = FleetTrace(scenario)
        var count = 0
        let began = MonotonicClock.nanoseconds
        var lastSaid = began
        while !stop.isSet,
            city.advance({ arrival in
                count += 1
                output.write(trace.row(arrival))
            })
        {
            let now = MonotonicClock.nanoseconds
            guard now - lastSaid >= 5_000_000_000 else { continue }
            lastSaid = now
            let elapsed = Double(now - began) / 1e9
            StandardError.write(
                "\(Int(city.now / scenario.duration * 100))%  \(count) messages, \(Int(Double(count) / elapsed)) a second, "
                    + "\(Int(city.now / elapsed)) times as fast as life")
        }
        output.write(trace.events(until: city.now))
        output.flush()
        let network = city.networkCounts
        StandardError.write(
            "\(count) messages of \(scenario.lifts) lifts over \(Duration.seconds(city.now).written), "
                + "\(network.doubled) doubled, \(network.delayed) delayed, \(network.lost) lost")
        return city
    }
}

/// The rows of a fleet's trace.
struct FleetTrace {
    private var writer = TraceWriter()
    private var connection: ConnectionStory
    private let start: Int64
    private var session = 1

    /// - Parameter scenario: with the run's start.
    init(_ scenario: Scenario) {
        start = Int64((scenario.startSeconds * 1000).rounded())
        connection = ConnectionStory(scenario)
    }

    private func instant(_ time: Int64) -> Instant { Instant(nanoseconds: (start + time) * 1_000_000) }

    /// - Returns: what happened to the connection until then and is not told yet.
    mutating func events(until end: Double) -> [UInt8] {
        tell(before: end)
        return writer.take()
    }

    private mutating func tell(before end: Double) {
        while let (event, time) = connection.next(before: end) {
            if event == .connected { session += 1 }
            writer.event(.connection(event), session: session, at: instant(Int64((time * 1000).rounded())))
        }
    }

    /// - Returns: the row, behind those of what happened to the connection before.
    mutating func row(_ arrival: City.Arrival) -> [UInt8] {
        tell(before: Double(arrival.time) / 1000)
        writer.message(
            topic: arrival.topic.span, payload: arrival.payload.span, isRetained: arrival.isRetained, qos: 1,
            session: session, at: instant(arrival.time))
        return writer.take()
    }
}
