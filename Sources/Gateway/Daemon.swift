import Contract
import Delivery
import DeviceProfiles
import FoundationEssentials
import Journal
import LiftModel
import Logging
import Monitoring
import Platform
import PositionedYAML
import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// The whole gateway: restores its state, runs the loop, the routes and the watchdog, and ends in
/// good order on SIGTERM.
public struct Daemon {
    public let configuration: Configuration
    public let data: DeviceData
    public var recordPath: String?
    public var log: Logger
    private let trial: DaemonTrial?

    /// - Parameter trial: for trials of the daemon; nil in the installed program.
    /// - Throws: `InvalidFiles` for a wrong configuration, before anything is touched.
    public init(
        _ configuration: Configuration, recordPath: String?, log: Logger, trial: DaemonTrial? = nil
    ) throws(InvalidFiles) {
        self.configuration = configuration
        data = try configuration.deviceData()
        self.recordPath = recordPath
        self.log = log
        self.trial = trial
    }

    /// Runs until a signal stops it.
    /// - Throws: a reason why the gateway cannot run: a state folder that cannot be used, a journal
    ///   of another format.
    public func run() throws {
        let stop = StopSignal()
        DataLimit.set(forLifts: configuration.lifts.count)
        try makeFolders()
        let lockPath = configuration.stateFolder + "/lock"
        var opener = JournalOpener(
            configuration, hasRunBefore: FileManager.default.fileExists(atPath: lockPath), log: log)
        var lock = try InstanceLock(lockPath, or: configuration.runtimeFolder + "/lock")
        var handover: RunHandover?
        do {
            repeat {
                handover = try runOnce(&opener, stop, resuming: handover)
                if handover != nil {
                    try makeFolders()
                    try lock.takeAgain()
                }
            } while handover != nil
        } catch let error as JournalError where error.isDamage {
            // The next start, which systemd makes at once, sets the file aside and continues with
            // what can be salvaged.
            Journal.markDamaged(opener.path)
            log.critical("\(error). Ending; the next start salvages what it can.")
            throw error
        }
    }

    /// The counter with the version of the rules of the last start.
    public static let rulesCounter = "rules_version"

    /// - Throws: `InvalidFiles` for a folder that cannot be created, `CannotRun` for a folder of
    ///   another user.
    private func makeFolders() throws {
        for folder in [configuration.stateFolder, configuration.runtimeFolder] {
            do { try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true) } catch {
                throw InvalidFiles([
                    Diagnostic(file: folder, message: Self.cannotBeMade(folder))
                ])
            }
            try refuseAnothersFolder(folder)
            do throws(Folder.Problem) { try Folder(folder).removeLeftovers() } catch { log.warning("\(error)") }
        }
    }

    /// Why a folder cannot be created, and what to do.
    private static func cannotBeMade(_ folder: String) -> String {
        var facts = stat()
        if stat(folder, &facts) == 0, facts.st_mode & S_IFMT != S_IFDIR {
            return "is a file; expected a folder. Remove the file, or name another folder"
        }
        return
            "cannot be made by user '\(OwnFiles.currentUser)'. As root: mkdir -p \(folder) && chown \(OwnFiles.currentOwner) \(folder)"
    }

    /// The service could not use files that root creates in its folder, and through a link that the
    /// service puts there root would write to another user's file.
    private func refuseAnothersFolder(_ folder: String) throws(CannotRun) {
        var facts = stat()
        guard geteuid() == 0, stat(folder, &facts) == 0, facts.st_uid != 0 else { return }
        let owner = OwnFiles.name(of: facts.st_uid)
        throw CannotRun(
            description:
                "\(folder) belongs to user '\(owner)', and this runs as root. Start the service (systemctl start hoistway), or run this as '\(owner)': sudo -u \(owner) hoistway run …"
        )
    }

    /// One run on one journal.
    /// - Returns: nil at the end; a handover where the next run needs another journal.
    /// - Throws: `JournalError` also for damage, in whichever part of the file.
    private func runOnce(_ opener: inout JournalOpener, _ stop: StopSignal, resuming handover: RunHandover?) throws
        -> RunHandover?
    {
        var data = data
        if let handover { data.rules = handover.rules }
        var opened = try opener.open()
        var site = configuration.site
        site.journal = opened.identity
        var (intake, recovered): (Intake, Recovery.Outcome)
        do {
            (intake, recovered) = try restore(data, site, from: opened.past, handover)
        } catch let error as JournalError where error.isDamage && opened.failure == nil {
            Journal.markDamaged(opener.path)
            opened = try opener.open()
            do { (intake, recovered) = try restore(data, site, from: opened.past, handover) } catch {
                (intake, recovered) = try startAfresh(data, site, after: error, from: opened.past)
            }
        } catch {
            if opened.failure != nil { opened.past = opened.journal }
            // It is better to watch without the past than not at all; undelivered events are
            // untouched.
            (intake, recovered) = try startAfresh(data, site, after: error, from: opened.past)
        }
        let journal = opened.journal
        if recovered.batches > 0 || recovered.lastNow != nil {
            log.info("journal: replayed \(recovered.messages) messages of \(recovered.batches) batches")
        }
        if !recovered.hasSameRules {
            log.notice("the rules have changed: holds in progress start anew, open alerts stay open")
        }
        let (clock, timeLineChange) = clock(after: recovered, on: opened.past, handover)
        let rules = Int64(bitPattern: UInt64(data.rules.version, radix: 16) ?? 0)
        if recovered.isComplete, handover == nil, opened.damage == nil {
            do {
                // A journal without a snapshot does not contain the version of its rules.
                let rulesBefore = try opened.past.counters()[Self.rulesCounter].map { Int64($0) }
                let rulesChanged = !recovered.hasSameRules || rulesBefore != nil && rulesBefore != rules
                let (revisions, unknown, unreadable) = try Recovery.reconcile(
                    &intake, with: opened.past, rulesChanged: rulesChanged, after: recovered.alerts, at: clock.now)
                recovered.alerts += revisions
                for alert in unknown {
                    log.error(
                        "\(alert.kind) of \(alert.lift) was open and is not known after the restart: it is cleared. This is a fault of Hoistway; please report it with the journal."
                    )
                }
                for alert in unreadable {
                    log.error(
                        "alert \(alert.id), \(alert.kind) of \(alert.lift), is open and cannot be cleared: its event in the journal cannot be read. Close it at the centre"
                    )
                }
            } catch { log.error("the alerts of the journal cannot be reconciled with the restored state: \(error)") }
        }
        let startRecords = StartRecords(log: log)
        try startRecords.write("the run", in: journal) { journal throws(JournalError) in
            try journal.beginRun(
                boot: Self.bootID(), anchor: clock.calendarAnchor,
                calendarOffset: clock.calendarOffset.nanoseconds)
        }
        try startRecords.write("the list of centres", in: journal) { journal throws(JournalError) in
            let forgotten = try journal.setRecipients(configuration.centres.map(\.recipient))
            if forgotten > 0 {
                log.warning("\(forgotten) undelivered events are removed: their centres are no longer configured")
            }
        }
        let (signer, signingProblem) = makeSigner()
        let delivery = DeliveryState(routes: Routes.statuses(of: configuration.centres))
        trial?.started { [wake = stop.wake] in
            delivery.wakeRoutes()
            wake.signal()
        }
        guard case .mqtt(let brokerURL) = configuration.broker.address else { return nil }
        var options = try configuration.broker.clientOptions(brokerURL, id: "hoistway-\(configuration.site.id)")
        options.receiveMaximum = 1000
        // The gateway notices a broker that vanished before the silence counts against any lift.
        options.keepAlive = .seconds(10)
        let broker = configuration.broker
        let loop = try TelemetryLoop(
            TelemetryLoop.Settings(
                client: options, secretsHash: { broker.secretsHash },
                filters: Self.filters(data.profiles, configuration), site: site,
                bootID: Self.bootID(),
                lanes: Dictionary(uniqueKeysWithValues: configuration.centres.map { ($0.name, $0.lanes) }),
                commitWait: configuration.commitWait, quota: quota(fittedFor: journal), trial: trial),
            intake: intake, recovered: recovered, journal: journal, clock: clock,
            delivery: delivery, wake: stop.wake,
            recorder: try recordPath.map { path throws(InvalidFiles) in try TraceRecorder(path, log: log) }, log: log)
        // Only after the first commit, which has the alerts of changed rules.
        try startRecords.write("the rules' version", in: journal) { journal throws(JournalError) in
            try journal.set(Self.rulesCounter, rules)
        }
        if let handover { loop.resume(from: handover) }
        if opened.failure != nil { loop.enqueueUndelivered(of: opened.past, except: handover) }
        if let damage = opened.damage { loop.enqueue(.quarantined(damage, site: site, at: clock.calendarNow)) }
        if let timeLineChange { loop.report(timeLineChange) }
        try announceKey(signer, loop, journal, site, startRecords)
        // Where the disk takes no file, operator actions wait in memory, too.
        let inbox = ActionInbox(
            stateFolder: opened.failure == nil ? configuration.stateFolder : configuration.runtimeFolder)
        do { try inbox.prepare() } catch { log.error("\(error): no operator action can be taken") }
        let ending = Ending()
        let isEnding: @Sendable () -> Bool = { stop.isSet || ending.isSet }
        let routes = try Routes(
            configuration: configuration, journalPath: journal.path, signer: signer, delivery: delivery,
            inbox: inbox, clock: clock, isEnding: isEnding, log: log
        ).start()
        let lifts = configuration.lifts.count
        log.info(
            "site \(configuration.site.id): \(lifts) \(lifts == 1 ? "lift" : "lifts"), rules version \(data.rules.version)"
        )
        let manager = ServiceManager()
        let watchdog = Watchdog(log: log, manager: manager, delivery: delivery, isEnding: isEnding)
        defer {
            ending.set()
            delivery.wakeRoutes()
            watchdog.join()
            // A route that waits for a centre without an answer may do so for minutes; its
            // undelivered events are on disk.
            let deadline = MonotonicClock.nanoseconds + 2_000_000_000
            for route in routes { route.join(until: deadline) }
        }
        manager.ready()
        do {
            try serve(
                RunParts(
                    loop: loop, journal: journal, delivery: delivery, signer: signer, signingProblem: signingProblem,
                    inbox: inbox, startRecords: startRecords,
                    watchdog: watchdog, isWithoutDisk: opened.failure != nil,
                    lostJournal: opened.damage?.file == opener.path), stop: stop)
        } catch let error as JournalError where error.isDamage {
            // Before the routes are joined: systemd may lose patience meanwhile.
            Journal.markDamaged(journal.path)
            throw error
        }
        if !stop.isSet { return loop.handOver() }
        manager.stopping()
        loop.finish()
        log.info("stopped")
        return nil
    }

    /// The clock of this run: the last run's time line, with the calendar corrected where the wall
    /// clock is right.
    private func clock(
        after recovered: Recovery.Outcome, on past: Journal, _ handover: RunHandover?
    ) -> (GatewayClock, TimeLineCheck.Change?) {
        if let handover {
            return (
                GatewayClock(
                    notBefore: recovered.lastNow, line: handover.anchor, continuingAt: handover.calendarOffset), nil
            )
        }
        var clock = GatewayClock(notBefore: recovered.lastNow)
        do throws(JournalError) {
            clock = GatewayClock(
                notBefore: recovered.lastNow, line: try past.lastLine(ofBoot: Self.bootID()),
                calendarOffset: .nanoseconds(try past.calendarOffset()))
        } catch {
            log.error("\(error). The last run's time is not known: times continue from this box's clock")
        }
        do throws(JournalError) {
            guard let (checked, change) = try clock.checked(against: past) else { return (clock, nil) }
            return (checked, change)
        } catch {
            log.error("\(error)")
            return (clock, nil)
        }
    }

    /// The state of every lift at the end of the last run.
    /// - Throws: when the journal cannot be read.
    private func restore(
        _ data: DeviceData, _ site: AlertEvent.Site, from past: Journal, _ handover: RunHandover?
    ) throws -> (Intake, Recovery.Outcome) {
        guard let handover else {
            var intake = try freshIntake(data, site, from: past.replayStart() ?? GatewayClock(notBefore: nil).now)
            let outcome = try Recovery.restore(&intake, from: past)
            return (intake, outcome)
        }
        var intake = try freshIntake(data, site, from: beginning(of: past))
        var detector = intake.detector
        var outcome = Recovery.Outcome()
        outcome.hasSameRules = try detector.restore(handover.state)
        outcome.lastNow = lastTime(in: past)
        intake.restore(detector)
        return (intake, outcome)
    }

    /// An intake without the last run's state.
    private func startAfresh(
        _ data: DeviceData, _ site: AlertEvent.Site, after error: any Error, from past: Journal
    ) throws -> (Intake, Recovery.Outcome) {
        log.critical("the state of the last run cannot be read (\(error)); every lift starts anew")
        var outcome = Recovery.Outcome()
        outcome.isComplete = false
        outcome.lastNow = lastTime(in: past)
        return (try freshIntake(data, site, from: beginning(of: past)), outcome)
    }

    /// The last time in a journal whose state is not read; nil, with a log line, where it cannot be
    /// read.
    private func lastTime(in past: Journal) -> Instant? {
        do throws(JournalError) { return try past.lastTime() } catch {
            log.error("\(error). The last time in the journal is not known: times of this run may begin before it")
            return nil
        }
    }

    /// The start of every lift's record, where the journal's state is not read.
    private func beginning(of past: Journal) -> Instant {
        do throws(JournalError) { if let start = try past.replayStart() { return start } } catch {
            log.error("\(error). Every lift's record begins now")
        }
        return GatewayClock(notBefore: nil).now
    }

    private func freshIntake(_ data: DeviceData, _ site: AlertEvent.Site, from beginning: Instant) throws -> Intake {
        var intake = Intake(
            data: data, origin: site.origin, admission: .registered, start: beginning, isObserving: false)
        for registered in configuration.lifts {
            try intake.register(registered.lift, profile: registered.profile, at: beginning)
        }
        return intake
    }

    /// The signer; nil where alerts are not signed, or cannot be: no alert waits for a key.
    private func makeSigner() -> (signer: Signer?, problem: String?) {
        guard configuration.signsAlerts else { return (nil, nil) }
        do throws(Signer.Problem) {
            return (try Signer(keyFile: configuration.stateFolder + "/signing-key.pem"), nil)
        } catch {
            log.critical(
                "alerts go out unsigned: \(error). Put the key back, or remove the file: a new key is made at the next start, and the centre has to be given its public half"
            )
            return (nil, "\(error)")
        }
    }

    private static let keyCounter = "signing_key"

    /// Announces a changed signing key to the centres, and stores its fingerprint once the event is
    /// durable.
    private func announceKey(
        _ signer: Signer?, _ loop: TelemetryLoop, _ journal: Journal, _ site: AlertEvent.Site,
        _ startRecords: StartRecords
    ) throws(JournalError) {
        guard let signer else { return }
        let known = try journal.counters()[Self.keyCounter].map { Int64($0) }
        if known == signer.fingerprint { return }
        if known != nil || signer.replacesLostKey {
            log.critical(
                "alerts are signed with another key than before (\(signer.replacesLostKey ? "signing-key.pem was missing, and a new one was made" : "signing-key.pem was changed")). Was that you? Give the centre signing-key.pem.pub; it is informed of the change"
            )
            let change: KeyChange = signer.replacesLostKey ? .missing : .changed
            loop.enqueue(.key(signer, change, site: site, at: loop.clock.calendarNow))
            loop.tryCommit(now: loop.clock.now)
            // Until a commit succeeds, each start announces the key again, under the same id.
            guard loop.storage.failure == nil else { return }
        }
        try startRecords.write("the signing key", in: journal) { journal throws(JournalError) in
            try journal.set(Self.keyCounter, signer.fingerprint)
        }
    }

    /// The quotas, reduced on a small disk: half of the free space stays for others.
    private func quota(fittedFor journal: Journal) -> Quota {
        guard let free = Files.freeBytes(configuration.stateFolder) else { return configuration.quota }
        let held: Int
        do { held = try journal.statistics().fileBytes } catch {
            log.error("\(error). The quotas are not fitted to the disk, which has \(free >> 20) MiB free")
            return configuration.quota
        }
        let fitted = configuration.quota.fitted(into: free + held)
        if fitted.readings < configuration.quota.readings {
            log.warning(
                "the disk has \(free >> 20) MiB free: the journal keeps \(fitted.readings >> 20) MiB of readings, not \(configuration.quota.readings >> 20)"
            )
        }
        return fitted
    }

    /// The parts of a run.
    private struct RunParts {
        var loop: TelemetryLoop
        var journal: Journal
        var delivery: DeliveryState
        var signer: Signer?
        /// Why there is no signer although alerts are to be signed.
        var signingProblem: String?
        var inbox: ActionInbox
        var startRecords: StartRecords
        var watchdog: Watchdog
        var isWithoutDisk: Bool
        /// The journal was missing or empty at the start, though there had been one.
        var lostJournal: Bool
    }

    /// Runs the loop. Returns when a signal stops the gateway, when the disk of a run without one
    /// is well again, and when the journal was removed.
    private func serve(_ parts: RunParts, stop: StopSignal) throws {
        let (loop, journal, delivery, inbox) = (parts.loop, parts.journal, parts.delivery, parts.inbox)
        let started = MonotonicClock.nanoseconds
        var nextProbe = started + 10_000_000_000
        var nextStatus: Int64 = 0
        let pauses = configuration.lifts.compactMap { lift in
            data.profiles.first { $0.name == lift.profile }.map { (lift.lift.id, $0.reportsEvery) }
        }
        var statusWriter = StatusWriter(
            configuration, log: log, startedAt: started, signingProblem: parts.signingProblem,
            lostJournal: parts.lostJournal, longestPauses: Dictionary(uniqueKeysWithValues: pauses))
        let reads = ReportReads(log: log)
        // The first heartbeat comes when the connections have had time to be made.
        var nextHeartbeat = started + 3_000_000_000
        let heartbeat = Heartbeat(
            site: configuration.site, startedAt: started, loop: loop, delivery: delivery, journal: journal,
            lifts: configuration.lifts.count, signer: parts.signer)
        while !stop.isSet {
            loop.turn()
            if let damage = loop.storage.damage ?? delivery.journalDamage { throw damage }
            if stop.takeReload() {
                loop.connection.renewSecrets()
                delivery.noteReload()
                statusWriter.reload = reload(loop)
            }
            let monotonic = MonotonicClock.nanoseconds
            parts.watchdog.loopTurned(at: monotonic)
            if parts.isWithoutDisk, monotonic >= nextProbe {
                nextProbe = monotonic + 10_000_000_000
                if JournalOpener.isUsable(configuration.stateFolder) {
                    return log.notice("the disk takes files again: continuing with the journal")
                }
            }
            if monotonic >= nextStatus {
                nextStatus = monotonic + 1_000_000_000
                loop.applyActions(from: inbox)
                loop.answerRefusedCommands()
                loop.reportClockCorrection()
                if !journal.isAtItsPath {
                    return log.critical(
                        "\(journal.path) was removed; continuing with a new journal and the undelivered events")
                }
                if loop.storage.failure == nil { try parts.startRecords.catchUp(in: journal) }
                try enqueueStatisticsIfDue(loop, journal, reads)
                try startSelfTestIfDue(loop, journal, inbox, reads)
                try statusWriter.write(loop, delivery, journal, reads, at: monotonic)
            }
            if monotonic >= nextHeartbeat {
                nextHeartbeat = monotonic + Heartbeat.every.nanoseconds
                let body = try reads.read("the heartbeat") { () throws(JournalError) in
                    try heartbeat.json(at: loop.clock.now, monotonic: monotonic)
                }
                if let body { delivery.setHeartbeat(body) }
            }
        }
    }

    /// - Throws: `JournalError` for damage only.
    private func enqueueStatisticsIfDue(
        _ loop: TelemetryLoop, _ journal: Journal, _ reads: ReportReads
    ) throws(JournalError) {
        let now = loop.clock.now
        _ = try reads.read("the time of the last statistics") { () throws(JournalError) in
            let last = try journal.counters()["statistics_at"].map { Instant(nanoseconds: Int64($0)) }
            if let last, now - last < .seconds(86_400) { return }
            try journal.set("statistics_at", now.nanoseconds)
            if last != nil {
                for event in OutboundEvent.statistics(
                    loop.intake.detector, site: loop.settings.site, at: loop.clock.calendar(now))
                {
                    loop.enqueue(event)
                }
            }
        }
    }

    /// Starts a self-test on request, and by the schedule counted from the last one. A new box
    /// starts with one as soon as it observes its lifts.
    /// - Throws: `JournalError` for damage only.
    private func startSelfTestIfDue(
        _ loop: TelemetryLoop, _ journal: Journal, _ inbox: ActionInbox, _ reads: ReportReads
    ) throws(JournalError) {
        let isRequested = inbox.takeSelfTestRequest()
        let centres = configuration.centres.filter(\.isTestable).map(\.name)
        guard isRequested || loop.isDrained && !centres.isEmpty else { return }
        if !isRequested {
            guard let every = configuration.selfTestEvery,
                let counters = try reads.read(
                    "the time of the last self-test", { () throws(JournalError) in try journal.counters() })
            else { return }
            let last = counters["selftest_at"].map { Instant(nanoseconds: Int64($0)) }
            if let last, loop.clock.now - last < every { return }
        }
        do {
            try loop.startSelfTest(centres: centres, data: data)
        } catch { log.error("self-test: \(error)") }
    }

    /// SIGHUP: reads the rules and their parameters again. With a mistake in them the old ones stay
    /// in force, and the log has the reason.
    private func reload(_ loop: TelemetryLoop) -> ReloadOutcome {
        var outcome = ReloadOutcome()
        do {
            let fresh = try Configuration(file: configuration.file)
            outcome.changedSinceStart = fresh.changesForARestart(since: configuration)
            if !outcome.changedSinceStart.isEmpty {
                log.warning(
                    "changed, and only a restart applies it (systemctl restart hoistway): \(outcome.changedSinceStart.joined(separator: ", "))"
                )
            }
            let rules = try fresh.deviceData().rules
            try loop.adopt(rules)
            log.notice("rules reloaded: version \(rules.version)")
        } catch let error as InvalidFiles {
            for mistake in error.diagnostics { log.error("\(mistake)") }
            log.error(
                "the rules were not reloaded: the old ones stay in force. A secret or certificate that cannot be read now is used as it was last read"
            )
            outcome.problem = error.diagnostics.first.map { "\($0)" } ?? "\(error)"
        } catch {
            log.error("the rules were not reloaded, the old ones stay in force: \(error)")
            outcome.problem = "\(error)"
        }
        return outcome
    }

    /// One subscription for each topic of the profiles in use. They do not overlap, because a lift
    /// publishes on the topics of one profile only.
    private static func filters(_ profiles: [Profile], _ configuration: Configuration) -> [String] {
        let used = Set(configuration.lifts.map(\.profile))
        return Array(Set(profiles.filter { used.contains($0.name) }.flatMap { $0.topics.map(\.pattern.filter) }))
            .sorted() + [SelfTest.topic(configuration.site.id)]
    }

    private static func bootID() -> String {
        let data = FileManager.default.contents(atPath: "/proc/sys/kernel/random/boot_id") ?? Data()
        return String(decoding: data.prefix { $0 > 32 }, as: UTF8.self)
    }
}
