import Contract
import Encoding
import Journal
import LiftModel
import Monitoring

/// Alerts that a restart resumes from the journal, because they are no part of the detector's
/// state: the gateway's own (`broker_lost`, a failed self-test, the self-test's virtual lift), and
/// those of lifts and rules that are gone.
extension Journal.StoredAlert {
    /// The stored event; nil where it is not in this form: it was damaged, or another version wrote
    /// it. `Recovery.reconcile` names an open alert that cannot be cleared for this reason.
    private var event: WrittenAlert? { WrittenAlert(body) }
    /// The time in the event, on the calendar.
    public var calendarTime: Instant { event?.calendarTime ?? time }

    /// The next revision, which clears the alert.
    package func clearedRevision(because reason: AlertReason, at now: Instant) -> Alert? {
        guard let event, let onset, let severity = event.severity else { return nil }
        return Alert(
            id: id, revision: revision + 1, lift: lift, kind: kind, state: .cleared,
            severity: severity,
            rule: event.data.rule.name, ruleVersion: "", onset: onset, time: now,
            reason: reason.rawValue,
            hold: .zero,
            confirmationHold: nil, evidence: [], vendorCode: nil,
            title: Title(en: event.data.title.en, zh: event.data.title.zh))
    }

    /// The remark of the event's statement.
    package var remark: String? { event?.data.statement?.remark }

    /// It has ended after it was raised.
    package var wasClosed: Bool { !isOpen && state != AlertState.suppressed.rawValue }
    /// A run without its lift has ended it.
    package var wasLiftRemoved: Bool {
        event?.data.reason == AlertReason.liftRemoved.rawValue
    }

    package var isOpen: Bool { AlertState(rawValue: state)?.isOpen ?? false }

    /// The onset on the gateway's time line, to the millisecond that every revision has.
    package var onset: Instant? {
        guard let onset = event?.onset else { return nil }
        // The text has whole milliseconds; a calendar that differs from the time line differs by
        // hours.
        let calendarOffset = calendarTime - time
        return calendarOffset > .seconds(-1) && calendarOffset < .seconds(1)
            ? onset : onset + (.zero - calendarOffset)
    }
}

extension SiteAlert {
    /// Resumes the alert that the last run had open.
    mutating func resume(_ alerts: [Journal.StoredAlert], _ kind: GatewayKind) {
        let own = alerts.filter { $0.kind == kind.rawValue }
        guard let last = own.last(where: \.isOpen), let onset = last.onset else { return }
        resume(id: last.id, onset: onset, raisedSoFar: own.count)
    }
}
