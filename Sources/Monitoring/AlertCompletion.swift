import LiftModel
import RuleEngine
import RuleLanguage

extension Detector {
    /// Completes new alerts of a lift with first branch, last known values and occupancy. Signals
    /// that the rules do not believe are listed apart from the evidence.
    mutating func complete(alertsFrom first: Int, _ index: LiftIndex) {
        guard first < alerts.count else { return }
        let liftState = lifts[index]
        let inside = programs[liftState.programIndex].occupancy(liftState.memory)
        for position in first..<alerts.count {
            let entry = liftState.ledger.entries.firstIndex { $0.id == alerts[position].id }
            if let entry, alerts[position].isEntrapment,
                alerts[position].state != .suppressed || alerts[position].revision > 1
            {
                if lifts[index].ledger.entries[entry].branch.isEmpty {
                    lifts[index].ledger.entries[entry].branch = firstBranch(
                        of: alerts[position], liftState.ledger.entries[entry])
                }
                alerts[position].branch = lifts[index].ledger.entries[entry].branch
            }
            let isVerified =
                entry.map {
                    liftState.ledger.entries[$0].isVerified && alerts[position].state.isOpen
                } ?? false
            alerts[position].complete(
                isVerified ? Occupancy(.yes, .person) : inside, liftState.lastKnown)
        }
    }
}

extension Detector {
    /// The branch of an entrapment's first revision. Of several revisions at once the entry has the
    /// last one's reason. For an alert of an earlier version its present branch is the best that is
    /// known.
    private func firstBranch(of alert: Alert, _ entry: AlertLedger.Entry) -> String {
        let rule = rules.rules.first { $0.name == entry.rule }
        let isFirst =
            alert.revision == 1 && rule?.branches.contains { $0.name == alert.reason } == true
        return isFirst || entry.reason.isEmpty ? alert.reason : entry.reason
    }
}

extension Alert {
    fileprivate mutating func complete(_ occupancy: Occupancy, _ lastKnown: LastKnown) {
        self.occupancy = occupancy
        self.lastKnown = lastKnown
        let isDoubted = occupancy.source != .sensor
        let isStuck = occupancy.source == .sensorStuck
        disbelieved = evidence.filter { item in
            item.signal.hasSuffix(".occupied")
                && (isStuck || isDoubted && item.value == .boolean(false))
        }
        if !disbelieved.isEmpty { evidence.removeAll { disbelieved.contains($0) } }
    }
}
