import LiftModel

/// The state of a route's connection to the centre's MQTT broker.
///
///     down ──started──▶ connecting ──accepted──▶ subscribing ──subscribed──▶ ready
///      ▲                    │                        │                        │
///      └───── dropped ──── lost ◀─── refused, closed, broken ─────────────────┘
///
/// Has no clock and no I/O: the route reports what happens, and passes the time in monotonic
/// nanoseconds. The route may drop the connection in any state.
package struct CentreLink: Equatable {
    package enum State: Equatable {
        /// There is no connection until the next attempt; how the last one ended.
        case down(until: Int64, End)
        /// The broker has not answered CONNECT.
        case connecting(since: Int64)
        /// The broker has accepted the connection. The topics of the subscriptions that it has not
        /// answered, by packet id.
        case subscribing(since: Int64, awaited: [Int32: String])
        /// Events are sent.
        case ready
        /// The connection has ended, and the route has not dropped it yet.
        case lost(End, wasReady: Bool)
    }

    /// How a connection ended.
    package struct End: Equatable {
        /// The broker had answered CONNECT.
        var hasAnswered = false
        /// The broker's reason, or the library's guess; a whole sentence.
        var reason: String?
    }

    package enum Event {
        /// An attempt to connect starts.
        case started(at: Int64)
        case accepted
        /// A subscription is sent.
        case awaits(Int32, topic: String)
        /// The broker has answered a subscription.
        case subscribed(Int32)
        /// The broker has refused CONNECT.
        case refused(String)
        /// The broker has closed the connection, and says why.
        case closed(String)
        /// The connection ended without a reason of the broker's; the library's guess.
        case broken(guess: String?)
        /// The route gives the connection up.
        /// - Parameter refusal: what the broker refused on this connection.
        case dropped(until: Int64, refusal: String?)
        /// The pause before the next attempt is over: other secrets may succeed.
        case pauseEnded
        /// The broker has taken the site's state or an event.
        case delivered
    }

    package private(set) var state = State.down(until: 0, End())
    /// The last refusal of an earlier connection, until the broker takes something: the next
    /// connections may end without a reason.
    private var lastRefusal: String?

    /// The broker must answer within this time, and acknowledge a publication.
    package static let answerTimeout = Duration.seconds(15)

    package init() {}

    package mutating func apply(_ event: Event) {
        switch (event, state) {
        case (.started(let now), _): state = .connecting(since: now)
        case (.accepted, .connecting(let since)): state = .subscribing(since: since, awaited: [:])
        case (.awaits(let id, let topic), .subscribing(let since, var awaited)):
            awaited[id] = topic
            state = .subscribing(since: since, awaited: awaited)
        case (.subscribed(let id), .subscribing(let since, var awaited)) where awaited[id] != nil:
            awaited[id] = nil
            state = awaited.isEmpty ? .ready : .subscribing(since: since, awaited: awaited)
        case (.refused(let reason), _): lose(End(hasAnswered: true, reason: reason))
        case (.closed(let reason), _): lose(End(hasAnswered: end.hasAnswered, reason: reason))
        case (.broken(let guess), _):
            lose(End(hasAnswered: end.hasAnswered, reason: end.reason ?? guess))
        case (.dropped(let time, let refusal), _):
            lastRefusal = end.reason ?? refusal ?? lastRefusal
            state = .down(until: time, end)
        case (.pauseEnded, .down(_, let end)): state = .down(until: 0, end)
        case (.delivered, _): lastRefusal = nil
        case (.accepted, _), (.awaits, _), (.subscribed, _), (.pauseEnded, _): break
        }
    }

    private mutating func lose(_ end: End) { state = .lost(end, wasReady: isReady) }

    /// The end of the connection, as far as it is known.
    private var end: End {
        switch state {
        case .down(_, let end), .lost(let end, _): end
        case .connecting: End()
        case .subscribing, .ready: End(hasAnswered: true)
        }
    }

    // MARK: What follows for the route

    /// An attempt to connect is due.
    package func isDue(at now: Int64) -> Bool {
        if case .down(let time, _) = state { now >= time } else { false }
    }
    /// Events are sent; also in the turn in which the connection ends.
    package var isReady: Bool {
        switch state {
        case .ready, .lost(_, wasReady: true): true
        default: false
        }
    }
    package var isLost: Bool { if case .lost = state { true } else { false } }
    /// The broker has answered CONNECT on this connection, or on the last one.
    package var hasAnswered: Bool { end.hasAnswered }
    /// The reason for the end of this connection, or of the last one; nil where there is none.
    package var refusal: String? { end.reason }

    /// The topic of a subscription that the broker has not answered.
    package func topic(awaitedBy id: Int32) -> String? {
        if case .subscribing(_, let awaited) = state { awaited[id] } else { nil }
    }

    /// The broker has not answered the connection, or a subscription, for too long.
    package func isSilent(at now: Int64) -> Bool {
        switch state {
        case .connecting(let since), .subscribing(let since, _):
            .nanoseconds(now - since) > Self.answerTimeout
        case .down, .ready, .lost: false
        }
    }

    /// An addition to an error: the broker's last refusal, where the last connection ended without
    /// a reason.
    package var earlierRefusal: String {
        refusal == nil ? lastRefusal.map { " Before that: \($0)" } ?? "" : ""
    }
}
