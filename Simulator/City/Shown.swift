import Elevator

/// What has been heard of a lift shows, as entrapment.md counts it.
package struct Shown: Sendable, Equatable {
    /// Why somebody may be inside.
    package enum Branch: String, Sendable, Codable, CaseIterable {
        case offLevel = "off_level"
        case atLevel = "at_level"
        case silence
        /// The adapter goes on speaking, and knows nothing of its controller any more.
        case adapterOnly = "adapter_only"
        /// A run ended, and no door has moved since.
        case shutIn = "shut_in"
        /// The door did not open, and no sensor says whether somebody is inside.
        case doorOpenFault = "door_open_fault"
        case alarmButton = "alarm_button"
    }

    /// What turns the suspicion into a certainty.
    package enum Confirmation: String, Sendable, Codable, CaseIterable {
        case offLevel = "off_level"
        case atLevel = "at_level"
        /// Lost mains, or a car that had stood between floors, speaks for the silence.
        case corroboratedSilence = "corroborated_silence"
        case adapterOnly = "adapter_only"
        /// The button off level, or at a landing beside another reason.
        case call
        /// The button in a shut car at a landing, and no other reason.
        case callAlone = "call_alone"
        case secondCall = "second_call"
        /// The button in a car whose door stands ajar, and which has no limit switch.
        case callAjar = "call_ajar"
        case callInSilence = "call_in_silence"
    }

    package var branches: [Branch] = []
    package var confirmations: [Confirmation] = []
}

/// Seconds for which something must be shown until it has to be told: the definition in entrapment.md, never the rules' own text.
package struct EntrapmentHolds: Sendable {
    package var offLevel = 10.0
    package var atLevel = 30.0
    /// After a report is overdue.
    package var silence = 18.0
    /// From a suspicion to its confirmation.
    package var confirmation = 60.0
    package var call = 10.0
    package var callAlone = 45.0

    package init() {}

    func suspicion(_ branch: Shown.Branch) -> Double {
        switch branch {
        case .offLevel: offLevel
        case .atLevel: atLevel
        case .silence: silence
        // Thirty seconds without motion, door and zone are what shows it.
        case .adapterOnly: 0
        case .shutIn: 300
        case .doorOpenFault: 60
        case .alarmButton: callAlone
        }
    }

    func confirmation(_ confirmation: Shown.Confirmation) -> Double {
        switch confirmation {
        case .offLevel: offLevel + self.confirmation
        case .atLevel: atLevel + self.confirmation
        case .corroboratedSilence: silence + self.confirmation
        case .adapterOnly: self.confirmation
        case .call: call
        case .callAlone: callAlone
        case .secondCall: 0
        case .callAjar: 60
        case .callInSilence: silence
        }
    }
}

extension TruthRow {
    /// By when it has to be suspected; nil where nothing shows it.
    package func suspicionDue(_ holds: EntrapmentHolds = EntrapmentHolds()) -> Double? {
        guard let decidable, let branch else { return nil }
        return decidable + holds.suspicion(branch)
    }

    /// By when it has to be confirmed; nil where the page leaves it at a suspicion.
    package func confirmationDue(_ holds: EntrapmentHolds = EntrapmentHolds()) -> Double? {
        guard let confirmable, let confirmedBy else { return nil }
        return confirmable + holds.confirmation(confirmedBy)
    }

    /// Takes note of what is shown from this moment on. What was shown for a moment only, the holds do not tell of; what was shown for long
    /// enough has to be told, whatever is said now.
    mutating func follow(_ shown: Shown, at moment: Double) {
        if suspicionDue() ?? .infinity > moment {
            if let branch, !shown.branches.contains(branch) { (decidable, self.branch) = (nil, nil) }
            for branch in shown.branches
            where moment + EntrapmentHolds().suspicion(branch) < suspicionDue() ?? .infinity {
                (decidable, self.branch) = (moment, branch)
            }
        }
        if confirmationDue() ?? .infinity > moment {
            if let confirmedBy, !shown.confirmations.contains(confirmedBy) {
                (confirmable, self.confirmedBy) = (nil, nil)
            }
            for way in shown.confirmations
            where moment + EntrapmentHolds().confirmation(way) < confirmationDue() ?? .infinity {
                (confirmable, confirmedBy) = (moment, way)
            }
        }
    }
}
