import ArgumentParser
import Gateway
import GatewayCore
import LiftModel

struct ReplayTrace: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "replay",
        abstract: "Evaluate a recorded or simulated trace; no broker needed.",
        discussion: """
            A trace has a message a line: {"t": seconds, "topic": "lifts/…/state", "payload": "…", "retain": false}. `hoistway run
            --record FILE`, `hoistway-sim record` and `hoistway-sim run --out FILE` write one; it may be compressed by zstd. Without
            --config every lift on a topic of a profile is watched, under the first identity on its topic. Every alert is
            printed as the CloudEvent that the centre would receive, a line each; the same trace gives the same bytes on
            every run.

              hoistway-sim run day --seed 1 --out - --truth truth.ndjson | hoistway replay - > alerts.ndjson
            """)

    @Argument(help: "The trace, or - for standard input.")
    var trace: String

    @OptionGroup var devices: DeviceOptions

    @Option(
        help:
            "Take the register of lifts, the parameters and the site's name from this configuration."
    )
    var config: String?

    @Option(
        help: "Evaluate timers up to this time (the trace's seconds); by default the last row's.")
    var until: String?

    @Option(
        help:
            "Give alerts the ids of the gateway with this journal: the content of its journal.db.identity."
    )
    var identity: String?

    @Option(help: "text prints a line for a person, json the CloudEvents.")
    var format = OutputFormat.json

    func run() throws {
        try reporting {
            var replay: Replay
            if let config {
                let configuration = try Configuration(file: config)
                replay = Replay(data: try configuration.deviceData())
                replay.site = configuration.site
                replay.lifts = configuration.lifts.map { ($0.lift, $0.profile) }
            } else {
                replay = Replay(data: try devices.load())
            }
            if let identity { replay.identity = identity.lowercased() }
            var output = OutputBuffer()
            let end = try until.map { try Instant(argument: $0) }
            let summary: Replay.Summary
            do {
                summary = try replay.run(trace, until: end) { alert, json in
                    output.line(format == .json ? json : Array(Self.sentence(alert).utf8))
                }
            } catch {
                // The alerts before a damaged line are right all the same.
                output.flush()
                throw error
            }
            output.flush()
            for difference in summary.differences { printError("\(trace): \(difference)") }
            let bad = summary.badInput.counts.sorted { $0.key < $1.key }.map {
                "\($0.key) \($0.value)"
            }.joined(
                separator: ", ")
            printError(
                "\(counted(summary.messages, "message")) of \(counted(summary.lifts, "lift")), \(counted(summary.alerts, "alert revision"))"
                    + (summary.pastMessages == 0
                        ? ""
                        : "; \(counted(summary.pastMessages, "message")) too late to have an effect")
                    + (summary.duplicates == 0 ? "" : "; \(summary.duplicates) duplicates")
                    + (bad.isEmpty ? "" : "; bad input: \(bad)"))
            for line in Self.explanations(summary.badInput) { printError(line) }
        }
    }

    /// The bad input: one example of each kind, and every value that no profile names.
    private static func explanations(_ badInput: BadInput) -> [String] {
        let named = Set(badInput.values.map(\.kind))
        let firsts = badInput.firsts.filter { !named.contains($0.kind) }
        return firsts.map { "  \($0.kind): \($0.topic): \($0.explanation)" }
            + badInput.values.map {
                "  \($0.kind): `\($0.field)` \($0.value), \(counted($0.count, "time")) (profile \($0.profile))"
            }
    }

    static func sentence(_ alert: Alert) -> String {
        steady(
            "\(alert.time.localMilliseconds)  \(column(alert.lift, 22))\(column(alert.kind, 26))\(column(alert.state.rawValue, 18))"
                + "\(alert.reason)  (since \(alert.onset.localMilliseconds))")
    }
}
