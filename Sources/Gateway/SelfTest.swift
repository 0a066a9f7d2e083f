import Detection
import Elevator
import Encoding
import Journal
import Mosquitto
import Uplink

/// Tries the whole way with an entrapment of a lift that does not exist: broker, decoding, the site's rules, disk, route, receipt.
///
/// The virtual lift has a detector of its own under the site's rules, so that nothing of it touches the real lifts. Its words are
/// published by a client of its own on the one topic on which anything of ours speaks towards the building; its alert says
/// `"test": true`. It is no test of a lift's own alarm equipment (EN 81-28 asks for one every 72 h at least; this has the same rhythm).
struct SelfTest {
    static let lift = Lift(id: "hoistway-selftest", place: "self-test")
    static let profile = "gbt24476-json"
    static let topicPrefix = Array("hoistway/selftest/".utf8)
    static func topic(_ site: String) -> String { "hoistway/selftest/\(site)/state" }

    /// Longer than the standard rules need to suspect somebody off level, and the centre to answer.
    static let patience = Duration.seconds(150)

    /// What is known of a test, while it runs and after.
    struct Report: Sendable {
        var started: Instant
        /// Seconds from the start.
        var heard: Double?
        var raised: Double?
        var stored: [(centre: String, seconds: Double)] = []
        var ended: Double?
        /// Why it failed; nil while it runs and when it passed.
        var problem: String?
        var passed: Bool { ended != nil && problem == nil }
    }

    private let site: String
    private let centres: [String]
    private let begun: Int64
    private var intake: Intake
    private let words: [UInt8]
    /// nil where there is nothing to try.
    private var speaker: SelfTestSpeaker?
    private var eventID: String?
    private(set) var report: Report

    /// - Parameters:
    ///   - centres: those that are to store the alert.
    ///   - client: how the building's broker is reached.
    init(
        site: AlertEvent.Site, centres: [String], data: DeviceData, rules: RuleSet, client: MQTTClient.Options,
        at now: Instant
    ) throws {
        self.site = site.id
        self.centres = centres
        begun = MonotonicClock.nanoseconds
        report = Report(started: now)
        var data = data
        data.rules = rules
        intake = Intake(
            data: data, origin: site.origin, admission: .registered, start: now, isListening: true)
        try intake.register(Self.lift, profile: Self.profile, at: now)
        words = Array("lifts/\(Self.lift.id)/state".utf8)
        if intake.detector.liftCount == 0 {
            report.problem = "it speaks the profile \(Self.profile), which is not loaded here"
        } else if centres.isEmpty {
            report.problem =
                "no centre is told of entrapments in the contract's form; a form of its own has no word for a test"
        } else {
            speaker = SelfTestSpeaker(client, topic: Self.topic(site.id))
            return
        }
        report.ended = 0
    }

    private var elapsed: Double { Double((MonotonicClock.nanoseconds - begun) / 1_000_000) / 1000 }
    var isOver: Bool { report.ended != nil }

    /// The virtual lift's word has come by the broker.
    mutating func take(_ payload: Span<UInt8>, arrival: Instant) {
        report.heard = report.heard ?? elapsed
        let topic = words
        intake.take(topic: topic.span, payload: payload, isRetained: false, arrival: arrival)
    }

    /// Carries the test on.
    /// - Returns: what the rules say of the virtual lift.
    mutating func turn(at now: Instant, _ journal: Journal) throws(JournalError) -> [Alert] {
        guard !isOver, let speaker else { return [] }
        intake.advance(to: now)
        let alerts = intake.takeAlerts().filter { $0.isEntrapment }
        if eventID == nil, let first = alerts.first(where: { $0.state.isOpen }) {
            eventID = "\(first.id)/\(first.revision)"
            report.raised = elapsed
            // Told in the same turn, it is in the journal before this is asked again.
            return alerts
        }
        if let eventID {
            for centre in centres where !report.stored.contains(where: { $0.centre == centre }) {
                guard try journal.owed(to: centre, event: eventID) == nil else { continue }
                if let refusal = try journal.refusal(of: eventID, by: centre) {
                    report.problem = "\(centre) refused it: \(refusal)"
                    return alerts + close(at: now)
                }
                report.stored.append((centre, elapsed))
            }
            if report.stored.count == centres.count { speaker.openDoors() }
        }
        if speaker.hasLeft || elapsed > Self.patience.inSeconds { return alerts + close(at: now) }
        return alerts
    }

    /// Ends the test, and whatever it has left open.
    private mutating func close(at now: Instant) -> [Alert] {
        for open in intake.detector.openAlerts {
            try? intake.follow(.endOfAlarm(alert: open.id, Statement(by: "self-test")), at: now)
        }
        if report.stored.count < centres.count || centres.isEmpty {
            let missing = centres.filter { centre in !report.stored.contains { $0.centre == centre } }
            report.problem =
                report.problem ?? speaker?.problem
                ?? (report.heard == nil
                    ? "nothing came back from the building's broker on \(Self.topic(site)); may the gateway publish there?"
                    : report.raised == nil
                        ? "no rule raised an entrapment"
                        : "no receipt from \(missing.joined(separator: ", ")) in \(Self.patience.written)")
        }
        end()
        return intake.takeAlerts().filter { $0.isEntrapment }
    }

    private mutating func end() {
        speaker?.leave()
        report.ended = elapsed
    }
}

extension OwedEvent {
    /// How a self-test went. Of a failure every route is told at once.
    static func selfTest(_ report: SelfTest.Report, site: AlertEvent.Site, at now: Instant) -> OwedEvent {
        let id = AlertIdentity.id(site.origin, lift: site.id, kind: "selftest", onset: now.nanoseconds, earlier: 0)
        let body = CloudEvent.json("selftest", id: id, site: site, subject: site.id, time: now) {
            report.write(to: &$0)
        }
        return OwedEvent(
            id: id, type: "selftest", lane: report.passed ? .info : .fault, subject: site.id, body: body,
            step: report.passed ? 0 : .max)
    }
}

extension SelfTest.Report {
    func write(to json: inout JSONWriter) {
        json.put("started", started.rfc3339)
        json.put("passed", passed)
        json.put("problem", problem)
        json.put("heard_s", heard)
        json.put("raised_s", raised)
        json.put("ended_s", ended)
        json.array("stored") { array in
            for (centre, seconds) in stored {
                array.object {
                    $0.put("centre", centre)
                    $0.put("seconds", seconds)
                }
            }
        }
    }
}
