import Contract
import DeliveryCore
import Journal
import LiftModel
import Logging
import MQTT
import Platform

/// Delivers the events of one centre over MQTT, most urgent first, and resends each until the
/// centre's receipt. `CentreTopics` has the topics.
///
/// Reads only the journal's outbox and runs on a thread of its own: a slow or dead centre never
/// delays detection. A PUBACK is the broker's acknowledgement; only the centre's receipt removes a
/// row.
public final class MQTTRoute: MQTTClientDelegate {
    /// A copy expires after this in the centre's broker, while the centre is away. The event is
    /// sent again until its receipt.
    private static let copyExpiry = Duration.seconds(60)
    /// Bytes of the longest packet that the centre's broker may send. A broker drops a longer
    /// packet silently. So this is more than the longest answer, and the route can refuse one that
    /// is too long.
    public static let longestPacket = 2 * CentreAnswer.longest
    /// An event that the broker refuses is sent again on this route after this.
    private static let refusalPause = Duration.seconds(30)
    /// An event that is longer than the broker takes is tried again after this.
    private static let oversizePause = Duration.seconds(60)
    /// Less urgent events that the library has at once. By default a broker takes 20 before it
    /// acknowledges one.
    private static let maxInFlight = 40
    /// The broker's problems are updated so often: some of them end after a time.
    private static let brokerNoteInterval = Duration.seconds(10)

    private let settings: RouteSettings
    private let topics: CentreTopics
    private var options: MQTTClient.Options
    private let context: RouteContext
    private let journal: Journal
    private var log: Logger { context.log }
    private var delivery: DeliveryState { context.delivery }
    /// nil while `connection` is down.
    private var client: MQTTClient?
    private var connection = MQTTConnection()
    private let publisher: MQTTPublisher
    private var answers: AnswerQueue
    private var dispatch: Dispatch
    private let copies: EventCopies
    /// The hash of the secrets of the present connection.
    private var secretsInUse: UInt64 = 0
    private var reloads = 0
    private var backoff = Backoff()
    private var trouble: RouteTrouble
    private var random = SystemRandomNumberGenerator()
    private var broker = CentreBroker()
    private var nextBrokerNote: MonotonicTime = .boot

    /// Starts the route on its own thread.
    /// - Parameter prefix: the first levels of the centre's topics.
    public static func start(
        _ settings: RouteSettings, prefix: String, client: MQTTClient.Options,
        in context: RouteContext
    ) -> LoopThread {
        context.start { () throws(JournalError) in
            try MQTTRoute(settings, prefix, client, context).run()
        }
    }

    private init(
        _ settings: RouteSettings, _ prefix: String, _ options: MQTTClient.Options,
        _ context: RouteContext
    ) throws(JournalError) {
        self.settings = settings
        topics = CentreTopics(prefix: prefix, site: settings.site.id)
        self.options = options
        self.context = context
        dispatch = Dispatch(settings.dispatch)
        journal = try Journal(forDelivery: settings.journalPath)
        copies = EventCopies(journal, settings.signer)
        answers = AnswerQueue(settings, context, topics)
        publisher = MQTTPublisher(settings, context, topics)
        trouble = RouteTrouble(of: settings.centre, context)
        context.update { [topics] in $0.receiptTopic = topics.receipts }
    }

    // MARK: The loop

    private func run() {
        while !context.isStopping() {
            let now = MonotonicClock.now
            context.update { $0.lastTurn = now }
            noticeReload()
            if connection.isDue(at: now) { connect() }
            let socket = client?.socket ?? -1
            let writer = client?.wantsWrite == true ? socket : -1
            let ready = Poll.wait(
                [socket, context.wakeUp.descriptor], writer: writer, for: .milliseconds(200))
            context.wakeUp.clear()
            do {
                if ready[0], let client {
                    connection.apply(.heard(at: now))
                    try readAll(client)
                }
                answers.process(journal, &dispatch)
                if connection.isReady { try send() }
                try client?.keepAlive()
                try client?.write()
                noteDiagnosis()
                if connection.isReady, now >= nextBrokerNote {
                    nextBrokerNote = now + Self.brokerNoteInterval
                    noteBroker()
                }
                if connection.isLost {
                    throw RouteLost(
                        reason: connection.endReason
                            ?? "the connection to the centre's broker is lost.")
                }
                try detectSilence(MonotonicClock.now)
            } catch {
                context.delivery.note(error)
                if let error = error as? JournalError {
                    context.logDisk(error, "the connection to \(settings.centre) is made anew")
                    disconnect(error.description, isLogged: false)
                    continue
                }
                // The broker's reason counts before the library's error. Only the library reports a
                // giant packet.
                let isGiant = (error as? MQTTError)?.isGiantPacket ?? false
                disconnect(isGiant ? "\(error)" : connection.endReason ?? "\(error)")
            }
        }
        shutDown()
    }

    /// After a reload of the configuration with other secrets, connects anew.
    private func noticeReload() {
        guard reloads != delivery.reloads else { return }
        reloads = delivery.reloads
        guard let secrets = settings.secretsHash(), secrets != secretsInUse else { return }
        if client != nil {
            shutDown()
            disconnect("a password or a certificate has changed.")
        }
        connection.apply(.pauseEnded)
    }

    /// Detects a dead connection by missing acknowledgements, as its socket may still look open. A
    /// slow connection makes progress.
    private func detectSilence(_ now: MonotonicTime) throws {
        let timeout = MQTTConnection.answerTimeout
        guard
            let silence = connection.silence(at: now)
                ?? (client != nil && publisher.isSilent(at: now) ? timeout : nil)
        else { return }
        throw RouteLost(
            reason: connection.hasAnswered
                ? "the centre's broker has not answered for \(silence.spanText)."
                : MQTTClient.noAnswer(options.url, within: timeout) + ".")
    }

    private struct RouteLost: Error, CustomStringConvertible {
        /// A whole sentence.
        var reason: String
        var description: String { reason }
    }

    /// Reads all available packets, so that many receipts are one transaction.
    private func readAll(_ client: MQTTClient) throws {
        var rounds = 0
        repeat {
            try client.read(upTo: 256)
            rounds += 1
        } while rounds < 4 && !connection.isLost && Poll.isReadable(client.socket)
    }

    private func connect() {
        do throws(MQTTError) {
            secretsInUse = settings.secretsHash() ?? secretsInUse
            var options = options
            options.will = (topics.link, CentreTopics.linkBody(isOnline: false))
            let client = try MQTTClient(options, delegate: self)
            self.client = client
            publisher.connectionStarts()
            connection.apply(.started(at: MonotonicClock.now))
            try client.connect()
        } catch { disconnect(error.description) }
    }

    /// Ends the connection and plans another attempt after a pause, whatever the library's error.
    private func disconnect(_ reason: String, isLogged: Bool = true) {
        let pause = backoff.pause(at: MonotonicClock.now, using: &random)
        let nextAttempt = MonotonicClock.now + pause
        if client != nil, isLogged {
            trouble.log(reason, nextIn: pause, at: MonotonicClock.now)
        }
        if !connection.hasAnswered { trouble.diagnose(options.probe) }
        client = nil
        connection.apply(.dropped(until: nextAttempt, refusal: broker.refusals.first))
        publisher.connectionEnds()
        context.update {
            $0.isConnected = false
            $0.connectFailures += 1
            $0.lastError = trouble.cause(or: reason) + connection.earlierEndText
        }
    }

    /// Logs the cause of a failure, once it is found.
    private func noteDiagnosis() {
        guard let cause = trouble.takeNewCause(), !connection.isReady else { return }
        context.update { $0.lastError = cause + connection.earlierEndText }
    }

    /// Updates the problems of the connection that a person must know.
    private func noteBroker() {
        broker.report(
            to: context, of: settings.centre, topics: topics, isReady: connection.isReady,
            at: MonotonicClock.now)
    }

    private func shutDown() {
        guard let client, connection.isReady else { return }
        do throws(MQTTError) {
            // An orderly end sends no last will, so the link's state is published.
            try publisher.publishLink(isOnline: false, by: client)
            try client.write()
            client.disconnect()
            try client.write()
        } catch {
            // Without an orderly end the broker sends the last will, which has the same content.
        }
    }

    // MARK: Sending

    private func send() throws {
        guard let client else { return }
        let now = MonotonicClock.now
        try publisher.publishState(at: now, by: client)
        let unjournalled = delivery.unjournalled(for: settings.centre, lanes: settings.lanes)
        var transmissions = try dispatch.next(
            from: journal, unjournalled: unjournalled, now: now, time: context.clock(),
            lanes: [.entrapment])
        // The library sends in the order of its calls. Less urgent events wait here, where an
        // entrapment can overtake them.
        let room = Self.maxInFlight - publisher.unacknowledged - transmissions.count
        if room > 0 {
            transmissions += try dispatch.next(
                from: journal, unjournalled: unjournalled, now: now, time: context.clock(),
                lanes: [.fault, .info],
                limit: room)
        }
        for transmission in transmissions {
            let row = transmission.row
            let body = try copies.json(transmission, at: context.calendar())
            do throws(MQTTError) {
                try publisher.publish(
                    body, on: topics.name(of: row), event: row.eventID, expiry: Self.copyExpiry,
                    by: client)
            } catch {
                guard error.isOversize else { throw error }
                try skipOversized(row, body.count)
            }
        }
        context.countSent(transmissions)
    }

    /// An event that is longer than the centre's broker takes must not block others. A fault
    /// becomes a dead letter; an entrapment stays pending, and the next route sends it.
    private func skipOversized(_ row: Journal.OutboxRow, _ bytes: Int) throws(JournalError) {
        let reason =
            "it has \(bytes) bytes, more than the centre's broker takes in a packet (max_packet_size)"
        log.error("\(settings.centre): event \(row.eventID) cannot be sent: \(reason)")
        if row.lane == .entrapment || row.id == nil {
            return dispatch.postpone(
                [row.eventID], until: MonotonicClock.now + Self.oversizePause)
        }
        try journal.setAside(
            row.eventID, refusedBy: settings.centre, because: reason, at: context.calendar())
        dispatch.drop(row.eventID)
        context.update { $0.refused += 1 }
    }

    // MARK: The client's callbacks

    public func connected(_ session: MQTTSession) {
        connection.apply(.accepted)
        broker.connectionStarted(session)
        trouble.reached()
        backoff.connected(at: MonotonicClock.now)
        guard let client else { return }
        do throws(MQTTError) {
            for topic in [topics.receipts, topics.commands] {
                let id = try client.subscribe(topic)
                connection.apply(.awaits(id, topic: topic))
            }
        } catch { connection.apply(.broken(nil)) }
    }

    /// Where the subscription for receipts is refused, alerts are sent all the same: a duplicate is
    /// better than a loss.
    public func subscribed(_ mid: Int32, _ grant: MQTTGrant) {
        guard let topic = connection.topic(awaitedBy: mid) else { return }
        broker.subscribed(to: topic, grant)
        connection.apply(.subscribed(mid))
        guard connection.isReady, let client else { return }
        do throws(MQTTError) {
            // Not before: a broker that sends a long session first acknowledges it late.
            try publisher.publishLink(isOnline: true, by: client)
        } catch { return connection.apply(.broken(nil)) }
        dispatch.startConnection(
            lastRowID: context.lastRowID(of: journal, for: settings.centre),
            now: MonotonicClock.now)
        log.info("\(settings.centre): connected to \(options.url)")
        context.update { $0.isConnected = true }
        noteBroker()
    }

    /// A broker without retained messages or QoS 1 gets a last will without them at the next
    /// attempt.
    public func refused(_ reason: MQTTReason) {
        trouble.serverAnswered()
        if reason.isRetainNotSupported { options.willIsRetained = false }
        if reason.isQoSNotSupported { options.willQoS = 0 }
        connection.apply(.refused("\(options.url) refuses us: \(reason)."))
    }

    public func disconnected(_ reason: MQTTReason?) {
        if let reason {
            if reason.isTakeover { broker.takenOver(reason, at: MonotonicClock.now) }
            connection.apply(.closed("\(options.url) closed the connection: \(reason)."))
        } else {
            connection.apply(
                .broken(client.map(\.silentEndText).map { $0.hasSuffix("?") ? $0 : $0 + "." }))
        }
    }

    public func published(_ mid: Int32, _ answer: MQTTPublicationAnswer) {
        guard let publication = publisher.acknowledge(mid) else { return }
        let (before, refusal) = (broker, answer.refusal)
        broker.published(
            on: publication.topic, isEssential: topics.isEssential(publication.topic), answer)
        if let event = publication.event, refusal != nil { passOn(event) }
        if refusal == nil, publication.event != nil || publication.topic == topics.state {
            connection.apply(.delivered)
        }
        if broker != before { noteBroker() }
    }

    /// The broker refuses an event: it is sent again here after a pause, and by the next route at
    /// once.
    private func passOn(_ event: String) {
        dispatch.postpone(
            [event], until: MonotonicClock.now + Self.refusalPause)
        do throws(JournalError) {
            try journal.passOn(event, for: settings.centre, toRoute: settings.routeIndex + 1)
            delivery.wakeRoutes()
        } catch {
            delivery.note(error)
            context.logDisk(
                error, "an event of \(settings.centre) is not passed on to the next route")
        }
    }

    public func received(
        topic: Span<UInt8>, payload: Span<UInt8>, qos: Int, isRetained: Bool, mid: Int
    ) {
        answers.take(topic: topic, payload: payload, isRetained: isRetained)
    }
}
