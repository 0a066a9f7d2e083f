import LiftModel

/// The pause that a server asks for (RFC 9110, 10.2.3): seconds, or a date.
package enum RetryAfter {
    /// - Parameter wall: the wall clock, in nanoseconds since 1970.
    /// - Returns: nil for what is neither.
    package static func pause(_ text: String, wall: Int64) -> Duration? {
        if let seconds = Int64(text), 0...86_400 * 366 ~= seconds { return .seconds(seconds) }
        return HTTPDate.time(text).map { max(.zero, .nanoseconds($0.nanoseconds - wall)) }
    }
}
