import ArgumentParser
import City
import FoundationEssentials
import LiftModel

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

struct Demo: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract:
            "Live: two brokers, a fleet, the gateway and a centre; the gateway is killed, the centre's broker fails.",
        discussion: """
            Everything runs on free loopback ports and in a folder of its own, and nothing is left running. Exit code 1 when
            an entrapment was missed, lost, or counted twice after de-duplication.
            """)

    @Option(help: "The gateway's program.")
    var hoistway = "hoistway"

    @Option(help: "The scenario.")
    var scenario = ShippedData.library + "/scenarios/live.yaml"

    @Option(help: "Rules and profiles.")
    var devices = ShippedData.devices

    @Option(help: "The schemas by which the centre checks every message.")
    var contract = ShippedData.contract

    @Option(help: "The product's settings for mosquitto.")
    var brokerSettings = ShippedData.brokerSettings

    @Option(help: "How long the fleet runs.")
    var duration = "120s"

    @Option(help: "How many lifts.")
    var lifts = 60

    @Option(help: "The seed of chance: the fleet's day and the times of the kills.")
    var seed: UInt64 = 1

    @Option(
        help:
            "Kill the gateway this many times, at random moments, from 40 kills on a quarter of them in quick series."
    )
    var kills = 1

    @Option(help: "Change a rule and have the gateway read its rules again this many times.")
    var reloads = 0

    @Option(help: "How long the centre's broker is down.")
    var outage = "15s"

    @Option(help: "How many times it is down.")
    var outages = 1

    @Option(help: "Keep logs, alerts and the journal in this folder.")
    var keep: String?

    func run() throws {
        guard let span = Duration(written: duration)?.inSeconds,
            let outage = Duration(written: outage)?.inSeconds
        else {
            throw ValidationError("--duration and --outage: expected durations such as 120s")
        }
        let stop = StopOnSignal()
        let folder = keep ?? "/tmp/hoistway-demo-\(getpid())"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        // A folder that stays in /tmp does no harm.
        defer { if keep == nil { try? FileManager.default.removeItem(atPath: folder) } }
        var stage = try Stage(folder: folder, demo: self, span: span, outage: outage)
        let outcome = try stage.play(until: stop)
        stage.end()
        guard outcome else { throw ExitCode(1) }
    }
}
