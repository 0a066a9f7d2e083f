import Foundation
import Testing

@testable import Gateway
@testable import hoistway_sim

/// A simulated fleet that publishes to a real broker, at the pace at which it happens.
@Suite(.serialized) struct LiveFleetTests {
    /// Runs 100 lifts at one message a second for six seconds, while something happens to the broker.
    /// - Returns: what the fleet said of itself, and the messages that came.
    private func run(_ connections: String, _ happening: (Site) -> Void) throws -> (said: String, came: Int) {
        let site = try Site()
        let listener = Wire(port: site.port, clientID: "all")
        #expect(listener.waitUntilConnected())
        listener.subscribe(["lifts/#"])
        let log = site.folder + "/fleet.log"
        let fleet = try ChildProcess(
            [
                Site.root + "/.build/debug/hoistway-sim", "run", Site.root + "/Simulator/scenarios/guangzhou.yaml",
                "--library", Site.root + "/Simulator", "--profiles", Site.root + "/Devices/profiles", "--lifts", "100",
                "--duration", "6s", "--broker", "mqtt://127.0.0.1:\(site.port)", "--connections", connections,
            ], log: log)
        var came = 0
        #expect(
            site.wait {
                came += listener.turn().count
                return came >= 100
            }, "nothing came: \((try? String(contentsOfFile: log, encoding: .utf8)) ?? "")")
        happening(site)
        #expect(
            site.wait(30) {
                came += listener.turn().count
                return !fleet.isRunning
            })
        #expect(fleet.outcome == 0)
        var quietTurns = 0
        while quietTurns < 5 {
            let more = listener.turn().count
            came += more
            quietTurns = more == 0 ? quietTurns + 1 : 0
        }
        return (try String(contentsOfFile: log, encoding: .utf8), came)
    }

    @Test(arguments: [("one", "1"), ("lift", "100")])
    func allIsPublishedAndItIsSaidHowLate(_ connections: String, _ count: String) throws {
        let (said, came) = try run(connections) { _ in }
        let published = try #require(said.firstMatch(of: /(\d+) messages published over (\d+) connections/), "\(said)")
        #expect(published.output.2 == count)
        #expect(Int(published.output.1) == came && came > 500, "\(said), \(came) came")
        #expect(said.contains(/behind the schedule p50 [\d.]+ ms, p99 [\d.]+ ms, worst [\d.]+ ms/), "\(said)")
    }

    /// The broker takes nothing for four of the six seconds: the messages go out late, none is lost, and it is said.
    @Test func aScheduleThatIsNotKeptIsSaid() throws {
        let (said, came) = try run("one") { site in
            site.freezeBroker()
            usleep(4_000_000)
            site.thawBroker()
        }
        #expect(said.contains("THE SCHEDULE IS NOT KEPT"), "\(said)")
        let p99 = try #require(said.firstMatch(of: /p99 ([\d.]+) ms/))
        #expect(Double(p99.output.1)! > 500, "\(said)")
        #expect(said.contains("\(came) messages published"), "\(said), \(came) came")
    }
}
