import Elevator

/// Reminders that nobody at the centre has accepted an entrapment: each is a revision of it that may leave by a further route
/// at once (entrapment.md: "No `accepted` within 3 minutes escalates to the next route"; the first of the four nodes of a Chinese
/// rescue, 接警, is judged by a 3-minute response rate). They come after 3, 6 and 9 minutes, then every 15 minutes, and every hour
/// once an hour is over, for as long as the entrapment is open and nobody has accepted it.
extension Detector {
    /// The time that a rule file's parameter of this name may change, for a trial.
    static let acceptanceParameter = "accept_within"
    private static let standardAcceptance = Duration.seconds(180)
    /// So many reminders come one acceptance limit apart; then so many limits lie between two (15 minutes), and from so many limits
    /// after the beginning on (an hour) that many.
    static let quickReminders = 3
    private static let quarterHour: Int64 = 5
    private static let hour: Int64 = 20
    /// A snapshot counts reminders in a byte; from here on only their times matter.
    private static let countedReminders = 100

    private var acceptanceLimit: Int64 {
        if case .duration(let limit)? = rules.parameters[Self.acceptanceParameter] { return limit.nanoseconds }
        return Self.standardAcceptance.nanoseconds
    }

    private func reminderDue(_ entry: AlertLedger.Entry) -> Int64? {
        guard entry.state == .suspected || entry.state == .confirmed, Alert.isEntrapment(entry.kind),
            entry.acceptedBy == nil
        else { return nil }
        let last = max(entry.raisedAt, entry.remindedAt)
        let limits =
            entry.reminders < Self.quickReminders
            ? 1 : last - entry.raisedAt < Self.hour * acceptanceLimit ? Self.quarterHour : Self.hour
        return last + limits * acceptanceLimit
    }

    /// When the next reminder about a lift is due.
    func nextReminder(_ index: Int) -> Int64 {
        tracks[index].ledger.entries.reduce(LiftMemory.never) { min($0, reminderDue($1) ?? LiftMemory.never) }
    }

    /// Gives the reminders that are due at `acceptanceDue`, and sets the next time.
    ///
    /// What comes out of a backlog was told only now: whoever is to accept it has the whole time from here on. The reminders of one
    /// area come as one: the first of its entrapments names the others, also those that are due soon after it.
    mutating func remind(at now: Int64) {
        let time = acceptanceDue
        let isLate = now - time > acceptanceLimit / 2
        let areas = Set(tracks.indices.compactMap { nextReminder($0) <= time ? area(of: $0) : nil })
        // By area: the reminder that speaks for all of it, by its place among the alerts.
        var spokesmen: [String: Int] = [:]
        for index in tracks.indices {
            let area = area(of: index).flatMap { areas.contains($0) ? $0 : nil }
            for entry in tracks[index].ledger.entries.indices {
                guard let due = reminderDue(tracks[index].ledger.entries[entry]),
                    due <= time + (area == nil ? 0 : acceptanceLimit / 2)
                else { continue }
                tracks[index].ledger.entries[entry].remindedAt = isLate ? now : time
                if isLate { continue }
                let reminders = tracks[index].ledger.entries[entry].reminders + 1
                tracks[index].ledger.entries[entry].reminders = min(reminders, Self.countedReminders)
                if let area, let spokesman = spokesmen[area] {
                    alerts[spokesman].alsoNotAccepted.append(tracks[index].ledger.entries[entry].id)
                    continue
                }
                note(index, entry, .notAccepted, nil, Instant(nanoseconds: time))
                if let area { spokesmen[area] = alerts.count - 1 }
            }
        }
        lookForReminders()
    }

    /// The open incident of several lifts that a lift is part of.
    private func area(of index: Int) -> String? {
        incidents.filter { $0.value.alert.isOpen && $0.value.counts(index) }.map(\.key).min()
    }

    mutating func lookForReminders() {
        acceptanceDue = tracks.indices.reduce(LiftMemory.never) { min($0, nextReminder($1)) }
    }
}
