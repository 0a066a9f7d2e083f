import Connectivity
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
    private struct InFlight {
        var ticket: HTTPClient.Ticket
        var events: [String] = []
    }
    private struct Pause {
        var until: Int64 = 0
        var backoff = Backoff()
    }

    private static let minStateInterval = Duration.seconds(2)
    private static let stateInterval = Duration.seconds(60)
    /// The interval while an incident is open: each response may contain centre commands.
    private static let incidentStateInterval = Duration.seconds(10)
    /// An entrapment is sent again after this, even if Retry-After asks for a longer pause.
    private static let longestUrgentPause = Duration.seconds(30)
    /// Short, as other entrapments wait for the response.
    private static let urgentTimeout = Duration.seconds(8)
    /// The pause before the first new attempt with an event that failed alone.
    private static let firstPause = Duration.seconds(1)
    private static let longestPause = Duration.seconds(3600)

    /// Attempts without a response before the events of a batch are sent one by one.
    private static let attemptsBeforeSplitting = 3

    private static let single = CloudEvent.contentType
    private static let lanes: [Slot: [Lane]] = [.urgent: [.entrapment], .bulk: [.fault, .info]]

    private let settings: RouteSettings
    private let options: Options
    private let context: RouteContext
    private let journal: Journal
    private var client: HTTPClient
    /// Certificates may have changed: libcurl caches those of a connection, and its authorities for
    /// a day.
    private var wantsNewClient = false
    private var secretsInUse: UInt64
    private var reloads: Int
    private var authorization: HTTPAuthorization
    private var dispatch: Dispatch
    private let envelope: Envelope
    private var inFlight: [Slot: InFlight] = [:]
    private var pauses: [Slot: Pause] = [:]
    private var health = RouteHealth()
    /// After a batch has failed, so many events are still to be sent one by one.
    private var remainingSingles: [Slot: Int] = [:]
    /// Different events that failed alone, one after another. One failure is the event's, more are
    /// the centre's.
    private var singleFailures = 2
    private var lastFailed = ""
    private var lastState: (state: SiteState, at: Int64)?
    private var lastHeartbeat = 0
    private var isConnected = false
    private let diagnosis = LinkDiagnosis()
    private var troubles = TroubleLog()
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
        self.client = client
        authorization = HTTPAuthorization(options.authorization, currentSecret: options.currentSecret)
        secretsInUse = settings.secretsHash() ?? 0
        reloads = context.delivery.reloads
        dispatch = Dispatch(settings.dispatch)
        journal = try Journal(forDelivery: settings.journalPath)
        envelope = Envelope(journal, settings.signer)
        dispatch.startConnection(lastRowID: try journal.lastRowID(), now: MonotonicClock.nanoseconds)
        for slot in Slot.allCases { pauses[slot] = Pause() }
    }

    // MARK: The loop

    private func run() {
        while !context.isStopping() {
            let now = MonotonicClock.nanoseconds
            context.update { $0.lastTurn = now }
            noticeReload()
            renewClient()
            do {
                if authorization.isReady(at: now) {
                    try sendEvents(.urgent, now)
                    try sendEvents(.bulk, now)
                    sendState(now)
                } else {
                    authorization.request(by: client, at: now)
                }
                if client.wait(alsoFor: context.wakeUp.descriptor, atMost: .milliseconds(200)) {
                    context.wakeUp.clear()
                }
                for (ticket, result) in client.finished() { handle(result, of: ticket) }
                noteDiagnosis()
            } catch {
                context.delivery.note(error)
                report(.bulk, "\(error)")
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
        authorization.discard()
        authorization.retryAtOnce()
        wantsNewClient = true
        for slot in Slot.allCases { pauses[slot]?.until = 0 }
        log.notice("\(settings.centre): a secret or a certificate has changed, and is used from now on")
    }

    /// Replaces the client, once no request is in flight.
    private func renewClient() {
        guard wantsNewClient, inFlight.isEmpty, !authorization.isRequesting, let fresh = HTTPClient(options.client)
        else {
            return
        }
        client = fresh
        wantsNewClient = false
    }

    private func sendEvents(_ slot: Slot, _ now: Int64) throws(JournalError) {
        // An event without a code in the form counts as delivered without a request: the next one
        // follows.
        while inFlight[slot] == nil, now >= pauses[slot]?.until ?? 0, !context.isStopping() {
            let isSingle = remainingSingles[slot] ?? 0 > 0 || options.form != nil
            let transmissions = try dispatch.next(
                from: journal,
                unjournalled: context.delivery.unjournalled(for: settings.centre, lanes: settings.lanes), now: now,
                time: context.clock(), lanes: Self.lanes[slot] ?? [], limit: isSingle ? 1 : options.batch)
            guard let first = transmissions.first else { return }
            guard let form = options.form else { return try send(transmissions, slot) }
            try send(first, as: form, slot)
        }
    }

    private func send(_ transmissions: [Dispatch.Transmission], _ slot: Slot) throws(JournalError) {
        if let left = remainingSingles[slot], left > 0 { remainingSingles[slot] = left - 1 }
        var events: [[UInt8]] = []
        for transmission in transmissions {
            events.append(try envelope.json(transmission, at: context.calendar()))
        }
        let ids = transmissions.map(\.row.eventID)
        dispatch.postpone(ids, until: .max)
        let isBatch = transmissions.count > 1
        let body =
            isBatch
            ? [UInt8(ascii: "[")] + events.joined(separator: [UInt8(ascii: ",")]) + [UInt8(ascii: "]")]
            : events[0]
        post(body, as: isBatch ? "application/cloudevents-batch+json" : Self.single, slot, ids)
        context.update {
            $0.sent += transmissions.count
            $0.resent += transmissions.count { $0.attempt > 1 }
        }
    }

    /// Sends an event in the centre's form. An event without a code in the form counts as
    /// delivered.
    private func send(
        _ transmission: Dispatch.Transmission, as form: CentreForm, _ slot: Slot
    ) throws(JournalError) {
        let id = transmission.row.eventID
        guard let body = form.json(of: transmission.row.body, isOver: try journal.isOver(id)) else {
            return try ReceiptHandler(settings: settings, context: context, journal: journal)
                .apply(stored: [id], refused: [], &dispatch)
        }
        dispatch.postpone([id], until: .max)
        post(body, as: form.contentType, slot, [id])
        context.update {
            $0.sent += 1
            $0.resent += transmission.attempt > 1 ? 1 : 0
        }
    }

    /// Sends the site's state and the heartbeat, which need no receipt.
    private func sendState(_ now: Int64) {
        guard options.form == nil, inFlight[.state] == nil, now >= pauses[.state]?.until ?? 0 else { return }
        let heartbeat = context.delivery.heartbeat
        if heartbeat.number != lastHeartbeat {
            lastHeartbeat = heartbeat.number
            return post(heartbeat.body, as: Self.single, .state)
        }
        let state = context.delivery.siteState.filtered(to: settings.lanes)
        if let last = lastState {
            let age = Duration.nanoseconds(now - last.at)
            let interval = state.incidents.isEmpty ? Self.stateInterval : Self.incidentStateInterval
            guard age >= interval || (state != last.state && age >= Self.minStateInterval) else { return }
        }
        lastState = (state, now)
        post(
            state.json(site: settings.site, at: context.calendar()), as: Self.single, .state)
    }

    private func post(_ body: [UInt8], as type: String, _ slot: Slot, _ events: [String] = []) {
        var headers = [(name: "Content-Type", value: type)]
        if let value = authorization.header { headers.append(("Authorization", value)) }
        var request = InFlight(ticket: 0, events: events)
        do throws(HTTPClient.Failure) {
            request.ticket = try client.start(
                HTTPClient.Request(
                    url: options.url, headers: headers, body: body,
                    timeout: slot == .urgent ? Self.urgentTimeout : nil))
            inFlight[slot] = request
        } catch { backOff(slot, request, error.description) }
    }

    // MARK: The centre's responses

    private func handle(_ result: Result<HTTPClient.Response, HTTPClient.Failure>, of ticket: Int) {
        if authorization.handle(result, of: ticket, at: MonotonicClock.nanoseconds, of: settings.centre, log) {
            // Without a token no event is sent, and no other request would report the cause.
            if let problem = authorization.problem { setConnected(false, because: problem) }
            return
        }
        guard let (slot, request) = inFlight.first(where: { $0.value.ticket == ticket }) else { return }
        inFlight[slot] = nil
        do throws(JournalError) { try handle(result, slot, request) } catch {
            // The receipt cannot be written now: the events are sent again, and it comes again.
            context.delivery.note(error)
            dispatch.postpone(request.events, until: MonotonicClock.nanoseconds + 5_000_000_000)
            report(slot, error.description)
        }
    }

    private func handle(
        _ result: Result<HTTPClient.Response, HTTPClient.Failure>, _ slot: Slot, _ request: InFlight
    ) throws(JournalError) {
        switch result {
        case .failure(let failure):
            // libcurl's error does not name the cause: the diagnosis looks for it.
            if let probe = ServerProbe(url: options.url, files: options.client.tlsFiles) { diagnosis.start(probe) }
            wantsNewClient = wantsNewClient || failure.concernsTLS
            backOff(slot, request, failure.description)
        case .success(let response):
            // With any status the server was reached.
            diagnosis.reset()
            if let time = response.headers["date"].flatMap({ HTTPDate.time($0) }) {
                let offset = time - Instant(nanoseconds: MonotonicClock.wallNanoseconds)
                context.update { $0.serverClockOffset = offset }
            }
            switch response.status {
            case 200..<300 where !request.events.isEmpty && options.form?.success?.isReceipt(response.body) == false:
                try sendOneByOne(slot, request, response)
            case 200..<300: try handleSuccess(slot, request, response)
            case 401, 403:
                authorization.discard()
                wantsNewClient = true
                backOff(slot, request, refusals.sentence(response), response)
            case 429, 503: backOff(slot, request, refusals.sentence(response), response)
            default: try sendOneByOne(slot, request, response)
            }
        }
    }

    /// The centre does not take a request. Its events are sent one by one, to find the one that
    /// fails.
    private func sendOneByOne(
        _ slot: Slot, _ request: InFlight, _ response: HTTPClient.Response
    ) throws(JournalError) {
        let isSuccess = 200..<300 ~= response.status
        let sentence =
            isSuccess
            ? "\(HTTPRefusal.summary(response)) is no receipt by the success: of form '\(options.form?.name ?? "")'"
            : refusals.sentence(response)
        let now = MonotonicClock.nanoseconds
        if request.events.count > 1 {
            remainingSingles[slot] = request.events.count
            return dispatch.postpone(request.events, until: now)
        }
        guard let only = request.events.first else { return backOff(slot, request, sentence, response) }
        // A centre that takes no event at all does not refuse a certain one. An event that fails
        // again tells nothing new about the centre.
        let isAlone = singleFailures == 0 || only == lastFailed && singleFailures == 1
        if only != lastFailed { singleFailures += 1 }
        let wait = only == lastFailed ? Self.longestUrgentPause : Self.firstPause
        lastFailed = only
        if isAlone, slot == .bulk, [400, 413, 422].contains(response.status) {
            let refusal = CentreAnswer.Refusal(id: only, reason: HTTPRefusal.summary(response))
            return try handleSuccess(slot, request, HTTPClient.Response(status: 200), refusing: refusal)
        }
        if isAlone {
            log.error(
                "\(settings.centre): event \(only): \(sentence). It is sent again alone, and others go before it.")
        } else {
            backOff(slot, request, sentence, response)
        }
        dispatch.isolate(only, until: now + wait.nanoseconds)
    }

    private func handleSuccess(
        _ slot: Slot, _ request: InFlight, _ response: HTTPClient.Response,
        refusing refusal: CentreAnswer.Refusal? = nil
    ) throws(JournalError) {
        let hasEvents = !request.events.isEmpty
        pauses[slot]?.until = 0
        pauses[slot]?.backoff.connected(at: MonotonicClock.nanoseconds)
        var answer = CentreAnswer()
        var remark: String?
        if response.body.contains(where: { $0 > 32 }) {
            do throws(CentreAnswer.Problem) {
                answer = try CentreAnswer(response.body, settings.commandRequirements)
                // Not where a form defines success, and not for the site's state, which a centre
                // may refuse.
                if refusal == nil, hasEvents, options.form?.success == nil {
                    remark = NamedError.remark(on: response.body)
                }
            } catch {
                if error.namesRefusal { return rejectReceipts(slot, request, response, error.description) }
                remark = ForeignBody.remark(on: response, from: options.url)
                if error.namesCommands {
                    context.refuse(RefusedCommand(error.description), of: settings.centre)
                } else if remark == nil, !ForeignBody.saysYes(response.body) {
                    context.reject(error.description, of: settings.centre)
                }
            }
        }
        context.noteMistakes(in: answer, of: settings.centre)
        if answer.hasUnreadableRefusal {
            return rejectReceipts(slot, request, response, answer.problems.last ?? "")
        }
        if refusal == nil { note(remark, hasEvents: hasEvents) }
        let idle = Set(Self.lanes.filter { !dispatch.hasInFlight(of: $0.value) }.keys)
        if health.succeeded(slot, hasEvents: hasEvents, idle: idle) { setConnected(true) }
        if refusal == nil, hasEvents {
            if singleFailures > 1 { dispatch.endIsolation(now: MonotonicClock.nanoseconds) }
            (singleFailures, lastFailed) = (0, "")
        }
        for command in answer.commands where !context.storeCommand(command) {
            log.error("\(settings.centre): a command could not be written to disk; the centre must send it again")
        }
        let refused = answer.refused + (refusal.map { [$0] } ?? [])
        let refusedIDs = Set(refused.map(\.id))
        let stored = Set(request.events).subtracting(refusedIDs).sorted() + answer.stored
        if !stored.isEmpty || !refused.isEmpty {
            try ReceiptHandler(settings: settings, context: context, journal: journal)
                .apply(stored: stored, refused: refused, &dispatch)
        }
    }

    private func rejectReceipts(
        _ slot: Slot, _ request: InFlight, _ response: HTTPClient.Response, _ problem: String
    ) {
        backOff(
            slot, request,
            "its answer contains a refusal that cannot be read: \(problem). So no event of the request counts as stored",
            response)
    }

    private var refusals: HTTPRefusal {
        HTTPRefusal(
            url: options.url, authorization: options.authorization,
            hasCertificate: options.client.certificateFile != nil)
    }

    /// Reports a remark on a 2xx, which is a receipt all the same. A response without a remark ends
    /// the former one.
    private func note(_ remark: String?, hasEvents: Bool) {
        if health.note(remark, hasEvents: hasEvents), let remark { log.error("\(settings.centre): \(remark)") }
        context.update { $0.problems = health.problems }
    }

    private func backOff(
        _ slot: Slot, _ request: InFlight, _ reason: String, _ response: HTTPClient.Response? = nil
    ) {
        let now = MonotonicClock.nanoseconds
        var pause = pauses[slot]?.backoff.pause(at: now, using: &random) ?? .seconds(1)
        if let wish = response?.headers["retry-after"].flatMap({
            RetryAfter.pause($0, wall: MonotonicClock.wallNanoseconds)
        }) {
            pause = max(pause, min(wish, slot == .urgent ? Self.longestUrgentPause : Self.longestPause))
        }
        pauses[slot]?.until = now + pause.nanoseconds
        dispatch.postpone(request.events, until: now + pause.nanoseconds)
        singleFailures = max(2, singleFailures)
        if response == nil || response?.status == 503, let first = request.events.first,
            dispatch.attempts(of: first) >= Self.attemptsBeforeSplitting
        {
            if request.events.count > 1 { remainingSingles[slot] = request.events.count }
            if request.events.count == 1 { dispatch.isolate(first, until: now + pause.nanoseconds) }
        }
        let trouble = diagnosis.finding?.description ?? reason + "."
        if let line = troubles.line(trouble, nextIn: pause, at: now) { log.warning("\(settings.centre): \(line)") }
        // A centre that refuses the site's state may accept alerts.
        if slot == .state, response != nil {
            if !isConnected, !health.hasFailingEvents { context.update { $0.lastError = reason } }
            return
        }
        health.failed(slot, hasEvents: !request.events.isEmpty)
        if slot == .state { (lastState, lastHeartbeat) = (nil, 0) }
        setConnected(false, because: reason)
    }

    private func report(_ slot: Slot, _ reason: String) {
        log.error("\(settings.centre): \(reason)")
        context.update { $0.lastError = reason }
    }

    private func setConnected(_ isConnected: Bool, because reason: String = "") {
        if isConnected {
            diagnosis.reset()
            troubles.reset()
        }
        if isConnected, !self.isConnected {
            log.info("\(settings.centre): reached over \(masked(url: options.url))")
            if inFlight.values.allSatisfy(\.events.isEmpty), let last = try? journal.lastRowID() {
                dispatch.startConnection(lastRowID: last, now: MonotonicClock.nanoseconds)
            }
        }
        self.isConnected = isConnected
        context.update {
            $0.isConnected = isConnected
            if !isConnected {
                $0.connectFailures += 1
                $0.lastError = diagnosis.finding?.description ?? reason
            }
        }
    }

    /// Logs the cause of a failure, once it is found.
    private func noteDiagnosis() {
        guard let cause = diagnosis.takeNewFinding() else { return }
        log.error("\(settings.centre): \(cause)")
        troubles.note(cause.description, at: MonotonicClock.nanoseconds)
        if !isConnected { context.update { $0.lastError = cause.description } }
    }
}
