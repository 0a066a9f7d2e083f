import LiftModel

/// Whether the gateway observes its lifts: which time counts as silence of a lift.
///
///     deaf ─subscribed─▶ catchingUp ─caughtUp─▶ live ─stalled─▶ behind
///      ▲                     │                   │ ◀──caughtUp────┘
///      └────────lost─────────┴───────────────────┘
enum Observation {
    /// There is no subscription. `since` is on the gateway's time line.
    case deaf(since: Instant)
    /// The broker's backlog is being read; silence does not count yet.
    case catchingUp(deafSince: Instant)
    case live(since: MonotonicTime)
    /// Messages waited unread: silence does not count until they are read.
    case behind(liveSince: MonotonicTime)

    enum Event {
        case subscribed
        case caughtUp(at: MonotonicTime)
        case stalled
        case lost(at: Instant)
    }

    mutating func apply(_ event: Event) {
        switch (self, event) {
        case (.deaf(let since), .subscribed): self = .catchingUp(deafSince: since)
        case (.deaf, _): break
        case (.catchingUp(let since), .lost): self = .deaf(since: since)
        case (.live, .lost(let now)), (.behind, .lost(let now)): self = .deaf(since: now)
        case (.catchingUp, .caughtUp(let now)), (.behind, .caughtUp(let now)):
            self = .live(since: now)
        case (.live(let since), .stalled): self = .behind(liveSince: since)
        case (_, .subscribed), (.live, .caughtUp), (.catchingUp, .stalled), (.behind, .stalled):
            break
        }
    }

    /// Every message that has arrived is read, so that silence counts.
    var isLive: Bool { if case .live = self { true } else { false } }
    /// Live, or behind for a while: an end of the connection begins a gap.
    var isObserving: Bool {
        switch self {
        case .live, .behind: true
        case .deaf, .catchingUp: false
        }
    }
    /// There is a subscription, and messages wait unread.
    var isCatchingUp: Bool {
        switch self {
        case .catchingUp, .behind: true
        case .deaf, .live: false
        }
    }
    /// Since when no lift is observed, on the gateway's time line; nil while lifts are observed.
    var deafSince: Instant? {
        switch self {
        case .deaf(let since), .catchingUp(let since): since
        case .live, .behind: nil
        }
    }
    /// When the backlog was read.
    var liveSince: MonotonicTime? {
        switch self {
        case .live(let since), .behind(let since): since
        case .deaf, .catchingUp: nil
        }
    }
}
