import Connectivity
import Delivery
import DeviceProfiles
import LiftModel

/// The condition of the running gateway as facts, and the checks that follow from them. A check is
/// ok only where something was looked at.
// Over 20 properties: a fact each.
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
        /// The rules have found it silent: an alert about that is open.
        var isReportedSilent = false
        /// It has sent nothing but the same message for too long.
        var repetition: RepeatedMessage?
        /// A maintenance window is open, or every message of it is refused, which has a check of
        /// its own: its silence is no failure.
        var isExcused = false
        /// The device's clock minus the gateway's time line; nil where the device sends no time.
        var clockOffset: Duration?

        var isSilent: Bool { isReportedSilent || silence.map { $0 >= silenceLimit } ?? false }
    }
    struct RepeatedMessage {
        /// The message's own time, else when it came first; by the calendar.
        var of: Instant
        var lasting: Duration
    }
    /// A lift whose messages lack what the rules about trapped passengers need.
    struct PartlyReadLift {
        var name: String
        var sources: [UnreadSource]
        /// One of them has not come since the start.
        var hasNeverCome = false
    }
    /// A topic with messages of no registered lift.
    struct UnregisteredTopic {
        var topic: String
        var messages: Int
        /// The registered lift without a message whose id is nearly the one of the topic.
        var meant: String?
    }
    /// A journal that was damaged or lost.
    struct LostJournal {
        var age: Duration
        /// The damaged file; nil where the journal was missing.
        var file: String?
    }
    /// Why alerts are not signed.
    struct SigningProblem {
        var found: String
        /// There has been no key before, and none could be made.
        var isOfFirstKey = false

        /// What to do. A key that may not be read is not lost: a new one would make the centre
        /// reject the signatures.
        func advice(_ problem: OwnFiles.Problem?) -> String {
            if let problem { return "\(problem.remedy) Then: systemctl restart hoistway" }
            if isOfFirstKey {
                return
                    "There has been no key yet, so none is lost. Make room on the disk; if this row stays then: systemctl restart hoistway. The gateway makes a key, whose public half (signing-key.pem.pub) the centre has to be given."
            }
            return
                "Put the key back, or remove the file for a new one, whose public half the centre has to be given."
        }
    }
    struct Certificate {
        enum Holder: Equatable {
            /// The gateway, with its file.
            case gateway(String)
            /// A server, by its address.
            case server(String)
        }
        var holder: Holder
        var validUntil: Instant

        static let ownNotice = Duration.seconds(21 * 86_400)
        /// A server's is often renewed by a program, some weeks before its end.
        static let serversNotice = Duration.seconds(7 * 86_400)

        var isServers: Bool { if case .server = holder { true } else { false } }
        /// How long before its end it is shown.
        var notice: Duration { isServers ? Self.serversNotice : Self.ownNotice }
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

    var broker = Broker()
    var lifts: [ObservedLift] = []
    var refusedLifts: [String] = []
    /// Refused messages that name another lift than their topic, since the start.
    var messagesOfAnotherLift = 0
    var partlyReadLifts: [PartlyReadLift] = []
    /// Those with messages within the last minutes.
    var unregistered: [UnregisteredTopic] = []
    var rulesVersion = ""
    /// What was wrong with the rules at the last reload; nil when they are in force.
    var reloadProblem: String?
    /// The names of the keys that were changed since the running gateway has started.
    var changedSinceStart: [String] = []
    /// How long no commit has succeeded, and why.
    var diskFailing: (since: Duration, because: String)?
    /// How long ago a commit last failed, and why, where they succeed again only since then.
    var diskFailed: (ago: Duration, because: String)?
    /// The state folder, and the free space of its disk in bytes where that is known.
    var stateFolder = (path: "", freeBytes: Int?.none)
    /// The file of the gateway that its user may not use, and what to do; the disk is in order
    /// then.
    var fileProblem: OwnFiles.Problem?
    var lostJournal: LostJournal?
    /// Why it is not known whether a journal was set aside.
    var folderProblem: String?
    /// Why the journal cannot be read. What was last read of it is then out of date.
    var journalProblem: String?
    var delivery = Delivery()
    /// Why alerts are not signed; nil where they are signed, or are not to be.
    var signingProblem: SigningProblem?
    var certificates: [Certificate] = []
    var clock = Clock()
    var selfTest = LastSelfTest.none

    var checks: [Check] {
        [
            brokerCheck, subscriptions, liftsHeard, liftsUnderstood, unregisteredCheck, liftClocks,
            rules,
            configuration, disk, journal, routesCheck, receipts, refusals, signing,
            certificatesCheck, clockCheck,
            selfTestCheck,
        ]
    }

    private var rules: Check {
        guard let reloadProblem else { return .ok(.rules, "version \(rulesVersion)") }
        return .failed(
            .rules,
            "the last reload failed, version \(rulesVersion) stays in force: \(reloadProblem)",
            "Mend the file (hoistway check names every mistake) and reload again.")
    }

    private var configuration: Check {
        if changedSinceStart.isEmpty { return .ok(.configuration, "as it was at the start") }
        return .failed(
            .configuration,
            "it has changed since the start, and only a restart applies this: \(changedSinceStart.joined(separator: ", "))",
            "systemctl restart hoistway")
    }

    /// A check of what only the journal can tell.
    func unreadableJournal(_ subject: Check.Subject) -> Check? {
        journalProblem == nil ? nil : .unknown(subject, "the journal cannot be read")
    }

    private var journal: Check {
        if let journalProblem {
            return .failed(
                .journal, "it cannot be read: \(journalProblem)",
                "Lifts are watched meanwhile. Check the disk.")
        }
        guard let lostJournal else {
            if let folderProblem {
                return .failed(
                    .journal, "whether it was damaged cannot be seen: \(folderProblem)",
                    "The gateway's user must be able to read this folder.")
            }
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

    private var signing: Check {
        guard let signingProblem else { return .ok(.signing, "alerts are signed as configured") }
        return .failed(
            .signing, "alerts go out unsigned: \(signingProblem.found)",
            signingProblem.advice(fileProblem))
    }

    private var certificatesCheck: Check {
        let ending = certificates.filter { $0.validUntil - clock.now < $0.notice }
        if ending.isEmpty {
            let own = "none of ours expires within \(Certificate.ownNotice.spanText)"
            let servers = ", no server's within \(Certificate.serversNotice.spanText)"
            return .ok(
                .certificates, certificates.contains(where: \.isServers) ? own + servers : own)
        }
        var advice: [String] = []
        let found = ending.map { certificate in
            let (name, remedy) =
                switch certificate.holder {
                case .gateway(let file):
                    (
                        "our certificate \(file)",
                        "Without a valid one the other side refuses us. Put a new one there, and: systemctl reload hoistway"
                    )
                case .server(let server):
                    (
                        "the certificate of \(server)",
                        "Once a server's has expired, no new connection to it is made. Its operator has to renew it."
                    )
                }
            if !advice.contains(remedy) { advice.append(remedy) }
            let left = certificate.validUntil - clock.now
            return left < .zero
                ? "\(name) expired \(left.magnitude.spanText) ago"
                : "\(name) expires in \(left.spanText), on \(certificate.validUntil.local)"
        }
        return .failed(
            .certificates, found.joined(separator: "\n"), advice.joined(separator: " "))
    }

    private var selfTestCheck: Check {
        let advice = "hoistway selftest tries the whole way again."
        switch selfTest {
        case .none: return .unknown(.selfTest, "switched off, or no centre that takes one")
        case .running(nil): return .unknown(.selfTest, "running")
        case .running(let failure?):
            return .failed(.selfTest, "it is running again; the last one failed: \(failure)")
        case .missing:
            return unreadableJournal(.selfTest) ?? .failed(.selfTest, "none has passed yet", advice)
        case .passed(let age): return .ok(.selfTest, "passed \(age.spanText) ago")
        case .failed(let age, let reason):
            return .failed(
                .selfTest, "failed \(age.spanText) ago\(reason.isEmpty ? "" : ": \(reason)")",
                advice)
        }
    }

    static func list(_ names: [String]) -> String {
        names.count <= 3
            ? names.joined(separator: ", ")
            : "\(names.prefix(3).joined(separator: ", ")) and \(names.count - 3) more"
    }
}
