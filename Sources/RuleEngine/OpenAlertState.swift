import LiftModel

/// A rule's open alert, as the rules' memory has it.
package struct OpenAlertState {
    package let branch: Int
    package let onset: Int64
    package let state: AlertState
    package let severity: Severity
}

extension Program {
    package func openAlertState(_ rule: Int, _ memory: borrowing LiftMemory) -> OpenAlertState? {
        let alertState = alertState(rule)
        let words = memory.words.span
        let phase = alertState.phase(words)
        if phase == .idle { return nil }
        return OpenAlertState(
            branch: alertState.reason(words), onset: alertState.onset(words),
            state: phase == .suspected ? .suspected : rules[rule].finalState,
            severity: alertState.severity(words))
    }
}
