import Elevator
import Encoding
import Journal
import Logging
import Mosquitto

/// Brings what one centre is owed over MQTT, most urgent first, until the centre says that it has stored it.
///
/// Reads only the journal's outbox and runs on a thread of its own: a slow or dead centre never holds up detection. A PUBACK
/// is the broker's word; only the centre's receipt takes a row out.
///
///     {prefix}/{site}/alert/{entrapment|fault|info}   ▶ CloudEvents, QoS 1: alerts
///     {prefix}/{site}/event/{type}                    ▶ CloudEvents, QoS 1: what the gateway says of itself
///     {prefix}/{site}/heartbeat                       ▶ retained: how the gateway is
///     {prefix}/{site}/state                           ▶ retained: open alerts, lifts that may hold people
///     {prefix}/{site}/link                            ▶ retained, last will: online true or false
///     {prefix}/{site}/receipt                         ◀ `CentreAnswer`: stored, refused
///     {prefix}/{site}/word                            ◀ `CentreAnswer`: what people say
public final class MQTTRoute: MQTTClientDelegate {
    /// The site's state is sent this soon after a change, and this often without one.
    private static let stateEvery = Duration.seconds(1)
    private static let stateRenewal = Duration.seconds(60)

    /// A copy that waits in the centre's broker for a centre that is away goes after this; another one is sent until a receipt comes.
    private static let copyExpiry = Duration.seconds(60)

    private let settings: RouteSettings
    private let prefix: String
    private let options: MQTTClient.Options
    private let surroundings: RouteSurroundings
    private let journal: Journal
    private var log: Logger { surroundings.log }
    private var board: UplinkBoard { surroundings.board }
    private var client: MQTTClient?
    private var isReady = false
    private var backoff = Backoff()
    private var nextAttempt: Int64 = 0
    private var random = SystemRandomNumberGenerator()
    private var dispatch: Dispatch
    private let envelope: Envelope
    /// What the centre has said and is not yet noted.
    private var answers = CentreAnswer()
    private var nextSettlement: Int64 = 0
    private var awaitedSubscriptions: Set<Int32> = []
    private var lastState: (state: SiteState, at: Int64)?
    private var lastHeartbeat = 0
    private var lost = false
    /// Publications that the broker has not acknowledged, when it last acknowledged one, and when the connection was begun.
    private var awaitedAcknowledgements = 0
    private var progressAt: Int64 = 0
    private var connectedAt: Int64 = 0
    private static let answerPatience: Int64 = 15_000_000_000
    /// Less urgent events in the library's hands: a broker takes 20 before it acknowledges one, by default.
    private static let handedOver = 40

    /// Starts the route on its own thread.
    /// - Parameter prefix: the first levels of the centre's topics.
    public static func start(
        _ settings: RouteSettings, prefix: String, client: MQTTClient.Options, in surroundings: RouteSurroundings
    ) -> LoopThread {
        surroundings.start { () throws(JournalError) in
            try MQTTRoute(settings, prefix, client, surroundings).run()
        }
    }

    private init(
        _ settings: RouteSettings, _ prefix: String, _ options: MQTTClient.Options, _ surroundings: RouteSurroundings
    ) throws(JournalError) {
        self.settings = settings
        self.prefix = prefix
        self.options = options
        self.surroundings = surroundings
        dispatch = Dispatch(settings.terms)
        journal = try Journal(forDelivery: settings.journalPath)
        envelope = Envelope(journal, settings.signer)
    }

    private func topic(_ name: String) -> String { "\(prefix)/\(settings.site.id)/\(name)" }

    // MARK: The loop

    private func run() {
        while !surroundings.isStopping() {
            let now = MonotonicClock.nanoseconds
            surroundings.update { $0.lastTurn = now }
            if client == nil, now >= nextAttempt { connect() }
            let socket = client?.socket ?? -1
            let writer = client?.wantsWrite == true ? socket : -1
            let ready = Poll.wait([socket, surroundings.bell.descriptor], writer: writer, for: .milliseconds(200))
            surroundings.bell.clear()
            do {
                if ready[0], let client { try readAll(client) }
                settle()
                if isReady { try send() }
                try client?.keepAlive()
                try client?.write()
                if lost { throw RouteLost() }
                try noticeSilence(MonotonicClock.nanoseconds)
            } catch {
                surroundings.board.note(error)
                retreat("\(error)")
            }
        }
        leave()
    }

    /// A link that died without a word: nobody answers what was written, however the socket looks. On a slow link there is progress.
    private func noticeSilence(_ now: Int64) throws {
        guard client != nil, now >= nextAttempt else { return }
        if !isReady, now - connectedAt > Self.answerPatience { throw RouteSilent() }
        if awaitedAcknowledgements > 0, now - progressAt > Self.answerPatience { throw RouteSilent() }
    }

    private struct RouteSilent: Error, CustomStringConvertible {
        var description: String { "the centre's broker has not answered for 15 s" }
    }

    private func noteSent() {
        if awaitedAcknowledgements == 0 { progressAt = MonotonicClock.nanoseconds }
        awaitedAcknowledgements += 1
    }

    private struct RouteLost: Error, CustomStringConvertible {
        var description: String { "the centre's broker closed the connection" }
    }

    /// Everything that is there, so that many receipts are one transaction.
    private func readAll(_ client: MQTTClient) throws {
        var rounds = 0
        repeat {
            try client.read(upTo: 256)
            rounds += 1
        } while rounds < 4 && !lost && Poll.isReadable(client.socket)
    }

    private func connect() {
        do throws(MQTTError) {
            var options = options
            options.will = (topic("link"), Array("{\"online\":false}".utf8))
            let client = try MQTTClient(options, delegate: self)
            self.client = client
            lost = false
            awaitedAcknowledgements = 0
            connectedAt = MonotonicClock.nanoseconds
            try client.connect()
        } catch { retreat(error.description) }
    }

    /// Whatever the library says, final or not, is a pause and another attempt.
    private func retreat(_ reason: String) {
        let pause = backoff.pause(at: MonotonicClock.nanoseconds, using: &random)
        nextAttempt = MonotonicClock.nanoseconds + pause.nanoseconds
        if client != nil { log.warning("\(settings.centre): \(reason) Next attempt in \(pause.written).") }
        client = nil
        isReady = false
        lost = false
        awaitedSubscriptions.removeAll()
        lastState = nil
        lastHeartbeat = 0
        surroundings.update {
            $0.isConnected = false
            $0.connectFailures += 1
            $0.lastError = reason
        }
    }

    private func leave() {
        guard let client, isReady else { return }
        // An orderly end sends no last will, so the link's state is told.
        _ = try? client.publish(Array("{\"online\":false}".utf8), to: topic("link"), retain: true)
        try? client.write()
        client.disconnect()
        try? client.write()
    }

    // MARK: Sending

    private func send() throws {
        guard let client else { return }
        let now = MonotonicClock.nanoseconds
        try sendState(now, client)
        let held = board.unjournalled(for: settings.centre, lanes: settings.lanes)
        var sendings = try dispatch.next(
            from: journal, unjournalled: held, now: now, time: surroundings.clock(), lanes: [.entrapment])
        // The library sends in the order in which it was given: what is less urgent waits here, where an entrapment can overtake it.
        let room = Self.handedOver - awaitedAcknowledgements - sendings.count
        if room > 0 {
            sendings += try dispatch.next(
                from: journal, unjournalled: held, now: now, time: surroundings.clock(), lanes: [.fault, .info],
                limit: room)
        }
        for sending in sendings {
            let row = sending.row
            let body = try envelope.json(sending, at: surroundings.clock())
            do throws(MQTTError) {
                _ = try client.publish(
                    body, to: topic(row.type == "alert" ? "alert/\(row.lane)" : "event/\(row.type)"),
                    expiry: Self.copyExpiry, contentType: CloudEvent.contentType)
                noteSent()
            } catch {
                guard error.isOversize else { throw error }
                try leaveOut(row, body.count)
            }
        }
        let again = sendings.count { $0.attempt > 1 }
        if !sendings.isEmpty {
            surroundings.update {
                $0.sent += sendings.count
                $0.resent += again
            }
        }
    }

    /// One event that is longer than the centre's broker takes holds up no other. An entrapment stays owed: the next route takes it.
    private func leaveOut(_ row: Journal.OutboxRow, _ bytes: Int) throws(JournalError) {
        let reason = "it has \(bytes) bytes, more than the centre's broker takes in a packet (max_packet_size)"
        log.error("\(settings.centre): event \(row.eventID) cannot be sent: \(reason)")
        if row.lane == .entrapment || row.id == 0 {
            return dispatch.postpone([row.eventID], until: MonotonicClock.nanoseconds + 60_000_000_000)
        }
        try journal.setAside(row.eventID, refusedBy: settings.centre, because: reason, at: surroundings.clock())
        dispatch.drop(row.eventID)
        surroundings.update { $0.refused += 1 }
    }

    /// What is sent with no receipt: without it when it is longer than the broker takes.
    private func publishRetained(_ body: [UInt8], to name: String, by client: MQTTClient) throws(MQTTError) {
        do throws(MQTTError) {
            _ = try client.publish(body, to: topic(name), retain: true, contentType: CloudEvent.contentType)
            noteSent()
        } catch {
            guard error.isOversize else { throw error }
            log.error(
                "\(settings.centre): the \(name) of \(body.count) bytes is more than its broker takes in a packet")
        }
    }

    private func sendState(_ now: Int64, _ client: MQTTClient) throws(MQTTError) {
        let heartbeat = board.heartbeat
        if heartbeat.number != lastHeartbeat {
            try publishRetained(heartbeat.body, to: "heartbeat", by: client)
            lastHeartbeat = heartbeat.number
        }
        let state = board.siteState.told(of: settings.lanes)
        if let last = lastState {
            let age = Duration.nanoseconds(now - last.at)
            guard age >= Self.stateRenewal || (state != last.state && age >= Self.stateEvery) else { return }
        }
        try publishRetained(state.json(site: settings.site, at: surroundings.clock()), to: "state", by: client)
        lastState = (state, now)
    }

    // MARK: What the centre says

    /// What a failing disk does not take is kept in memory and tried again: it must hold up no alert, and the link is not to blame.
    private func settle() {
        guard !answers.isEmpty, MonotonicClock.nanoseconds >= nextSettlement else { return }
        answers.words.removeAll { surroundings.keepWord($0) }
        do throws(JournalError) {
            try Settlement(settings: settings, surroundings: surroundings, journal: journal)
                .settle(stored: answers.stored, refused: answers.refused, &dispatch)
            answers.forgetEvents()
        } catch {
            surroundings.board.note(error)
            log.error("\(settings.centre): \(error)")
        }
        if !answers.isEmpty { nextSettlement = MonotonicClock.nanoseconds + 1_000_000_000 }
        answers.keepNewest(1000)
    }

    // MARK: What the client hears

    public func connected(sessionPresent: Bool) {
        backoff.connected(at: MonotonicClock.nanoseconds)
        do throws(MQTTError) {
            for name in ["receipt", "word"] {
                if let mid = try client?.subscribe(topic(name)) { awaitedSubscriptions.insert(mid) }
            }
            _ = try client?.publish(Array("{\"online\":true}".utf8), to: topic("link"), retain: true)
            noteSent()
        } catch { lost = true }
    }

    public func subscribed(_ mid: Int32, accepted: Bool) {
        guard accepted else {
            log.error(
                "\(settings.centre): the broker does not let us read \(topic("receipt")) and \(topic("word")); its access list is to blame"
            )
            lost = true
            return
        }
        awaitedSubscriptions.remove(mid)
        guard awaitedSubscriptions.isEmpty, !isReady else { return }
        isReady = true
        dispatch.begin(lastPlace: (try? journal.lastPlace()) ?? 0, now: MonotonicClock.nanoseconds)
        log.info("\(settings.centre): connected to \(options.url)")
        surroundings.update { $0.isConnected = true }
    }

    public func refused(_ reason: String) {
        log.warning("\(settings.centre): \(options.url) refuses us: \(reason)")
        lost = true
    }

    public func disconnected(_ reason: String) { lost = true }
    public func published(_ mid: Int32) {
        awaitedAcknowledgements = max(0, awaitedAcknowledgements - 1)
        progressAt = MonotonicClock.nanoseconds
    }

    public func received(topic: Span<UInt8>, payload: Span<UInt8>, qos: Int, isRetained: Bool, mid: Int) {
        // A retained word is of a time that nobody knows.
        guard !isRetained else { return surroundings.reject("a retained message; publish without retain") }
        do throws(CentreAnswer.Problem) {
            let answer = try CentreAnswer(payload.array)
            for problem in answer.problems { surroundings.reject(problem) }
            guard !answer.isEmpty || !answer.problems.isEmpty else {
                throw CentreAnswer.Problem(description: "nothing in it is known")
            }
            answers.add(answer)
        } catch { surroundings.reject(error.description) }
    }
}
