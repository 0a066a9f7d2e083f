import Detection
import Elevator
import Encoding
import Journal

/// Brings an intake to where the last process was: the last snapshot, and the batches since, folded again.
///
/// The fold is pure, so it decides again what it had decided; of that only what the journal does not know is told.
enum Recovery {
    struct Outcome {
        var batches = 0
        var messages = 0
        /// The last moment the journal knows.
        var lastNow: Instant?
        var keptRules = true
        /// The state of the last run could be read.
        var isWhole = true
        /// What the fold decided otherwise than the last process: under rules, or a list of lifts, that have changed since.
        var alerts: [Alert] = []
    }

    static func restore(_ intake: inout Intake, from journal: Journal) throws -> Outcome {
        var outcome = Outcome()
        var through: Int64 = 0
        let origin = intake.detector.origin
        if let snapshot = try journal.snapshot() {
            var detector = intake.detector
            outcome.keptRules = try detector.restore(snapshot.state)
            intake.restore(detector)
            through = snapshot.through
        }
        // What a version without identities has told keeps its ids.
        let unnamed = Int64(try journal.counters()[JournalIdentity.unnamedCounter] ?? 0)
        if unnamed > through { intake.nameAlerts(after: AlertOrigin(site: origin.site, journal: nil)) }
        try journal.forEachBatch(after: through) { batch in
            outcome.batches += 1
            if batch.sequence > unnamed, intake.detector.origin != origin { intake.nameAlerts(after: origin) }
            outcome.messages += batch.messages.count
            outcome.alerts += apply(batch, to: &intake)
        }
        intake.nameAlerts(after: origin)
        outcome.alerts = try outcome.alerts.filter { alert throws(JournalError) in try !journal.knows(alert) }
        outcome.lastNow = try journal.lastTime()
        return outcome
    }

    /// Brings what the centre was told and what the fold knows together again. They differ where the rules were changed while the
    /// gateway was down, and where a lift was taken off the list: each such alert is told once more, as it is now.
    static func reconcile(
        _ intake: inout Intake, with journal: Journal, rulesChanged: Bool, site: String, at now: Instant
    ) throws(JournalError) -> [Alert] {
        var ended: [Alert] = []
        var detector = intake.detector
        let open = Set(detector.openAlerts.map(\.id))
        for told in try journal.latestAlerts() where told.lift != site && told.lift != SelfTest.lift.id {
            let isFollowed = detector.index(of: told.lift) != nil
            // Under the same rules a followed lift's fold has told what the journal has; of what is no part of the fold it knows nothing.
            guard rulesChanged && told.kind != RefusedLifts.kind || !isFollowed else { continue }
            if detector.goOn(told.id, toldAs: told.revision, isOpen: told.isOpen, at: now) { continue }
            if told.isOpen, !open.contains(told.id) {
                ended += [told.ended(because: isFollowed ? .rulesChanged : .liftRemoved, at: now)].compactMap { $0 }
            }
        }
        intake.restore(detector)
        return intake.takeAlerts() + ended
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
