import Connectivity
import LiftModel

/// Decides which failures of one connection are logged: each reason once, and again after a while.
/// Otherwise a server that is away for a night would hide the helpful line among thousands.
public struct TroubleLog: Sendable {
    /// A reason is logged again after this time.
    static let interval = Duration.seconds(600)
    /// Reasons that are remembered; more than any server gives.
    private static let maximumReasons = 16

    /// When each reason was last logged.
    private var loggedAt: [String: MonotonicTime] = [:]
    private var suppressed = 0

    public init() {}

    /// - Parameter reason: a whole sentence.
    /// - Returns: the line to log; nil where the same reason was logged not long ago.
    public mutating func line(_ reason: String, nextIn pause: Duration, at now: MonotonicTime)
        -> String?
    {
        if let last = loggedAt[reason], now - last < Self.interval {
            suppressed += 1
            return nil
        }
        if loggedAt.count >= Self.maximumReasons { loggedAt.removeAll() }
        loggedAt[reason] = now
        defer { suppressed = 0 }
        return "\(reason) Next attempt in \(pause.spanText)."
            + (suppressed > 0
                ? " \(suppressed) more attempts have failed since the last such line." : "")
    }

    /// The caller has logged this reason in another line.
    public mutating func note(_ reason: String, at now: MonotonicTime) { loggedAt[reason] = now }

    /// The connection stands: each later failure is new.
    public mutating func reset() { self = TroubleLog() }
}
