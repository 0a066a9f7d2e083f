import Contract
import Delivery
import Foundation
import Journal
import LiftModel
import Logging
import MQTT
import Monitoring
import Platform
import RuleLanguage
import Testing

@testable import Gateway
@testable import GatewayCore

/// A gateway's loop with something in every part of its status, without a broker: the same at each
/// run but for this box's clock.
struct FilledGateway {
    static let start = Instant(rfc3339: "2026-11-30T08:00:00Z")!
    /// The end of the last run.
    static let died = start + .seconds(700)
    static let now = start + .seconds(800)
    static let monotonic = MonotonicTime(nanoseconds: 5_000_123_456_789)
    static let startedAt = monotonic - .milliseconds(3_723_456)

    let site = AlertEvent.Site(id: "plaza", name: "TH \"Plaza\" 3/4 广场")
    let folder: String
    let journal: Journal
    let loop: TelemetryLoop
    let delivery: DeliveryState

    init() throws {
        let folder = NSTemporaryDirectory() + "hoistway-filled-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        self.folder = folder
        journal = try Journal(folder + "/journal.db")
        try journal.set("selftest_at", Self.start.nanoseconds)
        try journal.set("selftest_passed", 1)
        delivery = DeliveryState(routes: Self.routes)
        loop = try TelemetryLoop(
            TelemetryLoop.Settings(
                core: GatewayCore.Settings(
                    site: site, lanes: ["city": Set(Lane.allCases)], commitWait: .seconds(1),
                    receiveMaximum: 1000),
                client: MQTTClient.Options(
                    url: try #require(BrokerURL("mqtt://127.0.0.1:1883")), clientID: "plaza"),
                filters: ["lifts/+/state"], bootID: "boot", quota: Quota(readings: 1 << 30)),
            intake: try Self.filledIntake(folder), recovered: Recovery.Outcome(lastNow: Self.died),
            journal: journal,
            clock: GatewayClock(
                notBefore: nil, line: Self.now.nanoseconds - MonotonicClock.now.nanoseconds),
            delivery: delivery, wake: WakeUp(), recorder: nil,
            log: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        for second in stride(from: 702.0, to: 790, by: 2) {
            Self.take("3", "{\"Sequence\": broken \u{1}\(Int(second))", second, &loop.core.intake)
        }
        loop.connection.lastError =
            "broker: nothing listens on 127.0.0.1:1883 (connection refused)."
        loop.core.storage = .withoutDisk(
            StorageState.Failure(
                since: Self.monotonic - .seconds(45.5), retryAt: .boot,
                reason: "database or disk is full"))
        loop.core.counters.messages = 12_345
        loop.core.counters.alerts = 7
        loop.core.counters.redelivered = 3
        loop.core.counters.commits = 99
        loop.core.counters.connects = 2
        loop.core.counters.connectFailures = 1
        loop.core.counters.commitFailures = 4
        loop.core.counters.unjournalled = 5
        loop.core.counters.giantPackets = 6
        loop.core.counters.stalls = 8
        var report = SelfTestReport(started: Self.start)
        (report.received, report.raised, report.ended) = (0.25, 61, 63.125)
        report.stored = [("city", 61.5), ("maintenance", 62)]
        report.problem = "no receipt from \"x\""
        loop.selfTests.report = report
    }

    func remove() { try? FileManager.default.removeItem(atPath: folder) }

    private static var routes: [DeliveryState.RouteStatus] {
        var up = DeliveryState.RouteStatus(
            centre: "city", name: "city/1", url: "mqtts://centre.example:8883")
        up.receiptTopic = "hoistway/v1/plaza/receipts"
        up.isConnected = true
        up.lastReceipt = monotonic - .seconds(4.25)
        up.receipts = 11
        up.unmatchedReceipts = 1
        up.sent = 12
        up.resent = 2
        up.refused = 1
        up.problems = ["The centre's broker keeps no retained messages."]
        var down = DeliveryState.RouteStatus(
            centre: "maintenance", name: "maintenance/1", url: "https://m.example/a")
        down.lastError = "nothing listens\ton m.example:443"
        return [up, down]
    }

    /// Rules of its own: the shipped ones may change.
    private static let rules = """
        rules:
          - { rule: call, kind: car_alarm_call, severity: critical, when: not moving and not in_door_zone, for: 60s,
              title: { en: call, zh: 呼 } }
          - { rule: power, kind: power_loss, severity: major, when: '"41" in codes', title: { en: power, zh: 电 } }

        """

    private static func take(
        _ lift: String, _ payload: String, _ seconds: Double, _ intake: inout Intake
    ) {
        let (topic, bytes) = (Array("lifts/\(lift)/state".utf8), Array(payload.utf8))
        intake.take(
            topic: topic.span, payload: bytes.span, isRetained: false,
            arrival: start + .nanoseconds(Int64(seconds * 1e9)))
    }

    private static func filledIntake(_ folder: String) throws -> Intake {
        try rules.write(toFile: folder + "/rules.yaml", atomically: true, encoding: .utf8)
        let data = try DeviceData(
            profiles: [Site.root + "/Devices/profiles"], rules: [folder + "/rules.yaml"])
        var intake = Intake(
            data: data, origin: AlertOrigin(site: "plaza", journal: "journal"),
            admission: .registered, start: start,
            isObserving: true)
        for lift in [
            Lift(id: "1", place: "Tower \"B\" / left"), Lift(id: "2"), Lift(id: "3", place: "东塔"),
        ] {
            try intake.register(lift, profile: "gbt24476-json", at: start)
        }
        take("1", state(1, moving: 1), 1, &intake)
        for second in stride(from: 5, to: 695, by: 5) {
            let time = "2026-11-30T16:\(10 + second / 60):\(10 + second % 50)"
            take(
                "1", state(second, codes: "[41]", extra: ",\"Time_Stamps\":\"\(time)\""),
                Double(second) + 0.5,
                &intake)
            take(
                "2", state(second, zone: true, closed: false, occupied: false, codes: "[977]"),
                Double(second) + 1.25,
                &intake)
        }
        take("9", state(1), 690, &intake)
        try intake.apply(
            .maintenance(
                lift: "2", until: start + .seconds(7200), by: "Li \"Wei\"", reason: "rope"),
            at: start + .seconds(695))
        if let open = intake.detector.openAlerts.first(where: { $0.kind == Alert.carAlarmCall }) {
            try intake.apply(.accepted(alert: open.id, by: "王"), at: start + .seconds(696))
        }
        intake.advance(to: died)
        return intake
    }

    var snapshot: StatusSnapshot { snapshot(now: Self.now) }

    /// The same some seconds after the end of the last run.
    func snapshot(at second: Int) -> StatusSnapshot { snapshot(now: Self.died + .seconds(second)) }

    private func snapshot(now: Instant) -> StatusSnapshot {
        var stored = StoredFacts()
        stored.pendingEvents = 17
        stored.oldestPending = Self.now - .milliseconds(90_500)
        stored.deadLetters = 2
        var report = StatusReport(
            site: site, startedAt: Self.startedAt, loop: loop, routes: delivery.routeStatuses,
            stored: stored,
            rulesVersion: "v1", processID: 4711)
        report.reloadProblem = "rules.yaml:3:1: no such let"
        report.changedSinceStart = ["lifts", "broker"]
        report.signingProblem = Condition.SigningProblem(found: "no key")
        report.stateFolder = folder
        report.lostJournal = true
        report.longestPauses = ["1": .seconds(10)]
        report.hasSelfTest = true
        return report.snapshot(now: now, monotonic: Self.monotonic)
    }

    /// The content of the status file.
    func status() -> String { Self.withoutClock(snapshot.json) }

    /// The heartbeat to the centre.
    func heartbeat() throws -> String {
        let heartbeat = Heartbeat(
            site: site, startedAt: Self.startedAt, loop: loop, delivery: delivery, journal: journal,
            lifts: 3,
            signer: try Signer(keyFile: folder + "/signing-key.pem"))
        return Self.withoutClock(try heartbeat.json(at: Self.now, monotonic: Self.monotonic))
    }

    /// The self-test's event to the centre.
    func selfTestEvent() throws -> String {
        let report = try #require(loop.selfTests.report)
        let event = OutboundEvent.selfTest(
            report, site: site, at: Self.now, calendarOffset: .seconds(3600))
        return String(decoding: event.body, as: UTF8.self)
    }

    /// Without what depends on this box's clock, on the version, and on the form of rules.
    private static func withoutClock(_ json: [UInt8]) -> String {
        var text = String(decoding: json, as: UTF8.self)
        for pattern in [
            #"("wall_offset_s":)[^,}]*"#, #"("clock_quality":)[^,}]*"#, #"("quality":)[^,}]*"#,
            #"("oldest_unsent_s":)-[^,}]*"#, #"(\{"subject":"(?:clock|lift_clocks)")[^}]*"#,
            #"("(?:sha256|kid|x)":)[^,}]*"#,
            #"("rules_version":)[^,}]*"#, #"("version":)[^,}]*"#,
        ] {
            text = text.replacingOccurrences(of: pattern, with: "$1 ", options: .regularExpression)
        }
        return text
    }
}
