import City
import FoundationEssentials
import LiftModel
import Platform

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// The programs of the demo and their files: two brokers, the centre, the gateway and the fleet.
struct DemoPrograms {
    private let folder: String
    private let demo: Demo
    let buildingPort: Int
    let centrePort: Int
    private var buildingBroker: ChildProcess?
    private var centreBroker: ChildProcess?
    private var centre: ChildProcess?
    private var gateway: ChildProcess?
    private var fleet: ChildProcess?

    var isFleetRunning: Bool { fleet?.isRunning == true }
    /// The gateway was started and has ended by itself.
    var hasGatewayEnded: Bool { gateway?.isRunning == false }

    /// - Throws: where no port is free, or the folder cannot be written.
    init(folder: String, demo: Demo) throws {
        self.folder = folder
        self.demo = demo
        (buildingPort, centrePort) = (try FreePort.find(), try FreePort.find())
        try writeConfiguration()
    }

    // MARK: Starts and ends

    mutating func startBrokers() throws {
        buildingBroker = try startBroker("building", port: buildingPort)
        try startCentreBroker()
        usleep(300_000)
    }

    mutating func startCentreBroker() throws {
        centreBroker = try startBroker("centre", port: centrePort)
    }

    func killCentreBroker() { centreBroker?.end(SIGKILL) }

    mutating func startCentre() throws {
        centre = try ChildProcess(
            [
                CommandLine.arguments[0], "centre", "--broker", "mqtt://127.0.0.1:\(centrePort)",
                "--out", "\(folder)/alerts.ndjson", "--strict", "--contract", demo.contract,
            ],
            log: "\(folder)/centre.log")
    }

    func endCentre() { centre?.end() }

    /// - Parameter crash: it kills itself between the commit of this number and its
    ///   acknowledgement, a moment that random kills rarely hit. That needs the program for
    ///   trials, hoistway-trial beside the gateway's.
    mutating func startGateway(crashAfterCommit crash: Int? = nil) throws {
        let program =
            crash.map {
                ["/usr/bin/env", "HOISTWAY_CRASH_AT=after_commit:\($0)", demo.hoistway + "-trial"]
            }
            ?? [demo.hoistway]
        gateway = try ChildProcess(
            program + ["run", "--config", "\(folder)/hoistway.yaml"], log: "\(folder)/gateway.log")
    }

    func killGateway() { gateway?.end(SIGKILL) }

    /// The gateway reads its rules again.
    func reloadGateway() { if let gateway { kill(gateway.pid, SIGHUP) } }

    /// - Parameter span: how long it runs, seconds.
    mutating func startFleet(for span: Double) throws {
        fleet = try ChildProcess(
            [
                CommandLine.arguments[0], "run", demo.scenario, "--seed", "\(demo.seed)",
                "--lifts", "\(demo.lifts)", "--duration", "\(Int(span))s",
                "--broker", "mqtt://127.0.0.1:\(buildingPort)", "--truth", "\(folder)/truth.ndjson",
            ], log: "\(folder)/fleet.log")
    }

    mutating func end() {
        for process in [fleet, gateway, centre, buildingBroker, centreBroker] { process?.end() }
        (fleet, gateway, centre, buildingBroker, centreBroker) = (nil, nil, nil, nil, nil)
    }

    private func startBroker(_ name: String, port: Int) throws -> ChildProcess {
        let data = "\(folder)/\(name)-broker"
        try FileManager.default.createDirectory(atPath: data, withIntermediateDirectories: true)
        let settings = FileManager.default.contents(atPath: demo.brokerSettings).map {
            String(decoding: $0, as: UTF8.self)
        }
        guard let settings else {
            throw OutputError(path: demo.brokerSettings, reason: "cannot be read")
        }
        var lines = settings.split(separator: "\n", omittingEmptySubsequences: false).map(
            String.init)
        lines += [
            "listener \(port) 127.0.0.1", "allow_anonymous true", "persistence_location \(data)/",
        ]
        if getuid() == 0 { lines.append("user root") }
        try OutputFile("\(folder)/\(name).conf").write(Array(lines.joined(separator: "\n").utf8))
        let program =
            FileManager.default.fileExists(atPath: "/usr/sbin/mosquitto")
            ? "/usr/sbin/mosquitto" : "mosquitto"
        return try ChildProcess(
            [program, "-c", "\(folder)/\(name).conf"], log: "\(folder)/\(name)-broker.log")
    }

    // MARK: Files

    private func writeConfiguration() throws {
        let devices =
            demo.devices.hasPrefix("/")
            ? demo.devices : FileManager.default.currentDirectoryPath + "/" + demo.devices
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
        for (name, seconds) in DemoThresholds.all { text += "  \(name): \(seconds)s\n" }
        text += "lifts:\n"
        for number in 0..<demo.lifts { text += "  - \"\(RegistrationCode.text(number))\"\n" }
        try OutputFile("\(folder)/hoistway.yaml").write(Array(text.utf8))
    }
    /// A rule without effect that differs each time.
    func changeRule(_ round: Int) throws {
        let rule = """
            rules:
              - { rule: changing, kind: changing, when: floor > \(1000 + round), title: { en: changing, zh: 变 } }

            """
        try OutputFile("\(folder)/changing.yaml").write(Array(rule.utf8))
    }

    /// The lines of a program's log.
    func log(_ name: String) throws -> [Substring] {
        String(
            decoding: FileManager.default.contents(atPath: "\(folder)/\(name).log") ?? Data(),
            as: UTF8.self
        )
        .split(separator: "\n")
    }
}
