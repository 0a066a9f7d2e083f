import DeliveryCore
import HTTP
import LiftModel

/// The requests of an HTTPS route: the client that sends them, the gateway's authorization, and a
/// slot for each kind of request.
struct HTTPSRequests {
    typealias Slot = RouteHealth.Slot
    typealias Request = RequestSlot.Request

    /// Short, as other entrapments wait for the response.
    private static let urgentTimeout = Duration.seconds(8)

    private let options: HTTPSRoute.Options
    private var client: HTTPClient
    /// Certificates may have changed: libcurl caches those of a connection, and its authorities for
    /// a day.
    private var wantsNewClient = false
    private(set) var authorization: HTTPAuthorization
    private var slots: [Slot: RequestSlot] = [:]

    init(_ options: HTTPSRoute.Options, by client: HTTPClient) {
        self.options = options
        self.client = client
        authorization = HTTPAuthorization(
            options.authorization, currentSecret: options.currentSecret)
    }

    // MARK: The slots

    subscript(_ slot: Slot) -> RequestSlot { slots[slot] ?? RequestSlot() }
    mutating func apply(_ event: RequestSlot.Event, to slot: Slot) {
        slots[slot, default: RequestSlot()].apply(event)
    }

    /// No request with events is in flight.
    var hasNoEventsInFlight: Bool { slots.values.allSatisfy { $0.request?.events.isEmpty ?? true } }

    /// Starts a request in a free slot.
    /// - Throws: `HTTPClient.Failure` where libcurl does not take it; the slot stays free.
    mutating func post(
        _ body: [UInt8], as type: String, _ slot: Slot, _ events: [String]
    ) throws(HTTPClient.Failure) {
        var headers = [(name: "Content-Type", value: type)]
        if let value = authorization.header { headers.append(("Authorization", value)) }
        let ticket = try client.start(
            HTTPClient.Request(
                url: options.url, headers: headers, body: body,
                timeout: slot == .urgent ? Self.urgentTimeout : nil))
        apply(.sent(Request(ticket: ticket, events: events)), to: slot)
    }

    /// Waits until a request has ended, or the descriptor is readable.
    /// - Returns: whether the descriptor is.
    func wait(alsoFor descriptor: Int32, atMost time: Duration) -> Bool {
        client.wait(alsoFor: descriptor, atMost: time)
    }

    func finished() -> [(
        ticket: HTTPClient.Ticket, result: Result<HTTPClient.Response, HTTPClient.Failure>
    )] {
        client.finished()
    }

    /// Frees the slot of a request that has ended.
    /// - Returns: nil where no slot has the ticket.
    mutating func take(_ ticket: HTTPClient.Ticket) -> (slot: Slot, request: Request)? {
        for (slot, state) in slots {
            guard let request = state.request, request.ticket == ticket else { continue }
            apply(.finished, to: slot)
            return (slot, request)
        }
        return nil
    }

    // MARK: Authorization

    /// Requests a token where one is needed.
    /// - Returns: whether requests may be sent now.
    mutating func authorize(at now: MonotonicTime) -> Bool {
        if authorization.isReady(at: now) { return true }
        authorization.request(by: client, at: now)
        return false
    }

    /// Handles the response to a request for a token.
    /// - Returns: false where the ticket is of another request.
    mutating func handleToken(
        _ result: Result<HTTPClient.Response, HTTPClient.Failure>, of ticket: HTTPClient.Ticket,
        at now: MonotonicTime,
        of centre: String, _ context: RouteContext
    ) -> Bool {
        authorization.handle(result, of: ticket, at: now, of: centre, context.log)
    }

    /// The centre does not accept the gateway: a new token, and the certificate is read again.
    mutating func discardCredentials() {
        authorization.discard()
        wantsNewClient = true
    }

    /// Secrets or certificates have changed: they are used at once.
    mutating func secretsChanged() {
        discardCredentials()
        authorization.retryAtOnce()
        for slot in Slot.allCases { apply(.pauseEnded, to: slot) }
    }

    /// A certificate may be the cause of the failure.
    mutating func tlsFailed() { wantsNewClient = true }

    /// Replaces the client, where it is to be and no request is in flight.
    mutating func renewClient() {
        guard wantsNewClient, slots.values.allSatisfy({ $0.request == nil }),
            !authorization.isRequesting,
            let fresh = HTTPClient(options.client)
        else { return }
        client = fresh
        wantsNewClient = false
    }
}
