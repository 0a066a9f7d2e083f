// What the gateway decides.
//
// This module guarantees that a message is acknowledged only after the commit that contains it, and
// that every alert is durable, or goes out from memory while the disk takes nothing. `handle`
// reaches no clock, no thread, no connection and no file: it takes one input with its moment,
// changes the state, and adds the effects that its caller performs in their order. So any order of
// inputs can be tried in virtual time. Only a start reads the journal (`Recovery`, `JournalFacts`).
//
//     input ──▶ Intake (decode, detect) ──▶ OpenBatch, PendingOutput ──▶ Effect.commit
//                                                                            │
//     Effect.acknowledge ◀── Input.storage(.committed) ◀── the caller's disk ┘
//
// Each state of its own has a file with its one transition function: `Observation`, `StorageState`,
// `OpenBatch`, `CommitSchedule`.

import Contract
import Journal
import LiftModel
import Logging
import Monitoring
import RuleLanguage

/// The gateway between the building's broker, the disk and the routes to the centres.
public struct GatewayCore {
    public struct Settings {
        public var site: AlertEvent.Site
        /// The lanes that each centre receives.
        public var lanes: [String: Set<Lane>]
        public var commitWait: Duration
        /// How many messages the building's broker sends without an acknowledgement.
        public var receiveMaximum: Int
        /// A batch ends at so many bytes, or at `receiveMaximum` messages: a flood of long messages
        /// must fit into memory, also when a start replays it.
        public var batchBytes: Int
        /// The offset from the gateway's time line to the calendar.
        public var calendarOffset: Duration
        /// The interval of snapshots. It bounds how many batches a restart replays.
        package static let snapshotEvery = Duration.seconds(300)
        /// How long no broker is connected before the centre receives `broker_lost`.
        package static let brokerLostAfter = Duration.seconds(30)
        /// How long messages wait for a failing disk. Well under the keep-alive, because nothing is
        /// written meanwhile.
        package static let diskPatience = Duration.seconds(5)

        public init(
            site: AlertEvent.Site, lanes: [String: Set<Lane>], commitWait: Duration,
            receiveMaximum: Int, batchBytes: Int = 8 << 20, calendarOffset: Duration = .zero
        ) {
            self.site = site
            self.lanes = lanes
            self.commitWait = commitWait
            self.receiveMaximum = receiveMaximum
            self.batchBytes = batchBytes
            self.calendarOffset = calendarOffset
        }
    }

    /// Totals for status and heartbeat: the first three since the journal was created, the others
    /// since the start.
    public struct Counters: Sendable {
        public package(set) var messages = 0
        public package(set) var alerts = 0
        public package(set) var redelivered = 0
        public package(set) var commits = 0
        public package(set) var connects = 0
        public package(set) var connectFailures = 0
        public package(set) var commitFailures = 0
        /// Messages that were evaluated and acknowledged while the disk took no commit.
        public package(set) var unjournalled = 0
        /// Packets that were too large for the memory limit.
        public package(set) var giantPackets = 0
        /// Stalls: how often messages had waited unread so long that timers had to wait, too.
        public package(set) var stalls = 0
    }

    /// What has arrived and is not read yet.
    struct Backlog {
        var observation: Observation
        var watch = BacklogWatch()
        var lag = ReadingLag()

        init(deafSince: Instant) { observation = .deaf(since: deafSince) }
    }

    /// What the next outcome of a commit completes.
    enum Purpose {
        /// The gateway ends.
        case ending
        /// These rules are to be adopted.
        case adopting(RuleSet)
        /// The first commit under new rules.
        case adopted
    }

    package let settings: Settings
    package internal(set) var intake: Intake
    package var counters = Counters()
    var batch: OpenBatch
    var output = PendingOutput()
    var redeliveries: RedeliveryMemory
    var backlog: Backlog
    package var storage = StorageState.healthy
    /// The last failures of commits; nil where there was none since the start.
    package internal(set) var diskTrouble: DiskTrouble?
    var schedule: CommitSchedule
    var siteAlerts: SiteAlerts
    var siteState = SiteStatePublication()
    var purpose: Purpose?
    /// The time of the journal's last entry: a message, a connection event or an operator action.
    private var lastEntry: Instant

    /// Continues where the last run ended.
    /// - Parameters:
    ///   - intake: the state of every lift, as `Recovery` has restored it.
    ///   - handover: of the run before in the same process.
    package init(
        _ settings: Settings, intake: Intake, recovered: Recovery.Outcome, from past: JournalFacts,
        resuming handover: CoreHandover? = nil, at moment: Moment, into effects: inout Effects
    ) {
        self.settings = settings
        self.intake = intake
        batch = OpenBatch(window: settings.receiveMaximum, bytes: settings.batchBytes)
        redeliveries = past.redeliveries
        backlog = Backlog(deafSince: moment.time)
        lastEntry = recovered.lastNow ?? moment.time
        counters.messages = past.counters["messages"] ?? 0
        counters.alerts = past.counters["alerts"] ?? 0
        counters.redelivered = past.counters["redelivered"] ?? 0
        siteAlerts = SiteAlerts(
            settings.site.origin,
            resuming: past.alerts.filter { $0.lift == settings.site.id })
        // The first commit includes a snapshot, so that a process that dies every few seconds does
        // not replay ever more batches. In a new journal it says when the lifts' records begin: a
        // replay that began later would give an alert of the first batch another id.
        let isNew = recovered.lastNow == nil && !injected(.storesNoSnapshotInANewJournal)
        schedule = CommitSchedule(
            wantsSnapshot: recovered.batches > 0 || !recovered.isComplete || isNew
                || recovered.isOtherThanStored || intake.detector.remembersDelivered,
            at: moment.monotonic)
        let detector = intake.detector
        self.intake.refusedLifts.resume(past.alerts) { detector.index(of: $0) != nil }
        resume(after: recovered, past, handover, at: moment, into: &effects)
    }

    private mutating func resume(
        after recovered: Recovery.Outcome, _ past: JournalFacts, _ handover: CoreHandover?,
        at moment: Moment, into effects: inout Effects
    ) {
        // A process that died had observed until its last commit. The journal gets a `disconnected`
        // at that time, so that the next replay finds the gap, too.
        if intake.detector.isObserving {
            let died = recovered.lastNow ?? moment.time
            intake.stopObserving(at: died)
            collectAlerts(at: moment, into: &effects)
            if !injected(.journalsNoEndOfADeadProcess) {
                output.controls.append(
                    TimedControlEvent(control: .connection(.disconnected), time: died))
            }
        }
        schedule.noteSnapshotAttempt(at: moment.monotonic)
        // An overdue reminder is counted from this start. No batch records the start, so a snapshot
        // does.
        if intake.detector.isReminderDue(at: moment.time),
            !injected(.storesNoSnapshotWithAnOverdueReminder)
        {
            schedule.requestSnapshot()
        }
        for alert in recovered.alerts { enqueue(alert, at: moment, into: &effects) }
        for alert in SelfTestLift.closing(past.alerts, at: moment.time) {
            enqueue(alert, at: moment, into: &effects)
        }
        if let handover { resume(from: handover) }
        // At once: a snapshot must not be stored without the alerts that belong to it.
        if output.isForCentres || schedule.wantsSnapshot || !output.controls.isEmpty {
            startCommit(at: moment, into: &effects)
        }
        publishSiteState(at: moment, into: &effects)
    }

    // MARK: Inputs

    /// Takes one input and adds what is to be done because of it. A message without consequence
    /// adds nothing and allocates nothing but its copy in the batch.
    public mutating func handle(
        _ input: borrowing Input, at moment: Moment, into effects: inout Effects
    ) {
        switch input {
        case .message(let message): _ = take(message, at: moment, into: &effects)
        case .broker(let event): handle(event, at: moment, into: &effects)
        case .time: advance(to: moment, into: &effects)
        case .storage(let outcome): handle(outcome, at: moment, into: &effects)
        case .action(let action): apply(action, at: moment, into: &effects)
        case .endOfActions: commitActions(at: moment, into: &effects)
        case .refusedCommand(let command, let centre):
            answerRefused(command, of: centre, at: moment)
        case .event(let event): output.add(event)
        case .selfTestAlert(let alert): enqueue(alert, at: moment, into: &effects)
        case .selfTestEnded(let failure, let started):
            noteSelfTest(failure, started: started, at: moment, into: &effects)
        case .rules(let rules): begin(.adopting(rules), at: moment, into: &effects)
        case .commitNow: startCommit(at: moment, into: &effects)
        case .end: begin(.ending, at: moment, into: &effects)
        }
    }

    /// Evaluates what is due, commits where it is time, and counts silence once the backlog is
    /// read.
    private mutating func advance(to moment: Moment, into effects: inout Effects) {
        checkForStall(at: moment, into: &effects)
        intake.advance(to: moment.time)
        watchForLostBroker(at: moment, into: &effects)
        collectAlerts(at: moment, into: &effects)
        if siteState.isDue { publishSiteState(at: moment, into: &effects) }
        commitIfDue(at: moment, into: &effects)
        if !batch.isCommitting { checkDrained(at: moment, into: &effects) }
    }

    /// Takes a message; `handle` does the same.
    /// - Returns: its time in the journal; nil where the broker has sent a committed one again.
    public mutating func take(
        _ message: borrowing IncomingMessage, at moment: Moment, into effects: inout Effects
    ) -> Instant? {
        checkForStall(at: moment, into: &effects)
        batch.noteRead(at: moment.monotonic)
        backlog.watch.noteMessage()
        if message.qos > 0,
            redeliveries.isCommitted(
                mid: message.mid, topic: message.topic, payload: message.payload)
        {
            counters.redelivered += 1
            return nil
        }
        counters.messages += 1
        let arrival = nextEntry(at: moment)
        let treatment = intake.take(
            topic: message.topic, payload: message.payload, isRetained: message.isRetained,
            arrival: arrival)
        batch.append(
            JournalledMessage(
                topic: message.topic, payload: message.payload, isRetained: message.isRetained,
                mid: message.qos > 0 ? message.mid : 0, arrival, treatment))
        return arrival
    }

    /// The time of a new entry of the journal. No two are equal: a replay takes entries in the
    /// order of their times, and must find the order in which they were evaluated. So an entry is
    /// later than the last evaluation of timers, too.
    mutating func nextEntry(at moment: Moment) -> Instant {
        if injected(.givesEntriesEqualTimes) { return moment.time }
        lastEntry = max(moment.time, max(lastEntry, intake.latestTime) + .nanoseconds(1))
        return lastEntry
    }

    /// The time through which a batch that is committed now was evaluated.
    func batchTime(at moment: Moment) -> Instant { max(moment.time, lastEntry) }

    // MARK: Alerts

    mutating func collectAlerts(at moment: Moment, into effects: inout Effects) {
        for alert in intake.takeAlerts() + intake.takeRefusalAlerts() {
            enqueue(alert, at: moment, into: &effects)
        }
    }

    /// Adds an alert for the centres. It makes the next commit due, which makes the alert durable.
    mutating func enqueue(_ alert: Alert, at moment: Moment, into effects: inout Effects) {
        counters.alerts += 1
        let isTest = alert.lift == SelfTestLift.lift.id
        let lift =
            isTest
            ? SelfTestLift.lift
            : intake.detector.index(of: alert.lift).map { intake.detector.lift($0) }
                ?? Lift(id: alert.lift)
        let body = AlertEvent.json(
            alert, lift: lift, site: settings.site, recorded: moment.time,
            calendarOffset: settings.calendarOffset, isTest: isTest)
        output.add(alert, body)
        if alert.isEntrapment || alert.severity == .critical {
            effects.log(
                .notice,
                "\(alert.kind) \(alert.state.rawValue): lift \(alert.lift), \(alert.title.en) (\(alert.reason))",
                ["lift": alert.lift, "alert": alert.id])
        }
    }

    /// The open alerts of lifts, of areas, and of the gateway itself.
    package var openAlerts: [OpenAlert] {
        intake.detector.openAlerts + siteAlerts.open + intake.refusedLifts.open
    }

    // MARK: What the caller may do now

    /// Whether the connection may be written to. Between the first read of a batch and its commit
    /// any write would release acknowledgements of messages that no disk has.
    public var mayWrite: Bool { batch.isEmpty || injected(.acknowledgesBeforeTheCommit) }
    /// Whether another message may be read before the next commit.
    public var hasRoom: Bool { batch.hasRoom }
    /// Messages that the broker may still send before it waits for an acknowledgement.
    public var credit: Int { batch.credit }
    /// The bytes of the messages that wait for their commit.
    package var uncommittedBytes: Int { batch.bytes }
    /// Whether messages wait for their commit.
    public var hasUncommittedMessages: Bool { !batch.messages.isEmpty }
    /// Every message that has arrived is read, so that silence counts.
    public var isLive: Bool { backlog.observation.isLive }
    /// When the backlog was read; nil while lifts are not observed.
    package var liveSince: MonotonicTime? { backlog.observation.liveSince }
    /// Events for the centres that no commit has taken yet, with the alert's kind or the event's
    /// type.
    package var uncommittedEvents: [(kind: String, event: OutboundEvent)] { output.outboundKinds }
    /// Applied actions whose commit has not succeeded yet.
    package var appliedActions: [String] { output.actionNames }

    /// How long the caller may wait for the next input before it passes `.time`.
    public func longestWait(at moment: Moment) -> Duration {
        var wait = Duration.milliseconds(500)
        if let failure = storage.failure {
            // Until then nothing can be done for the batch.
            wait = min(wait, max(.zero, failure.retryAt - moment.monotonic))
        } else if let since = batch.readingSince {
            wait = min(wait, max(.zero, since + patience - moment.monotonic))
        }
        if let deadline = intake.detector.deadline {
            wait = min(wait, max(.zero, deadline - moment.time))
        }
        if backlog.observation.isCatchingUp { wait = min(wait, BacklogWatch.settling) }
        return wait
    }
}
