import Connectivity
import Contract
import Delivery
import Encoding
import Journal
import LiftModel
import Logging
import MQTT
import Monitoring
import Platform

/// The telemetry loop: read, decode, detect, commit, and only then acknowledge. One thread owns the
/// socket, the detector and the journal.
///
/// Between a batch's first read and its commit nothing is written on the connection: any write
/// would release the acknowledgements that libmosquitto has queued. So `commitWait` stays well
/// under the keep-alive.
final class TelemetryLoop {
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
        var trial: DaemonTrial?
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
    let settings: Settings
    let journal: Journal
    let clock: GatewayClock
    let delivery: DeliveryState
    let log: Logger
    let recorder: TraceRecorder?
    var intake: Intake
    var counters = Counters()
    let connection: BrokerConnection
    var batch: OpenBatch
    var output = PendingOutput()
    var redeliveries: RedeliveryMemory
    var backlog: Backlog
    var storage = StorageState.healthy
    var schedule: CommitSchedule
    var selfTests: SelfTests
    var siteAlerts: SiteAlerts
    var wallClock = WallClockReports()
    var siteState = SiteStatePublication()
    /// Why the inbox could not be read at the last attempt; nil where it could.
    var inboxProblem: String?

    /// What has arrived and is not read yet.
    struct Backlog {
        var observation: Observation
        var watch = BacklogWatch()
        var lag = ReadingLag()
        /// The number of connections so far.
        var session = 0

        init(deafSince: Instant) { observation = .deaf(since: deafSince) }
    }

    init(
        _ settings: Settings, intake: Intake, recovered: Recovery.Outcome, journal: Journal,
        clock: GatewayClock,
        delivery: DeliveryState, wake: WakeUp, recorder: TraceRecorder?, log: Logger
    ) throws(JournalError) {
        self.settings = settings
        self.intake = intake
        self.journal = journal
        self.clock = clock
        self.delivery = delivery
        self.recorder = recorder
        self.log = log
        connection = BrokerConnection(
            settings.client, filters: settings.filters, secretsHash: settings.secretsHash,
            wake: wake, log: log)
        batch = OpenBatch(window: settings.client.receiveMaximum)
        var redeliveries = RedeliveryMemory(capacity: settings.client.receiveMaximum, [])
        try journal.forEachBatch(holdingTheLast: settings.client.receiveMaximum) {
            redeliveries.noteCommitted($0.messages)
        }
        self.redeliveries = redeliveries
        backlog = Backlog(deafSince: clock.now)
        let stored = try journal.counters()
        counters.messages = stored["messages"] ?? 0
        counters.alerts = stored["alerts"] ?? 0
        counters.redelivered = stored["redelivered"] ?? 0
        let siteHistory = try journal.latestAlerts(about: settings.site.id)
        siteAlerts = SiteAlerts(settings.site.origin, resuming: siteHistory)
        selfTests = SelfTests(
            lastFailure: SelfTest.failure(
                in: siteHistory, lastEnded: stored["selftest_at"].map { Int64($0) }))
        // The first commit includes a snapshot, so that a process that dies every few seconds does
        // not replay ever more batches.
        schedule = CommitSchedule(wantsSnapshot: recovered.batches > 0 || !recovered.isComplete)
        let detector = self.intake.detector
        self.intake.refusedLifts.resume(try journal.latestAlerts()) {
            detector.index(of: $0) != nil
        }
        connection.loop = self
        try resume(after: recovered)
    }

    /// Continues where the last run ended.
    private func resume(after recovered: Recovery.Outcome) throws(JournalError) {
        // A process that died had observed until its last commit. The journal gets a `disconnected`
        // at that time, so that the next replay finds the gap, too.
        if intake.detector.isObserving {
            let died = recovered.lastNow ?? clock.now
            intake.stopObserving(at: died)
            collectAlerts()
            output.controls.append(
                TimedControlEvent(control: .connection(.disconnected), time: died))
        }
        schedule.noteSnapshotAttempt(at: MonotonicClock.nanoseconds)
        for alert in recovered.alerts { enqueue(alert) }
        for alert in SelfTest.closing(
            try journal.latestAlerts(about: SelfTest.lift.id), at: clock.now)
        {
            enqueue(alert)
        }
        // At once: a snapshot must not be stored without the alerts that belong to it.
        if output.isForCentres || schedule.wantsSnapshot || !output.controls.isEmpty {
            tryCommit(now: clock.now)
        }
        postSiteState()
    }

    // MARK: One turn

    /// Waits for the socket, a wake-up or a deadline, then does one round of work.
    func turn() {
        let socket = connection.socket
        // Nothing may be written while read messages wait for their commit.
        let wantsWrite = batch.mayWrite && connection.wantsWrite
        let ready = Poll.wait(
            [socket, connection.wake.descriptor], writer: wantsWrite ? socket : -1,
            for: waitingTime())
        if ready[1] { connection.wake.clear() }
        do {
            try connection.manage(socketIsReady: ready[0])
            if connection.isSubscribed, batch.hasRoom, !connection.hasUnread {
                backlog.lag.noteEmptySocket(at: MonotonicClock.nanoseconds)
            }
            checkForStall()
            try connection.checkLoss()
        } catch { dropConnection(after: error) }
        connection.noteDiagnosis()
        let now = clock.now
        intake.advance(to: now)
        watchBroker(now)
        collectAlerts()
        continueSelfTest(now)
        if siteState.isDue { postSiteState() }
        if !batch.messages.isEmpty { settings.trial?.reached(.afterRead) }
        commitIfDue(now)
        checkDrained()
        do {
            if batch.mayWrite { try connection.write() }
            try connection.checkLoss()
        } catch { dropConnection(after: error) }
    }

    /// Commits the batch and disconnects from the broker.
    func finish() {
        collectAlerts()
        do {
            if !batch.mayWrite || output.isForCentres { try commit(now: clock.now) }
            try connection.write()
            if schedule.sequence > 0, !output.isForCentres {
                try journal.saveSnapshot(intake.detector.snapshot(), through: schedule.sequence)
            }
        } catch { log.error("\(error)") }
        leaveBroker()
    }

    func leaveBroker() {
        connection.leave()
        recorder?.event(.connection(.end), session: backlog.session, at: clock.now)
        recorder?.close()
    }

    /// How long a batch may wait for further messages; not at all with an alert in it. While the
    /// backlog drains the broker waits for acknowledgements before it sends more. If each batch
    /// with an alert were then committed at once, every batch would be as small as the one before.
    var patience: Duration {
        if isDrained { return output.isForCentres ? .zero : settings.commitWait }
        return output.isForCentres ? .milliseconds(5) : .milliseconds(20)
    }

    private func waitingTime() -> Duration {
        let monotonic = MonotonicClock.nanoseconds
        var wait = Duration.milliseconds(500)
        if let failure = storage.failure {
            // Until then nothing can be done for the batch.
            wait = min(wait, .nanoseconds(max(0, failure.retryAt - monotonic)))
        } else if let since = batch.readingSince {
            wait = min(wait, .nanoseconds(max(0, since + patience.nanoseconds - monotonic)))
        }
        if let deadline = intake.detector.deadline {
            wait = min(wait, max(.zero, deadline - clock.now))
        }
        if connection.isSubscribed, !isDrained { wait = min(wait, BacklogWatch.settling) }
        if let retryAt = connection.retryAt {
            wait = min(wait, .nanoseconds(max(0, retryAt - monotonic)))
        }
        return wait
    }

    // MARK: What the gateway observes

    var isDrained: Bool { backlog.observation.isLive }

    /// Makes timers wait until the messages that waited unread are read.
    func checkForStall() {
        let now = MonotonicClock.nanoseconds
        guard connection.isSubscribed, isDrained, let stall = backlog.lag.stall(at: now) else {
            return
        }
        let time = clock.now
        intake.waitForUnreadMessages()
        backlog.observation.apply(.stalled)
        backlog.watch.start(at: now)
        counters.stalls += 1
        output.controls.append(TimedControlEvent(control: .connection(.behind), time: time))
        recorder?.event(.connection(.behind), session: backlog.session, at: time)
        log.warning(
            "messages have waited unread for \(stall.spanText); silence counts once they are read")
    }

    private func dropConnection(after error: any Error) {
        if connection.drop(after: error) { counters.giantPackets += 1 }
        counters.connectFailures += 1
        // The broker sends unacknowledged messages again; without a disk only memory knows that
        // they were evaluated.
        if storage.failure != nil { continueWithoutDisk(clock.now) }
        let now = clock.now
        let wasObserving = backlog.observation.isObserving
        backlog.observation.apply(.lost(at: now))
        guard wasObserving else { return }
        // Messages that were read and not committed stay in the batch, and the broker still holds
        // them unacknowledged.
        intake.stopObserving(at: now)
        collectAlerts()
        recorder?.event(.connection(.disconnected), session: backlog.session, at: now)
        tryCommit(.connection(.disconnected), now: now)
    }

    private func checkDrained() {
        guard connection.isSubscribed, !isDrained, batch.mayWrite,
            backlog.watch.isDry(at: MonotonicClock.nanoseconds)
        else { return }
        let now = clock.now
        intake.startObserving(at: now)
        redeliveries.forgetPending()
        backlog.observation.apply(.caughtUp(at: MonotonicClock.nanoseconds))
        backlog.lag.noteDrained(at: MonotonicClock.nanoseconds)
        recorder?.event(.connection(.drained), session: backlog.session, at: now)
        log.info("broker: the backlog is read; watching \(intake.detector.liftCount) lifts")
        collectAlerts()
        tryCommit(.connection(.drained), now: now)
    }

    // MARK: What the connection reports

    func sessionStarted(isPresent: Bool) {
        backlog.session += 1
        counters.connects += 1
        redeliveries.sessionStarted(isPresent: isPresent)
        recorder?.event(.connection(.connected), session: backlog.session, at: clock.now)
    }

    func subscriptionsGranted() {
        backlog.observation.apply(.subscribed)
        backlog.watch.start(at: MonotonicClock.nanoseconds)
    }

    func received(topic: Span<UInt8>, payload: Span<UInt8>, qos: Int, isRetained: Bool, mid: Int) {
        checkForStall()
        batch.noteRead(at: MonotonicClock.nanoseconds)
        backlog.watch.noteMessage()
        if qos > 0, redeliveries.isCommitted(mid: mid, topic: topic, payload: payload) {
            counters.redelivered += 1
            return
        }
        counters.messages += 1
        let arrival = clock.now
        recorder?.message(
            topic: topic, payload: payload, isRetained: isRetained, qos: qos,
            session: backlog.session, at: arrival)
        let treatment = intake.take(
            topic: topic, payload: payload, isRetained: isRetained, arrival: arrival)
        if selfTests.running != nil, Intake.isSelfTest(topic) {
            selfTests.running?.take(payload, arrival: arrival)
        }
        let message = JournalledMessage(
            topic: topic, payload: payload, isRetained: isRetained, mid: qos > 0 ? mid : 0, arrival,
            treatment)
        batch.append(message)
    }
}
