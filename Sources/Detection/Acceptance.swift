import Elevator

/// Reminders that nobody at the centre has accepted an entrapment: each is a revision of it that may leave by a further route
/// at once (entrapment.md: "No `accepted` within 3 minutes escalates to the next route"; the first of the four nodes of a Chinese
/// rescue, 接警, is judged by a 3-minute response rate).
extension Detector {
    /// The time that a rule file's parameter of this name may change, for a trial.
    static let acceptanceParameter = "accept_within"
    private static let standardAcceptance = Duration.seconds(180)
    /// A centre that never accepts anything is not reminded for ever.
    static let mostReminders = 3

    private var acceptanceLimit: Int64 {
        if case .duration(let limit)? = rules.parameters[Self.acceptanceParameter] { return limit.nanoseconds }
        return Self.standardAcceptance.nanoseconds
    }

    private func reminderDue(_ entry: AlertLedger.Entry, _ track: LiftTrack) -> Int64? {
        guard entry.state == .suspected || entry.state == .confirmed, entry.kind.hasPrefix("entrapment"),
            entry.reminders < Self.mostReminders, !track.acceptedAlerts.contains(entry.id)
        else { return nil }
        return max(entry.raisedAt, entry.remindedAt) + acceptanceLimit
    }

    /// When the next reminder about a lift is due.
    func nextReminder(_ index: Int) -> Int64 {
        let track = tracks[index]
        return track.ledger.entries.reduce(LiftMemory.never) { min($0, reminderDue($1, track) ?? LiftMemory.never) }
    }

    /// Gives the reminders that are due at `acceptanceDue`, and sets the next time.
    ///
    /// What comes out of a backlog was told only now: whoever is to accept it has the whole time from here on.
    mutating func remind(at now: Int64) {
        let time = acceptanceDue
        let isLate = now - time > acceptanceLimit / 2
        for index in tracks.indices {
            for entry in tracks[index].ledger.entries.indices {
                guard let due = reminderDue(tracks[index].ledger.entries[entry], tracks[index]), due <= time else {
                    continue
                }
                tracks[index].ledger.entries[entry].remindedAt = isLate ? now : time
                if isLate { continue }
                tracks[index].ledger.entries[entry].reminders += 1
                note(index, entry, Alert.notAccepted, nil, Instant(nanoseconds: time))
            }
        }
        lookForReminders()
    }

    mutating func lookForReminders() {
        acceptanceDue = tracks.indices.reduce(LiftMemory.never) { min($0, nextReminder($1)) }
    }
}
