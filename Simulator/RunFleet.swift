import ArgumentParser
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

    @Argument(help: "A scenario file.")
    var scenario: String

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

    @Option(help: "Write what really happened here, a line a fact.")
    var truth: String?

    func run() throws {
        guard let data = FileManager.default.contents(atPath: scenario) else {
            throw InvalidFiles([Diagnostic(file: scenario, message: "cannot be read")])
        }
        var scenario = try Scenario(file: scenario, bytes: Array(data))
        if let lifts {
            guard 1...100_000 ~= lifts else { throw ValidationError("--lifts: expected a number from 1 to 100000") }
            scenario.lifts = lifts
        }
        if let duration {
            guard let span = Duration(written: duration) else {
                throw ValidationError("--duration: found '\(duration)', expected a duration such as 20m")
            }
            scenario.duration = span.inSeconds
        }
        let fleet: Fleet
        if let broker {
            guard let url = BrokerURL(broker) else { throw ValidationError("--broker: expected mqtt://HOST:PORT") }
            fleet = try LiveFleet.run(scenario, seed: seed, broker: url, trace: try out.map { try OutputFile($0) })
        } else if let out {
            fleet = try record(scenario, to: out)
        } else {
            throw ValidationError("say where to: --out TRACE, or --broker URL")
        }
        if let truth { try write(fleet.truth, to: truth) }
    }

    private func record(_ scenario: Scenario, to path: String) throws -> Fleet {
        var fleet = Fleet(scenario, seed: seed, start: scenario.start.seconds)
        let output = try OutputFile(path)
        var line: [UInt8] = []
        var count = 0
        while let delivery = fleet.next() {
            count += 1
            TraceLine.write(delivery, into: &line)
            output.write(line)
        }
        output.flush()
        StandardError.write(
            "\(count) messages of \(scenario.lifts) lifts over \(Duration.seconds(scenario.duration).written), "
                + "\(fleet.doubled) doubled, \(fleet.delayed) delayed")
        return fleet
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
    static func write(_ delivery: Fleet.Delivery, into line: inout [UInt8]) {
        line.removeAll(keepingCapacity: true)
        let time = Int64((delivery.arrival * 1000).rounded()) * 1_000_000
        line.append(contentsOf: "{\"t\":\(JSONWriter.decimalSeconds(time)),\"topic\":\"".utf8)
        line.append(contentsOf: delivery.publication.topic.utf8)
        line.append(contentsOf: "\",\"payload\":\"".utf8)
        // The panel's JSON is plain ASCII without control characters, so quotes and backslashes are all there is to escape.
        for byte in delivery.publication.payload {
            if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") { line.append(UInt8(ascii: "\\")) }
            line.append(byte)
        }
        line.append(contentsOf: "\",\"retain\":false,\"qos\":1}\n".utf8)
    }
}
