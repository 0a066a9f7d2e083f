import LiftModel

/// One kind of request of an HTTPS route, of which at most one is in flight at a time.
///
///     waiting ──sent──▶ inFlight ──finished──▶ waiting
///
/// Has no clock and no I/O: the route reports what happens.
package struct RequestSlot: Equatable {
    package struct Request: Equatable {
        /// Identifies the request; the HTTP client gave it.
        package var ticket: Int
        /// The ids of its events; none for the site's state.
        package var events: [String]

        package init(ticket: Int, events: [String]) {
            self.ticket = ticket
            self.events = events
        }
    }

    package enum State: Equatable {
        /// No request is sent before this time.
        case waiting(until: MonotonicTime)
        case inFlight(Request)
    }

    package enum Event {
        case sent(Request)
        /// The request has succeeded or failed.
        case finished
        /// The next request waits for this time.
        case paused(until: MonotonicTime)
        /// A pause is over, whatever its length.
        case pauseEnded
        /// The next events, so many, are sent one by one: one of them may make a batch fail.
        case split(Int)
        /// A request is made of the next events.
        case tookEvents
    }

    package private(set) var state = State.waiting(until: .boot)
    /// So many events are still to be sent one by one.
    private var singles = 0

    package init() {}

    package mutating func apply(_ event: Event) {
        switch (event, state) {
        case (.sent(let request), _): state = .inFlight(request)
        case (.finished, .inFlight): state = .waiting(until: .boot)
        case (.paused(let time), _): state = .waiting(until: time)
        case (.pauseEnded, .waiting): state = .waiting(until: .boot)
        case (.split(let count), _): singles = count
        case (.tookEvents, _): singles = max(0, singles - 1)
        case (.finished, .waiting), (.pauseEnded, .inFlight): break
        }
    }

    // MARK: What follows for the route

    package var request: Request? {
        if case .inFlight(let request) = state { request } else { nil }
    }
    /// A request may be sent.
    package func isFree(at now: MonotonicTime) -> Bool {
        if case .waiting(let time) = state { now >= time } else { false }
    }
    /// The next request has one event only.
    package var sendsSingles: Bool { singles > 0 }
}
