import Encoding
import Journal
import LiftModel
import Logging
import MQTT
import Platform

/// Delivers the events of one centre over MQTT, most urgent first, and resends each until the
/// centre's receipt.
///
/// Reads only the journal's outbox and runs on a thread of its own: a slow or dead centre never
/// delays detection. A PUBACK is the broker's acknowledgement; only the centre's receipt removes a
/// row.
///
///     {prefix}/{site}/alert/{entrapment|fault|info}   ▶ CloudEvents, QoS 1: alerts
///     {prefix}/{site}/event/{type}                    ▶ CloudEvents, QoS 1: other events
///     {prefix}/{site}/heartbeat                       ▶ retained: the gateway's health
///     {prefix}/{site}/state                           ▶ retained: the site's state (`SiteState`)
///     {prefix}/{site}/link                            ▶ retained, last will: online true or false
///     {prefix}/{site}/receipt                         ◀ `CentreAnswer`: receipts and refusals
///     {prefix}/{site}/word                            ◀ `CentreAnswer`: centre commands
public final class MQTTRoute: MQTTClientDelegate {
    /// The intervals between two messages with the site's state: after a change, and without one.
    private static let minStateInterval = Duration.seconds(1)
    private static let stateInterval = Duration.seconds(60)

    /// A copy expires after this in the centre's broker, while the centre is away. The event is
    /// sent again until its receipt.
    private static let copyExpiry = Duration.seconds(60)

    private let settings: RouteSettings
    private let prefix: String
    private var options: MQTTClient.Options
    private let context: RouteContext
    private let journal: Journal
    private var log: Logger { context.log }
    private var delivery: DeliveryState { context.delivery }
    private var client: MQTTClient?
    private var isReady = false
    /// The hash of the secrets of the present connection.
    private var secretsInUse: UInt64 = 0
    private var reloads = 0
    private var backoff = Backoff()
    private var troubles = TroubleLog()
    private var nextAttempt: Int64 = 0
    private var random = SystemRandomNumberGenerator()
    private var dispatch: Dispatch
    private let envelope: Envelope
    /// Answers of the centre that are not processed yet.
    private var answers = CentreAnswer()
    private var nextProcessing: Int64 = 0
    /// Topics whose subscription the broker has not answered yet, by packet id.
    private var awaitedSubscriptions: [Int32: String] = [:]
    private var broker = CentreBroker()
    private let diagnosis = LinkDiagnosis()
    /// The broker's problems are updated so often: some of them end after a time.
    private static let brokerNoteInterval = Duration.seconds(10)
    private var nextBrokerNote: Int64 = 0
    /// The broker has answered CONNECT on this connection.
    private var hasAnswered = false
    /// Publications that the broker has not acknowledged yet, by packet id.
    private var inFlight: [Int32: Publication] = [:]
    private struct Publication {
        var topic: String
        /// nil for a publication that needs no receipt.
        var event: String?
    }
    private var lastState: (state: SiteState, at: Int64)?
    private var lastHeartbeat = 0
    private var isLost = false
    /// The broker's reason for the end of the connection.
    private var refusal: String?
    /// The last refusal of an earlier connection, until the broker takes the site's state or an
    /// event: the next connections may end without a reason.
    private var lastRefusal: String?
    /// When the broker last acknowledged a publication, and when the connection was started.
    private var progressAt: Int64 = 0
    private var connectedAt: Int64 = 0
    private static let answerTimeout: Int64 = 15_000_000_000
    /// Bytes of the longest packet that the centre's broker may send. A broker drops a longer
    /// packet silently. So this is more than the longest answer, and the route can refuse one that
    /// is too long.
    public static let longestPacket = 2 * CentreAnswer.longest
    /// An event that the broker refuses is sent again on this route after this.
    private static let refusalPause = Duration.seconds(30)
    /// Less urgent events that the library has at once. By default a broker takes 20 before it
    /// acknowledges one.
    private static let maxInFlight = 40

    /// Starts the route on its own thread.
    /// - Parameter prefix: the first levels of the centre's topics.
    public static func start(
        _ settings: RouteSettings, prefix: String, client: MQTTClient.Options, in context: RouteContext
    ) -> LoopThread {
        context.start { () throws(JournalError) in
            try MQTTRoute(settings, prefix, client, context).run()
        }
    }

    private init(
        _ settings: RouteSettings, _ prefix: String, _ options: MQTTClient.Options, _ context: RouteContext
    ) throws(JournalError) {
        self.settings = settings
        self.prefix = prefix
        self.options = options
        self.context = context
        dispatch = Dispatch(settings.dispatch)
        journal = try Journal(forDelivery: settings.journalPath)
        envelope = Envelope(journal, settings.signer)
        context.update { [topic = "\(prefix)/\(settings.site.id)/receipt"] in $0.receiptTopic = topic }
    }

    private func topic(_ name: String) -> String { "\(prefix)/\(settings.site.id)/\(name)" }

    // MARK: The loop

    private func run() {
        while !context.isStopping() {
            let now = MonotonicClock.nanoseconds
            context.update { $0.lastTurn = now }
            noticeReload()
            if client == nil, now >= nextAttempt { connect() }
            let socket = client?.socket ?? -1
            let writer = client?.wantsWrite == true ? socket : -1
            let ready = Poll.wait([socket, context.wakeUp.descriptor], writer: writer, for: .milliseconds(200))
            context.wakeUp.clear()
            do {
                if ready[0], let client { try readAll(client) }
                processAnswers()
                if isReady { try send() }
                try client?.keepAlive()
                try client?.write()
                noteDiagnosis()
                if isReady, now >= nextBrokerNote {
                    nextBrokerNote = now + Self.brokerNoteInterval.nanoseconds
                    noteBroker()
                }
                if isLost { throw RouteLost(reason: refusal ?? "the connection to the centre's broker is lost.") }
                try detectSilence(MonotonicClock.nanoseconds)
            } catch {
                context.delivery.note(error)
                // The broker's reason counts before the library's error. Only the library reports a
                // giant packet.
                let isGiant = (error as? MQTTError)?.isGiantPacket ?? false
                disconnect(isGiant ? "\(error)" : refusal ?? "\(error)")
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
        nextAttempt = 0
    }

    /// Detects a dead connection by missing acknowledgements, as its socket may still look open. A
    /// slow connection makes progress.
    private func detectSilence(_ now: Int64) throws {
        guard client != nil, now >= nextAttempt else { return }
        let isSilent =
            !isReady && now - connectedAt > Self.answerTimeout
            || !inFlight.isEmpty && now - progressAt > Self.answerTimeout
        guard isSilent else { return }
        throw RouteLost(
            reason: hasAnswered
                ? "the centre's broker has not answered for 15 s."
                : MQTTClient.noAnswer(options.url, within: .nanoseconds(Self.answerTimeout)))
    }

    /// Publishes on one of the site's topics.
    /// - Parameter event: the id of an event that needs a receipt.
    private func publish(
        _ body: [UInt8], on name: String, event: String? = nil, retain: Bool = false, expiry: Duration? = nil,
        by client: MQTTClient
    ) throws(MQTTError) {
        let topic = topic(name)
        let mid = try client.publish(
            body, to: topic, retain: retain, expiry: expiry, contentType: CloudEvent.contentType)
        if inFlight.isEmpty { progressAt = MonotonicClock.nanoseconds }
        inFlight[mid] = Publication(topic: topic, event: event)
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
        } while rounds < 4 && !isLost && Poll.isReadable(client.socket)
    }

    private func connect() {
        do throws(MQTTError) {
            secretsInUse = settings.secretsHash() ?? secretsInUse
            var options = options
            options.will = (topic("link"), Array("{\"online\":false}".utf8))
            let client = try MQTTClient(options, delegate: self)
            self.client = client
            isLost = false
            refusal = nil
            hasAnswered = false
            inFlight.removeAll()
            connectedAt = MonotonicClock.nanoseconds
            try client.connect()
        } catch { disconnect(error.description) }
    }

    /// Ends the connection and plans another attempt after a pause, whatever the library's error.
    private func disconnect(_ reason: String) {
        let pause = backoff.pause(at: MonotonicClock.nanoseconds, using: &random)
        nextAttempt = MonotonicClock.nanoseconds + pause.nanoseconds
        let trouble = diagnosis.finding?.description ?? reason
        if client != nil, let line = troubles.line(trouble, nextIn: pause, at: MonotonicClock.nanoseconds) {
            log.warning("\(settings.centre): \(line)")
        }
        if !hasAnswered { diagnosis.start(options.probe) }
        client = nil
        isReady = false
        isLost = false
        lastRefusal = refusal ?? broker.refusals.first ?? lastRefusal
        awaitedSubscriptions.removeAll()
        lastState = nil
        lastHeartbeat = 0
        context.update {
            $0.isConnected = false
            $0.connectFailures += 1
            $0.lastError = (diagnosis.finding?.description ?? reason) + earlierRefusal
        }
    }

    /// The broker's last refusal, where the last connection ended without a reason.
    private var earlierRefusal: String { refusal == nil ? lastRefusal.map { " Before that: \($0)" } ?? "" : "" }

    /// Logs the cause of a failure, once it is found.
    private func noteDiagnosis() {
        guard let cause = diagnosis.takeNewFinding() else { return }
        log.error("\(settings.centre): \(cause)")
        troubles.note(cause.description, at: MonotonicClock.nanoseconds)
        if !isReady { context.update { $0.lastError = cause.description + earlierRefusal } }
    }

    /// Updates the problems of the connection that a person must know.
    private func noteBroker() {
        let problems = broker.problems(at: MonotonicClock.nanoseconds)
        let delivers = broker.delivers(receipts: topic("receipt")) { [topic] name in
            name.hasPrefix(topic("alert/")) || name.hasPrefix(topic("event/"))
        }
        context.update { status in
            for problem in problems where !status.problems.contains(problem) {
                log.error("\(settings.centre): \(problem)")
            }
            status.problems = problems
            if isReady {
                status.isConnected = delivers
                if !delivers { status.lastError = problems.first ?? "" }
            }
        }
    }

    private func shutDown() {
        guard let client, isReady else { return }
        // An orderly end sends no last will, so the link's state is published. When this message
        // does not leave, the connection breaks, and the last will has the same content.
        try? publish(Array("{\"online\":false}".utf8), on: "link", retain: true, by: client)
        try? client.write()
        client.disconnect()
        try? client.write()
    }

    // MARK: Sending

    private func send() throws {
        guard let client else { return }
        let now = MonotonicClock.nanoseconds
        try sendState(now, client)
        let unjournalled = delivery.unjournalled(for: settings.centre, lanes: settings.lanes)
        var transmissions = try dispatch.next(
            from: journal, unjournalled: unjournalled, now: now, time: context.clock(), lanes: [.entrapment])
        // The library sends in the order of its calls. Less urgent events wait here, where an
        // entrapment can overtake them.
        let room = Self.maxInFlight - inFlight.count - transmissions.count
        if room > 0 {
            transmissions += try dispatch.next(
                from: journal, unjournalled: unjournalled, now: now, time: context.clock(), lanes: [.fault, .info],
                limit: room)
        }
        for transmission in transmissions {
            let row = transmission.row
            let body = try envelope.json(transmission, at: context.calendar())
            do throws(MQTTError) {
                try publish(
                    body, on: row.type == "alert" ? "alert/\(row.lane)" : "event/\(row.type)", event: row.eventID,
                    expiry: Self.copyExpiry, by: client)
            } catch {
                guard error.isOversize else { throw error }
                try skipOversized(row, body.count)
            }
        }
        let resent = transmissions.count { $0.attempt > 1 }
        if !transmissions.isEmpty {
            context.update {
                $0.sent += transmissions.count
                $0.resent += resent
            }
        }
    }

    /// An event that is longer than the centre's broker takes must not block others. A fault
    /// becomes a dead letter; an entrapment stays pending, and the next route sends it.
    private func skipOversized(_ row: Journal.OutboxRow, _ bytes: Int) throws(JournalError) {
        let reason = "it has \(bytes) bytes, more than the centre's broker takes in a packet (max_packet_size)"
        log.error("\(settings.centre): event \(row.eventID) cannot be sent: \(reason)")
        if row.lane == .entrapment || row.id == 0 {
            return dispatch.postpone([row.eventID], until: MonotonicClock.nanoseconds + 60_000_000_000)
        }
        try journal.setAside(row.eventID, refusedBy: settings.centre, because: reason, at: context.calendar())
        dispatch.drop(row.eventID)
        context.update { $0.refused += 1 }
    }

    /// Publishes a retained message, which needs no receipt. Skips one that is longer than the
    /// broker takes.
    private func publishRetained(_ body: [UInt8], to name: String, by client: MQTTClient) throws(MQTTError) {
        do throws(MQTTError) {
            try publish(body, on: name, retain: true, by: client)
        } catch {
            guard error.isOversize else { throw error }
            log.error(
                "\(settings.centre): the \(name) of \(body.count) bytes is more than its broker takes in a packet")
        }
    }

    private func sendState(_ now: Int64, _ client: MQTTClient) throws(MQTTError) {
        let heartbeat = delivery.heartbeat
        if heartbeat.number != lastHeartbeat {
            try publishRetained(heartbeat.body, to: "heartbeat", by: client)
            lastHeartbeat = heartbeat.number
        }
        let state = delivery.siteState.filtered(to: settings.lanes)
        if let last = lastState {
            let age = Duration.nanoseconds(now - last.at)
            guard age >= Self.stateInterval || (state != last.state && age >= Self.minStateInterval) else { return }
        }
        try publishRetained(state.json(site: settings.site, at: context.calendar()), to: "state", by: client)
        lastState = (state, now)
    }

    // MARK: The centre's answers

    /// Processes the answers so far. What a failing disk does not take stays in memory for another
    /// attempt: it must neither delay alerts nor end the connection.
    private func processAnswers() {
        guard !answers.isEmpty, MonotonicClock.nanoseconds >= nextProcessing else { return }
        answers.commands.removeAll { context.storeCommand($0) }
        do throws(JournalError) {
            try ReceiptHandler(settings: settings, context: context, journal: journal)
                .apply(stored: answers.stored, refused: answers.refused, &dispatch)
            answers.forgetEvents()
        } catch {
            context.delivery.note(error)
            log.error("\(settings.centre): \(error)")
        }
        if !answers.isEmpty { nextProcessing = MonotonicClock.nanoseconds + 1_000_000_000 }
        answers.keepNewest(1000)
    }

    // MARK: The client's callbacks

    public func connected(_ session: MQTTSession) {
        hasAnswered = true
        diagnosis.reset()
        broker.connectionStarted(session)
        troubles.reset()
        backoff.connected(at: MonotonicClock.nanoseconds)
        guard let client else { return }
        do throws(MQTTError) {
            for name in ["receipt", "word"] { awaitedSubscriptions[try client.subscribe(topic(name))] = topic(name) }
            try publish(Array("{\"online\":true}".utf8), on: "link", retain: true, by: client)
        } catch { isLost = true }
    }

    /// Where the subscription for receipts is refused, alerts are sent all the same: a duplicate is
    /// better than a loss.
    public func subscribed(_ mid: Int32, _ grant: MQTTGrant) {
        guard let topic = awaitedSubscriptions.removeValue(forKey: mid) else { return }
        broker.subscribed(to: topic, grant)
        guard awaitedSubscriptions.isEmpty, !isReady else { return }
        isReady = true
        dispatch.startConnection(lastRowID: (try? journal.lastRowID()) ?? 0, now: MonotonicClock.nanoseconds)
        log.info("\(settings.centre): connected to \(options.url)")
        context.update { $0.isConnected = true }
        noteBroker()
    }

    /// A broker without retained messages or QoS 1 gets a last will without them at the next
    /// attempt.
    public func refused(_ reason: MQTTReason) {
        hasAnswered = true
        diagnosis.reset()
        if reason.isRetainNotSupported { options.willIsRetained = false }
        if reason.isQoSNotSupported { options.willQoS = 0 }
        refusal = "\(options.url) refuses us: \(reason)."
        isLost = true
    }

    public func disconnected(_ reason: MQTTReason?) {
        if let reason {
            if reason.isTakeover { broker.takenOver(reason, at: MonotonicClock.nanoseconds) }
            refusal = "\(options.url) closed the connection: \(reason)."
        } else if refusal == nil, let end = client?.silentEndText {
            refusal = end.hasSuffix("?") ? end : end + "."
        }
        isLost = true
    }

    public func published(_ mid: Int32, refusal: MQTTReason?) {
        progressAt = MonotonicClock.nanoseconds
        guard let publication = inFlight.removeValue(forKey: mid) else { return }
        let before = broker
        broker.published(on: publication.topic, refusal: refusal)
        if let event = publication.event, refusal != nil { passOn(event) }
        if refusal == nil, publication.event != nil || publication.topic == topic("state") { lastRefusal = nil }
        if broker != before { noteBroker() }
    }

    /// The broker refuses an event: it is sent again here after a pause, and by the next route at
    /// once.
    private func passOn(_ event: String) {
        dispatch.postpone([event], until: MonotonicClock.nanoseconds + Self.refusalPause.nanoseconds)
        do throws(JournalError) {
            try journal.passOn(event, for: settings.centre, toRoute: settings.routeIndex + 1)
            delivery.wakeRoutes()
        } catch {
            delivery.note(error)
            log.error("\(settings.centre): \(error)")
        }
    }

    public func received(topic: Span<UInt8>, payload: Span<UInt8>, qos: Int, isRetained: Bool, mid: Int) {
        // The time of a retained message is unknown.
        guard !isRetained else {
            return context.reject("a retained message; publish without retain", of: settings.centre)
        }
        let (receipts, commands) = (self.topic("receipt"), self.topic("word"))
        let isCommandTopic = topic.array.elementsEqual(commands.utf8)
        do throws(CentreAnswer.Problem) {
            var answer = try CentreAnswer(payload.array, settings.commandRequirements)
            if isCommandTopic {
                answer.rejectReceipts(on: commands, but: receipts)
            } else {
                answer.rejectCommands(on: receipts, but: commands)
            }
            context.noteMistakes(in: answer, of: settings.centre)
            guard !answer.isEmpty || !answer.problems.isEmpty || !answer.refusedCommands.isEmpty else {
                throw CentreAnswer.Problem(
                    "nothing in it is known: expected \(isCommandTopic ? "\"words\"" : "\"id\", \"ids\" or \"refused\"")"
                )
            }
            answers.add(answer)
        } catch {
            // A lost receipt needs no answer to the centre: the event is sent again.
            guard isCommandTopic else { return context.reject(error.description, of: settings.centre) }
            context.refuse(RefusedCommand(error.description), of: settings.centre)
        }
    }
}
