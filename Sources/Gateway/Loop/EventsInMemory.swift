import Delivery
import GatewayCore
import Journal
import LiftModel
import Logging
import Platform

/// Undelivered events that the disk has not taken: a restart loses them.
struct EventsInMemory {
    /// Those that no journal has.
    var count = 0
    /// Those that the last run's journal has, too, which cannot be written now.
    var alsoInPastJournal = 0
    /// How long the oldest has waited; nil where there is none.
    var oldest: Duration?

    var all: Int { count + alsoInPastJournal }
}

extension TelemetryLoop {
    func eventsInMemory(at now: MonotonicTime) -> EventsInMemory {
        var found = EventsInMemory()
        for (id, since) in delivery.undelivered(to: settings.core.lanes) {
            if eventsInPastJournal.contains(id) {
                found.alsoInPastJournal += 1
            } else {
                found.count += 1
            }
            found.oldest = max(found.oldest ?? .zero, now - since)
        }
        return found
    }

    /// Names the undelivered events that end with this process, because the last commit failed:
    /// nobody could find out otherwise that there were any.
    func logWhatEnds() {
        var counts: [String: Int] = [:]
        for (kind, event) in core.uncommittedEvents
        where !eventsInPastJournal.contains(event.id)
            && delivery.isUndelivered(event, to: settings.core.lanes)
        {
            counts[kind, default: 0] += 1
        }
        if counts.isEmpty { return }
        let total = counts.values.reduce(0, +)
        let kinds = counts.sorted { $0.key < $1.key }.map { "\($0.value) of \($0.key)" }
        log.critical(
            "\(total) event\(total == 1 ? " ends" : "s end") with this process: in memory only, and not delivered (\(kinds.joined(separator: ", "))). The disk has not taken them: \(core.diskTrouble?.reason ?? "no commit"). Tell the centre; what lasts is found again after the next start"
        )
    }
}
