import Detection
import Elevator
import Journal
import Mosquitto
import Synchronization

/// What a run without a disk hands over to the next one, which has its journal again.
struct RunMemory {
    /// The detector's, as a snapshot.
    var state: [UInt8]
    var alerts: [Alert]
    var events: [OwedEvent]
    var diskFailing: SiteAlert
    /// The time line goes on.
    var anchor: Int64
}

/// Ends the threads of one run.
final class Ending: Sendable {
    private let isOver = Atomic(false)
    var isSet: Bool { isOver.load(ordering: .relaxed) }
    func set() { isOver.store(true, ordering: .relaxed) }
}

extension TelemetryLoop {
    /// Leaves the broker, and says what the next run cannot find on a disk.
    func handOver() -> RunMemory {
        intake.stopListening(at: clock.now)
        collectAlerts()
        leaveBroker()
        return RunMemory(
            state: intake.detector.snapshot(), alerts: pendingAlerts.map(\.alert),
            events: ((try? journal.owedEvents(limit: 10_000)) ?? []) + pendingEvents,
            diskFailing: diskFailing, anchor: clock.anchor)
    }

    func goOn(from memory: RunMemory) {
        wantsSnapshot = true
        diskFailing = memory.diskFailing
        for event in memory.events { tell(event) }
    }
}
