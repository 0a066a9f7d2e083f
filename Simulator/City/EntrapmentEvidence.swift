import LiftModel

/// What the messages that arrived show of an entrapment, as entrapment.md counts it.
package struct EntrapmentEvidence: Sendable, Equatable {
    /// Why people may be trapped.
    package enum Branch: String, Sendable, Codable, CaseIterable {
        case offLevel = "off_level"
        case atLevel = "at_level"
        case silence
        /// The adapter still publishes, without any data of its controller.
        case adapterOnly = "adapter_only"
        /// A run has ended, and no door has moved since.
        case shutIn = "shut_in"
        /// The door did not open, and no sensor says whether the car has an occupant.
        case doorOpenFault = "door_open_fault"
        case alarmButton = "alarm_button"
    }

    /// The evidence that confirms the suspicion.
    package enum Confirmation: String, Sendable, Codable, CaseIterable {
        case offLevel = "off_level"
        case atLevel = "at_level"
        /// Lost mains, or a car that stood between floors, corroborates the silence.
        case corroboratedSilence = "corroborated_silence"
        case adapterOnly = "adapter_only"
        /// The button off level, or at a landing with another reason.
        case call
        /// The button in a shut car at a landing, without another reason.
        case callAlone = "call_alone"
        case secondCall = "second_call"
        /// The button in a car with its door ajar and without a limit switch.
        case callAjar = "call_ajar"
        case callInSilence = "call_in_silence"
    }

    package var branches: [Branch] = []
    package var confirmations: [Confirmation] = []
}

/// Seconds for which evidence must last before an alert is due. They are those of entrapment.md,
/// not of the rules.
package struct EntrapmentHolds: Sendable {
    package var offLevel = 10.0
    package var atLevel = 30.0
    /// From the time at which a report is overdue.
    package var silence = 18.0
    /// From a suspicion to its confirmation.
    package var confirmation = 60.0
    package var call = 10.0
    package var callAlone = 45.0
    /// The lateness of a message. For so long the gateway waits for late readings, which may still
    /// withdraw the evidence.
    package static let lateness = 2.0

    package init() {}

    func suspicion(_ branch: EntrapmentEvidence.Branch) -> Double {
        switch branch {
        case .offLevel: offLevel
        case .atLevel: atLevel
        case .silence: silence
        // The evidence is 30 s without motion, door and zone, and those are over by then.
        case .adapterOnly: 0
        case .shutIn: 300
        case .doorOpenFault: 60
        case .alarmButton: callAlone
        }
    }

    func confirmation(_ confirmation: EntrapmentEvidence.Confirmation) -> Double {
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
    /// The time by which it must be suspected; nil where nothing shows it.
    package func suspicionDue(_ holds: EntrapmentHolds = EntrapmentHolds()) -> Double? {
        guard let decidable, let branch else { return nil }
        return decidable + holds.suspicion(branch)
    }

    /// The time by which it must be confirmed; nil where entrapment.md leaves it a suspicion.
    package func confirmationDue(_ holds: EntrapmentHolds = EntrapmentHolds()) -> Double? {
        guard let confirmable, let confirmedBy else { return nil }
        return confirmable + holds.confirmation(confirmedBy)
    }

    /// Applies the evidence from this moment on. Evidence that is withdrawn before its hold and the
    /// lateness have passed requires no alert. Evidence that lasted so long requires one, whatever
    /// arrives afterwards.
    mutating func apply(_ evidence: EntrapmentEvidence, at moment: Double) {
        let settled = moment - EntrapmentHolds.lateness
        if suspicionDue() ?? .infinity > settled {
            if let branch, !evidence.branches.contains(branch) {
                (decidable, self.branch) = (nil, nil)
            }
            for branch in evidence.branches
            where moment + EntrapmentHolds().suspicion(branch) < suspicionDue() ?? .infinity {
                (decidable, self.branch) = (moment, branch)
            }
        }
        if confirmationDue() ?? .infinity > settled {
            if let confirmedBy, !evidence.confirmations.contains(confirmedBy) {
                (confirmable, self.confirmedBy) = (nil, nil)
            }
            for way in evidence.confirmations
            where moment + EntrapmentHolds().confirmation(way) < confirmationDue() ?? .infinity {
                (confirmable, confirmedBy) = (moment, way)
            }
        }
    }
}
