import LiftModel

/// How many change points a window may have to hold.
package struct RingSizes {
    /// A lift reports no more often than this; nil in `hoistway rules eval`, whose rings begin with
    /// `start` entries and grow.
    var shortestInterval: Duration?
    package var start = 16

    package init(shortestInterval: Duration? = nil) { self.shortestInterval = shortestInterval }

    /// More entries than this for one operator of one lift are refused: 16 KiB.
    static let limit = 1024

    /// Points that a count at one number (a landing) remembers: eight times as many as such a rule
    /// needs, 272 bytes.
    static let numberedPoints = 16

    /// Change points of a number within a window.
    func samples(_ window: Int64, _ location: Expression) throws(ExpressionError) -> Int32 {
        guard let shortestInterval else { return Int32(start) }
        return try bounded(window / max(1, shortestInterval.nanoseconds) + 2, window, location)
    }

    /// Stretches of the result of a windowed `since`: they are apart, or they would be one.
    func stretches(_ low: Int64, _ high: Int64, _ location: Expression) throws(ExpressionError)
        -> Int32
    {
        let apart = high > low ? high / (high - low) + 2 : Int64.max
        guard let shortestInterval else { return Int32(min(apart, Int64(start))) }
        // Each stretch needs two changes.
        return try bounded(
            min(apart, high / max(1, 2 * shortestInterval.nanoseconds) + 2), high, location)
    }

    private func bounded(_ entries: Int64, _ window: Int64, _ location: Expression)
        throws(ExpressionError) -> Int32
    {
        if entries > Int64(Self.limit) {
            throw ExpressionError(
                offset: location.offset,
                message:
                    "a window of \(Duration.nanoseconds(window).written) may hold \(entries) changes, at one in \((shortestInterval ?? .zero).written); at most \(Self.limit) can be remembered. Shorten it, or say in the profile that the lift reports less often (shortest_interval)"
            )
        }
        return Int32(entries)
    }
}
