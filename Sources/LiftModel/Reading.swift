/// One decoded message of a lift: a flat record of the signals in it, without a heap allocation.
public struct Reading: Sendable {
    /// Signals that a record can hold; the catalogue has fewer.
    public static let capacity = 32

    /// The device's own time, where it gave one.
    public var deviceTime: Instant?
    /// Grows with each message of a device, and orders messages with the same time stamp. 0 where
    /// the device sends no sequence number.
    public var sequence: Int64 = 0
    /// Bit *i*: signal *i* is in the message, with a value or as unknown.
    public var mentioned: UInt64 = 0
    /// Bit *i*: signal *i* has a value. A subset of `mentioned`.
    public var known: UInt64 = 0
    /// Codes that an event message has made active or inactive; the others stay as they are.
    public var codesRaised: UInt64 = 0
    public var codesEnded: UInt64 = 0
    /// A retained message at connect. It describes the present state and is no change.
    public var isBaseline = false
    /// The message proves that the controller is alive. A last will does not.
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
    public mutating func set(_ signal: Signal, _ value: Bool) {
        set(signal.rawValue, bits: value ? 1 : 0)
    }
    public mutating func set(_ signal: Signal, number: Double) {
        set(signal.rawValue, bits: number.bitPattern)
    }
    public mutating func set(_ signal: Signal, case index: Int) {
        set(signal.rawValue, bits: UInt64(index))
    }

    /// The raw value of a known signal: 0 or 1, a Double's bit pattern, an enumeration's index, or
    /// a set of codes.
    public func bits(_ index: Int) -> UInt64 { bits[index] }
}
