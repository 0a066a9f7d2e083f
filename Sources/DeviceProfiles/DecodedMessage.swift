import LiftModel

/// A decoded message: its reading, and the texts in it that are no signals.
public struct DecodedMessage: Sendable {
    /// Where a text is: in the payload, or, where it had escapes, in the decoder's resolved text.
    public struct Text: Sendable {
        public var range: Range<Int>
        public var isResolved = false
        /// Means that the raw code has ended.
        public static let none = Text(range: 0..<0)
    }
    public var reading: Reading
    /// Bit *i*: the message has a value for signal *i*, and the profile does not understand it.
    public var unreadable: UInt64 = 0
    /// Bit *i*: the topic gives signal *i* a value, and the message has none.
    public var missing: UInt64 = 0
    /// Equal for duplicates of a message: the hash of topic and payload. 0 where the message has
    /// neither a sequence number nor a time.
    public var duplicateKey: UInt64
    /// The controller's raw code: from its own field, else the first code that the profile does not
    /// name.
    public var vendorCode: Text?
    /// The message has a code that the profile does not name.
    public var hasUnknownCode = false
    /// The message has all active codes.
    public var hasAllCodes = false
    /// The lift's name in the payload.
    public var identity: Text?
}
