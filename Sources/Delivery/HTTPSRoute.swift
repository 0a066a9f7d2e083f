import Connectivity
import Contract
import DeliveryCore
import Encoding
import HTTP
import Journal
import LiftModel
import Logging
import MQTT
import Platform

/// Delivers the events of one centre over HTTPS, most urgent first: CloudEvents in structured mode,
/// one event or a batch in a request.
///
/// A 2xx is the receipt for the whole request. Entrapments have a request of their own, which waits
/// for no other. The body of a response may contain refusals and centre commands (`CentreAnswer`).
/// While an incident is open, the gateway posts the site's state every few seconds, so that the
/// centre can answer with its commands.
///
/// - 2xx: the events are stored, except those that the body refuses.
/// - 401, 403: the token or the certificate is not accepted: a new token, and a pause.
/// - 429, 503 and Retry-After: a pause of that length; for entrapments at most 30 s.
/// - No response: a pause with decorrelated jitter, and another attempt. After the third attempt
///   the events are sent one by one, as one of them may be the cause.
/// - Any other status for a batch: its events are sent again one by one. For a single event: it is
///   isolated, and others go before it. For two single events in a row: a pause.
/// - 400, 413 and 422 for a single event, where the centre took the event before it: the event is
///   refused for good. An entrapment is refused for good only by a body that names it.
public final class HTTPSRoute {
    private typealias Slot = RouteHealth.Slot
    private typealias Request = RequestSlot.Request

    private static let minStateInterval = Duration.seconds(2)
    private static let stateInterval = Duration.seconds(60)
    /// The interval while an incident is open: each response may contain centre commands.
    private static let incidentStateInterval = Duration.seconds(10)
    /// An entrapment is sent again after this, even if Retry-After asks for a longer pause.
    private static let longestUrgentPause = Duration.seconds(30)
    /// The pause before the first new attempt with an event that failed alone.
    private static let firstPause = Duration.seconds(1)
    private static let longestPause = Duration.seconds(3600)
    /// The pause after a receipt that the journal could not take.
    private static let journalPause = Duration.seconds(5)
    /// An event that cannot be put into the centre's form is tried again after this.
    private static let formPause = Duration.seconds(60)

    /// Attempts without a response before the events of a batch are sent one by one.
    private static let attemptsBeforeSplitting = 3

    private static let lanes: [Slot: [Lane]] = [.urgent: [.entrapment], .bulk: [.fault, .info]]

    private let settings: RouteSettings
    private let options: Options
    private let context: RouteContext
    private let journal: Journal
    private var requests: HTTPSRequests
    private var secretsInUse: UInt64
    private var reloads: Int
    private var dispatch: Dispatch
    private let copies: EventCopies
    private var backoffs: [Slot: Backoff] = [:]
    private var cause = FailureCause.centre(last: nil)
    private var schedule = StateSchedule(minInterval: minStateInterval)
    private var status: HTTPSStatus
    private var random = SystemRandomNumberGenerator()
    private var log: Logger { context.log }

    /// Starts the route on its own thread.
    public static func start(
        _ settings: RouteSettings, options: Options, in context: RouteContext
    ) -> LoopThread {
        context.start { () throws(JournalError) in
            guard let client = HTTPClient(options.client) else {
                context.log.critical("libcurl cannot be started")
                _ = Poll.wait([context.wakeUp.descriptor], for: .seconds(1))
                return
            }
            try HTTPSRoute(settings, options, client, context).run()
        }
    }

    private init(
        _ settings: RouteSettings, _ options: Options, _ client: HTTPClient, _ context: RouteContext
    ) throws(JournalError) {
        self.settings = settings
        self.options = options
        self.context = context
        requests = HTTPSRequests(options, by: client)
        status = HTTPSStatus(of: settings.centre, url: options.url, context)
        secretsInUse = settings.secretsHash() ?? 0
        reloads = context.delivery.reloads
        dispatch = Dispatch(settings.dispatch)
        journal = try Journal(forDelivery: settings.journalPath)
        copies = EventCopies(journal, settings.signer)
        dispatch.startConnection(
            lastRowID: try journal.lastRowID(), now: MonotonicClock.now)
    }

    // MARK: The loop

    private func run() {
        while !context.isStopping() {
            let now = MonotonicClock.now
            context.update { $0.lastTurn = now }
            noticeReload()
            requests.renewClient()
            do {
                if requests.authorize(at: now) {
                    try sendEvents(.urgent, now)
                    try sendEvents(.bulk, now)
                    sendState(now)
                }
                if requests.wait(alsoFor: context.wakeUp.descriptor, atMost: .milliseconds(200)) {
                    context.wakeUp.clear()
                }
                for (ticket, result) in requests.finished() { handle(result, of: ticket) }
                status.noteDiagnosis()
            } catch {
                context.delivery.note(error)
                report(error)
                _ = Poll.wait([context.wakeUp.descriptor], for: .milliseconds(200))
            }
        }
    }

    /// After a reload of the configuration, reads the secrets again.
    private func noticeReload() {
        guard reloads != context.delivery.reloads else { return }
        reloads = context.delivery.reloads
        guard let secrets = settings.secretsHash(), secrets != secretsInUse else { return }
        secretsInUse = secrets
        requests.secretsChanged()
        log.notice(
            "\(settings.centre): a secret or a certificate has changed, and is used from now on")
    }

    private func sendEvents(_ slot: Slot, _ now: MonotonicTime) throws(JournalError) {
        // An event without a code in the form counts as delivered without a request: the next one
        // follows.
        while requests[slot].isFree(at: now), !context.isStopping() {
            let isSingle = requests[slot].sendsSingles || options.form != nil
            let transmissions = try dispatch.next(
                from: journal,
                unjournalled: context.delivery.unjournalled(
                    for: settings.centre, lanes: settings.lanes), now: now,
                time: context.clock(), lanes: Self.lanes[slot] ?? [],
                limit: isSingle ? 1 : options.batch)
            guard let first = transmissions.first else { return }
            guard let form = options.form else { return try send(transmissions, slot) }
            try send(first, as: form, slot)
        }
    }

    private func send(_ transmissions: [Dispatch.Transmission], _ slot: Slot) throws(JournalError) {
        requests.apply(.tookEvents, to: slot)
        let (body, type) = try copies.body(of: transmissions, at: context.calendar())
        let ids = transmissions.map(\.row.eventID)
        dispatch.awaitAnswer(for: ids)
        post(body, as: type, slot, ids)
        context.countSent(transmissions)
    }

    /// Sends an event in the centre's form. An event without a code in the form counts as
    /// delivered. One that cannot be read stays in the queue: nobody has received it.
    private func send(
        _ transmission: Dispatch.Transmission, as form: CentreForm, _ slot: Slot
    ) throws(JournalError) {
        let id = transmission.row.eventID
        let isOver = try journal.isOver(id)
        let body: [UInt8]?
        do throws(JSONError) {
            body = try form.json(of: transmission.row.body, isOver: isOver)
        } catch {
            log.error(
                "\(settings.centre): event \(id) cannot be put into the form '\(form.name)': its JSON is damaged at byte \(error.offset), expected \(error.expected). It stays in the queue. hoistway journal verify says more"
            )
            return dispatch.postpone(
                [id], until: MonotonicClock.now + Self.formPause)
        }
        guard let body else {
            return try ReceiptHandler(settings: settings, context: context, journal: journal)
                .apply(stored: [id], refused: [], &dispatch)
        }
        dispatch.awaitAnswer(for: [id])
        post(body, as: form.contentType, slot, [id])
        context.countSent([transmission])
    }

    /// Sends the site's state and the heartbeat, which need no receipt.
    private func sendState(_ now: MonotonicTime) {
        guard options.form == nil, requests[.state].isFree(at: now) else { return }
        let heartbeat = context.delivery.heartbeat
        if schedule.isDue(heartbeat: heartbeat.number) {
            schedule.sent(heartbeat: heartbeat.number)
            return post(heartbeat.body, as: CloudEvent.contentType, .state)
        }
        let state = context.delivery.siteState.filtered(to: settings.lanes)
        let interval = state.incidents.isEmpty ? Self.stateInterval : Self.incidentStateInterval
        guard schedule.isDue(state, at: now, every: interval) else { return }
        schedule.sent(state, at: now)
        post(
            state.json(site: settings.site, at: context.calendar()), as: CloudEvent.contentType,
            .state)
    }

    private func post(_ body: [UInt8], as type: String, _ slot: Slot, _ events: [String] = []) {
        do throws(HTTPClient.Failure) { try requests.post(body, as: type, slot, events) } catch {
            backOff(slot, Request(ticket: 0, events: events), error.description)
        }
    }

    // MARK: The centre's responses

    private func handle(_ result: Result<HTTPClient.Response, HTTPClient.Failure>, of ticket: Int) {
        if requests.handleToken(
            result, of: ticket, at: MonotonicClock.now, of: settings.centre, context)
        {
            // Without a token no event is sent, and no other request would report the cause.
            if let problem = requests.authorization.problem { status.lost(because: problem) }
            return
        }
        guard let (slot, request) = requests.take(ticket) else { return }
        do throws(JournalError) { try handle(result, slot, request) } catch {
            // The receipt cannot be written now: the events are sent again, and it comes again.
            context.delivery.note(error)
            dispatch.postpone(
                request.events, until: MonotonicClock.now + Self.journalPause)
            report(error)
        }
    }

    private func handle(
        _ result: Result<HTTPClient.Response, HTTPClient.Failure>, _ slot: Slot, _ request: Request
    ) throws(JournalError) {
        switch result {
        case .failure(let failure):
            // libcurl's error does not name the cause: the diagnosis looks for it.
            if let probe = ServerProbe(url: options.url, files: options.client.tlsFiles) {
                status.diagnose(probe)
            }
            if failure.concernsTLS { requests.tlsFailed() }
            backOff(slot, request, failure.description)
        case .success(let response):
            status.serverAnswered(response)
            switch response.status {
            case 200..<300
            where !request.events.isEmpty
                && options.form?.success?.isReceipt(response.body) == false:
                try sendOneByOne(slot, request, response)
            case 200..<300: try handleSuccess(slot, request, response)
            case 401, 403:
                requests.discardCredentials()
                backOff(slot, request, refusals.sentence(response), response)
            case 429, 503: backOff(slot, request, refusals.sentence(response), response)
            default: try sendOneByOne(slot, request, response)
            }
        }
    }

    /// The centre does not take a request. Its events are sent one by one, to find the one that
    /// fails.
    private func sendOneByOne(
        _ slot: Slot, _ request: Request, _ response: HTTPClient.Response
    ) throws(JournalError) {
        let sentence = refusals.sentence(response)
        let now = MonotonicClock.now
        if request.events.count > 1 {
            requests.apply(.split(request.events.count), to: slot)
            return dispatch.postpone(request.events, until: now)
        }
        guard let only = request.events.first else {
            return backOff(slot, request, sentence, response)
        }
        let wait = only == cause.lastFailed ? Self.longestUrgentPause : Self.firstPause
        cause.apply(.failedAlone(only))
        // A centre that takes no event at all does not refuse a certain one.
        let isAlone = cause == .event(only)
        if isAlone, slot == .bulk, [400, 413, 422].contains(response.status) {
            let refusal = CentreAnswer.Refusal(id: only, reason: HTTPRefusal.summary(response))
            return try handleSuccess(
                slot, request, HTTPClient.Response(status: 200), refusing: refusal)
        }
        if isAlone {
            log.error(
                "\(settings.centre): event \(only): \(sentence). It is sent again alone, and others go before it."
            )
        } else {
            backOff(slot, request, sentence, response)
        }
        dispatch.isolate(only, until: now + wait)
    }

    private func handleSuccess(
        _ slot: Slot, _ request: Request, _ response: HTTPClient.Response,
        refusing refusal: CentreAnswer.Refusal? = nil
    ) throws(JournalError) {
        let hasEvents = !request.events.isEmpty
        backoffs[slot, default: Backoff()].connected(at: MonotonicClock.now)
        // No remark where a form defines success, nor on the site's state, which a centre may
        // refuse.
        let body = SuccessBody(
            response, settings,
            mayNameError: refusal == nil && hasEvents && options.form?.success == nil,
            url: options.url)
        if let command = body.refusedCommand { context.refuse(command, of: settings.centre) }
        if let mistake = body.mistake { context.reject(mistake, of: settings.centre) }
        context.noteMistakes(in: body.answer, of: settings.centre)
        if let problem = body.unreadableRefusal {
            return rejectReceipts(slot, request, response, problem)
        }
        if refusal == nil { status.note(body.remark, hasEvents: hasEvents) }
        let idle = Set(Self.lanes.filter { !dispatch.hasInFlight(of: $0.value) }.keys)
        if status.succeeded(slot, hasEvents: hasEvents, idle: idle), requests.hasNoEventsInFlight {
            dispatch.startConnection(
                lastRowID: context.lastRowID(of: journal, for: settings.centre),
                now: MonotonicClock.now)
        }
        if refusal == nil, hasEvents {
            if cause.isCentre { dispatch.endIsolation(now: MonotonicClock.now) }
            cause.apply(.succeeded)
        }
        for command in body.answer.commands where !context.storeCommand(command) {
            log.error(
                "\(settings.centre): a command could not be written to disk; the centre must send it again"
            )
        }
        let refused = body.answer.refused + (refusal.map { [$0] } ?? [])
        let refusedIDs = Set(refused.map(\.id))
        let stored = Set(request.events).subtracting(refusedIDs).sorted() + body.answer.stored
        if !stored.isEmpty || !refused.isEmpty {
            try ReceiptHandler(settings: settings, context: context, journal: journal)
                .apply(stored: stored, refused: refused, &dispatch)
        }
    }

    private func rejectReceipts(
        _ slot: Slot, _ request: Request, _ response: HTTPClient.Response, _ problem: String
    ) {
        backOff(
            slot, request,
            "its answer contains a refusal that cannot be read: \(problem). So no event of the request counts as stored",
            response)
    }

    private var refusals: HTTPRefusal {
        HTTPRefusal(
            url: options.url, authorization: options.authorization,
            hasCertificate: options.client.certificateFile != nil, form: options.form?.name)
    }

    private func backOff(
        _ slot: Slot, _ request: Request, _ reason: String, _ response: HTTPClient.Response? = nil
    ) {
        let now = MonotonicClock.now
        var pause = backoffs[slot, default: Backoff()].pause(at: now, using: &random)
        if let wish = response?.headers["retry-after"].flatMap({
            RetryAfter.pause($0, wall: MonotonicClock.wallNanoseconds)
        }) {
            pause = max(
                pause, min(wish, slot == .urgent ? Self.longestUrgentPause : Self.longestPause))
        }
        requests.apply(.paused(until: now + pause), to: slot)
        dispatch.postpone(request.events, until: now + pause)
        cause.apply(.centreFailed)
        if response == nil || response?.status == 503, let first = request.events.first,
            dispatch.attempts(of: first) >= Self.attemptsBeforeSplitting
        {
            if request.events.count > 1 { requests.apply(.split(request.events.count), to: slot) }
            if request.events.count == 1 { dispatch.isolate(first, until: now + pause) }
        }
        status.failed(
            slot, hasEvents: !request.events.isEmpty, isAnswered: response != nil, reason,
            nextIn: pause, at: now)
        if slot == .state, response == nil { schedule.reset() }
    }

    private func report(_ error: any Error) {
        guard let error = error as? JournalError else {
            log.error("\(settings.centre): \(error)")
            return context.update { $0.lastError = "\(error)" }
        }
        context.logDisk(error, "the route to \(settings.centre) goes on when it can be used")
    }
}
