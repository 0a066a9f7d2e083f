/// Whether an event or the centre is the cause of the failures of an HTTPS route: one event that
/// fails alone, while the centre takes others, is its own cause. Two different events that fail one
/// after the other are the centre's failure.
package enum FailureCause: Equatable {
    /// The centre took the last request with events.
    case none
    /// This event failed alone; the centre took the one before it.
    case event(String)
    /// The centre takes nothing, or has taken nothing yet. The last event that failed alone; nil
    /// before the first.
    case centre(last: String?)

    package enum Event {
        /// The centre took a request with events.
        case succeeded
        /// The centre did not answer, or has no room.
        case centreFailed
        /// The centre did not take a request with this event alone.
        case failedAlone(String)
    }

    package mutating func apply(_ event: Event) {
        switch (event, self) {
        case (.succeeded, _): self = .none
        case (.centreFailed, .none): self = .centre(last: nil)
        case (.centreFailed, .event(let last)): self = .centre(last: last)
        case (.centreFailed, .centre): break
        case (.failedAlone(let id), .none): self = .event(id)
        // An event that fails again tells nothing new about the centre.
        case (.failedAlone(let id), .event(let last)):
            self = id == last ? .event(id) : .centre(last: id)
        case (.failedAlone(let id), .centre): self = .centre(last: id)
        }
    }

    /// The last event that failed alone, since the last success.
    package var lastFailed: String? {
        switch self {
        case .none: nil
        case .event(let id): id
        case .centre(let last): last
        }
    }

    package var isCentre: Bool { if case .centre = self { true } else { false } }
}
