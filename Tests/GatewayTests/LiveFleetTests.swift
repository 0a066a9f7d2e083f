import Foundation
import Testing

@testable import Gateway
@testable import hoistway_sim

/// A simulated fleet that publishes to a real broker in real time.
@Suite(.serialized) struct LiveFleetTests {
    /// Runs 100 lifts with one message a second for six seconds, while a test disturbs the broker.
    /// - Returns: the fleet's output, and the number of received messages.
    private func run(_ connections: String, _ happening: (Site) -> Void) throws -> (
        output: String, received: Int
    ) {
        let site = try Site()
        let listener = Wire(port: site.port, clientID: "all")
        #expect(listener.connect(subscribingTo: ["lifts/#"]))
        let log = site.folder + "/fleet.log"
        let fleet = try ChildProcess(
            [
                BuiltProgram.path("hoistway-sim"), "run",
                Site.root + "/Simulator/scenarios/guangzhou.yaml",
                "--library", Site.root + "/Simulator", "--profiles",
                Site.root + "/Devices/profiles", "--lifts", "100",
                "--duration", "6s", "--broker", "mqtt://127.0.0.1:\(site.port)", "--connections",
                connections,
            ], log: log)
        var received = 0
        #expect(
            site.wait {
                received += listener.turn().count
                return received >= 100
            }, "nothing was received: \((try? String(contentsOfFile: log, encoding: .utf8)) ?? "")")
        happening(site)
        #expect(
            site.wait(30) {
                received += listener.turn().count
                return !fleet.isRunning
            })
        #expect(fleet.outcome == 0)
        var quietTurns = 0
        while quietTurns < 5 {
            let more = listener.turn().count
            received += more
            quietTurns = more == 0 ? quietTurns + 1 : 0
        }
        return (try String(contentsOfFile: log, encoding: .utf8), received)
    }

    @Test(arguments: [("one", "1"), ("lift", "100")])
    func allIsPublishedAndItIsSaidHowLate(_ connections: String, _ count: String) throws {
        let (output, received) = try run(connections) { _ in }
        let published = try #require(
            output.firstMatch(of: /(\d+) messages published over (\d+) connections/), "\(output)")
        #expect(published.output.2 == count)
        #expect(
            Int(published.output.1) == received && received > 500, "\(output), \(received) received"
        )
        #expect(
            output.contains(/behind the schedule p50 [\d.]+ ms, p99 [\d.]+ ms, worst [\d.]+ ms/),
            "\(output)")
    }

    /// The broker takes nothing for four of the six seconds: the messages are late, none is lost,
    /// and the output reports it.
    @Test func aScheduleThatIsNotKeptIsSaid() throws {
        let (output, received) = try run("one") { site in
            site.freezeBroker()
            usleep(4_000_000)
            site.thawBroker()
        }
        #expect(output.contains("THE SCHEDULE IS NOT KEPT"), "\(output)")
        let p99 = try #require(output.firstMatch(of: /p99 ([\d.]+) ms/))
        #expect(Double(p99.output.1)! > 500, "\(output)")
        #expect(
            output.contains("\(received) messages published"), "\(output), \(received) received")
    }
}
