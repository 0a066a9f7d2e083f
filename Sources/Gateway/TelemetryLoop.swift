import Detection
import Elevator
import Encoding
import Journal
import Logging
import Mosquitto
import Uplink

/// The loop: read, decode, detect, commit, and only then acknowledge. One thread owns the socket, the fold and the journal.
///
/// From a batch's first read to its commit nothing is written on the connection: any write would release the
/// acknowledgements that libmosquitto has queued. So `commitWait` stays well under the keep-alive.
final class TelemetryLoop: MQTTClientDelegate {
    struct Settings {
        var client: MQTTClient.Options
        var filters: [String]
        var site: AlertEvent.Site
        var bootID: String
        /// What each centre is told of.
        var lanes: [String: Set<Lane>]
        var commitWait: Duration
        var quota: Quota
        /// A snapshot this often bounds what a restart has to fold again.
        var snapshotEvery: Duration = .seconds(300)
        /// The building is deaf for this long before the centre is told.
        var brokerLostAfter: Duration = .seconds(30)
    }
    /// What was odd or noteworthy: the first three since the journal was created, the others since the start.
    struct Counters {
        var messages = 0
        var alerts = 0
        var redelivered = 0
        var commits = 0
        var connects = 0
        var connectFailures = 0
        var commitFailures = 0
        /// How often words had waited so long that timers had to wait, too.
        var fellBehind = 0
    }
    private enum Link {
        case down(retryAt: Int64)
        case connecting(Connector)
        /// CONNECT is sent; CONNACK and SUBACK are awaited.
        case waiting(since: Int64)
        case subscribed
    }

    private let settings: Settings
    private let journal: Journal
    let clock: GatewayClock
    private let board: UplinkBoard
    private let wake: WakeUp
    private let log: Logger
    private let recorder: TraceRecorder?
    private(set) var intake: Intake
    private(set) var counters = Counters()
    private(set) var lastError = ""

    private var client: MQTTClient?
    private var link = Link.down(retryAt: 0)
    private var isLost: String?
    private var backoff = Backoff()
    private var random = SystemRandomNumberGenerator()
    private var session = 0
    private var awaitedSubscriptions: Set<Int32> = []
    private var batch: [JournalledMessage] = []
    private var unacknowledged = 0
    private var batchSince: Int64?
    private var pendingAlerts: [(alert: Alert, body: [UInt8])] = []
    /// What else the centres are to be told.
    private var pendingEvents: [OwedEvent] = []
    private var drain = DrainWatch()
    private var redeliveries: RedeliveryMemory
    private var sequence: Int64 = 0
    private var lastSnapshot: Int64 = 0
    private var deafSince: Instant?
    private var lag = ReadingLag()
    private var toldCorrection = Duration.zero
    private var selfTest: SelfTest?
    private var selfTestFailed: SiteAlert
    /// Of the test that runs, else of the last one of this run.
    private(set) var selfTestReport: SelfTest.Report?
    private var brokerLost: SiteAlert
    private var hasToEnforce = false
    private var siteStateAt: Int64 = 0
    private var siteStateIsOld = false
    private var retryCommitAt: Int64?
    /// The journal's file turned out to be damaged; nothing more can be committed to it.
    private(set) var journalDamage: JournalError?
    /// What happened to the connection and is not durable yet.
    private var pendingControls: [TimedControl] = []
    /// Orders that were followed and are not durable yet: their files stay until they are.
    private var pendingOrders: [String] = []
    /// Words of the centre that were answered: its broker may bring one twice.
    private var answeredWords: [OrderBox.CentreOrigin] = []
    private static let rememberedWords = 256
    /// Each is a commit, and lifts wait meanwhile.
    private static let ordersAtOnce = 20
    /// The next commit takes the state along: what was judged under other rules must not be folded again.
    private var wantsSnapshot = false

    init(
        _ settings: Settings, intake: Intake, decided: [Alert], journal: Journal, clock: GatewayClock,
        board: UplinkBoard, wake: WakeUp, recorder: TraceRecorder?, log: Logger
    ) throws(JournalError) {
        self.settings = settings
        self.intake = intake
        self.journal = journal
        self.clock = clock
        self.board = board
        self.wake = wake
        self.recorder = recorder
        self.log = log
        redeliveries = RedeliveryMemory(
            capacity: settings.client.receiveMaximum, try journal.lastMessages(settings.client.receiveMaximum))
        let kept = try journal.counters()
        counters.messages = kept["messages"] ?? 0
        counters.alerts = kept["alerts"] ?? 0
        counters.redelivered = kept["redelivered"] ?? 0
        brokerLost = SiteAlert(
            site: settings.site.id, kind: "broker_lost", severity: .major,
            title: Title(en: "The gateway hears no lift: the building's broker is out of reach", zh: "网关与楼内消息服务器断开"))
        selfTestFailed = SiteAlert(
            site: settings.site.id, kind: "selftest_failed", severity: .major,
            title: Title(en: "The gateway's self-test failed", zh: "网关自检失败"))
        let ownAlerts = try journal.latestAlerts(about: settings.site.id)
        brokerLost.resume(ownAlerts, kind: "broker_lost")
        selfTestFailed.resume(ownAlerts, kind: "selftest_failed")
        // A process that died was listening; from then until now it was not. That is said in the journal, for the next one.
        deafSince = clock.now
        if self.intake.detector.isListening {
            let died = try journal.lastTime() ?? clock.now
            self.intake.stopListening(at: died)
            collectAlerts()
            pendingControls = [TimedControl(control: .connection(.disconnected), time: died)]
            try commit(now: died)
        }
        lastSnapshot = MonotonicClock.nanoseconds
        for alert in decided { tell(alert) }
        for alert in SelfTest.closing(try journal.latestAlerts(about: SelfTest.lift.id), at: clock.now) { tell(alert) }
        if hasSomethingToTell { try commit(now: clock.now) }
        postSiteState()
    }

    var isSubscribed: Bool { if case .subscribed = link { true } else { false } }
    var isDrained: Bool { intake.detector.isListening && !intake.detector.isWaiting }

    // MARK: One turn

    /// Waits for something to do, at most for a while, and does it.
    func turn() {
        // While it connects, the client belongs to the thread that connects it.
        let socket = isConnecting ? -1 : client?.socket ?? -1
        let wantsWrite = !isConnecting && mayWrite && client?.wantsWrite == true
        let ready = Poll.wait([socket, wake.descriptor], writer: wantsWrite ? socket : -1, for: waitingTime())
        if ready[1] { wake.clear() }
        do {
            try manageLink(socketIsReady: ready[0])
            noticeBehind()
            if let reason = isLost { throw LinkLost(reason: reason) }
        } catch { retreat("\(error)") }
        let now = clock.now
        intake.advance(to: now)
        watchForBrokerLoss(now)
        collectAlerts()
        carryOnSelfTest(now)
        if siteStateIsOld { postSiteState() }
        if !batch.isEmpty { CrashPoint.afterRead.reach() }
        commitIfDue(now)
        if isSubscribed { noticeDrained() }
        do {
            if mayWrite, let client, !isConnecting {
                try client.keepAlive()
                try client.write()
            }
            if let reason = isLost { throw LinkLost(reason: reason) }
        } catch { retreat("\(error)") }
    }

    /// Commits what is there, and leaves the broker in good order.
    func finish() {
        collectAlerts()
        do {
            if batchSince != nil || hasSomethingToTell { try commit(now: clock.now) }
            if !isConnecting { try client?.write() }
            if sequence > 0, !hasSomethingToTell {
                try journal.saveSnapshot(intake.detector.snapshot(), through: sequence)
            }
        } catch { log.error("\(error)") }
        if isSubscribed {
            client?.disconnect()
            try? client?.write()
        }
        recorder?.event(.connection(.end), session: session, at: clock.now)
        recorder?.close()
    }

    private struct LinkLost: Error, CustomStringConvertible {
        var reason: String
        var description: String { "broker: \(reason)." }
    }

    /// Nothing may be written while read messages wait for their commit.
    private var mayWrite: Bool { batchSince == nil }
    private var isConnecting: Bool { if case .connecting = link { true } else { false } }

    /// How long a batch may wait for more. While the backlog drains the broker waits for us: an acknowledgement brings the
    /// next window.
    private var patience: Duration { isDrained ? settings.commitWait : .milliseconds(20) }

    private func waitingTime() -> Duration {
        var wait = Duration.milliseconds(500)
        if let batchSince {
            wait = min(wait, .nanoseconds(max(0, batchSince + patience.nanoseconds - MonotonicClock.nanoseconds)))
        }
        if let deadline = intake.detector.deadline { wait = min(wait, max(.zero, deadline - clock.now)) }
        if isSubscribed, !isDrained { wait = min(wait, DrainWatch.settling) }
        return wait
    }

    // MARK: The connection

    private func manageLink(socketIsReady: Bool) throws {
        switch link {
        case .down(let retryAt):
            if MonotonicClock.nanoseconds >= retryAt, retryCommitAt == nil { try connect() }
        case .connecting(let connector):
            guard let outcome = connector.outcome else { return }
            if let failure = outcome.failure { throw failure }
            link = .waiting(since: MonotonicClock.nanoseconds)
        case .waiting(let since):
            if socketIsReady { try client?.read() }
            if MonotonicClock.nanoseconds - since > 20_000_000_000 {
                throw LinkLost(reason: "no answer to CONNECT in 20 s")
            }
        case .subscribed:
            if socketIsReady { try readUntilDry() }
            if unacknowledged < settings.client.receiveMaximum, !Poll.isReadable(client?.socket ?? -1) {
                lag.noteEmptySocket(at: MonotonicClock.nanoseconds)
            }
        }
    }

    /// Timers wait until what waits unread is read.
    private func noticeBehind() {
        let now = MonotonicClock.nanoseconds
        guard isSubscribed, isDrained, let excess = lag.excess(at: now) else { return }
        let time = clock.now
        intake.waitForWords()
        drain.begin(at: now)
        counters.fellBehind += 1
        pendingControls.append(TimedControl(control: .connection(.behind), time: time))
        recorder?.event(.connection(.behind), session: session, at: time)
        log.warning("words have waited unread for \(excess.written); silence counts once they are read")
    }

    private func connect() throws(MQTTError) {
        let client = try MQTTClient(settings.client, delegate: self)
        self.client = client
        isLost = nil
        link = .connecting(Connector(client))
    }

    private func readUntilDry() throws {
        repeat {
            try client?.read(upTo: max(1, settings.client.receiveMaximum - unacknowledged))
        } while isLost == nil && unacknowledged < settings.client.receiveMaximum
            && Poll.isReadable(client?.socket ?? -1)
    }

    /// Whatever went wrong, final to the library or not: a logged, counted pause and another attempt.
    private func retreat(_ reason: String) {
        let now = MonotonicClock.nanoseconds
        let pause = backoff.pause(at: now, using: &random)
        log.warning("\(reason) Next attempt in \(pause.written).")
        lastError = reason
        counters.connectFailures += 1
        client?.drop()
        client = nil
        link = .down(retryAt: now + pause.nanoseconds)
        isLost = nil
        awaitedSubscriptions.removeAll()
        if intake.detector.isListening {
            // What was read and not committed is kept, and will be committed; the broker owes it no less.
            let now = clock.now
            intake.stopListening(at: now)
            deafSince = now
            collectAlerts()
            recorder?.event(.connection(.disconnected), session: session, at: now)
            tryCommit(.connection(.disconnected), now: now)
        }
    }

    private func noticeDrained() {
        guard !isDrained, batchSince == nil, drain.isDry(at: MonotonicClock.nanoseconds) else { return }
        let now = clock.now
        intake.startListening(at: now)
        redeliveries.forgetPending()
        deafSince = nil
        lag.noteDrained(at: MonotonicClock.nanoseconds)
        recorder?.event(.connection(.drained), session: session, at: now)
        log.info("broker: the backlog is read; watching \(intake.detector.liftCount) lifts")
        collectAlerts()
        tryCommit(.connection(.drained), now: now)
    }

    private func watchForBrokerLoss(_ now: Instant) {
        if let deafSince, now - deafSince >= settings.brokerLostAfter {
            let alert = brokerLost.raise(
                onset: deafSince, at: deafSince + settings.brokerLostAfter, hold: settings.brokerLostAfter,
                because: "disconnected")
            if let alert { tell(alert) }
        } else if deafSince == nil, let alert = brokerLost.clear(at: now, because: "reconnected") {
            tell(alert)
        }
    }

    // MARK: What the client hears

    func connected(sessionPresent: Bool) {
        session += 1
        counters.connects += 1
        backoff.connected(at: MonotonicClock.nanoseconds)
        redeliveries.sessionBegins(isPresent: sessionPresent)
        recorder?.event(.connection(.connected), session: session, at: clock.now)
        log.info("broker: connected to \(settings.client.url), session \(sessionPresent ? "kept" : "new")")
        do throws(MQTTError) {
            // On every CONNACK: a topic that configuration added would stay unsubscribed in a kept session.
            for filter in settings.filters {
                if let mid = try client?.subscribe(filter) { awaitedSubscriptions.insert(mid) }
            }
        } catch { isLost = error.description }
    }

    func subscribed(_ mid: Int32, accepted: Bool) {
        guard accepted else {
            isLost = "it does not let us subscribe; its access list is to blame"
            return
        }
        awaitedSubscriptions.remove(mid)
        if awaitedSubscriptions.isEmpty {
            link = .subscribed
            drain.begin(at: MonotonicClock.nanoseconds)
        }
    }

    func refused(_ reason: String) { isLost = "\(settings.client.url) refuses us: \(reason)" }
    func disconnected(_ reason: String) { isLost = "\(settings.client.url) closed the connection: \(reason)" }
    func published(_ mid: Int32) {}

    func received(topic: Span<UInt8>, payload: Span<UInt8>, qos: Int, isRetained: Bool, mid: Int) {
        noticeBehind()
        if batchSince == nil { batchSince = MonotonicClock.nanoseconds }
        unacknowledged += 1
        drain.noteMessage()
        // What is too long to be read is kept just long enough to be refused again.
        let payload = payload.extracting(0..<min(payload.count, Intake.maximumPayload + 1))
        if qos > 0, redeliveries.isCommitted(mid: mid, topic: topic, payload: payload) {
            counters.redelivered += 1
            return
        }
        counters.messages += 1
        let arrival = clock.now
        recorder?.message(
            topic: topic, payload: payload, isRetained: isRetained, qos: qos, session: session, at: arrival)
        intake.take(topic: topic, payload: payload, isRetained: isRetained, arrival: arrival)
        if selfTest != nil, Intake.isSelfTest(topic) { selfTest?.take(payload, arrival: arrival) }
        batch.append(
            JournalledMessage(
                arrival: arrival.nanoseconds, topic: topic.array, payload: payload.array, isRetained: isRetained,
                mid: qos > 0 ? mid : 0))
    }

    // MARK: What people want

    /// Follows the orders that wait in the box; each leaves it when it is durable.
    func followOrders(in box: OrderBox) {
        // A batch whose commit failed goes first.
        guard retryCommitAt == nil else { return }
        noticeBehind()
        for name in pendingOrders where !box.followed(name) {
            log.error("orders: '\(name)' cannot be removed from its folder, and is not followed again")
        }
        pendingOrders.removeAll { !box.isWaiting($0) }
        for waiting in box.waiting().prefix(Self.ordersAtOnce) where !pendingOrders.contains(waiting.name) {
            let (name, order) = (waiting.name, waiting.order)
            let now = clock.now
            var problem: String?
            do throws(OrderProblem) {
                if let word = waiting.word, !isTold(word.centre, of: order) { throw OrderProblem.notYours(word.centre) }
                if let word = waiting.word, answeredWords.contains(word) {
                    // The centre's broker brought it twice.
                    box.followed(name)
                    continue
                }
                try intake.follow(order, at: now)
                log.notice("order: \(order.words)")
                recorder?.event(.order(order), session: session, at: now)
                collectAlerts()
            } catch {
                log.warning("order refused: \(error)")
                problem = error.description
            }
            if let word = waiting.word { answer(word, order, problem, at: now) }
            if let problem, waiting.word == nil {
                box.refuse(name, because: problem)
                continue
            }
            pendingOrders.append(name)
            tryCommit(problem == nil ? .order(order) : nil, now: now)
            if retryCommitAt != nil { return }
            if box.followed(name) { pendingOrders.removeLast() }
        }
    }

    /// Whether the centre is told of the alert that its person speaks of.
    private func isTold(_ centre: String, of order: Order) -> Bool {
        guard let id = order.alertID, let alert = intake.detector.openAlerts.first(where: { $0.id == id }) else {
            return true
        }
        return settings.lanes[centre]?.contains(alert.lane) ?? false
    }

    private func answer(_ word: OrderBox.CentreOrigin, _ order: Order, _ problem: String?, at now: Instant) {
        if word.wordID != nil {
            answeredWords.append(word)
            if answeredWords.count > Self.rememberedWords { answeredWords.removeFirst() }
        }
        let id = AlertIdentity.id(lift: settings.site.id, kind: "word", onset: now.nanoseconds, earlier: 0)
        pendingEvents.append(
            OwedEvent(
                id: id, type: "word", lane: .fault, subject: settings.site.id,
                body: WordAnswer.json(word, order, problem: problem, id: id, site: settings.site, at: now)))
    }

    /// Goes on under other rules. What is in memory is written first, and the new state with the first commit after: a restart
    /// must not fold again under the new rules what was judged under the old.
    func adopt(_ rules: RuleSet) throws {
        noticeBehind()
        let now = clock.now
        collectAlerts()
        try commit(now: now)
        try intake.adopt(rules, at: now)
        collectAlerts()
        wantsSnapshot = true
        // Should this fail, the rules hold all the same, and it is tried again.
        tryCommit(now: now)
        lastSnapshot = MonotonicClock.nanoseconds
    }

    // MARK: Self-test

    /// - Returns: whether one begins; not while one runs.
    @discardableResult
    func beginSelfTest(centres: [String], data: DeviceData) throws -> Bool {
        guard selfTest == nil else { return false }
        log.notice("self-test: a virtual lift stops between floors with a passenger")
        selfTest = try SelfTest(
            site: settings.site.id, centres: centres, data: data, rules: intake.detector.rules,
            client: settings.client, at: clock.now)
        selfTestReport = selfTest?.report
        return true
    }

    private func carryOnSelfTest(_ now: Instant) {
        guard selfTest != nil, retryCommitAt == nil else { return }
        do throws(JournalError) {
            for alert in try selfTest?.turn(at: now, journal) ?? [] { tell(alert) }
        } catch { log.error("self-test: \(error)") }
        guard let report = selfTest?.report else { return }
        selfTestReport = report
        guard let ended = report.ended else { return }
        selfTest = nil
        tell(.selfTest(report, site: settings.site, at: now))
        if let problem = report.problem {
            log.error("self-test failed: \(problem)")
            if let alert = selfTestFailed.raise(onset: report.started, at: now, hold: .zero, because: problem) {
                tell(alert)
            }
        } else {
            let stored = report.stored.map { "\($0.centre) after \($0.seconds) s" }.joined(separator: ", ")
            log.notice(
                "self-test passed: raised after \(report.raised ?? 0) s, stored by \(stored); over after \(ended) s")
            if let alert = selfTestFailed.clear(at: now, because: "passed") { tell(alert) }
        }
        do throws(JournalError) {
            try journal.set("selftest_at", now.nanoseconds)
            try journal.set("selftest_passed", report.passed ? 1 : 0)
        } catch { log.error("\(error)") }
    }

    // MARK: The clock

    /// Somebody has set the wall clock right: what was stamped in this run is corrected by what it was wrong, and both are told.
    func noticeClock() {
        guard clock.quality != .free, retryCommitAt == nil else { return }
        let correction = abs(clock.wallOffset) < .seconds(1) ? .zero : clock.wallOffset
        guard abs(correction - toldCorrection) >= .seconds(1) else { return }
        do throws(JournalError) {
            try journal.correctRun(by: correction.nanoseconds)
            toldCorrection = correction
            tell(.clock(correction: correction, site: settings.site, bootID: settings.bootID, at: clock.now))
            log.notice("the wall clock was set: times of this run are off by \(correction.written), and told so")
        } catch { log.error("\(error)") }
    }

    // MARK: Commit

    private func collectAlerts() {
        for alert in intake.takeAlerts() { tell(alert) }
    }

    /// Notes what the centres are to be told beside the alerts; the next commit, which it brings about, makes it durable.
    func tell(_ event: OwedEvent) { pendingEvents.append(event) }

    private var hasSomethingToTell: Bool { !pendingAlerts.isEmpty || !pendingEvents.isEmpty }

    private func tell(_ alert: Alert) {
        counters.alerts += 1
        let isTest = alert.lift == SelfTest.lift.id
        let lift =
            isTest
            ? SelfTest.lift
            : intake.detector.index(of: alert.lift).map { intake.detector.lift($0) } ?? Lift(id: alert.lift)
        pendingAlerts.append((alert, AlertEvent.json(alert, lift: lift, site: settings.site, isTest: isTest)))
        if alert.isEntrapment || alert.severity == .critical {
            log.notice("\(alert.kind) \(alert.state.rawValue): lift \(alert.lift), \(alert.title.en) (\(alert.reason))")
        }
    }

    private func commitIfDue(_ now: Instant) {
        let monotonic = MonotonicClock.nanoseconds
        if let retryCommitAt, monotonic < retryCommitAt { return }
        let isOld = batchSince.map { monotonic - $0 >= patience.nanoseconds } ?? false
        if isOld || unacknowledged >= settings.client.receiveMaximum || hasSomethingToTell || retryCommitAt != nil {
            tryCommit(now: now)
        }
        if isDrained, monotonic - lastSnapshot > settings.snapshotEvery.nanoseconds { snapshot(monotonic) }
    }

    /// Commits, and on failure drops the socket: the broker still owes the batch, and it stays here until it is durable.
    private func tryCommit(_ control: Control? = nil, now: Instant) {
        if let control { pendingControls.append(TimedControl(control: control, time: now)) }
        do throws(JournalError) {
            try commit(now: now)
            if retryCommitAt != nil {
                log.notice("the journal can be written again")
                // What went out from memory meanwhile and was stored is owed no more.
                for (centre, stored) in board.release() { _ = try journal.receipt(stored, from: centre) }
            }
            retryCommitAt = nil
            keepWithinQuota(now)
        } catch {
            counters.commitFailures += 1
            // On a full disk the oldest readings are worth less than what comes now.
            if error.isFull { try? journal.makeRoom() }
            lastError = error.description
            if error.isDamage { journalDamage = error }
            // Nobody trapped waits for a disk.
            board.hold(pendingAlerts.map { OwedEvent($0.alert, $0.body) } + pendingEvents)
            board.ring()
            if retryCommitAt == nil { log.critical("\(error). Nothing is acknowledged until it can be written.") }
            retryCommitAt = MonotonicClock.nanoseconds + 1_000_000_000
            if isSubscribed { isLost = "the journal cannot be written" }
        }
    }

    private func commit(now: Instant) throws(JournalError) {
        if !batch.isEmpty || hasSomethingToTell || !pendingControls.isEmpty || wantsSnapshot {
            var durable = Journal.Batch(now: now)
            durable.messages = batch
            durable.control = TimedControl.text(pendingControls)
            if wantsSnapshot { durable.snapshot = intake.detector.snapshot() }
            durable.alerts = pendingAlerts
            durable.events = pendingEvents
            durable.stamp = clock.stamp
            durable.counters = [("messages", batch.count), ("alerts", pendingAlerts.count)]
            if redeliveries.recognised > 0 { durable.counters.append(("redelivered", redeliveries.recognised)) }
            sequence = try journal.commit(durable)
            CrashPoint.afterCommit.reach()
            hasToEnforce = true
            counters.commits += 1
            redeliveries.committed(batch)
            batch.removeAll(keepingCapacity: true)
            pendingControls.removeAll()
            wantsSnapshot = false
            if hasSomethingToTell {
                pendingAlerts.removeAll()
                pendingEvents.removeAll()
                board.ring()
            }
        }
        recorder?.flush()
        if unacknowledged >= settings.client.receiveMaximum {
            lag.noteFullWindowAcknowledged(at: MonotonicClock.nanoseconds)
        }
        batchSince = nil
        unacknowledged = 0
        drain.noteCommit(at: MonotonicClock.nanoseconds)
        postSiteState()
    }

    /// What is beyond the quotas goes; what the centre was owed and will not get, it is told of.
    private func keepWithinQuota(_ now: Instant) {
        guard hasToEnforce else { return }
        hasToEnforce = false
        do throws(JournalError) {
            let eviction = try journal.enforce(settings.quota)
            if eviction.isEmpty { return }
            let lost = eviction.undelivered.values.reduce(0, +)
            log.warning(
                "journal: beyond its quota, \(eviction.readingBatches) batches of readings, \(eviction.alerts) delivered alerts, \(eviction.coalesced) outdated revisions and \(lost) undelivered events went"
            )
            if lost + eviction.coalesced > 0 { tell(.evicted(eviction, site: settings.site, at: now)) }
        } catch { log.error("\(error)") }
    }

    private func snapshot(_ monotonic: Int64) {
        guard batchSince == nil, sequence > 0, !hasSomethingToTell, pendingControls.isEmpty else { return }
        lastSnapshot = monotonic
        do throws(JournalError) {
            try journal.saveSnapshot(intake.detector.snapshot(), through: sequence)
        } catch { log.error("\(error)") }
    }

    /// The site's state is worked out anew this often while batches follow each other: it is to be at most 5 s old.
    private static let siteStateEvery: Int64 = 200_000_000

    private func postSiteState() {
        let monotonic = MonotonicClock.nanoseconds
        siteStateIsOld = monotonic - siteStateAt < Self.siteStateEvery
        if siteStateIsOld { return }
        siteStateAt = monotonic
        let own = [brokerLost.view, selfTestFailed.view].compactMap { $0 }
        let state = SiteState(intake.detector, and: own, hearsLifts: isDrained)
        if board.siteState != state {
            board.siteState = state
            board.ring()
        }
    }
}

extension SiteState {
    /// What the centre is to know of a site should it hear no more of it.
    fileprivate init(_ detector: Detector, and own: [OpenAlert], hearsLifts: Bool) {
        self.init()
        self.hearsLifts = hearsLifts
        incidents = (detector.openAlerts + own).map {
            SiteState.Incident(
                alertID: $0.id, revision: $0.revision, lift: $0.lift, kind: $0.kind, state: $0.state.rawValue,
                severity: $0.severity.rawValue, onset: $0.onset)
        }
        liftsThatMayHoldPeople = detector.liftsThatMayHoldPeople
        liftsWithoutPower = detector.liftsWithoutPower
    }
}

private func abs(_ duration: Duration) -> Duration { duration < .zero ? .zero - duration : duration }
