import Encoding
import Journal
import LiftModel
import Monitoring

/// Restores an intake to the state of the last process: the last snapshot, and the replayed batches
/// since.
///
/// A replay gives the same alerts as the first evaluation. Only those that the journal does not
/// have are delivered.
package enum Recovery {
    /// The journal's counter with the last batch that a version without identities evaluated. Their
    /// replay gives the ids of that version.
    package static let unnamedCounter = "unnamed_through"

    package struct Outcome {
        package var batches = 0
        package var messages = 0
        /// The last time in the journal.
        package var lastNow: Instant?
        package var hasSameRules = true
        /// The state of the last run could be read.
        package var isComplete = true
        /// Alerts of the replay that the last process did not have: the rules or the list of lifts
        /// have changed since.
        package var alerts: [Alert] = []

        /// The restored state differs from the stored snapshot, so the first commit stores a new
        /// one. Otherwise a second restart would begin from the old snapshot although the
        /// reconciled alerts are journalled by then.
        var isOtherThanStored: Bool { !hasSameRules || !alerts.isEmpty }

        package init(lastNow: Instant? = nil) { self.lastNow = lastNow }
    }

    package static func restore(_ intake: inout Intake, from journal: Journal) throws -> Outcome {
        var outcome = Outcome()
        var through: Int64 = 0
        let origin = intake.detector.origin
        if let snapshot = try journal.snapshot() {
            var detector = intake.detector
            outcome.hasSameRules = try detector.restore(snapshot.state)
            intake.restore(detector)
            through = snapshot.through + (injected(.restoresFromABatchTooLate) ? 1 : 0)
        }
        // Alerts of a version without journal identities keep their ids.
        let unnamed = Int64(try journal.counters()[unnamedCounter] ?? 0)
        if unnamed > through {
            intake.nameAlerts(after: AlertOrigin(site: origin.site, journal: nil))
        }
        try journal.forEachBatch(after: through) { batch in
            outcome.batches += 1
            if batch.sequence > unnamed, intake.detector.origin != origin {
                intake.nameAlerts(after: origin)
            }
            outcome.messages += batch.messages.count
            outcome.alerts += apply(batch, to: &intake)
        }
        intake.nameAlerts(after: origin)
        outcome.alerts = try outcome.alerts.filter { alert throws(JournalError) in
            try !journal.contains(alert)
        }
        outcome.lastNow = try journal.lastTime()
        return outcome
    }

    /// Reconciles the journal's alerts with the detector's. They differ where the rules were
    /// changed while the gateway was down, and where a lift was removed from the configuration:
    /// each such alert gets one more revision with its present state.
    ///
    /// Under the same rules a replay finds every raised alert again. An open alert that it does not
    /// find would stay open at the centre for ever, so it is cleared, and the log names it: it is a
    /// fault of this program.
    /// - Parameter replayed: the alerts of the replay that the journal does not have.
    /// - Returns: the further revisions to deliver, those of unknown alerts among them, and the
    ///   open alerts that cannot be cleared because their stored events cannot be read.
    package static func reconcile(
        _ intake: inout Intake, with journal: Journal, rulesChanged: Bool, after replayed: [Alert],
        at now: Instant
    ) throws(JournalError) -> (
        revisions: [Alert], unknown: [Alert], unreadable: [Journal.StoredAlert]
    ) {
        var (cleared, unknown): ([Alert], [Alert]) = ([], [])
        var unreadable: [Journal.StoredAlert] = []
        let restored = intake.takeAlerts()
        let clearedIDs = Set((replayed + restored).filter { !$0.state.isOpen }.map(\.id))
        var detector = intake.detector
        let open = Set(detector.openAlerts.map(\.id))
        let site = detector.origin.site
        // Of earlier alerts the snapshot has the onsets, so that their ids are not given again.
        let unrecorded = try journal.replayStart().map { $0 - lateMessages } ?? now
        for stored in try journal.latestAlerts() where stored.lift != SelfTestLift.lift.id {
            let isWatched = stored.lift == site || detector.index(of: stored.lift) != nil
            if isWatched && Self.isResumed(stored.kind) { continue }
            let reason: AlertReason =
                !isWatched ? .liftRemoved : rulesChanged ? .rulesChanged : .revised
            // The journal has a later revision than the ledger: a run of 0.3 without this lift, or
            // with other rules, wrote it and stored no snapshot.
            let isRevised =
                detector.lastRevision(of: stored.id, of: stored.lift) ?? .max < stored.revision
            if rulesChanged || isRevised,
                detector.resume(
                    stored.id, of: stored.lift, deliveredAs: stored.revision,
                    isOpen: stored.isOpen, because: reason, at: now)
            {
                continue
            }
            if stored.wasClosed, now - stored.time < Detector.longestHold,
                rulesChanged && stored.time >= unrecorded || stored.wasLiftRemoved
            {
                detector.rememberDelivered(
                    stored.id, of: stored.lift, revision: stored.revision, at: stored.time)
            }
            guard stored.isOpen, !open.contains(stored.id), !clearedIDs.contains(stored.id) else {
                continue
            }
            guard let revision = stored.clearedRevision(because: reason, at: now) else {
                unreadable.append(stored)
                continue
            }
            cleared.append(revision)
            if injected(.forgetsAlertsThatOtherRulesHaveRaised) { continue }
            detector.rememberDelivered(
                stored.id, of: stored.lift, revision: revision.revision, at: now)
            if isWatched && !rulesChanged { unknown.append(revision) }
        }
        intake.restore(detector)
        return (restored + intake.takeAlerts() + cleared, unknown, unreadable)
    }

    /// An alert has the time of its messages, which may be this much before its batch's.
    private static let lateMessages = Duration.seconds(600)

    /// Whether alerts of a kind are resumed from the journal instead: they are no part of the
    /// detector's state.
    private static func isResumed(_ kind: String) -> Bool {
        GatewayKind(rawValue: kind).map { $0 != .maintenance && $0 != .deviceClock } ?? false
    }

    /// Replays one batch exactly as the loop took it: its messages and control events in the order
    /// of their times.
    private static func apply(_ batch: Journal.StoredBatch, to intake: inout Intake) -> [Alert] {
        batch.visit {
            switch $0 {
            case .message(let message):
                intake.take(
                    topic: message.topic.span, payload: message.payload.span,
                    isRetained: message.isRetained,
                    arrival: Instant(nanoseconds: message.arrival), unread: message.unreadLength)
            case .control(let timed):
                if injected(.restoresWithoutConnectionEvents) { return }
                intake.apply(timed.control, at: timed.time)
            }
        }
        intake.advance(to: batch.now)
        return intake.takeAlerts()
    }
}
