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
        try makeFolders()
        let lockPath = configuration.stateFolder + "/lock"
        var place = JournalPlace(
            configuration, hasRunBefore: FileManager.default.fileExists(atPath: lockPath), log: log)
        var lock = try InstanceLock(lockPath, or: configuration.runtimeFolder + "/lock")
        var memory: RunMemory?
        do {
            repeat {
                memory = try watch(&place, stop, goingOnFrom: memory)
                if memory != nil {
                    try makeFolders()
                    try lock.takeAgain()
                }
            } while memory != nil
        } catch let error as JournalError where error.isDamage {
            // The next start, which systemd makes at once, sets the file aside and goes on with what can be saved.
            Journal.markDamaged(place.path)
            log.critical("\(error). Ending, to begin again with what can be saved of it.")
            throw error
        }
    }

    /// Under which rules the last start was.
    private static let rulesCounter = "rules_version"

    private func makeFolders() throws(InvalidFiles) {
        for folder in [configuration.stateFolder, configuration.runtimeFolder] {
            do { try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true) } catch {
                throw InvalidFiles([
                    Diagnostic(file: folder, message: "cannot be made. May user \(getuid()) write there?")
                ])
            }
        }
    }

    /// One run on one journal.
    /// - Returns: nil at the end; what is in memory where another journal is to be gone on with.
    /// - Throws: `JournalError` also for damage, wherever in the file it shows.
    private func watch(_ place: inout JournalPlace, _ stop: StopSignal, goingOnFrom memory: RunMemory?) throws
        -> RunMemory?
    {
        var data = data
        if let memory { data.rules = memory.rules }
        var opened = try place.open()
        var site = configuration.site
        site.journal = opened.identity
        var (intake, recovered): (Intake, Recovery.Outcome)
        do { (intake, recovered) = try restore(data, site, from: opened.past, memory) } catch let error as JournalError
            where error.isDamage && opened.failure == nil
        {
            Journal.markDamaged(place.path)
            opened = try place.open()
            do { (intake, recovered) = try restore(data, site, from: opened.past, memory) } catch {
                (intake, recovered) = try begin(data, site, after: error, from: opened.past)
            }
        } catch {
            if opened.failure != nil { opened.past = opened.journal }
            // Better to watch from now on without the past than not at all; what is owed to the centre is untouched.
            (intake, recovered) = try begin(data, site, after: error, from: opened.past)
        }
        let journal = opened.journal
        if recovered.batches > 0 || recovered.lastNow != nil {
            log.info("journal: folded \(recovered.messages) messages of \(recovered.batches) batches again")
        }
        if !recovered.keptRules {
            log.notice("the rules have changed: holds in progress begin anew, open alerts stay open")
        }
        let clock = GatewayClock(
            notBefore: recovered.lastNow, line: memory?.anchor ?? (try? opened.past.lastAnchor(ofBoot: Self.bootID())))
        // A journal without a snapshot yet does not know under which rules it was written.
        let rules = Int64(bitPattern: UInt64(data.rules.version, radix: 16) ?? 0)
        let rulesBefore = (try? opened.past.counters())?[Self.rulesCounter].map { Int64($0) }
        let rulesChanged = !recovered.keptRules || rulesBefore != nil && rulesBefore != rules
        if recovered.isWhole, memory == nil, opened.damage == nil {
            do {
                recovered.alerts += try Recovery.reconcile(
                    &intake, with: opened.past, rulesChanged: rulesChanged, site: configuration.site.id,
                    at: clock.now)
            } catch { log.error("what was told cannot be compared with what is known: \(error)") }
        }
        let notes = StartNotes(log: log)
        try notes.write("the run", in: journal) { journal throws(JournalError) in
            try journal.beginRun(boot: Self.bootID(), anchor: clock.anchor)
        }
        try notes.write("who is told", in: journal) { journal throws(JournalError) in
            let forgotten = try journal.address(to: configuration.centres.map(\.addressee))
            if forgotten > 0 { log.warning("\(forgotten) events were owed to centres that are no longer configured") }
        }
        let signer = makeSigner()
        let board = UplinkBoard(routes: Routes.statuses(of: configuration.centres))
        TrialClock.followIfAsked(waking: stop.wake, board)
        guard case .mqtt(let brokerURL) = configuration.broker.address else { return nil }
        var options = try configuration.broker.clientOptions(brokerURL, id: "hoistway-\(configuration.site.id)")
        options.receiveMaximum = 1000
        // A broker that is gone without a word is noticed before silence counts against any lift.
        options.keepAlive = .seconds(10)
        let loop = try TelemetryLoop(
            TelemetryLoop.Settings(
                client: options, filters: Self.filters(data.profiles, configuration), site: site,
                bootID: Self.bootID(),
                lanes: Dictionary(uniqueKeysWithValues: configuration.centres.map { ($0.name, $0.lanes) }),
                commitWait: configuration.commitWait, quota: quota(fittedFor: journal)),
            intake: intake, recovered: recovered, journal: journal, clock: clock,
            board: board, wake: stop.wake,
            recorder: try recordPath.map { path throws(InvalidFiles) in try TraceRecorder(path, log: log) }, log: log)
        // Only now that the first commit has what other rules than before have decided.
        try notes.write("the rules' version", in: journal) { journal throws(JournalError) in
            try journal.set(Self.rulesCounter, rules)
        }
        if let memory { loop.goOn(from: memory) }
        if opened.failure != nil { loop.tellOwed(of: opened.past, except: memory) }
        if let damage = opened.damage { loop.tell(.quarantined(damage, site: site, at: clock.now)) }
        // Where the disk takes no file, people's words wait in memory, too.
        let orders = OrderBox(
            stateFolder: opened.failure == nil ? configuration.stateFolder : configuration.runtimeFolder)
        do { try orders.prepare() } catch { log.error("\(error): no word of a person can be taken") }
        let ending = Ending()
        let isEnding: @Sendable () -> Bool = { stop.isSet || ending.isSet }
        let routes = try Routes(
            configuration: configuration, journalPath: journal.path, signer: signer, board: board,
            orders: orders, clock: clock, isEnding: isEnding, log: log
        ).start()
        log.info("site \(configuration.site.id): \(configuration.lifts.count) lifts, rules \(data.rules.version)")
        let manager = ServiceManager()
        let watchman = Watchman(log: log, manager: manager, board: board, isEnding: isEnding)
        defer {
            ending.set()
            board.ring()
            watchman.join()
            // One that waits for a centre that does not answer may do so for minutes; what it owes is on disk.
            let deadline = MonotonicClock.nanoseconds + 2_000_000_000
            for route in routes { route.join(until: deadline) }
        }
        manager.ready()
        do {
            try serve(
                Works(
                    loop: loop, journal: journal, board: board, signer: signer, orders: orders, notes: notes,
                    watchman: watchman, isWithoutDisk: opened.failure != nil), stop: stop)
        } catch let error as JournalError where error.isDamage {
            // Before the routes are waited for: systemd may lose patience meanwhile.
            Journal.markDamaged(journal.path)
            throw error
        }
        if !stop.isSet { return loop.handOver() }
        manager.stopping()
        loop.finish()
        log.info("stopped")
        return nil
    }

    /// Every lift as the last run knew it.
    /// - Throws: what cannot be read.
    private func restore(
        _ data: DeviceData, _ site: AlertEvent.Site, from past: Journal, _ memory: RunMemory?
    ) throws -> (Intake, Recovery.Outcome) {
        var intake = try freshIntake(data, site, from: past)
        guard let memory else {
            let outcome = try Recovery.restore(&intake, from: past)
            return (intake, outcome)
        }
        var detector = intake.detector
        var outcome = Recovery.Outcome()
        outcome.keptRules = try detector.restore(memory.state)
        outcome.lastNow = try? past.lastTime()
        intake.restore(detector)
        return (intake, outcome)
    }

    /// Every lift anew.
    private func begin(
        _ data: DeviceData, _ site: AlertEvent.Site, after error: any Error, from past: Journal
    ) throws -> (Intake, Recovery.Outcome) {
        log.critical("the state of the last run cannot be read (\(error)); every lift begins anew")
        var outcome = Recovery.Outcome()
        outcome.isWhole = false
        outcome.lastNow = try? past.lastTime()
        return (try freshIntake(data, site, from: past), outcome)
    }

    private func freshIntake(_ data: DeviceData, _ site: AlertEvent.Site, from past: Journal) throws -> Intake {
        let beginning = (try? past.beginning()) ?? GatewayClock(notBefore: nil).now
        var intake = Intake(
            data: data, origin: site.origin, admission: .registered, start: beginning, isListening: false)
        for registered in configuration.lifts {
            try intake.register(registered.lift, profile: registered.profile, at: beginning)
        }
        return intake
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

    /// What a run works with, once it stands.
    private struct Works {
        var loop: TelemetryLoop
        var journal: Journal
        var board: UplinkBoard
        var signer: Signer?
        var orders: OrderBox
        var notes: StartNotes
        var watchman: Watchman
        var isWithoutDisk: Bool
    }

    /// Returns when the gateway is told to stop, in a run without a disk when that is well again, and when the journal was removed.
    private func serve(_ works: Works, stop: StopSignal) throws {
        let (loop, journal, board, orders) = (works.loop, works.journal, works.board, works.orders)
        let started = MonotonicClock.nanoseconds
        var nextProbe = started + 10_000_000_000
        var nextStatus: Int64 = 0
        // The first when the connections have had time to stand.
        var nextHeartbeat = started + 3_000_000_000
        let heartbeat = Heartbeat(
            site: configuration.site, startedAt: started, loop: loop, board: board, journal: journal,
            lifts: configuration.lifts.count, signer: works.signer)
        while !stop.isSet {
            loop.turn()
            if let damage = loop.journalDamage ?? board.journalDamage { throw damage }
            if stop.takeReload() { reload(loop) }
            let monotonic = MonotonicClock.nanoseconds
            works.watchman.loopTurned(at: monotonic)
            if works.isWithoutDisk, monotonic >= nextProbe {
                nextProbe = monotonic + 10_000_000_000
                if Files.takes(configuration.stateFolder) {
                    return log.notice("the disk takes files again: going on with the journal")
                }
            }
            if monotonic >= nextStatus {
                nextStatus = monotonic + 1_000_000_000
                loop.followOrders(in: orders)
                loop.noticeClock()
                if !journal.isInPlace {
                    return log.critical(
                        "somebody has removed \(journal.path); going on with a new one, and with what is owed")
                }
                if loop.failingSince == nil { try works.notes.catchUp(in: journal) }
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
    }

    private func tellStatisticsIfDue(_ loop: TelemetryLoop, _ journal: Journal) {
        let now = loop.clock.now
        do throws(JournalError) {
            let last = try journal.counters()["statistics_at"].map { Instant(nanoseconds: Int64($0)) }
            if let last, now - last < .seconds(86_400) { return }
            try journal.set("statistics_at", now.nanoseconds)
            if last != nil {
                for event in OwedEvent.statistics(loop.intake.detector, site: loop.settings.site, at: now) {
                    loop.tell(event)
                }
            }
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
            if !fresh.differsOnlyInRules(from: configuration) {
                log.warning(
                    "only rules and parameters are read again; restart the gateway to take the other changes up")
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
