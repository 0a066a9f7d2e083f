import Detection
import Elevator
import Encoding
import Journal

/// Brings an intake to where the last process was: the last snapshot, and the batches since, folded again.
///
/// The fold is pure, so it decides again what it had decided; the journal knows those alerts and takes none twice.
enum Recovery {
    struct Outcome {
        var batches = 0
        var messages = 0
        /// The last moment the journal knows.
        var lastNow: Instant?
        var keptRules = true
        /// What the fold decided. All of it was journalled, unless the rules have changed since: the journal tells.
        var alerts: [Alert] = []
    }

    static func restore(_ intake: inout Intake, from journal: Journal) throws -> Outcome {
        var outcome = Outcome()
        var through: Int64 = 0
        if let snapshot = try journal.snapshot() {
            var detector = intake.detector
            outcome.keptRules = try detector.restore(snapshot.state)
            intake.restore(detector)
            through = snapshot.through
        }
        try journal.forEachBatch(after: through) { batch in
            outcome.batches += 1
            outcome.messages += batch.messages.count
            outcome.alerts += apply(batch.messages, control: batch.control, now: batch.now, to: &intake)
        }
        outcome.lastNow = try journal.lastTime()
        return outcome
    }

    /// One batch, exactly as the loop took it: its messages and what happened beside them, in the order of their times.
    private static func apply(
        _ messages: [JournalledMessage], control: String?, now: Instant, to intake: inout Intake
    ) -> [Alert] {
        var controls = (control.map { TimedControl.all(in: $0) } ?? [])[...]
        for message in messages {
            while let next = controls.first, next.time.nanoseconds < message.arrival {
                intake.follow(next.control, at: next.time)
                controls.removeFirst()
            }
            intake.take(
                topic: message.topic.span, payload: message.payload.span, isRetained: message.isRetained,
                arrival: Instant(nanoseconds: message.arrival))
        }
        for timed in controls { intake.follow(timed.control, at: timed.time) }
        intake.advance(to: now)
        return intake.takeAlerts()
    }
}
