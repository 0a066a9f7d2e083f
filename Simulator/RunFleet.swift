import ArgumentParser
import City
import Elevator
import Encoding
import FoundationEssentials
import Mosquitto
import PositionedYAML

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

    @Option(help: "Write a trace here, as fast as it goes; - is standard output.")
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
            guard let span = Duration(written: duration) else {
                throw ValidationError("--duration: found '\(duration)', expected a duration such as 20m")
            }
            scenario.duration = span.inSeconds
        }
        let city: City
        if let broker {
            guard let url = BrokerURL(broker) else { throw ValidationError("--broker: expected mqtt://HOST:PORT") }
            let fleet = LiveFleet(scenario, seed: seed, broker: url, connections: connections)
            city = try fleet.run(scenario, seed: seed, broker: url, trace: try out.map { try OutputFile($0) })
        } else if let out {
            city = try record(scenario, to: out)
        } else {
            throw ValidationError("say where to: --out TRACE, or --broker URL")
        }
        if let truth { try write(city.truth, to: truth) }
    }

    private func record(_ scenario: Scenario, to path: String) throws -> City {
        let city = City(scenario, seed: seed)
        let output = try OutputFile(path)
        var line: [UInt8] = []
        var count = 0
        while city.advance({ arrival in
            count += 1
            TraceLine.write(arrival, start: scenario.startSeconds, into: &line)
            output.write(line)
        }) {}
        output.flush()
        let network = city.networkCounts
        StandardError.write(
            "\(count) messages of \(scenario.lifts) lifts over \(Duration.seconds(scenario.duration).written), "
                + "\(network.doubled) doubled, \(network.delayed) delayed, \(network.lost) lost")
        return city
    }

    private func write(_ rows: [TruthRow], to path: String) throws {
        var json = JSONWriter()
        for row in rows { row.write(to: &json) }
        let output = try OutputFile(path)
        output.write(json.bytes)
        output.flush()
    }
}

/// A line of a trace, as `hoistway replay` reads it.
enum TraceLine {
    /// - Parameter start: of the run, seconds since 1970.
    static func write(_ arrival: City.Arrival, start: Double, into line: inout [UInt8]) {
        line.removeAll(keepingCapacity: true)
        let time = Int64((start * 1000).rounded()) + arrival.time
        line.append(contentsOf: "{\"t\":\(time / 1000).".utf8)
        for place in [100, 10, 1] as [Int64] { line.append(UInt8(ascii: "0") + UInt8(time / place % 10)) }
        line.append(contentsOf: ",\"topic\":\"".utf8)
        line.append(contentsOf: arrival.topic)
        line.append(contentsOf: "\",\"payload\":\"".utf8)
        // The panel's JSON is plain ASCII without control characters, so quotes and backslashes are all there is to escape.
        for byte in arrival.payload {
            if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") { line.append(UInt8(ascii: "\\")) }
            line.append(byte)
        }
        line.append(contentsOf: "\",\"retain\":false,\"qos\":1}\n".utf8)
    }
}
