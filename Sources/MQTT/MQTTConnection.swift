import LiftModel

/// The state of a connection to an MQTT broker, for each owner of one: the telemetry loop, a route
/// to a centre, the simulator.
///
///     down ──started──▶ connecting ──accepted──▶ subscribing ──subscribed──▶ ready
///      ▲                    │                        │                        │
///      └───── dropped ──── lost ◀─── refused, closed, broken ─────────────────┘
///
/// Has no clock and no I/O: the owner reports what happens, and passes the time. The owner may
/// drop the connection in any state.
package struct MQTTConnection: Equatable {
    package enum State: Equatable {
        /// There is no connection until the next attempt; how the last one ended.
        case down(until: MonotonicTime, End)
        /// The broker has not answered CONNECT.
        case connecting(Waiting)
        /// The broker has accepted the connection. The filters of the subscriptions that it has not
        /// answered, by packet id.
        /// Without any subscription it stays so.
        case subscribing(Waiting, awaited: [Int32: String])
        /// Every subscription is answered.
        case ready
        /// The connection has ended, and the owner has not dropped it yet.
        case lost(End, wasReady: Bool)
    }

    /// Since when the broker's answers are awaited.
    package struct Waiting: Equatable {
        var since: MonotonicTime
        /// When the broker last sent anything. A persistent session may send a whole window of
        /// messages before it answers SUBSCRIBE.
        var lastHeard: MonotonicTime

        init(since now: MonotonicTime) { (since, lastHeard) = (now, now) }
    }

    /// How a connection ended.
    package struct End: Equatable {
        /// The broker had answered CONNECT.
        var hasAnswered = false
        /// The broker's reason, or what this side knows or guesses.
        var reason: String?
    }

    package enum Event {
        /// An attempt to connect starts, or its socket is open.
        case started(at: MonotonicTime)
        /// The broker has sent something.
        case heard(at: MonotonicTime)
        case accepted
        /// A subscription is sent.
        case awaits(Int32, topic: String)
        /// The broker has answered a subscription.
        case subscribed(Int32)
        /// The broker has refused CONNECT.
        case refused(String)
        /// The broker has closed the connection, and says why.
        case closed(String)
        /// The connection ended without a reason of the broker's, or this side ends it; the
        /// library's guess, or this side's reason.
        case broken(String?)
        /// The owner gives the connection up.
        /// - Parameter refusal: what the broker refused on this connection.
        case dropped(until: MonotonicTime, refusal: String? = nil)
        /// The pause before the next attempt is over: other secrets may succeed.
        case pauseEnded
        /// The broker has taken a publication that matters.
        case delivered
    }

    package private(set) var state = State.down(until: .boot, End())
    /// The last refusal of an earlier connection, until the broker takes something: the next
    /// connections may end without a reason.
    private var lastRefusal: String?

    /// The broker must answer within this time, and acknowledge a publication.
    package static let answerTimeout = Duration.seconds(15)
    /// All of a connection's subscriptions must be answered within this time.
    package static let subscribingTimeout = Duration.seconds(120)

    package init() {}

    package mutating func apply(_ event: Event) {
        switch (event, state) {
        case (.started(let now), _): state = .connecting(Waiting(since: now))
        case (.heard(let now), .connecting(var waiting)):
            waiting.lastHeard = now
            state = .connecting(waiting)
        case (.heard(let now), .subscribing(var waiting, let awaited)):
            waiting.lastHeard = now
            state = .subscribing(waiting, awaited: awaited)
        case (.accepted, .connecting(let waiting)): state = .subscribing(waiting, awaited: [:])
        case (.awaits(let id, let topic), .subscribing(let waiting, var awaited)):
            awaited[id] = topic
            state = .subscribing(waiting, awaited: awaited)
        case (.subscribed(let id), .subscribing(let waiting, var awaited)) where awaited[id] != nil:
            awaited[id] = nil
            state = awaited.isEmpty ? .ready : .subscribing(waiting, awaited: awaited)
        case (.refused(let reason), _): lose(End(hasAnswered: true, reason: reason))
        case (.closed(let reason), _): lose(End(hasAnswered: end.hasAnswered, reason: reason))
        case (.broken(let guess), _):
            lose(End(hasAnswered: end.hasAnswered, reason: end.reason ?? guess))
        case (.dropped(let time, let refusal), _):
            lastRefusal = end.reason ?? refusal ?? lastRefusal
            state = .down(until: time, end)
        case (.pauseEnded, .down(_, let end)): state = .down(until: .boot, end)
        case (.delivered, _): lastRefusal = nil
        case (.heard, _), (.accepted, _), (.awaits, _), (.subscribed, _), (.pauseEnded, _): break
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

    // MARK: What follows for the owner

    /// When the next attempt to connect is due; nil while there is a connection or an attempt.
    package var retryAt: MonotonicTime? { if case .down(let time, _) = state { time } else { nil } }
    /// An attempt to connect is due.
    package func isDue(at now: MonotonicTime) -> Bool { retryAt.map { now >= $0 } ?? false }
    /// The broker has accepted the connection.
    package var isAccepted: Bool {
        switch state {
        case .subscribing, .ready: true
        case .down, .connecting, .lost: false
        }
    }
    /// Every subscription is answered; also in the turn in which the connection ends.
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
    package var endReason: String? { end.reason }

    /// The topic of a subscription that the broker has not answered.
    package func topic(awaitedBy id: Int32) -> String? {
        if case .subscribing(_, let awaited) = state { awaited[id] } else { nil }
    }

    /// How long the broker has not answered, where that is too long; nil where it is not.
    package func silence(at now: MonotonicTime) -> Duration? {
        switch state {
        case .connecting(let waiting), .subscribing(let waiting, _):
            let unheard = now - waiting.lastHeard
            let unanswered = now - waiting.since
            if unheard > Self.answerTimeout { return unheard }
            return unanswered > Self.subscribingTimeout ? unanswered : nil
        case .down, .ready, .lost: return nil
        }
    }

    /// The reason for the end of this connection, or else of an earlier one.
    package var latestEndReason: String? { endReason ?? lastRefusal }

    /// An addition to an error: the broker's last refusal, where the last connection ended without
    /// a reason.
    package var earlierEndText: String {
        endReason == nil ? lastRefusal.map { " Before that: \($0)" } ?? "" : ""
    }
}
