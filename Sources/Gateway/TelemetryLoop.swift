import Connectivity
import Encoding
import Journal
import LiftModel
import Logging
import MQTT
import Monitoring
import Platform
import Uplink

/// The telemetry loop: read, decode, detect, commit, and only then acknowledge. One thread owns the
/// socket, the detector and the journal.
///
/// Between a batch's first read and its commit nothing is written on the connection: any write
/// would release the acknowledgements that libmosquitto has queued. So `commitWait` stays well
/// under the keep-alive.
final class TelemetryLoop: MQTTClientDelegate {
    struct Settings {
        var client: MQTTClient.Options
        /// A hash of the broker's present secrets and certificates; nil where one cannot be read.
        var secretsHash: @Sendable () -> UInt64? = { 0 }
        var filters: [String]
        var site: AlertEvent.Site
        var bootID: String
        /// The lanes that each centre receives.
        var lanes: [String: Set<Lane>]
        var commitWait: Duration
        var quota: Quota
        /// The interval of snapshots. It bounds how many batches a restart replays.
        var snapshotEvery: Duration = .seconds(300)
        /// How long no broker is connected before the centre receives `broker_lost`.
        var brokerLostAfter: Duration = .seconds(30)
        /// How long messages wait for a failing disk. Well under the keep-alive, because nothing is
        /// written meanwhile.
        var diskPatience: Duration = .seconds(5)
    }
    /// Totals for status and heartbeat: the first three since the journal was created, the others
    /// since the start.
    struct Counters {
        var messages = 0
        var alerts = 0
        var redelivered = 0
        var commits = 0
        var connects = 0
        var connectFailures = 0
        var commitFailures = 0
        /// Messages that were evaluated and acknowledged while the disk took no commit.
        var unjournalled = 0
        /// Packets that were too large for the memory limit.
        var giantPackets = 0
        /// Stalls: how often messages had waited unread so long that timers had to wait, too.
        var stalls = 0
    }
    enum Link {
        case down(retryAt: Int64)
        /// The connecting thread owns the client; the loop has none meanwhile.
        case connecting(Connector)
        /// CONNECT is sent; CONNACK and SUBACK are awaited. `lastReceived`: when the broker last
        /// sent anything. Both in monotonic nanoseconds.
        case waiting(since: Int64, lastReceived: Int64)
        case subscribed
    }

    let settings: Settings
    let journal: Journal
    let clock: GatewayClock
    let delivery: DeliveryState
    let wake: WakeUp
    let log: Logger
    let recorder: TraceRecorder?
    var intake: Intake
    var counters = Counters()
    var lastError = ""
    /// Why the last commit failed.
    var diskError = ""

    var client: MQTTClient?
    private var link = Link.down(retryAt: 0)
    var lossReason: String?
    /// The hash of the secrets of the present connection.
    private var secretsInUse: UInt64 = 0
    private var backoff = Backoff()
    private var troubles = TroubleLog()
    /// Secrets have changed, so the next attempt to connect follows without a pause.
    private var retriesAtOnce = false
    var random = SystemRandomNumberGenerator()
    var session = 0
    private(set) var answers = BrokerAnswers()
    /// The broker has answered CONNECT on this connection: a failure after that has nothing to do
    /// with names, ports or certificates.
    private var hasAnswered = false
    private let diagnosis = LinkDiagnosis()
    var batch: [JournalledMessage] = []
    var unacknowledged = 0
    /// The size of the topics and payloads in `batch`.
    var batchBytes = 0
    static let mostBatchBytes = 8 << 20
    /// Bytes journalled since the last snapshot, which a start replays.
    var bytesSinceSnapshot = 0
    static let mostBytesToReplay = 16 << 20
    var batchSince: Int64?
    var pendingAlerts: [(alert: Alert, body: [UInt8])] = []
    /// Other events for the centres that no commit has taken yet.
    var pendingEvents: [OutboundEvent] = []
    var backlogWatch = BacklogWatch()
    var redeliveries: RedeliveryMemory
    var sequence: Int64 = 0
    var lastSnapshot: Int64 = 0
    private(set) var unobservedSince: Instant?
    /// When the backlog was drained, in monotonic nanoseconds; nil while it is not.
    private(set) var drainedAt: Int64?
    var lag = ReadingLag()
    /// The clock correction that was last reported; nil until the wall clock was synchronised in
    /// this run.
    var reportedCorrection: Duration?
    /// When the synchronised clock was last noted in the journal, on the gateway's time line.
    var synchronisationNotedAt: Instant?
    var selfTest: SelfTest?
    /// The report of the running self-test, else of the last one of this run.
    var selfTestReport: SelfTest.Report?
    /// Why the last completed self-test failed, also in an earlier run; nil when it passed.
    var lastSelfTestFailure: String?
    var siteAlerts: SiteAlerts
    var mustEnforceQuota = false
    var siteStateAt: Int64 = 0
    var siteStateIsDue = false
    var retryCommitAt: Int64?
    /// Monotonic nanoseconds.
    var lastCommit = MonotonicClock.nanoseconds
    /// Without messages an empty batch is committed this often. It records that the gateway
    /// observed, so that a silence does not start anew with the next process.
    static let noteObservingEvery = Duration.seconds(5).nanoseconds
    var mustNoteObserving: Bool {
        isDrained && MonotonicClock.nanoseconds - lastCommit >= Self.noteObservingEvery
    }
    /// When commits began to fail, in monotonic nanoseconds; nil while they succeed.
    var failingSince: Int64?
    /// The numbers of alerts and events that the routes were last given from memory.
    var memoryOnlyCounts = (0, 0)
    static let mostInMemory = 10_000
    /// The journal's file turned out to be damaged; nothing more can be committed to it.
    var journalDamage: JournalError?
    /// Connection events and operator actions that no commit has taken yet.
    var pendingControls: [TimedControlEvent] = []
    /// Applied actions whose files stay in the inbox until a commit has taken them.
    var pendingActionNames: [String] = []
    /// Answered centre commands that no commit has taken yet.
    var pendingCommands: [AnsweredCommand] = []
    /// The most actions applied in one turn; messages of lifts wait meanwhile.
    static let mostActionsAtOnce = 100
    /// The next commit includes a snapshot: batches that were evaluated under other rules must not
    /// be replayed under the new ones.
    var wantsSnapshot = false

    init(
        _ settings: Settings, intake: Intake, recovered: Recovery.Outcome, journal: Journal, clock: GatewayClock,
        delivery: DeliveryState, wake: WakeUp, recorder: TraceRecorder?, log: Logger
    ) throws(JournalError) {
        self.settings = settings
        self.intake = intake
        self.journal = journal
        self.clock = clock
        self.delivery = delivery
        self.wake = wake
        self.recorder = recorder
        self.log = log
        var redeliveries = RedeliveryMemory(capacity: settings.client.receiveMaximum, [])
        try journal.forEachBatch(holdingTheLast: settings.client.receiveMaximum) {
            redeliveries.noteCommitted($0.messages)
        }
        self.redeliveries = redeliveries
        let stored = try journal.counters()
        counters.messages = stored["messages"] ?? 0
        counters.alerts = stored["alerts"] ?? 0
        counters.redelivered = stored["redelivered"] ?? 0
        let siteHistory = try journal.latestAlerts(about: settings.site.id)
        siteAlerts = SiteAlerts(settings.site.origin, resuming: siteHistory)
        lastSelfTestFailure = SelfTest.failure(in: siteHistory, lastEnded: stored["selftest_at"].map { Int64($0) })
        let detector = self.intake.detector
        self.intake.refusedLifts.resume(try journal.latestAlerts()) { detector.index(of: $0) != nil }
        // The first commit includes a snapshot, so that a process that dies every few seconds does
        // not replay ever more batches.
        wantsSnapshot = recovered.batches > 0 || !recovered.isComplete
        // A process that died had observed until its last commit. The journal gets a `disconnected`
        // at that time, so that the next replay finds the gap, too.
        unobservedSince = clock.now
        if self.intake.detector.isObserving {
            let died = recovered.lastNow ?? clock.now
            self.intake.stopObserving(at: died)
            collectAlerts()
            pendingControls.append(TimedControlEvent(control: .connection(.disconnected), time: died))
        }
        lastSnapshot = MonotonicClock.nanoseconds
        for alert in recovered.alerts { enqueue(alert) }
        for alert in SelfTest.closing(try journal.latestAlerts(about: SelfTest.lift.id), at: clock.now) {
            enqueue(alert)
        }
        // At once: a snapshot must not be stored without the alerts that belong to it.
        if hasPendingOutput || wantsSnapshot || !pendingControls.isEmpty { tryCommit(now: clock.now) }
        postSiteState()
    }

    var isSubscribed: Bool { if case .subscribed = link { true } else { false } }
    var isDrained: Bool { intake.detector.isObserving && !intake.detector.isBehind }

    /// Why the building's broker cannot be reached, as far as it is known; empty until a connection
    /// fails.
    var brokerTrouble: String { diagnosis.finding.map { "broker: \($0)" } ?? lastError }

    /// What is wrong while the building's broker is connected; whole sentences.
    var brokerProblems: [String] {
        answers.problems(of: settings.client.clientID, at: MonotonicClock.nanoseconds)
    }

    // MARK: One turn

    /// Waits for the socket, a wake-up or a deadline, then does one round of work.
    func turn() {
        let socket = client?.socket ?? -1
        let wantsWrite = mayWrite && client?.wantsWrite == true
        let ready = Poll.wait([socket, wake.descriptor], writer: wantsWrite ? socket : -1, for: waitingTime())
        if ready[1] { wake.clear() }
        do {
            try manageLink(socketIsReady: ready[0])
            checkForStall()
            if let reason = lossReason { throw LinkLost(reason: reason) }
        } catch { dropConnection(after: error) }
        if diagnosis.takeNewFinding() != nil {
            log.error("\(brokerTrouble)")
            troubles.note(brokerTrouble, at: MonotonicClock.nanoseconds)
        }
        let now = clock.now
        intake.advance(to: now)
        watchBroker(now)
        collectAlerts()
        continueSelfTest(now)
        if siteStateIsDue { postSiteState() }
        if !batch.isEmpty { CrashPoint.afterRead.reach() }
        commitIfDue(now)
        if isSubscribed { checkDrained() }
        do {
            if mayWrite, let client {
                try client.keepAlive()
                try client.write()
            }
            if let reason = lossReason { throw LinkLost(reason: reason) }
        } catch { dropConnection(after: error) }
    }

    /// Commits the batch and disconnects from the broker.
    func finish() {
        collectAlerts()
        do {
            if batchSince != nil || hasPendingOutput { try commit(now: clock.now) }
            try client?.write()
            if sequence > 0, !hasPendingOutput {
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
        var description: String { "broker: \(reason)\(reason.hasSuffix("?") ? "" : ".")" }
    }

    /// Nothing may be written while read messages wait for their commit.
    private var mayWrite: Bool { batchSince == nil }

    /// How long a batch may wait for further messages; not at all with an alert in it. While the
    /// backlog drains the broker waits for acknowledgements before it sends more. If each batch
    /// with an alert were then committed at once, every batch would be as small as the one before.
    var patience: Duration {
        if isDrained { return hasPendingOutput ? .zero : settings.commitWait }
        return hasPendingOutput ? .milliseconds(5) : .milliseconds(20)
    }

    private func waitingTime() -> Duration {
        var wait = Duration.milliseconds(500)
        if let retryCommitAt {
            // Until then nothing can be done for the batch.
            wait = min(wait, .nanoseconds(max(0, retryCommitAt - MonotonicClock.nanoseconds)))
        } else if let batchSince {
            wait = min(wait, .nanoseconds(max(0, batchSince + patience.nanoseconds - MonotonicClock.nanoseconds)))
        }
        if let deadline = intake.detector.deadline { wait = min(wait, max(.zero, deadline - clock.now)) }
        if isSubscribed, !isDrained { wait = min(wait, BacklogWatch.settling) }
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
                link = .waiting(since: now, lastReceived: now)
            }
        case .waiting(let since, let lastReceived):
            let now = MonotonicClock.nanoseconds
            // A persistent session may send a whole window of messages, each with an alert, before
            // it answers SUBSCRIBE.
            if socketIsReady {
                try readUntilDry()
                if case .waiting = link { link = .waiting(since: since, lastReceived: now) }
            }
            if case .waiting = link, now - lastReceived > 20_000_000_000 || now - since > 120_000_000_000 {
                throw LinkLost(reason: "no answer to CONNECT and SUBSCRIBE in \((now - since) / 1_000_000_000) s")
            }
        case .subscribed:
            if socketIsReady { try readUntilDry() }
            if hasRoom, !Poll.isReadable(client?.socket ?? -1) {
                lag.noteEmptySocket(at: MonotonicClock.nanoseconds)
            }
        }
    }

    /// Makes timers wait until the messages that waited unread are read.
    func checkForStall() {
        let now = MonotonicClock.nanoseconds
        guard isSubscribed, isDrained, let stall = lag.stall(at: now) else { return }
        let time = clock.now
        intake.waitForUnreadMessages()
        backlogWatch.start(at: now)
        counters.stalls += 1
        pendingControls.append(TimedControlEvent(control: .connection(.behind), time: time))
        recorder?.event(.connection(.behind), session: session, at: time)
        log.warning("messages have waited unread for \(stall.spanText); silence counts once they are read")
    }

    /// Reconnects at once where the password or a certificate has changed.
    func renewSecrets() {
        guard let secrets = settings.secretsHash(), secrets != secretsInUse else { return }
        let change = "a password or a certificate has changed"
        switch link {
        case .down:
            log.notice("broker: \(change); connecting again at once")
            link = .down(retryAt: 0)
        case .connecting: retriesAtOnce = true
        case .waiting, .subscribed:
            retriesAtOnce = true
            lossReason = change
        }
    }

    private func connect() throws(MQTTError) {
        lossReason = nil
        hasAnswered = false
        secretsInUse = settings.secretsHash() ?? secretsInUse
        link = .connecting(Connector(try MQTTClient(settings.client), waking: wake))
    }

    /// A batch ends at the Receive Maximum or at `mostBatchBytes`: a flood of long messages must
    /// fit into memory, also when a start replays it.
    var hasRoom: Bool { unacknowledged < settings.client.receiveMaximum && batchBytes < Self.mostBatchBytes }

    private func readUntilDry() throws {
        repeat {
            try client?.read(upTo: max(1, settings.client.receiveMaximum - unacknowledged)) { hasRoom }
        } while lossReason == nil && hasRoom && Poll.isReadable(client?.socket ?? -1)
    }

    /// The broker's own reason takes precedence over the library's error.
    private func dropConnection(after error: any Error) {
        if let error = error as? MQTTError, error.isGiantPacket {
            counters.giantPackets += 1
            dropConnection(because: error.description)
        } else {
            dropConnection(because: "\(lossReason.map { LinkLost(reason: $0) } ?? error)")
        }
    }

    /// Any failure leads to a logged, counted pause and another attempt, also one that the library
    /// calls final.
    private func dropConnection(because reason: String) {
        let now = MonotonicClock.nanoseconds
        let pause = retriesAtOnce ? .zero : backoff.pause(at: now, using: &random)
        retriesAtOnce = false
        lastError = reason
        if let line = troubles.line(brokerTrouble, nextIn: pause, at: now) { log.warning("\(line)") }
        if !hasAnswered {
            answers.connectionFailed()
            diagnosis.start(settings.client.probe)
        }
        counters.connectFailures += 1
        // The broker sends unacknowledged messages again; without a disk only memory knows that
        // they were evaluated.
        if failingSince != nil { continueWithoutDisk(clock.now) }
        client?.drop()
        client = nil
        link = .down(retryAt: now + pause.nanoseconds)
        drainedAt = nil
        lossReason = nil
        if intake.detector.isObserving {
            // Messages that were read and not committed stay in the batch, and the broker still
            // holds them unacknowledged.
            let now = clock.now
            intake.stopObserving(at: now)
            unobservedSince = now
            collectAlerts()
            recorder?.event(.connection(.disconnected), session: session, at: now)
            tryCommit(.connection(.disconnected), now: now)
        }
    }

    private func checkDrained() {
        guard !isDrained, batchSince == nil, backlogWatch.isDry(at: MonotonicClock.nanoseconds) else { return }
        let now = clock.now
        intake.startObserving(at: now)
        redeliveries.forgetPending()
        unobservedSince = nil
        drainedAt = MonotonicClock.nanoseconds
        lag.noteDrained(at: MonotonicClock.nanoseconds)
        recorder?.event(.connection(.drained), session: session, at: now)
        log.info("broker: the backlog is read; watching \(intake.detector.liftCount) lifts")
        collectAlerts()
        tryCommit(.connection(.drained), now: now)
    }

    // MARK: Callbacks of the client

    func connected(_ broker: MQTTSession) {
        session += 1
        counters.connects += 1
        hasAnswered = true
        diagnosis.reset()
        answers.connectionStarted()
        troubles.reset()
        backoff.connected(at: MonotonicClock.nanoseconds)
        redeliveries.sessionStarted(isPresent: broker.isPresent)
        recorder?.event(.connection(.connected), session: session, at: clock.now)
        log.info("broker: connected to \(settings.client.url), session \(broker.isPresent ? "kept" : "new")")
        do throws(MQTTError) {
            // On every CONNACK: in a persistent session a topic that the configuration added would
            // stay unsubscribed.
            for filter in settings.filters {
                if let mid = try client?.subscribe(filter) { answers.requested(filter, mid) }
            }
        } catch { lossReason = error.description }
    }

    func subscribed(_ mid: Int32, _ grant: MQTTGrant) {
        guard answers.subscribed(mid, grant) else { return }
        if let refusal = answers.refusedAll {
            lossReason = "\(settings.client.url): \(refusal)"
            return
        }
        for problem in brokerProblems { log.error("\(problem)") }
        link = .subscribed
        backlogWatch.start(at: MonotonicClock.nanoseconds)
    }

    func refused(_ reason: MQTTReason) {
        hasAnswered = true
        diagnosis.reset()
        lossReason = "\(settings.client.url) refuses us: \(reason)"
    }
    func disconnected(_ reason: MQTTReason?) {
        let now = MonotonicClock.nanoseconds
        if let reason, reason.isTakeover { answers.takenOver(reason, at: now) }
        if reason == nil, lossReason == nil, hasAnswered { answers.closedSilently(at: now) }
        let end = reason.map { "\(settings.client.url) closed the connection: \($0)" } ?? client?.silentEndText
        lossReason = lossReason ?? end
    }
    func published(_ mid: Int32, refusal: MQTTReason?) {}

    func received(topic: Span<UInt8>, payload: Span<UInt8>, qos: Int, isRetained: Bool, mid: Int) {
        checkForStall()
        if batchSince == nil { batchSince = MonotonicClock.nanoseconds }
        unacknowledged += 1
        backlogWatch.noteMessage()
        if qos > 0, redeliveries.isCommitted(mid: mid, topic: topic, payload: payload) {
            counters.redelivered += 1
            return
        }
        counters.messages += 1
        let arrival = clock.now
        recorder?.message(
            topic: topic, payload: payload, isRetained: isRetained, qos: qos, session: session, at: arrival)
        let treatment = intake.take(topic: topic, payload: payload, isRetained: isRetained, arrival: arrival)
        if selfTest != nil, Intake.isSelfTest(topic) { selfTest?.take(payload, arrival: arrival) }
        let message = JournalledMessage(
            topic: topic, payload: payload, isRetained: isRetained, mid: qos > 0 ? mid : 0, arrival, treatment)
        batchBytes += message.topic.count + message.payload.count
        batch.append(message)
    }
}
