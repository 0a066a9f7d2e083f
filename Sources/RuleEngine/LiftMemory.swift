import LiftModel

/// The memory of all rules for one lift: one flat record, copied without allocation, written to a
/// snapshot as it is.
///
/// Monitoring reads and sets its words many times for each message. They are inlined there, and
/// only there because the type is usable from inlined code: a call would have the whole state of a
/// lift copied around it.
@usableFromInline
package struct LiftMemory: Sendable, Equatable {
    /// 64-bit words, laid out by the program's `LiftLayout`.
    @usableFromInline
    package var words: [Int64]

    package init(words: [Int64]) { self.words = words }

    // Computed: another module would have to call for a stored constant.
    @inlinable package static var never: Int64 { .max }
    @inlinable package static var beforeAll: Int64 { .min / 4 }

    /// The time of the last step. Only a return to a checkpoint changes anything before it.
    @inlinable package var time: Int64 {
        get { words[LiftLayout.time] }
        set { words[LiftLayout.time] = newValue }
    }
    /// When the last sign of life came, moved on by the gaps in observation.
    @inlinable package var lastSignOfLife: Int64 {
        get { words[LiftLayout.lastSignOfLife] }
        set { words[LiftLayout.lastSignOfLife] = newValue }
    }
    /// The earliest time at which a verdict may change without input; never late, sometimes early.
    @inlinable package var deadline: Int64 {
        get { words[LiftLayout.deadline] }
        set { words[LiftLayout.deadline] = newValue }
    }
    /// Bit *i*: signal *i* has a value now.
    @inlinable package var known: UInt64 {
        get { UInt64(bitPattern: words[LiftLayout.known]) }
        set { words[LiftLayout.known] = Int64(bitPattern: newValue) }
    }
    @inlinable package var timerWasLast: Bool {
        get { words[LiftLayout.flags] & Flags.timerWasLast != 0 }
        set {
            let others = words[LiftLayout.flags] & ~Flags.timerWasLast
            words[LiftLayout.flags] = newValue ? others | Flags.timerWasLast : others
        }
    }
    @inlinable package var hasSignOfLife: Bool {
        words[LiftLayout.flags] & Flags.hasSignOfLife != 0
    }
    /// Change points for which a window's ring had no room.
    var overflows: Int { Int(words[LiftLayout.overflows]) }

    @usableFromInline
    enum Flags {
        @inlinable static var hasSignOfLife: Int64 { 1 }
        static let stale: Int64 = 2
        /// The last step was a timer's. A message of the same time should have been evaluated with
        /// it.
        @inlinable static var timerWasLast: Int64 { 4 }
    }

    /// The last value of a signal, whether it is still known or not.
    @inlinable package func signal(_ index: Int) -> UInt64 {
        UInt64(bitPattern: words[LiftLayout.signals + index])
    }
    @inlinable package func isKnown(_ signal: Signal) -> Bool {
        known & 1 << UInt64(signal.rawValue) != 0
    }
    /// The value of a Boolean signal; nil: unknown.
    @inlinable package func flag(_ signal: Signal) -> Bool? {
        isKnown(signal) ? self.signal(signal.rawValue) != 0 : nil
    }
    /// Gives a signal a value (`Reading.bits`) without evaluating anything.
    package mutating func set(_ signal: Signal, bits: UInt64) {
        words[LiftLayout.signals + signal.rawValue] = Int64(bitPattern: bits)
    }

    /// Copies another memory's contents in place.
    package mutating func copy(_ other: borrowing LiftMemory) {
        var target = words.mutableSpan
        let source = other.words.span
        for i in 0..<min(target.count, source.count) { target[i] = source[i] }
    }
}

/// What is assumed about the time before the first input.
public enum History: String, Sendable, CaseIterable {
    /// Unknown: a bounded window that reaches into it is unknown, unless its known part decides it.
    case unknown
    /// Nothing happened: windows are clipped to the record, `held` over nothing is true and `once`
    /// false.
    case complete
}
