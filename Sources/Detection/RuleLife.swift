import Elevator

/// The memory of one rule's alert on one lift: a few words from `slot` on, and behind them each branch's (`BranchLife`).
struct RuleLife {
    enum Phase: Int64 {
        case idle = 0
        case suspected = 1
        case final = 2
    }
    /// Words of the alert itself.
    static let words = 2
    static let mostBranches = 12
    /// In the first word: the phase, the branch that is the alert's reason, the severity, and which branches the alert stands on.
    private enum Bits {
        static let phase: Int64 = 0b11
        static let reasonShift: Int64 = 4
        static let reason: Int64 = 0xF
        static let severityShift: Int64 = 8
        static let severity: Int64 = 0b111
        static let standsOnShift: Int64 = 16
        static let standsOn: Int64 = 0xFFFF
    }
    let slot: Int

    static func size(branches: Int) -> Int { words + branches * BranchLife.words }

    func branch(_ index: Int) -> BranchLife { BranchLife(slot: slot + Self.words + index * BranchLife.words) }

    func reset(_ m: inout MutableSpan<Int64>, branches: Int) {
        m[slot] = 0
        m[slot + 1] = LiftMemory.never
        for index in 0..<branches { branch(index).reset(&m) }
    }

    func phase(_ m: Span<Int64>) -> Phase { Phase(rawValue: m[slot] & Bits.phase) ?? .idle }
    @inline(__always)
    func isOpen(_ m: borrowing MutableSpan<Int64>) -> Bool { m[slot] & Bits.phase != 0 }
    /// An alert that ends stands on nothing any more.
    func setPhase(_ phase: Phase, _ m: inout MutableSpan<Int64>) {
        m[slot] = m[slot] & ~Bits.phase | phase.rawValue
        if phase == .idle { m[slot] &= ~(Bits.standsOn << Bits.standsOnShift) }
    }

    /// The onset of the open alert.
    func onset(_ m: Span<Int64>) -> Int64 { m[slot + 1] }
    func setOnset(_ time: Int64, _ m: inout MutableSpan<Int64>) { m[slot + 1] = time }

    /// The branch that is the open alert's reason.
    func reason(_ m: Span<Int64>) -> Int { Int(m[slot] >> Bits.reasonShift & Bits.reason) }
    func setReason(_ branch: Int, _ m: inout MutableSpan<Int64>) {
        m[slot] = m[slot] & ~(Bits.reason << Bits.reasonShift) | Int64(branch) << Bits.reasonShift
    }

    /// The open alert stands on this branch: it raised the alert, or its condition has held for its hold since.
    func stands(on branch: Int, _ m: Span<Int64>) -> Bool {
        m[slot] >> Bits.standsOnShift & (1 << Int64(branch)) != 0
    }
    func setStands(on branch: Int, _ m: inout MutableSpan<Int64>) {
        m[slot] |= 1 << (Int64(branch) + Bits.standsOnShift)
    }

    func severity(_ m: Span<Int64>) -> Severity {
        Severity.allCases[min(Int(m[slot] >> Bits.severityShift & Bits.severity), Severity.allCases.count - 1)]
    }
    func setSeverity(_ severity: Severity, _ m: inout MutableSpan<Int64>) {
        let rank = Int64(Severity.allCases.firstIndex(of: severity) ?? 0)
        m[slot] = m[slot] & ~(Bits.severity << Bits.severityShift) | rank << Bits.severityShift
    }
}

/// The memory of one branch of a rule on one lift.
struct BranchLife {
    static let words = 4
    /// Suppressors that `mutedSinceOnset` has a bit for; one is that of announced work, which every branch has.
    static let mostMutes = 16
    /// In the first word: what was reported, who has muted since the onset, and from bit 32 on how many milliseconds of the hold
    /// nobody observed.
    private enum Bits {
        static let suppressionReported: Int64 = 0b1
        /// After an alert without a hold the condition has to end before it can be raised again.
        static let mustEnd: Int64 = 0b10
        /// The condition has been seen not to hold: what mutes from before is known.
        static let seenFalse: Int64 = 0b100
        /// This spell of the condition has raised the open alert, or joined it.
        static let joined: Int64 = 0b1000
        /// A muted spell has stopped the time until confirmation; only one that joins the alert starts it again.
        static let clockStopped: Int64 = 0b10000
        static let muteShift: Int64 = 16
        static let mutes: Int64 = 0xFFFF
        static let unobservedShift: Int64 = 32
    }
    let slot: Int

    func reset(_ m: inout MutableSpan<Int64>) {
        m[slot] = 0
        m[slot + 1] = LiftMemory.never
        m[slot + 2] = LiftMemory.never
        m[slot + 3] = 0
    }

    /// Since when `when` has been true without a break, or the last alert has been over; `never` while it is not. Of a hold that
    /// adds up, as much earlier as it has added up before.
    func whenSince(_ m: Span<Int64>) -> Int64 { m[slot + 1] }
    func setWhenSince(_ time: Int64, _ m: inout MutableSpan<Int64>) { m[slot + 1] = time }
    /// Since when the hold until confirmation has run without a break.
    func escalatingSince(_ m: Span<Int64>) -> Int64 { m[slot + 2] }
    func setEscalatingSince(_ time: Int64, _ m: inout MutableSpan<Int64>) { m[slot + 2] = time }
    /// What a hold that adds up has added up to, while `when` does not hold.
    func addedUp(_ m: Span<Int64>) -> Int64 { m[slot + 3] }
    func setAddedUp(_ span: Int64, _ m: inout MutableSpan<Int64>) { m[slot + 3] = span }
    /// How much of the present hold nobody observed.
    func unobserved(_ m: Span<Int64>) -> Int64 { (m[slot] >> Bits.unobservedShift) * 1_000_000 }
    func setUnobserved(_ time: Int64, _ m: inout MutableSpan<Int64>) {
        let milliseconds = min(time / 1_000_000, Int64(Int32.max))
        m[slot] = m[slot] & (1 << Bits.unobservedShift - 1) | milliseconds << Bits.unobservedShift
    }

    /// Bit *i*: suppressor *i* was active when the condition began, and has been ever since.
    func mutedSinceOnset(_ m: Span<Int64>) -> Int64 { m[slot] >> Bits.muteShift & Bits.mutes }
    func setMutedSinceOnset(_ bits: Int64, _ m: inout MutableSpan<Int64>) {
        m[slot] = m[slot] & ~(Bits.mutes << Bits.muteShift) | (bits & Bits.mutes) << Bits.muteShift
    }
    /// The suppression of this spell of the condition has been reported.
    func isSuppressionReported(_ m: Span<Int64>) -> Bool { m[slot] & Bits.suppressionReported != 0 }
    func setSuppressionReported(_ isReported: Bool, _ m: inout MutableSpan<Int64>) {
        m[slot] = isReported ? m[slot] | Bits.suppressionReported : m[slot] & ~Bits.suppressionReported
    }
    func hasJoined(_ m: Span<Int64>) -> Bool { m[slot] & Bits.joined != 0 }
    func setHasJoined(_ joined: Bool, _ m: inout MutableSpan<Int64>) {
        m[slot] = joined ? m[slot] | Bits.joined : m[slot] & ~Bits.joined
    }
    func isClockStopped(_ m: Span<Int64>) -> Bool { m[slot] & Bits.clockStopped != 0 }
    func setClockStopped(_ stopped: Bool, _ m: inout MutableSpan<Int64>) {
        m[slot] = stopped ? m[slot] | Bits.clockStopped : m[slot] & ~Bits.clockStopped
    }
    func hasSeenFalse(_ m: Span<Int64>) -> Bool { m[slot] & Bits.seenFalse != 0 }
    func setSeenFalse(_ seen: Bool, _ m: inout MutableSpan<Int64>) { if seen { m[slot] |= Bits.seenFalse } }
    func mustEnd(_ m: Span<Int64>) -> Bool { m[slot] & Bits.mustEnd != 0 }
    func setMustEnd(_ must: Bool, _ m: inout MutableSpan<Int64>) {
        m[slot] = must ? m[slot] | Bits.mustEnd : m[slot] & ~Bits.mustEnd
    }
}
