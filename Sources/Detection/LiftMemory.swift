/// Everything the rules remember of one lift: one flat record, copied without allocation, written to a snapshot as it is.
struct LiftMemory: Sendable, Equatable {
    /// Laid out as the program's `LiftLayout` says.
    var words: [Int64]

    static let never = Int64.max
    static let beforeAll = Int64.min / 4

    /// The time of the last step: nothing before it can be changed without going back to a checkpoint.
    var time: Int64 {
        get { words[LiftLayout.time] }
        set { words[LiftLayout.time] = newValue }
    }
    /// When the last sign of life came, moved on by the time in which nobody listened.
    var lastHeard: Int64 {
        get { words[LiftLayout.lastHeard] }
        set { words[LiftLayout.lastHeard] = newValue }
    }
    /// The earliest time at which a verdict may change without input; never late, sometimes early.
    var deadline: Int64 {
        get { words[LiftLayout.deadline] }
        set { words[LiftLayout.deadline] = newValue }
    }
    /// Bit *i*: signal *i* has a value now.
    var known: UInt64 {
        get { UInt64(bitPattern: words[LiftLayout.known]) }
        set { words[LiftLayout.known] = Int64(bitPattern: newValue) }
    }
    var timerWasLast: Bool {
        get { words[LiftLayout.flags] & Flags.timerWasLast != 0 }
        set {
            let others = words[LiftLayout.flags] & ~Flags.timerWasLast
            words[LiftLayout.flags] = newValue ? others | Flags.timerWasLast : others
        }
    }
    var isHeard: Bool { words[LiftLayout.flags] & Flags.heard != 0 }
    /// Change points that found no room in a window's ring.
    var overflows: Int { Int(words[LiftLayout.overflows]) }

    enum Flags {
        static let heard: Int64 = 1
        static let stale: Int64 = 2
        /// The last step was a timer's: a word of the same time would have been judged with it.
        static let timerWasLast: Int64 = 4
    }

    /// A signal as it was last said, whether it still counts or not.
    func signal(_ index: Int) -> UInt64 { UInt64(bitPattern: words[LiftLayout.signals + index]) }

    /// Takes over another's contents in place.
    mutating func copy(_ other: borrowing LiftMemory) {
        var target = words.mutableSpan
        let source = other.words.span
        for i in 0..<min(target.count, source.count) { target[i] = source[i] }
    }
}

/// What is assumed of the time before the first input.
public enum History: String, Sendable, CaseIterable {
    /// It is not known: a bounded window that reaches into it is unknown unless what is known decides it.
    case unknown
    /// Nothing happened: windows are clipped to the record, `held` over nothing is true and `once` false.
    case complete
}
