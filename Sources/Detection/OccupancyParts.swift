import Elevator

/// The named parts of a rule set that say whether people are in the car, where the set has them: `occupied`, `perhaps_inside` (whoever
/// was seen behind doors that have stayed locked counts, too) and `occupancy_stuck`. An alert's text goes by them, so that it never
/// claims what the rules do not believe.
struct OccupancyParts: Sendable {
    var occupied: Operand?
    var perhapsInside: Operand?
    var isStuck: Operand?

    init() {}

    /// A part that is no condition belongs to a rule set with words of its own, and is left out.
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
    /// Whether people are in the car, as the rules take it now. Called for each message: it allocates nothing.
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
        // Nobody is seen any more, and nobody can have left.
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
    /// A Boolean signal as it is known now.
    func flag(_ signal: Signal) -> Bool? { isKnown(signal) ? self.signal(signal.rawValue) != 0 : nil }
}

extension Detector {
    /// Completes what has just been told of a lift: how it began, what was last known, and whether people are in the car. Signals that
    /// the rules do not believe stand apart from the evidence.
    mutating func complete(alertsFrom first: Int, _ index: Int) {
        guard first < alerts.count else { return }
        let track = tracks[index]
        let inside = programs[track.program].occupancy(track.memory)
        for place in first..<alerts.count {
            let entry = track.ledger.entries.firstIndex { $0.id == alerts[place].id }
            if let entry, alerts[place].isEntrapment, alerts[place].state != .suppressed {
                let told = track.ledger.entries[entry]
                // An earlier version's alert began on the branch that it stands on, as far as is known.
                if told.branch.isEmpty {
                    let branch = told.reason.isEmpty ? alerts[place].reason : told.reason
                    tracks[index].ledger.entries[entry].branch = branch
                }
                alerts[place].branch = tracks[index].ledger.entries[entry].branch
            }
            let isVerified = entry.map { track.ledger.entries[$0].isVerified && alerts[place].state.isOpen } ?? false
            alerts[place].complete(isVerified ? Occupancy(.yes, .person) : inside, track.lastKnown)
        }
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
