import Detection
import DeviceProfiles
import Elevator
import FoundationEssentials
import Journal
import Logging
import Mosquitto
import PositionedYAML
import Synchronization
import Uplink

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// The whole gateway: restores its state, runs the loop, the routes and the watchman, and ends in good order on SIGTERM.
public struct Daemon {
    public let configuration: Configuration
    public let data: DeviceData
    public var recordPath: String?
    public var log: Logger

    /// - Throws: `InvalidFiles` for a wrong configuration, before anything is touched.
    public init(_ configuration: Configuration, recordPath: String?, log: Logger) throws(InvalidFiles) {
        self.configuration = configuration
        data = try configuration.deviceData()
        self.recordPath = recordPath
        self.log = log
    }

    /// Runs until it is told to stop.
    /// - Throws: what makes running impossible: a state folder that cannot be used, a journal of another format.
    public func run() throws {
        let stop = StopSignal()
        for folder in [configuration.stateFolder, configuration.runtimeFolder] {
            do { try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true) } catch {
                throw InvalidFiles([
                    Diagnostic(file: folder, message: "cannot be made. May user \(getuid()) write there?")
                ])
            }
        }
        let journalPath = configuration.stateFolder + "/journal.db"
        let lock = try InstanceLock(configuration.stateFolder + "/lock")
        defer { withExtendedLifetime(lock) {} }
        do { try watch(journalPath, stop) } catch let error as JournalError where error.isDamage {
            // The next start, which systemd makes at once, sets the file aside and goes on with what can be saved.
            Journal.markDamaged(journalPath)
            log.critical("\(error). Ending, to begin again with what can be saved of it.")
            throw error
        }
    }

    /// - Throws: `JournalError` also for damage, wherever in the file it shows.
    private func watch(_ journalPath: String, _ stop: StopSignal) throws {
        var (journal, damage) = try openJournal(journalPath)

        // A new journal begins with an empty batch: every lift is followed from then on, in the first life and in each fold.
        if try journal.lastTime() == nil {
            try note("the beginning", in: journal) { journal throws(JournalError) in
                try journal.commit(Journal.Batch(now: GatewayClock(notBefore: nil).now))
            }
        }
        let beginning = try journal.beginning() ?? GatewayClock(notBefore: nil).now
        var intake = Intake(
            data: data, site: configuration.site.id, admission: .registered, start: beginning, isListening: false)
        for registered in configuration.lifts {
            try intake.register(registered.lift, profile: registered.profile, at: beginning)
        }
        let fresh = intake
        var recovered = Recovery.Outcome()
        do {
            do { recovered = try Recovery.restore(&intake, from: journal) } catch let error as JournalError
                where error.isDamage
            {
                Journal.markDamaged(journalPath)
                (journal, damage) = try openJournal(journalPath)
                intake = fresh
                recovered = try Recovery.restore(&intake, from: journal)
            }
        } catch {
            // Better to watch from now on without the past than not at all; what is owed to the centre is untouched.
            log.critical("the state of the last run cannot be read (\(error)); every lift begins anew")
            intake = fresh
            recovered.isWhole = false
            recovered.lastNow = try journal.lastTime()
        }
        if recovered.batches > 0 || recovered.lastNow != nil {
            log.info("journal: folded \(recovered.messages) messages of \(recovered.batches) batches again")
        }
        if !recovered.keptRules {
            log.notice("the rules have changed: holds in progress begin anew, open alerts stay open")
        }
        let clock = GatewayClock(notBefore: recovered.lastNow, line: try journal.lastAnchor(ofBoot: Self.bootID()))
        if recovered.isWhole {
            recovered.alerts += try Recovery.reconcile(
                &intake, with: journal, site: configuration.site.id, at: clock.now)
        }
        try note("the run", in: journal) { journal throws(JournalError) in
            try journal.beginRun(boot: Self.bootID(), anchor: clock.anchor)
        }
        var forgotten = 0
        try note("who is told", in: journal) { journal throws(JournalError) in
            forgotten = try journal.address(to: configuration.centres.map(\.addressee))
        }
        if forgotten > 0 { log.warning("\(forgotten) events were owed to centres that are no longer configured") }
        let signer = makeSigner()
        let board = UplinkBoard(routes: Routes.statuses(of: configuration.centres))
        TrialClock.followIfAsked(waking: stop.wake, board)
        guard case .mqtt(let brokerURL) = configuration.broker.address else { return }
        var options = try configuration.broker.clientOptions(brokerURL, id: "hoistway-\(configuration.site.id)")
        options.receiveMaximum = 1000
        // A broker that is gone without a word is noticed before silence counts against any lift.
        options.keepAlive = .seconds(10)
        let loop = try TelemetryLoop(
            TelemetryLoop.Settings(
                client: options, filters: Self.filters(data.profiles, configuration), site: configuration.site,
                bootID: Self.bootID(),
                lanes: Dictionary(uniqueKeysWithValues: configuration.centres.map { ($0.name, $0.lanes) }),
                commitWait: configuration.commitWait, quota: quota(fittedFor: journal)),
            intake: intake, decided: recovered.alerts, journal: journal, clock: clock, board: board, wake: stop.wake,
            recorder: try recordPath.map { path throws(InvalidFiles) in try TraceRecorder(path) }, log: log)
        if let damage { loop.tell(.quarantined(damage, site: configuration.site, at: clock.now)) }
        let orders = OrderBox(stateFolder: configuration.stateFolder)
        try orders.prepare()
        let routes = try Routes(
            configuration: configuration, journalPath: journalPath, signer: signer, board: board,
            orders: orders, clock: clock, stop: stop, log: log
        ).start()
        log.info("site \(configuration.site.id): \(configuration.lifts.count) lifts, rules \(data.rules.version)")
        defer {
            stop.request()
            board.ring()
            for route in routes { route.join() }
        }
        try serve(loop, journal: journal, board: board, signer: signer, orders: orders, stop: stop)
        loop.finish()
        log.info("stopped")
    }

    /// Writes what a start writes; a disk that is full or does not take it is no reason not to watch.
    private func note(
        _ what: String, in journal: Journal, _ write: (Journal) throws(JournalError) -> Void
    ) throws(JournalError) {
        do throws(JournalError) { try write(journal) } catch {
            if error.isDamage { throw error }
            if error.isFull, (try? journal.makeRoom()) != nil, (try? write(journal)) != nil { return }
            log.critical(
                "\(error). \(what.prefix(1).uppercased() + what.dropFirst()) could not be noted; going on without.")
        }
    }

    /// nil where alerts are not signed, or cannot be: whoever is trapped does not wait for a key.
    private func makeSigner() -> Signer? {
        guard configuration.signsAlerts else { return nil }
        do throws(Signer.Problem) { return try Signer(keyFile: configuration.stateFolder + "/signing-key.pem") } catch {
            log.critical(
                "alerts go out unsigned: \(error). Put the key back, or remove the file: a new key is made at the next start, and the centre has to be given its public half"
            )
            return nil
        }
    }

    private func openJournal(_ path: String) throws(JournalError) -> (Journal, Journal.Damage?) {
        let ballast = Ballast(in: configuration.stateFolder)
        func open() throws(JournalError) -> (journal: Journal, damage: Journal.Damage?) {
            try Journal.openOrReplace(path, now: GatewayClock(notBefore: nil).now)
        }
        let (journal, damage): (Journal, Journal.Damage?)
        do throws(JournalError) { (journal, damage) = try open() } catch {
            guard ballast.drop() else { throw error }
            log.critical("\(error). What was kept free for this is given away, and it is tried again.")
            (journal, damage) = try open()
        }
        ballast.load()
        if let damage {
            log.critical(
                "the journal was damaged (\(damage.reason)). It stands in \(damage.file); saved of it: \(damage.saved.batches) batches, \(damage.saved.alerts) alerts, \(damage.saved.owed) events owed"
            )
        }
        return (journal, damage)
    }

    /// The quotas, made smaller where the disk is: half of what is free stays to others.
    private func quota(fittedFor journal: Journal) -> Quota {
        guard let free = Files.freeBytes(configuration.stateFolder),
            let held = try? journal.statistics().fileBytes
        else { return configuration.quota }
        let fitted = configuration.quota.fitted(into: free + held)
        if fitted.readings < configuration.quota.readings {
            log.warning(
                "the disk has \(free >> 20) MiB free: the journal keeps \(fitted.readings >> 20) MiB of readings, not \(configuration.quota.readings >> 20)"
            )
        }
        return fitted
    }

    private func serve(
        _ loop: TelemetryLoop, journal: Journal, board: UplinkBoard, signer: Signer?, orders: OrderBox,
        stop: StopSignal
    ) throws {
        let manager = ServiceManager()
        let started = MonotonicClock.nanoseconds
        let watchman = Watchman(log: log, manager: manager, board: board, stop: stop)
        var nextStatus: Int64 = 0
        // The first when the connections have had time to stand.
        var nextHeartbeat = started + 3_000_000_000
        let heartbeat = Heartbeat(
            site: configuration.site, startedAt: started, loop: loop, board: board, journal: journal,
            lifts: configuration.lifts.count, signer: signer)
        manager.ready()
        while !stop.isSet {
            loop.turn()
            if let damage = loop.journalDamage ?? board.journalDamage { throw damage }
            if stop.takeReload() { reload(loop) }
            let monotonic = MonotonicClock.nanoseconds
            watchman.loopTurned(at: monotonic)
            if monotonic >= nextStatus {
                nextStatus = monotonic + 1_000_000_000
                loop.followOrders(in: orders)
                loop.noticeClock()
                tellStatisticsIfDue(loop, journal)
                beginSelfTestIfDue(loop, journal, orders)
                var owed: (count: Int, oldest: Instant?) = (0, nil)
                do { owed = try journal.owed() } catch  where error.isDamage { throw error } catch {}
                let report = StatusReport(
                    site: configuration.site, startedAt: started, loop: loop, routes: board.routeStatuses,
                    owed: owed.count, oldestOwed: owed.oldest, rulesVersion: loop.intake.detector.rules.version,
                    processID: Int(getpid()))
                // A full or missing runtime folder must not stop the gateway.
                Files.replace(
                    configuration.runtimeFolder + "/status.json",
                    with: report.json(now: loop.clock.now, monotonic: monotonic))
            }
            if monotonic >= nextHeartbeat {
                nextHeartbeat = monotonic + Heartbeat.every.nanoseconds
                // A journal that cannot be read is told by the loop.
                if let body = try? heartbeat.json(at: loop.clock.now, monotonic: monotonic) { board.beat(body) }
            }
        }
        manager.stopping()
        watchman.join()
    }

    private func tellStatisticsIfDue(_ loop: TelemetryLoop, _ journal: Journal) {
        let now = loop.clock.now
        do throws(JournalError) {
            let last = try journal.counters()["statistics_at"].map { Instant(nanoseconds: Int64($0)) }
            if let last, now - last < .seconds(86_400) { return }
            if last != nil {
                for event in OwedEvent.statistics(loop.intake.detector, site: configuration.site, at: now) {
                    loop.tell(event)
                }
            }
            try journal.set("statistics_at", now.nanoseconds)
        } catch { return }  // a journal that cannot be read is told by the loop
    }

    /// On request, and by the schedule counted from the last one; a new box begins with one once it hears its lifts.
    private func beginSelfTestIfDue(_ loop: TelemetryLoop, _ journal: Journal, _ orders: OrderBox) {
        let isAskedFor = orders.takeSelfTestRequest()
        let centres = configuration.centres.filter(\.isTestable).map(\.name)
        guard isAskedFor || loop.isDrained && !centres.isEmpty else { return }
        if !isAskedFor {
            guard let every = configuration.selfTestEvery, let counters = try? journal.counters() else { return }
            let last = counters["selftest_at"].map { Instant(nanoseconds: Int64($0)) }
            if let last, loop.clock.now - last < every { return }
        }
        do {
            try loop.beginSelfTest(centres: centres, data: data)
        } catch { log.error("self-test: \(error)") }
    }

    /// SIGHUP: reads the rules and their parameters again. With a mistake in them the old ones go on, and the log says why.
    private func reload(_ loop: TelemetryLoop) {
        do {
            let fresh = try Configuration(file: configuration.file)
            if fresh.lifts.map(\.lift.id) != configuration.lifts.map(\.lift.id)
                || Routes.statuses(of: fresh.centres) != Routes.statuses(of: configuration.centres)
            {
                log.warning("lifts and centres are read at the start only; restart the gateway to take the changes up")
            }
            let rules = try fresh.deviceData().rules
            try loop.adopt(rules)
            log.notice("rules reloaded: version \(rules.version)")
        } catch let error as InvalidFiles {
            for mistake in error.diagnostics { log.error("\(mistake)") }
            log.error("the rules were not reloaded; the old ones go on")
        } catch { log.error("the rules were not reloaded, the old ones go on: \(error)") }
    }

    /// One subscription for each topic of the profiles in use. A lift speaks on one profile's topics only, so none overlap.
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

/// SIGTERM and SIGINT end the daemon in good order; SIGHUP has it read its rules again.
final class StopSignal: Sendable {
    let wake = WakeUp()
    private let isStopping = Atomic(false)
    private let wantsReload = Atomic(false)

    init() {
        var signals = sigset_t()
        sigemptyset(&signals)
        sigaddset(&signals, SIGTERM)
        sigaddset(&signals, SIGINT)
        sigaddset(&signals, SIGHUP)
        // Blocked before any thread is started, so that every thread inherits it and only the one below takes them.
        pthread_sigmask(SIG_BLOCK, &signals, nil)
        signal(SIGPIPE, SIG_IGN)
        // A file that may not grow is an error of its writer's, and no end.
        signal(SIGXFSZ, SIG_IGN)
        LoopThread { [self] in
            var signals = sigset_t()
            sigemptyset(&signals)
            sigaddset(&signals, SIGTERM)
            sigaddset(&signals, SIGINT)
            sigaddset(&signals, SIGHUP)
            while !isSet {
                var received: Int32 = 0
                sigwait(&signals, &received)
                if received == SIGHUP {
                    wantsReload.store(true, ordering: .relaxed)
                } else {
                    isStopping.store(true, ordering: .relaxed)
                }
                wake.signal()
            }
        }.detach()
    }

    /// Ends the run, as a signal would.
    func request() {
        isStopping.store(true, ordering: .relaxed)
        wake.signal()
    }

    /// Whether a reload was asked for since the last call.
    func takeReload() -> Bool { wantsReload.exchange(false, ordering: .relaxed) }

    var isSet: Bool { isStopping.load(ordering: .relaxed) }
}

/// Watches from outside whether the loop makes progress: a library call that never returns is noticed, told, and ended by
/// systemd, which is not fed any more.
final class Watchman: Sendable {
    /// The loop waits at most half a second; a commit on a bad disk may take long.
    static let patience = Duration.seconds(30)
    private let lastTurn: Atomic<Int64>
    private let thread: Mutex<LoopThread?>

    init(log: Logger, manager: ServiceManager, board: UplinkBoard, stop: StopSignal) {
        lastTurn = Atomic(MonotonicClock.nanoseconds)
        thread = Mutex(nil)
        let watching = LoopThread { [self] in
            var told = false
            while !stop.isSet {
                usleep(500_000)
                let now = MonotonicClock.nanoseconds
                let loopAge = Duration.nanoseconds(now - lastTurn.load(ordering: .relaxed))
                let routeTurn = board.routeStatuses.map(\.lastTurn).filter { $0 > 0 }.min() ?? now
                let routeAge = Duration.nanoseconds(now - routeTurn)
                if loopAge < Self.patience { manager.watchdog() }
                let isStuck = loopAge >= Self.patience || routeAge >= .seconds(180)
                if isStuck, !told {
                    log.critical(
                        "no progress for \(max(loopAge, routeAge).written) in \(loopAge > routeAge ? "the loop" : "the route to the centre")"
                    )
                }
                told = isStuck
            }
        }
        thread.withLock { $0 = watching }
    }

    func loopTurned(at monotonic: Int64) { lastTurn.store(monotonic, ordering: .relaxed) }
    func join() { thread.withLock { $0 }?.join() }
}

/// Two daemons on one journal would both deliver; the second is refused.
struct InstanceLock: ~Copyable {
    private let descriptor: Int32

    init(_ path: String) throws(InvalidFiles) {
        descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o640)
        guard descriptor >= 0 else {
            throw InvalidFiles([
                Diagnostic(
                    file: path,
                    message: "\(String(cString: strerror(errno))). May user \(getuid()) write in this folder?")
            ])
        }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            throw InvalidFiles([Diagnostic(file: path, message: "another hoistway runs on this state folder")])
        }
    }

    deinit { close(descriptor) }
}
