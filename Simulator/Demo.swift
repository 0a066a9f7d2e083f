import ArgumentParser
import City
import FoundationEssentials
import LiftModel
import Platform
import Scoring

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
    var scenario = "Simulator/scenarios/live.yaml"

    @Option(help: "Rules and profiles.")
    var devices = "Devices"

    @Option(help: "The schemas by which the centre checks every message.")
    var contract = "docs/contract"

    @Option(help: "The product's settings for mosquitto.")
    var brokerSettings = "systemd/mosquitto-hoistway.conf"

    @Option(help: "How long the fleet runs.")
    var duration = "120s"

    @Option(help: "How many lifts.")
    var lifts = 60

    @Option(help: "The seed of chance: the fleet's day and the times of the kills.")
    var seed: UInt64 = 1

    @Option(
        help: "Kill the gateway this many times, at random moments, from 40 kills on a quarter of them in quick series."
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
        guard let span = Duration(written: duration)?.inSeconds, let outage = Duration(written: outage)?.inSeconds
        else {
            throw ValidationError("--duration and --outage: expected durations such as 120s")
        }
        let stop = StopOnSignal()
        let folder = keep ?? "/tmp/hoistway-demo-\(getpid())"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { if keep == nil { try? FileManager.default.removeItem(atPath: folder) } }
        var stage = Stage(folder: folder, demo: self)
        let outcome = try stage.play(span: span, outage: outage, kills: kills, stop: stop)
        stage.end()
        guard outcome else { throw ExitCode(1) }
    }
}

/// The programs of the demo, and its output for a person.
struct Stage {
    let folder: String
    let demo: Demo
    private var buildingPort = 0
    private var centrePort = 0
    private var buildingBroker: ChildProcess?
    private var centreBroker: ChildProcess?
    private var centre: ChildProcess?
    private var gateway: ChildProcess?
    private var fleet: ChildProcess?
    private var screen = Screen()
    private var random: Random
    /// The times in which no gateway observed, seconds since 1970; and since when none does.
    private var deaf: [ClosedRange<Double>] = []
    private var deafSince: Double?
    private let gatewayLog: LogTail

    init(folder: String, demo: Demo) {
        self.folder = folder
        self.demo = demo
        gatewayLog = LogTail("\(folder)/gateway.log")
        random = Random(seed: demo.seed, stream: 0xD1E5)
    }

    /// Seconds. Shortened so that minutes become seconds; the rules are the shipped ones.
    private static let thresholds = [
        "off_level_hold": 2, "at_level_hold": 3, "report_overdue": 3, "silence_hold": 2, "confirm_hold": 4,
        "call_hold": 5,
        "rescue_limit": 30, "controller_silent_after": 6,
    ].sorted { $0.key < $1.key }

    /// The holds of entrapments that follow from these thresholds.
    private static let holds: EntrapmentHolds = {
        func seconds(_ name: String) -> Double { Double(thresholds.first { $0.key == name }?.value ?? 0) }
        var holds = EntrapmentHolds()
        (holds.offLevel, holds.atLevel) = (seconds("off_level_hold"), seconds("at_level_hold"))
        (holds.silence, holds.confirmation) = (seconds("silence_hold"), seconds("confirm_hold"))
        holds.call = seconds("call_hold")
        return holds
    }()

    mutating func play(span: Double, outage: Double, kills: Int, stop: StopOnSignal) throws -> Bool {
        (buildingPort, centrePort) = (try FreePort.find(), try FreePort.find())
        try writeConfiguration()
        screen.say(
            "The building's broker on 127.0.0.1:\(buildingPort), the centre's on 127.0.0.1:\(centrePort), with the product's settings."
        )
        screen.say(
            "Shipped rules; holds shortened: "
                + Self.thresholds.map { "\($0.key) \($0.value)s" }.joined(separator: ", ") + "."
        )
        buildingBroker = try startBroker("building", port: buildingPort)
        centreBroker = try startBroker("centre", port: centrePort)
        usleep(300_000)
        try changeRule(0)
        let program = CommandLine.arguments[0]
        centre = try ChildProcess(
            [
                program, "centre", "--broker", "mqtt://127.0.0.1:\(centrePort)", "--out", "\(folder)/alerts.ndjson",
                "--strict", "--contract", demo.contract,
            ],
            log: "\(folder)/centre.log")
        try startGateway()
        usleep(700_000)
        fleet = try ChildProcess(
            [
                program, "run", demo.scenario, "--seed", "\(demo.seed)", "--lifts", "\(demo.lifts)", "--duration",
                "\(Int(span))s",
                "--broker", "mqtt://127.0.0.1:\(buildingPort)", "--truth", "\(folder)/truth.ndjson",
            ], log: "\(folder)/fleet.log")
        let began = MonotonicClock.nanoseconds
        func elapsed() -> Double { Double(MonotonicClock.nanoseconds - began) / 1e9 }
        var killTimes = killTimes(kills, span: span)
        // One outage in the second half, or several over the whole. The last ends early enough for
        // everything to arrive.
        var outages = (0..<demo.outages).map { n in
            demo.outages == 1 ? span * 0.55 : span * (0.05 + 0.85 * Double(n) / Double(demo.outages))
        }.map { (from: $0, to: min($0 + outage, span * 0.95)) }
        if outage <= 0 { outages = [] }
        var isAway = false
        var reloaded = 0
        while fleet?.isRunning == true, !stop.isSet {
            usleep(100_000)
            noticeListening()
            let now = elapsed()
            if gateway?.isRunning == false {
                // The gateway killed itself at a crash point, within this turn or the last.
                deafSince = deafSince ?? Self.wallSeconds - 0.2
                try startGateway()
            }
            if let due = killTimes.first, now >= due {
                killTimes.removeFirst()
                if kills == 1 { screen.say("Killing the gateway with SIGKILL, while messages arrive.") }
                gateway?.end(SIGKILL)
                deafSince = deafSince ?? Self.wallSeconds
                if kills == 1 { usleep(1_500_000) }
                try startGateway(dying: kills > 1 && killTimes.count % 3 == 2)
                if kills == 1 {
                    screen.say(
                        "The gateway is back: it continues from its journal; the broker sends again the messages without an acknowledgement."
                    )
                }
            }
            while reloaded < demo.reloads, now >= span * (0.05 + 0.9 * Double(reloaded) / Double(demo.reloads)) {
                reloaded += 1
                try changeRule(reloaded)
                if let gateway { kill(gateway.pid, SIGHUP) }
                usleep(50_000)
            }
            if let next = outages.first {
                if !isAway, now >= next.from {
                    isAway = true
                    screen.say(
                        "Stopping the centre's broker for \(Int(next.to - next.from)) s: alerts wait in the journal."
                    )
                    centreBroker?.end(SIGKILL)
                } else if isAway, now >= next.to {
                    isAway = false
                    outages.removeFirst()
                    centreBroker = try startBroker("centre", port: centrePort)
                    screen.say("The centre's broker is back.")
                }
            }
            screen.show(
                statusFile: statusFile, alertsFile: "\(folder)/alerts.ndjson", progress: min(1, now / span)
            )
        }
        return try conclude(stop, kills: kills)
    }

    /// Three quarters at random times; the last quarter in series of ten within 15 s, which end
    /// many starts before they are complete.
    private mutating func killTimes(_ kills: Int, span: Double) -> [Double] {
        guard kills > 1 else { return [Double](repeating: span * 0.4, count: kills) }
        let series = kills / 40
        var times = (0..<kills - 10 * series).map { _ in random.uniform(span * 0.05, span * 0.95) }
        for _ in 0..<series {
            let start = random.uniform(span * 0.05, span * 0.95 - 15)
            times += (0..<10).map { _ in random.uniform(start, start + 15) }
        }
        return times.sorted()
    }

    private var statusFile: String { "\(folder)/status.json" }

    private mutating func conclude(_ stop: StopOnSignal, kills: Int) throws -> Bool {
        screen.say("The fleet has ended. Waiting until the centre has everything.")
        let deadline = MonotonicClock.nanoseconds + 40_000_000_000
        usleep(2_500_000)
        while !stop.isSet, MonotonicClock.nanoseconds < deadline,
            GatewayStatus(file: statusFile)?.centre.backlog != 0
        { usleep(300_000) }
        centre?.end()
        let breaches = try log("centre").filter { $0.hasPrefix("breach") }
        let counters = GatewayStatus(file: statusFile)?.counters
        let (redelivered, read) = (counters?.redelivered ?? 0, counters?.messages ?? 0)
        end()
        screen.finish()
        if stop.isSet { return false }
        let truth: [TruthRow] = try Score.lines("\(folder)/truth.ndjson")
        let alerts = try Score.alerts("\(folder)/alerts.ndjson")
        if let deafSince { deaf.append(deafSince...Self.wallSeconds) }
        let card = ScoreCard(truth: truth, alerts: alerts, grace: 12, entrapmentHolds: Self.holds, deaf: deaf)
        print("")
        print(card.tableWithLegend)
        for finding in card.findings where finding.verdict == .missed || finding.verdict == .falseAlarm {
            print(finding.line)
        }
        let unobserved = deaf.reduce(0) { $0 + $1.upperBound - $1.lowerBound }
        print("no gateway observed for \(unobserved.rounded(toDecimals: 1)) s, which is added to the holds")
        print("\(kills) kills; \(redelivered) messages that the broker sent again after their commit were recognised")
        let published = try publishedByTheFleet()
        if kills == 0 { print("\(published ?? 0) messages published, \(read) read by the gateway") }
        print("\(try log("centre").last { $0.contains("messages,") } ?? "the centre printed nothing")")
        for breach in breaches.prefix(20) { print(breach) }
        if demo.reloads > 0 { print("\(try reloadsInLog()) reloads of \(demo.reloads) asked for") }
        // Many kills without a redelivery would mean that the test tests nothing. Two signals
        // during one reload count as one.
        let hasReloaded = try reloadsInLog() * 10 >= demo.reloads * 9
        let entrapment = card.entrapment
        let alerted =
            entrapment.suspicionExpected - entrapment.suspicionMissed + entrapment.detected + entrapment.raisedAnyway
        let isGood =
            card.isGood && alerted > 0 && breaches.isEmpty && (kills < 20 || redelivered > 0)
            && (kills > 0 || published.map { read >= $0 } == true)
            && hasReloaded
        print(
            isGood
                ? "\(entrapment.happened) entrapments. \(entrapment.recallSentence) Every alert was delivered and counted once."
                : "FAILED: an entrapment was missed, lost or invented, or there was none to raise.")
        return isGood
    }

    private static var wallSeconds: Double { Instant(nanoseconds: MonotonicClock.wallNanoseconds).seconds }

    /// The gateway logs when it has caught up.
    private mutating func noticeListening() {
        guard gatewayLog.count(of: "the backlog is read") > 0, let since = deafSince else { return }
        deaf.append(since...Self.wallSeconds)
        deafSince = nil
    }

    /// A rule without effect that differs each time.
    private func changeRule(_ round: Int) throws {
        let rule = """
            rules:
              - { rule: changing, kind: changing, when: floor > \(1000 + round), title: { en: changing, zh: 变 } }

            """
        try OutputFile("\(folder)/changing.yaml").write(Array(rule.utf8))
    }

    private func reloadsInLog() throws -> Int { try log("gateway").count { $0.contains("rules reloaded") } }

    /// The last count in the fleet's log; nil where it has not written one.
    private func publishedByTheFleet() throws -> Int? {
        try log("fleet").compactMap { $0.split(separator: " ").first.flatMap { Int($0) } }.last
    }

    private func log(_ name: String) throws -> [Substring] {
        String(decoding: FileManager.default.contents(atPath: "\(folder)/\(name).log") ?? Data(), as: UTF8.self)
            .split(separator: "\n")
    }

    mutating func end() {
        for process in [fleet, gateway, centre, buildingBroker, centreBroker] { process?.end() }
        (fleet, gateway, centre, buildingBroker, centreBroker) = (nil, nil, nil, nil, nil)
    }

    /// - Parameter dying: it kills itself between a commit and its acknowledgement, a moment that
    ///   random kills rarely hit.
    private mutating func startGateway(dying: Bool = false) throws {
        let crashPoint = "HOISTWAY_CRASH_AT=" + (dying ? "after_commit:\(random.integer(2...6))" : "")
        gateway = try ChildProcess(
            ["/usr/bin/env", crashPoint, demo.hoistway, "run", "--config", "\(folder)/hoistway.yaml"],
            log: "\(folder)/gateway.log")
    }

    private func startBroker(_ name: String, port: Int) throws -> ChildProcess {
        let data = "\(folder)/\(name)-broker"
        try FileManager.default.createDirectory(atPath: data, withIntermediateDirectories: true)
        let settings = FileManager.default.contents(atPath: demo.brokerSettings).map {
            String(decoding: $0, as: UTF8.self)
        }
        guard let settings else { throw OutputError(path: demo.brokerSettings, reason: "cannot be read") }
        var lines = settings.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        lines += ["listener \(port) 127.0.0.1", "allow_anonymous true", "persistence_location \(data)/"]
        if getuid() == 0 { lines.append("user root") }
        try OutputFile("\(folder)/\(name).conf").write(Array(lines.joined(separator: "\n").utf8))
        let program =
            FileManager.default.fileExists(atPath: "/usr/sbin/mosquitto") ? "/usr/sbin/mosquitto" : "mosquitto"
        return try ChildProcess(
            [program, "-c", "\(folder)/\(name).conf"], log: "\(folder)/\(name)-broker.log")
    }

    private func writeConfiguration() throws {
        let devices =
            demo.devices.hasPrefix("/") ? demo.devices : FileManager.default.currentDirectoryPath + "/" + demo.devices
        var text = """
            site: { id: demo-plaza, name: Demo Plaza }
            broker: { url: "mqtt://127.0.0.1:\(buildingPort)" }
            centre: { url: "mqtt://127.0.0.1:\(centrePort)" }
            state_folder: \(folder)/state
            runtime_folder: \(folder)
            selftest_every: never
            rules: [\(devices)/rules, \(folder)/changing.yaml]
            profiles: [\(devices)/profiles]
            parameters:

            """
        for (name, seconds) in Self.thresholds { text += "  \(name): \(seconds)s\n" }
        text += "lifts:\n"
        for number in 0..<demo.lifts { text += "  - \"\(RegistrationCode.text(number))\"\n" }
        try OutputFile("\(folder)/hoistway.yaml").write(Array(text.utf8))
    }
}

/// A free loopback port.
enum FreePort {
    static func find() throws -> Int {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(descriptor) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        // The socket API takes every address family behind a sockaddr pointer.
        let result = withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
                bind(descriptor, pointer, length) == 0 && getsockname(descriptor, pointer, &length) == 0
            }
        }
        guard result else { throw OutputError(path: "a port", reason: "none is free on 127.0.0.1") }
        return Int(UInt16(bigEndian: address.sin_port))
    }
}
