import LiftModel
import RuleEngine
import RuleLanguage

/// Reminders that nobody at the centre has accepted an entrapment.
///
/// Each reminder is a revision of the entrapment, which may leave by a further route at once
/// (entrapment.md: "No `accepted` within 3 minutes escalates to the next route"; the first of the
/// four nodes of a Chinese rescue, 接警, is measured by a 3-minute response rate). Reminders are due
/// after 3, 6 and 9 minutes, then every 15 minutes, and hourly after the first hour. They end when
/// the entrapment is accepted or over.
extension Detector {
    /// The parameter of a rule file that may change the acceptance limit, for a trial.
    static let acceptanceParameter = "accept_within"
    private static let standardAcceptance = Duration.seconds(180)
    /// The first `quickReminders` are one acceptance limit apart. The next are `quarterHour` limits
    /// apart (15 minutes). From `hour` limits after the start on (an hour) they are `hour` limits
    /// apart.
    static let quickReminders = 3
    private static let quarterHour: Int64 = 5
    private static let hour: Int64 = 20
    /// A snapshot stores the number of reminders in a byte. Beyond this count only the times
    /// matter.
    private static let countedReminders = 100

    private var acceptanceLimit: Int64 {
        if case .duration(let limit)? = rules.parameters[Self.acceptanceParameter] {
            return limit.nanoseconds
        }
        return Self.standardAcceptance.nanoseconds
    }

    private func reminderDue(_ entry: AlertLedger.Entry) -> Int64? {
        guard entry.state == .suspected || entry.state == .confirmed,
            Alert.isEntrapment(entry.kind),
            entry.acceptedBy == nil
        else { return nil }
        let last = max(entry.raisedAt, entry.remindedAt)
        let limits =
            entry.reminders < Self.quickReminders
            ? 1 : last - entry.raisedAt < Self.hour * acceptanceLimit ? Self.quarterHour : Self.hour
        return last + limits * acceptanceLimit
    }

    /// When the next reminder for a lift is due.
    func nextReminder(_ index: LiftIndex) -> Int64 {
        lifts[index].ledger.entries.reduce(LiftMemory.never) {
            min($0, reminderDue($1) ?? LiftMemory.never)
        }
    }

    /// Appends the reminders that are due at `acceptanceDue`, and sets the next time.
    ///
    /// An alert from a backlog was raised only now, so its acceptance limit starts now. The
    /// entrapments of one area get one reminder: it names the other entrapments, including those
    /// whose reminder is due soon after.
    mutating func remind(at now: Int64) {
        let time = acceptanceDue
        let isLate = now - time > acceptanceLimit / 2
        let areas = Set(lifts.indices.compactMap { nextReminder($0) <= time ? area(of: $0) : nil })
        // By area: the index in `alerts` of the reminder that stands for the whole area.
        var areaReminders: [String: Int] = [:]
        for index in lifts.indices {
            let area = area(of: index).flatMap { areas.contains($0) ? $0 : nil }
            for entry in lifts[index].ledger.entries.indices {
                guard let due = reminderDue(lifts[index].ledger.entries[entry]),
                    due <= time + (area == nil ? 0 : acceptanceLimit / 2)
                else { continue }
                lifts[index].ledger.entries[entry].remindedAt = isLate ? now : time
                if isLate { continue }
                let reminders = lifts[index].ledger.entries[entry].reminders + 1
                lifts[index].ledger.entries[entry].reminders = min(reminders, Self.countedReminders)
                if let area, let reminder = areaReminders[area] {
                    alerts[reminder].alsoNotAccepted.append(lifts[index].ledger.entries[entry].id)
                    continue
                }
                note(index, entry, .notAccepted, nil, Instant(nanoseconds: time))
                if let area { areaReminders[area] = alerts.count - 1 }
            }
        }
        scheduleReminders()
    }

    /// The open incident of several lifts to which a lift belongs.
    private func area(of index: LiftIndex) -> String? {
        incidents.filter { $0.value.alert.isOpen && $0.value.counts(index) }.map(\.key).min()
    }

    /// Whether a reminder is due that nothing has evaluated yet.
    package func isReminderDue(at now: Instant) -> Bool { acceptanceDue <= now.nanoseconds }

    mutating func scheduleReminders() {
        acceptanceDue = lifts.indices.reduce(LiftMemory.never) { min($0, nextReminder($1)) }
    }
}
