import LiftModel

/// The memory of one rule's alert on one lift: its own 64-bit words from `slot` on, then those of
/// each branch (`BranchState`).
struct AlertStateMachine {
    enum Phase: Int64 {
        case idle = 0
        case suspected = 1
        case final = 2
    }
    /// 64-bit words of the alert itself.
    static let wordCount = 2
    static let maximumBranches = 12
    /// Fields of the first word: the phase, the branch that is the alert's reason, the severity,
    /// and the branches on which the alert stands.
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

    static func size(branches: Int) -> Int { wordCount + branches * BranchState.wordCount }

    func branch(_ index: Int) -> BranchState {
        BranchState(slot: slot + Self.wordCount + index * BranchState.wordCount)
    }

    func reset(_ m: inout MutableSpan<Int64>, branches: Int) {
        m[slot] = 0
        m[slot + 1] = LiftMemory.never
        for index in 0..<branches { branch(index).reset(&m) }
    }

    func phase(_ m: Span<Int64>) -> Phase { Phase(rawValue: m[slot] & Bits.phase) ?? .idle }
    @inline(__always)
    func isOpen(_ m: borrowing MutableSpan<Int64>) -> Bool { m[slot] & Bits.phase != 0 }
    /// An alert that has ended stands on no branch.
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

    /// The open alert stands on this branch: the branch raised it, or has joined it since.
    func stands(on branch: Int, _ m: Span<Int64>) -> Bool {
        m[slot] >> Bits.standsOnShift & (1 << Int64(branch)) != 0
    }
    func setStands(on branch: Int, _ m: inout MutableSpan<Int64>) {
        m[slot] |= 1 << (Int64(branch) + Bits.standsOnShift)
    }

    func severity(_ m: Span<Int64>) -> Severity {
        Severity.allCases[
            min(Int(m[slot] >> Bits.severityShift & Bits.severity), Severity.allCases.count - 1)]
    }
    func setSeverity(_ severity: Severity, _ m: inout MutableSpan<Int64>) {
        let rank = Int64(Severity.allCases.firstIndex(of: severity) ?? 0)
        m[slot] = m[slot] & ~(Bits.severity << Bits.severityShift) | rank << Bits.severityShift
    }
}

/// The memory of one branch of a rule on one lift.
struct BranchState {
    static let wordCount = 4
    /// Suppressors for which `suppressedSinceOnset` has a bit. One bit is for the maintenance
    /// window, which every branch has.
    static let maximumSuppressors = 16
    /// Fields of the first word: flags, the suppressors that have been active since the onset, and
    /// from bit 32 on the unobserved part of the hold in milliseconds.
    private enum Bits {
        static let suppressionReported: Int64 = 0b1
        /// After an alert without a hold the condition must end before the alert can be raised
        /// again.
        static let mustEnd: Int64 = 0b10
        /// The condition has been seen not to hold, so the suppressors before its onset are known.
        static let seenFalse: Int64 = 0b100
        /// The present spell of the condition has raised the open alert, or joined it.
        static let joined: Int64 = 0b1000
        /// A suppressed spell has stopped the clock towards confirmation. Only a spell that joins
        /// the alert starts it again.
        static let clockStopped: Int64 = 0b10000
        static let suppressorShift: Int64 = 16
        static let suppressors: Int64 = 0xFFFF
        static let unobservedShift: Int64 = 32
    }
    let slot: Int

    func reset(_ m: inout MutableSpan<Int64>) {
        m[slot] = 0
        m[slot + 1] = LiftMemory.never
        m[slot + 2] = LiftMemory.never
        m[slot + 3] = 0
    }

    /// Since when `when` has been true without a break, or since the end of the last alert; `never`
    /// while `when` is not true. A hold that adds up starts earlier by what it has added up before.
    func whenSince(_ m: Span<Int64>) -> Int64 { m[slot + 1] }
    func setWhenSince(_ time: Int64, _ m: inout MutableSpan<Int64>) { m[slot + 1] = time }
    /// Since when the hold towards confirmation has run without a break.
    func escalatingSince(_ m: Span<Int64>) -> Int64 { m[slot + 2] }
    func setEscalatingSince(_ time: Int64, _ m: inout MutableSpan<Int64>) { m[slot + 2] = time }
    /// What a hold that adds up has added up to, while `when` does not hold.
    func addedUp(_ m: Span<Int64>) -> Int64 { m[slot + 3] }
    func setAddedUp(_ span: Int64, _ m: inout MutableSpan<Int64>) { m[slot + 3] = span }
    /// How much of the present hold was not observed.
    func unobserved(_ m: Span<Int64>) -> Int64 { (m[slot] >> Bits.unobservedShift) * 1_000_000 }
    func setUnobserved(_ time: Int64, _ m: inout MutableSpan<Int64>) {
        let milliseconds = min(time / 1_000_000, Int64(Int32.max))
        m[slot] = m[slot] & (1 << Bits.unobservedShift - 1) | milliseconds << Bits.unobservedShift
    }

    /// Bit *i*: suppressor *i* was active when the condition began, and has been active ever since.
    func suppressedSinceOnset(_ m: Span<Int64>) -> Int64 {
        m[slot] >> Bits.suppressorShift & Bits.suppressors
    }
    func setSuppressedSinceOnset(_ bits: Int64, _ m: inout MutableSpan<Int64>) {
        m[slot] =
            m[slot] & ~(Bits.suppressors << Bits.suppressorShift) | (bits & Bits.suppressors)
            << Bits.suppressorShift
    }
    /// The suppression of this spell of the condition has been reported.
    func isSuppressionReported(_ m: Span<Int64>) -> Bool { m[slot] & Bits.suppressionReported != 0 }
    func setSuppressionReported(_ isReported: Bool, _ m: inout MutableSpan<Int64>) {
        m[slot] =
            isReported ? m[slot] | Bits.suppressionReported : m[slot] & ~Bits.suppressionReported
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
    func setSeenFalse(_ seen: Bool, _ m: inout MutableSpan<Int64>) {
        if seen { m[slot] |= Bits.seenFalse }
    }
    func mustEnd(_ m: Span<Int64>) -> Bool { m[slot] & Bits.mustEnd != 0 }
    func setMustEnd(_ must: Bool, _ m: inout MutableSpan<Int64>) {
        m[slot] = must ? m[slot] | Bits.mustEnd : m[slot] & ~Bits.mustEnd
    }
}
