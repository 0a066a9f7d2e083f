import Elevator
import Encoding
import HTTP
import Journal
import Logging
import Mosquitto

/// Brings what one centre is owed over HTTPS, most urgent first: CloudEvents in structured mode, one or a batch a request.
///
/// A 2xx says that the whole request is stored, and is the receipt. Entrapments have a request of their own, which waits for no
/// other. What else a centre has to say stands in the body of its answer (`CentreAnswer`); while an entrapment is open it is asked
/// every few seconds, by the site's state.
///
///     2xx                          stored, but for what the body names as refused
///     401 403                      the token or the certificate is not taken: a new token, a pause
///     429 503 and Retry-After      a pause of that length; for entrapments of 30 s at most
///     no answer                    a pause, decorrelated, and again; after the third time one by one, as what nobody answers may be one
///                                  event's doing
///     any other status             of a batch: sent again one by one. Of one event alone: that one waits, and others go before it; of two
///                                  events in a row: a pause. 400, 413 and 422 of one event, where the centre took the one before, refuse it
///                                  for good; an entrapment is refused by name only, and comes again
public final class HTTPSRoute {
    public struct Options: Sendable {
        public var url: String
        public var client: HTTPClient.Options
        public var authorization: HTTPAuthorization.Method
        /// Events in one request, of the less urgent lanes.
        public var batch = 50
        /// nil for the contract's own.
        public var form: CentreForm?

        public init(url: String, client: HTTPClient.Options, authorization: HTTPAuthorization.Method) {
            self.url = url
            self.client = client
            self.authorization = authorization
        }
    }

    /// Which of the requests under way this is; each has at most one.
    private enum Slot: CaseIterable {
        case urgent, bulk, state
    }
    private struct UnderWay {
        var ticket: HTTPClient.Ticket
        var events: [String] = []
    }
    private struct Lull {
        var until: Int64 = 0
        var backoff = Backoff()
    }

    private static let stateEvery = Duration.seconds(2)
    private static let stateRenewal = Duration.seconds(60)
    /// How often the centre's people are asked while an incident is open.
    private static let inquiryEvery = Duration.seconds(10)
    /// However long a centre wants to be left alone: an entrapment is tried again after this.
    private static let longestUrgentPause = Duration.seconds(30)
    /// Other entrapments wait while one has no answer.
    private static let urgentPatience = Duration.seconds(8)
    /// Before an event that came to nothing alone is tried again for the first time.
    private static let firstPause = Duration.seconds(1)
    private static let longestPause = Duration.seconds(3600)

    /// Attempts that nobody answers before each event goes by itself.
    private static let patience = 3

    private static let single = CloudEvent.contentType

    private let settings: RouteSettings
    private let options: Options
    private let surroundings: RouteSurroundings
    private let journal: Journal
    private let client: HTTPClient
    private var authorization: HTTPAuthorization
    private var dispatch: Dispatch
    private let envelope: Envelope
    private var underWay: [Slot: UnderWay] = [:]
    private var lulls: [Slot: Lull] = [:]
    /// Its answers are no JSON; said once.
    private var hasWondered = false
    /// After a batch came back its events go one by one, until so many have.
    private var singles: [Slot: Int] = [:]
    /// Events that came to nothing alone, one after another: of one the event is to blame, of more the centre.
    private var failures = 2
    private var lastFailed = ""
    private var lastState: (state: SiteState, at: Int64)?
    private var lastHeartbeat = 0
    private var isConnected = false
    private var random = SystemRandomNumberGenerator()
    private var log: Logger { surroundings.log }

    /// Starts the route on its own thread.
    public static func start(
        _ settings: RouteSettings, options: Options, in surroundings: RouteSurroundings
    ) -> LoopThread {
        surroundings.start { () throws(JournalError) in
            guard let client = HTTPClient(options.client) else {
                surroundings.log.critical("libcurl cannot be started")
                _ = Poll.wait([surroundings.bell.descriptor], for: .seconds(1))
                return
            }
            try HTTPSRoute(settings, options, client, surroundings).run()
        }
    }

    private init(
        _ settings: RouteSettings, _ options: Options, _ client: HTTPClient, _ surroundings: RouteSurroundings
    ) throws(JournalError) {
        self.settings = settings
        self.options = options
        self.surroundings = surroundings
        self.client = client
        authorization = HTTPAuthorization(options.authorization)
        dispatch = Dispatch(settings.terms)
        journal = try Journal(forDelivery: settings.journalPath)
        envelope = Envelope(journal, settings.signer)
        dispatch.begin(lastPlace: try journal.lastPlace(), now: MonotonicClock.nanoseconds)
        for slot in Slot.allCases { lulls[slot] = Lull() }
    }

    // MARK: The loop

    private func run() {
        while !surroundings.isStopping() {
            let now = MonotonicClock.nanoseconds
            surroundings.update { $0.lastTurn = now }
            do {
                if authorization.isReady(at: now) {
                    try sendEvents(.urgent, [.entrapment], now)
                    try sendEvents(.bulk, [.fault, .info], now)
                    sendState(now)
                } else {
                    authorization.request(by: client, at: now)
                }
                if client.wait(alsoFor: surroundings.bell.descriptor, atMost: .milliseconds(200)) {
                    surroundings.bell.clear()
                }
                for (ticket, result) in client.finished() { take(result, of: ticket) }
            } catch {
                surroundings.board.note(error)
                fail(.bulk, "\(error)")
                _ = Poll.wait([surroundings.bell.descriptor], for: .milliseconds(200))
            }
        }
    }

    private func sendEvents(_ slot: Slot, _ lanes: [Lane], _ now: Int64) throws(JournalError) {
        // What a form has no word for is settled without a request: then the next one goes.
        while underWay[slot] == nil, now >= lulls[slot]?.until ?? 0, !surroundings.isStopping() {
            let isSingle = singles[slot] ?? 0 > 0 || options.form != nil
            let sendings = try dispatch.next(
                from: journal,
                unjournalled: surroundings.board.unjournalled(for: settings.centre, lanes: settings.lanes), now: now,
                time: surroundings.clock(), lanes: lanes, limit: isSingle ? 1 : options.batch)
            guard let first = sendings.first else { return }
            guard let form = options.form else { return try send(sendings, slot) }
            try send(first, as: form, slot)
        }
    }

    private func send(_ sendings: [Dispatch.Sending], _ slot: Slot) throws(JournalError) {
        if let left = singles[slot], left > 0 { singles[slot] = left - 1 }
        var events: [[UInt8]] = []
        for sending in sendings {
            events.append(try envelope.json(sending, at: surroundings.clock()))
        }
        let ids = sendings.map(\.row.eventID)
        dispatch.postpone(ids, until: .max)
        let isBatch = sendings.count > 1
        let body =
            isBatch
            ? [UInt8(ascii: "[")] + events.joined(separator: [UInt8(ascii: ",")]) + [UInt8(ascii: "]")]
            : events[0]
        post(body, as: isBatch ? "application/cloudevents-batch+json" : Self.single, slot, ids)
        surroundings.update {
            $0.sent += sendings.count
            $0.resent += sendings.count { $0.attempt > 1 }
        }
    }

    /// An alert as the centre wants it. What its form has no word for is not its concern, and owed no longer.
    private func send(_ sending: Dispatch.Sending, as form: CentreForm, _ slot: Slot) throws(JournalError) {
        let id = sending.row.eventID
        guard let body = form.json(of: sending.row.body, isOver: try journal.isOver(id)) else {
            return try Settlement(settings: settings, surroundings: surroundings, journal: journal)
                .settle(stored: [id], refused: [], &dispatch)
        }
        dispatch.postpone([id], until: .max)
        post(body, as: form.contentType, slot, [id])
        surroundings.update {
            $0.sent += 1
            $0.resent += sending.attempt > 1 ? 1 : 0
        }
    }

    /// The site's state and the heartbeat; nobody waits for a receipt of them.
    private func sendState(_ now: Int64) {
        guard options.form == nil, underWay[.state] == nil, now >= lulls[.state]?.until ?? 0 else { return }
        let heartbeat = surroundings.board.heartbeat
        if heartbeat.number != lastHeartbeat {
            lastHeartbeat = heartbeat.number
            return post(heartbeat.body, as: Self.single, .state)
        }
        let state = surroundings.board.siteState.told(of: settings.lanes)
        if let last = lastState {
            let age = Duration.nanoseconds(now - last.at)
            let renewal = state.incidents.isEmpty ? Self.stateRenewal : Self.inquiryEvery
            guard age >= renewal || (state != last.state && age >= Self.stateEvery) else { return }
        }
        lastState = (state, now)
        post(
            state.json(site: settings.site, at: surroundings.clock()), as: Self.single, .state)
    }

    private func post(_ body: [UInt8], as type: String, _ slot: Slot, _ events: [String] = []) {
        var headers = [(name: "Content-Type", value: type)]
        if let value = authorization.header { headers.append(("Authorization", value)) }
        var sending = UnderWay(ticket: 0, events: events)
        do throws(HTTPClient.Failure) {
            sending.ticket = try client.start(
                HTTPClient.Request(
                    url: options.url, headers: headers, body: body,
                    timeout: slot == .urgent ? Self.urgentPatience : nil))
            underWay[slot] = sending
        } catch { retreat(slot, sending, error.description) }
    }

    // MARK: What the centre answers

    private func take(_ result: Result<HTTPClient.Response, HTTPClient.Failure>, of ticket: Int) {
        if authorization.take(result, of: ticket, at: MonotonicClock.nanoseconds, log) { return }
        guard let (slot, sending) = underWay.first(where: { $0.value.ticket == ticket }) else { return }
        underWay[slot] = nil
        do throws(JournalError) { try take(result, slot, sending) } catch {
            // A disk that does not take the receipt now: the events are sent again, and it comes again.
            surroundings.board.note(error)
            dispatch.postpone(sending.events, until: MonotonicClock.nanoseconds + 5_000_000_000)
            fail(slot, error.description)
        }
    }

    private func take(
        _ result: Result<HTTPClient.Response, HTTPClient.Failure>, _ slot: Slot, _ sending: UnderWay
    ) throws(JournalError) {
        switch result {
        case .failure(let failure): retreat(slot, sending, failure.description)
        case .success(let response):
            switch response.status {
            case 200..<300 where !sending.events.isEmpty && options.form?.success?.isReceipt(response.body) == false:
                try bringOneByOne(slot, sending, response)
            case 200..<300: try settle(slot, sending, response)
            case 401, 403:
                authorization.discard()
                retreat(slot, sending, "the centre does not know us: HTTP \(response.status)")
            case 429, 503: retreat(slot, sending, "HTTP \(response.status)", response)
            default: try bringOneByOne(slot, sending, response)
            }
        }
    }

    /// Something in a request is not what the centre takes. Which event it is shows when each goes alone.
    private func bringOneByOne(
        _ slot: Slot, _ sending: UnderWay, _ response: HTTPClient.Response
    ) throws(JournalError) {
        let words =
            "HTTP \(response.status) \(printable(String(decoding: response.body.prefix(400), as: UTF8.self), upTo: 200))"
        let now = MonotonicClock.nanoseconds
        if sending.events.count > 1 {
            singles[slot] = sending.events.count
            return dispatch.postpone(sending.events, until: now)
        }
        guard let only = sending.events.first else { return retreat(slot, sending, words, response) }
        // A centre that takes nothing at all is not one that refuses an event.
        // One that fails again says nothing new of the centre.
        let isAlone = failures == 0 || only == lastFailed && failures == 1
        if only != lastFailed { failures += 1 }
        let wait = only == lastFailed ? Self.longestUrgentPause : Self.firstPause
        lastFailed = only
        if isAlone, slot == .bulk, [400, 413, 422].contains(response.status) {
            let refusal = CentreAnswer.Refusal(id: only, reason: words)
            return try settle(slot, sending, HTTPClient.Response(status: 200), refusing: refusal)
        }
        if isAlone {
            log.error("\(settings.centre): event \(only): \(words). It is sent again alone, and others go before it.")
        } else {
            retreat(slot, sending, words, response)
        }
        dispatch.suspect(only, until: now + wait.nanoseconds)
    }

    private func settle(
        _ slot: Slot, _ sending: UnderWay, _ response: HTTPClient.Response,
        refusing refusal: CentreAnswer.Refusal? = nil
    ) throws(JournalError) {
        lulls[slot]?.until = 0
        lulls[slot]?.backoff.connected(at: MonotonicClock.nanoseconds)
        note(isConnected: true)
        if refusal == nil, !sending.events.isEmpty {
            if failures > 1 { dispatch.absolve(now: MonotonicClock.nanoseconds) }
            (failures, lastFailed) = (0, "")
        }
        var answer = CentreAnswer()
        if response.body.contains(where: { $0 > 32 }) {
            do throws(CentreAnswer.Problem) { answer = try CentreAnswer(response.body) } catch {
                // By the contract the 2xx is the receipt, and its body may say anything; a login page says it as well.
                if !hasWondered {
                    log.warning(
                        "\(settings.centre): answers \(response.status) with a body that is no answer of a centre (\(error)). Is \(options.url.prefix { $0 != "?" }) the right place?"
                    )
                }
                hasWondered = true
            }
        }
        for problem in answer.problems { surroundings.reject(problem) }
        if answer.hasUnreadableRefusal {
            return retreat(slot, sending, "it refuses something, and it cannot be read what", response)
        }
        for word in answer.words where !surroundings.keepWord(word) {
            log.error("\(settings.centre): a word could not be written to disk; the centre has to say it again")
        }
        let refused = answer.refused + (refusal.map { [$0] } ?? [])
        let refusedIDs = Set(refused.map(\.id))
        let stored = Set(sending.events).subtracting(refusedIDs).sorted() + answer.stored
        if !stored.isEmpty || !refused.isEmpty {
            try Settlement(settings: settings, surroundings: surroundings, journal: journal)
                .settle(stored: stored, refused: refused, &dispatch)
        }
    }

    private func retreat(
        _ slot: Slot, _ sending: UnderWay, _ reason: String, _ response: HTTPClient.Response? = nil
    ) {
        let now = MonotonicClock.nanoseconds
        var pause = lulls[slot]?.backoff.pause(at: now, using: &random) ?? .seconds(1)
        if let wish = response?.headers["retry-after"].flatMap({
            RetryAfter.pause($0, wall: MonotonicClock.wallNanoseconds)
        }) {
            pause = max(pause, min(wish, slot == .urgent ? Self.longestUrgentPause : Self.longestPause))
        }
        lulls[slot]?.until = now + pause.nanoseconds
        dispatch.postpone(sending.events, until: now + pause.nanoseconds)
        failures = max(2, failures)
        if response == nil || response?.status == 503, let first = sending.events.first,
            dispatch.attempts(of: first) >= Self.patience
        {
            if sending.events.count > 1 { singles[slot] = sending.events.count }
            if sending.events.count == 1 { dispatch.suspect(first, until: now + pause.nanoseconds) }
        }
        let rounded = Duration.milliseconds(pause.nanoseconds / 1_000_000)
        log.warning("\(settings.centre): \(reason). Next attempt in \(rounded.written).")
        // A centre that does not care for the site's state may well take its alerts.
        if slot == .state, response != nil { return }
        if slot == .state { (lastState, lastHeartbeat) = (nil, 0) }
        note(isConnected: false, because: reason)
    }

    private func fail(_ slot: Slot, _ reason: String) {
        log.error("\(settings.centre): \(reason)")
        surroundings.update { $0.lastError = reason }
    }

    private func note(isConnected: Bool, because reason: String = "") {
        if isConnected, !self.isConnected {
            log.info("\(settings.centre): reached over \(options.url.prefix { $0 != "?" })")
            if underWay.values.allSatisfy(\.events.isEmpty), let last = try? journal.lastPlace() {
                dispatch.begin(lastPlace: last, now: MonotonicClock.nanoseconds)
            }
        }
        self.isConnected = isConnected
        surroundings.update {
            $0.isConnected = isConnected
            if !isConnected {
                $0.connectFailures += 1
                $0.lastError = reason
            }
        }
    }
}
