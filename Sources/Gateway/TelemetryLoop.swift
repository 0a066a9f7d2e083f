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
        /// Words wait for a disk that fails for this long; well under the keep-alive, as nothing is written meanwhile.
        var diskPatience: Duration = .seconds(5)
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
        /// Messages that were judged and acknowledged while no disk took them.
        var unjournalled = 0
        /// How often words had waited so long that timers had to wait, too.
        var fellBehind = 0
    }
    enum Link {
        case down(retryAt: Int64)
        /// The client belongs to the thread that connects it; here is none meanwhile.
        case connecting(Connector)
        /// CONNECT is sent; CONNACK and SUBACK are awaited. `heard`: the broker's last word.
        case waiting(since: Int64, heard: Int64)
        case subscribed
    }

    let settings: Settings
    let journal: Journal
    let clock: GatewayClock
    let board: UplinkBoard
    let wake: WakeUp
    let log: Logger
    let recorder: TraceRecorder?
    var intake: Intake
    var counters = Counters()
    var lastError = ""

    var client: MQTTClient?
    private var link = Link.down(retryAt: 0)
    var isLost: String?
    private var backoff = Backoff()
    var random = SystemRandomNumberGenerator()
    var session = 0
    private var awaitedSubscriptions: Set<Int32> = []
    var batch: [JournalledMessage] = []
    var unacknowledged = 0
    var batchSince: Int64?
    var pendingAlerts: [(alert: Alert, body: [UInt8])] = []
    /// What else the centres are to be told.
    var pendingEvents: [OwedEvent] = []
    var drain = DrainWatch()
    var redeliveries: RedeliveryMemory
    var sequence: Int64 = 0
    var lastSnapshot: Int64 = 0
    private var deafSince: Instant?
    var lag = ReadingLag()
    /// What was told of the clock; nil before anybody kept it right in this run.
    var toldCorrection: Duration?
    var selfTest: SelfTest?
    var selfTestFailed: SiteAlert
    /// Of the test that runs, else of the last one of this run.
    var selfTestReport: SelfTest.Report?
    var brokerLost: SiteAlert
    var hasToEnforce = false
    var siteStateAt: Int64 = 0
    var siteStateIsOld = false
    var retryCommitAt: Int64?
    /// Monotonic nanoseconds.
    var lastCommit = MonotonicClock.nanoseconds
    /// A process that hears nothing notes this often that it listens: a silence is not to begin anew with the next one.
    static let noteListeningEvery = Duration.seconds(5).nanoseconds
    var hasToNoteListening: Bool {
        isDrained && MonotonicClock.nanoseconds - lastCommit >= Self.noteListeningEvery
    }
    /// Since when the journal takes nothing; monotonic nanoseconds.
    var failingSince: Int64?
    /// How many alerts and events the routes know to be in memory only.
    var heldInMemory = (0, 0)
    static let mostInMemory = 10_000
    var diskFailing: SiteAlert
    /// The journal's file turned out to be damaged; nothing more can be committed to it.
    var journalDamage: JournalError?
    /// What happened to the connection and is not durable yet.
    var pendingControls: [TimedControl] = []
    /// Orders that were followed and are not durable yet: their files stay until they are.
    var pendingOrders: [String] = []
    /// Words of the centre that are answered and not yet durable.
    var pendingWords: [(centre: String, id: String)] = []
    /// Lifts wait meanwhile.
    static let ordersAtOnce = 100
    /// The next commit takes the state along: what was judged under other rules must not be folded again.
    var wantsSnapshot = false

    init(
        _ settings: Settings, intake: Intake, recovered: Recovery.Outcome, journal: Journal, clock: GatewayClock,
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
            settings.site.origin, .brokerLost,
            title: Title(en: "The gateway hears no lift: the building's broker is out of reach", zh: "网关与楼内消息服务器断开"))
        selfTestFailed = SiteAlert(
            settings.site.origin, .selfTestFailed,
            title: Title(en: "The gateway's self-test failed", zh: "网关自检失败"))
        diskFailing = SiteAlert(
            settings.site.origin, .diskFailing,
            title: Title(en: "The gateway's disk takes nothing: alerts go out from memory", zh: "网关磁盘无法写入,告警由内存发出"))
        let ownAlerts = try journal.latestAlerts(about: settings.site.id)
        brokerLost.resume(ownAlerts, .brokerLost)
        diskFailing.resume(ownAlerts, .diskFailing)
        selfTestFailed.resume(ownAlerts, .selfTestFailed)
        let detector = self.intake.detector
        self.intake.refusedLifts.resume(try journal.latestAlerts()) { detector.index(of: $0) != nil }
        // What was folded again is not folded a third time: a process that dies every few seconds would start ever more slowly.
        wantsSnapshot = recovered.batches > 0 || !recovered.isWhole
        // A process that died was listening; from then until now it was not. That is said in the journal, for the next one.
        deafSince = clock.now
        if self.intake.detector.isListening {
            let died = recovered.lastNow ?? clock.now
            self.intake.stopListening(at: died)
            collectAlerts()
            pendingControls.append(TimedControl(control: .connection(.disconnected), time: died))
        }
        lastSnapshot = MonotonicClock.nanoseconds
        for alert in recovered.alerts { tell(alert) }
        for alert in SelfTest.closing(try journal.latestAlerts(about: SelfTest.lift.id), at: clock.now) { tell(alert) }
        // At once: a state that has told something must not be kept without what it told.
        if hasSomethingToTell || wantsSnapshot || !pendingControls.isEmpty { tryCommit(now: clock.now) }
        postSiteState()
    }

    var isSubscribed: Bool { if case .subscribed = link { true } else { false } }
    var isDrained: Bool { intake.detector.isListening && !intake.detector.isWaiting }

    // MARK: One turn

    /// Waits for something to do, at most for a while, and does it.
    func turn() {
        let socket = client?.socket ?? -1
        let wantsWrite = mayWrite && client?.wantsWrite == true
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
            if mayWrite, let client {
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
            try client?.write()
            if sequence > 0, !hasSomethingToTell {
                try journal.saveSnapshot(intake.detector.snapshot(), through: sequence)
            }
        } catch { log.error("\(error)") }
        leaveBroker()
    }

    func leaveBroker() {
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

    /// How long a batch may wait for more; with an alert in it not at all. While the backlog drains the broker waits for us: an
    /// acknowledgement brings the next words. Were an alert's batch committed at once then, each would be as small as the one before.
    var patience: Duration {
        if isDrained { return hasSomethingToTell ? .zero : settings.commitWait }
        return hasSomethingToTell ? .milliseconds(5) : .milliseconds(20)
    }

    private func waitingTime() -> Duration {
        var wait = Duration.milliseconds(500)
        if let retryCommitAt {
            // Nothing else can be done for the batch.
            wait = min(wait, .nanoseconds(max(0, retryCommitAt - MonotonicClock.nanoseconds)))
        } else if let batchSince {
            wait = min(wait, .nanoseconds(max(0, batchSince + patience.nanoseconds - MonotonicClock.nanoseconds)))
        }
        if let deadline = intake.detector.deadline { wait = min(wait, max(.zero, deadline - clock.now)) }
        if isSubscribed, !isDrained { wait = min(wait, DrainWatch.settling) }
        if case .down(let retryAt) = link {
            wait = min(wait, .nanoseconds(max(0, retryAt - MonotonicClock.nanoseconds)))
        }
        return wait
    }

    // MARK: The connection

    private func manageLink(socketIsReady: Bool) throws {
        switch link {
        case .down(let retryAt):
            if MonotonicClock.nanoseconds >= retryAt { try connect() }
        case .connecting(let connector):
            switch connector.takeOutcome() {
            case nil: return
            case .failed(let failure): throw failure
            case .connected(let connected):
                connected.delegate = self
                client = connected
                let now = MonotonicClock.nanoseconds
                link = .waiting(since: now, heard: now)
            }
        case .waiting(let since, let heard):
            let now = MonotonicClock.nanoseconds
            // A kept session may send a whole window, each word an alert, before it answers SUBSCRIBE.
            if socketIsReady {
                try readUntilDry()
                if case .waiting = link { link = .waiting(since: since, heard: now) }
            }
            if case .waiting = link, now - heard > 20_000_000_000 || now - since > 120_000_000_000 {
                throw LinkLost(reason: "no answer to CONNECT and SUBSCRIBE in \((now - since) / 1_000_000_000) s")
            }
        case .subscribed:
            if socketIsReady { try readUntilDry() }
            if unacknowledged < settings.client.receiveMaximum, !Poll.isReadable(client?.socket ?? -1) {
                lag.noteEmptySocket(at: MonotonicClock.nanoseconds)
            }
        }
    }

    /// Timers wait until what waits unread is read.
    func noticeBehind() {
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
        isLost = nil
        link = .connecting(Connector(try MQTTClient(settings.client), waking: wake))
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
        // The broker will send again what was not acknowledged; without a disk only memory knows that it was judged.
        if failingSince != nil { goOnWithoutDisk(clock.now) }
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
                because: GatewayKind.brokerLost.raised)
            if let alert { tell(alert) }
        } else if deafSince == nil, let alert = brokerLost.clear(at: now, because: GatewayKind.brokerLost.cleared) {
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
}
