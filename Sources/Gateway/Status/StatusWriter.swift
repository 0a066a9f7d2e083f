import Connectivity
import Delivery
import GatewayCore
import Journal
import LiftModel
import Logging
import Platform

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// Writes the status file, and keeps the facts of a run that its loop does not have.
struct StatusWriter {
    let configuration: Configuration
    let log: Logger
    let startedAt: MonotonicTime
    /// Why alerts are sent unsigned, where they are to be signed.
    let signingProblem: Condition.SigningProblem?
    /// The journal was missing or empty at the start, though there had been one.
    let lostJournal: Bool
    /// The longest pause between two messages of a lift in good health, by its id.
    let longestPauses: [String: Duration]
    /// The outcome of the last reload.
    var reload = ReloadOutcome() {
        // A certificate may have been renewed.
        didSet {
            certificatesReadAt = nil
            serverCertificates.lookAgain()
        }
    }
    private var ownCertificates: [Condition.Certificate] = []
    private let serverCertificates: ServerCertificates
    private var certificatesReadAt: MonotonicTime?
    private var checkLog = CheckLog()
    /// As the journal was last read.
    private var stored = StoredFacts()
    /// Why the last write failed; nil when it succeeded.
    private var problem: String?
    /// A new certificate may be put in place without a reload.
    private static let readCertificatesEvery = Duration.seconds(600)

    init(
        _ configuration: Configuration, log: Logger, startedAt: MonotonicTime,
        signingProblem: Condition.SigningProblem?,
        lostJournal: Bool,
        longestPauses: [String: Duration]
    ) {
        self.configuration = configuration
        self.log = log
        self.startedAt = startedAt
        self.signingProblem = signingProblem
        self.lostJournal = lostJournal
        self.longestPauses = longestPauses
        serverCertificates = ServerCertificates(
            Self.endpoints(of: configuration).flatMap(\.probes), at: startedAt)
    }

    private static func endpoints(of configuration: Configuration) -> [Endpoint] {
        [configuration.broker] + configuration.centres.flatMap(\.routes)
    }

    private static let subject = "the events that wait or were refused, and the last self-test"

    /// - Throws: `JournalError` for damage only.
    mutating func write(
        _ loop: TelemetryLoop, _ delivery: DeliveryState, _ journal: Journal, _ reads: ReportReads,
        at monotonic: MonotonicTime
    ) throws(JournalError) {
        let found = try reads.read(Self.subject) { () throws(JournalError) in
            try StoredFacts(journal)
        }
        if let found { stored = found }
        readCertificates(at: monotonic)
        var report = StatusReport(
            site: configuration.site, startedAt: startedAt, loop: loop,
            routes: delivery.routeStatuses,
            stored: stored, journalProblem: reads.problem(of: Self.subject),
            rulesVersion: loop.core.intake.detector.rules.version, processID: Int(getpid()))
        report.reloadProblem = reload.problem
        report.changedSinceStart = reload.changedSinceStart
        report.signingProblem = signingProblem
        serverCertificates.lookIfDue(
            at: monotonic, time: Instant(nanoseconds: MonotonicClock.wallNanoseconds))
        report.certificates = ownCertificates + serverCertificates.found
        report.stateFolder = configuration.stateFolder
        report.lostJournal = lostJournal
        report.longestPauses = longestPauses
        report.hasSelfTest =
            configuration.selfTestEvery != nil
            && configuration.centres.contains(where: \.isTestable)
        let snapshot = report.snapshot(now: loop.clock.now, monotonic: monotonic)
        for line in checkLog.lines(snapshot.checks, at: monotonic) {
            log.log(level: line.level, "\(line.text)")
        }
        publish(snapshot.json)
    }

    /// A runtime folder that cannot be written must not stop the gateway. As nobody can see its
    /// status then, the log reports it.
    private mutating func publish(_ bytes: [UInt8]) {
        let folder = configuration.runtimeFolder
        do throws(Folder.Problem) {
            try Folder(folder).replace("status.json", with: bytes)
            if problem != nil { log.notice("the status file in \(folder) can be written again") }
            problem = nil
        } catch {
            if problem == error.message { return }
            problem = error.message
            let remedy =
                [EACCES, EPERM].contains(error.code)
                ? " As root: chown \(OwnFiles.currentOwner) \(folder)" : ""
            log.error(
                "user '\(OwnFiles.currentUser)' cannot write \(folder)/status.json (\(error.message)): lifts are watched, but hoistway status and hoistway selftest cannot show anything.\(remedy)"
            )
        }
    }

    private mutating func readCertificates(at monotonic: MonotonicTime) {
        if let last = certificatesReadAt, monotonic - last < Self.readCertificatesEvery {
            return
        }
        certificatesReadAt = monotonic
        var found: [String: Instant] = [:]
        for endpoint in Self.endpoints(of: configuration) where endpoint.usesTLS {
            guard let file = endpoint.certificateFile,
                // A certificate that cannot be read is reported by its connection.
                let own = try? endpoint.tlsFiles.ownCertificate()
            else {
                continue
            }
            found[file] = own.validUntil
        }
        ownCertificates = found.sorted { $0.key < $1.key }.map {
            Condition.Certificate(holder: .gateway($0.key), validUntil: $0.value)
        }
    }
}

/// The journal's part of the status.
struct StoredFacts {
    /// Events without a receipt.
    var pendingEvents = 0
    var oldestPending: Instant?
    /// Events that a centre refused for good.
    var deadLetters = 0
    /// The last completed self-test, also of an earlier run.
    var selfTest: (at: Instant, passed: Bool)?

    init() {}

    init(_ journal: Journal) throws(JournalError) {
        (pendingEvents, oldestPending) = try journal.outboxSize()
        deadLetters = try journal.deadLetterCount()
        let counters = try journal.counters()
        if let last = counters["selftest_at"] {
            selfTest = (Instant(nanoseconds: Int64(last)), counters["selftest_passed"] == 1)
        }
    }
}

/// The outcome of a reload.
struct ReloadOutcome {
    /// What is wrong with the new rules, while the old ones stay in force; nil when the new ones
    /// are in force.
    var problem: String?
    /// Changed keys of the configuration that only a restart applies.
    var changedSinceStart: [String] = []
}
