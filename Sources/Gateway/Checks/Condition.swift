import Connectivity
import Delivery
import LiftModel

/// The condition of the running gateway as facts, and the checks that follow from them. A check is
/// ok only where something was looked at.
struct Condition {
    struct ObservedLift {
        /// A lift that is silent for longer is not watched. The limit is three times the profile's
        /// longest pause, where that is longer.
        static let leastSilence = Duration.seconds(180)

        var name: String
        /// How long no message of it has come while the gateway observed; nil for a lift that has
        /// never sent one.
        var silence: Duration?
        var silenceLimit = leastSilence
        /// A maintenance window is open, or every message of it is refused, which has a check of
        /// its own: its silence is no failure.
        var isExcused = false
        /// The device's clock minus the gateway's time line; nil where the device sends no time.
        var clockOffset: Duration?

        var isSilent: Bool { silence.map { $0 >= silenceLimit } ?? false }
    }
    /// A topic with messages of no registered lift.
    struct UnregisteredTopic {
        var topic: String
        var messages: Int
    }
    /// A journal that was damaged or lost.
    struct LostJournal {
        var age: Duration
        /// The damaged file; nil where the journal was missing.
        var file: String?
    }
    struct OwnCertificate {
        var file: String
        var validUntil: Instant
    }
    enum LastSelfTest: Equatable {
        /// Self-tests are switched off, or no centre can take one.
        case none
        /// Why the test before failed; nil where it passed, or there was none.
        case running(lastFailure: String?)
        case missing
        case passed(age: Duration)
        case failed(age: Duration, because: String)
    }

    var brokerURL = ""
    var isConnected = false
    /// How long the gateway has observed since the backlog was drained; nil while it does not.
    var observedFor: Duration?
    var brokerTrouble = ""
    var brokerProblems: [String] = []
    /// The topics that the gateway must be allowed to read at the building's broker.
    var topics: [String] = []
    var lifts: [ObservedLift] = []
    var refusedLifts: [String] = []
    /// Those with messages within the last minutes.
    var unregistered: [UnregisteredTopic] = []
    var rulesVersion = ""
    /// What was wrong with the rules at the last reload; nil when they are in force.
    var reloadProblem: String?
    /// The names of the keys that were changed since the running gateway has started.
    var changedSinceStart: [String] = []
    /// How long no commit has succeeded, and why.
    var diskFailing: (since: Duration, because: String)?
    /// The file of the gateway that its user may not use, and what to do; the disk is in order
    /// then.
    var fileProblem: OwnFiles.Problem?
    var lostJournal: LostJournal?
    var routes: [DeliveryState.RouteStatus] = []
    var pendingEvents = 0
    var oldestPending: Duration?
    /// Events that a centre refused for good, and that no one has resent.
    var deadLetters = 0
    /// Why alerts are not signed; nil where they are signed, or are not to be.
    var signingProblem: String?
    var certificates: [OwnCertificate] = []
    /// The kernel reports that the wall clock is synchronised.
    var isClockSynchronised = false
    /// The wall clock minus the gateway's calendar: the corrections since the start.
    var wallOffset = Duration.zero
    /// The wall clock minus the gateway's time line, on which devices' clocks are measured.
    var lineOffset = Duration.zero
    /// By the wall clock.
    var now = Instant(nanoseconds: 0)
    var selfTest = LastSelfTest.none

    /// A receipt that is outstanding for longer does not come by itself.
    private static let receiptWithin = Duration.seconds(60)
    /// A certificate is shown from this long before its end.
    static let certificateNotice = Duration.seconds(21 * 86_400)
    /// Clocks that differ by less count as equal: networks and devices take their time.
    private static let clockTolerance = Duration.seconds(60)
    /// No gateway of this product was started before this time.
    private static let earliest = Instant(rfc3339: "2025-01-01T00:00:00Z") ?? Instant(nanoseconds: 0)

    var checks: [Check] {
        [
            broker, subscriptions, liftsHeard, liftsUnderstood, unregisteredCheck, liftClocks, rules, configuration,
            disk, journal, routesCheck, receipts, refusals, signing, certificatesCheck, clock, selfTestCheck,
        ]
    }

    private var broker: Check {
        if !isConnected {
            return .failed(.broker, brokerTrouble.isEmpty ? "\(brokerURL) is not connected yet" : brokerTrouble)
        }
        return observedFor == nil
            ? .unknown(.broker, "connected to \(brokerURL); the backlog is being read")
            : .ok(.broker, "connected to \(brokerURL)")
    }

    private var subscriptions: Check {
        if !brokerProblems.isEmpty { return .failed(.subscriptions, brokerProblems.joined(separator: "\n")) }
        return isConnected ? .ok(.subscriptions, "granted with QoS 1") : .unknown(.subscriptions, "not asked for yet")
    }

    private var rules: Check {
        guard let reloadProblem else { return .ok(.rules, "version \(rulesVersion)") }
        return .failed(
            .rules, "the last reload failed, version \(rulesVersion) stays in force: \(reloadProblem)",
            "Mend the file (hoistway check names every mistake) and reload again.")
    }

    private var configuration: Check {
        if changedSinceStart.isEmpty { return .ok(.configuration, "as it was at the start") }
        return .failed(
            .configuration,
            "it has changed since the start, and only a restart applies this: \(changedSinceStart.joined(separator: ", "))",
            "systemctl restart hoistway")
    }

    private var disk: Check {
        guard let diskFailing else { return .ok(.disk, "every commit succeeds") }
        if let fileProblem {
            return .failed(
                .disk, "nothing is stored on disk for \(diskFailing.since.spanText): \(fileProblem.found)",
                "Alerts go out from memory meanwhile. \(fileProblem.remedy)")
        }
        return .failed(
            .disk, "it has stored nothing for \(diskFailing.since.spanText): \(diskFailing.because)",
            "Alerts go out from memory meanwhile. Make room, or replace the disk.")
    }

    private var journal: Check {
        guard let lostJournal else {
            return .ok(.journal, "no damage in the last \(SetAsideJournal.shownFor.spanText)")
        }
        let age = "\(lostJournal.age.spanText) ago"
        guard let file = lostJournal.file else {
            return .failed(
                .journal, "it was missing or empty at the start \(age), and a new one was created",
                "Alerts that were not delivered by then may be lost. Find out who removed it; a restart removes this row."
            )
        }
        return .failed(
            .journal,
            "it was damaged, and was set aside \(age); a new one continues with what could be saved of it. The damaged file: \(file)",
            "Check the disk. Move the file away when you have looked at it; this row then disappears, otherwise after \(SetAsideJournal.shownFor.spanText)."
        )
    }

    private var routesCheck: Check {
        var problems: [String] = []
        for route in routes {
            if !route.isConnected {
                problems.append(
                    "\(route.name) is down: \(route.lastError.isEmpty ? "not connected yet" : route.lastError)")
            } else {
                problems += route.problems.map { "\(route.name): \($0)" }
            }
        }
        if problems.isEmpty { return .ok(.routes, "\(routes.count) of \(routes.count) connected") }
        // A line each.
        return .failed(.routes, problems.joined(separator: "\n"))
    }

    private var receipts: Check {
        guard let oldestPending, pendingEvents > 0 else { return .ok(.receipts, "none is outstanding") }
        let found =
            "\(pendingEvents) event\(pendingEvents == 1 ? " waits" : "s wait") for a receipt, the oldest for \(oldestPending.spanText)"
        if oldestPending < Self.receiptWithin { return .ok(.receipts, found) }
        var advice = ["Nothing is lost."]
        // Where a route is down, that is the problem to mend.
        if routes.allSatisfy(\.isConnected) {
            let topics = Set(routes.compactMap(\.receiptTopic)).sorted()
            if !topics.isEmpty {
                advice.append(
                    "The centre must say on \(topics.joined(separator: ", ")) that it has stored each event (docs/contract); a PUBACK of its broker does not. If it does, look whether the access list of its broker lets our user read there: a broker may grant the subscription and then bring nothing."
                )
            }
            if routes.contains(where: { $0.receiptTopic == nil }) {
                advice.append(
                    "The centre must answer each request with a 2xx when it has stored the events (docs/contract).")
            }
        }
        return .failed(.receipts, found, advice.joined(separator: " "))
    }

    private var refusals: Check {
        if deadLetters == 0 { return .ok(.refusals, "none") }
        return .failed(
            .refusals, "the centre refused \(deadLetters) event\(deadLetters == 1 ? "" : "s") for good",
            "hoistway journal refused shows them with the centre's reasons.")
    }

    private var signing: Check {
        guard let signingProblem else { return .ok(.signing, "alerts are signed as configured") }
        return .failed(
            .signing, "alerts go out unsigned: \(signingProblem)",
            fileProblem.map { "\($0.remedy) Then: systemctl restart hoistway" }
                ?? "Put the key back, or remove the file for a new one, whose public half the centre has to be given.")
    }

    private var certificatesCheck: Check {
        let ending = certificates.filter { $0.validUntil - now < Self.certificateNotice }
        if ending.isEmpty {
            return .ok(.certificates, "none of ours expires within \(Self.certificateNotice.spanText)")
        }
        let found = ending.map { certificate in
            let left = certificate.validUntil - now
            return left < .zero
                ? "our certificate \(certificate.file) expired \(left.magnitude.spanText) ago"
                : "our certificate \(certificate.file) expires in \(left.spanText), on \(certificate.validUntil.local)"
        }
        return .failed(
            .certificates, found.joined(separator: "; "),
            "Without a valid one the other side refuses us. Put a new one there, and: systemctl reload hoistway")
    }

    var clock: Check {
        if now < Self.earliest {
            return .failed(
                .clock, "this box thinks it is \(now.rfc3339)", "Set the clock, and switch on NTP (timedatectl).")
        }
        if let difference = centreDifference, difference.magnitude > Self.clockTolerance {
            return .failed(
                .clock,
                "this box is \(difference.magnitude.spanText) \(difference > .zero ? "behind" : "ahead of") the centre's server",
                "Set the clock, and switch on NTP (timedatectl).")
        }
        if isClockSynchronised {
            if wallOffset.magnitude > Self.clockTolerance {
                return .failed(
                    .clock,
                    "the clock was set by \(wallOffset.magnitude.spanText) since the gateway started, and the gateway continues with the old time",
                    "Restart the gateway when no incident is open: systemctl restart hoistway.")
            }
            return .ok(.clock, "synchronised")
        }
        if centreDifference != nil { return .ok(.clock, "agrees with the centre's server") }
        if let difference = liftDifference, difference.magnitude > Self.clockTolerance {
            return .failed(
                .clock,
                "this box's clock is not synchronised, and it is \(difference.magnitude.spanText) \(difference > .zero ? "behind" : "ahead of") its lifts'",
                "Set the clock, and switch on NTP (timedatectl).")
        }
        if liftDifference != nil { return .ok(.clock, "agrees with the lifts") }
        return .unknown(.clock, "it is not synchronised (no NTP), and there is nothing to compare it with")
    }

    /// The centre's clock minus this box's, where a route's server sends the time.
    private var centreDifference: Duration? {
        routes.compactMap(\.serverClockOffset).min { $0.magnitude < $1.magnitude }
    }

    /// Most lifts' clocks minus this box's; nil where they do not agree.
    private var liftDifference: Duration? {
        let offsets = lifts.compactMap(\.clockOffset).sorted()
        guard !offsets.isEmpty else { return nil }
        let median = offsets[offsets.count / 2] - lineOffset
        let agreeing = offsets.count { ($0 - lineOffset - median).magnitude < Self.clockTolerance }
        return agreeing * 2 > offsets.count ? median : nil
    }

    private var selfTestCheck: Check {
        let advice = "hoistway selftest tries the whole way again."
        switch selfTest {
        case .none: return .unknown(.selfTest, "switched off, or no centre that takes one")
        case .running(nil): return .unknown(.selfTest, "running")
        case .running(let failure?): return .failed(.selfTest, "it is running again; the last one failed: \(failure)")
        case .missing: return .failed(.selfTest, "none has passed yet", advice)
        case .passed(let age): return .ok(.selfTest, "passed \(age.spanText) ago")
        case .failed(let age, let reason):
            return .failed(.selfTest, "failed \(age.spanText) ago\(reason.isEmpty ? "" : ": \(reason)")", advice)
        }
    }

    static func list(_ names: [String]) -> String {
        names.count <= 3
            ? names.joined(separator: ", ") : "\(names.prefix(3).joined(separator: ", ")) and \(names.count - 3) more"
    }
}
