import LiftModel

extension Program {
    /// Applies a reading to the signals, and marks the nodes that read them.
    package func apply(
        _ reading: borrowing Reading, at time: Int64, _ memory: inout LiftMemory,
        _ agenda: inout Agenda
    ) {
        var m = memory.words.mutableSpan
        var marks = agenda.words.mutableSpan
        var known = UInt64(bitPattern: m[LiftLayout.known])
        // A complete message without the rated speed leaves the register's value as it is.
        var rest = reading.mentioned & (reading.known | ~Signal.attributes)
        while rest != 0 {
            let index = rest.trailingZeroBitCount
            let bit: UInt64 = 1 << UInt64(index)
            rest &= rest - 1
            for position in ageReaders.range(index) {
                m[Int(nodes[ageReaders[position]].slot)] = time
                Self.mark(Int32(ageReaders[position]), &marks)
            }
            if reading.known & bit == 0 {
                if known & bit != 0 { markReaders(index, &marks) }
                known &= ~bit
            } else {
                let bits = Int64(bitPattern: reading.bits(index))
                if known & bit != 0, m[LiftLayout.signals + index] == bits { continue }
                known |= bit
                m[LiftLayout.signals + index] = bits
                markReaders(index, &marks)
            }
        }
        if reading.codesRaised | reading.codesEnded != 0 {
            let index = Signal.codes.rawValue
            let bit: UInt64 = 1 << UInt64(index)
            let before = known & bit != 0 ? UInt64(bitPattern: m[LiftLayout.signals + index]) : 0
            let after = before & ~reading.codesEnded | reading.codesRaised
            if known & bit == 0 || before != after { markReaders(index, &marks) }
            known |= bit
            m[LiftLayout.signals + index] = Int64(bitPattern: after)
        }
        m[LiftLayout.known] = Int64(bitPattern: known)
        if !reading.isSignOfLife { return }
        m[LiftLayout.lastSignOfLife] = max(m[LiftLayout.lastSignOfLife], time)
        let flags = m[LiftLayout.flags]
        m[LiftLayout.flags] = flags & ~LiftMemory.Flags.stale | LiftMemory.Flags.hasSignOfLife
        if flags & LiftMemory.Flags.hasSignOfLife == 0 { Self.mark(heardReaders, &marks) }
        if flags & LiftMemory.Flags.stale != 0 { Self.mark(lasts, &marks) }
        for node in silences where surely(Operand(Int(node)), m) { Self.mark(node, &marks) }
        if m[layout.timers] == LiftMemory.never {
            m[layout.timers] = m[LiftLayout.lastSignOfLife] &+ staleAfter
            m[LiftLayout.deadline] = min(m[LiftLayout.deadline], m[layout.timers])
        }
    }

    @inline(__always)
    private static func mark(_ index: Int32, _ marks: inout MutableSpan<UInt64>) {
        marks[Int(index) >> 6] |= 1 << UInt64(index & 63)
    }
    private static func mark(_ indices: [Int32], _ marks: inout MutableSpan<UInt64>) {
        for index in indices { mark(index, &marks) }
    }
}
