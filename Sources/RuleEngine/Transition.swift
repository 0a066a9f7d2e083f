import LiftModel

/// One change of a rule's alert on one lift.
package struct Transition: Sendable, Equatable {
    package var rule: Int
    /// The branch that is the alert's reason after it.
    package var branch: Int
    package var state: AlertState
    package var severity: Severity
    /// The alert begins, or is suppressed instead of beginning; otherwise an open one changes.
    package var begins: Bool
    /// The alert stays in its stage, and something else about it has changed.
    package var isUpdate: Bool
    package var time: Int64
    package var onset: Int64
    package var reason: String
    /// How much of the hold was not observed.
    package var unobserved: Int64
    package var evidence: [Evidence]

    package init(
        rule: Int, branch: Int, state: AlertState, severity: Severity, begins: Bool = false,
        isUpdate: Bool = false,
        time: Int64, onset: Int64, reason: String, unobserved: Int64, evidence: [Evidence]
    ) {
        self.rule = rule
        self.branch = branch
        self.state = state
        self.severity = severity
        self.begins = begins
        self.isUpdate = isUpdate
        self.time = time
        self.onset = onset
        self.reason = reason
        self.unobserved = unobserved
        self.evidence = evidence
    }
}

/// Collects transitions. It is empty on nearly every step, so it costs nothing there.
package struct TransitionSink {
    package var transitions: [Transition]

    package init(transitions: [Transition] = []) { self.transitions = transitions }
}

extension Program {
    /// The signals known now, by name.
    package func evidence(_ memory: borrowing LiftMemory) -> [Evidence] {
        evidence(memory.words.span)
    }

    func evidence(_ m: Span<Int64>) -> [Evidence] {
        signals.entries.indices.compactMap { index in
            guard m[LiftLayout.known] & (1 << Int64(index)) != 0 else { return nil }
            let bits = UInt64(bitPattern: m[LiftLayout.signals + index])
            let value: Evidence.Value =
                switch signals.entries[index].type {
                case .boolean: .boolean(bits != 0)
                case .number: .number(Double(bitPattern: bits))
                case .enumeration(let names): .text(names[Int(bits)])
                case .codes: .codes(FaultCode.names(in: bits))
                }
            return Evidence(signal: signals.entries[index].name, value: value)
        }
    }
}
