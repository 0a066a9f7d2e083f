import FoundationEssentials
import LiftModel

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// Two brokers with the product's settings and the gateway with the shipped rules, for trials under
/// load; everything on free loopback ports and in a folder of its own.
final class TrialSite {
    let folder: String
    let buildingPort: Int
    let centrePort: Int
    private let options: TrialOptions
    private var building: ChildProcess?
    private var centre: ChildProcess?
    private var gateway: ChildProcess?
    private let keeps: Bool

    /// A rule whose verdict follows the floor: true from 90 upwards.
    private static let rule = """
        rules:
          - { rule: trial, kind: trial, severity: major, when: floor >= 90, title: { en: trial, zh: 试 } }

        """

    /// - Parameter settings: lines of the gateway's configuration beside those of every trial.
    init(_ options: TrialOptions, lifts: Int, backlogRate: Int = 1_000_000, settings: [String] = [])
        throws
    {
        self.options = options
        folder = options.keep ?? "/tmp/hoistway-trial-\(getpid())"
        keeps = options.keep != nil
        // A trial is busy in loops without another interruption.
        _ = StopOnSignal { [folder, keeps] in
            ChildProcess.killAll()
            // A folder that stays in /tmp does no harm.
            if !keeps { try? FileManager.default.removeItem(atPath: folder) }
            exit(130)
        }
        (buildingPort, centrePort) = (try FreePort.find(), try FreePort.find())
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        try OutputFile("\(folder)/trial.yaml").write(Array(Self.rule.utf8))
        let devices = FileManager.default.currentDirectoryPath + "/Devices"
        try OutputFile("\(folder)/hoistway.yaml").write(
            Array(
                """
                site: { id: trial }
                broker: { url: "mqtt://127.0.0.1:\(buildingPort)" }
                centre: { url: "mqtt://127.0.0.1:\(centrePort)", backlog_rate: \(backlogRate) }
                state_folder: \(folder)/state
                runtime_folder: \(folder)
                selftest_every: never
                sign_alerts: \(options.sign)
                rules: [\(devices)/rules, \(folder)/trial.yaml]
                profiles: [\(devices)/profiles]
                lifts: [\((0..<lifts).map { "\"\(Self.lift($0))\"" }.joined(separator: ", "))]
                \(settings.joined(separator: "\n"))

                """.utf8))
    }

    deinit {
        for process in [gateway, building, centre] { process?.end(SIGKILL) }
        // As above.
        if !keeps { try? FileManager.default.removeItem(atPath: folder) }
    }

    static func lift(_ number: Int) -> String { "311044010620200\(10000 + number)" }

    func startBuilding() throws { building = try startBroker("building", buildingPort) }
    func startCentre() throws { centre = try startBroker("centre", centrePort) }
    func stopCentre() { centre?.end(SIGKILL) }
    /// - Parameter isTrial: with hoistway-trial beside the gateway's program, whose clocks can
    /// leap.
    func startGateway(isTrial: Bool = false) throws {
        gateway = try ChildProcess(
            [
                options.hoistway + (isTrial ? "-trial" : ""), "run", "--config",
                "\(folder)/hoistway.yaml",
            ],
            log: "\(folder)/gateway.log")
    }
    func killGateway() { gateway?.end(SIGKILL) }
    var gatewayPID: pid_t { gateway?.pid ?? 0 }
    var buildingPID: pid_t { building?.pid ?? 0 }

    /// A mosquitto that bridges `lifts/#` from the building's broker to the centre's, for
    /// comparison with the gateway.
    func startBridge() throws -> ChildProcess {
        let port = try FreePort.find()
        return try startBroker(
            "bridge", port,
            extra: [
                "connection up", "address 127.0.0.1:\(buildingPort)", "topic lifts/# in 1",
                "cleansession false",
                "connection on", "address 127.0.0.1:\(centrePort)", "topic lifts/# out 1",
                "cleansession false",
            ])
    }

    private func startBroker(_ name: String, _ port: Int, extra: [String] = []) throws
        -> ChildProcess
    {
        let data = "\(folder)/\(name)-broker"
        try FileManager.default.createDirectory(atPath: data, withIntermediateDirectories: true)
        guard let settings = FileManager.default.contents(atPath: "systemd/mosquitto-hoistway.conf")
        else {
            throw OutputError(
                path: "systemd/mosquitto-hoistway.conf",
                reason: "cannot be read; run this in the repository")
        }
        var lines = String(decoding: settings, as: UTF8.self).split(separator: "\n").map(
            String.init)
        lines += [
            "listener \(port) 127.0.0.1", "allow_anonymous true", "persistence_location \(data)/",
        ]
        if getuid() == 0 { lines.append("user root") }
        try OutputFile("\(folder)/\(name).conf").write(
            Array((lines + extra).joined(separator: "\n").utf8))
        let program =
            FileManager.default.fileExists(atPath: "/usr/sbin/mosquitto")
            ? "/usr/sbin/mosquitto" : "mosquitto"
        return try ChildProcess(
            [program, "-c", "\(folder)/\(name).conf"], log: "\(folder)/\(name)-broker.log")
    }

    var isGatewayRunning: Bool { gateway?.isRunning ?? false }

    /// The journal with its log.
    var journalMegabytes: Double {
        get throws {
            let names = try FileManager.default.contentsOfDirectory(atPath: "\(folder)/state")
            let sizes = names.map { name -> Int in
                var facts = stat()
                // A file that is gone since has no size.
                return stat("\(folder)/state/\(name)", &facts) == 0 ? Int(facts.st_size) : 0
            }
            return Double(sizes.reduce(0, +)) / 1e6
        }
    }

    /// The gateway's status file; nil before it is written.
    var status: GatewayStatus? { GatewayStatus(file: "\(folder)/status.json") }

    func waitUntilDrained() throws {
        for _ in 0..<600 {
            if let status, status.pid == gatewayPID, status.broker.drained { return }
            usleep(50_000)
        }
        throw OutputError(
            path: "the gateway",
            reason: "did not come up in 30 s; see \(folder)/gateway.log with --keep")
    }

    // MARK: Measures of a process

    /// CPU seconds of a process so far.
    static func cpu(_ pid: pid_t) throws -> Double {
        let fields = try facts(pid, "stat").split(separator: ")").last?.split(separator: " ") ?? []
        guard fields.count > 13, let user = Double(fields[11]), let system = Double(fields[12])
        else {
            throw unreadable(pid, "stat")
        }
        return (user + system) / Double(sysconf(Int32(_SC_CLK_TCK)))
    }

    static func descriptors(_ pid: pid_t) throws -> Int {
        try FileManager.default.contentsOfDirectory(atPath: "/proc/\(pid)/fd").count
    }

    /// The bytes that a process has caused to be written to block devices, in MB.
    static func written(_ pid: pid_t) throws -> Double {
        let line = try facts(pid, "io").split(separator: "\n").first {
            $0.hasPrefix("write_bytes:")
        }
        guard let bytes = line?.split(separator: " ").last.flatMap({ Double($0) }) else {
            throw unreadable(pid, "io")
        }
        return bytes / 1e6
    }

    /// Resident memory in MB.
    static func memory(_ pid: pid_t) throws -> Double {
        let fields = try facts(pid, "statm").split(separator: " ")
        guard let pages = fields.dropFirst().first.flatMap({ Double($0) }) else {
            throw unreadable(pid, "statm")
        }
        return pages * Double(sysconf(Int32(_SC_PAGESIZE))) / 1e6
    }

    private static func facts(_ pid: pid_t, _ name: String) throws -> String {
        guard let data = FileManager.default.contents(atPath: "/proc/\(pid)/\(name)") else {
            throw unreadable(pid, name)
        }
        return String(decoding: data, as: UTF8.self)
    }

    private static func unreadable(_ pid: pid_t, _ name: String) -> OutputError {
        OutputError(path: "/proc/\(pid)/\(name)", reason: "cannot be read: has the process ended?")
    }
}
