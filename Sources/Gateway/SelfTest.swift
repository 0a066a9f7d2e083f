import Connectivity
import Contract
import Encoding
import GatewayCore
import Journal
import LiftModel
import MQTT
import Monitoring
import Platform
import RuleLanguage

/// Tests the whole way with an entrapment of a lift that does not exist: broker, decoding, the
/// site's rules, disk, route, receipt.
///
/// The virtual lift has a detector of its own under the site's rules, so that nothing of it touches
/// the real lifts. Its messages are published by a client of its own, on the one topic on which the
/// gateway publishes at the building's broker; its alert contains `"test": true`. It is no test of
/// a lift's own alarm equipment (EN 81-28 asks for one every 72 h at least; this has the same
/// interval).
struct SelfTest {
    static let profile = "gbt24476-json"

    /// Longer than the standard rules need for a suspicion off level, and the centre for its
    /// receipt.
    static let patience = Duration.seconds(150)
    /// Messages that the broker has acknowledged come back within this time, or never.
    private static let echoPatience = Duration.seconds(30)

    typealias Report = SelfTestReport

    private let site: String
    private let centres: [String]
    private let username: String?
    private let startedAt: MonotonicTime
    private var intake: Intake
    private let stateTopic: [UInt8]
    /// nil where no test is possible.
    private var publisher: SelfTestPublisher?
    private var eventID: String?
    /// Why it is in doubt whether a centre has stored the alert for which it gave a receipt.
    private var doubt: String?
    private(set) var report: Report

    /// - Parameters:
    /// - centres: the centres that must store the alert.
    /// - client: the connection to the building's broker.
    init(
        site: AlertEvent.Site, centres: [String], data: DeviceData, rules: RuleSet,
        client: MQTTClient.Options,
        at now: Instant
    ) throws {
        self.site = site.id
        self.centres = centres
        username = client.username
        startedAt = MonotonicClock.now
        report = Report(started: now)
        var data = data
        data.rules = rules
        intake = Intake(
            data: data, origin: site.origin, admission: .registered, start: now, isObserving: true)
        try intake.register(SelfTestLift.lift, profile: Self.profile, at: now)
        stateTopic = Array("lifts/\(SelfTestLift.lift.id)/state".utf8)
        if intake.detector.liftCount == 0 {
            report.problem = "it uses the profile \(Self.profile), which is not loaded here"
        } else if centres.isEmpty {
            report.problem =
                "no centre receives entrapments in the contract's form; a form of its own cannot express a test"
        } else {
            publisher = SelfTestPublisher(client, topic: SelfTestLift.topic(site.id))
            return
        }
        report.ended = 0
    }

    private var elapsed: Double {
        Double((MonotonicClock.now - startedAt).nanoseconds / 1_000_000) / 1000
    }
    var isOver: Bool { report.ended != nil }

    /// Takes a message of the virtual lift that has come through the broker.
    mutating func take(_ payload: Span<UInt8>, arrival: Instant) {
        report.received = report.received ?? elapsed
        let topic = stateTopic
        intake.take(topic: topic.span, payload: payload, isRetained: false, arrival: arrival)
    }

    /// Continues the test.
    /// - Parameters:
    ///   - observesLifts: whether the gateway receives the messages of the building's broker.
    ///   - doubt: why a centre's last receipts are in doubt; nil where they are not.
    ///   - brokerTrouble: why the building's broker is not connected; nil where it is.
    /// - Returns: the alerts of the rules about the virtual lift.
    mutating func turn(
        at now: Instant, observesLifts: Bool, brokerTrouble: String?, _ journal: Journal,
        doubt receiptDoubt: (_ centre: String) -> String?
    ) throws(JournalError) -> [Alert] {
        guard !isOver, let publisher else { return [] }
        intake.advance(to: now)
        let alerts = intake.takeAlerts().filter { $0.isEntrapment }
        if eventID == nil, let first = alerts.first(where: { $0.state.isOpen }) {
            eventID = "\(first.id)/\(first.revision)"
            report.raised = elapsed
            // The alert is journalled in the same turn, before `turn` looks for it again.
            return alerts
        }
        if let eventID {
            for centre in centres where !report.stored.contains(where: { $0.centre == centre }) {
                guard try journal.pendingRow(for: centre, event: eventID) == nil else { continue }
                if let refusal = try journal.refusal(of: eventID, by: centre) {
                    report.problem = "\(centre) refused it: \(refusal)"
                    return alerts + close(at: now, brokerTrouble)
                }
                report.stored.append((centre, elapsed))
                doubt = doubt ?? receiptDoubt(centre).map { Self.doubted(centre, $0) }
            }
            if report.stored.count == centres.count { publisher.openDoors() }
        }
        let isNotReturned =
            report.received == nil && observesLifts && publisher.isAcknowledged
            && elapsed > Self.echoPatience.inSeconds
        if publisher.hasStopped || isNotReturned || elapsed > Self.patience.inSeconds {
            return alerts + close(at: now, brokerTrouble)
        }
        return alerts
    }

    /// Ends the test and clears its open alerts.
    private mutating func close(at now: Instant, _ brokerTrouble: String?) -> [Alert] {
        for open in intake.detector.openAlerts {
            do throws(OperatorActionError) {
                try intake.apply(.endOfAlarm(alert: open.id, Statement(by: "self-test")), at: now)
            } catch {
                // It may have ended with the one before it.
                guard intake.detector.openAlerts.contains(where: { $0.id == open.id }) else {
                    continue
                }
                report.problem = report.problem ?? "its alert \(open.id) stays open: \(error)"
            }
        }
        if report.stored.count < centres.count || centres.isEmpty {
            let missing = centres.filter { centre in !report.stored.contains { $0.centre == centre }
            }
            report.problem =
                report.problem ?? Self.brokerProblem(publisher?.problem, brokerTrouble)
                ?? Self.missingStep(
                    report, of: missing, on: SelfTestLift.topic(site),
                    isAcknowledged: publisher?.isAcknowledged == true,
                    username: username)
        }
        report.problem = report.problem ?? doubt
        end()
        return intake.takeAlerts().filter { $0.isEntrapment }
    }

    /// A receipt that may be none; a sentence without its full stop.
    static func doubted(_ centre: String, _ remark: String) -> String {
        "it is in doubt whether \(centre) has stored it. \(remark.hasSuffix(".") ? String(remark.dropLast()) : remark)"
    }

    /// Why the broker ended the test. The gateway's own connection mostly knows more of it, because
    /// it looks for the cause.
    static func brokerProblem(_ problem: String?, _ trouble: String?) -> String? {
        guard problem != nil, let trouble else { return problem }
        return
            "the building's broker cannot be used: \(trouble.hasSuffix(".") ? String(trouble.dropLast()) : trouble)"
    }

    /// The first step that did not happen; a sentence without its full stop.
    static func missingStep(
        _ report: Report, of centres: [String], on topic: String, isAcknowledged: Bool,
        username: String?
    ) -> String {
        if report.received == nil {
            return isAcknowledged
                ? "the building's broker takes what the self-test publishes on \(topic) and brings none of it back. Its access list must let \(username.map { "user '\($0)'" } ?? "the gateway") read there, too (mosquitto: topic readwrite hoistway/selftest/+/state)"
                : "the building's broker has not acknowledged what the self-test published on \(topic)"
        }
        if report.raised == nil { return "no rule raised an entrapment" }
        return
            "no receipt from \(centres.joined(separator: ", ")) in \(patience.spanText). hoistway status shows whether it is connected. If it is, it must send a receipt for each stored event (docs/contract); a PUBACK of its broker is none"
    }

    private mutating func end() {
        publisher?.stop()
        report.ended = elapsed
    }
}
