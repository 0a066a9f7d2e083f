import Connectivity
import Contract
import Delivery
import Encoding
import GatewayCore
import Journal
import LiftModel
import Logging
import MQTT
import Monitoring
import Platform
import RuleLanguage

/// The telemetry loop: one thread owns the socket, the core and the journal. It passes what happens
/// to the core with its time, and performs the core's effects in their order.
///
/// Between a batch's first read and its commit nothing is written on the connection: any write
/// would release the acknowledgements that libmosquitto has queued. So `commitWait` stays well
/// under the keep-alive.
final class TelemetryLoop {
    struct Settings {
        var core: GatewayCore.Settings
        var client: MQTTClient.Options
        /// A hash of the broker's present secrets and certificates; nil where one cannot be read.
        var secretsHash: @Sendable () -> UInt64? = { 0 }
        var filters: [String]
        var bootID: String
        var quota: Quota
        var trial: DaemonTrial?
    }

    let settings: Settings
    let journal: Journal
    let clock: GatewayClock
    let delivery: DeliveryState
    let log: Logger
    let recorder: TraceRecorder?
    let connection: BrokerConnection
    var core: GatewayCore
    var effects = Effects()
    var selfTests: SelfTests
    var wallClock = WallClockReports()
    /// The number of connections so far.
    private var session = 0
    /// Why the core has refused the rules of the last reload; nil where it took them.
    var rulesRefusal: String?
    /// Durable actions whose files could not be removed yet.
    var actionsToRemove: [String] = []
    /// The ids of undelivered events that the last run's journal has, where the disk takes nothing.
    var eventsInPastJournal: Set<String> = []
    /// Actions of this turn that were refused, or answered before.
    var actionAnswers: [(name: String, refusal: String?)] = []
    /// Why the inbox could not be read at the last attempt; nil where it could.
    var inboxProblem: String?

    init(
        _ settings: Settings, intake: Intake, recovered: Recovery.Outcome, journal: Journal,
        clock: GatewayClock, delivery: DeliveryState, resuming handover: RunHandover? = nil,
        wake: WakeUp, recorder: TraceRecorder?, log: Logger
    ) throws(JournalError) {
        self.settings = settings
        self.journal = journal
        self.clock = clock
        self.delivery = delivery
        self.recorder = recorder
        self.log = log
        connection = BrokerConnection(
            settings.client, filters: settings.filters, secretsHash: settings.secretsHash,
            wake: wake, log: log)
        let past = try JournalFacts(of: journal, receiveMaximum: settings.core.receiveMaximum)
        selfTests = SelfTests(
            running: handover?.selfTest,
            lastFailure: SelfTest.failure(in: past, at: settings.core.site.id))
        core = GatewayCore(
            settings.core,
            intake: intake, recovered: recovered, from: past, resuming: handover?.core,
            at: clock.moment, into: &effects)
        actionsToRemove = handover?.actionsToRemove ?? []
        connection.loop = self
        performEffects()
    }

    // MARK: One turn

    /// Waits for the socket, a wake-up or a deadline, then does one round of work.
    func turn() {
        let socket = connection.socket
        // Nothing may be written while read messages wait for their commit.
        let wantsWrite = core.mayWrite && connection.wantsWrite
        let ready = Poll.wait(
            [socket, connection.wake.descriptor], writer: wantsWrite ? socket : -1,
            for: waitingTime())
        if ready[1] { connection.wake.clear() }
        do {
            try connection.manage(socketIsReady: ready[0])
            try connection.checkLoss()
            if connection.isSubscribed, core.hasRoom, !connection.hasUnread {
                handle(.broker(.socketEmpty))
            }
        } catch { dropConnection(after: error) }
        connection.noteDiagnosis()
        let answers = connection.answers
        handle(
            .broker(
                .answers(
                    queuesWhileAway: connection.isSubscribed ? answers.queuesWhileAway : nil,
                    isClientIDTaken: answers.isClientIDTaken(at: MonotonicClock.now))))
        continueSelfTest()
        if core.hasUncommittedMessages { settings.trial?.reached(.afterRead) }
        handle(.time)
        do {
            if core.mayWrite { try connection.write() }
            try connection.checkLoss()
        } catch { dropConnection(after: error) }
    }

    /// Commits the batch and disconnects from the broker.
    func finish(removingFrom inbox: ActionInbox) {
        handle(.end)
        logWhatEnds()
        removeDurable(from: inbox, isRetry: false)
        leaveBroker()
    }

    /// The broker keeps what no disk has: any write would acknowledge it.
    func leaveBroker() {
        if core.mayWrite { connection.leave() }
        recorder?.event(.connection(.end), session: session, at: clock.now)
        recorder?.close()
    }

    private func waitingTime() -> Duration {
        let moment = clock.moment
        let wait = core.longestWait(at: moment)
        guard let retryAt = connection.retryAt else { return wait }
        return min(wait, max(.zero, retryAt - moment.monotonic))
    }

    /// Passes one input to the core, and performs what follows from it.
    func handle(_ input: borrowing Input) {
        core.handle(input, at: clock.moment, into: &effects)
        performEffects()
    }

    func record(_ event: ControlEvent, at time: Instant) {
        recorder?.event(event, session: session, at: time)
    }

    private func dropConnection(after error: any Error) {
        handle(.broker(.lost(isGiantPacket: connection.drop(after: error))))
    }

    // MARK: What the connection reports

    func sessionStarted(isPresent: Bool) {
        session += 1
        handle(.broker(.sessionStarted(isPresent: isPresent)))
    }

    func subscriptionsGranted() { handle(.broker(.subscribed)) }

    func received(topic: Span<UInt8>, payload: Span<UInt8>, qos: Int, isRetained: Bool, mid: Int) {
        let message = IncomingMessage(
            topic: topic, payload: payload, qos: qos, isRetained: isRetained, mid: mid)
        let arrival = core.take(message, at: clock.moment, into: &effects)
        if !effects.isEmpty { performEffects() }
        guard let arrival else { return }
        recorder?.message(
            topic: topic, payload: payload, isRetained: isRetained, qos: qos, session: session,
            at: arrival)
        if selfTests.running != nil, Intake.isSelfTest(topic) {
            selfTests.running?.take(payload, arrival: arrival)
        }
    }
}
