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
            outcome.alerts += apply(batch, to: &intake)
        }
        outcome.lastNow = try journal.lastTime()
        return outcome
    }

    /// One batch, exactly as the loop took it: its messages and what happened beside them, in the order of their times.
    private static func apply(_ batch: Journal.StoredBatch, to intake: inout Intake) -> [Alert] {
        batch.visit {
            switch $0 {
            case .message(let message):
                intake.take(
                    topic: message.topic.span, payload: message.payload.span, isRetained: message.isRetained,
                    arrival: Instant(nanoseconds: message.arrival))
            case .control(let timed): intake.follow(timed.control, at: timed.time)
            }
        }
        intake.advance(to: batch.now)
        return intake.takeAlerts()
    }
}
