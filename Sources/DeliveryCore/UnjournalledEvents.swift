import Journal
import LiftModel

/// Events that are not durable, because the disk is full, fails, or hangs in a sync. The routes
/// send them from memory, and each centre's receipts for them are remembered until they are
/// journalled.
package struct UnjournalledEvents: Sendable {
    /// A sync takes some milliseconds. A commit that hangs for longer must not delay an entrapment.
    package static let longestCommit = Duration.seconds(1)

    private var events: [OutboundEvent] = []
    /// When each of them was first given to the routes.
    private var since: [String: MonotonicTime] = [:]
    /// The events of the present commit, and its start. They include `events`.
    private var committing: (events: [OutboundEvent], since: MonotonicTime)?
    /// The ids of those events that each centre has stored.
    private var stored: [String: Set<String>] = [:]

    package init() {}

    /// The routes send these from memory, as the disk does not take them now.
    package mutating func send(_ events: [OutboundEvent], at now: MonotonicTime) {
        self.events = events
        since = Dictionary(events.map { ($0.id, since[$0.id] ?? now) }, uniquingKeysWith: min)
    }
    /// A commit of these events starts. `commitSucceeded` or `commitFailed` follows.
    package mutating func commitStarted(with events: [OutboundEvent], at now: MonotonicTime) {
        committing = (events, now)
    }
    package mutating func commitFailed() { committing = nil }
    /// All events are journalled now. A copy from memory had no sequence number: each event is sent
    /// once more from its queue, with its number and under the same id, so that no centre misses a
    /// number (docs/contract, "See what is missing").
    package mutating func commitSucceeded() { self = UnjournalledEvents() }

    /// The events to send from memory now.
    private func present(at now: MonotonicTime) -> [OutboundEvent] {
        guard let committing, now - committing.since >= Self.longestCommit else { return events }
        return committing.events
    }

    /// The events that a centre has not stored yet, most urgent first.
    package func waiting(for centre: String, lanes: Set<Lane>, at now: MonotonicTime)
        -> [OutboundEvent]
    {
        let stored = stored[centre] ?? []
        return present(at: now).filter { !stored.contains($0.id) && lanes.contains($0.lane) }
            .sorted { $0.lane.rawValue < $1.lane.rawValue }
    }

    /// A centre that is to receive the event has not stored it.
    /// - Parameter lanes: the lanes that each centre receives.
    package func isUndelivered(_ event: OutboundEvent, to lanes: [String: Set<Lane>]) -> Bool {
        lanes.contains { $1.contains(event.lane) && stored[$0]?.contains(event.id) != true }
    }

    /// The events of a failing disk that are undelivered, and since when.
    package func undelivered(to lanes: [String: Set<Lane>]) -> [(id: String, since: MonotonicTime)]
    {
        events.filter { isUndelivered($0, to: lanes) }.map { ($0.id, since[$0.id] ?? .boot) }
    }

    /// Records which of the events a centre has stored.
    /// - Returns: the other ids, which are those of journalled events.
    package mutating func recordStored(
        _ ids: [String], by centre: String, at now: MonotonicTime
    ) -> [String] {
        let unjournalled = Set(present(at: now).map(\.id))
        stored[centre, default: []].formUnion(unjournalled.intersection(ids))
        return ids.filter { !unjournalled.contains($0) }
    }
}
