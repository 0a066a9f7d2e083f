import Foundation
import MQTT
import Platform

@testable import Gateway
@testable import hoistway_sim

/// Shortened holds, so that minutes become seconds.
let quick = "off_level_hold: 1s, confirm_hold: 2s"

/// A lift's message in the profile gbt24476-json.
func state(
    _ sequence: Int, moving: Int = 0, zone: Bool = false, closed: Bool = true,
    occupied: Bool = true,
    codes: String = "[]",
    extra: String = ""
) -> String {
    "{\"Sequence\":\(sequence),\"Service_Mode\":1,\"Car_Status\":\(moving),\"Car_Direction\":0,\"Door_Zone\":\(zone),\"Car_Position\":3,\"Door_Status\":\(closed),\"Door_Open_Limit\":\(!closed),\"Passenger_Status\":\(occupied),\"Message_Code\":\(codes)\(extra)}"
}

/// A real broker for the building and the centre (one process, two roles), the real daemon, and the
/// test as lift and centre.
final class Site {
    static let root = #filePath.split(separator: "/").dropLast(3).reduce("") { $0 + "/" + $1 }
    let folder: String
    /// The broker stores its data in memory where possible: its disk is not under test, and other
    /// tests keep the disk busy.
    private let brokerFolder: String
    let port: Int
    private var broker: ChildProcess?
    private var daemon: ChildProcess?
    /// The most bytes of memory that the daemon held at once.
    var peakMemory: Int? {
        guard let pid = daemon?.pid,
            let text = try? String(contentsOfFile: "/proc/\(pid)/status", encoding: .utf8)
        else { return nil }
        return text.split(separator: "\n").first { $0.hasPrefix("VmHWM:") }
            .flatMap { Int($0.filter(\.isNumber)) }.map { $0 << 10 }
    }
    var isDaemonRunning: Bool { daemon?.isRunning ?? false }
    /// See `ChildProcess.outcome`: minus the signal that killed it.
    var daemonOutcome: Int32? { daemon?.outcome }
    private let wire: Wire
    /// CloudEvents received as the centre, by id, with their count.
    private(set) var received: [String: Int] = [:]
    private(set) var events: [[String: Any]] = []
    var answersReceipts = true

    /// - Parameter centres: YAML instead of the test's own centre, where PORT is the broker's.
    init(
        rules: String? = nil, parameters: String = "", lifts: [String] = ["1", "2"],
        centres: String? = nil,
        selfTest: String = "never", brokerSettings: String = ""
    ) throws {
        let name = "hoistway-site-\(UUID().uuidString)"
        folder = NSTemporaryDirectory() + name
        brokerFolder =
            FileManager.default.isWritableFile(atPath: "/dev/shm")
            ? "/dev/shm/\(name)" : folder + "/broker"
        for path in [folder, brokerFolder] {
            try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        }
        port = try FreePort.find()
        wire = Wire(port: port, clientID: "test")
        if let rules {
            try rules.write(toFile: folder + "/rules.yaml", atomically: true, encoding: .utf8)
        }
        var settings = try String(
            contentsOfFile: Self.root + "/systemd/mosquitto-hoistway.conf", encoding: .utf8)
        settings +=
            "\nlistener \(port) 127.0.0.1\nallow_anonymous true\npersistence_location \(brokerFolder)/\n"
        if getuid() == 0 { settings += "user root\n" }
        settings += brokerSettings + "\n"
        try settings.write(toFile: folder + "/mosquitto.conf", atomically: true, encoding: .utf8)
        let configuration = """
            site: { id: test }
            broker: { url: "mqtt://127.0.0.1:\(port)" }
            \((centres ?? "centre: { url: \"mqtt://127.0.0.1:PORT\" }").replacingOccurrences(of: "PORT", with: "\(port)"))
            state_folder: state
            runtime_folder: run
            commit_wait: 200ms
            selftest_every: \(selfTest)
            rules: [\(rules == nil ? Self.root + "/Devices/rules" : "rules.yaml")]
            profiles: [\(Self.root)/Devices/profiles]
            lifts: [\(lifts.map { "\"\($0)\"" }.joined(separator: ", "))]
            parameters: {\(parameters)}
            """
        try configuration.write(
            toFile: folder + "/hoistway.yaml", atomically: true, encoding: .utf8)
        try startBroker()
    }

    deinit {
        stopDaemon()
        broker?.end()
        for path in [folder, brokerFolder] { try? FileManager.default.removeItem(atPath: path) }
    }

    /// Changes the configuration that the daemon reads at its next start.
    func rewriteConfiguration(_ change: (String) -> String) throws {
        let path = folder + "/hoistway.yaml"
        let old = try String(contentsOfFile: path, encoding: .utf8)
        let new = change(old)
        precondition(new != old, "the configuration was not changed")
        try new.write(toFile: path, atomically: true, encoding: .utf8)
    }

    // MARK: Programs

    func startBroker() throws {
        broker = try ChildProcess(
            ["/usr/sbin/mosquitto", "-c", folder + "/mosquitto.conf"],
            log: folder + "/mosquitto.log")
        let topics = ["alert/+", "event/+", "state", "link", "heartbeat"].map {
            "hoistway/v1/test/" + $0
        }
        guard wire.connect(subscribingTo: topics) else { throw POSIXError(.ECONNREFUSED) }
    }

    /// - Parameter losesSessions: the broker loses its file, as after a power cut.
    func stopBroker(losesSessions: Bool) {
        broker?.end()
        if losesSessions {
            try? FileManager.default.removeItem(atPath: brokerFolder + "/mosquitto.db")
        }
    }

    /// Stops the broker's process: it keeps its connections and takes nothing.
    func freezeBroker() { if let pid = broker?.pid { kill(pid, SIGSTOP) } }
    func thawBroker() { if let pid = broker?.pid { kill(pid, SIGCONT) } }

    /// - Parameters:
    /// - environment: further variables, as NAME=VALUE.
    /// - fileLimit: the largest size of its files in bytes, like a disk that is full at the start.
    /// - user: the id of the user that it runs as; only root may choose.
    /// - isTrial: with the program whose clocks can leap; `crashAt` implies it.
    func startDaemon(
        crashAt: String = "", environment: [String] = [], arguments: [String] = [],
        fileLimit: Int? = nil,
        in group: MemoryGroup? = nil, as user: uid_t? = nil, isTrial: Bool = false
    ) throws {
        // The last process's status is not this one's.
        try? FileManager.default.removeItem(atPath: folder + "/run/status.json")
        let limit = fileLimit.map { ["/usr/bin/prlimit", "--fsize=\($0):unlimited"] } ?? []
        daemon = try ChildProcess(
            (group?.launcher ?? []) + limit
                + (user.map {
                    ["/usr/bin/setpriv", "--reuid=\($0)", "--regid=\($0)", "--clear-groups"]
                } ?? [])
                + ["/usr/bin/env", "HOISTWAY_CRASH_AT=" + crashAt] + environment
                + [
                    isTrial || !crashAt.isEmpty ? Self.trialProgram : Self.program, "run",
                    "--config",
                    folder + "/hoistway.yaml",
                ] + arguments,
            log: folder + "/daemon.log")
    }

    func stopDaemon() { daemon?.end() }
    func killDaemon() { daemon?.end(SIGKILL) }
    /// SIGTERM, without waiting.
    func askDaemonToEnd() { if let pid = daemon?.pid { kill(pid, SIGTERM) } }
    /// Stops the daemon's process, like a hanging disk.
    func freezeDaemon() { if let pid = daemon?.pid { kill(pid, SIGSTOP) } }
    func thawDaemon() { if let pid = daemon?.pid { kill(pid, SIGCONT) } }
    /// Limits the size of the daemon's files, like a full disk. nil removes the limit.
    func limitFiles(to bytes: Int?) throws {
        guard let pid = daemon?.pid else { throw POSIXError(.ESRCH) }
        let arguments = [
            "/usr/bin/prlimit", "--pid", "\(pid)",
            "--fsize=\(bytes.map(String.init) ?? "unlimited"):unlimited",
        ]
        let setter = try ChildProcess(arguments, log: folder + "/prlimit.log")
        while setter.isRunning { usleep(5_000) }
        guard setter.outcome == 0 else { throw POSIXError(.EPERM) }
    }
    /// SIGHUP: the daemon reads its rules again.
    func reload() { if let pid = daemon?.pid { kill(pid, SIGHUP) } }

    private static let program = BuiltProgram.path("hoistway")
    private static let trialProgram = BuiltProgram.path("hoistway-trial")

    var journalIdentity: String {
        get throws {
            try String(contentsOfFile: folder + "/state/journal.db.identity", encoding: .utf8)
                .trimmingCharacters(in: .whitespacesAndNewlines)
        }
    }

    /// Runs a command about this site to its end.
    func run(_ arguments: [String]) throws -> (status: Int32, output: String) {
        try Self.run(arguments + ["--config", folder + "/hoistway.yaml"])
    }

    /// Runs the command to its end.
    static func run(_ arguments: [String]) throws -> (status: Int32, output: String) {
        let log = NSTemporaryDirectory() + "hoistway-\(UUID().uuidString).txt"
        defer { try? FileManager.default.removeItem(atPath: log) }
        let process = try ChildProcess(
            ["/usr/bin/env", "HOISTWAY_DEVICES=" + root + "/Devices", program] + arguments, log: log
        )
        for _ in 0..<12_000 where process.isRunning { usleep(10_000) }
        process.end()
        return (process.outcome ?? -1, try String(contentsOfFile: log, encoding: .utf8))
    }

    // MARK: The test as lift and as centre

    func send(_ lift: String, _ payload: String, on topic: String = "state") {
        wire.publish(Array(payload.utf8), to: "lifts/\(lift)/\(topic)")
    }

    /// A lift stops between floors with a passenger.
    func trap(_ lift: String = "1", from sequence: Int = 1) {
        send(lift, state(sequence, moving: 1))
        send(lift, state(sequence + 1))
    }

    /// Whether the centre has received an alert of a lift in a state.
    func hasAlert(_ state: String, of lift: String) -> Bool {
        events.contains {
            $0["subject"] as? String == lift
                && ($0["data"] as? [String: Any])?["state"] as? String == state
        }
    }

    /// Publishes a centre command.
    func sendCommand(_ json: String) { publish("hoistway/v1/test/word", #"{"words":[\#(json)]}"#) }

    func publish(_ topic: String, _ payload: String) {
        wire.publish(Array(payload.utf8), to: topic)
    }

    /// Serves as the centre until a condition holds.
    @discardableResult
    func wait(_ seconds: Double = 15, until condition: () throws -> Bool) rethrows -> Bool {
        let deadline = Date().addingTimeInterval(seconds)
        while Date() < deadline {
            serve()
            if try condition() { return true }
        }
        return try condition()
    }

    func serve() {
        for message in wire.turn() {
            guard message.topic.contains("/alert/") || message.topic.contains("/event/"),
                let event = (try? JSONSerialization.jsonObject(with: Data(message.payload)))
                    as? [String: Any],
                let id = event["id"] as? String
            else { continue }
            received[id, default: 0] += 1
            events.append(event)
            if answersReceipts {
                wire.publish(Array("{\"id\":\"\(id)\"}".utf8), to: "hoistway/v1/test/receipt")
            }
        }
    }

    /// Distinct alerts as "kind state", in the order of arrival.
    var alertStates: [String] {
        var seen: Set<String> = []
        return events.compactMap { event in
            guard seen.insert(event["id"] as! String).inserted,
                let data = event["data"] as? [String: Any],
                let kind = data["kind"], let state = data["state"]
            else { return nil }
            return "\(kind) \(state)"
        }
    }

    /// The data of received events of a type.
    func eventData(_ type: String) -> [[String: Any]] {
        events.filter { $0["type"] as? String == "org.hoistway.\(type).v1" }.compactMap {
            $0["data"] as? [String: Any]
        }
    }

    var status: [String: Any] {
        guard let data = FileManager.default.contents(atPath: folder + "/run/status.json") else {
            return [:]
        }
        return (try? JSONSerialization.jsonObject(with: data)) as? [String: Any] ?? [:]
    }
    func status(_ group: String, _ key: String) -> Int {
        (status[group] as? [String: Any])?[key] as? Int ?? 0
    }
    var isDrained: Bool { (status["broker"] as? [String: Any])?["drained"] as? Bool ?? false }
    var log: String { (try? String(contentsOfFile: folder + "/daemon.log", encoding: .utf8)) ?? "" }
    /// What each side knows, for the comment of an expectation that fails.
    var account: String {
        let broker = (try? String(contentsOfFile: folder + "/mosquitto.log", encoding: .utf8)) ?? ""
        return """
            the test received \(alertStates) in \(events.count) events, its connection: \(wire.account)
            DAEMON \(log)
            STATUS \(status)
            BROKER \(broker)
            """
    }
    func retained(_ topic: String) -> String? {
        wire.retained["hoistway/v1/test/" + topic].map { String(decoding: $0, as: UTF8.self) }
    }
}
