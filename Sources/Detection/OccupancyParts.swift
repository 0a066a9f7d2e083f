import LiftModel

/// The named parts of a rule set that decide whether people are in the car, if the set has them:
/// `occupied`, `perhaps_inside` (an occupant seen behind doors that have stayed locked counts, too)
/// and `occupancy_stuck`. An alert's text follows them, so it never contradicts the rules.
struct OccupancyParts: Sendable {
    var occupied: Operand?
    var perhapsInside: Operand?
    var isStuck: Operand?

    init() {}

    /// A part that is no condition belongs to a rule set with `let`s of its own, and is left out.
    init(_ compiler: inout Compiler) {
        func part(_ name: String) -> Operand? {
            guard compiler.lets[name] != nil else { return nil }
            do throws(ExpressionError) {
                return try compiler.condition(Expression(form: .name(name), offset: 0))
            } catch { return nil }
        }
        occupied = part("occupied")
        perhapsInside = part("perhaps_inside")
        isStuck = part("occupancy_stuck")
    }
}

extension Program {
    /// Whether people are in the car, as the rules decide now. It runs for each message and
    /// allocates nothing.
    func occupancy(_ memory: borrowing LiftMemory) -> Occupancy {
        let (upper, lower) = (memory.flag(.occupied), memory.flag(.lowerOccupied))
        let isSensed = upper == true || lower == true
        guard let occupied = occupancyParts.occupied else {
            if isSensed { return Occupancy(.yes, .sensor) }
            return upper ?? lower == nil ? Occupancy(.unknown, .none) : Occupancy(.no, .sensor)
        }
        let isStuck = occupancyParts.isStuck.map { surely($0, memory) } ?? false
        if surely(occupied, memory) {
            if !isStuck, isSensed { return Occupancy(.yes, .sensor) }
            let isWeighed = memory.isKnown(.load) || memory.isKnown(.lowerLoad)
            return Occupancy(.yes, isWeighed ? .load : .seenBefore)
        }
        if isStuck { return Occupancy(.unknown, .sensorStuck) }
        if !surely(!occupied, memory) { return Occupancy(.unknown, .none) }
        // No occupant is seen any more, but none can have left.
        if let inside = occupancyParts.perhapsInside, surely(inside, memory) { return Occupancy(.unknown, .seenBefore) }
        return Occupancy(.no, .sensor)
    }

    private func surely(_ operand: Operand, _ memory: borrowing LiftMemory) -> Bool {
        let node = operand.node
        let plane = operand.isNegated ? layout.possibly : layout.surely
        return (memory.words[plane + node >> 6] >> Int64(node & 63)) & 1 != (operand.isNegated ? 1 : 0)
    }
}

extension LiftMemory {
    func isKnown(_ signal: Signal) -> Bool { known & 1 << UInt64(signal.rawValue) != 0 }
    /// The value of a Boolean signal; nil: unknown.
    func flag(_ signal: Signal) -> Bool? { isKnown(signal) ? self.signal(signal.rawValue) != 0 : nil }
}

extension Detector {
    /// Completes new alerts of a lift with first branch, last known values and occupancy. Signals
    /// that the rules do not believe are listed apart from the evidence.
    mutating func complete(alertsFrom first: Int, _ index: Int) {
        guard first < alerts.count else { return }
        let liftState = lifts[index]
        let inside = programs[liftState.program].occupancy(liftState.memory)
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
                entry.map { liftState.ledger.entries[$0].isVerified && alerts[position].state.isOpen } ?? false
            alerts[position].complete(isVerified ? Occupancy(.yes, .person) : inside, liftState.lastKnown)
        }
    }
}

extension Detector {
    /// The branch of an entrapment's first revision. Of several revisions at once the entry has the
    /// last one's reason. For an alert of an earlier version its present branch is the best that is
    /// known.
    private func firstBranch(of alert: Alert, _ entry: AlertLedger.Entry) -> String {
        let rule = rules.rules.first { $0.name == entry.rule }
        let isFirst = alert.revision == 1 && rule?.branches.contains { $0.name == alert.reason } == true
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
            item.signal.hasSuffix(".occupied") && (isStuck || isDoubted && item.value == .boolean(false))
        }
        if !disbelieved.isEmpty { evidence.removeAll { disbelieved.contains($0) } }
    }
}
