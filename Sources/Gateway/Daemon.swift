import Contract
import Delivery
import DeviceProfiles
import FoundationEssentials
import GatewayCore
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
    let trial: DaemonTrial?

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
        if let shortage = DataLimit.shortage(forLifts: configuration.lifts.count) {
            log.error("\(shortage)")
        }
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
            do {
                try FileManager.default.createDirectory(
                    atPath: folder, withIntermediateDirectories: true)
            } catch {
                throw InvalidFiles([
                    Diagnostic(file: folder, message: Self.cannotBeMade(folder))
                ])
            }
            try refuseAnothersFolder(folder)
            do throws(Folder.Problem) { try Folder(folder).removeLeftovers() } catch {
                log.warning("\(error)")
            }
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
    private func runOnce(
        _ opener: inout JournalOpener, _ stop: StopSignal, resuming handover: RunHandover?
    ) throws -> RunHandover? {
        let start = try restoredStart(&opener, resuming: handover)
        let journal = start.opened.journal
        let startRecords = StartRecords(log: log)
        try write(startRecords, start)
        let (signer, signingProblem) = makeSigner()
        let delivery = DeliveryState(routes: Routes.statuses(of: configuration.centres))
        trial?.started { [wake = stop.wake] in
            delivery.wakeRoutes()
            wake.signal()
        }
        let loop = try makeLoop(start, delivery, resuming: handover, waking: stop.wake)
        // Only after the first commit, which has the alerts of changed rules.
        try startRecords.write("the rules' version", in: journal) { journal throws(JournalError) in
            try journal.set(Self.rulesCounter, start.rulesVersion)
        }
        announce(start, on: loop, resuming: handover)
        try announceKey(signer, loop, journal, start.site, startRecords)
        // Where the disk takes no file, operator actions wait in memory, too.
        let isWithoutDisk = start.opened.failure != nil
        let inbox = ActionInbox(
            stateFolder: isWithoutDisk ? configuration.runtimeFolder : configuration.stateFolder)
        do { try inbox.prepare() } catch { log.error("\(error): no operator action can be taken") }
        let parts = RunParts(
            loop: loop, journal: journal, delivery: delivery, signer: signer,
            signingProblem: signingProblem,
            inbox: inbox, startRecords: startRecords, isWithoutDisk: isWithoutDisk,
            lostJournal: start.opened.damage?.file == opener.path)
        return try serve(parts, clock: start.clock, until: stop)
    }

    /// What is recorded before the first commit.
    private func write(_ startRecords: StartRecords, _ start: RestoredStart) throws {
        let clock = start.clock
        try startRecords.write("the run", in: start.opened.journal) {
            journal throws(JournalError) in
            try journal.beginRun(
                boot: Self.bootID(), anchor: clock.calendarAnchor,
                calendarOffset: clock.calendarOffset.nanoseconds)
        }
        try startRecords.write("the list of centres", in: start.opened.journal) {
            journal throws(JournalError) in
            let forgotten = try journal.setRecipients(configuration.centres.map(\.recipient))
            if forgotten > 0 {
                log.warning(
                    "\(forgotten) undelivered events are removed: their centres are no longer configured"
                )
            }
        }
    }

    private func makeLoop(
        _ start: RestoredStart, _ delivery: DeliveryState, resuming handover: RunHandover?,
        waking wake: WakeUp
    ) throws -> TelemetryLoop {
        let broker = configuration.broker
        guard case .mqtt(let url) = broker.address else {
            throw CannotRun(description: "broker: expected mqtt://HOST:PORT or mqtts://HOST:PORT")
        }
        var options = try broker.clientOptions(url, id: "hoistway-\(configuration.site.id)")
        options.receiveMaximum = 1000
        // The gateway notices a broker that vanished before the silence counts against any lift.
        options.keepAlive = .seconds(10)
        let core = GatewayCore.Settings(
            site: start.site,
            lanes: Dictionary(
                uniqueKeysWithValues: configuration.centres.map { ($0.name, $0.lanes) }),
            commitWait: configuration.commitWait, receiveMaximum: options.receiveMaximum,
            calendarOffset: start.clock.calendarOffset)
        let settings = TelemetryLoop.Settings(
            core: core, client: options, secretsHash: { broker.secretsHash },
            filters: Self.filters(data.profiles, configuration), bootID: Self.bootID(),
            quota: quota(fittedFor: start.opened.journal), trial: trial)
        return try TelemetryLoop(
            settings, intake: start.intake, recovered: start.recovered,
            journal: start.opened.journal,
            clock: start.clock, delivery: delivery, resuming: handover, wake: wake,
            recorder: try recordPath.map { path throws(InvalidFiles) in
                try TraceRecorder(path, log: log)
            }, log: log)
    }

    /// Continues with what the last run left, and informs the centres of what the start has found.
    private func announce(
        _ start: RestoredStart, on loop: TelemetryLoop, resuming handover: RunHandover?
    ) {
        if start.opened.failure != nil {
            loop.enqueueUndelivered(of: start.opened.past, except: handover)
        }
        if let damage = start.opened.damage {
            loop.handle(.event(.quarantined(damage, site: start.site, at: loop.clock.calendarNow)))
        }
        if let change = start.timeLineChange { loop.report(change) }
        let lifts = configuration.lifts.count
        log.info(
            "site \(configuration.site.id): \(lifts) \(lifts == 1 ? "lift" : "lifts"), rules version \(start.rules.version)"
        )
    }

    /// The threads of a run: routes, watchdog, and this one, which is the loop's.
    /// - Returns: as `runOnce`.
    private func serve(_ parts: RunParts, clock: GatewayClock, until stop: StopSignal) throws
        -> RunHandover?
    {
        let ending = Ending()
        let isEnding: @Sendable () -> Bool = { stop.isSet || ending.isSet }
        let (loop, delivery) = (parts.loop, parts.delivery)
        let routes = try Routes(
            configuration: configuration, journalPath: parts.journal.path, signer: parts.signer,
            delivery: delivery, inbox: parts.inbox, clock: clock, isEnding: isEnding, log: log
        ).start()
        let manager = ServiceManager()
        let watchdog = Watchdog(log: log, manager: manager, delivery: delivery, isEnding: isEnding)
        defer {
            ending.set()
            delivery.wakeRoutes()
            watchdog.join()
            // A route that waits for a centre without an answer may do so for minutes; its
            // undelivered events are on disk.
            let deadline = MonotonicClock.now + .seconds(2)
            for route in routes { route.join(until: deadline) }
        }
        manager.ready()
        LastFailure.forget(in: configuration.stateFolder)
        do { try turnUntilEnd(parts, watchdog, stop: stop) } catch let error as JournalError
            where error.isDamage
        {
            // Before the routes are joined: systemd may lose patience meanwhile.
            Journal.markDamaged(parts.journal.path)
            throw error
        }
        if !stop.isSet { return loop.handOver() }
        manager.stopping()
        loop.finish(removingFrom: parts.inbox)
        log.info("stopped")
        return nil
    }

    /// The quotas, reduced on a small disk: half of the free space stays for others.
    private func quota(fittedFor journal: Journal) -> Quota {
        guard let free = Files.freeBytes(configuration.stateFolder) else {
            return configuration.quota
        }
        let held: Int
        do { held = try journal.statistics().fileBytes } catch {
            log.error(
                "\(error). The quotas are not fitted to the disk, which has \(free >> 20) MiB free")
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

    /// One subscription for each topic of the profiles in use. They do not overlap, because a lift
    /// publishes on the topics of one profile only.
    private static func filters(_ profiles: [Profile], _ configuration: Configuration) -> [String] {
        let used = Set(configuration.lifts.map(\.profile))
        return Array(
            Set(
                profiles.filter { used.contains($0.name) }.flatMap {
                    $0.topics.map(\.pattern.filter)
                })
        )
        .sorted() + [SelfTestLift.topic(configuration.site.id)]
    }

    static func bootID() -> String {
        let data = FileManager.default.contents(atPath: "/proc/sys/kernel/random/boot_id") ?? Data()
        return String(decoding: data.prefix { $0 > 32 }, as: UTF8.self)
    }
}
