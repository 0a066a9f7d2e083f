/// What one message of a lift said: a flat record of the signals it mentioned, without a heap allocation.
public struct Reading: Sendable {
    /// Signals a record can hold; the catalogue has fewer, a hand-written trace may name others.
    public static let capacity = 32

    /// The device's own time, where it gave one.
    public var deviceTime: Instant?
    /// Grows with each message of one device; orders messages of one time. 0 where the device does not count.
    public var sequence: Int64 = 0
    /// Bit *i*: signal *i* was mentioned (with a value, or as unknown).
    public var mentioned: UInt64 = 0
    /// Bit *i*: signal *i* has a value. A subset of `mentioned`.
    public var known: UInt64 = 0
    /// Codes that became active or inactive by an event message, on top of what is active already.
    public var codesRaised: UInt64 = 0
    public var codesEnded: UInt64 = 0
    /// A retained message at connect: the present state of things, not a change (lessons: replayed state is a baseline).
    public var isBaseline = false
    /// The message proves that the controller is alive (its last will does not).
    public var isSignOfLife = true
    private var bits = InlineArray<32, UInt64>(repeating: 0)

    public init() {}

    public mutating func set(_ index: Int, bits value: UInt64) {
        mentioned |= 1 << UInt64(index)
        known |= 1 << UInt64(index)
        bits[index] = value
    }
    public mutating func setUnknown(_ index: Int) {
        mentioned |= 1 << UInt64(index)
        known &= ~(1 << UInt64(index))
    }
    public mutating func set(_ signal: Signal, _ value: Bool) { set(signal.rawValue, bits: value ? 1 : 0) }
    public mutating func set(_ signal: Signal, number: Double) { set(signal.rawValue, bits: number.bitPattern) }
    public mutating func set(_ signal: Signal, case index: Int) { set(signal.rawValue, bits: UInt64(index)) }

    /// The raw value of a signal the reading knows: 0 or 1, a Double's bit pattern, an enumeration's index, or a code set.
    public func bits(_ index: Int) -> UInt64 { bits[index] }
}
