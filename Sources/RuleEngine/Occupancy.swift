import LiftModel

/// The definitions of a rule set that decide whether people are in the car, if the set has them:
/// `occupied`, `possible_occupant` (an occupant seen behind doors that have stayed locked counts,
/// too) and `occupancy_stuck`. An alert's text follows them, so it never contradicts the rules.
package struct OccupancyParts: Sendable {
    var occupied: Operand?
    var possibleOccupant: Operand?
    var isStuck: Operand?

    package init(
        occupied: Operand? = nil, possibleOccupant: Operand? = nil, isStuck: Operand? = nil
    ) {
        self.occupied = occupied
        self.possibleOccupant = possibleOccupant
        self.isStuck = isStuck
    }
}

extension Program {
    /// Whether people are in the car, as the rules decide now. It runs for each message and
    /// allocates nothing.
    package func occupancy(_ memory: borrowing LiftMemory) -> Occupancy {
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
        if let occupant = occupancyParts.possibleOccupant, surely(occupant, memory) {
            return Occupancy(.unknown, .seenBefore)
        }
        return Occupancy(.no, .sensor)
    }

    /// An operand's verdict between two steps.
    package func verdict(_ operand: Operand, _ memory: borrowing LiftMemory) -> Kleene {
        surely(operand, memory) ? .true : surely(!operand, memory) ? .false : .unknown
    }

    private func surely(_ operand: Operand, _ memory: borrowing LiftMemory) -> Bool {
        let node = operand.node
        let plane = operand.isNegated ? layout.possibly : layout.surely
        return (memory.words[plane + node >> 6] >> Int64(node & 63)) & 1
            != (operand.isNegated ? 1 : 0)
    }
}
