import ArgumentParser
import FoundationEssentials
import Gateway

struct Status: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "What is going on: broker, centre, every lift, and what could not be read.",
        discussion: "Exit code 1 when the gateway does not run or is stuck.")

    @Option(help: "The configuration file; its runtime_folder is read.")
    var config: String?

    @Option(help: "The runtime folder, instead of a configuration.")
    var runtime: String?

    @OptionGroup var output: FormatOptions

    func run() throws {
        try reporting {
            let folder = try runtime ?? config.map { try Configuration(file: $0).runtimeFolder } ?? "/run/hoistway"
            guard let bytes = FileManager.default.contents(atPath: folder + "/status.json") else {
                printError("hoistway: nothing runs here (no \(folder)/status.json). Start it: systemctl start hoistway")
                throw ExitCode.failure
            }
            if output.format == .json { return print(String(decoding: bytes, as: UTF8.self), terminator: "") }
            let decoder = JSONDecoder()
            decoder.keyDecodingStrategy = .convertFromSnakeCase
            let status = try decoder.decode(StatusPage.self, from: bytes)
            print(status.text)
            if status.ageSeconds > 10 || !isProcessAlive(status.pid) {
                printError(
                    "hoistway: this is \(Int(status.ageSeconds)) s old. The gateway has ended or is stuck: journalctl -u hoistway"
                )
                throw ExitCode.failure
            }
        }
    }
}

/// The status file as a person reads it.
struct StatusPage: Decodable {
    struct Broker: Decodable {
        var connected: Bool
        var drained: Bool
        var lastError: String
    }
    struct Centre: Decodable {
        var connected: Bool
        var receipts: Int
        var backlog: Int
        var lastReceiptAgeS: Double?
        var oldestUnsentS: Double?
        var lastError: String
    }
    struct Route: Decodable {
        var name: String
        var url: String
        var connected: Bool
        var refused: Int
        var lastError: String
    }
    struct BadInput: Decodable {
        struct Specimen: Decodable {
            var kind: String
            var topic: String
            var explanation: String
        }
        struct Value: Decodable {
            var kind: String
            var profile: String
            var field: String
            var value: String
            var count: Int
        }
        var counts: [String: Int]
        var refused: Int
        var values: [Value]
        var last: [Specimen]
    }
    struct Alert: Decodable {
        var kind: String
        var state: String
        var sinceS: Double
        var acceptedBy: String?
    }
    struct Lift: Decodable {
        var id: String
        var place: String?
        var lastWordS: Double?
        var maintenanceS: Double?
        /// Absent in a file that an earlier version wrote.
        var occupancy: String?
        var signals: [String: Signal]
        var alerts: [Alert]
    }
    enum Signal: Decodable {
        case flag(Bool)
        case number(Double)
        case word(String)
        case codes([String])
        init(from decoder: any Decoder) throws {
            let container = try decoder.singleValueContainer()
            if let value = try? container.decode(Bool.self) {
                self = .flag(value)
            } else if let value = try? container.decode(Double.self) {
                self = .number(value)
            } else if let value = try? container.decode(String.self) {
                self = .word(value)
            } else {
                self = .codes(try container.decode([String].self))
            }
        }
    }
    var pid: Int32
    var site: String
    var siteName: String?
    var upS: Double
    var monotonicS: Double
    var wallOffsetS: Double
    var diskFailingS: Double?
    var broker: Broker
    var centre: Centre
    var routes: [Route]
    var selftest: SelfTestReport?
    var badInput: BadInput
    var lifts: [Lift]

    var ageSeconds: Double { max(0, MonotonicSeconds.now - monotonicS) }

    var text: String {
        let brokerWord =
            broker.connected ? (broker.drained ? styled("ok", "32") : "draining the backlog") : styled("DOWN", "31")
        let centreWord =
            centre.connected
            ? styled("ok", "32")
                + (centre.lastReceiptAgeS.map { " (receipt \(Self.span($0 + ageSeconds)) ago)" } ?? "")
            : styled("DOWN", "31")
        let clock = abs(wallOffsetS) < 1 ? "steady" : "stepped by \(Self.span(abs(wallOffsetS)))"
        var lines = [
            "\(siteName ?? site)   up \(Self.span(upS))   broker \(brokerWord)   centre \(centreWord)   backlog \(centre.backlog)   clock \(clock)"
        ]
        if let diskFailingS {
            lines.append(
                styled("the disk has taken nothing for \(Self.span(diskFailingS))", "31")
                    + ": alerts go out from memory; \(broker.lastError)")
        }
        if !broker.connected, !broker.lastError.isEmpty { lines.append(broker.lastError) }
        for route in routes where !route.connected || route.refused > 0 {
            let state = route.connected ? "ok" : styled("DOWN", "31")
            let refused = route.refused > 0 ? "   \(route.refused) events refused: hoistway journal refused" : ""
            lines.append(
                "  \(route.name) \(route.url)   \(state)\(refused)   \(route.connected ? "" : route.lastError)")
        }
        if let selftest, let ended = selftest.endedS {
            lines.append(
                selftest.passed
                    ? "self-test of \(selftest.started): passed in \(Self.span(ended))"
                    : styled("self-test of \(selftest.started) FAILED: \(selftest.problem ?? "")", "31"))
        }
        lines += ["", row("LIFT", "FLOOR", "STATE", "DOORS", "OCCUPIED", "LAST WORD", "ALERTS")]
        // What is wrong comes first.
        for lift in lifts.sorted(by: { ($0.alerts.isEmpty ? 1 : 0, $0.id) < ($1.alerts.isEmpty ? 1 : 0, $1.id) }) {
            lines.append(self.line(lift))
        }
        if !badInput.counts.isEmpty {
            let counts = badInput.counts.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }.joined(
                separator: ", ")
            lines += [
                "",
                "Bad input (\(badInput.refused) messages refused, the others used but for what is named here): \(counts)",
            ]
            for value in badInput.values.sorted(by: { $0.count > $1.count }).prefix(10) {
                lines.append(
                    "  \(value.kind): `\(value.field)` \(value.value), \(value.count) times (profile \(value.profile))")
            }
            for specimen in badInput.last.suffix(5) {
                lines.append("  \(specimen.topic): \(specimen.kind): \(specimen.explanation)")
            }
        }
        return lines.joined(separator: "\n")
    }

    private func line(_ lift: Lift) -> String {
        func flag(_ name: String) -> Bool? { if case .flag(let value)? = lift.signals[name] { value } else { nil } }
        func number(_ name: String) -> Double? {
            if case .number(let value)? = lift.signals[name] { value } else { nil }
        }
        func word(_ name: String) -> String? { if case .word(let value)? = lift.signals[name] { value } else { nil } }
        let isFar = flag("in_door_zone") == false
        let motion = flag("moving").map { $0 ? "moving \(word("direction") ?? "")" : "stopped" } ?? "-"
        let mode = word("mode").flatMap { $0 == "normal" ? nil : $0 }
        let doors =
            flag("doors.front.fully_open") == true
            ? "open" : flag("doors.front.locked").map { $0 ? "closed" : "not closed" } ?? "-"
        let alerts = lift.alerts.map { alert in
            "\(alert.kind) \(alert.state) \(Self.span(alert.sinceS))"
                + (alert.acceptedBy.map { " (accepted by \($0))" } ?? "")
        }.joined(separator: ", ")
        let work = lift.maintenanceS.map { "work announced, \(Self.span($0)) left" }
        let column = [alerts.isEmpty ? nil : styled(alerts, "31"), work].compactMap { $0 }.joined(separator: ", ")
        return row(
            lift.place.map { "\($0) (…\(lift.id.suffix(4)))" } ?? String(lift.id.suffix(22)),
            number("floor").map { (isFar ? "~" : "") + (Int(exactly: $0).map(String.init) ?? String($0)) } ?? "-",
            [motion, mode].compactMap { $0 }.joined(separator: ", "),
            doors, lift.occupancy ?? "unknown",
            lift.lastWordS.map { Self.span($0) } ?? "never", column)
    }

    private func row(
        _ lift: String, _ floor: String, _ state: String, _ doors: String, _ occupied: String, _ word: String,
        _ alerts: String
    ) -> String {
        column(lift, 24) + column(floor, 7) + column(state, 22) + column(doors, 12) + column(occupied, 10)
            + column(word, 11) + alerts
    }

    static func span(_ seconds: Double) -> String {
        switch seconds {
        case ..<10: "\((seconds * 10).rounded() / 10) s"
        case ..<120: "\(Int(seconds)) s"
        case ..<7200: "\(Int(seconds / 60)) m"
        case ..<172_800: "\(Int(seconds / 3600)) h"
        default: "\(Int(seconds / 86_400)) d"
        }
    }
}
